use std::path::PathBuf;

use serde::Deserialize;

use super::Subscription;
use super::path::Fault;
use super::store::Store;

/// `[encryption]`: the certificate that Office 365 encrypts the content of notifications with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encryption {
    /// A PEM file with the certificate: RSA of 2,048 to 4,096 bits.
    pub certificate: PathBuf,
    /// A PEM file with its private key, in PKCS#8.
    pub key: PathBuf,
}

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Written {
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl Written {
    /// Both or none: without them a certificate is made, and renewed, by itself.
    pub fn settle(self) -> Result<Option<Encryption>, Fault> {
        let missing = |key, other| {
            let message = format!("{key} is missing: name both files, or leave both out");
            Err(Fault::at(["encryption", other], message))
        };
        match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => Ok(Some(Encryption { certificate, key })),
            (None, None) => Ok(None),
            (Some(_), None) => missing("key", "certificate"),
            (None, Some(_)) => missing("certificate", "key"),
        }
    }
}

/// Said wherever something secret would have to be stored and there is no key to seal it with.
pub const NO_ENCRYPTION_KEY: &str = "what is secret is stored sealed, and there is no key for that yet: make one with \
     `openssl rand -base64 32`, keep it outside of the store, and name it in [store], as in \
     encryption_key = { env = \"O365_LISTENER_ENCRYPTION_KEY\" }";

/// Content and private keys are only kept sealed, which takes a key.
pub(super) fn check(
    encryption: Option<&Encryption>,
    subscriptions: &[Subscription],
    store: &Store,
) -> Result<(), Fault> {
    if !store.encryption_keys.is_empty() {
        return Ok(());
    }
    if let Some(index) = subscriptions.iter().position(|entry| entry.include_resource_data) {
        return Err(Fault::at(("subscription", index, "include_resource_data"), NO_ENCRYPTION_KEY));
    }
    match encryption {
        Some(_) => Err(Fault::at(["encryption", "key"], NO_ENCRYPTION_KEY)),
        None => Ok(()),
    }
}
