//! Where the mirror's items stand: from a hash of an item's id to its row.
//!
//! Hashes lie anywhere in the table that holds them, so that each new one would touch a page of its own, and whole pages
//! are written. So the places of new items are kept in memory first and sorted in by thousands, when pages take many.
//!
//! What that rests on:
//! * rows are durable with their commit and their keys only grow, so that what is not sorted in yet are the rows after
//!   `placed.through`: opening the store reads those again;
//! * a place is noted after the commit that wrote its row, before whoever committed is told;
//! * it is forgotten after the commit that sorted it in. So whoever looks here *first*, and into the table in a state of
//!   the database that is later, misses nothing;
//! * a place may stand here and there, and other ids may have the same hash: whoever follows one compares the id.

use std::collections::{BTreeSet, HashSet};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, params};

use super::row;
use crate::store::StoreError;

/// Places that are kept in memory, 24 bytes each, before they are sorted in. Twice as many would save a fifth of what a
/// drive of a million items writes, and cost each start as much again.
const MANY: usize = 65_536;
/// Places that are sorted in with one transaction: some milliseconds.
const AT_ONCE: usize = 4096;

/// The number by which an item is found: FNV-1a of its id. It is stored, and so must never become another.
pub(super) fn hash(id: &str) -> i64 {
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    hash.cast_signed()
}

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) subscription: i64,
    pub(super) hash: i64,
    /// The key of its row.
    pub(super) item: i64,
}

/// The places that are not in the table.
#[derive(Default)]
pub(super) struct Places(Mutex<Fresh>);

#[derive(Default)]
struct Fresh {
    new: BTreeSet<Place>,
    /// Those that are being sorted in, by transactions to come.
    moving: BTreeSet<Place>,
    /// How far that has come.
    moved: Option<Place>,
    /// The last key among all that were ever here, and among `moving`.
    last: i64,
    moving_through: i64,
}

/// What a batch of steps changes, which holds once it is committed.
pub(super) struct Batch<'a> {
    before: &'a Places,
    noted: Vec<Noted>,
    added: BTreeSet<Place>,
    moved: Moved,
    hurry: bool,
}

#[derive(Clone, Copy)]
enum Noted {
    Added(Place),
    Removed(Place),
}

/// What of `moving` the batch has sorted in.
enum Moved {
    Nothing,
    Through(Place),
    All,
}

impl Places {
    /// Reads what was not sorted in.
    pub(super) fn load(db: &Connection) -> Result<Self, StoreError> {
        let mut fresh = Fresh::default();
        let unplaced = "SELECT key, subscription, item_hash(id) FROM item
                        WHERE key > (SELECT through FROM placed) ORDER BY key";
        for place in row::all(db, unplaced, [], |row| {
            Ok(Place { item: row.get(0)?, subscription: row.get(1)?, hash: row.get(2)? })
        })? {
            fresh.add(place);
        }
        Ok(Self(Mutex::new(fresh)))
    }

    /// The rows that may be of an item with this hash.
    pub(super) fn find(&self, subscription: i64, hash: i64) -> Vec<i64> {
        let fresh = self.fresh();
        [&fresh.new, &fresh.moving].into_iter().flat_map(|places| among(places, subscription, hash)).collect()
    }

    /// Whether some of this subscription are not in the table.
    pub(super) fn has(&self, subscription: i64) -> bool {
        let fresh = self.fresh();
        [&fresh.new, &fresh.moving].into_iter().any(|places| of(places, subscription).next().is_some())
    }

    /// Begins a batch; there is one at a time.
    pub(super) fn batch(&self) -> Batch<'_> {
        let (noted, added) = (Vec::new(), BTreeSet::new());
        Batch { before: self, noted, added, moved: Moved::Nothing, hurry: false }
    }

    fn fresh(&self) -> MutexGuard<'_, Fresh> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fresh {
    fn add(&mut self, place: Place) {
        self.new.insert(place);
        self.last = self.last.max(place.item);
    }

    fn remove(&mut self, place: &Place) {
        self.new.remove(place);
        self.moving.remove(place);
    }

    /// The next ones to be sorted in.
    fn next(&self, many: usize) -> Vec<Place> {
        let after = self.moved.map_or(Bound::Unbounded, Bound::Excluded);
        self.moving.range((after, Bound::Unbounded)).take(many).copied().collect()
    }

    /// Begins to sort in what there is.
    fn begin(&mut self) {
        self.moving = std::mem::take(&mut self.new);
        (self.moved, self.moving_through) = (None, self.last);
    }
}

