//! How soon the release binary serves, and what it takes in memory when nothing happens: `serve` with a
//! configuration file that follows a list, a OneDrive and a mail folder of a stand-in tenant. Then the same with
//! 1,000,000 subscriptions beside them; what looking at all of them costs is measured with 100,000.
//!
//! ```text
//! cargo bench --bench footprint     # some minutes, and 2 GB of disk
//! ```
//!
//! Starts are measured from the start of the process to the first 200 of `/readyz`, several times on the same store;
//! memory is `VmRSS` of the process (Linux), some seconds after all three are active. Opening the store alone, and what
//! others wait for while an absence makes everything due, are measured in the bench's own process.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a bench stops at the unexpected, prints, and reads the real clock"
)]

mod many;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use o365_listener::simulator;

const STARTS: usize = 5;
const MIB: f64 = 1024.0 * 1024.0;
const ADMIN: &str = "http://127.0.0.1:18081";

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let options = simulator::Options { listen: ([127, 0, 0, 1], 0).into(), ..simulator::Options::default() };
    let tenant = simulator::start(options).await.unwrap();
    let config = simulator::print_config(tenant.tenant())
        .replace("127.0.0.1:8080", "127.0.0.1:18080")
        .replace("127.0.0.1:8081", "127.0.0.1:18081");
    std::fs::write(folder.path().join("config.toml"), config).unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();

    let (start, few) = starts(folder.path(), &http).await;
    at_most("start_to_ready_ms", start, 300.0);
    at_most("idle_resident_mib", few / MIB, 40.0);

    let store = folder.path().join("o365-listener.db");
    many::follow(&store, 1, many::SOME);
    looked_at(folder.path(), &http).await;
    many::follow(&store, many::SOME + 1, many::MANY);
    // The first looks for a schema of former times, and takes the room that is kept back.
    many::open(&store).await;
    let mut opened = Vec::new();
    for _ in 0..STARTS {
        opened.push(many::open(&store).await);
    }
    opened.sort_unstable();
    at_most("many_open_ms", opened[STARTS / 2].as_secs_f64() * 1e3, 1000.0);
    let (start, many) = starts(folder.path(), &http).await;
    at_most("many_start_to_ready_ms", start, 1000.0);
    at_most("many_bytes_per_subscription", (many - few).max(0.0) / f64::from(many::MANY), 300.0);
    at_most("many_wait_after_absence_ms", many::absence(&store).await.as_secs_f64() * 1e3, 250.0);
    tenant.stop().await;
}

/// Starts the listener several times: the median until it is ready in milliseconds, and what it takes in bytes when
/// nothing happens.
async fn starts(folder: &Path, http: &reqwest::Client) -> (f64, f64) {
    let mut starts = Vec::new();
    let mut resident = 0;
    for number in 0..STARTS {
        let start = Instant::now();
        let mut process = serve(folder);
        ready(http, &mut process.0).await;
        starts.push(start.elapsed());
        if number == STARTS - 1 {
            active(http).await;
            tokio::time::sleep(Duration::from_secs(5)).await;
            resident = memory_kib(&process.0, "VmRSS:");
        }
        Command::new("kill").arg(process.0.id().to_string()).status().unwrap();
        process.0.wait().unwrap();
    }
    starts.sort_unstable();
    (starts[STARTS / 2].as_secs_f64() * 1e3, resident as f64 * 1024.0)
}

/// What it costs to look at a hundred thousand of them.
async fn looked_at(folder: &Path, http: &reqwest::Client) {
    let mut process = serve(folder);
    ready(http, &mut process.0).await;
    active(http).await;
    let before = memory_kib(&process.0, "VmHWM:");
    for (name, path) in [("status", "/v1/status"), ("scrape", "/metrics"), ("list", "/v1/subscriptions")] {
        let mut times = Vec::new();
        for _ in 0..STARTS {
            let begun = Instant::now();
            let answer = http.get(format!("{ADMIN}{path}")).send().await.unwrap();
            assert!(answer.status().is_success(), "{path}");
            let bytes = answer.bytes().await.unwrap().len();
            times.push((begun.elapsed(), bytes));
        }
        times.sort_unstable();
        let (took, bytes) = times[STARTS / 2];
        println!("{path} of {}: {bytes} bytes", many::SOME);
        let goal = if name == "list" { 10_000.0 } else { 1000.0 };
        at_most(&format!("some_{name}_ms"), took.as_secs_f64() * 1e3, goal);
    }
    let more = memory_kib(&process.0, "VmHWM:").saturating_sub(before);
    at_most("some_looked_at_peak_mib", more as f64 / 1024.0, 100.0);
    Command::new("kill").arg(process.0.id().to_string()).status().unwrap();
    process.0.wait().unwrap();
}

fn at_most(name: &str, value: f64, goal: f64) {
    println!("{name} {value:.0} goal {goal} {}", if value <= goal { "ok" } else { "short" });
}

/// Ended with the bench, also when that stops at the unexpected.
struct Listener(Child);

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(folder: &Path) -> Listener {
    let process = Command::new(env!("CARGO_BIN_EXE_o365-listener"))
        .arg("serve")
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Listener(process)
}

async fn ready(http: &reqwest::Client, process: &mut Child) {
    for _ in 0..5000 {
        let ended = process.try_wait().unwrap();
        assert!(ended.is_none(), "the listener ended ({ended:?}): are the bench's ports taken?");
        let answer = http.get(format!("{ADMIN}/readyz")).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("the listener did not become ready");
}

async fn active(http: &reqwest::Client) {
    for _ in 0..300 {
        let mut active = 0;
        // One by one: of a million, these three.
        for name in ["candidates", "files", "inbox"] {
            let answer = http.get(format!("{ADMIN}/v1/subscriptions/{name}")).send().await.unwrap();
            active += answer.text().await.unwrap().matches("\"state\":\"active\"").count();
        }
        if active == 3 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the subscriptions did not become active");
}

/// A line of the process's status, in KiB.
fn memory_kib(process: &Child, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|one| one.strip_prefix(line)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
