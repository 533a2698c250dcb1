//! The real binary is killed at random moments under load on its notification port: whatever was acknowledged is
//! worked off after the restart.
//!
//! The difficulty is that the listener is built to find changes that nobody announced, so that a lost hint easily
//! goes unnoticed. What could hide one, and what is done about it:
//! * Office 365's own notifications, and their repetitions: the stand-in loses them all, so that the test is the
//!   only one that notifies.
//! * Sweeps: off.
//! * A later hint of the same subscription: its round finds everything. So each steady sender owns its
//!   subscriptions, makes one new item in each, notifies, and goes on only when the log has them: what was
//!   acknowledged last before the kill is announced by nothing else. After the kill nobody notifies until all that
//!   was acknowledged is in the log.
//! * Another look, which follows a round that found nothing: with the above, each round of a steady sender's finds
//!   something.
//! * An unfinished round, taken up again: a round is one page here.
//! * A remote subscription that is made (anew) causes a round: none is made after the start, for
//!   `reauthorizationRequired` comes too soon after the creation to count, and `subscriptionRemoved` names another one.
//!
//! Storms beside them (batches, repetitions, forgeries, lifecycle events) keep writer and fetcher busy; of
//! their subscriptions the same is asked, though there another look may be what answers. A SIGKILL leaves what the
//! system has taken for writing, so whether the disk has it is not shown here.

mod graph;
mod log;
mod senders;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use o365_listener::clock::Clock;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::listener::{Listener, eventually, random_seed};
use graph::Graph;
use log::{Item, Log};
use senders::{Followed, Load, Sender};

const KILLS: usize = 20;
const STEADY: usize = 4;
/// How long the load lasts before a kill, in milliseconds.
const MOMENTS: std::ops::Range<u64> = 20..500;
const CAUGHT_UP: Duration = Duration::from_secs(90);

