//! What people ask of the ledger.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use super::super::log;
use super::super::row::{self, micros};
use super::claim::number;
use super::row::{attempts, delivery, standing};
use crate::model::{Cursor, Delivery, DeliveryState, Name, SinkStanding};
use crate::store::StoreError;

pub(super) fn standings(db: &Connection) -> Result<Vec<SinkStanding>, StoreError> {
    let latest = log::bounds(db)?.latest;
    let sql = "SELECT s.*,
                   (SELECT count(*) FROM delivery WHERE sink = s.key AND state IN ('pending', 'late')) AS pending,
                   (SELECT count(*) FROM delivery WHERE sink = s.key AND state = 'dead') AS dead
               FROM sink s ORDER BY name";
    row::all(db, sql, [], |row| standing(row, latest))
}

pub(super) fn deliveries(
    db: &Connection,
    sink: &Name,
    states: &[DeliveryState],
    before: Option<Cursor>,
    limit: usize,
) -> Result<Vec<Delivery>, StoreError> {
    let states: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
    let before = before.map_or(i64::MAX, number);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut found = row::all(
        db,
        "SELECT d.* FROM delivery d JOIN sink s ON s.key = d.sink
         WHERE s.name = ?1 AND d.sequence < ?2 AND d.state IN (SELECT value FROM json_each(?3))
         ORDER BY d.sequence DESC LIMIT ?4",
        params![sink.as_str(), before, row::to_json(&states)?, limit],
        delivery,
    )?;
    for delivery in &mut found {
        delivery.attempts = attempts(db, delivery.key)?;
    }
    Ok(found)
}

/// Deliveries that one step takes up anew: acknowledgements share the writer.
const AT_ONCE: i64 = 500;

/// A portion of what is to be sent again; how many, or none where there is no such sink.
pub(super) fn retry(
    db: &Connection,
    sink: &Name,
    event: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Option<u64>, StoreError> {
    let key: Option<i64> = row::value(db, "SELECT key FROM sink WHERE name = ?1", [sink.as_str()])?;
    let Some(key) = key else { return Ok(None) };
    let params = params![key, event, micros(now), AT_ONCE];
    let dead = row::execute(
        db,
        "UPDATE delivery SET state = 'late', round = 0, due_at = ?3, settled_at = NULL
         WHERE key IN (SELECT key FROM delivery
                       WHERE sink = ?1 AND state = 'dead' AND (?2 IS NULL OR id = ?2) LIMIT ?4)",
        params,
    )?;
    let waiting = row::execute(
        db,
        "UPDATE delivery SET due_at = ?3
         WHERE key IN (SELECT key FROM delivery
                       WHERE sink = ?1 AND due_at > ?3 AND state IN ('pending', 'late') AND (?2 IS NULL OR id = ?2)
                       LIMIT ?4)",
        params,
    )?;
    Ok(Some(u64::try_from(dead + waiting).unwrap_or(u64::MAX)))
}

pub(super) fn replay(db: &Connection, sink: &Name, after: Cursor) -> Result<bool, StoreError> {
    let moved = row::execute(
        db,
        // Never forwards, which would skip what was not sent yet.
        "UPDATE sink SET position = min(position, ?2), lease = NULL, leased_until = NULL WHERE name = ?1",
        params![sink.as_str(), number(after)],
    )?;
    Ok(moved > 0)
}

pub(super) fn enable(db: &Connection, sink: &Name) -> Result<bool, StoreError> {
    let enabled = row::execute(
        db,
        "UPDATE sink SET disabled_at = NULL, disabled_reason = NULL WHERE name = ?1",
        [sink.as_str()],
    )?;
    Ok(enabled > 0)
}
