use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::watch;

use super::StoreError;
use crate::model::{Cursor, Event};

/// The event log: ordered and durable.
#[async_trait]
pub trait Log: Send + Sync {
    /// Reads on from `after`, oldest first.
    ///
    /// Looks at a bounded number of events in one call, so a page may be empty although `at_end` is false.
    async fn read(
        &self,
        after: Cursor,
        limit: usize,
        filter: Box<dyn EventFilter>,
    ) -> Result<EventPage, ReadError>;

    /// The log's two ends.
    async fn bounds(&self) -> Result<LogBounds, StoreError>;

    /// The event before the first one that was written at `time` or later; the last one, if there is none.
    async fn written_since(&self, time: DateTime<Utc>) -> Result<Cursor, StoreError>;

    /// Follows the log's end. Look at it *before* reading, and wait for a change after an empty read.
    fn end(&self) -> watch::Receiver<Cursor>;
}

/// Which events a reader wants. Globs are not the store's business.
pub trait EventFilter: Send {
    /// Whether an event of this subscription and type is wanted.
    fn wants(&self, subscription: &str, event_type: &str) -> bool;
}

/// Every event.
#[derive(Debug, Clone, Copy)]
pub struct All;

impl EventFilter for All {
    fn wants(&self, _: &str, _: &str) -> bool {
        true
    }
}

/// What a read found.
#[derive(Debug, Clone, Default)]
pub struct EventPage {
    /// The events that matched.
    pub events: Vec<Event>,
    /// The last event looked at, matched or not; `after` where there was none.
    pub next: Cursor,
    /// Whether the log's end was reached.
    pub at_end: bool,
}

/// The log's two ends; all zero while it is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogBounds {
    /// The smallest `after` that loses nothing: just before the oldest event that is kept.
    pub oldest: Cursor,
    /// The last event written.
    pub latest: Cursor,
}

/// Why a read failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// What came next was deleted by retention.
    #[error("events after {after} are no longer kept; the oldest cursor that loses nothing is {oldest}")]
    Expired {
        /// What was asked for.
        after: Cursor,
        /// Where to go on.
        oldest: Cursor,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
