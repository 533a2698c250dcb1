mod proof;

use std::collections::HashSet;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};
use url::Url;

pub use proof::{CertificateFiles, IdentityService, ManagedIdentity, Proof};
use proof::{WrittenCertificate, WrittenIdentity};

use super::cloud::{Cloud, Sites};
use super::environment::Environment;
use super::path::Fault;
use super::secret_source::SecretSource;
use super::{NO_ENCRYPTION_KEY, Store, Subscription, values};
use crate::model::{Credential, Name, Resource, Via};

/// `[[tenant]]`: one Microsoft 365 organisation and the app registration used to reach it.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its name here.
    pub name: Name,
    /// Directory (tenant) id: a guid or a domain.
    pub tenant_id: String,
    /// Application (client) id.
    pub client_id: String,
    /// How it signs in.
    pub proof: Proof,
    /// Decorated traffic is throttled last: `NONISV|Company|App/Version`. By default the company is the tenant's
    /// name and the app this program.
    pub user_agent: String,
    /// Which of Microsoft's clouds.
    pub cloud: Cloud,
    /// Where sign-in goes instead of the cloud's address (a stand-in tenant).
    pub login_url: Option<Url>,
    /// Where Graph requests go instead; `/v1.0` is appended.
    pub graph_url: Option<Url>,
    /// What replaces `https://HOST` of a SharePoint address.
    pub sharepoint_url: Option<Url>,
}

impl Tenant {
    /// Where its sites are.
    pub const fn sites(&self) -> Sites {
        Sites {
            cloud: self.cloud,
            own_graph: self.graph_url.is_some(),
            own_sharepoint: self.sharepoint_url.is_some(),
        }
    }

    /// Its client secret, if it is known when that ends.
    pub fn secret(&self) -> Option<Credential> {
        let Proof::Secret { expires_at: Some(expires_at), .. } = self.proof else { return None };
        Some(Credential { tenant: Some(self.name.clone()), kind: "client_secret", expires_at })
    }
}

/// An entry as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "entries, each written with double brackets")]
pub(super) struct Written {
    name: Name,
    #[serde(deserialize_with = "tenant_id")]
    tenant_id: String,
    #[serde(default, deserialize_with = "proof::optional_client_id")]
    client_id: Option<String>,
    client_secret: Option<SecretSource>,
    #[serde(default, deserialize_with = "values::optional_day")]
    client_secret_expires: Option<DateTime<Utc>>,
    certificate: Option<WrittenCertificate>,
    #[serde(default, deserialize_with = "proof::optional_file")]
    federated_token_file: Option<PathBuf>,
    managed_identity: Option<WrittenIdentity>,
    #[serde(default, deserialize_with = "proof::delegated")]
    delegated: bool,
    #[serde(default, deserialize_with = "user_agent")]
    user_agent: Option<String>,
    #[serde(default)]
    cloud: Cloud,
    #[serde(default, deserialize_with = "values::optional_base_url")]
    login_url: Option<Url>,
    #[serde(default, deserialize_with = "values::optional_base_url")]
    graph_url: Option<Url>,
    #[serde(default, deserialize_with = "values::optional_base_url")]
    sharepoint_url: Option<Url>,
    #[serde(default, deserialize_with = "values::optional_base_url")]
    identity_url: Option<Url>,
}

/// The keys of which each tenant has exactly one.
const WAYS: [&str; 5] =
    ["client_secret", "certificate", "federated_token_file", "managed_identity", "delegated"];

