use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Cursor, Event, Name};

/// An item as a sink's order knows it: its events go in the log's order, those of different items in any.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ItemKey {
    /// The subscription it was seen through.
    pub subscription: Name,
    /// Its id at Office 365.
    pub subject: String,
}

impl ItemKey {
    /// The item that an event tells of.
    pub fn of(event: &Event) -> Self {
        Self { subscription: event.subscription.clone(), subject: event.subject.clone() }
    }
}

/// What came of sending something once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began.
    pub at: DateTime<Utc>,
    /// How it ended.
    pub outcome: Outcome,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// How long it took.
    pub duration: Duration,
    /// The first bytes of the answer, or what went wrong.
    pub excerpt: String,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was taken.
    Delivered,
    /// The answer was another one than wished for.
    Refused,
    /// The receiver asked to wait.
    Throttled,
    /// The receiver wants nothing any more.
    Gone,
    /// There was no answer in time.
    TimedOut,
    /// There was no connection, or it broke off.
    Unreachable,
    /// It leads to an address that is not allowed.
    Forbidden,
    /// It could not be written on this machine.
    Unwritable,
}

impl Outcome {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Throttled => "throttled",
            Self::Gone => "gone",
            Self::TimedOut => "timed_out",
            Self::Unreachable => "unreachable",
            Self::Forbidden => "forbidden",
            Self::Unwritable => "unwritable",
        }
    }
}

/// What is to become of a stored delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is tried again, or waits behind an earlier event of its item.
    Pending,
    /// A dead letter that is sent late, outside of its item's order.
    Late,
    /// All attempts have failed.
    Dead,
    /// It was taken.
    Delivered,
}

impl DeliveryState {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Pending, "pending"),
        (Self::Late, "late"),
        (Self::Dead, "dead"),
        (Self::Delivered, "delivered"),
    ];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("", |(_, word)| word)
    }
}

impl std::str::FromStr for DeliveryState {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|(_, known)| *known == word);
        found.map(|(state, _)| *state).ok_or("it stands for nothing")
    }
}

/// A delivery that did not go at once.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its number in the ledger.
    pub key: i64,
    /// What becomes of it.
    pub state: DeliveryState,
    /// The event; its data is gone once it was delivered.
    pub event: Event,
    /// Attempts since it was last taken up.
    pub round: u32,
    /// When it was stored.
    pub stored_at: DateTime<Utc>,
    /// When it is tried next; none while it waits behind an earlier event of its item, or when it is over.
    pub due_at: Option<DateTime<Utc>>,
    /// What was tried so far, the oldest first; empty where only the work is asked for.
    pub attempts: Vec<Attempt>,
}

/// How a sink stands in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkStanding {
    /// Its name.
    pub name: Name,
    /// All events up to here were delivered, or are stored as deliveries.
    pub position: Cursor,
    /// Events after the position, wanted or not.
    pub behind: u64,
    /// Deliveries that are tried again or wait behind one that is.
    pub pending: u64,
    /// Deliveries that were given up.
    pub dead: u64,
    /// Events that were deleted by the retention before the sink had them, wanted or not, and dead letters likewise.
    pub lost: u64,
    /// When such events were missed last.
    pub lost_at: Option<DateTime<Utc>>,
    /// Events that were delivered.
    pub delivered: u64,
    /// When the last one was.
    pub delivered_at: Option<DateTime<Utc>>,
    /// Why it was switched off, and when.
    pub disabled: Option<(DateTime<Utc>, String)>,
    /// Since when the configuration does not have it any more.
    pub removed_at: Option<DateTime<Utc>>,
    /// The last attempt, if it failed.
    pub failure: Option<Attempt>,
    /// Failures since the last success.
    pub failures: u32,
    /// When the first of them was.
    pub failing_since: Option<DateTime<Utc>>,
}

impl SinkStanding {
    /// How many events it has still to get, at most: after the position, whoever wants them may be another.
    pub const fn lag(&self) -> u64 {
        self.behind.saturating_add(self.pending)
    }
}
