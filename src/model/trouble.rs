use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a subscription does not get on, as it is stored, shown by the API and read by a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Trouble {
    /// Office 365's `error.code`, or our own word where there was no answer (`unreachable`, …).
    pub code: String,
    /// What happened and what to do about it.
    pub message: String,
    /// Whether it may pass by itself.
    pub transient: bool,
    /// When it is tried again.
    pub next_attempt_at: Option<DateTime<Utc>>,
}