impl Written {
    /// The one way to sign in that is written there.
    fn way(&self) -> Result<&'static str, (&'static str, String)> {
        let written = [
            self.client_secret.is_some(),
            self.certificate.is_some(),
            self.federated_token_file.is_some(),
            self.managed_identity.is_some(),
            self.delegated,
        ];
        let mut ways = WAYS.into_iter().zip(written).filter_map(|(way, written)| written.then_some(way));
        let way = ways.next().ok_or_else(|| {
            let message = format!("nothing says how to sign in: add exactly one of {}", WAYS.join(", "));
            ("client_secret", message)
        })?;
        if let Some(other) = ways.next() {
            let message =
                format!("a tenant has one way to sign in, and {way} is there too: keep one of the two");
            return Err((other, message));
        }
        let belongs = [
            ("client_secret_expires", self.client_secret_expires.is_some(), "client_secret"),
            ("identity_url", self.identity_url.is_some(), "managed_identity"),
        ];
        match belongs.into_iter().find(|(_, written, to)| *written && *to != way) {
            Some((key, _, to)) => Err((key, format!("it belongs to {to}, which is not there: leave it out"))),
            None => Ok(way),
        }
    }

    /// Gets what the proof needs; a fault comes with the key that it is in.
    fn settle(self, environment: &Environment) -> Result<Tenant, (&'static str, String)> {
        let identity = self.managed_identity.as_ref().and_then(WrittenIdentity::client_id).map(str::to_owned);
        let client_id = self.client_id.clone().or(identity).ok_or_else(|| {
            let message = "missing key `client_id`: add client_id = …, the 'Application (client) ID' of the app \
                           registration, or of the identity where Azure manages it";
            ("client_id", message.to_owned())
        })?;
        let way = self.way()?;
        let at_way = |message| (way, message);
        let proof = if let Some(secret) = self.client_secret {
            let secret = secret.get(environment).map_err(at_way)?;
            Proof::Secret { secret, expires_at: self.client_secret_expires }
        } else if let Some(certificate) = self.certificate {
            certificate.settle(environment).map_err(at_way)?
        } else if let Some(identity) = self.managed_identity {
            identity.settle(environment, self.identity_url).map_err(at_way)?
        } else if let Some(file) = self.federated_token_file {
            Proof::FederatedToken(file)
        } else {
            Proof::Delegated
        };
        Ok(Tenant {
            user_agent: self.user_agent.unwrap_or_else(|| decorated(&self.name)),
            name: self.name,
            tenant_id: self.tenant_id,
            client_id,
            proof,
            cloud: self.cloud,
            login_url: self.login_url,
            graph_url: self.graph_url,
            sharepoint_url: self.sharepoint_url,
        })
    }
}

/// Gets the secrets of all entries.
pub(super) fn settle(written: Vec<Written>, environment: &Environment) -> Result<Vec<Tenant>, Fault> {
    let mut names = HashSet::new();
    let settle_one = |(index, written): (usize, Written)| {
        if !names.insert(written.name.clone()) {
            let message = format!("'{}' is the name of another tenant: give this one its own", written.name);
            return Err(Fault::at(("tenant", index, "name"), message));
        }
        written.settle(environment).map_err(|(key, message)| Fault::at(("tenant", index, key), message))
    };
    written.into_iter().enumerate().map(settle_one).collect()
}

/// Who signs in as a person needs a place for what keeps him signed in, and reaches only what is his own.
pub(super) fn check_delegated(
    tenants: &[Tenant],
    subscriptions: &[Subscription],
    store: &Store,
) -> Result<(), Fault> {
    let delegated = |tenant: &Tenant| matches!(tenant.proof, Proof::Delegated);
    let Some(index) = tenants.iter().position(delegated) else { return Ok(()) };
    if store.encryption_keys.is_empty() {
        return Err(Fault::at(("tenant", index, "delegated"), NO_ENCRYPTION_KEY));
    }
    let beyond = subscriptions.iter().position(|entry| {
        // Whoever may manage a list may have it followed over SharePoint.
        let own = match entry.resource {
            Resource::OneDrive(_) | Resource::Mail { .. } | Resource::Mailbox(_) => true,
            Resource::List(_) => entry.via == Via::SharePoint,
            Resource::Drive(_) => false,
        };
        !own && tenants.iter().any(|tenant| tenant.name == entry.tenant && delegated(tenant))
    });
    match beyond {
        Some(index) => {
            let message = "the tenant is delegated, which reaches only the OneDrive and the mail of whoever signs in, and \
                           over sharepoint the lists that this person manages: write onedrive: or mail:, or let the app sign in as itself";
            Err(Fault::at(("subscription", index, "resource"), message))
        }
        None => Ok(()),
    }
}

fn decorated(company: &Name) -> String {
    format!("NONISV|{company}|o365-listener/{}", env!("CARGO_PKG_VERSION"))
}

fn tenant_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    values::text(deserializer, |text| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        if !text.is_empty() && text.chars().all(allowed) {
            return Ok(text.to_owned());
        }
        Err(format!(
            "'{text}' is not a directory: write the 'Directory (tenant) ID' of the app registration, or a domain of the organisation"
        ))
    })
}

fn user_agent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    values::text(deserializer, |text| {
        let printable = !text.is_empty() && text.chars().all(|c| c == ' ' || c.is_ascii_graphic());
        if printable {
            return Ok(Some(text.to_owned()));
        }
        Err("only printable ASCII may be sent: write \"NONISV|COMPANY|APP/VERSION\"".to_owned())
    })
}
