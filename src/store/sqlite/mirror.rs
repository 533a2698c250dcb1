//! What is known of the items of each subscription.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rusqlite::{CachedStatement, Connection, Row, params};
use serde_json::json;

use super::lies_in;
use super::packed::{Dictionary, Packed, Packer};
use super::places::{self, Batch, Place};
use super::row::{self, Fields, micros};
use crate::model::{Body, ItemId, Kind, Properties};
use crate::store::{Known, MirrorRow, StoreError};

/// The properties of the item `i`, which stand in its row or in the event that told them.
macro_rules! properties {
    () => {
        "coalesce(i.properties,
                  unpack(i.packed, (SELECT d.text FROM dictionary AS d WHERE d.key = i.dictionary)),
                  (SELECT ifnull(unpack(e.packed, (SELECT d.text FROM dictionary AS d WHERE d.key = e.dictionary)),
                                 e.data) -> '$.resource'
                   FROM event AS e WHERE e.sequence = i.told))"
    };
}
pub(super) use properties;

/// The items `i` of a subscription that are there, in the order in which they are sorted in, from a place on (see [`after`]).
/// All of them have to be sorted in.
macro_rules! walk {
    () => {
        "place AS p CROSS JOIN item AS i ON i.key = p.item AND i.subscription = p.subscription
         WHERE p.subscription = (SELECT key FROM subscription WHERE id = ?1)
               AND p.hash >= ?2 AND (p.hash > ?2 OR i.id > ?3) AND i.gone_at IS NULL"
    };
}
pub(super) use walk;

/// Where a walk goes on after this item, or begins.
pub(super) fn after(item: Option<ItemId>) -> (i64, String) {
    item.map_or_else(|| (i64::MIN, String::new()), |item| (places::hash(&item.0), item.0))
}

/// How something of an item is found, by the key of a row that may be its own, and by what is sorted in. Its id decides.
macro_rules! of_item {
    ($($what:expr),+) => {
        [
            concat!("SELECT ", $($what,)+ " FROM item AS i WHERE i.key = ?3 AND i.subscription = ?1 AND i.id = ?2"),
            concat!("SELECT ", $($what,)+ " FROM place AS p CROSS JOIN item AS i ON i.key = p.item
                     WHERE p.subscription = ?1 AND p.hash = ?3 AND i.subscription = ?1 AND i.id = ?2"),
        ]
    };
}

const KNOWN: [&str; 2] = of_item!("i.id, i.gone_at IS NOT NULL AS gone, ", properties!(), " AS properties");
const KEY: [&str; 2] = of_item!("i.key");

/// An item that is asked for, and the keys of the rows that are not sorted in and may be its own.
pub(super) struct Asked {
    pub(super) item: ItemId,
    pub(super) hash: i64,
    pub(super) rows: Vec<i64>,
}

/// Finds items of a subscription.
struct Finder<'c> {
    subscription: i64,
    by_row: CachedStatement<'c>,
    /// Nothing is sorted in while a first round is young.
    placed: Option<CachedStatement<'c>>,
}

impl<'c> Finder<'c> {
    fn new(db: &'c Connection, [by_row, placed]: [&str; 2], subscription: i64) -> Result<Self, StoreError> {
        let sorted_in: Option<i64> =
            row::value(db, "SELECT 1 FROM place WHERE subscription = ?1 LIMIT 1", [subscription])?;
        let placed = sorted_in.map(|_| db.prepare_cached(placed)).transpose()?;
        Ok(Self { subscription, by_row: db.prepare_cached(by_row)?, placed })
    }

    fn find<T>(
        &mut self,
        item: &ItemId,
        hash: i64,
        rows: &[i64],
        read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        for key in rows {
            let mut found = self.by_row.query(params![self.subscription, item.0, key])?;
            if let Some(row) = found.next()? {
                return read(row).map(Some);
            }
        }
        let Some(placed) = &mut self.placed else { return Ok(None) };
        let mut found = placed.query(params![self.subscription, item.0, hash])?;
        found.next()?.map(read).transpose()
    }
}

/// What is known of these items.
pub(super) fn known(
    db: &Connection,
    subscription: i64,
    asked: Vec<Asked>,
) -> Result<HashMap<ItemId, Known>, StoreError> {
    let mut finder = Finder::new(db, KNOWN, subscription)?;
    let mut found = HashMap::new();
    for Asked { item, hash, rows } in asked {
        let known = finder.find(&item, hash, &rows, |row| {
            let fields = Fields::new("item", "id", row);
            if fields.get("gone")? { Ok(Known::Gone) } else { body(&fields).map(Known::Here) }
        })?;
        if let Some(known) = known {
            found.insert(item, known);
        }
    }
    Ok(found)
}