impl Batch<'_> {
    /// The rows that may be of an item with this hash, at this place of the batch.
    pub(super) fn find(&self, subscription: i64, hash: i64) -> Vec<i64> {
        let mut found = self.before.find(subscription, hash);
        found.extend(among(&self.added, subscription, hash));
        found
    }

    /// Up to `limit` of a subscription's places that may not be in the table.
    pub(super) fn of(&self, subscription: i64, limit: usize) -> Vec<Place> {
        let fresh = self.before.fresh();
        let here = [&fresh.new, &fresh.moving, &self.added];
        let here = here.into_iter().flat_map(|places| of(places, subscription)).copied();
        let removed = self.removed();
        here.filter(|place| !removed.contains(place)).take(limit).collect()
    }

    /// A row was written.
    pub(super) fn add(&mut self, place: Place) {
        self.noted.push(Noted::Added(place));
        self.added.insert(place);
    }

    /// A row was deleted.
    pub(super) fn remove(&mut self, place: Place) {
        self.noted.push(Noted::Removed(place));
    }

    /// What there is shall be sorted in by the next transactions, although it is not much.
    pub(super) fn hurry(&mut self) {
        self.hurry = true;
    }

    /// Where a step begins that may be taken back.
    pub(super) fn mark(&self) -> usize {
        self.noted.len()
    }

    /// Everything since then did not happen.
    pub(super) fn take_back(&mut self, mark: usize) {
        for noted in self.noted.drain(mark.min(self.noted.len())..) {
            if let Noted::Added(place) = noted {
                self.added.remove(&place);
            }
        }
    }

    /// Sorts a part in, if that has begun and others have come: who only deletes may have no room for it. At the end of a
    /// transaction that nothing is taken back of.
    pub(super) fn sort_in(&mut self, db: &Connection) -> Result<(), StoreError> {
        if self.added.is_empty() && !self.hurry {
            return Ok(());
        }
        // As many as have come at least, so that what waits to be sorted in does not grow without end.
        let many = AT_ONCE.max(self.added.len());
        let (next, through) = {
            let fresh = self.before.fresh();
            if fresh.moving.is_empty() {
                return Ok(());
            }
            (fresh.next(many), fresh.moving_through)
        };
        let removed = self.removed();
        let mut statement =
            db.prepare_cached("INSERT OR IGNORE INTO place (subscription, hash, item) VALUES (?1, ?2, ?3)")?;
        for place in next.iter().filter(|place| !removed.contains(*place)) {
            statement.execute(params![place.subscription, place.hash, place.item])?;
        }
        self.moved = if let Some(last) = next.last().filter(|_| next.len() == many) {
            Moved::Through(*last)
        } else {
            row::execute(db, "UPDATE placed SET through = ?1", [through])?;
            Moved::All
        };
        Ok(())
    }

    /// The batch is durable. To be called before anybody is told.
    pub(super) fn committed(self) {
        let mut fresh = self.before.fresh();
        for noted in &self.noted {
            match noted {
                Noted::Added(place) => fresh.add(*place),
                Noted::Removed(place) => fresh.remove(place),
            }
        }
        match self.moved {
            Moved::Nothing => {}
            Moved::Through(last) => fresh.moved = Some(last),
            Moved::All => fresh.moving = BTreeSet::new(),
        }
        if fresh.moving.is_empty() && (self.hurry || fresh.new.len() >= MANY) {
            fresh.begin();
        }
    }

    fn removed(&self) -> HashSet<Place> {
        let removed = self.noted.iter().filter_map(|noted| match noted {
            Noted::Removed(place) => Some(*place),
            Noted::Added(_) => None,
        });
        removed.collect()
    }
}

/// Of a subscription.
fn of(places: &BTreeSet<Place>, subscription: i64) -> impl Iterator<Item = &Place> {
    let edge = |hash, item| Place { subscription, hash, item };
    places.range(edge(i64::MIN, i64::MIN)..=edge(i64::MAX, i64::MAX))
}

/// Rows with a hash.
fn among(places: &BTreeSet<Place>, subscription: i64, hash: i64) -> impl Iterator<Item = i64> {
    let edge = |item| Place { subscription, hash, item };
    places.range(edge(i64::MIN)..=edge(i64::MAX)).map(|place| place.item)
}

#[cfg(test)]
mod tests;
