use super::plan::Step;
use super::{LEASE, Renewer};
use crate::model::{Name, Trouble};
use crate::store::StoreError;

/// What became of a removal.
#[derive(Debug, Clone)]
pub enum Removal {
    /// Nobody follows anything under that name.
    NotFound,
    /// It is removed here and at Office 365.
    Done,
    /// It is no longer followed here; Office 365 is told as soon as it listens. What went wrong so far, if
    /// anything did.
    Later(Option<Trouble>),
}

impl Renewer {
    /// Removes a subscription here and at Office 365.
    ///
    /// # Errors
    /// [`StoreError`] when the removal could not be stored.
    pub async fn remove(&self, name: &Name) -> Result<Removal, StoreError> {
        let now = self.clock.now();
        let Some(subscription) = self.store.remove(name, now).await? else { return Ok(Removal::NotFound) };
        let Some(claimed) = self.store.claim_one(subscription.id, now, LEASE).await? else {
            self.wake.raise();
            return Ok(Removal::Later(None));
        };
        let trouble = self.take(&claimed, Step::Delete).await?;
        Ok(trouble.map_or(Removal::Done, |trouble| Removal::Later(Some(trouble))))
    }
}
