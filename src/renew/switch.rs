//! Follows the same resource another way from now on.
//!
//! The new remote subscription is made first, and what was held is followed on until the other is certain: where that is
//! refused, or what was held cannot be deleted, nothing has changed, what was held is renewed in time, and the switch is
//! tried again. What was made by then is found and taken over.
//!
//! Nothing is read anew for it. The new way begins at a link that is "from now", read here. What happened before it is told
//! the former way, by rounds that go on there until it has certainly shown all of that; what both show is told once, since the
//! mirror stays.

use chrono::TimeDelta;

use super::Renewer;
use super::apply::already_followed;
use super::settle::StepError;
use crate::model::Subscription;
use crate::office365::{Resolved, Tenant};
use crate::store::{Registered, Switch};

/// How long the former way goes on being read: what happened may take so long to be seen there, as rounds after a
/// notification assume, too, which look again within 72 s.
const OVERLAP: TimeDelta = TimeDelta::minutes(2);

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
        let link = tenant.latest(&target).await?.map(|(link, _)| link);
        // Once the other way is stored, nobody knows any more where what was held is to be deleted.
        if let Some(former) = &subscription.remote {
            tenant.delete(subscription.target.as_ref(), &former.id).await?;
        }
        let switch = Switch { target: target.clone(), link, until: self.clock.now() + OVERLAP };
        if let Registered::FollowedBy(other) = self.store.switched(subscription.id, switch).await? {
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
