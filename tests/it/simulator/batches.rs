//! `$batch`, as Microsoft describes it: answers in any order, each part with a fate of its own.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use super::harness::{Answered, Bench};
use crate::openapi;
use crate::receiver::Receiver;

async fn batch(bench: &Bench, requests: Value) -> Answered {
    bench.call(Method::POST, "/$batch", None, Some(json!({"requests": requests}))).await
}

/// The answer to the part with this id.
fn part<'a>(answer: &'a Answered, id: &str) -> &'a Value {
    let all = answer.body["responses"].as_array().unwrap_or_else(|| panic!("{:#}", answer.body));
    all.iter().find(|one| one["id"] == id).unwrap_or_else(|| panic!("no {id} in {:#}", answer.body))
}

fn alice(id: &str) -> Value {
    json!({"id": id, "method": "GET", "url": "/users/alice@contoso.com?$select=mail"})
}

fn renewal(id: &str, subscription: &str, expires: DateTime<Utc>) -> Value {
    json!({
        "id": id, "method": "PATCH", "url": format!("/subscriptions/{subscription}"),
        "headers": {"Content-Type": "application/json"}, "body": {"expirationDateTime": expires},
    })
}

#[tokio::test]
async fn several_calls_go_in_one_batch_and_are_answered_in_any_order() {
    let bench = Bench::start().await;
    let ids: Vec<String> = (1..=20).map(|n| n.to_string()).collect();
    let nobody = json!({"id": "20", "method": "GET", "url": "/users/nobody"});
    let requests: Vec<Value> = ids[..19].iter().map(|id| alice(id)).chain([nobody]).collect();
    openapi::assert_request("POST", "/$batch", &json!({"requests": requests}));
    let answer = batch(&bench, json!(requests)).await;
    openapi::assert_answer("POST", "/$batch", 200, &answer.body);
    let answered = answer.body["responses"].as_array().unwrap().iter();
    let answered: Vec<&str> = answered.map(|one| one["id"].as_str().unwrap()).collect();
    assert_ne!(answered, ids, "not as they were asked");
    assert_eq!(answered.iter().copied().collect::<BTreeSet<_>>(), ids.iter().map(String::as_str).collect());
    assert_eq!((&part(&answer, "7")["status"], &part(&answer, "20")["status"]), (&json!(200), &json!(404)));
}

#[tokio::test]
async fn a_batch_that_is_none_is_refused_as_a_whole() {
    let bench = Bench::start().await;
    let many: Vec<Value> = (0..21).map(|n| alice(&n.to_string())).collect();
    let after = |id: &str, other: &str| {
        let mut one = alice(id);
        one["dependsOn"] = json!([other]);
        one
    };
    for (requests, why) in [
        (json!([]), "empty"),
        (json!(many), "too many"),
        (json!([alice("a"), alice("A")]), "ids are compared without case"),
        (json!([{"method": "GET", "url": "/users"}]), "no id"),
        (json!([alice("1"), after("2", "3")]), "an unknown dependency"),
        (json!([after("1", "2"), after("2", "1")]), "a circle"),
    ] {
        let answer = batch(&bench, requests).await;
        assert_eq!((answer.status, &answer.body["error"]["code"]), (400, &json!("BadRequest")), "{why}");
    }
}

#[tokio::test]
async fn what_depends_on_a_failed_part_is_not_tried() {
    let bench = Bench::start().await;
    let answer = batch(
        &bench,
        json!([
            {"id": "last", "method": "GET", "url": "/users/alice@contoso.com", "dependsOn": ["second"]},
            {"id": "second", "method": "GET", "url": "/users/alice@contoso.com", "dependsOn": ["FIRST"]},
            {"id": "first", "method": "GET", "url": "/users/nobody"},
            {"id": "other", "method": "GET", "url": "/users/alice@contoso.com"},
        ]),
    )
    .await;
    for (id, status) in [("first", 404), ("second", 424), ("last", 424), ("other", 200)] {
        assert_eq!(part(&answer, id)["status"], status, "{id}");
    }
}

#[tokio::test]
async fn an_address_inside_is_below_the_version_and_no_batch() {
    let bench = Bench::start().await;
    let absolute = format!("{}/v1.0/users/alice@contoso.com", bench.simulator.url());
    for (url, method) in [
        ("/v1.0/users/alice@contoso.com", "GET"),
        ("/beta/users/alice@contoso.com", "GET"),
        (absolute.as_str(), "GET"),
        ("/$batch", "POST"),
    ] {
        let requests = json!([{
            "id": "1", "method": method, "url": url, "headers": {"Content-Type": "application/json"},
            "body": {"requests": [alice("1")]},
        }]);
        let answer = batch(&bench, requests).await;
        assert_eq!((answer.status, &part(&answer, "1")["status"]), (200, &json!(400)), "{url}");
        let message = part(&answer, "1")["body"]["error"]["message"].as_str().unwrap();
        assert!(message.starts_with("Resource not found for the segment"), "{message}");
    }
}

#[tokio::test]
async fn a_fault_strikes_one_part() {
    let (bench, receiver) = (Bench::start().await, Receiver::start());
    let mut ids = Vec::new();
    for user in ["alice", "bob"] {
        for resource in ["drive/root", "messages"] {
            let resource = json!(format!("/users/{user}@contoso.com/{resource}"));
            let made = bench.subscribe(&receiver.url, |body| body["resource"] = resource).await;
            ids.push(made.body["id"].as_str().unwrap().to_owned());
        }
    }
    let later = bench.clock.now() + TimeDelta::hours(24);
    let path = |n: usize| format!("/v1.0/subscriptions/{}", ids[n]);
    bench.control("/faults", json!({"status": 429, "retry_after": 30, "path_prefix": path(1)})).await;
    bench.control("/faults", json!({"break": "after", "path_prefix": path(2)})).await;
    bench.control("/faults", json!({"break": "truncated", "path_prefix": path(3)})).await;
    let requests: Vec<Value> =
        ids.iter().enumerate().map(|(n, id)| renewal(&n.to_string(), id, later)).collect();
    let answer = batch(&bench, json!(requests)).await;
    assert_eq!(answer.body["responses"].as_array().unwrap().len(), 3, "one is left out");
    assert_eq!(part(&answer, "0")["body"]["id"], ids[0]);
    let refused = part(&answer, "1");
    assert_eq!((&refused["status"], &refused["headers"]["Retry-After"]), (&json!(429), &json!("30")));
    let bare = part(&answer, "3");
    assert_eq!((&bare["status"], bare.get("body")), (&json!(200), None));
    let expires = |one: &Value| one["expirationDateTime"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    for (id, renewed) in ids.iter().zip([true, false, true, true]) {
        let read = bench.read(&format!("/subscriptions/{id}")).await;
        assert_eq!(expires(&read) == later, renewed, "{id}");
    }
}
