use std::path::Path as FilePath;

use serde::{Deserialize, Deserializer};
use url::Url;

use super::document::Document;
use super::environment::Environment;
use super::error::{ConfigError, Place};
use super::path::Fault;
use super::{
    Config, Fetch, Listen, Renewal, Subscription, admin, connector, encryption, shape, sink, store,
    subscription, tenant, values,
};

/// Reads the configuration file, lays the environment over it and gets the secrets it names.
///
/// # Errors
/// With the first thing that is not as it must be.
pub fn load(
    file: &FilePath,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| ConfigError::Unreadable { file: file.to_owned(), reason: error.to_string() })?;
    parse(&text, &Environment::new(environment)).map_err(|(place, fault)| ConfigError::Wrong {
        file: file.to_owned(),
        place,
        key: fault.path.to_string(),
        message: fault.message,
    })
}

fn parse(text: &str, environment: &Environment) -> Result<Config, (Place, Fault)> {
    let document = Document::parse(text, environment)?;
    let settled = document.read::<Written>().and_then(|written| written.settle(environment));
    settled.map_err(|fault| (document.place(&fault.path), fault))
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(deserialize_with = "public_url")]
    public_url: Url,
    #[serde(default, deserialize_with = "shape::section")]
    listen: Listen,
    #[serde(default, deserialize_with = "shape::section")]
    admin: admin::Written,
    #[serde(default, deserialize_with = "shape::section")]
    store: store::Written,
    #[serde(default, deserialize_with = "shape::entries")]
    tenant: Vec<tenant::Written>,
    #[serde(default, deserialize_with = "shape::entries")]
    subscription: Vec<Subscription>,
    #[serde(default, deserialize_with = "shape::section")]
    encryption: encryption::Written,
    #[serde(default, deserialize_with = "shape::section")]
    fetch: Fetch,
    #[serde(default, deserialize_with = "shape::section")]
    renewal: Renewal,
    #[serde(default, deserialize_with = "shape::entries")]
    sink: Vec<sink::Written>,
    #[serde(default, deserialize_with = "shape::optional_section")]
    connector: Option<connector::Written>,
}

impl Written {
    fn settle(self, environment: &Environment) -> Result<Config, Fault> {
        let admin = self.admin.settle(environment)?;
        self.listen.check(&admin)?;
        let tenants = tenant::settle(self.tenant, environment)?;
        subscription::check(&self.subscription, &tenants)?;
        let store = self.store.settle(environment)?;
        tenant::check_delegated(&tenants, &self.subscription, &store)?;
        let encryption = self.encryption.settle()?;
        encryption::check(encryption.as_ref(), &self.subscription, &store)?;
        let connector = self.connector.map(|written| written.settle(&store)).transpose()?;
        Ok(Config {
            public_url: self.public_url,
            listen: self.listen,
            admin,
            store,
            tenants,
            subscriptions: self.subscription,
            encryption,
            fetch: self.fetch,
            renewal: self.renewal,
            sinks: sink::settle(self.sink, environment)?,
            connector,
        })
    }
}

fn public_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    values::text(deserializer, |text| {
        let url = values::base_url(text)?;
        if url.scheme() == "https" || values::is_loopback(&url) {
            return Ok(url);
        }
        Err(format!("'{text}' cannot be used: Office 365 calls only https addresses; write https://HOST"))
    })
}

#[cfg(test)]
mod connecting;
#[cfg(test)]
mod encrypted;
#[cfg(test)]
mod example;
#[cfg(test)]
mod tests;
