//! Notifications, the writer and a fetch, interleaved in many thousand ways: whatever was acknowledged is asked for
//! afterwards, although most of it was never written.
//!
//! The module under test is the real one; the database is a list of hints, and a commit that fails takes its batch
//! with it.

use std::sync::Arc;

use o365_listener::model::SubscriptionId;
use shuttle::rand::{Rng as _, thread_rng};
use shuttle::sync::Mutex;
use shuttle::sync::atomic::{AtomicU64, Ordering};
use shuttle::sync::mpsc::{Receiver, Sender, channel};
use shuttle::thread;
use uuid::Uuid;

#[path = "../../../src/store/sqlite/waiting.rs"]
mod waiting;

mod sync {
    use std::collections::{HashMap, HashSet};
    use std::hash::Hash;

    use shuttle::sync::Mutex;

    pub(super) type Map<K, V> = HashMap<K, V>;

    /// A set whose every use is a point where another thread may go on.
    pub(super) struct Set<T>(Mutex<HashSet<T>>);

    impl<T> Default for Set<T> {
        fn default() -> Self {
            Self(Mutex::new(HashSet::new()))
        }
    }

    impl<T: Eq + Hash> Set<T> {
        pub(super) fn contains(&self, value: &T) -> bool {
            self.0.lock().unwrap().contains(value)
        }

        pub(super) fn insert(&self, value: T) -> bool {
            self.0.lock().unwrap().insert(value)
        }

        pub(super) fn remove(&self, value: &T) -> Option<T> {
            self.0.lock().unwrap().take(value)
        }
    }
}

use waiting::{Batch, Waiting};

/// How the writer goes about it.
#[derive(Clone, Copy, PartialEq)]
enum Writer {
    AsBuilt,
    /// Wrong: notes what was not committed yet.
    NotesBeforeTheCommit,
    /// Wrong: whoever claimed is told first.
    TellsBeforeNoting,
    /// Wrong: a commit that failed is noted too.
    NotesFailures,
    /// Wrong: a claim leaves what is noted alone.
    ForgetsClaims,
}

enum Step {
    Hint(Sender<bool>),
    /// Answered with whether there was something to claim.
    Claim(Sender<bool>),
    Stop,
}

const ID: SubscriptionId = SubscriptionId(Uuid::from_u128(1));

struct House {
    waiting: Waiting,
    /// Changes made so far at Office 365.
    changes: AtomicU64,
    /// Hints that are durable and not claimed.
    stored: AtomicU64,
    /// The last change that an acknowledged notification announced, and the last that a fetch has seen.
    acknowledged: AtomicU64,
    seen: AtomicU64,
    steps: Mutex<Sender<Step>>,
}

impl House {
    fn ask(&self, step: impl FnOnce(Sender<bool>) -> Step) -> bool {
        let (reply, answer) = channel();
        self.steps.lock().unwrap().send(step(reply)).unwrap();
        answer.recv().unwrap_or(false)
    }

    /// Something changes, and a notification says so.
    fn notify(&self) {
        let change = self.changes.fetch_add(1, Ordering::SeqCst) + 1;
        if self.waiting.has(ID) || self.ask(Step::Hint) {
            self.acknowledged.fetch_max(change, Ordering::SeqCst);
        }
    }

    /// Claims, and asks Office 365 if there was something.
    fn fetch(&self) {
        if self.ask(Step::Claim) {
            self.seen.fetch_max(self.changes.load(Ordering::SeqCst), Ordering::SeqCst);
        }
    }

    fn write(&self, steps: &Receiver<Step>, writer: Writer) {
        while let Ok(first) = steps.recv() {
            let mut queued = vec![first];
            while let Ok(step) = steps.try_recv() {
                queued.push(step);
            }
            if self.turn(queued, writer) {
                return;
            }
        }
    }

