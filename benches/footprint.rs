//! How soon the release binary serves, and what it takes in memory when nothing happens: `serve` with a
//! configuration file that follows a list, a OneDrive and a mail folder of a stand-in tenant.
//!
//! ```text
//! cargo bench --bench footprint
//! ```
//!
//! Starts are measured from the start of the process to the first 200 of `/readyz`, several times on the same store;
//! memory is `VmRSS` of the process (Linux), some seconds after all three are active.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a bench stops at the unexpected, prints, and reads the real clock"
)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use o365_listener::simulator;

const STARTS: usize = 5;
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

    let mut starts = Vec::new();
    let mut resident = 0;
    for number in 0..STARTS {
        let start = Instant::now();
        let mut process = serve(folder.path());
        ready(&http, &mut process.0).await;
        starts.push(start.elapsed().as_millis());
        if number == STARTS - 1 {
            active(&http).await;
            tokio::time::sleep(Duration::from_secs(5)).await;
            resident = resident_kib(&process.0);
        }
        Command::new("kill").arg(process.0.id().to_string()).status().unwrap();
        process.0.wait().unwrap();
    }
    starts.sort_unstable();
    let (start, resident) = (starts[STARTS / 2], resident / 1024);
    println!("start_to_ready_ms {start} goal 300 {}", if start < 300 { "ok" } else { "short" });
    println!("idle_resident_mib {resident} goal 40 {}", if resident < 40 { "ok" } else { "short" });
    tenant.stop().await;
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
        let list = http.get(format!("{ADMIN}/v1/subscriptions")).send().await.unwrap().text().await.unwrap();
        if list.matches("\"state\":\"active\"").count() == 3 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the subscriptions did not become active");
}

/// `VmRSS` in KiB.
fn resident_kib(process: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
