use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use o365_listener::simulator::Simulator;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::listener::Listener;

const STORMS: u64 = 4;
const STREAMS: usize = 3;
/// Between two posts of a storm, and between two items made in one resource.
const STORM_PAUSE: Duration = Duration::from_millis(4);
const CHANGE_PAUSE: Duration = Duration::from_millis(50);
/// How long working off may take after the load has ended.
const WORKED_OFF: Duration = Duration::from_secs(60);

/// Subscription and item.
type Item = (String, String);

/// What the load is applied to, and what came of it.
pub struct Soak {
    http: reqwest::Client,
    graph: String,
    token: String,
    notifications: String,
    admin: String,
    /// Name, where its items are made in Graph, and the remote subscription.
    followed: Vec<(&'static str, &'static str, Value)>,
    pub answers: AtomicU64,
    pub refused: AtomicU64,
    pub slowest: AtomicU64,
    pub told: AtomicU64,
    pub acknowledged: Mutex<HashSet<Item>>,
    seen: Mutex<HashSet<Item>>,
}

impl Soak {
    pub async fn begin(listener: &Listener, simulator: &Simulator) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let tenant = simulator.tenant();
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default",
            tenant.client_id, tenant.client_secret
        );
        let request = http.post(format!("{}/{}/oauth2/v2.0/token", tenant.url, tenant.tenant_id)).body(form);
        let token = json(request.header("Content-Type", "application/x-www-form-urlencoded")).await;
        let lost = http.post(format!("{}/_control/notifications", tenant.url)).json(&json!({"lose": 1.0}));
        lost.send().await.unwrap();
        Self {
            followed: followed(&http, &listener.admin, &tenant.url).await,
            http,
            graph: format!("{}/v1.0", tenant.url),
            token: token["access_token"].as_str().unwrap().to_owned(),
            notifications: listener.notifications.clone(),
            admin: listener.admin.clone(),
            answers: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            slowest: AtomicU64::new(0),
            told: AtomicU64::new(0),
            acknowledged: Mutex::default(),
            seen: Mutex::default(),
        }
    }

    pub fn apply(self: Arc<Self>, load: &mut JoinSet<()>, stop: &CancellationToken) {
        for at in 0..self.followed.len() {
            load.spawn(self.clone().change(at, stop.clone()));
        }
        for number in 0..STORMS {
            load.spawn(self.clone().storm(number, stop.clone()));
        }
        for _ in 0..STREAMS {
            load.spawn(self.clone().stream(stop.clone()));
        }
        load.spawn(self.clone().look(stop.clone()));
        load.spawn(self.pull(stop.clone()));
    }

    /// New items, one after the other, each with its notification.
    async fn change(self: Arc<Self>, at: usize, stop: CancellationToken) {
        let (name, _, remote) = &self.followed[at];
        for number in 0_u64.. {
            if stop.is_cancelled() {
                return;
            }
            let id = self.make(at, &format!("{name}-{number}")).await;
            if self.notify("notifications", &json!({"value": [element(remote)]})).await {
                self.acknowledged.lock().unwrap().insert(((*name).to_owned(), id));
            }
            sleep(CHANGE_PAUSE).await;
        }
    }

    async fn make(&self, at: usize, name: &str) -> String {
        let url = format!("{}/{}", self.graph, self.followed[at].1);
        let request = match at {
            0 => self.http.post(url).json(&json!({"fields": {"Title": name}})),
            1 => self.http.put(format!("{url}/root:/{name}.txt:/content")).body(name.to_owned()),
            _ => self.http.post(url).json(&json!({"subject": name})),
        };
        let made = json(request.bearer_auth(&self.token).header("Prefer", "IdType=\"ImmutableId\"")).await;
        made["id"].as_str().unwrap().to_owned()
    }

    /// Notifications for nothing: single, batched, forged, of the life cycle; and a handshake now and then.
    async fn storm(self: Arc<Self>, number: u64, stop: CancellationToken) {
        for turn in number.. {
            if stop.is_cancelled() {
                return;
            }
            let at = usize::try_from(turn).unwrap() % self.followed.len();
            let mut one = element(&self.followed[at].2);
            match turn % 16 {
                0 => one["clientState"] = json!("forged"),
                1 => one["lifecycleEvent"] = json!("missed"),
                _ => {}
            }
            let count = if turn % 8 == 2 { 20 } else { 1 };
            self.notify("lifecycle", &json!({"value": vec![one; count]})).await;
            if turn % 64 == 3 {
                let url = format!("{}/notifications?validationToken=a+b", self.notifications);
                assert_eq!(self.http.post(url).send().await.unwrap().text().await.unwrap(), "a b");
            }
            sleep(STORM_PAUSE).await;
        }
    }

    /// Whether it was acknowledged.
    async fn notify(&self, path: &str, body: &Value) -> bool {
        let start = Instant::now();
        let answer =
            self.http.post(format!("{}/{path}", self.notifications)).json(body).send().await.unwrap();
        self.slowest.fetch_max(u64::try_from(start.elapsed().as_millis()).unwrap(), Relaxed);
        self.answers.fetch_add(1, Relaxed);
        let taken = answer.status().as_u16() == 202;
        self.refused.fetch_add(u64::from(!taken), Relaxed);
        taken
    }

    /// A reader that follows for a while, leaves without a word, and comes again.
    async fn stream(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let answer = self.http.get(format!("{}/v1/events/stream?after=latest", self.admin)).send().await;
            let mut chunks = answer.unwrap().bytes_stream();
            for _ in 0..50 {
                tokio::select! {
                    chunk = chunks.next() => { chunk.unwrap().unwrap(); }
                    () = stop.cancelled() => return,
                }
            }
        }
    }

    /// What a dashboard does.
    async fn look(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            for path in ["metrics", "v1/status", "v1/subscriptions", "readyz"] {
                let answer = self.http.get(format!("{}/{path}", self.admin)).send().await.unwrap();
                assert!(answer.status().is_success(), "{path}: {}", answer.status());
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    /// Reads the whole log, until the load has ended and nothing comes any more.
    async fn pull(self: Arc<Self>, stop: CancellationToken) {
        let mut after = "0".repeat(20);
        loop {
            let url = format!("{}/v1/events?limit=1000&wait=5&after={after}", self.admin);
            let page = json(self.http.get(url)).await;
            let events = page["events"].as_array().unwrap();
            if events.is_empty() && stop.is_cancelled() {
                return;
            }
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let items = events.iter().map(|event| (text(&event["subscription"]), text(&event["subject"])));
            self.seen.lock().unwrap().extend(items);
            self.told.fetch_add(u64::try_from(events.len()).unwrap(), Relaxed);
            after = text(&page["next"]);
        }
    }

    /// Items whose notification was acknowledged and that have no event, and hints that still wait, once there are
    /// none or [`WORKED_OFF`] is over.
    pub async fn left(&self) -> u64 {
        let end = Instant::now() + WORKED_OFF;
        loop {
            sleep(Duration::from_millis(500)).await;
            let listed = json(self.http.get(format!("{}/v1/subscriptions", self.admin))).await;
            let waiting = listed.to_string().matches("\"pending\":true").count();
            let acknowledged = self.acknowledged.lock().unwrap();
            let missing = acknowledged.difference(&self.seen.lock().unwrap()).count() + waiting;
            if missing == 0 || Instant::now() > end {
                return u64::try_from(missing).unwrap();
            }
        }
    }
}

async fn json(request: RequestBuilder) -> Value {
    request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
}

fn element(remote: &Value) -> Value {
    json!({
        "subscriptionId": remote["id"], "clientState": remote["clientState"], "changeType": "updated",
        "resource": remote["resource"], "subscriptionExpirationDateTime": remote["expirationDateTime"],
        "tenantId": "00000000-0000-0000-0000-000000000000",
    })
}

/// The three that the printed configuration follows, once all are active and their first rounds over.
async fn followed(
    http: &reqwest::Client,
    admin: &str,
    tenant: &str,
) -> Vec<(&'static str, &'static str, Value)> {
    for _ in 0..300 {
        sleep(Duration::from_millis(100)).await;
        let Ok(answer) = http.get(format!("{admin}/v1/subscriptions")).send().await else { continue };
        let listed: Value = answer.json().await.unwrap();
        let listed = listed["subscriptions"].as_array().or(listed.as_array()).unwrap().clone();
        if listed.len() < 3
            || listed.iter().any(|one| one["state"] != "active" || one["last_fetch_at"].is_null())
        {
            continue;
        }
        let state = json(http.get(format!("{tenant}/_control/state"))).await;
        let remote = |name| {
            let id = &listed.iter().find(|one| one["name"] == name).unwrap()["remote_id"];
            state["subscriptions"].as_array().unwrap().iter().find(|one| one["id"] == *id).unwrap().clone()
        };
        return [
            ("candidates", "sites/contoso.sharepoint.com:/sites/hr:/lists/Candidates/items"),
            ("files", "users/alice@contoso.com/drive"),
            ("inbox", "users/alice@contoso.com/mailFolders/inbox/messages"),
        ]
        .map(|(name, path)| (name, path, remote(name)))
        .to_vec();
    }
    panic!("the subscriptions did not become active")
}
