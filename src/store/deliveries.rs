use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::StoreError;
use crate::config::SinkStart;
use crate::model::{Attempt, Cursor, Delivery, DeliveryState, Event, ItemKey, Name, SinkStanding};

/// The ledger: how far each sink has come in the log, and what did not go at once.
///
/// A sink is worked on under a claim, by one worker at a time. Only [`Deliveries::settle`] moves its position, and only
/// forward, together with the deliveries that it leaves behind; a claim that was lost changes nothing.
#[async_trait]
pub trait Deliveries: Send + Sync {
    /// Takes in the sinks that the configuration has. A new one begins where it says; one that is known goes on where
    /// it was. What the configuration does not have any more is marked so, and is kept until the retention takes it.
    async fn enrol(&self, sinks: Vec<(Name, SinkStart)>, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// Claims a sink for `lease`; `mine` is a claim that the worker had before and has let go. `None`: another worker has
    /// it, it is switched off, or it is not there.
    async fn claim_sink(
        &self,
        sink: &Name,
        mine: Option<Uuid>,
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<Option<SinkClaim>, StoreError>;

    /// The stored deliveries that may go at `now`, the longest due first, and when the next one is due after that. Of
    /// an item's pending deliveries only the first can be among them. They come without their attempts.
    async fn due_deliveries(
        &self,
        claim: &SinkClaim,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<(Vec<Delivery>, Option<DateTime<Utc>>), StoreError>;

    /// Writes down what came of sending, all of it or nothing, and prolongs the claim.
    async fn settle(&self, settlement: Settlement) -> Result<Settled, StoreError>;

    /// How all sinks stand, by name.
    async fn sinks(&self) -> Result<Vec<SinkStanding>, StoreError>;

    /// Stored deliveries of a sink in one of these states with all their attempts, the latest event first, before this
    /// one.
    async fn deliveries(
        &self,
        sink: &Name,
        states: &[DeliveryState],
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// Has a sink's dead letters, and whatever waits for its next attempt, sent at `now`; only that of one event, if
    /// its id is given. How many, or `None`: there is no such sink.
    async fn retry(
        &self,
        sink: &Name,
        event: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<Option<u64>, StoreError>;

    /// Stores events that are to be sent to a sink again at `now`, outside of their items' order. What waits already is
    /// not stored twice. How many were stored, or `None`: there is no such sink.
    async fn send_late(
        &self,
        sink: &Name,
        events: Vec<Event>,
        now: DateTime<Utc>,
    ) -> Result<Option<u64>, StoreError>;

    /// Sets a sink's position, so that it has all later events (again). Whoever works on it loses its claim. Whether
    /// there is such a sink.
    async fn replay(&self, sink: &Name, after: Cursor) -> Result<bool, StoreError>;

    /// Switches a sink on again. Whether there is such a sink.
    async fn enable(&self, sink: &Name) -> Result<bool, StoreError>;
}

/// The right to work on a sink, for as long as its lease holds.
#[derive(Debug, Clone)]
pub struct SinkClaim {
    /// The sink's number in the ledger.
    pub key: i64,
    /// Which claim of it.
    pub lease: Uuid,
    /// Where it goes on.
    pub position: Cursor,
    /// The items of which deliveries are pending: their later events must wait behind those.
    pub held: Vec<ItemKey>,
    /// How many deliveries are pending.
    pub pending: u64,
    /// How it went lately; whoever works on it keeps this up, and it is written with each settlement.
    pub streak: Streak,
}

/// Failures since the last success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Streak {
    /// How many.
    pub failures: u32,
    /// When the first of them was.
    pub since: Option<DateTime<Utc>>,
}

/// What came of sending.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Under which claim.
    pub claim: SinkClaim,
    /// Up to where everything went, or is among `stored`.
    pub position: Cursor,
    /// How many events went, at once or later.
    pub delivered: u64,
    /// Which of them went at once. One that was a dead letter until then (the sink has gone back) is none any more.
    pub gone: Vec<Cursor>,
    /// How many events were no longer there.
    pub lost: u64,
    /// What did not go at once.
    pub stored: Vec<NewDelivery>,
    /// What came of stored deliveries.
    pub attempted: Vec<Attempted>,
    /// The last attempt, where it failed; `None` leaves what is known, unless something was delivered.
    pub failure: Option<Attempt>,
    /// The receiver is well again: what was tried in vain since then need not wait any longer.
    pub well_since: Option<DateTime<Utc>>,
    /// Why the sink is switched off, if it is.
    pub disable: Option<String>,
    /// When.
    pub now: DateTime<Utc>,
    /// For how long the claim goes on.
    pub lease: Duration,
}

/// An event that did not go at once.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// The event.
    pub event: Event,
    /// What was tried and what follows from it; `None`: it waits behind an earlier event of its item.
    pub tried: Option<(Attempt, Fate)>,
}

/// What came of sending a stored delivery once more.
#[derive(Debug, Clone)]
pub struct Attempted {
    /// Which.
    pub key: i64,
    /// The item of its event.
    pub item: ItemKey,
    /// How it went.
    pub attempt: Attempt,
    /// What follows.
    pub fate: Fate,
}

/// What becomes of a delivery after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was taken.
    Delivered,
    /// It is tried again then.
    Again(DateTime<Utc>),
    /// It was the last attempt.
    Dead,
}

/// What became of a settlement.
#[derive(Debug, Clone)]
pub enum Settled {
    /// It is written.
    Done {
        /// Of the items that it touched, whether deliveries are still pending.
        held: Vec<(ItemKey, bool)>,
        /// How many deliveries are pending, if that may have changed.
        pending: Option<u64>,
    },
    /// The claim was lost; nothing was written.
    Lost,
}
