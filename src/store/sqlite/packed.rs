//! Texts of items, packed. What is written is what a large round costs, and most of an item's text stands in every other
//! one of its kind: so each is packed with what two of them have in common, the dictionary, to a third of its length. A dictionary is found by
//! its key, so that every row can be read by itself, and stays for ever: there are as many as tenants have kinds of items.

use std::collections::{HashMap, HashSet};

use lz4_flex::block::{
    compress_prepend_size_with_dict, decompress_size_prepended_with_dict, uncompressed_size,
};
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::{Connection, params};

use super::places;
use super::row::{self, Fields};
use crate::model::{Body, NewEvent, Subscription};
use crate::store::{MirrorRow, StoreError};

/// A dictionary's bytes: what is longer costs more time with each text, and saves little.
const DICTIONARY: usize = 2048;
/// Texts that are written together before one of them becomes a dictionary.
const MANY: usize = 20;
/// Shorter texts are not worth it.
const SHORT: usize = 256;
/// No text is longer: a page is refused long before.
const LONGEST: usize = 256 * 1024 * 1024;

/// Packs the texts of a kind.
#[derive(Default)]
pub(super) struct Packer(Option<Dictionary>);

struct Dictionary {
    key: i64,
    text: Vec<u8>,
}

/// A text as it is stored: as it is or packed.
#[derive(Default)]
pub(super) struct Stored<'t> {
    pub(super) plain: Option<&'t str>,
    pub(super) dictionary: Option<i64>,
    pub(super) packed: Option<Vec<u8>>,
}

impl Packer {
    /// For what is written of a subscription: many events or rows make a dictionary, if there is none.
    pub(super) fn of(
        db: &Connection,
        subscription: &Subscription,
        events: &[NewEvent],
        rows: &[MirrorRow],
    ) -> Result<Self, StoreError> {
        let Some(target) = &subscription.target else { return Ok(Self::default()) };
        let (tenant, kind) = (subscription.wish.tenant.as_str(), target.kind().to_string());
        let found = row::first(
            db,
            "SELECT key, text FROM dictionary WHERE tenant = ?1 AND kind = ?2 LIMIT 1",
            params![tenant, kind],
            read,
        )?;
        if found.is_some() {
            return Ok(Self(found));
        }
        let event = |at: usize| events.get(at).map(|event| event.data.get());
        let body = |at: usize| rows.get(at).and_then(|row| row.properties.as_ref()).map(Body::get);
        let two = event(MANY).zip(event(MANY / 2)).or_else(|| body(MANY).zip(body(MANY / 2)));
        let Some((one, other)) = two else { return Ok(Self::default()) };
        let text = in_common(one, other);
        row::execute(
            db,
            "INSERT INTO dictionary (tenant, kind, text) VALUES (?1, ?2, ?3)",
            params![tenant, kind, text],
        )?;
        Ok(Self(Some(Dictionary { key: db.last_insert_rowid(), text })))
    }

    /// With the dictionary of that key, if there is one.
    pub(super) fn with(db: &Connection, key: Option<i64>) -> Result<Self, StoreError> {
        let sql = "SELECT key, text FROM dictionary WHERE key = ?1";
        row::first(db, sql, [key], read).map(Self)
    }

    /// As it takes up less room.
    pub(super) fn pack<'t>(&self, text: &'t str) -> Stored<'t> {
        let plain = Stored { plain: Some(text), dictionary: None, packed: None };
        let Some(dictionary) = self.0.as_ref().filter(|_| text.len() >= SHORT) else { return plain };
        let packed = compress_prepend_size_with_dict(text.as_bytes(), &dictionary.text);
        if packed.len() < text.len() / 4 * 3 {
            Stored { plain: None, dictionary: Some(dictionary.key), packed: Some(packed) }
        } else {
            plain
        }
    }
}

/// What two texts have in common, quotation mark by quotation mark: the names, and what every item of a kind says. What is one
/// item's own would outlive the retention here.
fn in_common(one: &str, other: &str) -> Vec<u8> {
    let there: HashSet<&str> = other.split('"').collect();
    let kept = one.split('"').map(|piece| if there.contains(piece) { piece } else { "" });
    let mut text = kept.collect::<Vec<_>>().join("\"").into_bytes();
    text.truncate(DICTIONARY);
    text
}

fn read(row: &rusqlite::Row<'_>) -> Result<Dictionary, StoreError> {
    let fields = Fields::new("dictionary", "key", row);
    Ok(Dictionary { key: fields.get("key")?, text: fields.get("text")? })
}

/// Unpacks the texts of many rows.
pub(super) struct Unpacker<'c> {
    db: &'c Connection,
    packers: HashMap<i64, Packer>,
}

impl<'c> Unpacker<'c> {
    pub(super) fn new(db: &'c Connection) -> Self {
        Self { db, packers: HashMap::new() }
    }

    /// The text in these columns of a row.
    pub(super) fn text(
        &mut self,
        fields: &Fields<'_, '_>,
        plain: &'static str,
    ) -> Result<String, StoreError> {
        let Some(dictionary) = fields.get::<Option<i64>>("dictionary")? else { return fields.get(plain) };
        if !self.packers.contains_key(&dictionary) {
            self.packers.insert(dictionary, Packer::with(self.db, Some(dictionary))?);
        }
        let found = self.packers.get(&dictionary).and_then(|packer| packer.0.as_ref());
        let found = found.ok_or_else(|| fields.broken("dictionary", &"there is none with this key"))?;
        let text = unpack(fields.bytes("packed")?, &found.text);
        text.map_err(|error| fields.broken("packed", &error))
    }
}

/// What is wrong with something packed.
type Wrong = Box<dyn std::error::Error + Send + Sync>;

fn unpack(packed: &[u8], dictionary: &[u8]) -> Result<String, Wrong> {
    let (length, _) = uncompressed_size(packed)?;
    if length > LONGEST {
        return Err("it would be longer than anything that is packed".into());
    }
    let text = decompress_size_prepended_with_dict(packed, dictionary)?;
    if text.len() != length {
        return Err("it breaks off".into());
    }
    Ok(String::from_utf8(text)?)
}

/// Teaches SQL `unpack(packed, dictionary)` and `item_hash(id)`. What is damaged unpacks to nothing: one row must not keep a
/// page from being written, nor old ones from being deleted.
pub(super) fn register(db: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    db.create_scalar_function("unpack", 2, flags, |call: &mut Context<'_>| {
        let (packed, dictionary) = (call.get_raw(0).as_blob_or_null(), call.get_raw(1).as_blob_or_null());
        let (Some(packed), Some(dictionary)) = (packed?, dictionary?) else { return Ok(None) };
        let text = unpack(packed, dictionary);
        let text =
            text.inspect_err(|error| tracing::warn!(%error, "A stored text is damaged and taken for none"));
        Ok(text.ok())
    })?;
    db.create_scalar_function("item_hash", 1, flags, |call: &mut Context<'_>| {
        Ok(places::hash(call.get_raw(0).as_str()?))
    })
}

#[cfg(test)]
mod tests;
