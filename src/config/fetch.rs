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
    #[serde(deserialize_with = "sweep_every")]
    pub sweep_every: Option<Duration>,
    /// Sweeps that a tenant is asked for in a minute at most, evenly spread. Default 60.
    #[serde(deserialize_with = "sweeps_per_minute")]
    pub sweeps_per_minute: u32,
}

impl Default for Fetch {
    fn default() -> Self {
        Self { concurrency: 16, sweep_every: Some(Duration::from_secs(6 * 60 * 60)), sweeps_per_minute: 60 }
    }
}

/// Each one asks Office 365 for every subscription.
fn sweep_every<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let every = values::duration_or_off(deserializer)?;
    match every {
        Some(every) if every < Duration::from_secs(1) => {
            Err(D::Error::custom("sweeps are a second apart at least: write \"6h\", or 0 to turn them off"))
        }
        every => Ok(every),
    }
}

fn concurrency<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let number = i64::deserialize(deserializer)?;
    let allowed = usize::try_from(number).ok().filter(|number| (1..=256).contains(number));
    allowed.ok_or_else(|| D::Error::custom(format!("{number} is out of range: write a number from 1 to 256")))
}

fn sweeps_per_minute<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = i64::deserialize(deserializer)?;
    let allowed = u32::try_from(number).ok().filter(|number| (1..=6000).contains(number));
    allowed.ok_or_else(|| {
        D::Error::custom(format!(
            "{number} is out of range: write a number from 1 to 6000 (sweep_every = 0 turns sweeps off)"
        ))
    })
}
