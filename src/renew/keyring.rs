//! The certificate that Office 365 encrypts content with.
//!
//! Given by the configuration or made here, kept with its sealed private key, and made anew when half of its life is
//! over. Subscriptions take the new one with their next renewal; the former stays until nothing can come any more
//! that is encrypted with it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::certificate::{self, CertificateError, Pair};
use super::settle::StepError;
use crate::clock::Clock;
use crate::config::{Encryption, NO_ENCRYPTION_KEY};
use crate::model::CertificateId;
use crate::office365::{Failure, Recipient, Verdict};
use crate::seal::{Place, SealError, Sealer};
use crate::store::{Store, StoreError, StoredCertificate};

/// How long a certificate that is made is valid. Office 365 does not look at it; people do.
const VALID_FOR: TimeDelta = TimeDelta::days(365);
/// How long a certificate stays after it was last known to be used: the longest life of a remote subscription that
/// takes content (three days), hours of retries, and a margin.
const KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// The certificates, and which is in use.
pub struct Keyring {
    store: Arc<dyn Store>,
    clock: Clock,
    sealer: Option<Arc<Sealer>>,
    current: Mutex<Option<Current>>,
}

#[derive(Clone)]
struct Current {
    recipient: Recipient,
    /// None: it was given, and is replaced by who gave it.
    renew_at: Option<DateTime<Utc>>,
}

/// Why there is no keyring. Each says what can be done.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// Something secret is stored or has to be, and there is no key.
    #[error("{0}: {NO_ENCRYPTION_KEY}")]
    NoKey(String),
    /// The key is another than the one that was used.
    #[error(
        "the private key of certificate {0} in the store was sealed with another [store] encryption_key: list the former \
         key behind the present one"
    )]
    OtherKey(CertificateId),
    /// What `[encryption]` names cannot be used.
    #[error("[encryption] {0}")]
    Certificate(CertificateError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A private key could not be sealed.
    #[error("a private key {0}")]
    Seal(SealError),
}

// Neither is told as a cause beside: its words are in ours.
impl From<CertificateError> for KeyringError {
    fn from(error: CertificateError) -> Self {
        Self::Certificate(error)
    }
}

impl From<SealError> for KeyringError {
    fn from(error: SealError) -> Self {
        Self::Seal(error)
    }
}

impl Keyring {
    /// One that has not looked at what is stored.
    pub fn new(store: Arc<dyn Store>, clock: Clock, sealer: Option<Arc<Sealer>>) -> Self {
        Self { store, clock, sealer, current: Mutex::default() }
    }

    /// Looks whether all that is stored can be opened, and takes in the certificate that is given. Nothing is made
    /// before it is needed.
    pub async fn open(
        store: Arc<dyn Store>,
        clock: Clock,
        sealer: Option<Arc<Sealer>>,
        given: Option<&Encryption>,
    ) -> Result<Self, KeyringError> {
        let keyring = Self::new(store, clock, sealer);
        keyring.open_stored().await?;
        let current = match given {
            Some(given) => Some(keyring.take_in(given).await?),
            None => keyring.latest_made().await?,
        };
        *keyring.current.lock().await = current;
        Ok(keyring)
    }

    /// Whether content can be had at all.
    pub(super) fn can_seal(&self) -> bool {
        self.sealer.is_some()
    }

    /// Whom content is to be encrypted for.
    pub(super) async fn recipient(&self) -> Result<Recipient, StepError> {
        let mut current = self.current.lock().await;
        let now = self.clock.now();
        if let Some(current) = current.as_ref().filter(|it| it.renew_at.is_none_or(|at| now < at)) {
            return Ok(current.recipient.clone());
        }
        let made = self.make(now).await.map_err(|error| match error {
            KeyringError::Store(error) => StepError::Store(error),
            KeyringError::NoKey(_) => {
                Failure::local(Verdict::Rejected, "noEncryptionKey", error.to_string()).into()
            }
            _ => Failure::local(Verdict::Transient, "certificate", error.to_string()).into(),
        })?;
        tracing::info!(certificate = %made.recipient.certificate_id, "Made a certificate for encrypted content");
        Ok(current.insert(made).recipient.clone())
    }

    /// Deletes certificates that nothing can be encrypted with any more.
    pub(super) async fn retire(&self) -> Result<(), StoreError> {
        let current = self.current.lock().await.as_ref().map(|it| it.recipient.certificate_id.clone());
        let Some(current) = current else { return Ok(()) };
        if self.store.certificates().await?.len() > 1 {
            let retired = self.store.retire_certificates(&current, self.clock.now() - KEPT_FOR).await?;
            if retired > 0 {
                tracing::info!(retired, "Deleted certificates that nothing uses any more");
            }
        }
        Ok(())
    }

