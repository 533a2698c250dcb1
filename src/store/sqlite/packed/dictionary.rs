//! The dictionaries that texts are packed with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, params};
use zstd::dict::EncoderDictionary;

use super::super::row::{self, Fields};
use super::samples;
use crate::model::{Body, Kind, Name, NewEvent};
use crate::store::{MirrorRow, StoreError};

/// Higher levels take longer and save a hundredth.
const LEVEL: i32 = 1;
/// Dictionaries that are kept ready, some 20 KB each.
const READY: usize = 256;

/// A dictionary that is ready to pack with.
pub(in super::super) struct Dictionary {
    pub(super) key: i64,
    /// None: it is one of LZ4's, with which nothing is packed any more.
    pub(super) prepared: Option<EncoderDictionary<'static>>,
}

/// Whose texts a dictionary is for.
type Of = (Name, Kind);

/// Those that are in use.
#[derive(Default)]
pub(in super::super) struct Dictionaries(Mutex<HashMap<Of, Arc<Dictionary>>>);

impl Dictionary {
    pub(super) fn new(key: i64, text: &[u8]) -> Self {
        let is_ours = text.starts_with(&samples::BEGINNING);
        Self { key, prepared: is_ours.then(|| EncoderDictionary::copy(text, LEVEL)) }
    }

    /// The one that is kept under a key.
    pub(in super::super) fn with_key(db: &Connection, key: Option<i64>) -> Result<Option<Self>, StoreError> {
        let found = key.map(|key| text(db, key)).transpose()?.flatten();
        Ok(found.map(|(key, text)| Self::new(key, &text)))
    }

    /// The one for texts of this kind.
    pub(in super::super) fn find(db: &Connection, (tenant, kind): &Of) -> Result<Option<Self>, StoreError> {
        let found = row::first(
            db,
            "SELECT key, text FROM dictionary WHERE tenant = ?1 AND kind = ?2 AND substr(text, 1, 4) = ?3 LIMIT 1",
            params![tenant.as_str(), kind.to_string(), samples::BEGINNING],
            read,
        )?;
        Ok(found.map(|(key, text)| Self::new(key, &text)))
    }

    /// Keeps a new one, unless there is one by now.
    pub(in super::super) fn keep(db: &Connection, of: &Of, text: &[u8]) -> Result<Self, StoreError> {
        if let Some(found) = Self::find(db, of)? {
            return Ok(found);
        }
        let (tenant, kind) = of;
        row::execute(
            db,
            "INSERT INTO dictionary (tenant, kind, text) VALUES (?1, ?2, ?3)",
            params![tenant.as_str(), kind.to_string(), text],
        )?;
        Ok(Self::new(db.last_insert_rowid(), text))
    }

    /// What many events or rows have in common, if they are that many.
    pub(in super::super) fn common(events: &[NewEvent], rows: &[MirrorRow]) -> Option<Vec<u8>> {
        let told = events.iter().map(|event| event.data.get());
        let kept = rows.iter().filter_map(|row| row.properties.as_ref()).map(Body::get);
        samples::dictionary_of(told).or_else(|| samples::dictionary_of(kept))
    }
}

impl Dictionaries {
    pub(in super::super) fn get(&self, of: &Of) -> Option<Arc<Dictionary>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(of).cloned()
    }

    /// Keeps one ready, whose row is durable.
    pub(in super::super) fn add(&self, of: Of, dictionary: Dictionary) -> Arc<Dictionary> {
        let dictionary = Arc::new(dictionary);
        let mut ready = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ready.len() >= READY {
            ready.clear();
        }
        ready.insert(of, Arc::clone(&dictionary));
        dictionary
    }
}

/// The text of the one with this key.
pub(super) fn text(db: &Connection, key: i64) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
    row::first(db, "SELECT key, text FROM dictionary WHERE key = ?1", [key], read)
}

fn read(row: &rusqlite::Row<'_>) -> Result<(i64, Vec<u8>), StoreError> {
    let fields = Fields::new("dictionary", "key", row);
    Ok((fields.get("key")?, fields.get("text")?))
}
