//! What lies in which folder of a list: by a hash of the folder's id, which stands in each item's row. Other folders may have the
//! same hash, so that whoever follows one compares the id.

use std::borrow::Cow;

use rusqlite::{Connection, params};
use serde::Deserialize;

use super::mirror::properties;
use super::places;
use super::row::{self, Fields};
use crate::model::{Body, ItemId, Properties, SubscriptionId};
use crate::store::StoreError;

/// An item, as far as it says where it lies.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lying<'b> {
    #[serde(borrow)]
    parent_reference: Parent<'b>,
}

#[derive(Deserialize)]
struct Parent<'b> {
    #[serde(borrow)]
    id: Cow<'b, str>,
}

/// The hash of the folder that an item lies in, if it says so.
pub(super) fn hash(item: &Body) -> Option<i64> {
    let item: Lying<'_> = serde_json::from_str(item.get()).ok()?;
    Some(of(&item.parent_reference.id))
}

/// It is stored, and so must never become another.
fn of(folder: &str) -> i64 {
    places::hash(&folder.to_ascii_lowercase())
}

/// Up to `limit` items that lie in folders with these unique ids.
pub(super) fn inside(
    db: &Connection,
    id: SubscriptionId,
    folders: &[String],
    limit: usize,
) -> Result<Vec<(ItemId, Properties)>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let hashes: Vec<i64> = folders.iter().map(|folder| of(folder)).collect();
    row::all(
        db,
        concat!(
            "SELECT id, properties FROM (SELECT i.id, ",
            properties!(),
            " AS properties FROM item AS i INDEXED BY item_lies_in
             WHERE i.subscription = (SELECT key FROM subscription WHERE id = ?1)
                   AND i.lies_in IN (SELECT value FROM json_each(?2)) AND i.gone_at IS NULL)
             WHERE lower(properties ->> '$.parentReference.id') IN (SELECT lower(value) FROM json_each(?3)) LIMIT ?4"
        ),
        params![id.to_string(), row::to_json(&hashes)?, row::to_json(&folders)?, limit],
        |row| {
            let fields = Fields::new("item", "id", row);
            Ok((ItemId(fields.get("id")?), fields.json("properties")?))
        },
    )
}
