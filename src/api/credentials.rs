//! What ends by itself and has to be renewed by somebody.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::Api;
use crate::model::{Credential, Validity};
use crate::store::StoreError;

/// One as `/v1/status` shows it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Credential")]
pub(super) struct Standing {
    #[serde(flatten)]
    credential: Credential,
    state: Validity,
}

impl Standing {
    pub(super) fn of(credential: Credential, now: DateTime<Utc>) -> Self {
        let state = Validity::of(credential.expires_at, now);
        Self { credential, state }
    }
}

impl Api {
    /// Certificates to sign in with, client secrets whose end the configuration tells, and the certificate that content
    /// is encrypted with.
    pub(super) async fn credentials(&self) -> Result<Vec<Credential>, StoreError> {
        let newest = self.store.certificates().await?.into_iter().next().map(|certificate| Credential {
            tenant: None,
            kind: "encryption_certificate",
            expires_at: certificate.expires_at,
        });
        Ok((self.sign_ins)().into_iter().chain(newest).collect())
    }
}
