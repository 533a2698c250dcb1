//! From the arrival of a notification to the event readable over Server-Sent Events, with a stand-in tenant that
//! answers at once: everything over real HTTP on loopback, the store on disk.
//!
//! ```text
//! cargo bench --bench latency
//! ```
//!
//! Changes are made one at a time, so that each is measured alone, with the tenant's own notifications switched
//! off: the bench plays Office 365's part and starts the clock when it sends the notification. The bare figure is
//! the time of a `GET /livez` in the same run, and the ratio what an event costs in such requests.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a bench stops at the unexpected, prints, and reads the real clock"
)]

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use o365_listener::app::App;
use o365_listener::clock::Clock;
use o365_listener::{config, simulator};
use serde_json::{Value, json};

/// Measured changes; the first few warm things up and do not count.
const CHANGES: usize = 500;
const WARM_UP: usize = 20;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let options = simulator::Options { listen: ([127, 0, 0, 1], 0).into(), ..simulator::Options::default() };
    let tenant = simulator::start(options).await.unwrap();
    let file = folder.path().join("config.toml");
    let public = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    std::fs::write(&file, configuration(tenant.tenant(), public, folder.path())).unwrap();
    let config = config::load(&file, std::iter::empty()).unwrap();
    let app = App::start(config, Clock::system()).await.unwrap();
    let bench = Bench {
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        tenant: tenant.url().to_owned(),
        notifications: format!("http://{}/notifications", app.notifications_address()),
        admin: format!("http://{}", app.admin_address()),
        resource: tenant.tenant().resources.list.clone(),
    };
    let (bare, latencies) = bench.measure().await;
    report(&bare, &latencies);
    app.stop().await;
    tenant.stop().await;
}

fn configuration(
    tenant: &simulator::Tenant,
    public: std::net::SocketAddr,
    folder: &std::path::Path,
) -> String {
    format!(
        "public_url = \"http://{public}\"\n[listen]\nnotifications = \"{public}\"\nadmin = \"127.0.0.1:0\"\n\
         [store]\nurl = \"sqlite:{}\"\n[[tenant]]\nname = \"contoso\"\ntenant_id = \"{}\"\nclient_id = \"{}\"\n\
         client_secret = \"{}\"\nlogin_url = \"{url}\"\ngraph_url = \"{url}\"\n\
         [[subscription]]\nname = \"candidates\"\ntenant = \"contoso\"\nresource = \"{}\"\n",
        folder.join("store.db").display(),
        tenant.tenant_id,
        tenant.client_id,
        tenant.client_secret,
        tenant.resources.list,
        url = tenant.url,
    )
}

struct Bench {
    http: reqwest::Client,
    tenant: String,
    notifications: String,
    admin: String,
    resource: String,
}

impl Bench {
    async fn measure(&self) -> (Vec<Duration>, Vec<Duration>) {
        let subscription = self.subscription().await;
        self.control("notifications", json!({"lose": 1.0})).await;
        let mut events = self
            .http
            .get(format!("{}/v1/events/stream?after=latest", self.admin))
            .send()
            .await
            .unwrap()
            .bytes_stream();
        let (mut bare, mut latencies) = (Vec::new(), Vec::new());
        for number in 0..CHANGES + WARM_UP {
            let start = Instant::now();
            self.http.get(format!("{}/livez", self.admin)).send().await.unwrap().bytes().await.unwrap();
            let one = start.elapsed();
            let latency = self.one(&subscription, &mut events).await;
            if number >= WARM_UP {
                bare.push(one);
                latencies.push(latency);
            }
        }
        (bare, latencies)
    }

    /// Makes a change, notifies of it, and waits for its event.
    async fn one<S>(&self, subscription: &Value, events: &mut S) -> Duration
    where
        S: futures_util::Stream<Item = reqwest::Result<bytes::Bytes>> + Unpin,
    {
        self.control("changes", json!({"count": 1, "resource": self.resource})).await;
        let body = json!({"value": [{
            "subscriptionId": subscription["id"], "clientState": subscription["clientState"],
            "changeType": "updated", "resource": subscription["resource"],
            "subscriptionExpirationDateTime": subscription["expirationDateTime"],
            "tenantId": "00000000-0000-0000-0000-000000000000",
        }]});
        let start = Instant::now();
        let answer = self.http.post(&self.notifications).json(&body).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 202, "the notification was not accepted");
        loop {
            let chunk = events.next().await.expect("the stream goes on").unwrap();
            // Heartbeats are comments.
            if chunk.windows(5).any(|part| part == b"data:") {
                return start.elapsed();
            }
        }
    }

    /// The remote subscription, once it is there.
    async fn subscription(&self) -> Value {
        for _ in 0..200 {
            let state: Value = self
                .http
                .get(format!("{}/_control/state", self.tenant))
                .send()
                .await
                .unwrap()
                .json()
                .await
                .unwrap();
            let listed =
                self.http.get(format!("{}/v1/subscriptions/candidates", self.admin)).send().await.unwrap();
            let listed: Value = listed.json().await.unwrap();
            if listed["state"] == "active" && !listed["last_fetch_at"].is_null() {
                return state["subscriptions"][0].clone();
            }
            Clock::system().sleep(Duration::from_millis(50)).await;
        }
        panic!("the subscription did not become active")
    }

    async fn control(&self, path: &str, body: Value) {
        let answer =
            self.http.post(format!("{}/_control/{path}", self.tenant)).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }
}

fn report(bare: &[Duration], latencies: &[Duration]) {
    let (p50, p99) = (percentile(latencies, 50), percentile(latencies, 99));
    println!("{} changes, each alone; p50 of a bare request {:.2} ms", latencies.len(), percentile(bare, 50));
    println!("p50 of an event in bare requests: {:.1}", p50 / percentile(bare, 50));
    for (name, value, goal) in [("latency_p50_ms", p50, 20.0), ("latency_p99_ms", p99, 100.0)] {
        println!("{name} {value:.2} goal {goal} {}", if value < goal { "ok" } else { "short" });
    }
}

/// In milliseconds.
fn percentile(of: &[Duration], percent: usize) -> f64 {
    let mut sorted: Vec<f64> = of.iter().map(|one| one.as_secs_f64() * 1000.0).collect();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}
