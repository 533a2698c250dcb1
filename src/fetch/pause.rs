//! Not fetching for a while, because somebody asked for that. The link and what arrives are kept.

use super::{Ended, Fetcher};
use crate::model::{Name, Subscription};
use crate::store::StoreError;

impl Fetcher {
    /// Fetches nothing of a subscription until it is resumed. None where there is none of that name.
    ///
    /// # Errors
    /// [`StoreError`] when that could not be stored.
    pub async fn pause(&self, name: &Name) -> Result<Option<Subscription>, StoreError> {
        let paused = self.store.pause(name, self.clock.now()).await?;
        if let Some(paused) = &paused {
            // Whoever waits for a round of it is told that there will be none.
            let _ = self.ended.send(Ended { subscription: paused.id, inbox_through: 0, trouble: None });
        }
        Ok(paused)
    }

    /// Fetches it again, at once and from where it was. None where there is none of that name.
    ///
    /// # Errors
    /// [`StoreError`] when that could not be stored.
    pub async fn resume(&self, name: &Name) -> Result<Option<Subscription>, StoreError> {
        let resumed = self.store.resume(name, self.clock.now()).await?;
        self.wake.raise();
        Ok(resumed)
    }
}
