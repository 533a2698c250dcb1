use std::collections::HashMap;
use std::time::Duration;

use anyhow::bail;
use chrono::Local;
use serde::Deserialize;
use url::Url;

use super::changes::Changes;
use super::stage::Stage;
use super::view::View;
use crate::cli::client::Client;
use crate::cli::event::Event;
use crate::cli::follow::Follower;
use crate::cli::output::Output;
use crate::clock::{Clock, Stopwatch};
use crate::model::{State, Trouble};

/// Time between two changes: slow enough to read, fast enough to see every kind of them within twenty seconds.
const PACE: Duration = Duration::from_secs(1);

/// How long the listener may take until it follows everything.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often to look whether it does.
const GLANCE: Duration = Duration::from_millis(50);

/// How long events may come in after the last change.
const LAST_EVENTS: Duration = Duration::from_millis(500);

/// The changes and the events that tell of them.
pub(super) struct Live {
    client: Client,
    follower: Follower,
    changes: Changes,
    view: View,
    /// When each item was changed last.
    changed: HashMap<String, Stopwatch>,
    clock: Clock,
}

#[derive(Deserialize)]
struct Subscriptions {
    subscriptions: Vec<Subscription>,
}

/// What has to be known of a subscription before changes are made.
#[derive(Deserialize)]
struct Subscription {
    name: String,
    state: State,
    last_fetch_at: Option<String>,
    error: Option<Trouble>,
}

impl Subscription {
    /// Its existing items were read, and changes will be notified.
    fn is_followed(&self) -> bool {
        self.state == State::Active && self.last_fetch_at.is_some()
    }
}

impl Live {
    /// Begins to listen.
    pub async fn begin(stage: &Stage, clock: &Clock, seed: u64) -> anyhow::Result<Self> {
        let client = Client::new(Url::parse(&format!("http://{}", stage.admin()))?, None)?;
        let from_now = vec![("after", "latest".to_owned())];
        Ok(Self {
            follower: Follower::begin(client.clone(), clock.clone(), from_now).await?,
            client,
            changes: Changes::begin(stage.tenant(), seed).await?,
            view: View::default(),
            changed: HashMap::new(),
            clock: clock.clone(),
        })
    }

    /// Makes one change after the other and shows what comes of it, without an end.
    pub async fn go_on(&mut self, output: &mut Output) -> anyhow::Result<()> {
        self.everything_followed().await?;
        let mut next = self.clock.now();
        loop {
            tokio::select! {
                event = self.follower.next() => output.line(self.arrived(&event?)?)?,
                () = self.clock.sleep_until(next) => {
                    next += PACE;
                    output.line(self.change().await?)?;
                }
            }
        }
    }

    /// Shows the events that are still on their way.
    pub async fn see_out(&mut self, output: &mut Output) -> anyhow::Result<()> {
        let clock = self.clock.clone();
        let rest = async {
            loop {
                let event = self.follower.next().await?;
                output.line(self.arrived(&event)?)?;
            }
        };
        // That the time is over is how it should end.
        clock.timeout(LAST_EVENTS, rest).await.unwrap_or(Ok(()))
    }

    /// Whether changes were made and nothing was heard of them.
    pub fn came_to_nothing(&self) -> bool {
        self.view.came_to_nothing()
    }

    /// What was seen.
    pub fn summary(&self) -> String {
        self.view.summary()
    }

    /// Waits until the listener follows everything.
    async fn everything_followed(&self) -> anyhow::Result<()> {
        let started = self.clock.stopwatch();
        loop {
            let Subscriptions { subscriptions } = self.client.get(&["subscriptions"], &[]).await?.read()?;
            let Some(waiting) = subscriptions.iter().find(|subscription| !subscription.is_followed()) else {
                return Ok(());
            };
            if started.elapsed() > PATIENCE {
                let reason = waiting.error.as_ref().map_or("it took too long", |error| &error.message);
                bail!("the subscription '{}' is {}: {reason}", waiting.name, waiting.state);
            }
            self.clock.sleep(GLANCE).await;
        }
    }

    async fn change(&mut self) -> anyhow::Result<String> {
        let stopwatch = self.clock.stopwatch();
        let change = self.changes.next().await?;
        self.changed.insert(change.item, stopwatch);
        Ok(self.view.change(&change.says))
    }

    fn arrived(&mut self, document: &str) -> anyhow::Result<String> {
        let event: Event = serde_json::from_str(document)?;
        let after = self.changed.get(&event.subject).map(Stopwatch::elapsed);
        let time = self.clock.now().with_timezone(&Local).format("%T").to_string();
        Ok(self.view.event(&event, &self.changes.folders(), &time, after))
    }
}
