//! A store that cannot be written to: it is told at once, everything goes on that can, and it heals by itself.

mod disk;
pub mod gate;
mod retention;

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::house::House;
use crate::receiver::pause;
use disk::{Disk, on_a_small_disk, under_a_limit};
use gate::Gate;

const FILES: &str = "[[subscription]]\nname = \"files\"\ntenant = \"contoso\"\nresource = \"{drive}\"\n";
const HOUR: Duration = Duration::from_secs(3600);

fn notification(held: &Value) -> Value {
    json!({"value": [{
        "subscriptionId": held["id"], "clientState": held["clientState"], "changeType": "updated",
        "resource": held["resource"],
    }]})
}

/// What everybody is told while nothing can be written.
async fn is_told(house: &House, held: &Value, reason: &str) {
    let refused = house.post("/notifications", &notification(held)).await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    for path in ["/notifications", "/lifecycle"] {
        let shaken = house.post(&format!("{path}?validationToken=a+b"), &Value::Null).await;
        assert_eq!((shaken.status().as_u16(), shaken.text().await.unwrap().as_str()), (200, "a b"));
    }
    let (status, problem) = house.call("GET", "/readyz", None).await;
    assert_eq!(status, 503);
    assert!(problem["detail"].as_str().unwrap().contains(reason), "{problem}");
    assert_eq!(house.call("GET", "/livez", None).await.0, 200);
    let shown = house.get("/v1/status").await;
    assert_eq!(shown["store"]["writable"], false);
    assert!(shown["store"]["error"].as_str().unwrap().contains(reason), "{shown}");
    assert!(shown["store"]["failed_commits"].as_u64().unwrap() > 0);
    assert!(house.metric("o365_store_writable").await < 0.5);
    assert!(house.metric("o365_store_failures_total").await > 0.5);
    assert!(house.metric("o365_notifications_total{kind=\"change\",result=\"unstored\"}").await > 0.5);
    assert!(house.subscription("files").await["name"] == "files", "reading goes on");
}

async fn is_healed(house: &House) {
    house.eventually("it is ready again", async || house.call("GET", "/readyz", None).await.0 == 200).await;
    let shown = house.get("/v1/status").await;
    assert_eq!((&shown["store"]["writable"], &shown["store"]["error"]), (&json!(true), &Value::Null));
    assert!(house.metric("o365_store_writable").await > 0.5);
}

/// Reads a stream until so many events have come.
async fn streamed(stream: reqwest::Response, count: usize) -> usize {
    let mut chunks = stream.bytes_stream();
    let mut text = String::new();
    while text.matches("data: ").count() < count {
        let Some(chunk) = chunks.next().await else { break };
        text += &String::from_utf8_lossy(&chunk.unwrap());
    }
    text.matches("data: ").count()
}

/// Nothing can be written for seven hours, in which changes happen, sweeps become due and readers wait.
async fn hours_without_room(disk: Disk, reason: &str) {
    let house = House::start_on(FILES, disk.folder()).await;
    house.active("files").await;
    let held = house.remote().await.remove(0);
    let drive = house.tenant.tenant().resources.drive.clone();
    house.change(&drive).await;
    house.eventually("the first change is there", async || house.events().await.len() == 1).await;
    let stream = house.stream("/v1/events/stream?after=latest").await;

    disk.fill();
    house
        .eventually("a notification is refused", async || house.notify(&notification(&held)).await == 503)
        .await;
    is_told(&house, &held, reason).await;
    house.change(&drive).await;
    for _ in 0..7 {
        house.advance(HOUR);
        house.quiet().await;
        assert_eq!(house.events().await.len(), 1, "readers read on, and nothing is half there");
    }
    is_told(&house, &held, reason).await;

    disk.free();
    is_healed(&house).await;
    house.eventually("the change is found", async || house.events().await.len() == 2).await;
    house.active("files").await;
    assert_eq!(streamed(stream, 1).await, 1, "the stream that was open all the time has it too");
    assert_eq!(house.remote().await[0]["id"], held["id"]);
    house.change(&drive).await;
    house.eventually("the next change is found", async || house.events().await.len() == 3).await;
}

#[test]
fn a_full_disk_is_told_and_heals_without_a_restart() {
    on_a_small_disk("outage::a_full_disk_is_told_and_heals_without_a_restart", 8, |disk| {
        hours_without_room(disk, "free some room")
    });
}

#[test]
fn a_disk_that_takes_nothing_is_told_and_heals_without_a_restart() {
    under_a_limit("outage::a_disk_that_takes_nothing_is_told_and_heals_without_a_restart", |disk| {
        hours_without_room(disk, "disk")
    });
}

#[test]
fn a_start_without_room_says_what_to_do_and_works_once_there_is_some() {
    on_a_small_disk(
        "outage::a_start_without_room_says_what_to_do_and_works_once_there_is_some",
        8,
        async |disk| {
            let mut house = House::start_on(FILES, disk.folder()).await;
            house.active("files").await;
            house.close().await;
            disk.fill();
            let refused = format!("{:#}", house.try_open().await.unwrap_err());
            println!("{refused}");
            assert!(refused.contains("store.db") && refused.contains("room"), "{refused}");
            disk.free();
            house.open().await;
            house.active("files").await;
            house.close().await;
        },
    );
}

