//! Renews remote subscriptions, alone and together, and mends what can be mended about a refusal.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::settle::StepError;
use super::{BATCH, Renewer};
use crate::model::{CertificateId, Kind, Name, Remote, Subscription, Target};
use crate::office365::{Failure, Recipient, RemoteSubscription, Renew, Verdict};

/// A renewal to be asked for.
pub(super) struct Renewal {
    remote: Remote,
    kind: Kind,
    life: Duration,
    expires_at: DateTime<Utc>,
    /// What its content is encrypted with afterwards.
    certificate: Option<CertificateId>,
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
    fn renew(&self) -> Renew<'_> {
        let (id, expires_at) = (&self.remote.id, self.expires_at);
        Renew { id, expires_at, recipient: self.another.as_ref() }
    }
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

    /// Asks for several renewals of a tenant with few requests. The answers are in the order of `renewals`.
    pub(super) async fn ask_all(&self, tenant: &Name, renewals: &[&Renewal]) -> Vec<Answer> {
        let every = |failure: Failure| renewals.iter().map(|_| Err(failure.clone())).collect();
        let tenant = match self.tenant(tenant) {
            Ok(tenant) => tenant,
            Err(failure) => return every(failure),
        };
        let asked: Vec<Renew<'_>> = renewals.iter().map(|renewal| renewal.renew()).collect();
        let answers = self.clock.timeout(BATCH, tenant.renew_all(&asked)).await;
        answers.unwrap_or_else(|_| {
            let message = "Office 365 took too long over several renewals";
            every(Failure::local(Verdict::Transient, "timeout", message))
        })
    }

    async fn ask_one(&self, tenant: &Name, renewal: &Renewal) -> Result<Answer, Failure> {
        let tenant = self.tenant(tenant)?;
        Ok(tenant.renew(&renewal.remote.id, renewal.expires_at, renewal.another.as_ref()).await)
    }

    /// What to ask for.
    pub(super) async fn renewal(
        &self,
        subscription: &Subscription,
        remote: &Remote,
    ) -> Result<Renewal, StepError> {
        let kind = subscription.target.as_ref().map_or(Kind::Message, Target::kind);
        let life = self.life(subscription, kind).await?;
        let recipient = self.recipient(subscription).await?;
        let certificate = recipient.as_ref().map(|it| it.certificate_id.clone());
        Ok(Renewal {
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
                tenant.renew(&renewal.remote.id, renewal.expires_at, None).await?;
                tenant.delete(&renewal.remote.id).await?;
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
        match self.tenant(&subscription.wish.tenant)?.delete(&renewal.remote.id).await {
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
