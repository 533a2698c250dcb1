//! Makes remote subscriptions, and decides what becomes of one that stands in the way.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Renewer;
use super::plan;
use super::settle::StepError;
use crate::model::{Name, Remote, Subscription, Target, Via};
use crate::office365::{Failure, NewRemote, Recipient, RemoteSubscription, Tenant, Verdict};

impl Renewer {
    /// Creates. A life that is refused as too long is learned, and a shorter one asked for at once.
    pub(super) async fn create_remote(
        &self,
        tenant: &Tenant,
        subscription: &Subscription,
        target: &Target,
    ) -> Result<Remote, StepError> {
        let life = self.life(subscription, target.via(), target.kind()).await?;
        let refusal = match self.make(tenant, subscription, target, life).await {
            Err(StepError::Office365(failure)) if matches!(failure.verdict, Verdict::TooLong { .. }) => {
                failure
            }
            made => return made,
        };
        match self.learn(subscription, target.kind(), life, &refusal).await? {
            Some(shorter) => self.make(tenant, subscription, target, shorter).await,
            None => Err(refusal.into()),
        }
    }

    async fn make(
        &self,
        tenant: &Tenant,
        subscription: &Subscription,
        target: &Target,
        life: Duration,
    ) -> Result<Remote, StepError> {
        let client_state = self.client_states.of(subscription.id);
        let recipient = self.recipient(subscription).await?;
        let wanted = NewRemote {
            target,
            notification_url: &self.notification_url,
            lifecycle_url: &self.lifecycle_url,
            client_state: &client_state,
            expires_at: self.clock.now() + life,
            select: &subscription.wish.select,
            recipient: recipient.as_ref(),
        };
        let conflict = match tenant.create(wanted).await {
            Err(failure) if matches!(failure.verdict, Verdict::Conflict { .. }) => failure,
            answer => return Ok(self.held(subscription, answer?, recipient)),
        };
        if let Some(standing) = self.standing(tenant, target, conflict).await? {
            if !plan::is_ours(&standing, &self.notification_url) {
                return Err(foreign(&standing).into());
            }
            if let Some(holder) = self.store.holder(&standing.id).await?
                && holder != subscription.wish.name
            {
                return Err(held_by(&holder, &standing).into());
            }
            if let Some(adopted) = self.adopt(tenant, subscription, &standing, &wanted).await? {
                return Ok(adopted);
            }
            tenant.delete(Some(target), &standing.id).await?;
        }
        let made = tenant.create(wanted).await?;
        Ok(self.held(subscription, made, recipient))
    }

    /// What stands in the way; none if it has gone meanwhile. The list shows it where the refusal does not name it, and where
    /// what it names is not there: the guid in its text may be that of another thing, a user or a site.
    async fn standing(
        &self,
        tenant: &Tenant,
        target: &Target,
        conflict: Failure,
    ) -> Result<Option<RemoteSubscription>, Failure> {
        let named = conflict.existing();
        if let Some(id) = &named
            && let Some(standing) = tenant.find(target, id).await?
        {
            return Ok(Some(standing));
        }
        let Some(wanted) = tenant.combination(target) else { return Ok(None) };
        let found =
            tenant.list(&CancellationToken::new()).await?.into_iter().find(|one| one.combination() == wanted);
        if found.is_none() && named.is_none() { Err(conflict) } else { Ok(found) }
    }

    /// Takes over what stands in the way, if it is the one that this subscription holds or held last: only of that one
    /// the `client_state` is certain, since Graph does not show it, nor change it. SharePoint does both. None: it has to be
    /// deleted.
    async fn adopt(
        &self,
        tenant: &Tenant,
        subscription: &Subscription,
        standing: &RemoteSubscription,
        wanted: &NewRemote<'_>,
    ) -> Result<Option<Remote>, StepError> {
        let is_certain = wanted.target.via() == Via::SharePoint
            || !subscription.replace && self.store.has_held(subscription.id, &standing.id).await?;
        if !is_certain {
            return Ok(None);
        }
        match tenant.renew(wanted.renewal_of(&standing.id)).await {
            Ok(renewed) => {
                tracing::info!(subscription = %subscription.wish.name, remote_id = %standing.id.0,
                    "The remote subscription lives on and is taken over");
                Ok(Some(self.held(subscription, renewed, wanted.recipient.cloned())))
            }
            Err(failure) if failure.is_transient() || matches!(failure.verdict, Verdict::TooLong { .. }) => {
                Err(failure.into())
            }
            Err(_) => Ok(None),
        }
    }

    /// Whom content is to be encrypted for, where it is wished.
    pub(super) async fn recipient(
        &self,
        subscription: &Subscription,
    ) -> Result<Option<Recipient>, StepError> {
        if !subscription.wish.include_resource_data {
            return Ok(None);
        }
        self.keyring.recipient().await.map(Some)
    }
}

/// Ids that differ by their case alone are the same to Office 365 where it looks for conflicts. Deleting what another one
/// holds would begin a fight between the two.
fn held_by(holder: &Name, standing: &RemoteSubscription) -> Failure {
    let message = format!(
        "Office 365 takes its resource for that of subscription '{holder}', whose remote subscription {} stands in the way: only one of the two can be followed",
        standing.id
    );
    Failure::local(Verdict::Rejected, "heldByAnother", message)
}

/// Somebody else's remote subscription stands in the way; it is never deleted.
fn foreign(found: &RemoteSubscription) -> Failure {
    let message = format!(
        "the same app registration has subscription {id} on this resource, which notifies {}: remove it where it was made \
         (with `subscriptions remove NAME`, if that is an o365-listener), or with DELETE /subscriptions/{id} of Microsoft \
         Graph and a token of that app; or use an app registration of your own",
        plan::origin(found),
        id = found.id,
    );
    Failure::local(Verdict::Rejected, "foreignSubscription", message)
}
