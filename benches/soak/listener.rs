use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use o365_listener::simulator::{self, Simulator};
use tokio::time::sleep;

use super::load::Soak;

/// The listener's process, ended with the bench.
pub struct Listener {
    process: Child,
    store: PathBuf,
    pub notifications: String,
    pub admin: String,
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Listener {
    pub fn start(folder: &Path, tenant: &Simulator) -> Self {
        let [notifications, admin] = free_addresses();
        let config = simulator::print_config(tenant.tenant())
            .replace("127.0.0.1:8080", &notifications)
            .replace("127.0.0.1:8081", &admin);
        std::fs::write(folder.join("config.toml"), config + "\n[fetch]\nsweep_every = \"0\"\n").unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_o365-listener"))
            .arg("serve")
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let store = folder.join("o365-listener.db");
        let notifications = format!("http://{notifications}");
        Self { process, store, notifications, admin: format!("http://{admin}") }
    }

    /// One sample a second.
    pub async fn sampled(&mut self, soak: &Soak, length: Duration) -> Vec<Sample> {
        let end = Instant::now() + length;
        let mut samples = Vec::new();
        while Instant::now() < end {
            assert!(self.process.try_wait().unwrap().is_none(), "the listener ended");
            samples.push(self.sample(soak));
            sleep(Duration::from_secs(1)).await;
        }
        samples
    }

    fn sample(&self, soak: &Soak) -> Sample {
        let proc = PathBuf::from(format!("/proc/{}", self.process.id()));
        let status = std::fs::read_to_string(proc.join("status")).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let size = |suffix: &str| {
            let file = format!("{}{suffix}", self.store.display());
            std::fs::metadata(file).map_or(0, |file| file.len())
        };
        Sample {
            memory: resident.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024,
            descriptors: u64::try_from(std::fs::read_dir(proc.join("fd")).unwrap().count()).unwrap(),
            file: size(""),
            log: size("-wal"),
            events: soak.told.load(Relaxed),
        }
    }

    pub fn end(&mut self) {
        Command::new("kill").arg(self.process.id().to_string()).status().unwrap();
        assert!(self.process.wait().unwrap().success(), "the listener did not end well");
    }
}

/// Bytes, but for descriptors and events.
pub struct Sample {
    pub memory: u64,
    pub descriptors: u64,
    pub file: u64,
    pub log: u64,
    pub events: u64,
}

fn free_addresses() -> [String; 2] {
    let listen = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    [listen(), listen()].map(|socket| socket.local_addr().unwrap().to_string())
}
