//! Five times as much as there can be: what the answers say then, and whether it is true.
//!
//! The most that there can be is measured first, with as many connections as bring it. Then notifications are due at
//! five times that rate, whether or not the former ones were answered, up to a number of requests under way; each is
//! genuine, and one that has to be written. Beside them a thousand connections hold half a head each, and take another
//! one whenever they lose it; and hands are shaken over new connections all the while.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use chrono::Utc;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use o365_listener::model::{Hint, HintKind};
use o365_listener::store::{self, Receipt};

use crate::client::Load;
use crate::report::{at_least, at_most};
use crate::{Body, HOT, Server, server};

const TIMES: f64 = 5.0;
const LASTS: Duration = Duration::from_secs(10);
/// How long is waited for the last answers.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections at which there is most, and requests that may be under way.
const BEST: usize = 256;
const UNDER_WAY: usize = 6_000;
const THREADS: usize = 2;
const SLOW: usize = 1_000;
const HALF_A_HEAD: &[u8] = b"POST /notifications HTTP/1.1\r\nHost: hooks.contoso.com\r\n";
const HANDSHAKE: &[u8] =
    b"POST /notifications?validationToken=a%20b HTTP/1.1\r\nHost: hooks.contoso.com\r\nContent-Length: 0\r\n\r\n";

/// What one thread has seen.
#[derive(Default)]
struct Seen {
    due: usize,
    held_back: usize,
    /// By status; 0: the connection ended without one, or none came.
    answers: BTreeMap<u16, usize>,
    /// Bodies that were acknowledged.
    acknowledged: BTreeSet<usize>,
    slowest: Duration,
}

impl Seen {
    fn with(mut self, other: Self) -> Self {
        self.due += other.due;
        self.held_back += other.held_back;
        for (status, number) in other.answers {
            *self.answers.entry(status).or_default() += number;
        }
        self.acknowledged.extend(other.acknowledged);
        self.slowest = self.slowest.max(other.slowest);
        self
    }
}

pub(crate) fn run() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let listener = Server::start_in("store", folder.path());
    let bodies = Arc::new(server::bodies(1, Body::Unlike(HOT)));
    let load = Load { address: listener.address, connections: BEST, bodies: bodies.clone() };
    load.run(Duration::from_secs(1));
    let best = load.run(Duration::from_secs(2)).rate();

    let until = Instant::now() + LASTS;
    let slow = spawn(move || hold(listener.address, until));
    let hands = spawn(move || shake(listener.address, until));
    let senders: Vec<JoinHandle<Seen>> = (0..THREADS)
        .map(|number| {
            let (bodies, rate) = (bodies.clone(), TIMES * best / THREADS as f64);
            spawn(move || Crowd::open(listener.address, number, bodies).send(rate, until))
        })
        .collect();
    let seen =
        senders.into_iter().map(|sender| sender.join().expect("a sender")).fold(Seen::default(), Seen::with);
    let (slow, handshake) = (slow.join().expect("the slow"), hands.join().expect("the hands"));
    drop(listener);

    println!(
        "{best:.0} requests/s at most; {} were due, {} not sent since {UNDER_WAY} were under way; answers {:?}; {slow} slow connections were ended",
        seen.due, seen.held_back, seen.answers
    );
    let other = seen.answers.iter().filter(|(status, _)| ![202, 503].contains(*status));
    at_least("overload_offered_to_maximum", seen.due as f64 / LASTS.as_secs_f64() / best, TIMES * 0.98);
    at_most("overload_slowest_answer_ms", seen.slowest.as_secs_f64() * 1e3, 3000.0);
    at_most("overload_slowest_handshake_ms", handshake.as_secs_f64() * 1e3, 1000.0);
    at_most("overload_other_answers", other.map(|(_, number)| number).sum::<usize>() as f64, 0.0);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    at_most("overload_lost", runtime.block_on(lost(folder.path(), &seen)) as f64, 0.0);
}

/// Acknowledged notifications that are not in the store: each has a number there, and its subscription a hint.
async fn lost(folder: &Path, seen: &Seen) -> usize {
    let url = format!("sqlite:{}", folder.join("store.db").display());
    let store = store::open(&url, Utc::now()).await.unwrap();
    let next = Hint {
        subscription: server::id(0),
        remote: None,
        kind: HintKind::Missed,
        plain: false,
        received_at: Utc::now(),
        content: None,
    };
    let [Receipt::Stored(next)] = store.append(vec![next]).await.unwrap()[..] else {
        panic!("it is followed")
    };
    let stored = usize::try_from(next).unwrap() - 1;
    let acknowledged = seen.answers.get(&202).copied().unwrap_or_default();
    let followed = store.subscriptions().await.unwrap().into_iter();
    let pending: BTreeSet<String> =
        followed.filter(|one| one.pending).map(|one| one.wish.name.to_string()).collect();
    store.close().await;
    let forgotten = seen.acknowledged.iter().filter(|body| !pending.contains(&server::name(**body)));
    acknowledged.saturating_sub(stored) + forgotten.count()
}

/// Connections of one thread, and what is under way on them.
struct Crowd {
    address: SocketAddr,
    bodies: Arc<Vec<Vec<u8>>>,
    next: usize,
    poll: Poll,
    connections: Vec<Connection>,
    free: Vec<usize>,
    seen: Seen,
}

