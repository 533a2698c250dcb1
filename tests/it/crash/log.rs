//! What a reader of the log has seen, over all lives of the listener.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::listener::Listener;

/// Subscription and item.
pub type Item = (String, String);

/// How often each item was told as created, and where the reader is.
pub struct Log(watch::Sender<(BTreeMap<Item, usize>, String)>);

impl Default for Log {
    fn default() -> Self {
        Self(watch::Sender::new((BTreeMap::new(), "0".repeat(20))))
    }
}

impl Log {
    /// Reads on as long as this life of the listener lasts.
    #[expect(clippy::disallowed_methods, reason = "it ends with the listener")]
    pub fn follow(self: &Arc<Self>, listener: &Listener) -> JoinHandle<()> {
        let (log, http) = (Arc::clone(self), listener.http.clone());
        let url = format!("{}/v1/events?limit=1000&wait=5", listener.admin_url());
        tokio::spawn(async move {
            loop {
                let after = log.0.borrow().1.clone();
                let Ok(answer) = http.get(format!("{url}&after={after}")).send().await else { return };
                let Ok(page) = answer.json::<Value>().await else { return };
                log.take(&page);
            }
        })
    }

    fn take(&self, page: &Value) {
        let created = |event: &&Value| event["type"].as_str().unwrap().ends_with(".created");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        self.0.send_modify(|(told, after)| {
            for event in page["events"].as_array().unwrap().iter().filter(created) {
                *told.entry((text(&event["subscription"]), text(&event["subject"]))).or_default() += 1;
            }
            *after = text(&page["next"]);
        });
    }

    pub fn missing(&self, items: &BTreeSet<Item>) -> BTreeSet<Item> {
        let seen = &self.0.borrow().0;
        items.iter().filter(|item| !seen.contains_key(*item)).cloned().collect()
    }

    /// Waits until all of these have been told.
    pub async fn has(&self, items: &BTreeSet<Item>) {
        let all = |(seen, _): &(BTreeMap<Item, usize>, _)| items.iter().all(|item| seen.contains_key(item));
        self.0.subscribe().wait_for(all).await.unwrap();
    }

    /// How often it was told.
    pub fn told(&self, item: &Item) -> usize {
        self.0.borrow().0.get(item).copied().unwrap_or_default()
    }
}
