use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// Encrypted content that came with a notification, sealed as it is stored. What it holds is looked at later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedContent {
    /// Its id here; the seal is bound to it.
    pub id: Uuid,
    /// The element of the notification and the tokens that came with it, sealed.
    pub sealed: Vec<u8>,
}

/// Encrypted content as it arrived.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ArrivedContent {
    /// The element of the notification.
    pub element: Box<RawValue>,
    /// The validation tokens of the request that it came with.
    pub tokens: Vec<String>,
}

/// The `encryptionCertificateId`: what we call a certificate towards Office 365, which says it with each content.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CertificateId(pub String);

impl fmt::Display for CertificateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
