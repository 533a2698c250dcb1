use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

/// Gaps that must have been seen before quiet says anything.
const GAPS: u32 = 8;
/// Quiet this many times the usual gap is unusual.
const UNUSUAL: u32 = 8;
/// Quiet shorter than this is never unusual: notifications come in bursts.
const SHORTEST: Duration = Duration::from_secs(15 * 60);
/// After so many sweeps that found nothing, the quiet is believed.
const CONVINCING: u32 = 3;

/// How often a subscription is usually notified, and what its sweeps have found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rhythm {
    /// The last notification that was counted.
    pub alive_at: Option<DateTime<Utc>>,
    /// The gap between two notifications, averaged.
    pub usual_gap: Option<Duration>,
    /// How many gaps that is made of.
    pub gaps: u32,
    /// Sweeps in this quiet that found nothing.
    pub quiet_sweeps: u32,
    /// How often the sweeps' period is halved, since some found what no notification had announced.
    pub haste: u32,
}

/// Why a subscription is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Suspicion {
    /// A sweep found what no notification had announced.
    Unannounced,
    /// It has been quiet for much longer than usual.
    Quiet,
}

impl Rhythm {
    /// When quiet becomes unusual; none while too little is known.
    pub fn unusual_at(&self) -> Option<DateTime<Utc>> {
        Some(self.alive_at? + self.patience()?)
    }

    /// When to sweep because it is quiet: each time after twice as long, until the quiet is believed.
    pub fn quiet_sweep_at(&self) -> Option<DateTime<Utc>> {
        let again = self.quiet_sweeps < CONVINCING;
        again.then_some(Some(self.alive_at? + self.patience()? * 2_u32.pow(self.quiet_sweeps))).flatten()
    }

    /// What is suspicious about it at `now`.
    pub fn suspicion(&self, now: DateTime<Utc>) -> Option<Suspicion> {
        if self.haste > 0 {
            return Some(Suspicion::Unannounced);
        }
        let quiet = self.unusual_at().is_some_and(|at| at <= now) && self.quiet_sweeps < CONVINCING;
        quiet.then_some(Suspicion::Quiet)
    }

    fn patience(&self) -> Option<Duration> {
        let gap = self.usual_gap.filter(|_| self.gaps >= GAPS)?;
        Some(gap.saturating_mul(UNUSUAL).clamp(SHORTEST, Duration::from_secs(30 * 24 * 3600)))
    }
}

impl Suspicion {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unannounced => "unannounced",
            Self::Quiet => "quiet",
        }
    }

    /// What it means, and what is done about it.
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Unannounced => {
                "a sweep found changes that no notification had announced; it is swept more often for a while. If this \
                 lasts, look whether Office 365 reaches the notification port"
            }
            Self::Quiet => {
                "no notification has come for much longer than usual; it is swept early, and if three sweeps find \
                 nothing the quiet is believed"
            }
        }
    }
}

impl fmt::Display for Suspicion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
