//! The admin port over a real store, in a process of its own that writes as it is told.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use o365_listener::api::{Api, Keys, STREAMS, Tail};
use o365_listener::app;
use o365_listener::clock::Clock;
use o365_listener::config;
use o365_listener::deliver::{Desk, OwnApps};
use o365_listener::fetch::Fetcher;
use o365_listener::metrics::Metrics;
use o365_listener::office365::Office365;
use o365_listener::renew::{Keyring, Parts, Renewer};
use o365_listener::seal::ClientStates;
use o365_listener::store::Store;
use o365_listener::tasks::Signal;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::RATE;
use crate::log::Written;

/// Events written together where it is to be fast.
const PAGE: u64 = 100;

/// The process; it ends with ours.
pub struct Server {
    pub address: SocketAddr,
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Server {
    pub fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("--serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the bench starts itself");
        let orders = child.stdin.take();
        let mut answers = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        Self { address: line.trim().parse().unwrap(), child, orders, answers }
    }

    /// Has it write so many events.
    pub fn begin_to_write(&mut self, how: &str, events: u64) {
        writeln!(self.orders.as_mut().unwrap(), "{how} {events}").unwrap();
    }

    /// Waits until it has; how many in a second.
    pub fn written(&mut self) -> u64 {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().parse().unwrap()
    }

    /// Both.
    pub fn write(&mut self, how: &str, events: u64) {
        self.begin_to_write(how, events);
        self.written();
    }

    /// What it has in memory.
    pub fn memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Processor time so far; the kernel counts in hundredths of a second.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.child.wait();
    }
}

/// Serves, and does what standard input says, until that ends.
pub fn serve() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut log = runtime.block_on(Written::start(folder.path()));
    let _entered = runtime.enter();
    let (server, address) =
        app::administering(api(log.store.clone()), ([127, 0, 0, 1], 0).into(), None).unwrap();
    println!("{address}");
    runtime.spawn(server);
    for order in std::io::stdin().lines() {
        let order = order.unwrap();
        let (how, events) = order.split_once(' ').unwrap();
        let (events, began) = (events.parse::<u64>().unwrap(), Instant::now());
        if how == "steady" {
            runtime.block_on(steady(&mut log, events));
        } else {
            for _ in 0..events / PAGE {
                runtime.block_on(log.write(usize::try_from(PAGE).unwrap()));
            }
        }
        println!("{:.0}", events as f64 / began.elapsed().as_secs_f64());
    }
}

async fn steady(log: &mut Written, events: u64) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE);
    for _ in 0..events {
        ticks.tick().await;
        log.write(1).await;
    }
}

/// What the admin port works with; nothing here reaches Office 365.
fn api(store: Arc<dyn Store>) -> Api {
    let (clock, metrics, stopping) =
        (Clock::system(), Arc::new(Metrics::default()), CancellationToken::new());
    let office365 = Arc::new(Office365::new(&[], clock.clone(), metrics.clone()).unwrap());
    let renewer = Renewer::new(Parts {
        store: store.clone(),
        office365: office365.clone(),
        clock: clock.clone(),
        metrics: metrics.clone(),
        settings: config::Renewal { at: 0.67 },
        client_states: ClientStates::new(&[7; o365_listener::seal::KEY_BYTES]),
        keyring: Arc::new(Keyring::new(store.clone(), clock.clone(), None)),
        notification_url: "http://127.0.0.1/notifications".parse().unwrap(),
        lifecycle_url: "http://127.0.0.1/lifecycle".parse().unwrap(),
        wake: Signal::default(),
        fetch: Signal::default(),
    });
    let fetch = config::Fetch::default();
    let fetcher = Fetcher::new(
        store.clone(),
        office365,
        clock.clone(),
        metrics.clone(),
        fetch,
        Signal::default(),
        None,
    );
    let desk = Desk::new(store.clone(), clock.clone(), metrics.clone(), OwnApps::default());
    let tail = Tail::new(store.clone());
    tokio::spawn(tail.clone().run(stopping.clone()));
    Api {
        started_at: clock.now(),
        clock,
        store,
        metrics,
        renewer: Arc::new(renewer),
        fetcher: Arc::new(fetcher),
        desk: Arc::new(desk),
        connector: None,
        joined: Signal::default(),
        configured: Arc::new(|| Ok(Vec::new())),
        keys: Keys::new(&[]),
        tenants: Vec::new(),
        sign_ins: Arc::new(Vec::new),
        version: "bench",
        stopping,
        streams: Arc::new(Semaphore::new(STREAMS)),
        tail,
        runtime: Handle::current(),
    }
}