    /// One batch; `true`: it was the last.
    fn turn(&self, steps: Vec<Step>, writer: Writer) -> bool {
        let mut batch = self.waiting.batch();
        let mut stored = self.stored.load(Ordering::SeqCst);
        let (mut answers, mut stop) = (Vec::new(), false);
        for step in steps {
            match step {
                Step::Hint(reply) => {
                    if !batch.has(ID) {
                        stored += 1;
                        batch.hinted(ID);
                    }
                    answers.push((reply, true));
                }
                Step::Claim(reply) => {
                    answers.push((reply, stored > 0));
                    if stored > 0 && writer != Writer::ForgetsClaims {
                        batch.claimed(ID);
                    }
                    stored = 0;
                }
                Step::Stop => stop = true,
            }
        }
        self.commit(batch, stored, &answers, writer);
        stop
    }

    fn commit(&self, batch: Batch<'_>, stored: u64, answers: &[(Sender<bool>, bool)], writer: Writer) {
        let fails = thread_rng().gen_bool(0.2);
        let tell = || {
            for (reply, value) in answers {
                let _ = reply.send(*value && !fails);
            }
        };
        let write = || {
            if !fails {
                self.stored.store(stored, Ordering::SeqCst);
            }
        };
        match writer {
            Writer::NotesBeforeTheCommit => {
                batch.committed();
                write();
                tell();
            }
            Writer::TellsBeforeNoting => {
                write();
                tell();
                if !fails {
                    batch.committed();
                }
            }
            Writer::AsBuilt | Writer::NotesFailures | Writer::ForgetsClaims => {
                write();
                if !fails || writer == Writer::NotesFailures {
                    batch.committed();
                }
                tell();
            }
        }
    }
}

/// Three senders, a fetcher that looks twice, one writer.
fn storm(writer: Writer) {
    let (send, steps) = channel();
    let house = Arc::new(House {
        waiting: Waiting::default(),
        changes: AtomicU64::new(0),
        stored: AtomicU64::new(0),
        acknowledged: AtomicU64::new(0),
        seen: AtomicU64::new(0),
        steps: Mutex::new(send),
    });
    let run = |work: fn(&House)| {
        let house = Arc::clone(&house);
        thread::spawn(move || work(&house))
    };
    let mut threads: Vec<_> = (0..3)
        .map(|_| {
            run(|house| {
                house.notify();
                house.notify();
            })
        })
        .collect();
    threads.push(run(|house| {
        house.fetch();
        house.fetch();
    }));
    let writing = {
        let house = Arc::clone(&house);
        thread::spawn(move || house.write(&steps, writer))
    };
    for thread in threads {
        thread.join().unwrap();
    }
    house.steps.lock().unwrap().send(Step::Stop).unwrap();
    writing.join().unwrap();

    // What is stored will be claimed, by a fetch that sees everything. Where nothing is, all must have been seen.
    let waits = house.stored.load(Ordering::SeqCst) > 0;
    let (acknowledged, seen) = (house.acknowledged.load(Ordering::SeqCst), house.seen.load(Ordering::SeqCst));
    assert!(waits || acknowledged <= seen, "change {acknowledged} was acknowledged, {seen} is the last seen");
}

#[test]
fn whatever_was_acknowledged_is_asked_for_afterwards() {
    shuttle::check_random(|| storm(Writer::AsBuilt), 4_000);
    shuttle::check_pct(|| storm(Writer::AsBuilt), 2_000, 3);
}

/// Whether the check above would notice a writer that goes about it like this.
fn is_noticed(writer: Writer) -> bool {
    std::panic::catch_unwind(|| shuttle::check_random(move || storm(writer), 20_000)).is_err()
}

#[test]
fn the_check_notices_what_would_lose_a_change() {
    assert!(is_noticed(Writer::NotesBeforeTheCommit), "noting before the commit");
    assert!(is_noticed(Writer::TellsBeforeNoting), "telling before noting");
    assert!(is_noticed(Writer::NotesFailures), "noting failures");
    assert!(is_noticed(Writer::ForgetsClaims), "forgetting claims");
}
