//! Plays a scenario.

use std::collections::BTreeSet;
use std::time::Duration;

use o365_listener::clock::Clock;
use serde_json::json;

use super::actions::{Action, NAMES, Start};
use super::checks::{self, Closed};
use super::log::Before;
use crate::house::House;

const RESOURCES: [&str; 3] = ["{list}", "{drive}", "{mail}"];
/// Virtual seconds after the last action: past every pause between attempts, and past a sweep.
pub const AFTERWARDS: [u64; 11] = [15, 70, 300, 300, 4000, 4000, 25_000, 70, 4000, 25_000, 70];

/// That a gate is closed is stored before anybody acts on it: how long that takes on a busy machine, in real time.
const STORED_WITHIN: Duration = Duration::from_secs(20);

pub struct Play {
    pub house: House,
    pub resources: [String; 3],
    /// What was there when following began, where that is not told.
    pub before: Before,
    /// The subscriptions whose cursors died.
    pub died: BTreeSet<String>,
    /// What had to wait at the last start.
    pub closed: Closed,
    store: rusqlite::Connection,
}

/// Plays these actions; `Err` is the first difference between what is and what has to be.
pub async fn play(seed: u64, actions: &[Action]) -> Result<(), String> {
    let play = &mut Play::begin(seed, Start::of(seed)).await;
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
    /// Starts tenant and app, which follows [`NAMES`].
    pub async fn begin(seed: u64, start: Start) -> Self {
        let from = start.text();
        let entries = NAMES.iter().zip(RESOURCES).map(|(name, resource)| {
        format!("[[subscription]]\nname = \"{name}\"\ntenant = \"contoso\"\nresource = \"{resource}\"\nstart = \"{from}\"\n")
    });
        // Where time jumps, sweeps that keep a distance would wait for the next jump.
        let entries = format!("{}[fetch]\nsweeps_per_minute = 6000\n", entries.collect::<String>());
        let house = House::start_seeded(&entries, seed).await;
        let named = house.tenant.tenant().resources.clone();
        let store = rusqlite::Connection::open(house.store()).unwrap();
        let resources = [named.list, named.drive, named.mail];
        let (before, died, closed) = (Before::default(), BTreeSet::new(), Closed::new());
        let mut play = Self { house, resources, before, died, closed, store };
        if start != Start::Beginning {
            // At rest is also who has not begun.
            for name in NAMES {
                play.house.active(name).await;
            }
            play.settle().await;
            let items = checks::there(&play.house, &play.resources).await;
            let unseen = items.keys().filter(|(name, _)| !start.knows_before(name)).cloned().collect();
            play.before = Before { items, unseen };
        }
        play
    }

    async fn act(&mut self, action: &Action) -> Result<(), String> {
        let resource = |at: &usize| self.resources[*at].clone();
        let control = async |path: &str, body| drop(self.house.control(path, body).await);
        match action {
            Action::Change { at, count, seed } => {
                control("changes", json!({"count": count, "seed": seed, "resource": resource(at)})).await;
            }
            Action::Replay { at } => control("replay", json!({"resource": resource(at)})).await,
            Action::Gone { at } => {
                control("tokens/expire", json!({"resource": resource(at)})).await;
                self.died.insert(NAMES[*at].to_owned());
            }
            Action::Travel { duplicate, reorder, lose, delay } => {
                let how =
                    json!({"duplicate": duplicate, "reorder": reorder, "lose": lose, "delay_seconds": delay});
                control("notifications", how).await;
            }
            Action::Refuse { status, count, retry_after, date, login } => {
                let login = login.then(|| format!("/{}/oauth2", self.house.tenant.tenant().tenant_id));
                let fault = json!({"status": status, "count": count, "retry_after": retry_after,
                    "retry_after_date": date, "path_prefix": login.unwrap_or_else(|| "/v1.0".to_owned())});
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
                // What has just been refused may be lost with the moment; what was refused before that is stored.
                let closed = checks::gates(self).await?;
                self.remembers(&closed).await?;
                self.house.crash().await;
                self.open(closed).await;
            }
            Action::Restart => {
                self.house.close().await;
                let closed = checks::gates(self).await?;
                self.remembers(&closed).await?;
                self.open(closed).await;
            }
        }
        checks::gates(self).await.map(|_| ())
    }

    /// Starts the app again, which has to know what was `closed`.
    async fn open(&mut self, closed: Closed) {
        self.house.forget_requests().await;
        let now = self.house.now().timestamp_micros();
        // What the former app had sent may still arrive.
        self.closed =
            closed.into_iter().map(|(area, (since, until))| (area, (since.max(now), until))).collect();
        self.house.open().await;
    }

    /// Waits until the store knows of everything that is closed.
    async fn remembers(&self, closed: &Closed) -> Result<(), String> {
        let (clock, now) = (Clock::system(), self.house.now().timestamp_micros());
        for (area, (_, until)) in closed.iter().filter(|(_, (_, until))| *until > now) {
            let stored = match area.as_deref() {
                None => "tenant".to_owned(),
                Some(known @ ("subscriptions" | "sign-in")) => known.to_owned(),
                Some(user) => format!("mailbox:{user}"),
            };
            let sql = "SELECT count(*) FROM gate WHERE lower(area) = ?1 AND closed_until >= ?2";
            let known = || self.store.query_row(sql, (&stored, until), |row| row.get::<_, i64>(0)).unwrap();
            let watch = clock.stopwatch();
            while known() == 0 {
                if watch.elapsed() > STORED_WITHIN {
                    return Err(format!("{stored} has to wait until {until}, and the store does not know"));
                }
                clock.sleep(Duration::from_millis(2)).await;
            }
        }
        Ok(())
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
