//! Texts of items, packed. What is written is what a large round costs, and most of an item's text stands in every other
//! one of its kind: so each is packed with what those have in common, the dictionary, to a tenth of its length. A dictionary is found by
//! its key, so that every row can be read by itself, and stays for ever: there are as many as tenants have kinds of items.
//!
//! What is packed and what it is packed with both begin with what Zstandard begins with. What does not was packed by versions before
//! that, with LZ4, and is read as that for as long as it is kept.

mod dictionary;
mod samples;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use lz4_flex::block::{decompress_size_prepended_with_dict, uncompressed_size};
use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{MAGICNUMBER, get_frame_content_size};

use super::places;
use super::row::Fields;
use crate::store::StoreError;
pub(super) use dictionary::{Dictionaries, Dictionary};

/// Shorter texts are not worth it.
const SHORT: usize = 128;
/// No text is longer: a page is refused long before.
const LONGEST: usize = 256 * 1024 * 1024;

/// Packs texts of a kind.
#[derive(Default)]
pub(super) struct Packer<'d>(Option<(i64, Compressor<'d>)>);

/// A text packed, and the key of the dictionary that it is packed with; none: it is stored as it is.
pub(super) type Packed = Option<(i64, Vec<u8>)>;

impl<'d> Packer<'d> {
    /// With a dictionary, if there is one.
    pub(super) fn new(dictionary: Option<&'d Dictionary>) -> Self {
        let with = |found: &'d Dictionary| {
            let compressor = Compressor::with_prepared_dictionary(found.prepared.as_ref()?).ok()?;
            Some((found.key, compressor))
        };
        Self(dictionary.and_then(with))
    }

    /// As it takes up less room.
    pub(super) fn pack(&mut self, text: &str) -> Packed {
        let (key, compressor) = self.0.as_mut().filter(|_| text.len() >= SHORT)?;
        let packed = compressor.compress(text.as_bytes()).ok()?;
        (packed.len() < text.len() / 4 * 3).then_some((*key, packed))
    }
}

/// Unpacks the texts of many rows.
pub(super) struct Unpacker<'c> {
    db: &'c Connection,
    openers: HashMap<i64, Opener>,
}

impl<'c> Unpacker<'c> {
    pub(super) fn new(db: &'c Connection) -> Self {
        Self { db, openers: HashMap::new() }
    }

    /// The text in these columns of a row.
    pub(super) fn text(
        &mut self,
        fields: &Fields<'_, '_>,
        plain: &'static str,
    ) -> Result<String, StoreError> {
        let Some(key) = fields.get::<Option<i64>>("dictionary")? else { return fields.get(plain) };
        if !self.openers.contains_key(&key)
            && let Some((key, text)) = dictionary::text(self.db, key)?
        {
            self.openers.insert(key, Opener::new(text));
        }
        let found = self.openers.get_mut(&key);
        let found = found.ok_or_else(|| fields.broken("dictionary", &"there is none with this key"))?;
        let text = found.unpack(fields.bytes("packed")?);
        text.map_err(|error| fields.broken("packed", &error))
    }
}

/// What is wrong with something packed.
type Wrong = Box<dyn std::error::Error + Send + Sync>;

/// Unpacks what was packed with a dictionary.
#[derive(Default)]
struct Opener {
    dictionary: Vec<u8>,
    /// It is made once for many texts: that takes as long as to unpack ten.
    decompressor: Option<Decompressor<'static>>,
}

impl Opener {
    fn new(dictionary: Vec<u8>) -> Self {
        Self { dictionary, decompressor: None }
    }

    fn unpack(&mut self, packed: &[u8]) -> Result<String, Wrong> {
        let text = if packed.starts_with(&MAGICNUMBER.to_le_bytes()) {
            self.zstd(packed)
        } else {
            lz4(packed, &self.dictionary)
        };
        Ok(String::from_utf8(text?)?)
    }

    fn zstd(&mut self, packed: &[u8]) -> Result<Vec<u8>, Wrong> {
        let length = get_frame_content_size(packed).ok().flatten().ok_or("it does not say how long it is")?;
        let length = bounded(usize::try_from(length)?)?;
        let decompressor = match &mut self.decompressor {
            Some(decompressor) => decompressor,
            none => none.insert(Decompressor::with_dictionary(&self.dictionary)?),
        };
        Ok(decompressor.decompress(packed, length)?)
    }
}

fn lz4(packed: &[u8], dictionary: &[u8]) -> Result<Vec<u8>, Wrong> {
    let length = bounded(uncompressed_size(packed)?.0)?;
    let text = decompress_size_prepended_with_dict(packed, dictionary)?;
    if text.len() == length { Ok(text) } else { Err("it breaks off".into()) }
}

fn bounded(length: usize) -> Result<usize, Wrong> {
    if length > LONGEST { Err("it would be longer than anything that is packed".into()) } else { Ok(length) }
}

/// Teaches SQL `unpack(packed, dictionary)` and `item_hash(id)`. What is damaged unpacks to nothing: one row must not keep a
/// page from being written, nor old ones from being deleted.
pub(super) fn register(db: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    // Texts that are read one after the other were mostly packed with the same dictionary.
    let last = Mutex::<Opener>::default();
    db.create_scalar_function("unpack", 2, flags, move |call: &mut Context<'_>| {
        let (packed, dictionary) = (call.get_raw(0).as_blob_or_null(), call.get_raw(1).as_blob_or_null());
        let (Some(packed), Some(dictionary)) = (packed?, dictionary?) else { return Ok(None) };
        let mut opener = last.lock().unwrap_or_else(PoisonError::into_inner);
        if opener.dictionary != dictionary {
            *opener = Opener::new(dictionary.to_owned());
        }
        let text = opener.unpack(packed);
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
