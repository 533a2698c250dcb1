//! The way of a hint from its arrival to the inbox.
//!
//! The hints of a transaction are written together, as one row at the end of the arrivals: before a step that is not
//! a hint, and before the commit. Nobody meets those that are not written yet: whoever looks is another step.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension as _, params};
use uuid::Uuid;

use super::hash::OurIds;
use super::row::{self, Fields, micros};
use super::runs::{self, Arrived};
use crate::model::{Hint, HintKind, SubscriptionId};
use crate::store::StoreError;

/// Hints that may stand in the arrivals, of subscriptions that had none before and in all: moving them on takes a few
/// milliseconds, and nobody who looks at a subscription has to pass more.
const MOST_FRESH: usize = 1024;
const MOST: i64 = 8192;
/// Hints in a row.
const PACK: usize = 1024;
/// Subscriptions whose key is remembered, some 50 bytes each.
const KEYS: usize = 65_536;

/// What the writer knows of arrivals.
#[derive(Default)]
pub(super) struct Arrivals {
    /// The keys of subscriptions that are followed. A key is remembered only once the transaction that read it is
    /// committed: one of a registration that was taken back may be given to another.
    keys: HashMap<SubscriptionId, i64, OurIds>,
    read: HashMap<SubscriptionId, i64, OurIds>,
    standing: Standing,
    unwritten: Vec<Arrived>,
    /// The last number, if nothing can have been numbered since but by this.
    last: Option<i64>,
    /// At least as many as have arrived since they were last moved on; none: that is not known.
    arrived: Option<i64>,
    sound: bool,
    fresh: usize,
    /// All that has arrived since it was last moved on adds nothing to what is known to stand.
    idle: bool,
    moved: bool,
}

impl Arrivals {
    /// Begins a transaction.
    pub(super) fn begin(&mut self) {
        self.read.clear();
        self.standing.found.clear();
        self.unwritten.clear();
        if !std::mem::take(&mut self.sound) {
            // What was numbered last was taken back.
            (self.last, self.arrived) = (None, None);
        }
        self.moved = false;
    }

    /// The transaction is durable.
    pub(super) fn committed(&mut self) {
        if self.keys.len() >= KEYS {
            self.keys.clear();
        }
        self.keys.extend(self.read.drain());
        self.standing.committed();
        self.idle |= self.moved;
        self.sound = true;
    }

    /// A round of the subscription with this key has begun.
    pub(super) fn claimed(&mut self, key: i64) {
        self.standing.known.remove(&key);
    }

    /// The subscription is followed no more.
    pub(super) fn forget(&mut self, subscription: SubscriptionId) {
        self.keys.remove(&subscription);
        self.read.remove(&subscription);
    }

    /// Takes a hint; `fresh`: its subscription has none that waits. Answers with its number; none: nobody follows
    /// that.
    pub(super) fn take(
        &mut self,
        db: &Connection,
        hint: &Hint,
        fresh: bool,
    ) -> Result<Option<i64>, StoreError> {
        let Some(key) = self.key(db, hint.subscription)? else { return Ok(None) };
        let last = match self.last {
            Some(last) => last,
            None => row::value(db, "SELECT max(number) FROM arrival", [])?.unwrap_or_default(),
        };
        let number = last.saturating_add(1);
        self.last = Some(number);
        self.arrived = self.arrived.map(|arrived| arrived.saturating_add(1));
        self.unwritten.push((key, hint.kind, micros(hint.received_at)));
        self.fresh += usize::from(fresh);
        self.idle &= hint.kind == HintKind::Change && self.standing.known.contains(&key);
        Ok(Some(number))
    }

    fn key(&mut self, db: &Connection, subscription: SubscriptionId) -> Result<Option<i64>, StoreError> {
        if let Some(key) = self.keys.get(&subscription).or_else(|| self.read.get(&subscription)) {
            return Ok(Some(*key));
        }
        let mut buffer = Uuid::encode_buffer();
        let id = &*subscription.0.simple().encode_lower(&mut buffer);
        let key = row::value(db, "SELECT key FROM subscription WHERE id = ?1 AND removed_at IS NULL", [id])?;
        if let Some(key) = key {
            self.read.insert(subscription, key);
        }
        Ok(key)
    }

