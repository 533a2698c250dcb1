use uuid::Uuid;

use super::settle::StepError;
use super::{LEASE, Renewer};
use crate::config::NO_ENCRYPTION_KEY;
use crate::model::{CONTENT_IS_REFUSED, Name, Subscription, SubscriptionId, Wish};
use crate::office365::{Failure, Resolved, Tenant};
use crate::store::{NewSubscription, Registered, StoreError};

/// Why a subscription was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The configuration has no such tenant.
    #[error("there is no tenant '{0}' in the configuration")]
    UnknownTenant(Name),
    /// Content is wished and cannot be had.
    #[error("{0}")]
    NoContent(&'static str),
    /// The resource, or the tenant, is not for this way of following.
    #[error("{0}")]
    NotThisWay(&'static str),
    /// The name is taken.
    #[error("there is a subscription of that name")]
    NameTaken,
    /// This subscription follows the same resource.
    #[error("subscription '{0}' follows that already")]
    FollowedBy(Name),
    /// Office 365 refused; nothing is left behind.
    #[error(transparent)]
    Refused(Failure),
    /// The answer is not known; it stays `creating`, and the renewal loop finishes it.
    #[error("Office 365's answer is not known yet")]
    Unsettled(Box<Subscription>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<StepError> for AddError {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Office365(failure) => Self::Refused(failure),
            StepError::Store(error) => Self::Store(error),
        }
    }
}

impl Renewer {
    /// Follows something new: resolves it, stores the wish, takes the start link and creates the remote
    /// subscription. Returns once Office 365 has accepted it; the first round follows in the background.
    ///
    /// # Errors
    /// [`AddError`]; with all of them but `Unsettled` and `Store` nothing is left behind.
    pub async fn add(&self, wish: Wish) -> Result<Subscription, AddError> {
        let tenant = self
            .office365
            .tenant(&wish.tenant)
            .ok_or_else(|| AddError::UnknownTenant(wish.tenant.clone()))?;
        self.content_can_be_had(&wish)?;
        if let Some(why) = tenant.refuses(&wish.resource, wish.via) {
            return Err(AddError::NotThisWay(why));
        }
        let resolved = tenant.resolve(&wish.resource, wish.via).await.map_err(AddError::Refused)?;
        let id = SubscriptionId(Uuid::now_v7());
        let name = wish.name.clone();
        let (now, target) = (self.clock.now(), Some(resolved.target.clone()));
        let new = NewSubscription { id, wish, target, now, lease: Some(LEASE) };
        match self.store.register(new).await? {
            Registered::Done => {}
            Registered::NameTaken => return Err(AddError::NameTaken),
            Registered::FollowedBy(other) => return Err(AddError::FollowedBy(other)),
        }
        let claimed = self.stored(&name).await?;
        match self.accept(tenant, &claimed, &resolved).await {
            Ok(()) => self.stored(&name).await,
            Err(AddError::Refused(failure)) => {
                self.store.forget(id).await?;
                self.metrics.renewed("refused");
                Err(AddError::Refused(failure))
            }
            Err(error) => Err(error),
        }
    }

    fn content_can_be_had(&self, wish: &Wish) -> Result<(), AddError> {
        match (wish.include_resource_data, wish.resource.may_bring_content()) {
            (true, false) => Err(AddError::NoContent(CONTENT_IS_REFUSED)),
            (true, true) if !self.keyring.can_seal() => Err(AddError::NoContent(NO_ENCRYPTION_KEY)),
            _ => Ok(()),
        }
    }

    async fn accept(
        &self,
        tenant: &Tenant,
        claimed: &Subscription,
        resolved: &Resolved,
    ) -> Result<(), AddError> {
        self.within(self.begin(tenant, claimed, resolved)).await?;
        match self.within(self.create_remote(tenant, claimed, &resolved.target)).await {
            Ok(made) => {
                self.confirm(claimed, made).await?;
                self.metrics.renewed("created");
                Ok(())
            }
            // Whether it was made is not known unless Office 365 said that it did nothing.
            Err(StepError::Office365(failure))
                if failure.is_transient() && failure.retry_after().is_none() =>
            {
                self.record(claimed, &failure).await?;
                self.wake.raise();
                Err(AddError::Unsettled(Box::new(self.stored(&claimed.wish.name).await?)))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn stored(&self, name: &Name) -> Result<Subscription, AddError> {
        let found = self.store.subscription(name).await?;
        found.ok_or_else(|| AddError::Store(StoreError::Unavailable(format!("{name} was removed meanwhile"))))
    }
}
