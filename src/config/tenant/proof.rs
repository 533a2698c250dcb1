//! How an app proves who it is: one of five ways, each with its own keys.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use url::Url;
use uuid::Uuid;

use crate::config::environment::Environment;
use crate::config::secret_source::SecretSource;
use crate::config::values;
use crate::secret::Secret;

/// How an app proves who it is.
#[derive(Debug, Clone)]
pub enum Proof {
    /// By the app registration's secret.
    Secret {
        /// It.
        secret: Secret,
        /// When it ends, if that was written down: Office 365 does not tell.
        expires_at: Option<DateTime<Utc>>,
    },
    /// By a signature that a certificate of the app registration verifies.
    Certificate(CertificateFiles),
    /// By a token of another issuer, whom the app registration trusts. The file is written by somebody else, and read
    /// again for each sign-in.
    FederatedToken(PathBuf),
    /// By running where it runs: Azure gives the token.
    ManagedIdentity(ManagedIdentity),
    /// Not at all: somebody has signed in with `login`, and the app acts for that person.
    Delegated,
}

/// Where a certificate and its private key are. The files are read again when they have changed.
#[derive(Debug, Clone)]
pub struct CertificateFiles {
    /// PEM, which may hold the key as well; or a PFX, which does.
    pub file: PathBuf,
    /// PEM with the private key, where it is in a file of its own.
    pub key: Option<PathBuf>,
    /// Opens the PFX.
    pub password: Option<Secret>,
}

/// An identity that Azure gives to a machine or a service.
#[derive(Debug, Clone)]
pub struct ManagedIdentity {
    /// Which one, where it is not the machine's own.
    pub client_id: Option<String>,
    /// Who gives its tokens.
    pub service: IdentityService,
}

/// Who gives the tokens of a managed identity.
#[derive(Debug, Clone)]
pub enum IdentityService {
    /// Azure's instance metadata service, as a virtual machine sees it: its base address.
    VirtualMachine(Url),
    /// App Service, Functions, Container Apps.
    AppService {
        /// `IDENTITY_ENDPOINT`
        endpoint: Url,
        /// `IDENTITY_HEADER`, which only the app itself knows.
        header: Secret,
    },
    /// The agent of Azure Arc on a machine elsewhere.
    Arc {
        /// `IDENTITY_ENDPOINT`
        endpoint: Url,
        /// The folder in which the agent puts what only privileged users can read.
        tokens: PathBuf,
    },
}

/// Link-local, and the same in every cloud.
const METADATA_SERVICE: &str = "http://169.254.169.254";
/// Where the agent of Azure Arc puts its challenges.
const ARC_TOKENS: &str = "/var/opt/azcmagent/tokens";

/// `certificate = { … }` as it is written.
#[derive(Debug, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "{ file = \"PATH\" }, with key = \"PATH\" or a password where there is one"
)]
pub(super) struct WrittenCertificate {
    #[serde(deserialize_with = "file")]
    file: PathBuf,
    #[serde(default, deserialize_with = "optional_file")]
    key: Option<PathBuf>,
    password: Option<SecretSource>,
}

impl WrittenCertificate {
    /// Gets the password. What is in the files is looked at when it is needed, and whenever it has changed.
    pub fn settle(self, environment: &Environment) -> Result<Proof, String> {
        let password = self.password.map(|password| password.get(environment)).transpose();
        let password = password.map_err(|message| format!("password: {message}"))?;
        if self.key.is_some() && password.is_some() {
            return Err(
                "a password opens a PFX, which has its key inside: leave out key, or leave out password and \
                        store the key without one"
                    .to_owned(),
            );
        }
        Ok(Proof::Certificate(CertificateFiles { file: self.file, key: self.key, password }))
    }
}

/// `delegated = true`, which says that it is so and nothing more.
pub(super) fn delegated<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    if bool::deserialize(deserializer)? {
        return Ok(true);
    }
    Err(D::Error::custom("where nobody signs in as a person, leave it out"))
}

/// `managed_identity = { … }` as it is written.
#[derive(Debug, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "{} for the machine's own identity, or { client_id = \"…\" } for another"
)]
pub(super) struct WrittenIdentity {
    #[serde(default, deserialize_with = "optional_client_id")]
    client_id: Option<String>,
}

impl WrittenIdentity {
    /// The id of another identity than the machine's own.
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// Finds out from the environment where it runs. `identity_url` is where a virtual machine's service is instead.
    pub fn settle(self, environment: &Environment, identity_url: Option<Url>) -> Result<Proof, String> {
        let Self { client_id } = self;
        let variable = |name| environment.variable(name).filter(|value| !value.is_empty());
        let service = match (variable("IDENTITY_ENDPOINT"), variable("IDENTITY_HEADER")) {
            (None, _) => IdentityService::VirtualMachine(match identity_url {
                Some(url) => url,
                None => Url::parse(METADATA_SERVICE).map_err(|error| error.to_string())?,
            }),
            (Some(endpoint), Some(header)) => {
                IdentityService::AppService { endpoint: endpoint_of(endpoint)?, header: Secret::new(header) }
            }
            (Some(_), None) if client_id.is_some() => {
                return Err(
                    "Azure Arc has only the machine's own identity: write managed_identity = {}".to_owned()
                );
            }
            (Some(endpoint), None) => {
                IdentityService::Arc { endpoint: endpoint_of(endpoint)?, tokens: ARC_TOKENS.into() }
            }
        };
        Ok(Proof::ManagedIdentity(ManagedIdentity { client_id, service }))
    }
}

fn endpoint_of(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| {
        "the environment variable IDENTITY_ENDPOINT, which Azure sets, is not a web address".to_owned()
    })
}

/// An application's id.
pub(super) fn client_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    values::text(deserializer, |text| match Uuid::try_parse(text) {
        Ok(id) => Ok(id.hyphenated().to_string()),
        Err(_) => Err(format!(
            "'{text}' is not an application's id: write the 'Application (client) ID' of the app registration"
        )),
    })
}

/// An optional [`client_id`].
pub(super) fn optional_client_id<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    client_id(deserializer).map(Some)
}

/// An optional path.
pub(super) fn optional_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    file(deserializer).map(Some)
}

fn file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    values::text(deserializer, values::file)
}
