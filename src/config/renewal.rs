use serde::{Deserialize, Deserializer, de::Error};

/// `[renewal]`: when remote subscriptions are renewed.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Renewal {
    /// The share of the lifetime after which it is renewed, with jitter. Default 0.67.
    #[serde(deserialize_with = "share")]
    pub at: f64,
}

impl Default for Renewal {
    fn default() -> Self {
        Self { at: 0.67 }
    }
}

/// Late enough not to renew all the time, early enough for attempts that fail.
fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let share = f64::deserialize(deserializer)?;
    if (0.1..=0.95).contains(&share) {
        Ok(share)
    } else {
        Err(D::Error::custom(format!(
            "{share} is out of range: write a share of the lifetime from 0.1 to 0.95"
        )))
    }
}
