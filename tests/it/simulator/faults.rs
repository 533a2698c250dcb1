use std::time::Duration;

use chrono::TimeDelta;
use o365_listener::clock::Clock;
use reqwest::Method;
use serde_json::json;

use super::harness::{Bench, link};
use crate::receiver::Receiver;

#[tokio::test]
async fn an_answer_can_be_slow_and_then_be_a_refusal() {
    let bench = Bench::start().await;
    bench
        .control("/faults", json!({"delay_seconds": 0.2, "status": 503, "path_prefix": "/v1.0/sites"}))
        .await;
    bench.control("/faults", json!({"delay_seconds": 0.2, "path_prefix": "/v1.0/sites"})).await;
    for status in [503, 200, 200] {
        let asked = Clock::system().stopwatch();
        assert_eq!(bench.get("/sites/root").await.status, status);
        let slow = asked.elapsed() >= Duration::from_millis(200);
        assert!(slow || status == 200, "the first was not slow");
    }
    let asked = bench.http.post(format!("{}/_control/faults", bench.simulator.url()));
    let nothing = asked.json(&json!({"count": 2})).send().await.unwrap();
    assert_eq!(nothing.status().as_u16(), 400, "a fault that does nothing");
}

#[tokio::test]
async fn a_dead_link_is_told_in_each_flavour() {
    let bench = Bench::start().await;
    let drive = bench.read("/users/alice@contoso.com/drive").await;
    let path = format!("/drives/{}/root/delta", drive["id"].as_str().unwrap());
    for (flavour, words, inner, location) in [
        ("applyDifferences", "(resyncChangesApplyDifferences)", None, true),
        ("uploadDifferences", "(resyncChangesUploadDifferences)", None, true),
        ("innerCode", "Resync required", Some("resyncChangesApplyDifferences"), true),
        ("noLocation", "(resyncChangesApplyDifferences)", None, false),
    ] {
        let page = bench.read(&path).await;
        bench.control("/tokens/expire", json!({"flavour": flavour})).await;
        let dead = bench.get(link(&page, "deltaLink")).await;
        assert_eq!((dead.status, dead.body["error"]["code"].as_str()), (410, Some("resyncRequired")));
        let said = dead.body["error"]["message"].as_str().unwrap();
        assert!(said.contains(words) && (inner.is_some() != said.contains('(')), "{flavour}: {said}");
        assert_eq!(dead.body["error"]["innerError"]["code"].as_str(), inner, "{flavour}");
        let again = dead.headers.get("location").map(|location| location.to_str().unwrap().to_owned());
        assert_eq!(again.is_some(), location, "{flavour}");
        if let Some(again) = again {
            assert_eq!(bench.get(&again).await.status, 200, "{flavour}: {again}");
        }
    }
}

#[tokio::test]
async fn all_access_tokens_given_so_far_can_expire() {
    let mut bench = Bench::start().await;
    bench.control("/access-tokens/expire", json!({})).await;
    let refused = bench.get("/sites/root").await;
    assert_eq!(refused.status, 401);
    assert!(refused.body["error"]["message"].as_str().unwrap().contains("the token is expired"));
    bench.sign_in().await;
    assert_eq!(bench.get("/sites/root").await.status, 200);
}

#[tokio::test]
async fn a_renewal_shakes_hands_anew_only_if_it_is_to() {
    let (bench, receiver) = (Bench::start().await, Receiver::start());
    let made = bench.subscribe(&receiver.url, |_| ()).await;
    let path = format!("/subscriptions/{}", made.body["id"].as_str().unwrap());
    let handshakes =
        || receiver.received().iter().filter(|one| one.query.contains("validationToken")).count();
    let renewal = json!({"expirationDateTime": bench.clock.now() + TimeDelta::hours(3)});
    bench.write(Method::PATCH, &path, renewal.clone()).await;
    assert_eq!(handshakes(), 2, "those of the creation");
    bench.control("/renewals", json!({"revalidate": true})).await;
    bench.write(Method::PATCH, &path, renewal).await;
    assert_eq!(handshakes(), 3);
}

#[tokio::test]
async fn lifecycle_events_can_come_as_a_storm() {
    let (bench, receiver) = (Bench::start().await, Receiver::start());
    bench.subscribe(&receiver.url, |_| ()).await;
    let storm = json!({"event": "reauthorizationRequired", "count": 20});
    assert_eq!(bench.control("/lifecycle", storm).await["told"], 20);
    let told = receiver.wait_for_posts(1).await;
    let events = told.iter().filter(|one| one["lifecycleEvent"] == "reauthorizationRequired").count();
    assert_eq!(events, 20);
}

#[tokio::test]
async fn time_is_set_to_what_lies_ahead_and_never_back() {
    let bench = Bench::start().await;
    let set = bench.control("/time", json!({"set": "2027-01-01T00:00:00Z"})).await;
    assert_eq!(set["time"], "2027-01-01T00:00:00Z");
    let moved = bench.control("/time", json!({"advance_seconds": 60})).await;
    assert_eq!(moved["time"], "2027-01-01T00:01:00Z");
    for wrong in [json!({"set": "2026-12-31T00:00:00Z"}), json!({}), json!({"set": "9999-01-01T00:00:00Z"})] {
        let url = format!("{}/_control/time", bench.simulator.url());
        assert_eq!(bench.http.post(url).json(&wrong).send().await.unwrap().status(), 400, "{wrong}");
    }
}
