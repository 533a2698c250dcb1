use chrono::{DateTime, Utc};

use super::{Cursor, Name};

/// A named reader whose place in the log the listener keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// Its name.
    pub name: Name,
    /// The last event it has committed.
    pub cursor: Cursor,
    /// When it did so.
    pub committed_at: DateTime<Utc>,
}
