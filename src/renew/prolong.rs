//! Renews remote subscriptions, alone and together, and mends what can be mended about a refusal.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, stream};

use super::settle::StepError;
use super::{BATCH, Renewer, STEPS};
use crate::model::{CertificateId, Kind, Name, Remote, Subscription, Target, Via};
use crate::office365::{Failure, Recipient, RemoteSubscription, Renew, Tenant, Verdict};

/// A renewal to be asked for.
pub(super) struct Renewal {
    target: Option<Target>,
    client_state: String,
    remote: Remote,
    kind: Kind,
    life: Duration,
    expires_at: DateTime<Utc>,
    /// What its content is encrypted with afterwards.
    pub(super) certificate: Option<CertificateId>,
    /// Whom it is to be encrypted for, if that changes.
    another: Option<Recipient>,
}

/// What became of a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prolonged {
    /// It lives longer.
    Renewed,
    /// It is not held any more, and has to be made anew.
    Lost,
}

/// What Office 365 answered to one.
pub(super) type Answer = Result<RemoteSubscription, Failure>;

impl Renewal {
    pub(super) fn renew(&self) -> Renew<'_> {
        Renew {
            target: self.target.as_ref(),
            id: &self.remote.id,
            client_state: &self.client_state,
            expires_at: self.expires_at,
            recipient: self.another.as_ref(),
        }
    }

    fn via(&self) -> Via {
        self.target.as_ref().map_or(Via::Graph, Target::via)
    }
}

fn too_slow() -> Failure {
    let message = "Office 365 took too long over several renewals";
    Failure::local(Verdict::Transient, "timeout", message)
}

