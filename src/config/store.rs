use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, de::Error};
use zeroize::Zeroizing;

use super::environment::Environment;
use super::path::Fault;
use super::secret_source::OneOrMore;
use super::values;
use crate::secret::Secret;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// `[store]`: where everything is kept.
#[derive(Debug, Clone)]
pub struct Store {
    /// `sqlite:PATH`. Default `sqlite:o365-listener.db`.
    pub url: String,
    /// How long events are kept. Default 30 days.
    pub retention: Duration,
    /// What is secret is sealed with the first and opened with any; each 32 bytes in base64. None by default.
    pub encryption_keys: Vec<Secret>,
}

/// The section as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Written {
    #[serde(deserialize_with = "url")]
    url: String,
    #[serde(deserialize_with = "retention")]
    retention: Duration,
    encryption_key: OneOrMore,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            url: "sqlite:o365-listener.db".to_owned(),
            retention: 30 * 24 * HOUR,
            encryption_keys: Vec::new(),
        }
    }
}

impl Default for Written {
    fn default() -> Self {
        let Store { url, retention, .. } = Store::default();
        Self { url, retention, encryption_key: OneOrMore::default() }
    }
}

impl Written {
    /// Gets the keys.
    pub fn settle(self, environment: &Environment) -> Result<Store, Fault> {
        let at_key = |message: String| Fault::at(["store", "encryption_key"], message);
        let keys = self.encryption_key.0.into_iter().map(|key| {
            let key = key.get(environment).map_err(at_key)?;
            let length = STANDARD.decode(key.expose()).map(Zeroizing::new).map(|bytes| bytes.len());
            match length {
                Ok(KEY_BYTES) => Ok(key),
                _ => Err(at_key(NOT_A_KEY.to_owned())),
            }
        });
        let encryption_keys = keys.collect::<Result<_, _>>()?;
        Ok(Store { url: self.url, retention: self.retention, encryption_keys })
    }
}

const KEY_BYTES: usize = 32;
const NOT_A_KEY: &str = "a key is 32 random bytes in base64: make one with `openssl rand -base64 32`, and keep it outside of the store";

fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    values::text(deserializer, |text| match text.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() => Ok(text.to_owned()),
        // Not repeated: the address of a database server holds its password.
        _ => Err("this version keeps everything in SQLite: write \"sqlite:PATH\"".to_owned()),
    })
}

fn retention<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let retention = values::duration(deserializer)?;
    if retention < HOUR {
        return Err(D::Error::custom("readers need time to read: write at least \"1h\""));
    }
    Ok(retention)
}
