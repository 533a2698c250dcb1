//! What every store promises, whatever database stands behind it.
//!
//! A test is a function over a [`Place`]; `conformance!` makes one test per backend of it.

mod connections;
mod consumers;
mod content;
mod crash;
mod deliveries;
mod due;
mod elision;
mod gates;
mod inbox;
mod interleaving;
mod keep;
mod lies_in;
mod lifetimes;
mod log;
mod mailboxes;
mod overviews;
mod registry;
mod renewals;
mod resyncs;
mod rounds;
mod sign_ins;
mod sqlite;
mod ways;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use o365_listener::model::{
    Body, Change, Hint, HintKind, ItemId, Kind, Name, NewEvent, Origin, Properties, Remote, RemoteId, Start,
    Subscription, SubscriptionId, Target, Trouble, Via, Wish,
};
use o365_listener::store::{
    Claim, Committed, Lane, Link, MirrorRow, NewSubscription, PageCommit, Registered, RoundEnd, Store,
    StoreError,
};
use serde_json::json;
use serde_json::value::RawValue;
use uuid::Uuid;

/// Where a store is kept. Opening it again after its store was dropped is what a crash looks like.
#[async_trait]
pub trait Place: Send + Sync {
    /// Opens the store there.
    async fn try_open(&self) -> Result<Arc<dyn Store>, StoreError>;

    /// Opens the store there, which must work.
    async fn open(&self) -> Arc<dyn Store> {
        self.try_open().await.unwrap()
    }
}

/// Makes a test of each function, for each backend.
macro_rules! conformance {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                super::$test(&crate::store::sqlite::Folder::new()).await;
            })+
        }
    };
}
pub(crate) use conformance;

const LEASE: Duration = Duration::from_secs(60);

/// The time, `seconds` after the tests' beginning.
fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn new(text: &str) -> NewSubscription {
    NewSubscription {
        id: SubscriptionId(Uuid::new_v4()),
        wish: Wish {
            name: name(text),
            tenant: name("contoso"),
            resource: format!("drive:{text}").parse().unwrap(),
            via: Via::Graph,
            start: Start::Now,
            lifetime: Some(Duration::from_secs(3600)),
            select: vec!["subject".to_owned()],
            include_resource_data: false,
            origin: Origin::Api,
        },
        target: Some(Target::Drive { drive: text.to_owned() }),
        now: at(0),
        lease: None,
    }
}

fn remote(id: &str, renew_at: i64) -> Remote {
    Remote {
        id: RemoteId(id.to_owned()),
        expires_at: at(renew_at + 100),
        renew_at: at(renew_at),
        certificate: None,
    }
}

/// Claims what is due in either lane.
async fn claim_due(store: &dyn Store, time: i64) -> Vec<Subscription> {
    let mut due = store.claim_due(Lane::Renewals, &[], at(time), LEASE, 9).await.unwrap();
    due.extend(store.claim_due(Lane::Others, &[], at(time), LEASE, 9).await.unwrap());
    due
}

/// When the next is due in either lane.
async fn next_due(store: &dyn Store) -> Option<DateTime<Utc>> {
    let renewal = store.next_due(Lane::Renewals, &[]).await.unwrap();
    renewal.into_iter().chain(store.next_due(Lane::Others, &[]).await.unwrap()).min()
}

fn trouble(next_attempt_at: i64) -> Trouble {
    Trouble {
        code: "serviceNotAvailable".to_owned(),
        message: "try again".to_owned(),
        transient: true,
        next_attempt_at: Some(at(next_attempt_at)),
    }
}

fn hint(subscription: SubscriptionId, kind: HintKind, received_at: i64) -> Hint {
    Hint {
        subscription,
        remote: Some(RemoteId("r1".to_owned())),
        kind,
        plain: kind == HintKind::Change,
        received_at: at(received_at),
        content: None,
    }
}

/// A hint that is never elided, for tests that count what is stored.
fn missed(subscription: SubscriptionId, received_at: i64) -> Vec<Hint> {
    vec![hint(subscription, HintKind::Missed, received_at)]
}

fn change(subscription: SubscriptionId, received_at: i64) -> Vec<Hint> {
    vec![hint(subscription, HintKind::Change, received_at)]
}

fn delta(link: &str) -> Link {
    Link::Delta(format!("https://graph.microsoft.com/delta?token={link}"))
}

fn next(link: &str) -> Link {
    Link::Next(format!("https://graph.microsoft.com/delta?skip={link}"))
}

fn event(change: Change, item: &str) -> NewEvent {
    NewEvent {
        kind: Kind::DriveItem,
        change,
        subject: ItemId(item.to_owned()),
        time: at(0),
        data: RawValue::from_string(
            json!({"changed": [], "previous": {}, "resource": {"id": item}}).to_string(),
        )
        .unwrap(),
    }
}

fn row(item: &str, properties: Option<Properties>) -> MirrorRow {
    let properties = properties.map(|properties| Body::of(&properties).unwrap());
    MirrorRow { item: ItemId(item.to_owned()), properties, as_told: false }
}

/// An empty page that ends the round at `now`; the next one comes only with a hint.
fn last_page(claim: &Claim, now: i64) -> PageCommit {
    PageCommit {
        claim: claim.clone(),
        events: Vec::new(),
        rows: Vec::new(),
        link: delta(&now.to_string()),
        seen: Vec::new(),
        odd: Vec::new(),
        progress: None,
        end: RoundEnd::default(),
        now: at(now),
        lease: LEASE,
    }
}

async fn register(store: &dyn Store, new: NewSubscription) -> SubscriptionId {
    let id = new.id;
    assert_eq!(store.register(new).await.unwrap(), Registered::Done);
    id
}

/// A subscription that Office 365 has accepted at second 0 and that starts from a link; one round is due.
async fn followed(store: &dyn Store, name: &str) -> SubscriptionId {
    let id = register(store, new(name)).await;
    store.begun(id, at(0), Some(delta("start"))).await.unwrap();
    store.confirmed(id, &remote("r1", 1000), at(0)).await.unwrap();
    id
}

/// A subscription as [`followed`], whose first round has ended at second 0: only a hint makes a round due.
async fn quiet(store: &dyn Store, name: &str) -> SubscriptionId {
    let id = followed(store, name).await;
    let claim = claim(store, 0).await.unwrap();
    assert_eq!(claim.subscription.id, id);
    done(store.commit_page(last_page(&claim, 0)).await.unwrap());
    id
}

async fn claim(store: &dyn Store, now: i64) -> Option<Claim> {
    store.claim_round(&[], at(now), LEASE).await.unwrap()
}

fn done(committed: Committed) -> Claim {
    match committed {
        Committed::Done(claim) => *claim,
        Committed::Lost => panic!("the claim was lost"),
    }
}

fn is_lost(committed: &Committed) -> bool {
    matches!(committed, Committed::Lost)
}

/// Writes `count` events in one page.
async fn write_events(store: &dyn Store, id: SubscriptionId, count: usize, now: i64) {
    store.append(change(id, now)).await.unwrap();
    let claim = claim(store, now).await.unwrap();
    let events = (0..count).map(|n| event(Change::Created, &n.to_string())).collect();
    done(store.commit_page(PageCommit { events, ..last_page(&claim, now) }).await.unwrap());
}