struct Connection {
    stream: TcpStream,
    /// Since when an answer is owed, and to which body.
    asked: Option<(Instant, usize)>,
    read: Vec<u8>,
}

impl Crowd {
    fn open(address: SocketAddr, number: usize, bodies: Arc<Vec<Vec<u8>>>) -> Self {
        let most = UNDER_WAY / THREADS;
        let poll = Poll::new().unwrap();
        let connections = (0..most).map(|index| connect(address, &poll, index)).collect();
        let next = number * bodies.len() / THREADS;
        Self { address, bodies, next, poll, connections, free: (0..most).collect(), seen: Seen::default() }
    }

    fn send(mut self, rate: f64, until: Instant) -> Seen {
        let mut events = Events::with_capacity(1024);
        loop {
            let now = Instant::now();
            let left = until.saturating_duration_since(now);
            self.send_due((LASTS.saturating_sub(left).as_secs_f64() * rate) as usize);
            if left.is_zero() && (self.free.len() == self.connections.len() || now > until + PATIENCE) {
                let unanswered = self.connections.len() - self.free.len();
                *self.seen.answers.entry(0).or_default() += unanswered;
                self.seen.answers.retain(|_, number| *number > 0);
                return self.seen;
            }
            self.poll.poll(&mut events, Some(Duration::from_millis(2))).unwrap();
            for event in &events {
                self.receive(event.token().0);
            }
        }
    }

    fn send_due(&mut self, due: usize) {
        while self.seen.due < due {
            self.seen.due += 1;
            match self.free.pop() {
                Some(index) => self.ask(index),
                None => self.seen.held_back += 1,
            }
        }
    }

    fn ask(&mut self, index: usize) {
        let body = self.next % self.bodies.len();
        self.next += 1;
        let connection = &mut self.connections[index];
        connection.asked = Some((Instant::now(), body));
        let mut left = &self.bodies[body][..];
        while !left.is_empty() {
            match connection.stream.write(left) {
                Ok(written) => left = &left[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                // It has ended: reading tells.
                Err(_) => return,
            }
        }
    }

    fn receive(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        let mut buffer = [0; 1024];
        let ended = loop {
            match connection.stream.read(&mut buffer) {
                Ok(0) => break true,
                Ok(length) => connection.read.extend_from_slice(&buffer[..length]),
                Err(error) => break error.kind() != ErrorKind::WouldBlock,
            }
        };
        if connection.read.ends_with(b"\r\n\r\n") {
            let status = std::str::from_utf8(&connection.read[9..12]).unwrap().parse().unwrap();
            connection.read.clear();
            self.answered(index, status);
        }
        if ended {
            if self.connections[index].asked.is_some() {
                self.answered(index, 0);
            }
            self.connections[index] = connect(self.address, &self.poll, index);
        }
    }

    fn answered(&mut self, index: usize, status: u16) {
        // A connection that is turned away says so unasked.
        let Some((at, body)) = self.connections[index].asked.take() else { return };
        self.seen.slowest = self.seen.slowest.max(at.elapsed());
        *self.seen.answers.entry(status).or_default() += 1;
        if status == 202 {
            self.seen.acknowledged.insert(body);
        }
        self.free.push(index);
    }
}

fn connect(address: SocketAddr, poll: &Poll, index: usize) -> Connection {
    let stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_nonblocking(true).unwrap();
    let mut stream = TcpStream::from_std(stream);
    poll.registry().register(&mut stream, Token(index), Interest::READABLE).unwrap();
    Connection { stream, asked: None, read: Vec::with_capacity(256) }
}

/// Holds connections with half a head each; how many of them were ended.
fn hold(address: SocketAddr, until: Instant) -> usize {
    let mut poll = Poll::new().unwrap();
    let half = |poll: &Poll, index| {
        let mut connection = connect(address, poll, index);
        connection.stream.write_all(HALF_A_HEAD).unwrap();
        connection
    };
    let mut connections: Vec<Connection> = (0..SLOW).map(|index| half(&poll, index)).collect();
    let (mut events, mut ended) = (Events::with_capacity(SLOW), 0);
    while Instant::now() < until {
        poll.poll(&mut events, Some(Duration::from_millis(100))).unwrap();
        for event in &events {
            let index = event.token().0;
            let gone = loop {
                match connections[index].stream.read(&mut [0; 512]) {
                    Ok(0) => break true,
                    Ok(_) => {}
                    Err(error) => break error.kind() != ErrorKind::WouldBlock,
                }
            };
            if gone {
                connections[index] = half(&poll, index);
                ended += 1;
            }
        }
    }
    ended
}

/// Shakes hands over new connections; the slowest, from before it was connected. One that was not answered counts as
/// long as was waited for it at most.
fn shake(address: SocketAddr, until: Instant) -> Duration {
    let mut slowest = Duration::ZERO;
    while Instant::now() < until {
        let began = Instant::now();
        slowest = slowest.max(if shaken(address) { began.elapsed() } else { PATIENCE });
        sleep(Duration::from_millis(50));
    }
    slowest
}

/// Whether a handshake was answered as it must be.
fn shaken(address: SocketAddr) -> bool {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(HANDSHAKE).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"a b") {
        let mut buffer = [0; 512];
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return false,
            Ok(length) => answer.extend_from_slice(&buffer[..length]),
        }
    }
    answer.starts_with(b"HTTP/1.1 200")
}
