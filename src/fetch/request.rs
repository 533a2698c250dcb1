use tokio::sync::broadcast::error::RecvError;

use super::Fetcher;
use crate::model::{Hint, HintKind, Name, Subscription, Trouble};
use crate::store::{Receipt, StoreError};

/// What became of a fetch that was asked for by hand.
#[derive(Debug, Clone)]
pub enum Fetched {
    /// Nobody follows anything under that name.
    NotFound,
    /// A round that began after the request has ended.
    Done(Box<Subscription>),
    /// It did not get on.
    Failed(Trouble),
}

impl Fetcher {
    /// Asks for a fetch and waits until a round that began after the request has ended, however long that takes;
    /// dropping the future gives up the waiting, not the fetch.
    ///
    /// # Errors
    /// [`StoreError`] when the request could not be stored.
    pub async fn request(&self, name: &Name) -> Result<Fetched, StoreError> {
        let Some(subscription) = self.store.subscription(name).await? else { return Ok(Fetched::NotFound) };
        let mut ended = self.ended.subscribe();
        let hint = Hint {
            subscription: subscription.id,
            remote: None,
            kind: HintKind::Request,
            received_at: self.clock.now(),
        };
        let Some(Receipt::Stored(number)) = self.store.append(vec![hint]).await?.pop() else {
            return Ok(Fetched::NotFound);
        };
        self.wake.raise();
        while self.store.waits(subscription.id, number).await? {
            match ended.recv().await {
                Ok(round) if round.subscription == subscription.id && round.inbox_through >= number => {
                    if let Some(trouble) = round.trouble {
                        return Ok(Fetched::Failed(trouble));
                    }
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            }
        }
        let subscription = self.store.subscription(name).await?;
        Ok(subscription.map_or(Fetched::NotFound, |found| Fetched::Done(Box::new(found))))
    }
}
