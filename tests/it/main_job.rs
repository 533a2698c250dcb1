//! The main job, end to end: whatever happens in the tenant, the log replayed is the tenant.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::listener::{Listener, eventually, random_seed};
use crate::schema;

/// Rounds of random changes; fifty changes each make two thousand.
const ROUNDS: u64 = 40;

#[tokio::test(flavor = "multi_thread")]
async fn the_log_replayed_is_the_tenant_with_a_fixed_seed() {
    the_log_replayed_is_the_tenant(Listener::start(365).await, 365).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_replayed_is_the_tenant_with_a_random_seed() {
    let seed = random_seed();
    the_log_replayed_is_the_tenant(Listener::start(seed).await, seed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_replayed_is_the_tenant_with_a_list_over_sharepoint() {
    let seed = random_seed();
    the_log_replayed_is_the_tenant(Listener::start_over_sharepoint(seed).await, seed).await;
}

async fn the_log_replayed_is_the_tenant(listener: Listener, seed: u64) {
    listener.followed().await;
    travel_badly(&listener).await;
    for round in 0..ROUNDS {
        change(&listener, seed + round).await;
    }
    agrees(&listener).await;

    let before = listener.events().await.len();
    let asked = notified(&listener).await;
    listener.control("replay", json!({})).await;
    eventually("the replay was announced", async || notified(&listener).await >= asked + 3.0).await;
    for (name, _) in listener.resources() {
        let url = format!("{}/v1/subscriptions/{name}/fetch", listener.admin_url());
        assert!(listener.http.post(url).send().await.unwrap().status().is_success());
    }
    assert_eq!(listener.events().await.len(), before, "an unchanged replay was told");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_in_the_middle_loses_nothing_and_doubles_nothing() {
    stopping_in_the_middle(Listener::start(20).await, "-TERM").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_in_the_middle_with_a_list_over_sharepoint_loses_nothing_and_doubles_nothing() {
    stopping_in_the_middle(Listener::start_over_sharepoint(23).await, "-TERM").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn being_killed_in_the_middle_loses_nothing_and_doubles_nothing() {
    stopping_in_the_middle(Listener::start(21).await, "-KILL").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn being_killed_in_the_middle_with_a_list_over_sharepoint_loses_nothing_and_doubles_nothing() {
    stopping_in_the_middle(Listener::start_over_sharepoint(24).await, "-KILL").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_stops_nothing() {
    let mut listener = Listener::start(22).await;
    listener.followed().await;
    assert!(listener.end("-TERM"));
    listener.run_unread().await;
    let renew = format!("{}/v1/subscriptions/files/renew", listener.admin_url());
    // A start looks at each of them itself, and meanwhile nobody else may (409).
    eventually("it is renewed", async || {
        listener.http.post(&renew).send().await.unwrap().status().is_success()
    })
    .await;
    agrees(&listener).await;
    assert!(listener.end("-TERM"), "it did not end well");
}

async fn stopping_in_the_middle(mut listener: Listener, signal: &str) {
    for round in 0..4 {
        for part in 0..3 {
            change(&listener, 100 * round + part).await;
        }
        listener.end(signal);
        change(&listener, 100 * round + 50).await;
        listener.run().await;
    }
    // Of what was changed while nobody listened SharePoint tells again only after five minutes, unless more is changed.
    change(&listener, 1_000).await;
    agrees(&listener).await;
}

/// Notifications are doubled and come out of order.
async fn travel_badly(listener: &Listener) {
    listener.control("notifications", json!({"duplicate": 0.3, "reorder": 0.3})).await;
}

async fn change(listener: &Listener, seed: u64) {
    for (_, resource) in listener.resources() {
        let count = if resource.starts_with("list:") { 18 } else { 16 };
        listener.control("changes", json!({"count": count, "seed": seed, "resource": resource})).await;
    }
}

/// Notification elements that the listener has answered so far.
async fn notified(listener: &Listener) -> f64 {
    let metrics = listener.http.get(format!("{}/metrics", listener.admin_url())).send().await.unwrap();
    let text = metrics.text().await.unwrap();
    let lines = text.lines().filter(|line| line.starts_with("o365_notifications_total"));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Waits until the log replayed equals the tenant, then looks for what was told twice.
async fn agrees(listener: &Listener) {
    let mut last = (Value::Null, Value::Null);
    eventually("the log replayed equals the tenant", async || {
        last = (truth(listener).await, replayed(&listener.events().await));
        last.0 == last.1
    })
    .await;
    let events = listener.events().await;
    let ids: BTreeSet<&str> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), events.len(), "an event id occurs twice");
    schema::all_are_as_described(&events).unwrap();
    each_event_makes_a_difference(&events);
    let cursors: Vec<&str> = events.iter().map(|event| event["sequence"].as_str().unwrap()).collect();
    assert!(cursors.is_sorted(), "the log is not in order");
}

/// What a reader of the log believes: by subscription and item, what matters of it.
fn replayed(events: &[Value]) -> Value {
    let mut believed: BTreeMap<&str, BTreeMap<&str, Value>> = BTreeMap::new();
    for event in events {
        let items = believed.entry(event["subscription"].as_str().unwrap()).or_default();
        let subject = event["subject"].as_str().unwrap();
        if event["type"].as_str().unwrap().ends_with(".deleted") {
            items.remove(subject);
        } else {
            items.insert(subject, essence(&event["data"]["resource"]));
        }
    }
    json!(believed)
}

async fn truth(listener: &Listener) -> Value {
    let state = listener.state().await;
    let mut truth: BTreeMap<&str, BTreeMap<String, Value>> = BTreeMap::new();
    for (name, resource) in listener.resources() {
        let items = state["resources"][&resource].as_array().unwrap();
        let there = items.iter().filter(|item| item.get("root").is_none());
        truth.insert(
            name,
            there.map(|item| (item["id"].as_str().unwrap().to_owned(), essence(item))).collect(),
        );
    }
    json!(truth)
}

/// A created item was not there, a deleted one was, and an updated one differs: nothing is told twice. Of an item
/// that came and went between two rounds only the removal is told, once and with nothing but its id.
fn each_event_makes_a_difference(events: &[Value]) {
    let mut believed: BTreeMap<(&str, &str), Value> = BTreeMap::new();
    let mut gone: BTreeSet<(&str, &str)> = BTreeSet::new();
    for event in events {
        let key = (event["subscription"].as_str().unwrap(), event["subject"].as_str().unwrap());
        let now = essence(&event["data"]["resource"]);
        match event["type"].as_str().unwrap().rsplit('.').next().unwrap() {
            "created" => {
                gone.remove(&key);
                assert_eq!(believed.insert(key, now), None, "created twice: {event}");
            }
            "deleted" => {
                assert!(gone.insert(key), "deleted twice: {event}");
                let known = believed.remove(&key).is_some();
                let only_id = event["data"]["resource"] == json!({"id": event["subject"]});
                assert!(known != only_id, "deleted, but not with what was known: {event}");
            }
            "updated" => {
                let before = believed.insert(key, now.clone());
                let told = !event["data"]["changed"].as_array().unwrap().is_empty();
                assert!(before.is_some(), "updated without having been there: {event}");
                assert!(!told || before != Some(now), "an update that changes nothing: {event}");
            }
            other => panic!("an event of unknown kind {other}"),
        }
    }
}

/// What a change is about, by kind of item, and nothing that follows from it.
fn essence(item: &Value) -> Value {
    let pick = |item: &Value, names: &[&str]| -> Map<String, Value> {
        names.iter().map(|name| ((*name).to_owned(), item[*name].clone())).collect()
    };
    if let Some(fields) = item.get("fields") {
        return json!(pick(fields, &["Title", "Stage", "Score"]));
    }
    if item.get("parentReference").is_some() {
        return json!([item["name"], item["parentReference"]["id"], item["file"]["hashes"]]);
    }
    json!(pick(item, &["subject", "isRead", "importance", "parentFolderId", "bodyPreview"]))
}
