use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::{Ended, Fetcher};
use crate::model::{Hint, HintKind, Name, Subscription, Trouble};
use crate::store::{Receipt, StoreError};

/// How long a request is waited for at all; its caller may go sooner.
const LIMIT: Duration = Duration::from_secs(3600);

/// What became of a fetch that was asked for by hand.
#[derive(Debug, Clone)]
pub enum Fetched {
    /// Nobody follows anything under that name.
    NotFound,
    /// A round that began after the request has ended.
    Done(Box<Subscription>),
    /// Nothing is fetched: it is paused.
    Paused,
    /// It did not get on.
    Failed(Trouble),
}

impl Fetcher {
    /// Asks for a fetch and waits until a round that began after the request has ended, up to an hour; dropping the
    /// future gives up the waiting, not the fetch.
    ///
    /// # Errors
    /// [`StoreError`] when the request could not be stored.
    pub async fn request(&self, name: &Name) -> Result<Fetched, StoreError> {
        let Some(subscription) = self.store.subscription(name).await? else { return Ok(Fetched::NotFound) };
        if subscription.confirmed_at.is_none() {
            return Ok(Fetched::Failed(subscription.renew_error.unwrap_or_else(not_created)));
        }
        if subscription.paused_at.is_some() {
            return Ok(Fetched::Paused);
        }
        let mut ended = self.ended.subscribe();
        let hint = Hint {
            subscription: subscription.id,
            remote: None,
            kind: HintKind::Request,
            plain: false,
            received_at: self.clock.now(),
            content: None,
        };
        let Some(Receipt::Stored(number)) = self.store.append(vec![hint]).await?.pop() else {
            return Ok(Fetched::NotFound);
        };
        self.wake.raise();
        match self.clock.timeout(LIMIT, self.worked_off(&subscription, number, &mut ended)).await {
            Ok(worked_off) => worked_off,
            Err(_) => Ok(Fetched::Failed(still_going())),
        }
    }

    /// Asks for everything to be read anew and compared with what is known, and waits as [`request`](Self::request) does.
    ///
    /// # Errors
    /// [`StoreError`] when the request could not be stored.
    pub async fn resync(&self, name: &Name) -> Result<Fetched, StoreError> {
        let Some(subscription) = self.store.subscription(name).await? else { return Ok(Fetched::NotFound) };
        if subscription.confirmed_at.is_some() && subscription.paused_at.is_none() {
            self.store.ask_resync(subscription.id, self.clock.now()).await?;
        }
        self.request(name).await
    }

    async fn worked_off(
        &self,
        subscription: &Subscription,
        number: i64,
        ended: &mut Receiver<Ended>,
    ) -> Result<Fetched, StoreError> {
        while self.store.waits(subscription.id, number).await? {
            match ended.recv().await {
                Ok(round) if round.subscription == subscription.id => {
                    if let Some(trouble) = round.trouble.filter(|_| round.inbox_through >= number) {
                        return Ok(Fetched::Failed(trouble));
                    }
                    if self.is_paused(&subscription.wish.name).await? {
                        return Ok(Fetched::Paused);
                    }
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            }
        }
        let found = self.store.subscription(&subscription.wish.name).await?;
        Ok(found.map_or(Fetched::NotFound, |found| Fetched::Done(Box::new(found))))
    }

    async fn is_paused(&self, name: &Name) -> Result<bool, StoreError> {
        Ok(self.store.subscription(name).await?.is_some_and(|found| found.paused_at.is_some()))
    }
}

fn not_created() -> Trouble {
    trouble("creating", "Office 365 has not accepted the subscription yet; nothing is fetched before")
}

fn still_going() -> Trouble {
    trouble("unfinished", "the fetch has not ended within an hour; it goes on")
}

fn trouble(code: &str, message: &str) -> Trouble {
    Trouble { code: code.to_owned(), message: message.to_owned(), transient: true, next_attempt_at: None }
}
