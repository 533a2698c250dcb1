use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::model::{Name, State, Subscription};

/// What all subscriptions come to, for whoever looks at the whole: of however many there are, only those in question are
/// read.
#[async_trait]
pub trait Overviews: Send + Sync {
    /// How many are in each state at `now`, those states included that none is in.
    async fn by_state(&self, now: DateTime<Utc>) -> Result<Vec<(State, u64)>, StoreError>;

    /// When the remote subscription of each that is followed ends, the soonest first; `most` at most.
    async fn expiries(&self, most: usize) -> Result<Vec<(Name, DateTime<Utc>)>, StoreError>;

    /// What they have brought until `now`.
    async fn brought(&self, now: DateTime<Utc>) -> Result<Brought, StoreError>;

    /// Those with an error, by name: the first `most`, and how many there are.
    async fn troubled(&self, most: usize) -> Result<(Vec<Subscription>, u64), StoreError>;

    /// Those of which everything is being read, by name: the first `most`, and how many there are.
    async fn reading(&self, most: usize) -> Result<(Vec<Subscription>, u64), StoreError>;

    /// Those whose names come behind this one, by name, those included that are being removed; `most` at most.
    async fn subscriptions_after(
        &self,
        after: Option<&Name>,
        most: usize,
    ) -> Result<Vec<Subscription>, StoreError>;
}

/// What all subscriptions that are still there have brought, together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Brought {
    /// Events written, kept or not.
    pub events: u64,
    /// Contents and items that could not be used and were put aside.
    pub quarantined: u64,
    /// How many subscriptions are suspicious.
    pub suspicious: u64,
    /// When the last notification arrived.
    pub last_notification_at: Option<DateTime<Utc>>,
    /// When the last event was written.
    pub last_event_at: Option<DateTime<Utc>>,
}
