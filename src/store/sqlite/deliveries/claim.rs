//! Which sinks there are, who works on one, and what is due there.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::super::log;
use super::super::row::{self, Fields, micros};
use super::super::subscription::leased_until;
use super::row::delivery;
use crate::config::SinkStart;
use crate::model::{Cursor, Delivery, ItemKey, Name};
use crate::store::{SinkClaim, StoreError, Streak};

/// Text of events in one answer, so that large ones do not fill the memory.
const BYTES: usize = 4 * 1024 * 1024;

pub(super) const DUE: &str =
    "SELECT * FROM delivery WHERE sink = ?1 AND due_at <= ?2 ORDER BY due_at, sequence LIMIT ?3";
pub(super) const PENDING: &str = "SELECT count(*) FROM delivery WHERE sink = ?1 AND state = 'pending'";
pub(super) const HELD: &str =
    "SELECT DISTINCT subscription, subject FROM delivery WHERE sink = ?1 AND state = 'pending'";
pub(super) const NEXT: &str = "SELECT min(due_at) FROM delivery WHERE sink = ?1 AND due_at > ?2";

pub(super) fn enrol(
    db: &Connection,
    sinks: &[(Name, SinkStart)],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let known = row::all(db, "SELECT name FROM sink WHERE removed_at IS NULL", [], |row| {
        Fields::new("sink", "name", row).parsed::<Name>("name")
    })?;
    for name in known.iter().filter(|name| !sinks.iter().any(|(configured, _)| configured == *name)) {
        remove(db, name, now)?;
    }
    sinks.iter().try_for_each(|(name, start)| add(db, name, *start))
}

pub(super) fn remove(db: &Connection, name: &Name, now: DateTime<Utc>) -> Result<(), StoreError> {
    row::execute(
        db,
        "UPDATE sink SET removed_at = ?2, lease = NULL, leased_until = NULL WHERE name = ?1",
        params![name.as_str(), micros(now)],
    )?;
    Ok(())
}

/// A new one begins there; one that is known goes on where it was.
pub(super) fn add(db: &Connection, name: &Name, start: SinkStart) -> Result<(), StoreError> {
    let bounds = log::bounds(db)?;
    let position = match start {
        SinkStart::Now => bounds.latest,
        SinkStart::Beginning => bounds.oldest,
        // What is to come must not be skipped.
        SinkStart::After(cursor) => cursor.min(bounds.latest),
    };
    row::execute(
        db,
        "INSERT INTO sink (name, position) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET removed_at = NULL",
        params![name.as_str(), number(position)],
    )?;
    Ok(())
}

pub(super) fn claim(
    db: &Connection,
    sink: &Name,
    mine: Option<Uuid>,
    now: DateTime<Utc>,
    lease: Duration,
) -> Result<Option<SinkClaim>, StoreError> {
    let id = Uuid::new_v4();
    let claimed = row::first(
        db,
        "UPDATE sink SET lease = ?2, leased_until = ?4
         WHERE name = ?1 AND (leased_until IS NULL OR leased_until <= ?3 OR lease = ?5)
             AND disabled_at IS NULL AND removed_at IS NULL
         RETURNING key, position, failures, failing_since",
        params![
            sink.as_str(),
            id.to_string(),
            micros(now),
            leased_until(now, lease),
            mine.map(|id| id.to_string())
        ],
        |row| {
            let fields = Fields::new("sink", "key", row);
            let streak = Streak {
                failures: fields.get("failures")?,
                since: fields.optional("failing_since", Fields::time)?,
            };
            Ok((fields.get::<i64>("key")?, Cursor::at(fields.number("position")?), streak))
        },
    )?;
    let Some((key, position, streak)) = claimed else { return Ok(None) };
    let pending = pending(db, key)?;
    let held = row::all(db, HELD, [key], |row| {
        let fields = Fields::new("delivery", "subject", row);
        Ok(ItemKey { subscription: fields.parsed("subscription")?, subject: fields.get("subject")? })
    })?;
    Ok(Some(SinkClaim { key, lease: id, position, held, pending, streak }))
}

/// How many deliveries of a sink are pending.
pub(super) fn pending(db: &Connection, sink: i64) -> Result<u64, StoreError> {
    let number: i64 = row::value(db, PENDING, [sink])?.unwrap_or_default();
    Ok(u64::try_from(number).unwrap_or_default())
}

pub(super) fn due(
    db: &Connection,
    sink: i64,
    now: DateTime<Utc>,
    limit: usize,
) -> Result<(Vec<Delivery>, Option<DateTime<Utc>>), StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = db.prepare_cached(DUE)?;
    let mut rows = statement.query(params![sink, micros(now), limit])?;
    let (mut found, mut bytes) = (Vec::new(), 0);
    while bytes < BYTES {
        let Some(row) = rows.next()? else { break };
        let delivery = delivery(row)?;
        bytes += delivery.event.data.get().len();
        found.push(delivery);
    }
    let next: Option<i64> = row::value::<Option<i64>>(db, NEXT, params![sink, micros(now)])?.flatten();
    Ok((found, next.and_then(DateTime::from_timestamp_micros)))
}

pub(super) fn number(cursor: Cursor) -> i64 {
    i64::try_from(cursor.number()).unwrap_or(i64::MAX)
}
