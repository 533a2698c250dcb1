use std::collections::HashSet;

use serde::Deserialize;

use super::Tls;
use super::environment::Environment;
use super::path::{Fault, Path};
use super::secret_source::SecretSource;
use crate::model::Name;
use crate::secret::Secret;

/// Characters of a key, at least: fewer can be guessed in an afternoon.
const SHORTEST: usize = 8;

/// `[admin]`: who may use the admin port, and how.
#[derive(Debug, Clone, Default)]
pub struct Admin {
    /// The keys; none is only allowed while the admin port listens on loopback.
    pub api_keys: Vec<ApiKey>,
    /// `[admin.tls]`; none: plain HTTP.
    pub tls: Option<Tls>,
}

/// One key.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Whose it is, for the log.
    pub name: Name,
    /// The key itself.
    pub key: Secret,
    /// What it allows.
    pub role: Role,
}

/// What a key allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reading.
    Read,
    /// Everything.
    Write,
}

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Written {
    api_keys: Vec<WrittenKey>,
    tls: Option<Tls>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ name = \"…\", key = { env = \"…\" }, role = \"read\" }")]
struct WrittenKey {
    name: Name,
    key: SecretSource,
    role: Role,
}

impl Written {
    /// Gets the keys.
    pub fn settle(self, environment: &Environment) -> Result<Admin, Fault> {
        let mut names = HashSet::new();
        let mut api_keys: Vec<ApiKey> = Vec::with_capacity(self.api_keys.len());
        for (index, written) in self.api_keys.into_iter().enumerate() {
            let at = |key| Path::from(("api_keys", index, key)).under("admin");
            if !names.insert(written.name.clone()) {
                let message = format!("'{}' is the name of another key: give this one its own", written.name);
                return Err(Fault::at(at("name"), message));
            }
            let key = written.key.get(environment).map_err(|message| Fault::at(at("key"), message))?;
            if key.expose().chars().count() < SHORTEST {
                let message =
                    format!("a key has at least {SHORTEST} characters: make one with `openssl rand -hex 32`");
                return Err(Fault::at(at("key"), message));
            }
            let same = |other: &&ApiKey| other.key.expose() == key.expose();
            if let Some(other) = api_keys.iter().find(same) {
                let message = format!(
                    "it is the key of '{}', too, so that nobody could tell who calls, and with which role: give each its own",
                    other.name
                );
                return Err(Fault::at(at("key"), message));
            }
            api_keys.push(ApiKey { name: written.name, key, role: written.role });
        }
        Ok(Admin { api_keys, tls: self.tls })
    }
}
