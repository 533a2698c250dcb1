//! A list's change log: what was done to which item, in order. Its numbers are those that delta cursors are places
//! between, and it is written where the delta feed is, so that both tell of the same changes.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How long a change is kept.
pub(crate) const KEPT: TimeDelta = TimeDelta::days(60);

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Add,
    Update,
    Delete,
    Rename,
    /// Out of a folder; the way into the other one is a row of its own.
    MoveAway,
    MoveInto,
    Restore,
    /// Something that SharePoint did itself, such as taking over properties of a file.
    SystemUpdate,
    /// Somebody was given a right to it.
    AssignmentAdd,
}

/// Whose rows are written when a folder is deleted or restored.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FolderRows {
    /// Those of everything that lies in it; otherwise the folder's alone.
    pub(super) each: bool,
}

/// One row of the log. An action can have several.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) number: u64,
    pub(crate) item: u64,
    pub(crate) unique_id: Uuid,
    /// Whether it happened at the top of the list, not in a folder.
    pub(crate) at_top: bool,
    pub(crate) action: Action,
    pub(crate) at: DateTime<Utc>,
}

/// The log of one list.
#[derive(Debug, Default)]
pub(crate) struct ChangeLog {
    rows: BTreeMap<u64, Row>,
    /// Where the log was cut off, if it ever was: tokens from before are refused.
    cut: Option<(u64, DateTime<Utc>)>,
}

impl ChangeLog {
    pub(super) fn write(&mut self, row: Row) {
        self.rows.insert(row.number, row);
    }

    /// What is still kept, in order.
    pub(crate) fn kept(&self, now: DateTime<Utc>) -> impl DoubleEndedIterator<Item = &Row> {
        let cut = self.cut.map_or(0, |(number, _)| number);
        self.rows.range(cut..).map(|(_, row)| row).filter(move |row| row.at >= now - KEPT)
    }

    /// Forgets everything up to here.
    pub(crate) fn cut_off(&mut self, number: u64, now: DateTime<Utc>) {
        self.cut = Some((number, now));
    }

    /// Whether a place is before the log was cut off: by its number, or by its time where it has none.
    pub(crate) fn is_cut_off(&self, number: Option<u64>, at: DateTime<Utc>) -> bool {
        self.cut.is_some_and(|(cut, since)| number.map_or(at < since, |number| number < cut))
    }
}
