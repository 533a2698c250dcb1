//! The real listener for a long time under a steady load that it can bear: changes, storms of notifications, readers
//! that come and go. Whatever grows without need shows: memory, files, descriptors, work left over.
//!
//! ```text
//! cargo bench --bench soak              # three minutes: in the first, memory still settles
//! SOAK=10m cargo bench --bench soak     # as long as is wished
//! ```
//!
//! The stand-in tenant lives in the bench's process, the listener in its own (Linux: `/proc` is read). The tenant's own
//! notifications are lost and sweeps are off, so that only what was acknowledged leads to events: at the end every item
//! whose notification was acknowledged must have one. Growth is that from the end of the first third to the end, each
//! the median of some seconds; the listener keeps all events, so the file is set in relation to them.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a bench stops at the unexpected, prints, and reads the real clock"
)]

mod listener;
mod load;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use o365_listener::simulator;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use listener::{Listener, Sample};
use load::Soak;

const MIB: u64 = 1 << 20;

#[tokio::main]
async fn main() {
    let length = std::env::var("SOAK").map_or(Duration::from_secs(180), |text| {
        humantime::parse_duration(&text).unwrap_or_else(|error| panic!("SOAK={text}: {error}"))
    });
    let folder = tempfile::tempdir().unwrap();
    let options = simulator::Options { listen: ([127, 0, 0, 1], 0).into(), ..simulator::Options::default() };
    let tenant = simulator::start(options).await.unwrap();
    let mut listener = Listener::start(folder.path(), &tenant);
    let soak = Arc::new(Soak::begin(&listener, &tenant).await);
    let stop = CancellationToken::new();
    let mut load = JoinSet::new();
    soak.clone().apply(&mut load, &stop);
    let samples = listener.sampled(&soak, length).await;
    stop.cancel();
    let left = soak.left().await;
    while let Some(ended) = load.join_next().await {
        ended.unwrap();
    }
    report(&soak, &samples, left);
    listener.end();
    tenant.stop().await;
}

fn report(soak: &Soak, samples: &[Sample], left: u64) {
    let few = (samples.len() / 15).max(1);
    let third = samples.len() / 3;
    let (early, late) = (&samples[third..third + few], &samples[samples.len() - few..]);
    let growth = |of: fn(&Sample) -> u64| median(late, of).saturating_sub(median(early, of));
    let (answers, refused) = (soak.answers.load(Relaxed), soak.refused.load(Relaxed));
    let log = samples.iter().map(|sample| sample.log).max().unwrap_or_default();
    println!(
        "{} s: {answers} notification requests, {} items, {} events, slowest answer {} ms",
        samples.len(),
        soak.acknowledged.lock().unwrap().len(),
        soak.told.load(Relaxed),
        soak.slowest.load(Relaxed),
    );
    println!(
        "memory {} MiB, then {} MiB",
        median(early, |one| one.memory) / MIB,
        median(late, |one| one.memory) / MIB
    );
    for (name, value, goal) in [
        ("soak_memory_growth_mib", growth(|one| one.memory) / MIB, 8),
        ("soak_descriptor_growth", growth(|one| one.descriptors), 4),
        ("soak_write_ahead_log_mib", log / MIB, 16),
        ("soak_file_bytes_per_event", growth(|one| one.file) / growth(|one| one.events).max(1), 8192),
        ("soak_left_over", left, 0),
        ("soak_not_acknowledged", refused, 0),
        ("soak_slowest_answer_ms", soak.slowest.load(Relaxed), 1000),
    ] {
        println!("{name} {value} goal {goal} {}", if value <= goal { "ok" } else { "short" });
    }
}

fn median(samples: &[Sample], of: fn(&Sample) -> u64) -> u64 {
    let mut values: Vec<u64> = samples.iter().map(of).collect();
    values.sort_unstable();
    values[values.len() / 2]
}
