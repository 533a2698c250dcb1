//! What is known of the items of each subscription.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::row::{self, Fields, micros};
use crate::model::{Body, ItemId, SubscriptionId};
use crate::store::{Known, MirrorRow, StoreError};

/// The properties of the item `i`, which stand in its row or in the event that told them.
macro_rules! properties {
    () => {
        "ifnull(i.properties, (SELECT e.data -> '$.resource' FROM event AS e WHERE e.sequence = i.told))"
    };
}
pub(super) use properties;

/// What is known of these items.
pub(super) fn known(
    db: &Connection,
    id: SubscriptionId,
    items: Vec<ItemId>,
) -> Result<HashMap<ItemId, Known>, StoreError> {
    let key: Option<i64> = row::value(db, "SELECT key FROM subscription WHERE id = ?1", [id.to_string()])?;
    let mut statement = db.prepare_cached(concat!(
        "SELECT i.id, i.gone_at IS NOT NULL AS gone, ",
        properties!(),
        " AS properties FROM item AS i WHERE i.subscription = ?1 AND i.id = ?2"
    ))?;
    let mut found = HashMap::with_capacity(items.len());
    for item in items {
        let known = statement
            .query_row(params![key, item.0], |row| Ok(read(&Fields::new("item", "id", row))))
            .optional()?;
        if let Some(known) = known.transpose()? {
            found.insert(item, known);
        }
    }
    Ok(found)
}

fn read(fields: &Fields<'_, '_>) -> Result<Known, StoreError> {
    if fields.get("gone")? { Ok(Known::Gone) } else { fields.json("properties").map(Known::Here) }
}

/// Writes rows over what is there. `told` are the events that were written with them.
pub(super) fn write(
    db: &Connection,
    subscription: i64,
    rows: &[MirrorRow],
    told: &HashMap<&ItemId, i64>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let generation: Option<i64> = generation(db, subscription)?;
    let mut statement = db.prepare_cached(
        "INSERT INTO item (subscription, id, gone_at, properties, generation, told) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (subscription, id) DO UPDATE
         SET gone_at = excluded.gone_at, properties = excluded.properties, generation = excluded.generation,
             told = excluded.told",
    )?;
    for row in rows {
        let gone_at = row.properties.is_none().then(|| micros(now));
        let told = told.get(&row.item).filter(|_| row.as_told);
        let properties = row.properties.as_ref().filter(|_| told.is_none()).map(Body::get);
        statement.execute(params![
            subscription,
            row.item.0,
            gone_at,
            properties,
            generation.unwrap_or_default(),
            told
        ])?;
    }
    Ok(())
}

/// The bodies that the mirror has left to this event, with the keys of their rows.
pub(super) fn told_by(db: &Connection, sequence: i64) -> Result<Vec<(i64, Option<String>)>, StoreError> {
    let sql = concat!("SELECT i.key, ", properties!(), " AS properties FROM item AS i WHERE i.told = ?1");
    row::all(db, sql, [sequence], |row| {
        let fields = Fields::new("item", "key", row);
        Ok((fields.get("key")?, fields.get("properties")?))
    })
}

/// Puts bodies into their rows whose event is deleted.
pub(super) fn take_back(db: &Connection, bodies: Vec<(i64, Option<String>)>) -> Result<(), StoreError> {
    for body in bodies {
        row::execute(db, "UPDATE item SET properties = ?2, told = NULL WHERE key = ?1", body)?;
    }
    Ok(())
}

/// Notes that a resync has seen these items.
pub(super) fn seen(db: &Connection, subscription: i64, items: &[ItemId]) -> Result<(), StoreError> {
    let generation = generation(db, subscription)?;
    let mut statement =
        db.prepare_cached("UPDATE item SET generation = ?3 WHERE subscription = ?1 AND id = ?2")?;
    for item in items {
        statement.execute(params![subscription, item.0, generation.unwrap_or_default()])?;
    }
    Ok(())
}

fn generation(db: &Connection, subscription: i64) -> Result<Option<i64>, StoreError> {
    row::value(db, "SELECT generation FROM subscription WHERE key = ?1", [subscription])
}

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
    before: DateTime<Utc>,
    limit: i64,
) -> Result<usize, StoreError> {
    row::execute(
        db,
        "DELETE FROM item WHERE key IN (SELECT key FROM item WHERE gone_at < ?1 ORDER BY gone_at LIMIT ?2)",
        params![micros(before), limit],
    )
}

/// Deletes up to `limit` items of subscriptions that are gone.
pub(super) fn delete_abandoned(db: &Connection, limit: i64) -> Result<usize, StoreError> {
    let departed: Option<i64> = row::value(db, "SELECT subscription FROM departed LIMIT 1", [])?;
    let Some(departed) = departed else { return Ok(0) };
    let deleted = row::execute(
        db,
        "DELETE FROM item WHERE key IN (SELECT key FROM item WHERE subscription = ?1 LIMIT ?2)",
        params![departed, limit],
    )?;
    row::execute(
        db,
        "DELETE FROM departed WHERE subscription = ?1 AND NOT EXISTS (SELECT 1 FROM item WHERE subscription = ?1)",
        [departed],
    )?;
    Ok(deleted)
}