/// What is known of an item whose row this is. Of a damaged one it is known that it was there in some version, so that its next
/// version is told, without what was before.
pub(super) fn body(fields: &Fields<'_, '_>) -> Result<Properties, StoreError> {
    if let Some(properties) = fields.optional("properties", Fields::json)? {
        return Ok(properties);
    }
    let id: String = fields.get("id")?;
    tracing::warn!(
        table = "item",
        row = id,
        "What was known of an item is damaged; it is told anew when it changes"
    );
    let known = ["eTag", "@odata.etag"].map(|version| (version.to_owned(), json!("")));
    Ok(known.into_iter().chain([("id".to_owned(), json!(id))]).collect())
}

/// Writes rows over what is there. `told` are the events that were written with them. Items of a `kind` that lies in folders are
/// found by those, too.
pub(super) fn write(
    db: &Connection,
    places: &mut Batch<'_>,
    (subscription, kind): (i64, Option<Kind>),
    (rows, texts): (&[MirrorRow], &[Packed]),
    told: &HashMap<&ItemId, i64>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let generation = generation(db, subscription)?.unwrap_or_default();
    let mut finder = Finder::new(db, KEY, subscription)?;
    let mut insert = db.prepare_cached(
        "INSERT INTO item (subscription, id, gone_at, generation, told, properties, dictionary, packed, lies_in)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    let mut update = db.prepare_cached(
        "UPDATE item SET gone_at = ?2, generation = ?3, told = ?4, properties = ?5, dictionary = ?6, packed = ?7,
             lies_in = ?8
         WHERE key = ?1",
    )?;
    for (MirrorRow { item, properties, as_told }, packed) in rows.iter().zip(texts) {
        let gone_at = properties.is_none().then(|| micros(now));
        let told = told.get(item).filter(|_| *as_told);
        let plain = properties.as_ref().filter(|_| told.is_none() && packed.is_none()).map(Body::get);
        let (dictionary, packed) = packed.as_ref().map(|(dictionary, packed)| (dictionary, packed)).unzip();
        let lies_in = properties.as_ref().filter(|_| kind == Some(Kind::ListItem)).and_then(lies_in::hash);
        let hash = places::hash(&item.0);
        let rows = places.find(subscription, hash);
        if let Some(key) = finder.find(item, hash, &rows, |row| Ok(row.get(0)?))? {
            let key: i64 = key;
            update.execute(params![key, gone_at, generation, told, plain, dictionary, packed, lies_in])?;
        } else {
            insert.execute(params![
                subscription,
                item.0,
                gone_at,
                generation,
                told,
                plain,
                dictionary,
                packed,
                lies_in
            ])?;
            places.add(Place { subscription, hash, item: db.last_insert_rowid() });
        }
    }
    Ok(())
}

/// A body that the mirror has left to an event.
pub(super) struct Left {
    /// The key of its row.
    item: i64,
    body: Option<String>,
    /// What the event is packed with.
    dictionary: Option<i64>,
}

/// The bodies that the mirror has left to this event.
pub(super) fn told_by(db: &Connection, sequence: i64) -> Result<Vec<Left>, StoreError> {
    let sql = concat!(
        "SELECT i.key, ",
        properties!(),
        " AS properties, (SELECT e.dictionary FROM event AS e WHERE e.sequence = i.told) AS dictionary
         FROM item AS i WHERE i.told = ?1"
    );
    row::all(db, sql, [sequence], |row| {
        let fields = Fields::new("item", "key", row);
        Ok(Left {
            item: fields.get("key")?,
            body: fields.get("properties")?,
            dictionary: fields.get("dictionary")?,
        })
    })
}

/// Puts bodies into their rows whose event is deleted.
pub(super) fn take_back(db: &Connection, bodies: Vec<Left>) -> Result<(), StoreError> {
    for Left { item, body, dictionary } in bodies {
        let dictionary = Dictionary::with_key(db, dictionary)?;
        let packed = body.as_deref().and_then(|body| Packer::new(dictionary.as_ref()).pack(body));
        let plain = body.filter(|_| packed.is_none());
        let (dictionary, packed) = packed.unzip();
        row::execute(
            db,
            "UPDATE item SET properties = ?2, dictionary = ?3, packed = ?4, told = NULL WHERE key = ?1",
            params![item, plain, dictionary, packed],
        )?;
    }
    Ok(())
}

/// Notes that a resync has seen these items.
pub(super) fn seen(
    db: &Connection,
    places: &Batch<'_>,
    subscription: i64,
    items: &[ItemId],
) -> Result<(), StoreError> {
    let generation = generation(db, subscription)?.unwrap_or_default();
    let mut finder = Finder::new(db, KEY, subscription)?;
    let mut update =
        db.prepare_cached("UPDATE item SET generation = ?2 WHERE key = ?1 AND generation <> ?2")?;
    for item in items {
        let hash = places::hash(&item.0);
        let key: Option<i64> =
            finder.find(item, hash, &places.find(subscription, hash), |row| Ok(row.get(0)?))?;
        if let Some(key) = key {
            update.execute([key, generation])?;
        }
    }
    Ok(())
}

fn generation(db: &Connection, subscription: i64) -> Result<Option<i64>, StoreError> {
    row::value(db, "SELECT generation FROM subscription WHERE key = ?1", [subscription])
}
