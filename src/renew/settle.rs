//! Applies the next step of one subscription.

use super::apply::already_followed;
use super::plan::{self, Step};
use super::switch::switches;
use super::{LEASE, Renewer, STEP};
use crate::model::{CertificateId, Name, Remote, Start, Subscription, Target, Trouble};
use crate::office365::{Failure, Recipient, RemoteSubscription, Resolved, Tenant, Verdict};
use crate::store::{Registered, StoreError};
use crate::tasks;

/// What became of a renewal that was asked for by hand.
#[derive(Debug, Clone)]
pub enum Renewed {
    /// Nobody follows anything under that name.
    NotFound,
    /// Somebody is at it just now.
    Busy,
    /// It is renewed, or made anew where it had vanished.
    Done(Box<Subscription>),
    /// It did not work.
    Failed(Trouble),
}

/// Why a step did not work.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    #[error(transparent)]
    Office365(#[from] Failure),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Renewer {
    /// Renews a subscription now, whether it is due or not.
    ///
    /// # Errors
    /// [`StoreError`] when the store did not take part; the renewal loop goes on from there.
    pub async fn renew(&self, name: &Name) -> Result<Renewed, StoreError> {
        let known = self.store.subscription(name).await?.filter(|found| found.removed_at.is_none());
        let Some(known) = known else { return Ok(Renewed::NotFound) };
        let Some(claimed) = self.store.claim_one(known.id, self.clock.now(), LEASE).await? else {
            return Ok(Renewed::Busy);
        };
        let step = match plan::plan(&claimed, self.clock.now()) {
            Step::Verify => Step::Renew,
            step => step,
        };
        if let Some(trouble) = self.take(&claimed, step).await? {
            return Ok(Renewed::Failed(trouble));
        }
        let renewed = self.store.subscription(name).await?;
        Ok(renewed.map_or(Renewed::NotFound, |found| Renewed::Done(Box::new(found))))
    }

    /// Takes one step and records how it went: `Some` is what went wrong at Office 365.
    pub(super) async fn take(
        &self,
        subscription: &Subscription,
        step: Step,
    ) -> Result<Option<Trouble>, StoreError> {
        let done = self.step(subscription, step).await;
        self.finish(subscription, done).await
    }

    /// Takes one step, and answers with the word for what it was.
    pub(super) async fn step(
        &self,
        subscription: &Subscription,
        step: Step,
    ) -> Result<&'static str, StepError> {
        match step {
            Step::Create => self.within(Box::pin(self.create(subscription))).await.map(|()| "created"),
            Step::Renew => self.within(Box::pin(self.prolong(subscription))).await,
            Step::Delete | Step::Forget => {
                self.within(Box::pin(self.delete(subscription))).await.map(|()| "removed")
            }
            Step::Verify => self.within(Box::pin(self.verify(subscription))).await,
            Step::Replace => self.within(Box::pin(self.replace(subscription))).await,
        }
    }

    /// Records how a step went.
    pub(super) async fn finish(
        &self,
        subscription: &Subscription,
        done: Result<&'static str, StepError>,
    ) -> Result<Option<Trouble>, StoreError> {
        match done {
            Ok(result) => {
                self.metrics.renewed(result);
                tracing::info!(subscription = %subscription.wish.name, result, "The remote subscription is settled");
                Ok(None)
            }
            Err(StepError::Store(error)) => Err(error),
            Err(StepError::Office365(failure)) => self.record(subscription, &failure).await.map(Some),
        }
    }

    /// The same where nobody waits for the outcome.
    pub(super) async fn finish_or_tell(
        &self,
        subscription: &Subscription,
        done: Result<&'static str, StepError>,
    ) {
        if let Err(error) = self.finish(subscription, done).await {
            let name = &subscription.wish.name;
            tracing::warn!(subscription = %name, %error, "The store does not take part; the claim runs out by itself");
        }
    }

    /// Looks whether it is still held, and makes anew what has vanished.
    async fn verify(&self, subscription: &Subscription) -> Result<&'static str, StepError> {
        let tenant = self.tenant(&subscription.wish.tenant)?;
        let Some(remote) = &subscription.remote else { return self.recreate(subscription).await };
        let Some(target) = &subscription.target else { return self.recreate(subscription).await };
        let own_state = self.client_states.of(subscription.id);
        let is_known_for_ours =
            |found: &RemoteSubscription| found.client_state.as_ref().is_none_or(|state| *state == own_state);
        match tenant.find(target, &remote.id).await? {
            Some(found) if !plan::notifies(&found, &self.notification_url) => {
                self.replace(subscription).await
            }
            Some(found) if !is_known_for_ours(&found) || found.expires_at <= remote.renew_at => {
                self.prolong(subscription).await
            }
            Some(found) => {
                let remote = Remote { expires_at: found.expires_at, ..remote.clone() };
                self.store.verified(subscription.id, &remote).await?;
                Ok("verified")
            }
            None => self.recreate(subscription).await,
        }
    }

    /// Deletes what cannot be changed and makes it anew. The delta cursor stays, so what happens in between is fetched.
    async fn replace(&self, subscription: &Subscription) -> Result<&'static str, StepError> {
        let tenant = self.tenant(&subscription.wish.tenant)?;
        // Asked before anything is deleted: a wait would leave it without any.
        self.anew.allow(subscription.id, self.clock.now())?;
        if switches(subscription) {
            return self.switch(tenant, subscription).await;
        }
        if let Some(remote) = &subscription.remote {
            tenant.delete(subscription.target.as_ref(), &remote.id).await?;
        }
        self.recreate(subscription).await
    }

    pub(super) async fn recreate(&self, subscription: &Subscription) -> Result<&'static str, StepError> {
        self.store.lost(subscription.id).await?;
        self.create(subscription).await?;
        Ok("recreated")
    }

    /// A step that outlived its claim could undo what the next one has done. One that breaks off by a fault of ours fails as
    /// any other: the steps of a tenant share a task, and nobody would see why none of them gets on.
    pub(super) async fn within<T>(
        &self,
        step: impl Future<Output = Result<T, StepError>>,
    ) -> Result<T, StepError> {
        let slow =
            || Failure::local(Verdict::Transient, "timeout", "Office 365 took too long over this step");
        let done = self.clock.timeout(STEP, tasks::whole(step)).await.map_err(|_| slow())?;
        done.unwrap_or_else(|| Err(Failure::broken_off("the step").into()))
    }

    /// Keeps what went wrong, with the time of the next attempt.
    pub(super) async fn record(
        &self,
        subscription: &Subscription,
        failure: &Failure,
    ) -> Result<Trouble, StoreError> {
        let attempt = self.store.attempts(subscription.id).await?.saturating_add(1);
        let trouble = failure.trouble(attempt, self.clock.now(), rand::random());
        self.metrics.renewed(if trouble.transient { "transient" } else { "failed" });
        tracing::warn!(subscription = %subscription.wish.name, code = trouble.code, error = trouble.logged(),
            next_attempt_at = trouble.next_attempt_at.map(tracing::field::display),
            "A step for the remote subscription did not work");
        self.store.failed(subscription.id, &trouble).await?;
        // The loop does not know of the next attempt where the step was taken by hand.
        self.wake.raise();
        Ok(trouble)
    }

    /// Creates the remote subscription; resolves first, and takes the start link, where that has not been done.
    async fn create(&self, subscription: &Subscription) -> Result<(), StepError> {
        let tenant = self.tenant(&subscription.wish.tenant)?;
        let again = subscription.confirmed_at.is_some();
        if again {
            self.anew.allow(subscription.id, self.clock.now())?;
        }
        if switches(subscription) {
            return self.switch(tenant, subscription).await.map(|_| ());
        }
        let target = match &subscription.target {
            Some(target) if subscription.started_at.is_some() => target.clone(),
            _ => self.settle_target(tenant, subscription).await?,
        };
        let made = self.create_remote(tenant, subscription, &target).await?;
        if again {
            self.anew.made(subscription.id, self.clock.now());
        }
        self.confirm(subscription, made).await
    }

    /// Resolves the resource and begins to follow it.
    async fn settle_target(&self, tenant: &Tenant, subscription: &Subscription) -> Result<Target, StepError> {
        let resolved = tenant.resolve(&subscription.wish.resource, subscription.wish.via).await?;
        let registered = self.store.resolved(subscription.id, &resolved.target).await?;
        if let Registered::FollowedBy(other) = registered {
            return Err(already_followed(&other).into());
        }
        self.begin(tenant, subscription, &resolved).await?;
        Ok(resolved.target)
    }

    /// Notes when following begins, and takes the link that is "from now" where it is wished and there is one.
    pub(super) async fn begin(
        &self,
        tenant: &Tenant,
        subscription: &Subscription,
        resolved: &Resolved,
    ) -> Result<(), StepError> {
        let latest = match subscription.wish.start {
            Start::Now => tenant.latest(&resolved.target).await?,
            Start::Baseline | Start::Beginning => None,
        };
        let (link, at) = latest.map_or((None, resolved.at), |(link, at)| (Some(link), at));
        Ok(self.store.begun(subscription.id, at, link).await?)
    }

    pub(super) async fn confirm(&self, subscription: &Subscription, held: Remote) -> Result<(), StepError> {
        self.store.confirmed(subscription.id, &held, self.clock.now()).await?;
        self.fetch.raise();
        // Its removal may have been asked for meanwhile.
        self.wake.raise();
        Ok(())
    }

    /// What is kept of a remote subscription whose content is encrypted for `recipient`.
    pub(super) fn held(
        &self,
        subscription: &Subscription,
        held: RemoteSubscription,
        recipient: Option<Recipient>,
    ) -> Remote {
        self.remote(subscription, held, recipient.map(|it| it.certificate_id))
    }

    pub(super) fn remote(
        &self,
        subscription: &Subscription,
        held: RemoteSubscription,
        certificate: Option<CertificateId>,
    ) -> Remote {
        let chance = plan::spread(subscription.id, held.expires_at);
        let renew_at = plan::renew_at(self.clock.now(), held.expires_at, self.settings.at, chance);
        Remote { id: held.id, expires_at: held.expires_at, renew_at, certificate }
    }

    /// Deletes the remote subscription, if one is held, and forgets. One of a tenant that the configuration no longer has
    /// ends by itself: it must not hold up its name for ever.
    async fn delete(&self, subscription: &Subscription) -> Result<(), StepError> {
        match (&subscription.remote, self.office365.tenant(&subscription.wish.tenant)) {
            (Some(remote), Some(_)) if self.store.holder(&remote.id).await?.is_some() => {
                tracing::info!(subscription = %subscription.wish.name, remote_id = remote.id.0,
                    "Another subscription has taken over what this one held");
            }
            (Some(remote), Some(tenant)) => {
                tenant.delete(subscription.target.as_ref(), &remote.id).await?;
            }
            (Some(remote), None) => {
                tracing::warn!(subscription = %subscription.wish.name, tenant = %subscription.wish.tenant,
                    remote_id = remote.id.0, expires_at = %remote.expires_at,
                    "The configuration has no such tenant any more, so Office 365 is not told; the remote subscription ends by itself");
            }
            (None, _) => {}
        }
        Ok(self.store.removed(subscription.id).await?)
    }

    pub(super) fn tenant(&self, name: &Name) -> Result<&Tenant, Failure> {
        self.office365.tenant(name).ok_or_else(|| Failure::unknown_tenant(name))
    }
}
