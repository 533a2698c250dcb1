//! Follows the same resource another way from now on.
//!
//! The new remote subscription is made first, and what was held is followed on until the other is certain: where that is
//! refused, or what was held cannot be deleted, nothing has changed, what was held is renewed in time, and the switch is
//! tried again. What was made by then is found and taken over. The mirror stays, and what it does not agree with is told.

use super::Renewer;
use super::apply::already_followed;
use super::settle::StepError;
use crate::model::Subscription;
use crate::office365::{Resolved, Tenant};
use crate::store::Registered;

/// Whether it has begun to be followed one way, and is wished to be followed the other way.
pub(super) fn switches(subscription: &Subscription) -> bool {
    let target = subscription.target.as_ref().filter(|_| subscription.started_at.is_some());
    target.is_some_and(|target| target.via() != subscription.wish.via)
}

impl Renewer {
    pub(super) async fn switch(
        &self,
        tenant: &Tenant,
        subscription: &Subscription,
    ) -> Result<&'static str, StepError> {
        self.keep(tenant, subscription).await?;
        let Resolved { target, .. } =
            tenant.resolve(&subscription.wish.resource, subscription.wish.via).await?;
        let made = self.create_remote(tenant, subscription, &target).await?;
        // Once the other way is stored, nobody knows any more where what was held is to be deleted.
        if let Some(former) = &subscription.remote {
            tenant.delete(subscription.target.as_ref(), &former.id).await?;
        }
        let now = self.clock.now();
        if let Registered::FollowedBy(other) = self.store.resolved(subscription.id, &target, now).await? {
            tenant.delete(Some(&target), &made.id).await?;
            return Err(already_followed(&other).into());
        }
        self.confirm(subscription, made).await?;
        Ok("recreated")
    }

    /// Renews what is held if that is due, since the other way may be refused for long. That it cannot be renewed is no
    /// reason not to go the other way.
    async fn keep(&self, tenant: &Tenant, subscription: &Subscription) -> Result<(), StepError> {
        let now = self.clock.now();
        let due = subscription.remote.as_ref().filter(|held| held.renew_at <= now && held.expires_at > now);
        let Some(held) = due else { return Ok(()) };
        let renewal = self.renewal(subscription, held).await?;
        match tenant.renew(renewal.renew()).await {
            Ok(renewed) => {
                let remote = self.remote(subscription, renewed, renewal.certificate.clone());
                self.store.renewed(subscription.id, &remote, now).await?;
            }
            Err(failure) => {
                tracing::warn!(subscription = %subscription.wish.name, code = failure.code,
                    "It is to be followed another way, and what is held until then cannot be renewed");
            }
        }
        Ok(())
    }
}
