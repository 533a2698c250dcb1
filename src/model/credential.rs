use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::Name;

/// How long before its end a credential should be renewed: time for whoever has to ask somebody.
const SOON: TimeDelta = TimeDelta::days(30);

/// Something secret that ends by itself, as far as its end is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Credential {
    /// The tenant that it is for; none: all of them.
    pub tenant: Option<Name>,
    /// `client_secret`, `certificate` or `encryption_certificate`.
    pub kind: &'static str,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// How a credential stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Validity {
    /// For more than 30 days.
    Good,
    /// It ends within 30 days.
    Soon,
    /// It has ended.
    Over,
}

impl Validity {
    /// Of what ends at `ends`, seen at `now`.
    pub fn of(ends: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        match ends - now {
            left if left <= TimeDelta::zero() => Self::Over,
            left if left <= SOON => Self::Soon,
            _ => Self::Good,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_within_thirty_days_ends_soon() {
        let now = DateTime::UNIX_EPOCH;
        for (left, validity) in [
            (TimeDelta::days(31), Validity::Good),
            (TimeDelta::days(30) + TimeDelta::seconds(1), Validity::Good),
            (TimeDelta::days(30), Validity::Soon),
            (TimeDelta::seconds(1), Validity::Soon),
            (TimeDelta::zero(), Validity::Over),
            (TimeDelta::days(-1), Validity::Over),
        ] {
            assert_eq!(Validity::of(now + left, now), validity, "{left}");
        }
    }
}
