//! What became of notifications, for whoever looks on.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

/// Attempts that are remembered.
const KEPT: usize = 500;

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Ended {
    /// With this status.
    Answered(u16),
    /// Without an answer within the limit.
    TimedOut,
    /// Without a connection, or in the middle of an answer.
    Unreachable,
}

impl Ended {
    /// Whether the notifications were taken.
    pub(crate) fn taken(self) -> bool {
        matches!(self, Self::Answered(200..=299))
    }
}

/// One POST with notifications.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Sent {
    pub(crate) at: DateTime<Utc>,
    pub(crate) url: String,
    pub(crate) service: &'static str,
    pub(crate) notifications: usize,
    /// 0 is the first.
    pub(crate) attempt: u32,
    pub(crate) ended: Ended,
    /// In real time, also where the stand-in's time stands still.
    pub(crate) millis: u128,
    /// Whether it will not be tried again.
    pub(crate) given_up: bool,
}

/// The latest attempts, and what became of all.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) sent: VecDeque<Sent>,
    /// For each subscription that was told something, when that was and how it ended.
    pub(crate) last: BTreeMap<Uuid, (DateTime<Utc>, Ended)>,
    pub(crate) totals: Totals,
}

/// Notifications by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Totals {
    pub(crate) taken: usize,
    /// Attempts that failed; each may be followed by another.
    pub(crate) refused: usize,
    pub(crate) given_up: usize,
    /// Those that never left: lost as was wished, or with their subscription.
    pub(crate) lost: usize,
}

impl Ledger {
    pub(crate) fn write(&mut self, sent: Sent, subscriptions: impl Iterator<Item = Uuid>) {
        let count = sent.notifications;
        if sent.ended.taken() {
            self.totals.taken += count;
        } else {
            self.totals.refused += count;
        }
        if sent.given_up {
            self.totals.given_up += count;
        }
        self.last.extend(subscriptions.map(|subscription| (subscription, (sent.at, sent.ended))));
        if self.sent.len() >= KEPT {
            self.sent.pop_front();
        }
        self.sent.push_back(sent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(ended: Ended, given_up: bool) -> Sent {
        let url = "http://127.0.0.1:1/".to_owned();
        let at = DateTime::UNIX_EPOCH;
        Sent { at, url, service: "Graph", notifications: 2, attempt: 0, ended, millis: 1, given_up }
    }

    #[test]
    fn only_what_was_answered_with_success_is_taken() {
        let mut ledger = Ledger::default();
        let id = Uuid::from_u128(1);
        for (ended, given_up) in [
            (Ended::Answered(302), false),
            (Ended::TimedOut, false),
            (Ended::Unreachable, true),
            (Ended::Answered(202), false),
        ] {
            ledger.write(sent(ended, given_up), std::iter::once(id));
        }
        assert_eq!(ledger.totals, Totals { taken: 2, refused: 6, given_up: 2, lost: 0 });
        assert_eq!(ledger.last.get(&id), Some(&(DateTime::UNIX_EPOCH, Ended::Answered(202))));
    }

    #[test]
    fn the_oldest_are_forgotten_but_stay_counted() {
        let mut ledger = Ledger::default();
        for _ in 0..=KEPT {
            ledger.write(sent(Ended::Answered(202), false), std::iter::empty());
        }
        assert_eq!((ledger.sent.len(), ledger.totals.taken), (KEPT, 2 * (KEPT + 1)));
    }
}