#[test]
fn a_start_on_a_read_only_disk_says_what_to_do_and_works_once_it_is_writable() {
    let test = "outage::a_start_on_a_read_only_disk_says_what_to_do_and_works_once_it_is_writable";
    on_a_small_disk(test, 8, async |disk| {
        let mut house = House::start_on(FILES, disk.folder()).await;
        house.active("files").await;
        house.close().await;
        disk.read_only(true);
        let refused = format!("{:#}", house.try_open().await.unwrap_err());
        println!("{refused}");
        assert!(refused.contains("store.db") && refused.contains("make it writable"), "{refused}");
        disk.read_only(false);
        house.open().await;
        house.active("files").await;
        house.close().await;
    });
}

/// Holds the database, as a shell with an open transaction does.
fn lock(house: &House) -> rusqlite::Connection {
    let other = rusqlite::Connection::open(house.store()).unwrap();
    other.busy_timeout(Duration::from_secs(30)).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    other
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_database_is_told_and_heals_without_a_restart() {
    let house = House::start(FILES).await;
    house.active("files").await;
    let held = house.remote().await.remove(0);
    let drive = house.tenant.tenant().resources.drive.clone();
    let stream = house.stream("/v1/events/stream?after=latest").await;

    let other = lock(&house);
    is_told(&house, &held, "another program holds the file").await;
    let body = notification(&held);
    let storm = (0..200).map(|_| house.notify(&body)).collect::<Vec<_>>();
    let answers = futures_util::future::join_all(storm).await;
    assert!(answers.iter().all(|status| *status == 503), "{answers:?}");
    let endpoint = house.get("/v1/status").await["endpoint"].clone();
    println!("{endpoint}");
    assert!(endpoint["answers"].as_u64().unwrap() > 200, "refusals count as answers: {endpoint}");
    house.change(&drive).await;
    house.advance(7 * HOUR);
    house.quiet().await;

    other.execute_batch("COMMIT").unwrap();
    is_healed(&house).await;
    house.eventually("the change is found", async || house.events().await.len() == 1).await;
    assert_eq!(streamed(stream, 1).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_that_come_and_go_lose_nothing_and_hold_nothing_up() {
    let house = House::start(FILES).await;
    house.active("files").await;
    let drive = house.tenant.tenant().resources.drive.clone();
    for _ in 0..8 {
        house.control("changes", json!({"count": 5, "resource": drive})).await;
        // A moment, in which a round may have been claimed.
        pause(Duration::from_millis(rand::random_range(0..60))).await;
        let other = lock(&house);
        house.advance(Duration::from_secs(20));
        pause(Duration::from_millis(700)).await;
        other.execute_batch("ROLLBACK").unwrap();
    }
    // A claim that nobody ended would hold for five minutes. What was answered 503 may still have to come again.
    let since = house.now();
    house.active("files").await;
    house
        .eventually("there is nothing more to fetch", async || {
            let before = house.events().await.len();
            let (status, fetched) = house.call("POST", "/v1/subscriptions/files/fetch", None).await;
            assert_eq!(status, 200, "{fetched}");
            before > 0 && house.events().await.len() == before
        })
        .await;
    assert!(house.now() - since < chrono::TimeDelta::seconds(60), "{}", house.now() - since);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_that_could_not_be_written_is_made_again_as_soon_as_the_lock_is_gone() {
    let mut house = House::start("").await;
    house.close().await;
    let tenant = house.tenant.url().trim_start_matches("http://").parse().unwrap();
    let gate = Gate::to(tenant).await;
    house.configure(FILES, gate.url());
    house.open().await;
    house.active("files").await;

    gate.close();
    let drive = house.tenant.tenant().resources.drive.clone();
    house.change(&drive).await;
    house
        .eventually("a round is under way", async || house.subscription("files").await["pending"] == true)
        .await;
    house.quiet().await;
    let other = lock(&house);
    gate.open();
    // Longer than its commit waits for the lock.
    pause(Duration::from_secs(2)).await;
    other.execute_batch("ROLLBACK").unwrap();
    // Its claim would hold for five minutes.
    let since = house.now();
    house.eventually("the change is found", async || house.events().await.len() == 1).await;
    assert!(house.now() - since < chrono::TimeDelta::seconds(60), "{}", house.now() - since);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_pages_of_large_items_wait_for_the_disk_few_more_are_asked_for() {
    let mut house = House::start("").await;
    house.close().await;
    let tenant = house.tenant.url().trim_start_matches("http://").parse().unwrap();
    let gate = Gate::to(tenant).await;
    house.configure(FILES, gate.url());
    house.open().await;
    house.active("files").await;

    // More than half of what one round may hold.
    let large = json!({"id": "large", "name": "large", "file": {}, "description": "x".repeat(2_200_000)});
    house.control("odd", json!({"kind": "elements", "elements": [large.to_string()], "count": 20})).await;
    house.control("pages", json!({"page_size": 1})).await;
    gate.close();
    let drive = house.tenant.tenant().resources.drive.clone();
    house.control("changes", json!({"count": 10, "resource": drive})).await;
    house
        .eventually("a round is under way", async || house.subscription("files").await["pending"] == true)
        .await;
    house.quiet().await;
    house.forget_requests().await;
    let other = lock(&house);
    gate.open();
    // Longer than its commit waits for the lock.
    pause(Duration::from_secs(2)).await;
    let asked = house.count_requests("GET", "/v1.0/drives").await;
    other.execute_batch("ROLLBACK").unwrap();
    assert!((1..=3).contains(&asked), "{asked} pages were asked for");
    house.control("pages", json!({"page_size": 100})).await;
    house.active("files").await;
    assert!(house.events().await.len() > 1);
}
