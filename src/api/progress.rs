//! How far a first round, or a resync, has come.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{FirstRound, Name, Subscription};

#[derive(Serialize, JsonSchema)]
pub(super) struct Progress {
    items: u64,
    pages: u64,
    started_at: DateTime<Utc>,
    items_per_second: u64,
}

impl Progress {
    pub(super) fn of(round: &FirstRound, now: DateTime<Utc>) -> Self {
        let FirstRound { items, pages, started_at } = *round;
        Self { items, pages, started_at, items_per_second: round.rate(now) }
    }
}

/// A subscription of which everything is being read.
#[derive(Serialize, JsonSchema)]
pub(super) struct Reading<'a> {
    name: &'a Name,
    /// `first_round` or `resync`.
    reason: &'static str,
    #[serde(flatten)]
    progress: Progress,
}

impl<'a> Reading<'a> {
    pub(super) fn of(subscription: &'a Subscription, now: DateTime<Utc>) -> Option<Self> {
        let first = subscription.first_round.as_ref().map(|round| ("first_round", round));
        let (reason, round) = first.or(subscription.resync.as_ref().map(|round| ("resync", round)))?;
        Some(Self { name: &subscription.wish.name, reason, progress: Progress::of(round, now) })
    }
}
