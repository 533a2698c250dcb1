//! What befalls a tenant is no matter of the others: from notification to event for one of three tenants, while all is
//! well, and while the first is throttled for ten minutes and the second's client secret is revoked.
//!
//! ```text
//! cargo bench --bench tenants     # a minute
//! ```
//!
//! Each tenant is a stand-in of its own, all are followed by one listener in this process. In each round the listener
//! starts anew with all being well, some hundred changes of the third tenant are measured one by one, as in `latency`;
//! then it starts again with a secret that is not taken, the first tenant says whenever it is asked that it
//! wants to be left alone for ten minutes, and both are notified of a hundred times a second: the same is measured again.
//! Ratios are taken inside a round, and their median is told.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a bench stops at the unexpected, prints, and reads the real clock"
)]

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use o365_listener::app::App;
use o365_listener::clock::Clock;
use o365_listener::config;
use o365_listener::simulator::{self, Simulator};
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 5;
/// Measured changes in each half of a round; the first few warm things up and do not count.
const CHANGES: usize = 300;
const WARM_UP: usize = 20;
/// Between two notifications to each tenant in trouble.
const NOTIFIED_EVERY: Duration = Duration::from_millis(10);
const TEN_MINUTES: u32 = 600;
const TENANTS: [&str; 3] = ["throttled", "revoked", "well"];
/// Followed of each tenant beside its list.
const FOLDERS: [&str; 5] = ["inbox", "drafts", "sentitems", "archive", "deleteditems"];

#[tokio::main]
async fn main() {
    let mut ratios = Vec::new();
    for round in 0..ROUNDS {
        let bench = Bench::new().await;
        let well = bench.half(false).await;
        let trouble = bench.half(true).await;
        let [before, after] = [&well, &trouble].map(|times| percentile(times, 99));
        println!(
            "round {round}: p99 {before:.2} ms while all is well, {after:.2} ms in trouble (p50 {:.2}, {:.2})",
            percentile(&well, 50),
            percentile(&trouble, 50)
        );
        ratios.push(after / before);
    }
    ratios.sort_by(f64::total_cmp);
    let ratio = ratios[ROUNDS / 2];
    println!(
        "tenants_p99_in_trouble_to_well {ratio:.2} goal 1.2 {}",
        if ratio <= 1.2 { "ok" } else { "short" }
    );
}

/// Three tenants, and the folder of a listener that follows them.
struct Bench {
    http: reqwest::Client,
    tenants: Vec<Simulator>,
    folder: tempfile::TempDir,
    public: SocketAddr,
}

impl Bench {
    async fn new() -> Self {
        let mut tenants = Vec::new();
        for seed in 0..3 {
            let listen = ([127, 0, 0, 1], 0).into();
            let options = simulator::Options { listen, seed, ..simulator::Options::default() };
            tenants.push(simulator::start(options).await.unwrap());
        }
        Self {
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            tenants,
            folder: tempfile::tempdir().unwrap(),
            public: TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap(),
        }
    }

    /// A listener from start to stop; the latencies of the third tenant's changes.
    async fn half(&self, trouble: bool) -> Vec<Duration> {
        let file = self.folder.path().join("config.toml");
        std::fs::write(&file, self.configuration(self.folder.path(), trouble)).unwrap();
        if trouble {
            let fault =
                json!({"status": 429, "path_prefix": "/v1.0", "count": 1000, "retry_after": TEN_MINUTES});
            self.control(0, "faults", fault).await;
        }
        let app =
            App::start(config::load(&file, std::iter::empty()).unwrap(), Clock::system()).await.unwrap();
        let admin = format!("http://{}", app.admin_address());
        for tenant in 0..3 {
            self.control(tenant, "notifications", json!({"lose": 1.0})).await;
        }
        let measured = if trouble {
            let pestering: Vec<_> = [0, 1].map(|tenant| tokio::spawn(self.pester(tenant))).into();
            self.troubled(&admin).await;
            let measured = self.measure(&admin).await;
            pestering.iter().for_each(tokio::task::JoinHandle::abort);
            self.troubled(&admin).await;
            measured
        } else {
            self.all_active(&admin).await;
            self.measure(&admin).await
        };
        app.stop().await;
        measured
    }

    fn configuration(&self, folder: &Path, trouble: bool) -> String {
        let mut text = format!(
            "public_url = \"http://{public}\"\n[listen]\nnotifications = \"{public}\"\nadmin = \"127.0.0.1:0\"\n\
             [store]\nurl = \"sqlite:{}\"\n",
            folder.join("store.db").display(),
            public = self.public,
        );
        for (name, tenant) in TENANTS.iter().zip(&self.tenants) {
            let tenant = tenant.tenant();
            let secret = if trouble && *name == "revoked" { "revoked" } else { &tenant.client_secret };
            write!(
                text,
                "[[tenant]]\nname = \"{name}\"\ntenant_id = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{secret}\"\n\
                 login_url = \"{url}\"\ngraph_url = \"{url}\"\n\
                 [[subscription]]\nname = \"{name}-list\"\ntenant = \"{name}\"\nresource = \"{}\"\n",
                tenant.tenant_id,
                tenant.client_id,
                tenant.resources.list,
                url = tenant.url,
            )
            .unwrap();
            for folder in FOLDERS {
                write!(
                    text,
                    "[[subscription]]\nname = \"{name}-{folder}\"\ntenant = \"{name}\"\nresource = \"mail:{}/{folder}\"\n",
                    tenant.user
                )
                .unwrap();
            }
        }
        text
    }

