use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::connection::{Connection, Ending, Phase};
use crate::clock::Stopwatch;
use crate::metrics::Metrics;

/// How long a request may take to arrive where others wait for the place. Senders that are well send it at once.
const HASTE: Duration = Duration::from_millis(500);
/// One of how many idle connections goes when room is needed, so that not every new connection looks through all.
const SHARE: usize = 64;
/// How long nobody is looked for again after nobody was found who could make room.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Below this, a request is never too large, whatever others hold.
const SMALL_REQUEST: usize = 64 << 10;

/// All connections to the notification port.
pub(super) struct Connections {
    most: usize,
    /// Most bytes received and not answered yet, of all connections together.
    most_unanswered: usize,
    unanswered: AtomicUsize,
    started: Stopwatch,
    metrics: Arc<Metrics>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next: u64,
    by_number: HashMap<u64, Entry>,
    /// How many of them are making room.
    going: usize,
    /// Nobody can make room before this time since the start.
    no_room_before: Duration,
}

struct Entry {
    connection: Arc<Connection>,
    going: bool,
}

/// An open connection's place; free when it is dropped.
pub(super) struct Place {
    connections: Arc<Connections>,
    number: u64,
    pub connection: Arc<Connection>,
}

impl Connections {
    pub fn new(most: usize, most_unanswered: usize, started: Stopwatch, metrics: Arc<Metrics>) -> Self {
        Self {
            most,
            most_unanswered,
            unanswered: AtomicUsize::new(0),
            started,
            metrics,
            open: Mutex::default(),
        }
    }

    /// Takes a new connection in, at the cost of others where there are too many. `None`: all others are being
    /// served.
    pub fn admit(self: &Arc<Self>) -> Option<Place> {
        let mut open = self.open();
        if open.staying() >= self.most {
            self.make_room(&mut open);
        }
        if open.staying() >= self.most {
            return None;
        }
        let number = open.next;
        open.next += 1;
        let connection = Arc::new(Connection::new(self.started));
        open.by_number.insert(number, Entry { connection: connection.clone(), going: false });
        self.metrics.port.connected(open.by_number.len());
        drop(open);
        Some(Place { connections: self.clone(), number, connection })
    }

    /// Ends those whose time is up.
    pub fn sweep(&self) {
        for entry in self.open().by_number.values() {
            let (phase, age) = entry.connection.age();
            if let Some(ending) = phase.ending_after(age) {
                entry.connection.end(ending);
            }
        }
    }

    /// Notes that `bytes` more of a request have come, of which there are `held` now. `false`: too many are held, by
    /// this connection among others.
    #[must_use]
    pub fn receive(&self, bytes: usize, held: usize) -> bool {
        let unanswered = self.unanswered.fetch_add(bytes, Ordering::Relaxed) + bytes;
        unanswered <= self.most_unanswered || held <= SMALL_REQUEST
    }

    /// Notes that these many bytes are held no more.
    pub fn let_go(&self, bytes: usize) {
        self.unanswered.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Notes that a connection was closed by us, or turned away.
    pub fn closed(&self, reason: &'static str) {
        self.metrics.port.closed(reason);
    }

    fn make_room(&self, open: &mut Open) {
        let now = self.started.elapsed();
        if now < open.no_room_before {
            return;
        }
        let staying = open.by_number.iter().filter(|(_, entry)| !entry.going);
        let ages = staying.map(|(number, entry)| {
            let (phase, age) = entry.connection.age();
            (*number, phase, age)
        });
        let going = who_makes_room(ages);
        if going.is_empty() {
            open.no_room_before = now + LOOK_AGAIN;
        }
        open.going += going.len();
        for number in going {
            if let Some(entry) = open.by_number.get_mut(&number) {
                entry.going = true;
                entry.connection.end(Ending::GaveWay);
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn staying(&self) -> usize {
        self.by_number.len().saturating_sub(self.going)
    }
}

/// Which of these connections make room for others: all that are slow to send, else those that have been idle for
/// longest. One whose answer we owe never does.
fn who_makes_room(connections: impl Iterator<Item = (u64, Phase, Duration)>) -> Vec<u64> {
    let (mut slow, mut idle, mut all) = (Vec::new(), Vec::new(), 0);
    for (number, phase, age) in connections {
        all += 1;
        match phase {
            Phase::Fresh | Phase::Receiving if age >= HASTE => slow.push(number),
            Phase::Idle => idle.push((age, number)),
            Phase::Fresh | Phase::Receiving | Phase::Working => {}
        }
    }
    if !slow.is_empty() {
        return slow;
    }
    // Of those that are as old by the clock, the one that came first: numbers grow.
    idle.sort_unstable_by_key(|(age, number)| (Reverse(*age), *number));
    idle.truncate((all / SHARE).max(1));
    idle.into_iter().map(|(_, number)| number).collect()
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        if open.by_number.remove(&self.number).is_some_and(|entry| entry.going) {
            open.going -= 1;
        }
        self.connections.metrics.port.connected(open.by_number.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn connections(most: usize) -> Arc<Connections> {
        Arc::new(Connections::new(most, 1 << 20, Clock::system().stopwatch(), Arc::default()))
    }

    #[test]
    fn the_slow_make_room_before_the_idle_and_the_served_never_do() {
        use Phase::{Fresh, Idle, Receiving, Working};
        for (connections, going) in [
            (vec![], vec![]),
            (vec![(Working, 4000)], vec![]),
            (vec![(Receiving, 499), (Fresh, 499), (Working, 4999)], vec![]),
            (vec![(Idle, 70_000), (Receiving, 500), (Fresh, 500), (Working, 500)], vec![1, 2]),
            (vec![(Idle, 5), (Idle, 7), (Idle, 6), (Receiving, 1)], vec![1]),
            (vec![(Idle, 0)], vec![0]),
            (vec![(Working, 9), (Idle, 7), (Idle, 7)], vec![1]),
        ] {
            let ages = (0..)
                .zip(&connections)
                .map(|(number, (phase, age))| (number, *phase, Duration::from_millis(*age)));
            assert_eq!(who_makes_room(ages), going, "{connections:?}");
        }
        let many = (0..640).map(|number| (number, Idle, Duration::from_millis(number)));
        assert_eq!(who_makes_room(many), (630..640).rev().collect::<Vec<_>>());
    }

    #[test]
    fn a_connection_that_is_served_keeps_its_place_and_one_that_is_idle_does_not() {
        let connections = connections(2);
        let counts = || {
            let open = connections.open();
            (open.staying(), open.by_number.len())
        };
        let (served, idle) = (connections.admit().unwrap(), connections.admit().unwrap());
        served.connection.received();
        idle.connection.received();
        assert!(connections.admit().is_none(), "both are served");
        idle.connection.answered();
        connections.open().no_room_before = Duration::ZERO;
        let third = connections.admit().unwrap();
        assert!(connections.admit().is_none(), "it is looked again later");
        drop(idle);
        assert_eq!(counts(), (2, 2));
        third.connection.received();
        drop(served);
        assert!(connections.admit().is_some());
    }

    #[test]
    fn only_large_requests_are_too_much() {
        let connections = connections(1);
        assert!(connections.receive(1 << 20, 1 << 20), "up to the limit");
        assert!(connections.receive(SMALL_REQUEST, SMALL_REQUEST), "a small one beyond it");
        assert!(!connections.receive(1, SMALL_REQUEST + 1));
        connections.let_go((1 << 20) + SMALL_REQUEST + 1);
        assert!(connections.receive(1 << 20, 1 << 20));
    }
}
