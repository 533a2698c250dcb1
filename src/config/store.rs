use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};

use super::values;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// `[store]`: where everything is kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// `sqlite:PATH`. Default `sqlite:o365-listener.db`.
    #[serde(deserialize_with = "url")]
    pub url: String,
    /// How long events are kept. Default 30 days.
    #[serde(deserialize_with = "retention")]
    pub retention: Duration,
}

impl Default for Store {
    fn default() -> Self {
        Self { url: "sqlite:o365-listener.db".to_owned(), retention: 30 * 24 * HOUR }
    }
}

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
