use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};

use crate::config::values;

/// Bytes of a file that is put aside, at least: an event alone has about as many.
const SMALLEST: u64 = 1024;

/// A file of JSON lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSink {
    /// Where it is.
    pub path: PathBuf,
    /// When it is put aside for a new one.
    pub rotate: Rotation,
}

/// When a file is put aside for a new one; whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rotation {
    /// Once it is this large. Default 100 MiB.
    #[serde(deserialize_with = "size")]
    pub size: u64,
    /// At whole multiples of this in UTC. Default a day, so at midnight.
    #[serde(deserialize_with = "every")]
    pub every: Duration,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { size: 100 * 1024 * 1024, every: Duration::from_secs(24 * 60 * 60) }
    }
}

fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let size = values::text(deserializer, values::parse_size)?;
    let size = u64::try_from(size).map_err(D::Error::custom)?;
    if size < SMALLEST {
        return Err(D::Error::custom(
            "a file is 1KiB large at least before it is put aside: write \"100MiB\"",
        ));
    }
    Ok(size)
}

fn every<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let every = values::duration(deserializer)?;
    if every < Duration::from_secs(60) {
        return Err(D::Error::custom("a file lasts a minute at least: write \"1d\""));
    }
    Ok(every)
}
