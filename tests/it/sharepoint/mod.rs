//! Lists that are followed over SharePoint's own REST service.

mod changes;
mod doctor;
mod remote;
mod wishes;

use chrono::{DateTime, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use crate::house::House;
use crate::signing_in::Pair;

/// A tenant that is signed in to with a certificate, and whose sites are the stand-in's.
pub struct Sites {
    pub house: House,
    pair: Pair,
}

/// The list of the tenant, followed over SharePoint from now on.
pub const LIST: &str =
    "[[subscription]]\nname = \"list\"\ntenant = \"contoso\"\nresource = \"{list}\"\nvia = \"sharepoint\"\n";

/// What is told as a time.
pub fn time(told: &Value) -> DateTime<Utc> {
    told.as_str().unwrap().parse().unwrap()
}

impl Sites {
    /// Starts it; `entries` as in [`House::start`].
    pub async fn start(entries: &str) -> Self {
        Self::start_of(House::start("").await, entries).await
    }

    /// The same in a house that stands already.
    pub async fn start_of(mut house: House, entries: &str) -> Self {
        house.close().await;
        let pair = Pair::until(2040);
        house.control("certificates", json!({"certificate": pair.certificate})).await;
        let mut sites = Self { house, pair };
        sites.configure(entries);
        sites.house.open().await;
        sites
    }

    /// Writes the configuration for the next look at it.
    pub fn configure(&mut self, entries: &str) {
        let tenant = self.house.tenant.tenant().clone();
        let files = self.pair.write(self.house.folder(), "app");
        self.house.configure(entries, &tenant.url);
        self.house.rewrite(|written| {
            let secret = format!("client_secret = \"{}\"", tenant.client_secret);
            assert!(written.contains(&secret), "{written}");
            let certificate = format!(
                "certificate = {{ file = \"{}\", key = \"{}\" }}\nsharepoint_url = \"{}\"",
                files.file.display(),
                files.key.as_ref().unwrap().display(),
                tenant.url
            );
            written.replace(&secret, &certificate)
        });
    }

    /// The webhooks that SharePoint holds.
    pub async fn webhooks(&self) -> Vec<Value> {
        let url = format!("{}/_control/state", self.house.tenant.url());
        self.house.fetch(&url).await["webhooks"].as_array().unwrap().clone()
    }

    /// The only one.
    pub async fn webhook(&self) -> Value {
        let webhooks = self.webhooks().await;
        assert_eq!(webhooks.len(), 1, "{webhooks:#?}");
        webhooks[0].clone()
    }

    /// Days from now until what the tenant or the app tells as a time.
    pub fn days_until(&self, time: &Value) -> i64 {
        (self::time(time) - self.house.now()).num_days()
    }

    /// Waits until the list is followed, and its first look is over.
    pub async fn followed(&self) {
        self.house.active("list").await;
    }

    /// Makes a change in the list, and waits for its event.
    pub async fn change_arrives(&self) {
        let before = self.house.events().await.len();
        self.house.change(&self.house.tenant.tenant().resources.list.clone()).await;
        self.house.eventually("the change is told", async || self.house.events().await.len() > before).await;
    }

    /// How often SharePoint was asked so at addresses that hold this text.
    pub async fn count(&self, method: &Method, part: &str) -> usize {
        let requests = self.house.requests().await;
        let all = requests.iter().filter(|one| one["method"] == method.as_str());
        all.filter(|one| one["url"].as_str().unwrap().contains(part)).count()
    }
}
