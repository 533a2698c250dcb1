//! The client of Office 365 against the stand-in tenant.

mod delta;
mod hostile;
mod refusals;
mod resolve;
mod signing_keys;
mod subscriptions;

use std::sync::Arc;

use o365_listener::config;
use o365_listener::metrics::{Metrics, Snapshot};
use o365_listener::model::{Resource, Target, Via};
use o365_listener::office365::{Failure, Office365, Tenant};
use o365_listener::secret::Secret;
use serde_json::Value;

use crate::simulator::harness::{Bench, answered};

/// The decorated user agent of the tests.
const USER_AGENT: &str = "NONISV|Contoso|o365-listener/test";

/// A client of a stand-in whose clock stands still.
pub struct Reach {
    pub bench: Bench,
    pub office365: Office365,
    metrics: Arc<Metrics>,
}

fn secret(text: &str) -> config::Proof {
    config::Proof::Secret { secret: Secret::new(text), expires_at: None }
}

fn client(bench: &Bench, metrics: &Arc<Metrics>, change: impl FnOnce(&mut config::Tenant)) -> Office365 {
    let known = bench.tenant();
    let url: url::Url = known.url.parse().unwrap();
    let mut tenant = config::Tenant {
        name: "contoso".parse().unwrap(),
        tenant_id: known.tenant_id.to_string(),
        client_id: known.client_id.to_string(),
        proof: secret(&known.client_secret),
        user_agent: USER_AGENT.to_owned(),
        cloud: config::Cloud::Global,
        login_url: Some(url.clone()),
        graph_url: Some(url.clone()),
        sharepoint_url: Some(url),
    };
    change(&mut tenant);
    Office365::new(&[tenant], bench.clock.clone(), Arc::clone(metrics)).unwrap()
}

impl Reach {
    pub async fn start() -> Self {
        Self::of(Bench::start().await, |_| ())
    }

    /// A client whose configuration differs by `change` from the right one.
    pub fn of(bench: Bench, change: impl FnOnce(&mut config::Tenant)) -> Self {
        let metrics = Arc::new(Metrics::default());
        let office365 = client(&bench, &metrics, change);
        Self { bench, office365, metrics }
    }

    /// Another such client of the same stand-in, which knows nothing yet.
    pub fn again(&self, change: impl FnOnce(&mut config::Tenant)) -> Office365 {
        client(&self.bench, &self.metrics, change)
    }

    pub fn tenant(&self) -> &Tenant {
        self.office365.tenant(&"contoso".parse().unwrap()).unwrap()
    }

    pub async fn resolve(&self, address: &str) -> Result<Target, Failure> {
        let resource: Resource = address.parse().unwrap();
        self.tenant().resolve(&resource, Via::Graph).await.map(|resolved| resolved.target)
    }

    /// One of each kind: list, drive, mail folder.
    async fn targets(&self) -> [Target; 3] {
        let resources = self.bench.tenant().resources.clone();
        let list = self.resolve(&resources.list).await.unwrap();
        [list, self.resolve(&resources.drive).await.unwrap(), self.resolve(&resources.mail).await.unwrap()]
    }

    /// What arrived at the stand-in, sign-in left out, since the last time this was asked.
    async fn requests(&self) -> Vec<Value> {
        let url = format!("{}/_control/requests", self.bench.simulator.url());
        let answer = answered(self.bench.http.get(&url)).await;
        answered(self.bench.http.delete(&url)).await;
        let all = answer.body["requests"].as_array().unwrap().clone();
        all.into_iter().filter(|request| !request["url"].as_str().unwrap().ends_with("/token")).collect()
    }

    pub fn scrape(&self) -> String {
        self.metrics.observe(Snapshot::default()).unwrap()
    }
}
