//! What an acknowledgement costs: the receiver with each way of storing, against the same receiver without storage,
//! an own file, and an empty handler, all in one run.
//!
//! ```text
//! cargo bench --bench ack                 # three rounds, about three minutes
//! cargo bench --bench ack -- --rounds 5
//! cargo bench --bench ack -- --overload   # five times the most there can be, a minute: see `overload`
//! ```
//!
//! Each way is a process of its own; in every round each is loaded in turn for two seconds after a warm-up, over
//! keep-alive connections, from two threads that share the machine with it; every other round goes backwards.
//! Ratios are taken inside a round, and their median is told. 100,000 subscriptions are registered; notifications
//! are for 4,000 of them, `elided_100k` for all. A stall is by how much one answer in a thousand is later than in `bare`.
//!
//! * `empty`: a handler that reads the body and answers;
//! * `bare`: the receiver, whose inbox says yes at once;
//! * `file`: its inbox is an own preallocated file, a record for each hint, one `fdatasync` for all that queued up;
//! * `durable`: the store; every notification holds a field that is not known, so that none is elided;
//! * `elided`: the store and plain notifications, while rounds claim and work off 2,000 subscriptions a second.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a bench stops at the unexpected, prints, and reads the real clock"
)]

mod client;
mod overload;
mod report;
mod server;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use client::{Burst, Load};

/// Registered subscriptions, and those that are notified of.
const SUBSCRIPTIONS: usize = 100_000;
const HOT: usize = 4_000;
const WARM_UP: Duration = Duration::from_millis(700);
const MEASURED: Duration = Duration::from_secs(2);

/// A way of storing, as `--serve` takes it, and what it is loaded with.
const WAYS: [(&str, &str, Body); 6] = [
    ("empty", "empty", Body::Plain(HOT)),
    ("bare", "bare", Body::Plain(HOT)),
    ("file", "file", Body::Plain(HOT)),
    ("durable", "store", Body::Unlike(HOT)),
    ("elided", "store-claimed", Body::Plain(HOT)),
    ("elided_100k", "store-claimed", Body::Plain(SUBSCRIPTIONS)),
];

/// Connections and notifications in a body.
const LOADS: [(usize, usize); 3] = [(64, 1), (256, 1), (64, 20)];

/// What the notifications are like, and of how many subscriptions.
#[derive(Clone, Copy)]
enum Body {
    Plain(usize),
    Unlike(usize),
}

/// What a way did under a load in one round.
struct Figure {
    way: &'static str,
    load: (usize, usize),
    burst: Burst,
    /// Processor time of the server for each request.
    cpu: Duration,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let value_of = |name: &str| {
        arguments.iter().position(|argument| argument == name).and_then(|at| arguments.get(at + 1))
    };
    if let Some(way) = value_of("--serve") {
        return server::serve(way, value_of("--in").map(Path::new));
    }
    if arguments.iter().any(|argument| argument == "--overload") {
        return overload::run();
    }
    let rounds = value_of("--rounds").map_or(3, |rounds| rounds.parse().expect("--rounds NUMBER"));
    let mut names: Vec<&str> = WAYS.iter().map(|(_, serve, _)| *serve).collect();
    names.dedup();
    let servers: Vec<Server> = names.into_iter().map(Server::start).collect();
    let mut figures = Vec::new();
    for round in 0..rounds {
        for load in LOADS {
            let mut ways: Vec<_> = WAYS.iter().collect();
            if round % 2 == 1 {
                ways.reverse();
            }
            for (way, serve, body) in ways {
                let server = servers.iter().find(|server| server.way == *serve).unwrap();
                let (burst, cpu) = server.load(load, *body);
                println!(
                    "round {round} {way:>11} {:>3} connections, {:>2} in a body: {:>8.0} requests/s, p50 {:>5} µs, p99 {:>6} µs, longest {:>6} µs, {:.1} µs of processor time",
                    load.0,
                    load.1,
                    burst.rate(),
                    burst.percentile(0.5),
                    burst.percentile(0.99),
                    burst.percentile(1.0),
                    cpu.as_secs_f64() * 1e6
                );
                figures.push(Figure { way, load, burst, cpu });
            }
        }
    }
    report::report(&figures);
}

/// A way in a process of its own, which ends with ours.
struct Server {
    way: &'static str,
    address: SocketAddr,
    child: Child,
}

impl Server {
    fn start(way: &'static str) -> Self {
        Self::start_with(way, &[])
    }

    /// The same with a store that outlives it.
    fn start_in(way: &'static str, folder: &Path) -> Self {
        Self::start_with(way, &["--in", folder.to_str().unwrap()])
    }

    fn start_with(way: &'static str, arguments: &[&str]) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut child = Command::new(program)
            .args(["--serve", way])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the bench starts itself");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().parse().unwrap_or_else(|_| panic!("{way} said {line:?}"));
        Self { way, address, child }
    }

    fn load(&self, (connections, notifications): (usize, usize), body: Body) -> (Burst, Duration) {
        let load = Load {
            address: self.address,
            connections,
            bodies: std::sync::Arc::new(server::bodies(notifications, body)),
        };
        // Until each of its subscriptions has been notified of.
        let rounds = load.bodies.len().div_ceil(HOT).min(8);
        load.run(WARM_UP * u32::try_from(rounds).unwrap());
        let before = self.cpu();
        let burst = load.run(MEASURED);
        let requests = u32::try_from(burst.requests()).unwrap();
        (burst, self.cpu().saturating_sub(before) / requests.max(1))
    }

    /// Processor time so far; the kernel counts in hundredths of a second.
    fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
