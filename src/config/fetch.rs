use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};

use super::values;

/// `[fetch]`: how changes are fetched.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fetch {
    /// Fetches at once. Default 16.
    #[serde(deserialize_with = "concurrency")]
    pub concurrency: usize,
    /// How often to look without having been told; `None` turns sweeps off. Default 6 h: Microsoft's worst delay
    /// of a drive's notification.
    #[serde(deserialize_with = "values::duration_or_off")]
    pub sweep_every: Option<Duration>,
}

impl Default for Fetch {
    fn default() -> Self {
        Self { concurrency: 16, sweep_every: Some(Duration::from_secs(6 * 60 * 60)) }
    }
}

fn concurrency<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let number = i64::deserialize(deserializer)?;
    let allowed = usize::try_from(number).ok().filter(|number| (1..=256).contains(number));
    allowed.ok_or_else(|| D::Error::custom(format!("{number} is out of range: write a number from 1 to 256")))
}
