//! What is learned of refusals, and what stands in the way of a subscription.

use std::time::Duration;

use serde_json::{Value, json};

use crate::house::House;
use crate::receiver::Receiver;

const FILES: &str = "[[subscription]]\nname = \"files\"\ntenant = \"contoso\"\nresource = \"{drive}\"\n";
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

async fn following() -> House {
    let house = House::start(FILES).await;
    house.active("files").await;
    house.quiet().await;
    house.forget_requests().await;
    house
}

async fn minutes_left(house: &House) -> i64 {
    minutes_left_of(house, "files").await
}

async fn minutes_left_of(house: &House, name: &str) -> i64 {
    let shown = house.subscription(name).await;
    let end: chrono::DateTime<chrono::Utc> = shown["expires_at"].as_str().unwrap().parse().unwrap();
    (end - house.now() + chrono::TimeDelta::seconds(30)).num_minutes()
}

/// How many were made, renewed, deleted, and read by their ids; lists are asked for by the hour as well.
async fn asked(house: &House) -> [usize; 4] {
    let count = async |method| house.count_requests(method, "/v1.0/subscriptions").await;
    let read = house.count_requests("GET", "/v1.0/subscriptions/").await;
    [count("POST").await, count("PATCH").await, count("DELETE").await, read]
}

/// Removes it from the listener and makes one of the same combination by hand, which notifies `url`.
async fn another_in_the_way(house: &House, url: &str) -> Value {
    let held = house.remote().await.remove(0);
    assert_eq!(house.call("DELETE", "/v1/subscriptions/files", None).await.0, 204);
    let body = json!({
        "changeType": "updated", "resource": held["resource"], "notificationUrl": url,
        "expirationDateTime": house.now() + Duration::from_secs(7_200), "clientState": "unknown",
    });
    let (status, made) = house.graph("POST", "/subscriptions", &body).await;
    assert_eq!(status, 201, "{made}");
    house.forget_requests().await;
    made
}

