//! A thousand clients of the event stream, at 400 events a second: whether each has every event, how far the slowest is
//! behind, how much goes in one piece, and what they cost the listener in memory.
//!
//! ```text
//! cargo bench --bench stream      # about a minute and a half
//! ```
//!
//! The admin port, with the store on disk behind it, is a process of its own; the clients are in this one, so that what they
//! hold is not counted. Each looks at every `id:` it is told: one left out, or told twice, stops the bench.
//!
//! * In each of three rounds 4,000 events are written one at a time, as 400 a second. How far a client is behind is the
//!   time from before an event is written until the client has read it; told is the slowest of all in the last second.
//! * Then 4,000 events are written as fast as they can be, which shows how many of them are joined.
//! * Then nobody reads while more is written than is held for all together, and the memory is looked at: what is told is
//!   the growth since before the first client came. Then everybody reads on, and must have everything.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a bench stops at the unexpected, prints, and reads the real clock"
)]

mod client;
#[path = "../deliver/log.rs"]
mod log;
mod server;

use std::time::Duration;

use client::Clients;
use server::Server;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CLIENTS: usize = 1_000;
const ROUNDS: usize = 3;
/// Events in a second, and in a round.
const RATE: u32 = 400;
const EVENTS: u64 = 4_000;
/// More than the listener holds for all, which is 4 MiB.
const UNREAD: u64 = 8_000;
/// Long enough for everybody to come after.
const PATIENCE: Duration = Duration::from_secs(120);

fn main() {
    if std::env::args().any(|argument| argument == "--serve") {
        return server::serve();
    }
    let mut server = Server::start();
    // One that comes and goes warms everything up.
    let mut first = Clients::connect(server.address, 1);
    server.write("fast", EVENTS);
    first.read_until(EVENTS, PATIENCE);
    drop(first);
    let (before, mut end) = (server.memory_kib(), EVENTS);
    let mut clients = Clients::connect(server.address, CLIENTS);
    let memory = |server: &Server| server.memory_kib().saturating_sub(before) as f64 / CLIENTS as f64;
    println!("{:.1} KiB for each client that has come", memory(&server));

    let mut slowest = Vec::new();
    for round in 0..ROUNDS {
        let cpu = server.cpu();
        server.begin_to_write("steady", EVENTS);
        end += EVENTS;
        clients.read_until(end, PATIENCE);
        let lags = clients.lags(end - u64::from(RATE));
        println!(
            "round {round}: {} events a second written; behind in the last second: p50 {:.1} ms, p99 {:.1} ms, slowest {:.1} ms; {:.2} of a core",
            server.written(),
            lags.at(0.5),
            lags.at(0.99),
            lags.at(1.0),
            server.cpu().saturating_sub(cpu).as_secs_f64() * f64::from(RATE) / EVENTS as f64
        );
        slowest.push(lags.at(1.0));
    }
    println!("{:.1} KiB for each client that reads", memory(&server));

    let pieces = clients.pieces();
    server.begin_to_write("fast", EVENTS);
    end += EVENTS;
    clients.read_until(end, PATIENCE);
    println!("{} events a second written at once", server.written());
    let joined = EVENTS as f64 * CLIENTS as f64 / (clients.pieces() - pieces) as f64;

    server.write("fast", UNREAD);
    end += UNREAD;
    let held = memory(&server);
    clients.read_until(end, PATIENCE);
    println!("{:.1} KiB for each client that came after", memory(&server));

    slowest.sort_by(f64::total_cmp);
    at_most("stream_slowest_behind_ms", slowest[ROUNDS / 2], 1000.0);
    at_most("stream_memory_per_client_kib", held.max(memory(&server)), 64.0);
    println!("stream_joined {joined:.1} goal 2 {}", if joined >= 2.0 { "ok" } else { "short" });
}

fn at_most(name: &str, value: f64, goal: f64) {
    println!("{name} {value:.1} goal {goal} {}", if value <= goal { "ok" } else { "short" });
}
