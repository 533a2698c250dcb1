use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::model::{CertificateId, Name};

/// The certificates that Office 365 encrypts content with, and their sealed private keys.
#[async_trait]
pub trait Certificates: Send + Sync {
    /// All of them, the latest first.
    async fn certificates(&self) -> Result<Vec<StoredCertificate>, StoreError>;

    /// A subscription whose notifications bring content, if anybody follows one.
    async fn wanted_for(&self) -> Result<Option<Name>, StoreError>;

    /// Keeps one; of one that is there already only the sealed key is written.
    async fn keep_certificate(&self, certificate: StoredCertificate) -> Result<(), StoreError>;

    /// Deletes those but `current` that no remote subscription uses, that were last used before `before`, and that
    /// no waiting content can be encrypted with: what waits arrived later. Answers with their number.
    async fn retire_certificates(
        &self,
        current: &CertificateId,
        before: DateTime<Utc>,
    ) -> Result<usize, StoreError>;
}

/// A certificate with its private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCertificate {
    /// What it is called towards Office 365.
    pub id: CertificateId,
    /// The certificate, in DER.
    pub certificate: Vec<u8>,
    /// Its private key in PKCS#8, sealed for `certificate.sealed_key` of its row.
    pub sealed_key: Vec<u8>,
    /// When it was made or first seen.
    pub made_at: DateTime<Utc>,
    /// Until when it is valid.
    pub expires_at: DateTime<Utc>,
}