    /// Writes what was taken.
    pub(super) fn write(&mut self, db: &Connection) -> Result<(), StoreError> {
        let mut left = self.unwritten.len();
        for pack in self.unwritten.chunks(PACK) {
            left -= pack.len();
            let behind = i64::try_from(left).unwrap_or(i64::MAX);
            let number = self.last.unwrap_or_default().saturating_sub(behind);
            row::execute(
                db,
                "INSERT INTO arrival (number, hints) VALUES (?1, ?2)",
                params![number, runs::write(pack)?],
            )?;
        }
        self.unwritten.clear();
        Ok(())
    }

    /// Moves on what has arrived if it is more than a few.
    pub(super) fn move_many_on(&mut self, db: &Connection) -> Result<(), StoreError> {
        if self.fresh < MOST_FRESH {
            // Others move on what has arrived, too, so there may be fewer than are counted here.
            if self.arrived.is_some_and(|arrived| arrived < MOST) {
                return Ok(());
            }
            let arrived = standing(db)?;
            self.arrived = Some(arrived);
            if arrived < MOST {
                return Ok(());
            }
        }
        (self.fresh, self.arrived) = (0, Some(0));
        if self.idle {
            return drop_all(db);
        }
        self.moved = true;
        move_all_on(db, &mut self.standing)
    }
}

/// Of which subscriptions a change is known to stand in the inbox that no round has claimed. In a storm of hints that
/// have to be written, the database is asked once for each subscription and not again and again.
///
/// Forgetting one is always right and costs a look; knowing one that was claimed would lose a change. So a claim is
/// forgotten at once, whatever becomes of its transaction, and what was found is known only once its own is committed.
/// A subscription that is removed need not be forgotten: nothing more arrives under its key. What arrives of one that is
/// known adds nothing whatever happens later, since whoever claims moves it on before.
#[derive(Default)]
struct Standing {
    known: HashSet<i64, OurIds>,
    found: Vec<i64>,
}

impl Standing {
    fn committed(&mut self) {
        if self.known.len() >= KEYS {
            self.known.clear();
        }
        self.known.extend(self.found.drain(..));
    }
}

/// Moves all that has arrived to the inbox, and makes their rounds due. To be called before the inbox is looked at
/// by whoever decides something.
///
/// Where one of the same kind stands in the inbox that no round has claimed, a hint adds nothing and ends here: so the
/// inbox stays small however long a subscription fails. Of a request, somebody waits for the very number.
pub(super) fn move_on(db: &Connection) -> Result<(), StoreError> {
    move_all_on(db, &mut Standing::default())
}

fn move_all_on(db: &Connection, known: &mut Standing) -> Result<(), StoreError> {
    if standing(db)? == 0 {
        return Ok(());
    }
    // Asked apart, since a statement that inserts costs several times as much although it inserts nothing.
    let mut stands = db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM inbox AS i
                        WHERE i.subscription = ?1 AND i.kind = ?2 AND i.number > ifnull(s.round_through, 0))
         FROM subscription AS s WHERE s.key = ?1",
    )?;
    let mut insert = db.prepare_cached(
        "INSERT INTO inbox (number, subscription, kind, received_at) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let mut due = db.prepare_cached(
        "UPDATE subscription SET round_due_at = ?2
         WHERE key = ?1 AND (round_due_at IS NULL OR round_due_at > ?2)",
    )?;
    for (number, (key, kind, received_at)) in unlike(db, &known.known)? {
        if kind == HintKind::Change {
            known.found.push(key);
        }
        // No row: the subscription is gone.
        let stands: Option<bool> =
            stands.query_row(params![key, kind.as_str()], |row| row.get(0)).optional()?;
        if stands == Some(false) || (stands.is_some() && kind == HintKind::Request) {
            insert.execute(params![number, key, kind.as_str(), received_at])?;
            due.execute([key, received_at])?;
        }
    }
    drop_all(db)
}

