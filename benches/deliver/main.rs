//! From the log to a webhook: events in a second that a sink delivers, signed, one in a request, 32 requests under way,
//! with its position kept durably in a store on disk; against bare sockets that post the same requests.
//!
//! ```text
//! cargo bench --bench deliver                # a minute
//! cargo bench --bench deliver -- --rounds 9
//! ```
//!
//! The receiver is a process of its own, which answers by hand, so that it costs as little as can be. In each round both
//! ways send the same events in turn, and every other round goes backwards; ratios are taken inside a round, and their
//! median is told.
//!
//! * `bare`: 32 tasks, each with one socket, write requests that are ready in memory and read the answers;
//! * `sink`: a deliverer on a real store, from the log's beginning until its position is at the end.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a bench stops at the unexpected, prints, and reads the real clock"
)]

mod bare;
mod log;
mod receiver;
mod sink;

use std::time::{Duration, Instant};

use receiver::Receiver;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Events in each burst, and how many are written together.
const EVENTS: usize = 40_000;
const PAGE: usize = 1_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|argument| argument == "--receive") {
        return receiver::serve();
    }
    let value =
        |name: &str| arguments.iter().position(|one| one == name).and_then(|at| arguments.get(at + 1));
    let rounds = value("--rounds").map_or(5, |rounds| rounds.parse().expect("--rounds NUMBER"));
    // As the listener's own.
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(measure(rounds));
}

async fn measure(rounds: usize) {
    let receiver = Receiver::start();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut log = log::Written::start(folder.path()).await;
    for _ in 0..EVENTS / PAGE {
        log.write(PAGE).await;
    }
    let sink = sink::Sink::new(log.store.clone(), folder.path(), receiver.address).await;
    let requests = bare::requests(&*log.store, receiver.address).await;
    println!("{} events of {} bytes, with their heads", requests.len(), requests[0].len());
    sink.deliver().await;
    let mut ratios = Vec::new();
    for round in 0..rounds {
        let mut took = [Duration::ZERO; 2];
        for way in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
            let (began, before) = (Instant::now(), cpu());
            if way == 0 {
                bare::post(&requests, receiver.address).await;
            } else {
                sink.deliver().await;
            }
            took[way] = began.elapsed();
            println!(
                "round {round} {}: {:>7.0} events/s, {:.1} µs of processor time each",
                ["bare", "sink"][way],
                rate(took[way]),
                cpu().saturating_sub(before).as_secs_f64() * 1e6 / EVENTS as f64
            );
        }
        ratios.push(took[0].as_secs_f64() / took[1].as_secs_f64());
    }
    ratios.sort_by(f64::total_cmp);
    println!("sink to bare: from {:.2} to {:.2}", ratios[0], ratios[ratios.len() - 1]);
    let ratio = ratios[ratios.len() / 2];
    println!("deliver_to_bare {ratio:.2} goal 0.5 {}", if ratio >= 0.5 { "ok" } else { "short" });
}

fn rate(took: Duration) -> f64 {
    EVENTS as f64 / took.as_secs_f64()
}

/// Processor time of this process so far; the kernel counts in hundredths of a second.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}
