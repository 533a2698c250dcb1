//! A delta cursor that is dead, or a wish to read everything anew: what differs is told, each thing once.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use chrono::DateTime;
use serde_json::{Value, json};

use crate::house::House;
use crate::listener::eventually;

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
    let mut pauses = Vec::new();
    for _ in 0..8 {
        pauses.push(next_pause(&house).await);
    }
    let longest = *pauses.iter().max().unwrap();
    assert!(longest > Duration::from_secs(10), "the pauses do not grow: {pauses:?}");
    house.forget_faults().await;
    house.advance(Duration::from_secs(600));
    fetch(&house).await;
    assert!(!house.events().await.is_empty());
    assert_eq!(house.subscription("it").await["state"], "active");
}

/// Lets the time of the next attempt come; the pause that its failure leads to.
async fn next_pause(house: &House) -> Duration {
    let at = async || house.subscription("it").await["error"]["next_attempt_at"].clone();
    let (before, now) = (at().await, house.now() + Duration::from_secs(600));
    house.advance(Duration::from_secs(600));
    let mut after = before.clone();
    eventually("it is tried again", async || {
        after = at().await;
        after != before && !after.is_null()
    })
    .await;
    let after = DateTime::parse_from_rfc3339(after.as_str().unwrap()).unwrap();
    (after.to_utc() - now).to_std().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_begin_again_with_that_is_not_taken_is_given_up_for_the_beginning() {
    for status in [400, 404] {
        let house = followed("{list}", "baseline").await;
        let list = house.tenant.tenant().resources.list.clone();
        let expected = change(&house, &list, 6, 9).await;
        let nowhere = "/v1.0/sites/nowhere/delta";
        let dead = json!({"status": 410, "code": "resyncRequired", "path_prefix": "/v1.0/sites", "location": nowhere});
        house.control("faults", dead).await;
        house.control("faults", json!({"status": status, "path_prefix": nowhere, "count": 1000})).await;
        house.call("POST", "/v1/subscriptions/it/fetch", None).await;
        house
            .eventually("everything is read anew", async || {
                let shown = house.subscription("it").await;
                shown["state"] == "active" && shown["pending"] == false
            })
            .await;
        assert_eq!(told(&house.events().await), expected, "{status}");
        assert_eq!(house.count_requests("GET", nowhere).await, 1, "{status}: it was tried again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_came_in_part_and_is_not_found_at_once_was_seen_by_the_resync() {
    let house = followed("{list}", "baseline").await;
    let list = house.tenant.tenant().resources.list.clone();
    change(&house, &list, 6, 9).await;
    fetch(&house).await;
    let before = house.events().await;
    let url = delta_url(&house).await;
    // Items come without their columns, and one of them is not found when it is read.
    house.control("odd", json!({"kind": "bare", "count": 100})).await;
    let items = url.split("/delta").next().unwrap();
    house.control("faults", json!({"status": 404, "path_prefix": format!("{items}/1")})).await;
    house.forget_requests().await;
    let (status, answer) = house.call("POST", "/v1/subscriptions/it/resync", None).await;
    assert_eq!(status, 200, "{answer}");
    let requests = house.requests().await;
    let missing = requests.iter().find(|one| one["status"] == 404).unwrap()["url"].as_str().unwrap();
    let after = house.events().await.split_off(before.len());
    assert!(after.is_empty(), "{after:#?}");
    // Its removal is told once, whatever is read anew.
    let item = missing.trim_start_matches("/v1.0").split('?').next().unwrap();
    assert_eq!(house.graph("DELETE", item, &Value::Null).await.0, 204);
    fetch(&house).await;
    let (status, answer) = house.call("POST", "/v1/subscriptions/it/resync", None).await;
    assert_eq!(status, 200, "{answer}");
    let after = house.events().await.split_off(before.len());
    let id = item.rsplit('/').next().unwrap();
    assert_eq!(told(&after), BTreeMap::from([(id.to_owned(), "deleted")]));
}

/// Where the changes of what is followed are asked for.
async fn delta_url(house: &House) -> String {
    let requests = house.requests().await;
    let mut urls = requests.iter().filter_map(|one| one["url"].as_str());
    urls.rfind(|url| url.contains("/items/delta")).unwrap().to_owned()
}
