//! A delta cursor that is dead, or a wish to read everything anew: what differs is told, each thing once.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde_json::{Value, json};

use crate::house::House;

fn following(resource: &str, start: &str) -> String {
    format!(
        "[[subscription]]\nname = \"it\"\ntenant = \"contoso\"\nresource = \"{resource}\"\nstart = \"{start}\"\n"
    )
}

/// Follows, and loses every notification from then on.
async fn followed(resource: &str, start: &str) -> House {
    let house = House::start(&following(resource, start)).await;
    house.active("it").await;
    house.quiet().await;
    house.control("notifications", json!({"lose": 1.0})).await;
    house
}

/// Makes changes, and answers with what they come to for each item.
async fn change(house: &House, address: &str, count: u32, seed: u64) -> BTreeMap<String, &'static str> {
    let made = house.control("changes", json!({"count": count, "seed": seed, "resource": address})).await;
    let mut net: BTreeMap<String, &'static str> = BTreeMap::new();
    for one in made["changes"].as_array().unwrap() {
        let id = one["id"].as_str().unwrap().to_owned();
        let before = net.remove(&id);
        let now = match (before, one["change"].as_str().unwrap()) {
            (Some("created"), "deleted") => continue,
            // Out of the folder that is followed.
            (Some("created"), "moved") if address.starts_with("mail:") => continue,
            (_, "moved") if address.starts_with("mail:") => "deleted",
            (_, "deleted") => "deleted",
            (Some("created"), _) | (_, "created" | "received") => "created",
            _ => "updated",
        };
        net.insert(id, now);
    }
    net
}

fn told(events: &[Value]) -> BTreeMap<String, &str> {
    let of = |event: &'_ Value| event["subject"].as_str().unwrap().to_owned();
    let told: BTreeMap<_, _> = events
        .iter()
        .map(|event| (of(event), event["type"].as_str().unwrap().rsplit('.').next().unwrap()))
        .collect();
    assert_eq!(told.len(), events.len(), "an item is told twice: {events:#?}");
    told
}

