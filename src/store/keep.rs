use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;

/// Housekeeping by age.
#[async_trait]
pub trait Keep: Send + Sync {
    /// Deletes what is older than `before` (events, tombstones, encrypted
    /// content that was put aside or was never looked at, deliveries that are over) and what belongs to nobody any more
    /// (mirror rows of subscriptions that are gone, sinks that the configuration does not have), at most `limit` rows of each in one short transaction, and fewer events where
    /// they are large, since acknowledgements share the writer.
    async fn sweep_out(&self, before: DateTime<Utc>, limit: usize) -> Result<Swept, StoreError>;

    /// Whether the store can be written to just now: writes and takes back.
    async fn writable(&self) -> Result<(), StoreError>;

    /// How writing has gone so far; asks nothing of the database.
    fn health(&self) -> StoreHealth;

    /// Finishes what is under way and lets the database go.
    async fn close(&self);
}

/// How writing has gone since the store was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreHealth {
    /// Commits that failed.
    pub failed_commits: u64,
    /// Why the last commit failed, and what to do about it; none while it works.
    pub trouble: Option<String>,
}

/// What was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Events.
    pub events: u64,
    /// Tombstones, orphaned mirror rows, encrypted contents and deliveries.
    pub rows: u64,
    /// There is more to delete.
    pub more: bool,
}
