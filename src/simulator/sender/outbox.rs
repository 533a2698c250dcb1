//! What still has to be sent, by address.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::endpoint::Endpoint;
use crate::simulator::random::Random;

/// Notifications in one POST at most.
const BATCH: usize = 100;
/// POSTs to one address at a time.
const PARALLEL: usize = 4;
/// How long a notification is held back to come out of order.
const HELD_BACK: TimeDelta = TimeDelta::seconds(2);
/// How notifications travel. Probabilities are from 0 to 1 and drawn from the seed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Behaviour {
    /// How often one is sent twice.
    pub(crate) duplicate: f64,
    /// How often one is held back behind later ones.
    pub(crate) reorder: f64,
    /// How often one is never sent.
    pub(crate) lose: f64,
    /// The longest time before one is sent; each waits for something up to it.
    pub(crate) delay_seconds: u32,
}

/// A notification to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    due: DateTime<Utc>,
    /// The subscription it stands or falls with; None for what is said after a subscription's end.
    guard: Option<Uuid>,
    pub(crate) subscription: Uuid,
    pub(crate) body: Value,
}

/// Notifications that go out in one POST.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) to: Endpoint,
    pub(crate) items: Vec<Pending>,
    pub(crate) attempt: u32,
    pub(crate) since: DateTime<Utc>,
    due: DateTime<Utc>,
}

#[derive(Debug, Default)]
struct Lane {
    fresh: Vec<Pending>,
    retries: Vec<Batch>,
    in_flight: usize,
}

/// What still has to be sent.
#[derive(Debug)]
pub(crate) struct Outbox {
    lanes: BTreeMap<Endpoint, Lane>,
    random: Random,
}

impl Outbox {
    pub(crate) fn new(seed: u64) -> Self {
        Self { lanes: BTreeMap::new(), random: Random::new(seed, "sender") }
    }

    /// Takes a notification, and may double or hold it back, or lose it, which is told.
    pub(crate) fn push(
        &mut self,
        to: &Endpoint,
        subscription: Uuid,
        body: &Value,
        now: DateTime<Utc>,
        behaviour: &Behaviour,
    ) -> bool {
        if self.random.chance(behaviour.lose) {
            return false;
        }
        let copies = if self.random.chance(behaviour.duplicate) { 2 } else { 1 };
        for _ in 0..copies {
            let longest = usize::try_from(behaviour.delay_seconds).unwrap_or(0).saturating_mul(1000);
            let delay = i64::try_from(self.random.below(longest.saturating_add(1))).unwrap_or(0);
            let mut due = now + TimeDelta::milliseconds(delay);
            if self.random.chance(behaviour.reorder) {
                due += HELD_BACK;
            }
            self.push_at(to, Some(subscription), body.clone(), due);
        }
        true
    }

    /// Takes a notification that is to be sent at this time.
    pub(crate) fn push_at(&mut self, to: &Endpoint, guard: Option<Uuid>, body: Value, due: DateTime<Utc>) {
        let named = body.get("subscriptionId").and_then(Value::as_str).and_then(|id| id.parse().ok());
        let pending = Pending { due, guard, subscription: named.unwrap_or_default(), body };
        self.lanes.entry(to.clone()).or_default().fresh.push(pending);
    }

    /// What is to be sent now, and when to look again.
    pub(crate) fn take_due(
        &mut self,
        now: DateTime<Utc>,
        alive: impl Fn(Uuid) -> bool,
    ) -> (Vec<Batch>, Option<DateTime<Utc>>) {
        let mut batches = Vec::new();
        for (to, lane) in &mut self.lanes {
            lane.fresh.retain(|item| item.guard.is_none_or(&alive));
            lane.take_due(to, now, &mut batches);
        }
        self.lanes.retain(|_, lane| lane.in_flight > 0 || !lane.fresh.is_empty() || !lane.retries.is_empty());
        let next =
            self.lanes.values().filter(|lane| lane.in_flight < PARALLEL).filter_map(Lane::next_due).min();
        (batches, next)
    }

    pub(crate) fn done(&mut self, to: &Endpoint) {
        if let Some(lane) = self.lanes.get_mut(to) {
            lane.in_flight = lane.in_flight.saturating_sub(1);
        }
    }

    /// Keeps a batch that was not taken for its next attempt.
    pub(crate) fn retry(&mut self, mut batch: Batch, now: DateTime<Utc>) {
        let pause = batch.to.pause(batch.attempt);
        batch.attempt += 1;
        batch.due = now + pause;
        self.lanes.entry(batch.to.clone()).or_default().retries.push(batch);
    }

