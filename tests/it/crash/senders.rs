//! Office 365's part: each sender has a connection of its own, kept alive.

use std::collections::BTreeSet;
use std::time::Duration;

use o365_listener::clock::Clock;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::graph::Graph;
use super::log::{Item, Log};
use crate::listener::Listener;

/// Between two posts of a storm: the fetcher needs the processor too.
const PAUSE: Duration = Duration::from_millis(2);

/// Something that is followed.
#[derive(Clone)]
pub struct Followed {
    pub name: &'static str,
    /// Where its items are in Graph.
    pub path: &'static str,
    /// The remote subscription.
    pub remote: Value,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// New items, a notification, and on when the log has them.
    Steady,
    /// Notifications of few subscriptions without waiting, most of them for nothing.
    Storm,
}

pub struct Sender {
    load: Load,
    url: String,
    graph: Graph,
    followed: Vec<Followed>,
    random: StdRng,
    made: usize,
}

impl Sender {
    pub fn new(
        listener: &Listener,
        graph: &Graph,
        load: Load,
        followed: Vec<Followed>,
        random: &mut StdRng,
    ) -> Self {
        Self {
            load,
            url: listener.notifications_url(),
            graph: graph.clone(),
            followed,
            random: StdRng::seed_from_u64(random.random()),
            made: 0,
        }
    }

    /// Notifies until the listener is gone; the items whose notification was acknowledged.
    pub async fn work(&mut self, log: &Log, killed: &CancellationToken) -> BTreeSet<Item> {
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let mut acknowledged = BTreeSet::new();
        while !killed.is_cancelled() {
            let items = self.change().await;
            let Some(taken) = self.notify(&http, &items).await else { break };
            if !taken {
                continue;
            }
            let items: BTreeSet<Item> =
                items.into_iter().map(|(at, id)| (self.followed[at].name.to_owned(), id)).collect();
            let wait = async {
                match self.load {
                    Load::Steady => log.has(&items).await,
                    Load::Storm => Clock::system().sleep(PAUSE).await,
                }
            };
            tokio::select! {
                () = wait => {}
                () = killed.cancelled() => {}
            }
            acknowledged.extend(items);
        }
        acknowledged
    }

    /// Makes new items in some of its own; in a storm mostly none.
    async fn change(&mut self) -> Vec<(usize, String)> {
        let count = match self.load {
            Load::Steady => self.random.random_range(1..=self.followed.len()),
            Load::Storm => usize::from(self.random.random_ratio(1, 10)),
        };
        let mut items = Vec::new();
        for at in rand::seq::index::sample(&mut self.random, self.followed.len(), count) {
            self.made += 1;
            let followed = &self.followed[at];
            let name = format!("{}-{}", followed.name, self.made);
            items.push((at, self.graph.make(followed.path, &name).await));
        }
        items
    }

    /// Whether it was acknowledged; none: nobody answered.
    async fn notify(&mut self, http: &reqwest::Client, items: &[(usize, String)]) -> Option<bool> {
        let body = json!({"value": self.elements(items)});
        let path = ["notifications", "lifecycle"].choose(&mut self.random).unwrap();
        let answer = http.post(format!("{}/{path}", self.url)).json(&body).send().await.ok()?;
        match answer.status().as_u16() {
            202 => Some(true),
            503 => Some(false),
            other => panic!("a notification was answered with {other}"),
        }
    }

    /// A genuine element for each item, some of them twice, among others that are nothing.
    fn elements(&mut self, items: &[(usize, String)]) -> Vec<Value> {
        // A body in which nothing can be read would be refused.
        let mut elements = vec![self.forged()];
        for (at, _) in items {
            elements.push(self.element(*at));
            if self.random.random_ratio(1, 4) {
                elements.push(self.element(*at));
            }
        }
        let others = match self.load {
            Load::Steady => self.random.random_range(0..3),
            Load::Storm => self.random.random_range(1..20),
        };
        for _ in 0..others {
            let other = self.other();
            elements.insert(self.random.random_range(0..=elements.len()), other);
        }
        elements
    }

    /// What must not matter, and in a storm mostly what there is nothing behind.
    fn other(&mut self) -> Value {
        let at = self.random.random_range(0..self.followed.len());
        match (self.load, self.random.random_range(0..10)) {
            (_, 0) => json!({"subscriptionId": 7}),
            (Load::Storm, 2..) => self.element(at),
            _ => self.forged(),
        }
    }

    fn forged(&mut self) -> Value {
        let mut forged = self.element(0);
        forged["clientState"] = json!(format!("v1.{}.{}", Uuid::nil(), "A".repeat(43)));
        forged
    }

    fn element(&mut self, at: usize) -> Value {
        let remote = &self.followed[at].remote;
        let mut element = json!({
            "subscriptionId": remote["id"], "clientState": remote["clientState"], "resource": remote["resource"],
            "subscriptionExpirationDateTime": remote["expirationDateTime"], "tenantId": Uuid::nil(),
        });
        let event = ["missed", "reauthorizationRequired", "subscriptionRemoved", "somethingNew"]
            .choose(&mut self.random);
        match event {
            Some(event) if self.random.random_ratio(1, 5) => {
                element["lifecycleEvent"] = json!(event);
                if *event == "subscriptionRemoved" {
                    element["subscriptionId"] = json!(Uuid::from_u128(self.random.random()));
                }
            }
            _ => element["changeType"] = json!("updated"),
        }
        element
    }
}