impl Renewer {
    /// Renews; makes anew what has vanished.
    pub(super) async fn prolong(&self, subscription: &Subscription) -> Result<&'static str, StepError> {
        let Some(remote) = &subscription.remote else { return self.recreate(subscription).await };
        let renewal = self.renewal(subscription, remote).await?;
        let answer = self.ask_one(&subscription.wish.tenant, &renewal).await?;
        match self.answered(subscription, renewal, answer).await? {
            Prolonged::Renewed => Ok("renewed"),
            Prolonged::Lost => self.recreate(subscription).await,
        }
    }

    /// Asks for several renewals of a tenant: for those that Graph holds with few requests, for those that SharePoint holds
    /// one by one, and neither waits for the other. The answers are in the order of `renewals`.
    pub(super) async fn ask_all(&self, tenant: &Name, renewals: &[&Renewal]) -> Vec<Answer> {
        let tenant = match self.tenant(tenant) {
            Ok(tenant) => tenant,
            Err(failure) => return renewals.iter().map(|_| Err(failure.clone())).collect(),
        };
        let over = |via| {
            let those = renewals.iter().filter(move |renewal| renewal.via() == via);
            those.map(|renewal| renewal.renew()).collect::<Vec<_>>()
        };
        let (by_graph, by_sharepoint) = (over(Via::Graph), over(Via::SharePoint));
        let (by_graph, by_sharepoint) =
            tokio::join!(self.ask_together(tenant, &by_graph), self.ask_one_by_one(tenant, &by_sharepoint));
        let (mut by_graph, mut by_sharepoint) = (by_graph.into_iter(), by_sharepoint.into_iter());
        let answers = renewals.iter().map(|renewal| match renewal.via() {
            Via::Graph => by_graph.next(),
            Via::SharePoint => by_sharepoint.next(),
        });
        answers.map(|answer| answer.unwrap_or_else(|| Err(too_slow()))).collect()
    }

    async fn ask_together(&self, tenant: &Tenant, renewals: &[Renew<'_>]) -> Vec<Answer> {
        let answers = self.clock.timeout(BATCH, tenant.renew_all(renewals)).await;
        answers.unwrap_or_else(|_| renewals.iter().map(|_| Err(too_slow())).collect())
    }

    /// What has come when the time is up counts.
    async fn ask_one_by_one(&self, tenant: &Tenant, renewals: &[Renew<'_>]) -> Vec<Answer> {
        let end = self.clock.now() + BATCH;
        // All of them first: nothing that borrows is then made while others run.
        let asked: Vec<_> = renewals.iter().map(|renewal| self.ask_until(end, tenant, *renewal)).collect();
        stream::iter(asked).buffered(STEPS).collect().await
    }

    async fn ask_until(&self, end: DateTime<Utc>, tenant: &Tenant, renewal: Renew<'_>) -> Answer {
        let left = (end - self.clock.now()).to_std().unwrap_or_default();
        self.clock.timeout(left, tenant.renew(renewal)).await.unwrap_or_else(|_| Err(too_slow()))
    }

    async fn ask_one(&self, tenant: &Name, renewal: &Renewal) -> Result<Answer, Failure> {
        let tenant = self.tenant(tenant)?;
        Ok(tenant.renew(renewal.renew()).await)
    }

    /// What to ask for.
    pub(super) async fn renewal(
        &self,
        subscription: &Subscription,
        remote: &Remote,
    ) -> Result<Renewal, StepError> {
        let kind = subscription.target.as_ref().map_or(Kind::Message, Target::kind);
        let via = subscription.target.as_ref().map_or(Via::Graph, Target::via);
        let life = self.life(subscription, via, kind).await?;
        let recipient = self.recipient(subscription).await?;
        let certificate = recipient.as_ref().map(|it| it.certificate_id.clone());
        Ok(Renewal {
            target: subscription.target.clone(),
            client_state: self.client_states.of(subscription.id),
            remote: remote.clone(),
            kind,
            life,
            expires_at: self.clock.now() + life,
            another: recipient.filter(|_| certificate != remote.certificate),
            certificate,
        })
    }

    /// Takes the answer to a renewal as it deserves. A life that is refused as too long is learned, and a shorter one
    /// asked for at once. Nothing is created: what is lost is told, since creating takes long.
    pub(super) async fn answered(
        &self,
        subscription: &Subscription,
        mut renewal: Renewal,
        answer: Answer,
    ) -> Result<Prolonged, StepError> {
        let answer = match answer {
            Err(failure) if matches!(failure.verdict, Verdict::TooLong { .. }) => {
                let shorter = self.learn(subscription, renewal.kind, renewal.life, &failure).await?;
                let Some(life) = shorter else { return Err(failure.into()) };
                renewal.expires_at = self.clock.now() + life;
                self.ask_one(&subscription.wish.tenant, &renewal).await?
            }
            answer => answer,
        };
        match answer {
            Ok(renewed) => {
                let remote = self.remote(subscription, renewed, renewal.certificate);
                self.store.renewed(subscription.id, &remote, self.clock.now()).await?;
                self.fetch.raise();
                Ok(Prolonged::Renewed)
            }
            Err(failure) => self.mend(subscription, &renewal, failure).await,
        }
    }

    async fn mend(
        &self,
        subscription: &Subscription,
        renewal: &Renewal,
        failure: Failure,
    ) -> Result<Prolonged, StepError> {
        match failure.verdict {
            Verdict::NotFound => Ok(Prolonged::Lost),
            Verdict::Forbidden => self.remake(subscription, renewal, failure).await,
            // Whether a certificate can be changed is not told the same on all of Microsoft's pages. If it is something else
            // that is refused, the renewal without it is refused too, and what still works is left alone.
            Verdict::Rejected if renewal.another.is_some() => {
                let tenant = self.tenant(&subscription.wish.tenant)?;
                tenant.renew(Renew { recipient: None, ..renewal.renew() }).await?;
                tenant.delete(renewal.target.as_ref(), &renewal.remote.id).await?;
                Ok(Prolonged::Lost)
            }
            _ => Err(failure.into()),
        }
    }

    /// Microsoft's pages want more permissions for renewing than for creating: what may not be renewed can perhaps be
    /// made anew. Once in a day, since a permission that is missing for both makes it worse each time.
    async fn remake(
        &self,
        subscription: &Subscription,
        renewal: &Renewal,
        failure: Failure,
    ) -> Result<Prolonged, StepError> {
        let now = self.clock.now();
        if self.store.remade_lately(subscription.id, now).await? {
            return Err(failure.into());
        }
        let tenant = self.tenant(&subscription.wish.tenant)?;
        match tenant.delete(renewal.target.as_ref(), &renewal.remote.id).await {
            Err(passing) if passing.is_transient() => return Err(passing.into()),
            deleted => {
                self.store.remade(subscription.id, now).await?;
                // Who may not renew may often not delete either, and then what is held is left alone.
                deleted.map_err(|_| failure)?;
            }
        }
        tracing::info!(subscription = %subscription.wish.name,
            "Office 365 does not let the remote subscription be renewed; it is made anew");
        Ok(Prolonged::Lost)
    }
}