    /// Until all are followed and their first rounds have ended.
    async fn all_active(&self, admin: &str) {
        self.until(admin, "all are active", |list| {
            list.iter().all(|one| one["state"] == "active" && !one["last_fetch_at"].is_null())
        })
        .await;
    }

    /// Until those in trouble say so, each for its own reason, and the third does well.
    async fn troubled(&self, admin: &str) {
        self.until(admin, "both are in trouble", |list| {
            let all_of = |tenant: &str, holds: &dyn Fn(&Value) -> bool| {
                list.iter().filter(|one| one["tenant"] == tenant).any(holds)
            };
            all_of("revoked", &|one| !one["error"].is_null())
                && !all_of("well", &|one| !one["error"].is_null())
        })
        .await;
        let status = self.get(&format!("{admin}/v1/status")).await;
        let closed = status["throttled"].as_array().unwrap();
        assert!(closed.iter().any(|gate| gate["tenant"] == "throttled"), "{closed:?}");
        assert!(closed.iter().all(|gate| gate["tenant"] != "well"), "{closed:?}");
    }

    async fn until(&self, admin: &str, what: &str, met: impl Fn(&[Value]) -> bool) {
        for _ in 0..600 {
            let listed = self.get(&format!("{admin}/v1/subscriptions")).await;
            if met(listed["subscriptions"].as_array().unwrap()) {
                return;
            }
            Clock::system().sleep(Duration::from_millis(100)).await;
        }
        panic!("in vain waited until {what}")
    }

    /// Notifies of everything that is followed of a tenant, in turn, for as long as it is let.
    fn pester(&self, tenant: usize) -> impl Future<Output = ()> + Send + use<> {
        let (http, url) = (self.http.clone(), format!("http://{}/notifications", self.public));
        let state = format!("{}/_control/state", self.tenants[tenant].url());
        async move {
            let state: Value = http.get(state).send().await.unwrap().json().await.unwrap();
            for held in state["subscriptions"].as_array().unwrap().iter().cycle() {
                let answer = http.post(&url).json(&notification(held)).send().await.unwrap();
                assert_eq!(answer.status().as_u16(), 202);
                tokio::time::sleep(NOTIFIED_EVERY).await;
            }
        }
    }

    async fn measure(&self, admin: &str) -> Vec<Duration> {
        let state = self.get(&format!("{}/_control/state", self.tenants[2].url())).await;
        let held = state["subscriptions"].as_array().unwrap().iter();
        let held = held.clone().find(|one| one["resource"].as_str().unwrap().contains("/lists/")).unwrap();
        let stream = format!("{admin}/v1/events/stream?after=latest&subscription=well-list");
        let mut events = self.http.get(stream).send().await.unwrap().bytes_stream();
        let mut latencies = Vec::new();
        for number in 0..CHANGES + WARM_UP {
            let latency = self.one(held, &mut events).await;
            if number >= WARM_UP {
                latencies.push(latency);
            }
        }
        latencies
    }

    /// Makes a change, notifies of it, and waits for its event.
    async fn one<S>(&self, held: &Value, events: &mut S) -> Duration
    where
        S: futures_util::Stream<Item = reqwest::Result<bytes::Bytes>> + Unpin,
    {
        let list = &self.tenants[2].tenant().resources.list;
        self.control(2, "changes", json!({"count": 1, "resource": list})).await;
        let start = Instant::now();
        let url = format!("http://{}/notifications", self.public);
        let answer = self.http.post(url).json(&notification(held)).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 202, "the notification was not accepted");
        loop {
            let chunk = events.next().await.expect("the stream goes on").unwrap();
            // Heartbeats are comments.
            if chunk.windows(5).any(|part| part == b"data:") {
                return start.elapsed();
            }
        }
    }

    async fn control(&self, tenant: usize, path: &str, body: Value) {
        let url = format!("{}/_control/{path}", self.tenants[tenant].url());
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }

    async fn get(&self, url: &str) -> Value {
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }
}

/// As Graph sends it.
fn notification(held: &Value) -> Value {
    json!({"value": [{
        "subscriptionId": held["id"], "clientState": held["clientState"],
        "changeType": "updated", "resource": held["resource"],
        "subscriptionExpirationDateTime": held["expirationDateTime"],
        "tenantId": "00000000-0000-0000-0000-000000000000",
    }]})
}

/// In milliseconds.
fn percentile(of: &[Duration], percent: usize) -> f64 {
    let mut sorted: Vec<f64> = of.iter().map(|one| one.as_secs_f64() * 1000.0).collect();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}