    /// Whether [`open`](Self::open) would do, without writing anything: until when the certificate is valid that would
    /// be in use, if there is one.
    pub async fn check(
        store: Arc<dyn Store>,
        clock: Clock,
        sealer: Option<Arc<Sealer>>,
        given: Option<&Encryption>,
    ) -> Result<Option<DateTime<Utc>>, KeyringError> {
        let keyring = Self::new(store, clock, sealer);
        let stored = keyring.opened().await?;
        let Some(given) = given else { return Ok(stored.first().map(|one| one.expires_at)) };
        keyring.sealer()?;
        Self::look_at(given).map(Some)
    }

    /// Until when the certificate is valid that is given; it must have its key.
    pub fn look_at(given: &Encryption) -> Result<DateTime<Utc>, KeyringError> {
        Ok(certificate::read(&given.certificate, &given.key)?.expires_at)
    }

    /// Every private key must open; what a former key has sealed, is sealed with the present one again.
    async fn open_stored(&self) -> Result<(), KeyringError> {
        let stored = self.opened().await?;
        let Some(sealer) = &self.sealer else { return Ok(()) };
        for one in stored {
            if let Some(sealed_key) = sealer.reseal(Place::certificate(&one.id.0), &one.sealed_key)? {
                self.store.keep_certificate(StoredCertificate { sealed_key, ..one }).await?;
            }
        }
        Ok(())
    }

    /// What is stored, after each private key was opened once. Without a key nothing is opened, and nothing may need it.
    async fn opened(&self) -> Result<Vec<StoredCertificate>, KeyringError> {
        let Some(sealer) = &self.sealer else {
            return match self.store.wanted_for().await? {
                Some(name) => {
                    Err(KeyringError::NoKey(format!("subscription '{name}' has include_resource_data")))
                }
                None => Ok(Vec::new()),
            };
        };
        let open = |one: StoredCertificate| match sealer.open(Place::certificate(&one.id.0), &one.sealed_key)
        {
            Ok(_) => Ok(one),
            Err(_) => Err(KeyringError::OtherKey(one.id)),
        };
        self.store.certificates().await?.into_iter().map(open).collect()
    }

    fn sealer(&self) -> Result<&Sealer, KeyringError> {
        self.sealer.as_deref().ok_or_else(|| KeyringError::NoKey("a certificate is needed".to_owned()))
    }

    async fn take_in(&self, given: &Encryption) -> Result<Current, KeyringError> {
        let pair = certificate::read(&given.certificate, &given.key)?;
        if pair.expires_at < self.clock.now() {
            tracing::warn!(expired_at = %pair.expires_at,
                "The certificate in [encryption] has expired; Office 365 does not mind so far, but give it another");
        }
        let id = CertificateId(format!("given-{}", certificate::fingerprint(&pair.certificate)));
        self.keep(id, pair, None).await
    }

    async fn latest_made(&self) -> Result<Option<Current>, KeyringError> {
        let stored = self.store.certificates().await?;
        let made = stored.into_iter().find(|it| it.id.0.starts_with("made-"));
        Ok(made.map(|made| Current {
            renew_at: Some(half_life(made.made_at, made.expires_at)),
            recipient: Recipient { certificate_id: made.id, certificate: made.certificate },
        }))
    }

    async fn make(&self, now: DateTime<Utc>) -> Result<Current, KeyringError> {
        let pair = tokio::task::spawn_blocking(move || certificate::make(now, now + VALID_FOR));
        let pair = pair.await.map_err(|_| CertificateError::NotMade("it was broken off".to_owned()))??;
        let id = CertificateId(format!("made-{}", Uuid::new_v4().simple()));
        let renew_at = half_life(now, pair.expires_at);
        self.keep(id, pair, Some(renew_at)).await
    }

    async fn keep(
        &self,
        id: CertificateId,
        pair: Pair,
        renew_at: Option<DateTime<Utc>>,
    ) -> Result<Current, KeyringError> {
        let sealed_key = self.sealer()?.seal(Place::certificate(&id.0), pair.key.to_vec())?;
        let recipient = Recipient { certificate_id: id.clone(), certificate: pair.certificate.clone() };
        let stored = StoredCertificate {
            id,
            certificate: pair.certificate,
            sealed_key,
            made_at: self.clock.now(),
            expires_at: pair.expires_at,
        };
        self.store.keep_certificate(stored).await?;
        Ok(Current { recipient, renew_at })
    }
}

fn half_life(made_at: DateTime<Utc>, expires_at: DateTime<Utc>) -> DateTime<Utc> {
    made_at + (expires_at - made_at) / 2
}

#[cfg(test)]
mod tests;
