//! The log itself has filled the disk.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use o365_listener::model::{
    Body, Change, Hint, HintKind, ItemId, Kind, NewEvent, Origin, Remote, RemoteId, Start, SubscriptionId,
    Via, Wish,
};
use o365_listener::store::{
    self, Committed, Known, Link, MirrorRow, NewSubscription, PageCommit, RoundEnd, Store, StoreError,
};
use serde_json::json;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::disk::{Disk, on_a_small_disk};

const LEASE: Duration = Duration::from_secs(60);

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

async fn open(disk: &Disk) -> Result<Arc<dyn Store>, StoreError> {
    store::open(&format!("sqlite:{}", disk.folder().join("store.db").display()), start()).await
}

async fn follow(store: &dyn Store) -> SubscriptionId {
    let id = SubscriptionId(Uuid::now_v7());
    let wish = Wish {
        name: "files".parse().unwrap(),
        tenant: "contoso".parse().unwrap(),
        resource: "onedrive:alice@contoso.com".parse().unwrap(),
        via: Via::Graph,
        start: Start::Now,
        lifetime: None,
        select: vec![],
        include_resource_data: false,
        origin: Origin::Api,
    };
    store.register(NewSubscription { id, wish, target: None, now: start(), lease: None }).await.unwrap();
    store.begun(id, start(), Some(Link::Delta("https://graph.example/0".to_owned()))).await.unwrap();
    let far = start() + TimeDelta::days(20);
    let remote = Remote { id: RemoteId("r".to_owned()), expires_at: far, renew_at: far, certificate: None };
    store.confirmed(id, &remote, start()).await.unwrap();
    id
}

async fn append(store: &dyn Store, id: SubscriptionId) -> Result<(), StoreError> {
    let hint = Hint {
        subscription: id,
        remote: None,
        kind: HintKind::Request,
        plain: false,
        received_at: start(),
        content: None,
    };
    store.append(vec![hint]).await.map(|_| ())
}

/// How many items a page shows, and how large each is.
struct Shape {
    items: usize,
    bytes: usize,
    /// Whether the mirror leaves the item's body to the event that tells it.
    as_told: bool,
}

const SMALL: Shape = Shape { items: 100, bytes: 1000, as_told: false };
/// List items with wide columns.
const LARGE: Shape = Shape { items: 5, bytes: 400_000, as_told: true };

fn item(number: usize, item: usize) -> ItemId {
    ItemId(format!("{number}-{item}"))
}

/// A page of items, each new, as a round writes it.
async fn page(store: &dyn Store, id: SubscriptionId, number: usize, shape: &Shape) -> Result<(), StoreError> {
    append(store, id).await?;
    let claim = store.claim_round(&[], start(), LEASE).await?;
    let Some(claim) = claim else { return Err(StoreError::Unavailable("claimed before".to_owned())) };
    let properties = json!({"fields": "x".repeat(shape.bytes)});
    let body = Body::of(properties.as_object().unwrap()).unwrap();
    let data = RawValue::from_string(json!({"resource": properties}).to_string()).unwrap();
    let event = |n| NewEvent {
        kind: Kind::DriveItem,
        change: Change::Created,
        subject: item(number, n),
        time: start(),
        data: data.clone(),
    };
    let rows = (0..shape.items).map(|n| MirrorRow {
        item: item(number, n),
        properties: shape.as_told.then(|| body.clone()),
        as_told: shape.as_told,
    });
    let page = PageCommit {
        events: (0..shape.items).map(event).collect(),
        rows: rows.collect(),
        link: Link::Delta(format!("https://graph.example/{number}")),
        seen: Vec::new(),
        odd: Vec::new(),
        progress: None,
        end: RoundEnd::default(),
        now: start(),
        lease: LEASE,
        claim: claim.clone(),
    };
    match store.commit_page(page).await {
        Ok(Committed::Done(_)) => Ok(()),
        Ok(Committed::Lost) => panic!("the claim was lost"),
        Err(error) => Err(error),
    }
}

/// Writes pages until there is no room; the number of the page that found none.
async fn fill_with_events(store: &dyn Store, id: SubscriptionId, shape: &Shape) -> usize {
    for number in 1..1000 {
        if page(store, id, number, shape).await.is_err() {
            // Small steps find room for longer than large ones.
            while append(store, id).await.is_ok() || store.writable().await.is_ok() {}
            return number;
        }
    }
    panic!("the disk does not fill")
}

async fn sweep(store: &dyn Store) -> u64 {
    let later = start() + TimeDelta::days(31);
    let mut deleted = 0;
    loop {
        let swept = store.sweep_out(later, 500).await.unwrap();
        deleted += swept.events;
        if !swept.more {
            return deleted;
        }
    }
}

#[test]
fn retention_frees_the_room_that_the_log_has_filled() {
    on_a_small_disk(
        "outage::retention::retention_frees_the_room_that_the_log_has_filled",
        24,
        async |disk| {
            let store = open(&disk).await.unwrap();
            let id = follow(&*store).await;
            let pages = fill_with_events(&*store, id, &SMALL).await;
            assert!(store.writable().await.is_err());
            println!("full after {pages} pages");
            assert!(sweep(&*store).await > 1000);
            store.writable().await.unwrap();
            append(&*store, id).await.unwrap();
        },
    );
}

#[test]
fn a_shorter_retention_frees_the_room_after_a_restart_or_a_crash() {
    let test = "outage::retention::a_shorter_retention_frees_the_room_after_a_restart_or_a_crash";
    on_a_small_disk(test, 48, async |disk| {
        for crash in [false, true] {
            let store = open(&disk).await.unwrap();
            let id = follow(&*store).await;
            fill_with_events(&*store, id, &SMALL).await;
            if crash {
                drop(store);
            } else {
                store.close().await;
            }
            let store = open(&disk).await.unwrap();
            assert!(sweep(&*store).await > 1000, "crash: {crash}");
            store.writable().await.unwrap();
            append(&*store, id).await.unwrap();
            store.close().await;
            for entry in std::fs::read_dir(disk.folder()).unwrap() {
                std::fs::remove_file(entry.unwrap().path()).unwrap();
            }
        }
    });
}

#[test]
fn retention_gives_large_bodies_back_to_the_mirror_on_a_full_disk() {
    let test = "outage::retention::retention_gives_large_bodies_back_to_the_mirror_on_a_full_disk";
    on_a_small_disk(test, 64, async |disk| {
        let store = open(&disk).await.unwrap();
        let id = follow(&*store).await;
        let pages = fill_with_events(&*store, id, &LARGE).await;
        assert!(store.writable().await.is_err());
        let items: Vec<_> =
            (1..pages).flat_map(|number| (0..LARGE.items).map(move |n| item(number, n))).collect();
        println!("full of {} items", items.len());
        assert!(items.len() > 50, "together they are larger than what is kept back");
        assert_eq!(sweep(&*store).await, u64::try_from(items.len()).unwrap());
        store.writable().await.unwrap();
        append(&*store, id).await.unwrap();
        let known = store.known(id, items.clone()).await.unwrap();
        let whole = |item| match known.get(item) {
            Some(Known::Here(properties)) => properties["fields"].as_str().unwrap().len() == LARGE.bytes,
            _ => false,
        };
        assert!(items.iter().all(whole), "what is known of an item outlives its event");
    });
}
