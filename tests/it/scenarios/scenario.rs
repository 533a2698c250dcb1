//! Plays a scenario.

use std::time::Duration;

use o365_listener::clock::Clock;
use serde_json::json;

use super::actions::{Action, NAMES};
use super::checks;
use crate::house::House;

const RESOURCES: [&str; 3] = ["{list}", "{drive}", "{mail}"];
/// Virtual seconds after the last action: past every pause between attempts, and past a sweep.
const AFTERWARDS: [u64; 11] = [15, 70, 300, 300, 4000, 4000, 25_000, 70, 4000, 25_000, 70];

pub struct Play {
    pub house: House,
    pub resources: [String; 3],
    /// Moment (Unix microseconds) of the last start: gates are not yet kept beyond one.
    pub started: i64,
    store: rusqlite::Connection,
}

/// Plays these actions; `Err` is the first difference between what is and what has to be.
pub async fn play(seed: u64, actions: &[Action]) -> Result<(), String> {
    let play = &mut Play::begin(seed).await;
    for action in actions {
        play.act(action).await?;
    }
    play.house.forget_faults().await;
    play.house.control("notifications", json!({})).await;
    for seconds in AFTERWARDS {
        play.pass(seconds).await;
    }
    checks::all(play).await?;
    play.house.close().await;
    Ok(())
}

impl Play {
    /// Starts tenant and app, which follows [`NAMES`] from the beginning.
    pub async fn begin(seed: u64) -> Self {
        let entries = NAMES.iter().zip(RESOURCES).map(|(name, resource)| {
        format!("[[subscription]]\nname = \"{name}\"\ntenant = \"contoso\"\nresource = \"{resource}\"\nstart = \"beginning\"\n")
    });
        // Where time jumps, sweeps that keep a distance would wait for the next jump.
        let entries = format!("{}[fetch]\nsweeps_per_minute = 6000\n", entries.collect::<String>());
        let house = House::start_seeded(&entries, seed).await;
        let named = house.tenant.tenant().resources.clone();
        let store = rusqlite::Connection::open(house.store()).unwrap();
        let started = house.now().timestamp_micros();
        Self { house, resources: [named.list, named.drive, named.mail], started, store }
    }

    async fn act(&mut self, action: &Action) -> Result<(), String> {
        let resource = |at: &usize| self.resources[*at].clone();
        let control = async |path: &str, body| drop(self.house.control(path, body).await);
        match action {
            Action::Change { at, count, seed } => {
                control("changes", json!({"count": count, "seed": seed, "resource": resource(at)})).await;
            }
            Action::Replay { at } => control("replay", json!({"resource": resource(at)})).await,
            Action::Gone { at } => control("tokens/expire", json!({"resource": resource(at)})).await,
            Action::Travel { duplicate, reorder, lose, delay } => {
                let how =
                    json!({"duplicate": duplicate, "reorder": reorder, "lose": lose, "delay_seconds": delay});
                control("notifications", how).await;
            }
            Action::Refuse { status, count, retry_after, date } => {
                let fault = json!({"status": status, "count": count, "retry_after": retry_after,
                    "retry_after_date": date, "path_prefix": "/v1.0"});
                control("faults", fault).await;
            }
            Action::Break { kind, count } => {
                control("faults", json!({"break": kind, "count": count, "path_prefix": "/v1.0"})).await;
            }
            Action::Expire { at } => self.end(*at, "expire", json!({})).await,
            Action::Remove { at, told } => self.end(*at, "remove", json!({"lifecycle": told})).await,
            Action::Lifecycle { event } => control("lifecycle", json!({"event": event})).await,
            Action::Pages { size } => control("pages", json!({"page_size": size})).await,
            Action::Pass { seconds } => self.pass(*seconds).await,
            Action::Crash => {
                self.house.crash().await;
                self.open().await;
            }
            Action::Restart => {
                self.house.close().await;
                self.open().await;
            }
        }
        checks::gates(self).await
    }

    async fn open(&mut self) {
        // What was told before counts for the app that has ended.
        self.house.forget_requests().await;
        self.house.open().await;
        self.started = self.house.now().timestamp_micros();
    }

    /// Ends the remote subscription on this resource, if there is one. The listener may make it anew at any moment: the
    /// one that was asked about may be gone, and then nothing ends.
    async fn end(&self, at: usize, how: &str, body: serde_json::Value) {
        let held = self.house.subscription(NAMES[at]).await["remote_id"].clone();
        if let Some(id) = held.as_str() {
            self.house.control_if_there(&format!("subscriptions/{id}/{how}"), &body).await;
        }
    }

    /// Lets time pass, once all that is due has been done.
    pub async fn pass(&self, seconds: u64) {
        self.settle().await;
        self.house.advance(Duration::from_secs(seconds));
        self.settle().await;
    }

    /// Waits until nothing is under way and nothing is due; where something due sleeps, a little time passes.
    pub async fn settle(&self) {
        let (clock, mut calm) = (Clock::system(), 0);
        // A minute and more: the machine may have other work.
        for look in 1..30_000 {
            let idle = self.idle().await;
            calm = if idle { calm + 1 } else { 0 };
            if calm == 2 {
                return;
            }
            if look % 20 == 0 {
                self.house.advance(Duration::from_millis(100));
            }
            clock.sleep(Duration::from_millis(2)).await;
        }
        panic!("{} never comes to rest", self.house.store().display());
    }

    async fn idle(&self) -> bool {
        let now = self.house.now().timestamp_micros();
        let busy: i64 = self
            .store
            .query_row(
                "SELECT (SELECT count(*) FROM subscription WHERE round_lease IS NOT NULL
                           OR renewal_leased_until > ?1 OR renewal_due_at <= ?1
                           OR (remote_confirmed_at IS NOT NULL AND (round_due_at <= ?1 OR sweep_at <= ?1)
                               AND (round_not_before IS NULL OR round_not_before <= ?1)))
                      + (SELECT max(number) - min(number) FROM arrival)",
                [now],
                |row| row.get(0),
            )
            .unwrap();
        if busy > 0 {
            return false;
        }
        let url = format!("{}/_control/pending", self.house.tenant.url());
        let pending = self.house.fetch(&url).await;
        pending["answering"] == 0 && pending["due"] == 0
    }
}
