//! Rows of the ledger as what they stand for.

use rusqlite::{Connection, Row};
use serde_json::value::RawValue;

use super::super::row::{self, Fields};
use crate::model::{Attempt, Cursor, Delivery, Event, SinkStanding};
use crate::store::StoreError;

/// A stored delivery without its attempts.
pub(super) fn delivery(row: &Row<'_>) -> Result<Delivery, StoreError> {
    let fields = Fields::new("delivery", "key", row);
    let event = Event {
        cursor: Cursor::at(fields.number("sequence")?),
        id: fields.get("id")?,
        tenant: fields.parsed("tenant")?,
        subscription: fields.parsed("subscription")?,
        event_type: fields.get("type")?,
        subject: fields.get("subject")?,
        time: fields.time("time")?,
        data: RawValue::from_string(fields.get("data")?).map_err(|error| fields.broken("data", &error))?,
    };
    Ok(Delivery {
        key: fields.get("key")?,
        state: fields.parsed("state")?,
        event,
        round: fields.number("round")?,
        stored_at: fields.time("stored_at")?,
        due_at: fields.optional("due_at", Fields::time)?,
        attempts: Vec::new(),
    })
}

/// What was tried of a delivery, the oldest first.
pub(super) fn attempts(db: &Connection, delivery: i64) -> Result<Vec<Attempt>, StoreError> {
    let sql = "SELECT * FROM attempt WHERE delivery = ?1 ORDER BY number";
    row::all(db, sql, [delivery], |row| Fields::new("attempt", "delivery", row).json("attempt"))
}

/// How a sink stands; `latest` is the log's end.
pub(super) fn standing(row: &Row<'_>, latest: Cursor) -> Result<SinkStanding, StoreError> {
    let fields = Fields::new("sink", "name", row);
    let position = Cursor::at(fields.number("position")?);
    let disabled_at = fields.optional("disabled_at", Fields::time)?;
    let reason = fields.get::<Option<String>>("disabled_reason")?.unwrap_or_default();
    Ok(SinkStanding {
        name: fields.parsed("name")?,
        position,
        behind: latest.number().saturating_sub(position.number()),
        pending: fields.number("pending")?,
        dead: fields.number("dead")?,
        lost: fields.number("lost")?,
        lost_at: fields.optional("lost_at", Fields::time)?,
        delivered: fields.number("delivered")?,
        delivered_at: fields.optional("delivered_at", Fields::time)?,
        disabled: disabled_at.map(|at| (at, reason)),
        removed_at: fields.optional("removed_at", Fields::time)?,
        failure: fields.optional("failure", Fields::json)?,
        failures: fields.get("failures")?,
        failing_since: fields.optional("failing_since", Fields::time)?,
    })
}
