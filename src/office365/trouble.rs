//! Failures that we find ourselves, and failures as a subscription's trouble.

use chrono::{DateTime, Utc};

use super::{Failure, Verdict};
use crate::backoff::{HOPELESS, REQUESTS};
use crate::model::{Name, RemoteId, Trouble};

impl Failure {
    /// A failure that no answer of Office 365 stands behind.
    pub fn local(verdict: Verdict, code: &str, message: impl Into<String>) -> Self {
        Self { verdict, status: None, code: code.to_owned(), message: message.into() }
    }

    /// A fault of ours ended something before its time.
    pub fn broken_off(what: &str) -> Self {
        let message =
            format!("{what} broke off by a fault of the listener: its log tells where; please report it");
        Self::local(Verdict::Transient, "brokenOff", message)
    }

    /// The configuration no longer has the tenant that a subscription was made with.
    pub fn unknown_tenant(name: &Name) -> Self {
        let message = format!(
            "the listener started without a tenant '{name}': start it again if the configuration names it by now, else add it \
             there, or remove the subscription"
        );
        Self::local(Verdict::Rejected, "unknownTenant", message)
    }

    /// The remote subscription that stands in the way, where the answer told it.
    pub fn existing(&self) -> Option<RemoteId> {
        match &self.verdict {
            Verdict::Conflict { existing } => existing.clone().map(RemoteId),
            _ => None,
        }
    }

    /// The failure as a subscription's trouble, with the time of the next attempt. `attempt` counts from 1;
    /// `chance` is a random number in `[0, 1)`.
    pub fn trouble(&self, attempt: u32, now: DateTime<Utc>, chance: f64) -> Trouble {
        let schedule = if self.is_transient() { REQUESTS } else { HOPELESS };
        Trouble {
            code: self.code.clone(),
            message: self.message.clone(),
            transient: self.is_transient(),
            next_attempt_at: Some(now + schedule.delay(attempt, self.retry_after(), chance)),
        }
    }
}
