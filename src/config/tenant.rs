use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};
use url::Url;
use uuid::Uuid;

use super::environment::Environment;
use super::path::Fault;
use super::secret_source::SecretSource;
use super::values;
use crate::model::{Credential, Name};
use crate::secret::Secret;

/// `[[tenant]]`: one Microsoft 365 organisation and the app registration used to reach it.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its name here.
    pub name: Name,
    /// Directory (tenant) id: a guid or a domain.
    pub tenant_id: String,
    /// Application (client) id.
    pub client_id: String,
    /// The app registration's secret.
    pub client_secret: Secret,
    /// When the secret ends, if that was written down: Office 365 does not tell.
    pub client_secret_expires: Option<DateTime<Utc>>,
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
    /// Its client secret, if it is known when that ends.
    pub fn secret(&self) -> Option<Credential> {
        let expires_at = self.client_secret_expires?;
        Some(Credential { tenant: Some(self.name.clone()), kind: "client_secret", expires_at })
    }
}

/// Microsoft's clouds; registrations, subscriptions and tokens never cross them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cloud {
    /// The public cloud.
    #[default]
    Global,
    /// US Government L4.
    UsGov,
    /// US Government L5.
    UsGovDod,
    /// Operated by 21Vianet.
    China,
}

impl Cloud {
    /// Where to sign in.
    pub const fn login(self) -> &'static str {
        match self {
            Self::Global => "https://login.microsoftonline.com",
            Self::UsGov | Self::UsGovDod => "https://login.microsoftonline.us",
            Self::China => "https://login.partner.microsoftonline.cn",
        }
    }

    /// Graph's address, which is also the audience of its tokens.
    pub const fn graph(self) -> &'static str {
        match self {
            Self::Global => "https://graph.microsoft.com",
            Self::UsGov => "https://graph.microsoft.us",
            Self::UsGovDod => "https://dod-graph.microsoft.us",
            Self::China => "https://microsoftgraph.chinacloudapi.cn",
        }
    }
}

/// An entry as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "entries, each written with double brackets")]
pub(super) struct Written {
    name: Name,
    #[serde(deserialize_with = "tenant_id")]
    tenant_id: String,
    #[serde(deserialize_with = "client_id")]
    client_id: String,
    client_secret: SecretSource,
    #[serde(default, deserialize_with = "values::optional_day")]
    client_secret_expires: Option<DateTime<Utc>>,
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
}

/// Gets the secrets of all entries.
pub(super) fn settle(written: Vec<Written>, environment: &Environment) -> Result<Vec<Tenant>, Fault> {
    let mut names = HashSet::new();
    let settle_one = |(index, written): (usize, Written)| {
        if !names.insert(written.name.clone()) {
            let message = format!("'{}' is the name of another tenant: give this one its own", written.name);
            return Err(Fault::at(("tenant", index, "name"), message));
        }
        let at_secret = |message| Fault::at(("tenant", index, "client_secret"), message);
        let client_secret = written.client_secret.get(environment).map_err(at_secret)?;
        Ok(Tenant {
            user_agent: written.user_agent.unwrap_or_else(|| decorated(&written.name)),
            name: written.name,
            tenant_id: written.tenant_id,
            client_id: written.client_id,
            client_secret,
            client_secret_expires: written.client_secret_expires,
            cloud: written.cloud,
            login_url: written.login_url,
            graph_url: written.graph_url,
            sharepoint_url: written.sharepoint_url,
        })
    };
    written.into_iter().enumerate().map(settle_one).collect()
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

fn client_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    values::text(deserializer, |text| match Uuid::try_parse(text) {
        Ok(id) => Ok(id.hyphenated().to_string()),
        Err(_) => Err(format!(
            "'{text}' is not an application's id: write the 'Application (client) ID' of the app registration"
        )),
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