fn drop_all(db: &Connection) -> Result<(), StoreError> {
    row::execute(db, "DELETE FROM arrival WHERE number < (SELECT max(number) FROM arrival)", [])?;
    row::execute(db, "UPDATE arrival SET hints = '[]'", [])?;
    Ok(())
}

/// What has arrived, with its numbers, in order of subscriptions: of each kind the first, and every request. Changes of
/// subscriptions of which one is `known` to stand are left out.
fn unlike(db: &Connection, known: &HashSet<i64, OurIds>) -> Result<Vec<(i64, Arrived)>, StoreError> {
    let packs = row::all(db, "SELECT number, hints FROM arrival ORDER BY number", [], |row| {
        let fields = Fields::new("arrival", "number", row);
        Ok((fields.get::<i64>("number")?, runs::read(&fields, "hints")?))
    })?;
    let (mut seen, mut unlike) = (HashSet::new(), Vec::new());
    for (last, hints) in packs {
        let before = last.saturating_sub(i64::try_from(hints.len()).unwrap_or(i64::MAX));
        for (number, hint) in (before.saturating_add(1)..).zip(hints) {
            let (key, kind, _) = hint;
            let stands = kind == HintKind::Change && known.contains(&key);
            if kind == HintKind::Request || (!stands && seen.insert((key, kind))) {
                unlike.push((number, hint));
            }
        }
    }
    unlike.sort_unstable_by_key(|(number, (key, ..))| (*key, *number));
    Ok(unlike)
}

/// How many have arrived since they were last moved on: the first row is what was moved on then.
fn standing(db: &Connection) -> Result<i64, StoreError> {
    let standing =
        row::value(db, "SELECT (SELECT max(number) FROM arrival) - (SELECT min(number) FROM arrival)", [])?;
    Ok(standing.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::super::{connection, migrate};
    use super::*;

    fn hint(subscription: SubscriptionId, number: i64) -> Hint {
        Hint {
            subscription,
            remote: None,
            kind: HintKind::Change,
            plain: false,
            received_at: DateTime::from_timestamp_micros(number).unwrap(),
            content: None,
        }
    }

    #[test]
    fn numbers_leave_none_out_though_a_transaction_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = connection::for_writing(&folder.path().join("store.db")).unwrap();
        migrate::to_newest(&mut db, DateTime::UNIX_EPOCH).unwrap();
        let id = SubscriptionId(Uuid::from_u128(7));
        let sql = "INSERT INTO subscription (key, id, name, tenant, resource, via, start, selected, origin)
                   VALUES (5, ?1, 's', 't', 'drive:x', 'graph', 'now', '[]', 'api')";
        db.execute(sql, [id.0.simple().to_string()]).unwrap();
        let mut arrivals = Arrivals::default();
        let mut turn = |hints: std::ops::Range<i64>, commits: bool| {
            let transaction = db.transaction().unwrap();
            arrivals.begin();
            let numbers: Vec<_> =
                hints.map(|at| arrivals.take(&transaction, &hint(id, at * 5000), false).unwrap()).collect();
            arrivals.write(&transaction).unwrap();
            arrivals.move_many_on(&transaction).unwrap();
            if commits {
                transaction.commit().unwrap();
                arrivals.committed();
            }
            numbers.into_iter().flatten().collect::<Vec<_>>()
        };
        assert_eq!(turn(0..2, true), [1, 2]);
        assert_eq!(turn(2..4, false), [3, 4]);
        assert_eq!(turn(4..6, true), [3, 4]);
        assert_eq!(turn(6..7, true), [5]);
        let arrived = "SELECT number, received_at / 5000 FROM arrived ORDER BY number";
        let arrived: Vec<(i64, i64)> =
            row::all(&db, arrived, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(arrived, [(1, 0), (2, 1), (3, 4), (4, 5), (5, 6)]);
    }
}
