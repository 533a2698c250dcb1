use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::model::Name;

/// Gates that Office 365 has closed: a restart must not open them.
#[async_trait]
pub trait ClosedGates: Send + Sync {
    /// All that were closed within the last day, whether they are open again or not.
    async fn gates(&self) -> Result<Vec<StoredGate>, StoreError>;

    /// Keeps one over what was kept of it, and drops those that have been open for a day at `now`.
    async fn keep_gate(&self, gate: StoredGate, now: DateTime<Utc>) -> Result<(), StoreError>;
}

/// A gate, as far as it outlives the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredGate {
    /// The tenant.
    pub tenant: Name,
    /// `tenant`, `subscriptions`, `sign-in` or `mailbox:USER`.
    pub area: String,
    /// Until when nothing is sent.
    pub closed_until: DateTime<Utc>,
    /// Refusals in a row.
    pub refusals: u32,
    /// Requests at once.
    pub places: u32,
}

impl StoredGate {
    /// The kind of its area, which names nobody.
    pub fn kind(&self) -> &str {
        self.area.split(':').next().unwrap_or_default()
    }
}
