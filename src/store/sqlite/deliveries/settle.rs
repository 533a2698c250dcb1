//! Writing down what came of sending.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use super::super::row::{self, micros, to_json};
use super::super::subscription::leased_until;
use super::claim::{number, pending};
use crate::model::{Attempt, DeliveryState, Event, ItemKey, Name};
use crate::store::{Attempted, Fate, NewDelivery, Settled, Settlement, StoreError};

/// The first of an item's pending deliveries.
pub(super) const FIRST: &str = "SELECT key FROM delivery
     WHERE sink = ?1 AND subscription = ?2 AND subject = ?3 AND state = 'pending' ORDER BY sequence LIMIT 1";

/// Dead letters in a part of the log.
pub(super) const DEAD: &str =
    "SELECT sequence FROM delivery WHERE sink = ?1 AND state = 'dead' AND sequence BETWEEN ?2 AND ?3";

pub(super) fn settle(db: &Connection, settlement: &Settlement) -> Result<Settled, StoreError> {
    let key = settlement.claim.key;
    if !hold(db, settlement)? {
        return Ok(Settled::Lost);
    }
    let mut items = HashSet::new();
    for new in &settlement.stored {
        store(db, key, new, settlement.now)?;
        items.insert(ItemKey::of(&new.event));
    }
    bury(db, settlement)?;
    for attempted in &settlement.attempted {
        take_on(db, attempted, settlement.now)?;
        items.insert(attempted.item.clone());
    }
    if let Some(since) = settlement.well_since {
        row::execute(
            db,
            "UPDATE delivery SET due_at = ?2 WHERE sink = ?1 AND due_at > ?2 AND tried_at >= ?3",
            params![key, micros(settlement.now), micros(since)],
        )?;
    }
    let mut held = Vec::with_capacity(items.len());
    for item in items {
        let still = order(db, key, &item, settlement.now)?;
        held.push((item, still));
    }
    let pending = if held.is_empty() { None } else { Some(pending(db, key)?) };
    Ok(Settled::Done { held, pending })
}

/// Moves the sink on, as long as the claim holds.
fn hold(db: &Connection, settlement: &Settlement) -> Result<bool, StoreError> {
    let Settlement { claim, now, .. } = settlement;
    let failure = settlement.failure.as_ref().map(to_json).transpose()?;
    let held = row::execute(
        db,
        "UPDATE sink SET position = max(position, ?3), leased_until = ?4,
             delivered = delivered + ?5, delivered_at = iif(?5 > 0, ?8, delivered_at),
             lost = lost + ?6, lost_at = iif(?6 > 0, ?8, lost_at),
             failure = iif(?7 IS NOT NULL, ?7, iif(?5 > 0, NULL, failure)),
             disabled_at = iif(?9 IS NULL, disabled_at, ?8), disabled_reason = ifnull(?9, disabled_reason),
             failures = ?10, failing_since = ?11
         WHERE key = ?1 AND lease = ?2 AND removed_at IS NULL",
        params![
            claim.key,
            claim.lease.to_string(),
            number(settlement.position),
            leased_until(*now, settlement.lease),
            count(settlement.delivered),
            count(settlement.lost),
            failure,
            micros(*now),
            settlement.disable,
            claim.streak.failures,
            claim.streak.since.map(micros),
        ],
    )?;
    if held > 0 && settlement.disable.is_some() {
        row::execute(db, "UPDATE sink SET lease = NULL, leased_until = NULL WHERE key = ?1", [claim.key])?;
    }
    Ok(held > 0)
}

/// Stores an event that did not go, or that waits behind one.
fn store(db: &Connection, sink: i64, new: &NewDelivery, now: DateTime<Utc>) -> Result<(), StoreError> {
    let fate = new.tried.as_ref().map(|(_, fate)| *fate);
    let written = written(fate.unwrap_or(Fate::Again(now)), now);
    let key = put(db, sink, (&new.event, u8::from(new.tried.is_some())), written, now)?;
    match (key, &new.tried) {
        (Some(key), Some((attempt, _))) => note(db, key, attempt),
        _ => Ok(()),
    }
}

/// Stores events that are to be sent again.
pub(super) fn send_late(
    db: &Connection,
    sink: &Name,
    events: &[Event],
    now: DateTime<Utc>,
) -> Result<Option<u64>, StoreError> {
    let key: Option<i64> = row::value(db, "SELECT key FROM sink WHERE name = ?1", [sink.as_str()])?;
    let Some(key) = key else { return Ok(None) };
    let mut stored = 0;
    for event in events {
        let late = (DeliveryState::Late, Some(micros(now)), None);
        stored += u64::from(put(db, key, (event, 0), late, now)?.is_some());
    }
    Ok(Some(stored))
}

