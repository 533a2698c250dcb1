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

impl Trouble {
    /// What happened, for a log: without the addresses of people.
    pub fn logged(&self) -> String {
        let words = self.message.split(' ');
        let told = words.map(|word| if word.contains('@') { "(a user)" } else { word });
        told.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_what_happened_and_nobody_s_address() {
        let message = "There is no OneDrive of 'alice@contoso.com': either the tenant has no such user";
        let trouble =
            Trouble { code: "a".into(), message: message.into(), transient: false, next_attempt_at: None };
        assert_eq!(trouble.logged(), "There is no OneDrive of (a user) either the tenant has no such user");
    }
}
