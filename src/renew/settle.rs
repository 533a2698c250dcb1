//! Applies the next step of one subscription.

use chrono::{DateTime, Utc};

use super::apply::already_followed;
use super::plan::{self, Step};
use super::{LEASE, Renewer, STEP};
use crate::model::{CertificateId, Kind, Name, Remote, Start, Subscription, Target, Trouble};
use crate::office365::{Failure, NewRemote, Recipient, RemoteSubscription, Resolved, Tenant, Verdict};
use crate::store::{Registered, StoreError};

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

    /// Takes the next step of a claimed subscription.
    pub(super) async fn settle(&self, subscription: Subscription) {
        let step = plan::plan(&subscription, self.clock.now());
        if let Err(error) = self.take(&subscription, step).await {
            let name = &subscription.wish.name;
            tracing::warn!(subscription = %name, %error, "The store does not take part; the claim runs out by itself");
        }
    }

    /// Takes one step and records how it went: `Some` is what went wrong at Office 365.
    pub(super) async fn take(
        &self,
        subscription: &Subscription,
        step: Step,
    ) -> Result<Option<Trouble>, StoreError> {
        let done = match step {
            Step::Create => self.within(self.create(subscription)).await.map(|()| "created"),
            Step::Renew => self.within(self.prolong(subscription)).await,
            Step::Delete | Step::Forget => self.within(self.delete(subscription)).await.map(|()| "removed"),
            Step::Verify => self.within(self.verify(subscription)).await,
            Step::Replace => self.within(self.replace(subscription)).await,
        };
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

    /// Looks whether it is still held, and makes anew what has vanished.
    async fn verify(&self, subscription: &Subscription) -> Result<&'static str, StepError> {
        let tenant = self.tenant(&subscription.wish.tenant)?;
        let Some(remote) = &subscription.remote else { return self.recreate(subscription).await };
        match tenant.find(&remote.id).await? {
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
        if let Some(remote) = &subscription.remote {
            self.tenant(&subscription.wish.tenant)?.delete(&remote.id).await?;
        }
        self.recreate(subscription).await
    }

    async fn recreate(&self, subscription: &Subscription) -> Result<&'static str, StepError> {
        self.store.lost(subscription.id).await?;
        self.create(subscription).await?;
        Ok("recreated")
    }

    /// A step that outlived its claim could undo what the next one has done.
    pub(super) async fn within<T>(
        &self,
        step: impl Future<Output = Result<T, StepError>>,
    ) -> Result<T, StepError> {
        let slow =
            || Failure::local(Verdict::Transient, "timeout", "Office 365 took too long over this step");
        self.clock.timeout(STEP, step).await.unwrap_or_else(|_| Err(slow().into()))
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
        tracing::warn!(subscription = %subscription.wish.name, code = trouble.code, next_attempt_at = ?trouble.next_attempt_at,
            "Office 365 did not take a step for the remote subscription; its error says more");
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
        let resolved = tenant.resolve(&subscription.wish.resource).await?;
        if let Registered::FollowedBy(other) = self.store.resolved(subscription.id, &resolved.target).await? {
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

    /// Creates; where there is one already that is ours, deletes it and creates again, since only so its
    /// `client_state` is certain. One that is not ours is left alone.
    pub(super) async fn create_remote(
        &self,
        tenant: &Tenant,
        subscription: &Subscription,
        target: &Target,
    ) -> Result<Remote, StepError> {
        let client_state = self.client_states.of(subscription.id);
        let recipient = self.recipient(subscription).await?;
        let wanted = self.wanted(subscription, target, &client_state, recipient.as_ref());
        let conflict = match tenant.create(wanted).await {
            Err(failure) if matches!(failure.verdict, Verdict::Conflict { .. }) => failure,
            answer => return Ok(self.held(answer?, recipient.map(|it| it.certificate_id))),
        };
        let Some(existing) = conflict.existing() else { return Err(conflict.into()) };
        match tenant.find(&existing).await? {
            Some(found) if plan::is_ours(&found, &self.notification_url) => tenant.delete(&existing).await?,
            Some(found) => return Err(foreign(&found).into()),
            None => {}
        }
        let made = tenant.create(wanted).await?;
        Ok(self.held(made, recipient.map(|it| it.certificate_id)))
    }

    fn wanted<'a>(
        &'a self,
        subscription: &'a Subscription,
        target: &'a Target,
        client_state: &'a str,
        recipient: Option<&'a Recipient>,
    ) -> NewRemote<'a> {
        NewRemote {
            target,
            notification_url: &self.notification_url,
            lifecycle_url: &self.lifecycle_url,
            client_state,
            expires_at: plan::expiry(target.kind(), &subscription.wish, self.clock.now()),
            select: &subscription.wish.select,
            recipient,
        }
    }

    /// Whom content is to be encrypted for, where it is wished.
    async fn recipient(&self, subscription: &Subscription) -> Result<Option<Recipient>, StepError> {
        if !subscription.wish.include_resource_data {
            return Ok(None);
        }
        self.keyring.recipient().await.map(Some)
    }

    /// Renews; makes anew what has vanished.
    async fn prolong(&self, subscription: &Subscription) -> Result<&'static str, StepError> {
        let tenant = self.tenant(&subscription.wish.tenant)?;
        let Some(remote) = &subscription.remote else { return self.recreate(subscription).await };
        let kind = subscription.target.as_ref().map_or(Kind::Message, Target::kind);
        let expires_at = plan::expiry(kind, &subscription.wish, self.clock.now());
        let recipient = self.recipient(subscription).await?;
        let certificate = recipient.as_ref().map(|it| it.certificate_id.clone());
        let another = recipient.filter(|_| certificate != remote.certificate);
        match tenant.renew(&remote.id, expires_at, another.as_ref()).await {
            Ok(renewed) => {
                let remote = self.held(renewed, certificate);
                self.store.renewed(subscription.id, &remote, self.clock.now()).await?;
                self.fetch.raise();
                Ok("renewed")
            }
            Err(failure) if failure.verdict == Verdict::NotFound => self.recreate(subscription).await,
            // Whether a certificate can be changed is not told the same on all of Microsoft's pages. If it is something else
            // that is refused, the renewal without it is refused too, and what still works is left alone.
            Err(failure) if failure.verdict == Verdict::Rejected && another.is_some() => {
                tenant.renew(&remote.id, expires_at, None).await?;
                tenant.delete(&remote.id).await?;
                self.recreate(subscription).await
            }
            Err(failure) => Err(failure.into()),
        }
    }

    pub(super) async fn confirm(&self, subscription: &Subscription, held: Remote) -> Result<(), StepError> {
        self.store.confirmed(subscription.id, &held, self.clock.now()).await?;
        self.fetch.raise();
        // Its removal may have been asked for meanwhile.
        self.wake.raise();
        Ok(())
    }

    fn held(&self, held: RemoteSubscription, certificate: Option<CertificateId>) -> Remote {
        let renew_at = self.renew_at(self.clock.now(), held.expires_at);
        Remote { id: held.id, expires_at: held.expires_at, renew_at, certificate }
    }

    fn renew_at(&self, now: DateTime<Utc>, expires_at: DateTime<Utc>) -> DateTime<Utc> {
        plan::renew_at(now, expires_at, self.settings.at, rand::random())
    }

    /// Deletes the remote subscription, if one is held, and forgets.
    async fn delete(&self, subscription: &Subscription) -> Result<(), StepError> {
        if let Some(remote) = &subscription.remote {
            self.tenant(&subscription.wish.tenant)?.delete(&remote.id).await?;
        }
        Ok(self.store.removed(subscription.id).await?)
    }

    pub(super) fn tenant(&self, name: &Name) -> Result<&Tenant, Failure> {
        self.office365.tenant(name).ok_or_else(|| Failure::unknown_tenant(name))
    }
}

/// Somebody else's remote subscription stands in the way; it is never deleted.
fn foreign(found: &RemoteSubscription) -> Failure {
    let message = format!(
        "the same app registration has subscription {} on this resource, which notifies {}: remove that one, or use an app registration of your own",
        found.id,
        plan::host(found),
    );
    Failure::local(Verdict::Rejected, "foreignSubscription", message)
}
