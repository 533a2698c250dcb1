use std::collections::HashMap;

use chrono::DateTime;
use tempfile::TempDir;

use super::super::{connection, migrate};
use super::*;

/// A store, and what is written to it batch by batch.
struct Bench {
    places: Places,
    db: Connection,
    _folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mut db = connection::for_writing(&folder.path().join("store.db")).unwrap();
        migrate::to_newest(&mut db, DateTime::UNIX_EPOCH).unwrap();
        Self { places: Places::load(&db).unwrap(), db, _folder: folder }
    }

    /// A transaction: with `ends` it does.
    fn batch(&self, ends: bool, step: impl FnOnce(&Self, &mut Batch<'_>)) {
        let mut batch = self.places.batch();
        self.db.execute_batch("BEGIN").unwrap();
        step(self, &mut batch);
        batch.sort_in(&self.db).unwrap();
        self.db.execute_batch(if ends { "COMMIT" } else { "ROLLBACK" }).unwrap();
        if ends {
            batch.committed();
        }
    }

    /// Writes an item of subscription 7.
    fn add(&self, batch: &mut Batch<'_>, id: &str) -> Place {
        self.db.execute("INSERT INTO item (subscription, id) VALUES (7, ?1)", [id]).unwrap();
        let place = Place { subscription: 7, hash: hash(id), item: self.db.last_insert_rowid() };
        batch.add(place);
        place
    }

    fn add_many(&self, batch: &mut Batch<'_>, numbers: std::ops::Range<usize>) {
        for number in numbers {
            self.add(batch, &number.to_string());
        }
    }

    fn sorted_in(&self, hash: i64) -> Vec<i64> {
        row::all(&self.db, "SELECT item FROM place WHERE subscription = 7 AND hash = ?1", [hash], |row| {
            Ok(row.get(0)?)
        })
        .unwrap()
    }

    /// The rows that whoever looks for an id follows.
    fn rows(&self, places: &Places, id: &str) -> HashSet<i64> {
        places.find(7, hash(id)).into_iter().chain(self.sorted_in(hash(id))).collect()
    }

    fn count(&self) -> usize {
        row::value::<i64>(&self.db, "SELECT count(*) FROM place", []).unwrap().unwrap().try_into().unwrap()
    }
}

#[test]
fn the_hash_is_what_it_was() {
    assert_eq!(hash("foobar").cast_unsigned(), 0x8594_4171_f739_67e8);
}

#[test]
fn an_item_is_found_before_while_and_after_it_is_sorted_in_and_after_a_crash_at_any_time() {
    let bench = Bench::new();
    let mut had_to_move = false;
    for round in 0..90 {
        bench.batch(true, |bench, batch| bench.add_many(batch, round * 1000..(round + 1) * 1000));
        had_to_move |= bench.count() > 0 && bench.count() < MANY;
        let after_a_crash = (round % 10 == 9).then(|| Places::load(&bench.db).unwrap());
        for places in [Some(&bench.places), after_a_crash.as_ref()].into_iter().flatten() {
            for number in (0..(round + 1) * 1000).step_by(487) {
                let id = number.to_string();
                let key = i64::try_from(number + 1).unwrap();
                assert_eq!(bench.rows(places, &id), HashSet::from([key]), "{id} in round {round}");
            }
        }
    }
    assert!(had_to_move, "it took several transactions");
    assert!(bench.count() >= MANY && bench.places.fresh().moving.is_empty());
    assert!(Places::load(&bench.db).unwrap().fresh().new.len() < 90_000 - MANY + 1000);
}

#[test]
fn what_did_not_happen_is_found_nowhere() {
    let bench = Bench::new();
    bench.batch(false, |bench, batch| bench.add_many(batch, 0..10));
    assert!(!bench.places.has(7));
    bench.batch(true, |bench, batch| {
        bench.add(batch, "stays");
        let mark = batch.mark();
        bench.add_many(batch, 0..10);
        assert_eq!(batch.find(7, hash("3")).len(), 1);
        batch.take_back(mark);
        assert_eq!((batch.find(7, hash("3")).len(), batch.find(7, hash("stays")).len()), (0, 1));
    });
    assert_eq!((bench.places.find(7, hash("3")), bench.places.find(7, hash("stays"))), (vec![], vec![1]));
}

#[test]
fn a_removal_that_is_taken_back_forgets_nothing() {
    let bench = Bench::new();
    let mut places = HashMap::new();
    bench.batch(true, |bench, batch| {
        for id in ["kept", "removed"] {
            places.insert(id, bench.add(batch, id));
        }
    });
    bench.batch(true, |_, batch| {
        batch.remove(places["removed"]);
        let mark = batch.mark();
        batch.remove(places["kept"]);
        batch.take_back(mark);
    });
    let found = |id| bench.places.find(7, hash(id)).len();
    assert_eq!((found("kept"), found("removed")), (1, 0));
}

#[test]
fn what_is_removed_is_not_sorted_in_any_more() {
    let bench = Bench::new();
    let mut removed = Vec::new();
    bench.batch(true, |bench, batch| {
        bench.add_many(batch, 0..10_000);
        removed = batch.of(7, 3);
        batch.hurry();
    });
    bench.batch(true, |bench, batch| {
        batch.remove(removed[0]);
        bench.add(batch, "another");
    });
    assert_eq!(bench.count(), AT_ONCE - 1, "it is among those whose turn it was");
    bench.batch(true, |_, batch| batch.remove(removed[1]));
    assert_eq!(bench.count(), AT_ONCE - 1, "who only deletes sorts nothing in");
    while bench.places.has(7) {
        bench.batch(true, |_, batch| batch.hurry());
    }
    assert_eq!(bench.count(), 10_000, "the second was sorted in when it was removed");
    assert!(bench.sorted_in(removed[0].hash).is_empty());
    assert_eq!(bench.sorted_in(removed[2].hash), [removed[2].item]);
}

#[test]
fn a_subscription_is_there_as_long_as_some_of_it_is_not_sorted_in() {
    let bench = Bench::new();
    bench.batch(true, |bench, batch| {
        bench.add_many(batch, 0..5000);
        batch.hurry();
    });
    let mut transactions = 0;
    while bench.places.has(7) {
        assert!(!bench.places.has(6) && !bench.places.has(8));
        bench.batch(true, |_, batch| batch.hurry());
        transactions += 1;
    }
    assert_eq!((transactions, bench.count()), (2, 5000));
}