/// Name, address, and where items are made in Graph, beside the three that every listener of these tests follows.
const MORE: [(&str, &str, &str); 12] = [
    ("bob-files", "onedrive:bob@contoso.com", "users/bob@contoso.com/drive"),
    ("alice-drafts", "mail:alice@contoso.com/drafts", "users/alice@contoso.com/mailFolders/drafts"),
    ("alice-archive", "mail:alice@contoso.com/archive", "users/alice@contoso.com/mailFolders/archive"),
    ("bob-inbox", "mail:bob@contoso.com/inbox", "users/bob@contoso.com/mailFolders/inbox"),
    ("bob-drafts", "mail:bob@contoso.com/drafts", "users/bob@contoso.com/mailFolders/drafts"),
    ("bob-archive", "mail:bob@contoso.com/archive", "users/bob@contoso.com/mailFolders/archive"),
    ("carol-inbox", "mail:carol@contoso.com/inbox", "users/carol@contoso.com/mailFolders/inbox"),
    ("carol-drafts", "mail:carol@contoso.com/drafts", "users/carol@contoso.com/mailFolders/drafts"),
    ("carol-archive", "mail:carol@contoso.com/archive", "users/carol@contoso.com/mailFolders/archive"),
    ("alice-junk", "mail:alice@contoso.com/junkemail", "users/alice@contoso.com/mailFolders/junkemail"),
    ("bob-junk", "mail:bob@contoso.com/junkemail", "users/bob@contoso.com/mailFolders/junkemail"),
    ("carol-junk", "mail:carol@contoso.com/junkemail", "users/carol@contoso.com/mailFolders/junkemail"),
];
const BASE: [(&str, &str); 3] = [
    ("candidates", "sites/contoso.sharepoint.com:/sites/hr:/lists/Candidates"),
    ("files", "users/alice@contoso.com/drive"),
    ("inbox", "users/alice@contoso.com/mailFolders/inbox"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_notification_is_worked_off_although_the_listener_is_killed() {
    let seed = random_seed();
    let mut listener = Listener::start_with(seed, &configuration()).await;
    let mut random = StdRng::seed_from_u64(seed);
    let mut senders = senders(&listener, &mut random).await;
    let log = Arc::new(Log::default());
    let (mut acknowledged, mut owed) = (BTreeSet::new(), BTreeSet::new());
    let mut met = 0;
    for _ in 0..KILLS {
        let reading = log.follow(&listener);
        caught_up(&log, &owed).await;
        let moment = Duration::from_millis(random.random_range(MOMENTS));
        let items = load_until_killed(&mut listener, &log, &mut senders, moment).await;
        reading.await.unwrap();
        owed = log.missing(&items);
        met += owed.len();
        acknowledged.extend(items);
        listener.run().await;
    }
    let reading = log.follow(&listener);
    caught_up(&log, &owed).await;
    println!(
        "{} acknowledged, {met} of them not yet in the log when the listener was killed",
        acknowledged.len()
    );
    assert!(listener.end("-TERM"));
    reading.await.unwrap();
    assert!(met > 0, "no kill came between an acknowledgement and its event");
    for item in &acknowledged {
        assert_eq!(log.told(item), 1, "{item:?}");
    }
}

/// Lets all senders notify until the listener is killed; what it acknowledged.
async fn load_until_killed(
    listener: &mut Listener,
    log: &Arc<Log>,
    senders: &mut Vec<Sender>,
    moment: Duration,
) -> BTreeSet<Item> {
    let killed = CancellationToken::new();
    let mut working = JoinSet::new();
    for mut sender in senders.drain(..) {
        let (log, killed) = (Arc::clone(log), killed.clone());
        working.spawn(async move {
            let acknowledged = sender.work(&log, &killed).await;
            (sender, acknowledged)
        });
    }
    Clock::system().sleep(moment).await;
    listener.end("-KILL");
    killed.cancel();
    let mut items = BTreeSet::new();
    for (sender, acknowledged) in working.join_all().await {
        senders.push(sender);
        items.extend(acknowledged);
    }
    items
}

async fn caught_up(log: &Log, owed: &BTreeSet<Item>) {
    let waited = Clock::system().timeout(CAUGHT_UP, log.has(owed)).await;
    assert!(waited.is_ok(), "acknowledged and not worked off: {:?}", log.missing(owed));
}

fn configuration() -> String {
    let entries = MORE.map(|(name, resource, _)| {
        format!("[[subscription]]\nname = \"{name}\"\ntenant = \"contoso\"\nresource = \"{resource}\"\n")
    });
    format!("[fetch]\nsweep_every = \"0\"\n{}", entries.concat())
}

/// One storm over the last subscriptions, and steady senders that share the others.
async fn senders(listener: &Listener, random: &mut StdRng) -> Vec<Sender> {
    listener.control("notifications", json!({"lose": 1.0})).await;
    listener.control("pages", json!({"page_size": 1000})).await;
    let graph = Graph::sign_in(listener).await;
    let mut all = followed(listener).await;
    let junk = all.split_off(all.len() - 3);
    let mut senders = vec![Sender::new(listener, &graph, Load::Storm, junk, random)];
    let share = all.len().div_ceil(STEADY);
    for own in all.chunks(share) {
        senders.push(Sender::new(listener, &graph, Load::Steady, own.to_vec(), random));
    }
    senders
}

/// What is followed, once all of it is active and its first round is over.
async fn followed(listener: &Listener) -> Vec<Followed> {
    let paths: Vec<(&str, &str)> = BASE.into_iter().chain(MORE.map(|(name, _, path)| (name, path))).collect();
    let mut listed = Vec::new();
    eventually("all are followed", async || {
        listed = subscriptions(listener).await;
        listed.len() == paths.len()
            && listed.iter().all(|one| one["state"] == "active" && !one["last_fetch_at"].is_null())
    })
    .await;
    let remote = listener.state().await["subscriptions"].as_array().unwrap().clone();
    let find = |name: &str| {
        let listed = listed.iter().find(|one| one["name"] == name).unwrap();
        remote.iter().find(|remote| remote["id"] == listed["remote_id"]).unwrap().clone()
    };
    paths.into_iter().map(|(name, path)| Followed { name, path, remote: find(name) }).collect()
}

async fn subscriptions(listener: &Listener) -> Vec<Value> {
    let list = listener.get("/v1/subscriptions").await;
    list["subscriptions"].as_array().or(list.as_array()).cloned().unwrap_or_default()
}