/// Writes an event down; its key. One that is stored already is taken up anew if it was over, and else left as it is.
fn put(
    db: &Connection,
    sink: i64,
    (event, round): (&Event, u8),
    (state, due_at, settled_at): (DeliveryState, Option<i64>, Option<i64>),
    now: DateTime<Utc>,
) -> Result<Option<i64>, StoreError> {
    row::value(
        db,
        "INSERT INTO delivery (sink, sequence, id, tenant, subscription, type, subject, time, state, round, stored_at,
             due_at, settled_at, data)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
         ON CONFLICT (sink, sequence) DO UPDATE SET state = excluded.state, round = excluded.round,
             stored_at = excluded.stored_at, due_at = excluded.due_at, settled_at = excluded.settled_at,
             data = excluded.data
         WHERE state IN ('dead', 'delivered')
         RETURNING key",
        params![
            sink,
            number(event.cursor),
            event.id,
            event.tenant.as_str(),
            event.subscription.as_str(),
            event.event_type,
            event.subject,
            micros(event.time),
            state.as_str(),
            round,
            micros(now),
            due_at,
            settled_at,
            event.data.get(),
        ],
    )
}

/// Dead letters that went after all, since the sink had gone back.
fn bury(db: &Connection, settlement: &Settlement) -> Result<(), StoreError> {
    let gone: HashSet<i64> = settlement.gone.iter().copied().map(number).collect();
    let (Some(first), Some(last)) = (gone.iter().min(), gone.iter().max()) else { return Ok(()) };
    let sink = settlement.claim.key;
    let dead: Vec<i64> = row::all(db, DEAD, params![sink, first, last], |row| Ok(row.get(0)?))?;
    for sequence in dead.iter().filter(|sequence| gone.contains(sequence)) {
        row::execute(
            db,
            "UPDATE delivery SET state = 'delivered', settled_at = ?3, data = 'null' WHERE sink = ?1 AND sequence = ?2",
            params![sink, sequence, micros(settlement.now)],
        )?;
    }
    Ok(())
}

/// What came of a stored delivery.
fn take_on(db: &Connection, attempted: &Attempted, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (state, due_at, settled_at) = written(attempted.fate, now);
    let delivered = state == DeliveryState::Delivered;
    // One that is tried again stays what it was: pending or late.
    row::execute(
        db,
        "UPDATE delivery SET state = iif(?2 = 'pending', state, ?2), round = round + 1, due_at = ?3, settled_at = ?4,
             data = iif(?5, 'null', data)
         WHERE key = ?1",
        params![attempted.key, state.as_str(), due_at, settled_at, delivered],
    )?;
    note(db, attempted.key, &attempted.attempt)
}

fn written(fate: Fate, now: DateTime<Utc>) -> (DeliveryState, Option<i64>, Option<i64>) {
    match fate {
        Fate::Delivered => (DeliveryState::Delivered, None, Some(micros(now))),
        Fate::Again(at) => (DeliveryState::Pending, Some(micros(at)), None),
        Fate::Dead => (DeliveryState::Dead, None, Some(micros(now))),
    }
}

fn note(db: &Connection, delivery: i64, attempt: &Attempt) -> Result<(), StoreError> {
    let tried_at = params![delivery, micros(attempt.at)];
    row::execute(db, "UPDATE delivery SET tried_at = ?2 WHERE key = ?1", tried_at)?;
    row::execute(
        db,
        "INSERT INTO attempt (delivery, number, attempt)
         SELECT ?1, 1 + ifnull(max(number), 0), ?2 FROM attempt WHERE delivery = ?1",
        params![delivery, to_json(attempt)?],
    )?;
    Ok(())
}

/// Of an item's pending deliveries the first is due, and the others wait behind it. Whether there is any.
fn order(db: &Connection, sink: i64, item: &ItemKey, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let first: Option<i64> = row::value(db, FIRST, params![sink, item.subscription.as_str(), item.subject])?;
    let Some(first) = first else { return Ok(false) };
    row::execute(
        db,
        "UPDATE delivery SET due_at = NULL WHERE sink = ?1 AND subscription = ?2 AND subject = ?3
             AND state = 'pending' AND key <> ?4 AND due_at IS NOT NULL",
        params![sink, item.subscription.as_str(), item.subject, first],
    )?;
    row::execute(
        db,
        "UPDATE delivery SET due_at = ?2 WHERE key = ?1 AND due_at IS NULL",
        params![first, micros(now)],
    )?;
    Ok(true)
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