    /// How many notifications are due, and POSTs on their way.
    pub(crate) fn due(&self, now: DateTime<Utc>) -> usize {
        let due = |lane: &Lane| {
            let fresh = lane.fresh.iter().filter(|item| item.due <= now).count();
            fresh + lane.retries.iter().filter(|batch| batch.due <= now).count() + lane.in_flight
        };
        self.lanes.values().map(due).sum()
    }

    /// How many notifications wait or are on their way.
    pub(crate) fn len(&self) -> usize {
        let lanes = self.lanes.values();
        lanes
            .map(|lane| {
                lane.fresh.len()
                    + lane.retries.iter().map(|batch| batch.items.len()).sum::<usize>()
                    + lane.in_flight
            })
            .sum()
    }
}

impl Lane {
    fn take_due(&mut self, to: &Endpoint, now: DateTime<Utc>, batches: &mut Vec<Batch>) {
        while self.in_flight < PARALLEL {
            let retry =
                self.retries.iter().position(|batch| batch.due <= now).map(|at| self.retries.remove(at));
            let Some(batch) = retry.or_else(|| self.take_fresh(to, now)) else { return };
            self.in_flight += 1;
            batches.push(batch);
        }
    }

    fn take_fresh(&mut self, to: &Endpoint, now: DateTime<Utc>) -> Option<Batch> {
        let mut items = Vec::new();
        let mut later = Vec::new();
        for item in self.fresh.drain(..) {
            if item.due <= now && items.len() < BATCH { items.push(item) } else { later.push(item) }
        }
        self.fresh = later;
        (!items.is_empty()).then(|| Batch { to: to.clone(), items, attempt: 0, since: now, due: now })
    }

    fn next_due(&self) -> Option<DateTime<Utc>> {
        self.fresh.iter().map(|item| item.due).chain(self.retries.iter().map(|batch| batch.due)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(outbox: &mut Outbox, now: DateTime<Utc>, alive: &[Uuid]) -> Vec<usize> {
        outbox.take_due(now, |id| alive.contains(&id)).0.iter().map(|batch| batch.items.len()).collect()
    }

    #[test]
    fn what_is_due_for_one_address_goes_out_together() {
        let mut outbox = Outbox::new(1);
        let (now, id) = (DateTime::UNIX_EPOCH, Uuid::from_u128(1));
        for _ in 0..3 {
            outbox.push(&Endpoint::of_graph("http://a"), id, &Value::Null, now, &Behaviour::default());
        }
        assert_eq!(taken(&mut outbox, now, &[id]), [3]);
    }

    #[test]
    fn what_belongs_to_an_ended_subscription_is_not_sent() {
        let mut outbox = Outbox::new(1);
        let (now, id) = (DateTime::UNIX_EPOCH, Uuid::from_u128(1));
        outbox.push(&Endpoint::of_graph("http://a"), id, &Value::Null, now, &Behaviour::default());
        assert!(taken(&mut outbox, now, &[]).is_empty());
    }

    #[test]
    fn pauses_between_attempts_double() {
        let mut outbox = Outbox::new(1);
        let (mut now, id) = (DateTime::UNIX_EPOCH, Uuid::from_u128(1));
        outbox.push(&Endpoint::of_graph("http://a"), id, &Value::Null, now, &Behaviour::default());
        for seconds in [10, 20, 40] {
            let (mut batches, _) = outbox.take_due(now, |one| one == id);
            outbox.done(&Endpoint::of_graph("http://a"));
            outbox.retry(batches.remove(0), now);
            assert_eq!(outbox.take_due(now, |one| one == id).1, Some(now + TimeDelta::seconds(seconds)));
            now += TimeDelta::seconds(seconds);
        }
    }

    #[test]
    fn losing_and_doubling_follow_the_probabilities() {
        let (now, id) = (DateTime::UNIX_EPOCH, Uuid::from_u128(1));
        let mut outbox = Outbox::new(1);
        outbox.push(
            &Endpoint::of_graph("http://a"),
            id,
            &Value::Null,
            now,
            &Behaviour { lose: 1.0, ..Behaviour::default() },
        );
        assert_eq!(outbox.len(), 0);
        outbox.push(
            &Endpoint::of_graph("http://a"),
            id,
            &Value::Null,
            now,
            &Behaviour { duplicate: 1.0, ..Behaviour::default() },
        );
        assert_eq!(outbox.len(), 2);
    }
}