async fn fetch(house: &House) {
    let (status, answer) = house.call("POST", "/v1/subscriptions/it/fetch", None).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_dead_cursor_the_differences_are_told_and_nothing_else() {
    for (resource, seed) in [("{list}", 1), ("{list}", 2), ("{mail}", 3), ("{mail}", 4)] {
        let house = followed(resource, "baseline").await;
        let resources = &house.tenant.tenant().resources;
        let address = if resource == "{list}" { resources.list.clone() } else { resources.mail.clone() };
        let expected = change(&house, &address, 12, seed).await;
        house.control("tokens/expire", json!({})).await;
        fetch(&house).await;
        let events = house.events().await;
        assert_eq!(told(&events), expected, "{resource} {seed}");
        let shown = house.subscription("it").await;
        assert_eq!(
            (&shown["state"], &shown["error"], &shown["resync"]),
            (&json!("active"), &Value::Null, &Value::Null)
        );
        fetch(&house).await;
        assert_eq!(house.events().await.len(), events.len(), "a replay is told");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_there_before_following_began_is_no_news_after_a_dead_cursor() {
    for resource in ["{list}", "{drive}", "{mail}"] {
        let house = followed(resource, "now").await;
        house.control("tokens/expire", json!({})).await;
        fetch(&house).await;
        assert!(house.events().await.is_empty(), "{resource}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_vanished_with_their_cursor_are_told_as_deleted() {
    let house = followed("{drive}", "baseline").await;
    let drive = house.tenant.tenant().resources.drive.clone();
    let expected = change(&house, &drive, 15, 7).await;
    house.control("tokens/expire", json!({})).await;
    let (status, answer) = house.call("POST", "/v1/subscriptions/it/resync", None).await;
    assert_eq!(status, 200, "{answer}");
    let events = house.events().await;
    let told = told(&events);
    for (item, change) in &expected {
        assert_eq!(told.get(item), Some(change), "{item}: {events:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_read_anew_when_somebody_asks_and_told_only_where_it_differs() {
    let house = followed("{list}", "baseline").await;
    let list = house.tenant.tenant().resources.list.clone();
    let expected = change(&house, &list, 8, 5).await;
    house.forget_requests().await;
    for _ in 0..2 {
        let (status, answer) = house.call("POST", "/v1/subscriptions/it/resync", None).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(told(&house.events().await), expected);
    }
    let (status, _) = house.call("POST", "/v1/subscriptions/none/resync", None).await;
    assert_eq!(status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_dies_again_and_again_is_asked_at_growing_pauses_until_it_lives() {
    let house = followed("{list}", "baseline").await;
    let list = house.tenant.tenant().resources.list.clone();
    let expected = change(&house, &list, 6, 9).await;
    house
        .control(
            "faults",
            json!({"status": 410, "code": "resyncRequired", "path_prefix": "/v1.0/sites", "count": 1000}),
        )
        .await;
    let (status, problem) = house.call("POST", "/v1/subscriptions/it/fetch", None).await;
    assert_eq!(status, 502, "{problem}");
    let shown = house.subscription("it").await;
    assert_eq!(shown["state"], "failing");
    house.forget_requests().await;
    for _ in 0..6 {
        house.advance(Duration::from_secs(600));
        house.quiet().await;
    }
    let asked = house.requests().await.len();
    assert!((1..=20).contains(&asked), "asked {asked} times in an hour");
    house.forget_faults().await;
    fetch(&house).await;
    assert_eq!(told(&house.events().await), expected);
    assert_eq!(house.subscription("it").await["state"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_mailbox_is_read_anew_when_somebody_asks() {
    let house = followed("{mail}", "baseline").await;
    let mailbox = house.tenant.tenant().resources.mail.rsplit_once('/').unwrap().0.to_owned();
    drop(house);
    let house = followed(&mailbox, "baseline").await;
    let inbox = format!("{mailbox}/inbox");
    let asked = json!({"count": 10, "seed": 3, "resource": inbox});
    let made = house.control("changes", asked).await;
    let changed: HashSet<_> = made["changes"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    let (status, answer) = house.call("POST", "/v1/subscriptions/it/resync", None).await;
    assert_eq!(status, 200, "{answer}");
    house.quiet().await;
    let events = house.events().await;
    assert!(!told(&events).is_empty());
    for event in &events {
        assert!(changed.contains(&event["subject"]), "what did not differ is told: {event:#?}");
    }
    let (status, _) = house.call("POST", "/v1/subscriptions/it/resync", None).await;
    assert_eq!((status, house.events().await.len()), (200, events.len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_whose_cursors_die_again_and_again_is_not_asked_without_a_pause() {
    let house = followed("mail:alice@contoso.com", "baseline").await;
    let asked = json!({"count": 6, "seed": 3, "resource": "mail:alice@contoso.com/inbox"});
    house.control("changes", asked).await;
    house.control("pages", json!({"page_size": 1})).await;
    // Links, as Office 365 writes them; where a round begins is asked with a slash.
    let links = "/v1.0/users('";
    let dead = json!({"status": 410, "code": "SyncStateNotFound", "path_prefix": links, "count": 100_000});
    house.control("faults", dead).await;
    house.forget_requests().await;
    let (status, problem) = house.call("POST", "/v1/subscriptions/it/fetch", None).await;
    assert_eq!(status, 502, "{problem}");
    assert_eq!(house.subscription("it").await["state"], "failing");
    house.quiet().await;
    let asked = house.count_requests("GET", "/v1.0/users").await;
    assert!((1..=40).contains(&asked), "asked {asked} times without a pause");
    house.forget_faults().await;
    fetch(&house).await;
    assert!(!house.events().await.is_empty());
    assert_eq!(house.subscription("it").await["state"], "active");
}
