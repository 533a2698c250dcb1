//! Items of the mirror that go: tombstones that are old, and what is left of subscriptions that are gone.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, params};

use super::places::{Batch, Place};
use super::row::{self, micros};
use crate::model::SubscriptionId;
use crate::store::StoreError;

/// Leaves the items of a subscription to housekeeping: there may be a million of them.
pub(super) fn abandon(db: &Connection, id: SubscriptionId) -> Result<(), StoreError> {
    row::execute(
        db,
        "INSERT INTO departed (subscription) SELECT key FROM subscription WHERE id = ?1 ON CONFLICT DO NOTHING",
        [id.to_string()],
    )?;
    Ok(())
}

/// Deletes up to `limit` tombstones older than `before`.
pub(super) fn delete_tombstones(
    db: &Connection,
    places: &mut Batch<'_>,
    before: DateTime<Utc>,
    limit: usize,
) -> Result<usize, StoreError> {
    let old = row::all(
        db,
        "SELECT subscription, item_hash(id), key FROM item WHERE gone_at < ?1 ORDER BY gone_at LIMIT ?2",
        params![micros(before), i64::try_from(limit).unwrap_or(i64::MAX)],
        place,
    )?;
    delete(db, places, &old)
}

/// Deletes up to `limit` items of subscriptions that are gone, and says whether there are more, of this one or another.
pub(super) fn delete_abandoned(
    db: &Connection,
    places: &mut Batch<'_>,
    limit: usize,
) -> Result<(usize, bool), StoreError> {
    let next = "SELECT subscription FROM departed LIMIT 1";
    let departed: Option<i64> = row::value(db, next, [])?;
    let Some(departed) = departed else { return Ok((0, false)) };
    let mut left = places.of(departed, limit);
    let rest = i64::try_from(limit.saturating_sub(left.len())).unwrap_or(i64::MAX);
    let sorted_in = "SELECT subscription, hash, item FROM place WHERE subscription = ?1 LIMIT ?2";
    left.extend(row::all(db, sorted_in, [departed, rest], place)?);
    // What stands in both is deleted once.
    let deleted = delete(db, places, &left)?;
    if left.len() < limit {
        row::execute(db, "DELETE FROM departed WHERE subscription = ?1", [departed])?;
    }
    let more: Option<i64> = row::value(db, next, [])?;
    Ok((deleted, more.is_some()))
}

fn place(row: &Row<'_>) -> Result<Place, StoreError> {
    Ok(Place { subscription: row.get(0)?, hash: row.get(1)?, item: row.get(2)? })
}

/// Deletes rows, and where they stand.
fn delete(db: &Connection, places: &mut Batch<'_>, rows: &[Place]) -> Result<usize, StoreError> {
    let mut deleted = 0;
    for place in rows {
        let Place { subscription, hash, item } = *place;
        deleted +=
            row::execute(db, "DELETE FROM item WHERE key = ?1 AND subscription = ?2", [item, subscription])?;
        row::execute(
            db,
            "DELETE FROM place WHERE subscription = ?1 AND hash = ?2 AND item = ?3",
            [subscription, hash, item],
        )?;
        places.remove(*place);
    }
    Ok(deleted)
}
