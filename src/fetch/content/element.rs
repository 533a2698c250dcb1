use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use uuid::Uuid;

use super::decrypt::Parts;
use super::{DecryptionKey, Fault};
use crate::model::{CertificateId, Properties};

/// An element of a notification that brings content, as far as that needs it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Element {
    /// The tenant it comes from.
    pub tenant_id: Option<Uuid>,
    change_type: Option<String>,
    resource_data: Option<Named>,
    encrypted_content: Encrypted,
}

#[derive(Debug, Deserialize)]
struct Named {
    id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Encrypted {
    data: String,
    data_key: String,
    data_signature: String,
    encryption_certificate_id: CertificateId,
    encryption_certificate_thumbprint: Option<String>,
}

/// What was encrypted.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// The resource.
    pub content: Properties,
    /// What happened to it: `created`, `updated` or `deleted`; Microsoft may add words.
    pub change_type: Option<String>,
    /// The item that the notification names in the clear.
    pub item: Option<String>,
    /// What it was encrypted with.
    pub certificate: CertificateId,
}

impl Element {
    /// Reads an element.
    pub fn read(element: &[u8]) -> Result<Self, Fault> {
        serde_json::from_slice(element).map_err(|_| Fault::Malformed)
    }

    /// Decrypts its content with the key that it names.
    pub fn open(self, keys: &[DecryptionKey]) -> Result<Opened, Fault> {
        let encrypted = self.encrypted_content;
        let certificate = encrypted.encryption_certificate_id;
        let key = keys.iter().find(|key| key.id == certificate).ok_or(Fault::UnknownCertificate)?;
        let thumbprint = encrypted.encryption_certificate_thumbprint;
        if thumbprint.is_some_and(|thumbprint| !thumbprint.eq_ignore_ascii_case(&key.thumbprint)) {
            return Err(Fault::Thumbprint);
        }
        let decoded = |text: &str| STANDARD.decode(text).map_err(|_| Fault::Malformed);
        let bytes = key.decrypt(Parts {
            data: decoded(&encrypted.data)?,
            data_key: decoded(&encrypted.data_key)?,
            data_signature: decoded(&encrypted.data_signature)?,
        })?;
        Ok(Opened {
            content: serde_json::from_slice(&bytes).map_err(|_| Fault::Unreadable)?,
            change_type: self.change_type,
            item: self.resource_data.and_then(|named| named.id),
            certificate,
        })
    }
}