async fn add(house: &House) -> (u16, Value) {
    let resource = house.tenant.tenant().resources.drive.clone();
    let body = json!({"name": "files", "tenant": "contoso", "resource": resource});
    house.call("POST", "/v1/subscriptions", Some(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_life_that_is_too_long_is_learned_from_the_refusal_and_kept_over_a_restart_for_30_days() {
    let mut house = House::start("").await;
    house.control("lifetimes", json!({"of": "drive", "minutes": 4_320, "text": "timeSpan"})).await;
    assert_eq!(add(&house).await.0, 201);
    assert_eq!(asked(&house).await, [2, 0, 0, 0], "refused, and asked again at once");
    assert_eq!(minutes_left(&house).await, 4_310);
    house.active("files").await;
    house.close().await;
    house.open().await;
    house.quiet().await;
    house.forget_requests().await;
    assert_eq!(house.call("POST", "/v1/subscriptions/files/renew", None).await.0, 200);
    assert_eq!(asked(&house).await[..3], [0, 1, 0], "it is known");

    house.control("lifetimes", json!({"of": "drive", "minutes": 1_440, "text": "minutes"})).await;
    house.forget_requests().await;
    assert_eq!(house.call("POST", "/v1/subscriptions/files/renew", None).await.0, 200);
    assert_eq!(asked(&house).await, [0, 2, 0, 0], "it has become less");
    assert_eq!(minutes_left(&house).await, 1_430);

    house.control("lifetimes", json!({"of": "drive", "minutes": 1_000, "text": "unnamed"})).await;
    assert_eq!(house.call("POST", "/v1/subscriptions/files/renew", None).await.0, 200);
    assert_eq!(minutes_left(&house).await, 715, "half, where no number is told");

    house.forget("lifetimes").await;
    house.advance(31 * DAY);
    house.eventually("the raised limit is noticed", async || minutes_left(&house).await > 40_000).await;
}

/// Follows what the others follow too, a mailbox or a folder of one.
async fn follow(house: &House, name: &str, resource: &str, lifetime: &str) {
    let body = json!({"name": name, "tenant": "contoso", "resource": resource, "lifetime": lifetime});
    let (status, made) = house.call("POST", "/v1/subscriptions", Some(body)).await;
    assert_eq!(status, 201, "{made}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_was_told_shortens_another_only_after_a_second_one_was_told_the_same() {
    let house = House::start("").await;
    let lowered = json!({"of": "message", "minutes": 4_320, "text": "minutes"});
    house.control("lifetimes", lowered.clone()).await;
    follow(&house, "one", "mail:alice@contoso.com", "max").await;
    assert_eq!(minutes_left_of(&house, "one").await, 4_310);
    // What is followed next has another limit.
    house.forget("lifetimes").await;
    follow(&house, "other", "mail:bob@contoso.com", "max").await;
    assert_eq!(minutes_left_of(&house, "other").await, 10_060);

    house.control("lifetimes", lowered).await;
    house.quiet().await;
    house.forget_requests().await;
    assert_eq!(house.call("POST", "/v1/subscriptions/other/renew", None).await.0, 200);
    assert_eq!(asked(&house).await, [0, 2, 0, 0], "it has to be told itself");
    let (_, folder) =
        house.graph("POST", "/users/alice@contoso.com/mailFolders", &json!({"displayName": "third"})).await;
    follow(&house, "third", &format!("mail:alice@contoso.com/{}", folder["id"].as_str().unwrap()), "max")
        .await;
    assert_eq!(asked(&house).await, [1, 2, 0, 0], "it is known to be so for all");
    assert_eq!(minutes_left_of(&house, "third").await, 4_310);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guess_about_one_shortens_no_other() {
    let house = House::start("").await;
    house.control("lifetimes", json!({"of": "message", "minutes": 200, "text": "unnamed"})).await;
    follow(&house, "one", "mail:alice@contoso.com", "6h").await;
    assert_eq!(minutes_left_of(&house, "one").await, 180, "half of what was wished");
    house.forget("lifetimes").await;
    follow(&house, "other", "mail:bob@contoso.com", "max").await;
    assert_eq!(minutes_left_of(&house, "other").await, 10_060);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_way_is_looked_for_in_the_list_where_the_conflict_names_another_thing() {
    let house = following().await;
    let url = house.remote().await[0]["notificationUrl"].as_str().unwrap().to_owned();
    let other = another_in_the_way(&house, &url).await;
    let message = "The user 11111111-2222-3333-4444-555555555555 has this subscription already.";
    let fault =
        json!({"status": 409, "method": "POST", "path_prefix": "/v1.0/subscriptions", "message": message});
    house.control("faults", fault).await;
    let (status, made) = add(&house).await;
    assert_eq!(status, 201, "{made}");
    let held = house.remote().await;
    assert_eq!(held.len(), 1);
    assert_ne!(held[0]["id"], other["id"]);
    assert_eq!(asked(&house).await, [2, 0, 1, 1], "what it names is asked for, and then the list");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_held_and_lives_on_is_taken_over_whether_the_conflict_names_it_or_not() {
    for unnamed in [false, true] {
        let house = following().await;
        house.control("conflicts", json!({"unnamed": unnamed})).await;
        let held = house.remote().await.remove(0);
        let removed = json!({
            "subscriptionId": held["id"], "clientState": held["clientState"], "resource": held["resource"],
            "lifecycleEvent": "subscriptionRemoved", "resourceData": {},
        });
        let before = minutes_left(&house).await;
        house.advance(120 * MINUTE);
        assert_eq!(house.notify(&json!({"value": [removed]})).await, 202);
        house.eventually("it is taken over", async || asked(&house).await[1] == 1).await;
        house.active("files").await;
        assert_eq!(house.subscription("files").await["remote_id"], held["id"], "{unnamed}");
        assert!(minutes_left(&house).await >= before - 1, "it is prolonged");
        let by_id = usize::from(!unnamed);
        assert_eq!(asked(&house).await, [1, 1, 0, by_id], "found by its id, or in the list");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_ours_whose_client_state_is_not_known_is_deleted_though_the_conflict_does_not_name_it() {
    let house = following().await;
    let url = house.remote().await[0]["notificationUrl"].as_str().unwrap().to_owned();
    let other = another_in_the_way(&house, &url).await;
    house.control("conflicts", json!({"unnamed": true})).await;
    assert_eq!(add(&house).await.0, 201);
    let held = house.remote().await;
    assert_eq!(held.len(), 1);
    assert_ne!(held[0]["id"], other["id"]);
    assert_eq!(asked(&house).await, [2, 0, 1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_not_ours_is_left_alone_and_named_though_the_conflict_does_not_name_it() {
    let (house, receiver) = (following().await, Receiver::start());
    let other = another_in_the_way(&house, &format!("{}/theirs", receiver.url)).await;
    house.control("conflicts", json!({"unnamed": true})).await;
    let (status, problem) = add(&house).await;
    assert_eq!(status, 422, "{problem}");
    let text = problem.to_string();
    assert!(text.contains(other["id"].as_str().unwrap()) && text.contains("127.0.0.1"), "{text}");
    assert_eq!(house.remote().await[0]["id"], other["id"]);
    assert_eq!(asked(&house).await, [1, 0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_one_holds_is_not_deleted_though_office_365_takes_them_for_the_same() {
    let house = House::start("").await;
    let mut folders: Vec<String> = Vec::new();
    let two = loop {
        let folder = json!({"displayName": format!("folder {}", folders.len())});
        let (_, made) = house.graph("POST", "/users/alice@contoso.com/mailFolders", &folder).await;
        let id = made["id"].as_str().unwrap().to_owned();
        match folders.iter().find(|other| other.eq_ignore_ascii_case(&id)) {
            Some(other) => break [other.clone(), id],
            None => folders.push(id),
        }
    };
    let mut added = Vec::new();
    for (name, id) in ["one", "other"].iter().zip(&two) {
        let resource = format!("mail:alice@contoso.com/{id}");
        let body = json!({"name": name, "tenant": "contoso", "resource": resource});
        added.push(house.call("POST", "/v1/subscriptions", Some(body)).await);
    }
    assert_eq!((added[0].0, added[1].0), (201, 422), "{added:?}");
    assert!(added[1].1.to_string().contains("'one'"), "{}", added[1].1);
    let held = house.remote().await;
    assert_eq!((held.len(), &held[0]["id"]), (1, &house.subscription("one").await["remote_id"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_renewed_is_made_anew_once_in_a_day() {
    let house = following().await;
    let first = house.subscription("files").await["remote_id"].clone();
    let forbidden = json!({"status": 403, "path_prefix": "/v1.0/subscriptions/"});
    house.control("faults", forbidden.clone()).await;
    let (status, renewed) = house.call("POST", "/v1/subscriptions/files/renew", None).await;
    assert_eq!(status, 200, "{renewed}");
    assert_ne!(renewed["remote_id"], first);
    assert_eq!(asked(&house).await, [1, 1, 1, 0]);

    house.control("faults", forbidden.clone()).await;
    let (status, problem) = house.call("POST", "/v1/subscriptions/files/renew", None).await;
    assert_eq!(status, 502, "{problem}");
    assert!(problem.to_string().contains("does not let the app registration renew"), "{problem}");
    assert_eq!(asked(&house).await, [1, 2, 1, 0], "it is left as it is");
    assert_eq!(house.subscription("files").await["remote_id"], renewed["remote_id"]);

    house.forget_faults().await;
    house.advance(DAY + MINUTE);
    house.active("files").await;
    house.quiet().await;
    house.control("faults", forbidden).await;
    assert_eq!(house.call("POST", "/v1/subscriptions/files/renew", None).await.0, 200);
    assert_ne!(house.subscription("files").await["remote_id"], renewed["remote_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_neither_be_renewed_nor_deleted_is_left_alone_and_seldom_asked() {
    let house = following().await;
    let held = house.subscription("files").await["remote_id"].clone();
    house
        .control("faults", json!({"status": 403, "count": 1000, "path_prefix": "/v1.0/subscriptions"}))
        .await;
    house.call("POST", "/v1/subscriptions/files/renew", None).await;
    // Five hours.
    for _ in 0..150 {
        house.advance(2 * MINUTE);
        for _ in 0..3 {
            house.subscription("files").await;
        }
    }
    let [post, patch, delete, get] = asked(&house).await;
    assert_eq!((post, delete, get), (0, 1, 0));
    assert!((3..=20).contains(&patch), "{patch} attempts in five hours");
    let shown = house.subscription("files").await;
    assert_eq!((&shown["state"], &shown["remote_id"]), (&json!("failing"), &held), "{shown}");
}
