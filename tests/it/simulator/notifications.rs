use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::harness::Bench;
use crate::openapi;
use crate::receiver::{Manner, Receiver, pause};

const MAIL: &str = "/users/alice@contoso.com/mailFolders('inbox')/messages";

#[tokio::test]
async fn a_change_in_a_drive_is_a_tap_on_the_shoulder() {
    let (bench, receiver) = (Bench::start().await, Receiver::start());
    bench.subscribe(&receiver.url, |_| ()).await;
    bench.upload("/users/alice@contoso.com/drive/root:/a.txt:/content", "a").await;
    let told = receiver.wait_for_posts(1).await;
    assert_eq!(told[0]["resource"], "users/alice@contoso.com/drive/root");
    assert_eq!(
        (told[0]["changeType"].as_str(), told[0]["clientState"].as_str()),
        (Some("updated"), Some("k-4711"))
    );
    assert!(told[0]["resourceData"].get("id").is_none());
    openapi::assert_notification(&json!({"value": told}));
}

#[tokio::test]
async fn a_message_is_announced_with_its_id_in_the_form_that_was_asked_for() {
    let (bench, receiver) = (Bench::start().await, Receiver::start());
    let body = json!({
        "changeType": "created,deleted", "notificationUrl": receiver.url, "resource": MAIL,
        "expirationDateTime": "2026-11-23T12:00:00Z",
    });
    let created =
        bench.call(Method::POST, "/subscriptions", Some("IdType=\"ImmutableId\""), Some(body)).await;
    assert_eq!(created.status, 201, "{:#}", created.body);
    let inbox = "/users/alice@contoso.com/mailFolders/inbox/messages";
    let immutable = Some("IdType=\"ImmutableId\"");
    let made = bench.call(Method::POST, inbox, immutable, Some(json!({"subject": "Hello"}))).await.body;
    let told = receiver.wait_for_posts(1).await;
    assert_eq!(told[0]["resourceData"]["id"], made["id"]);
    assert!(told[0]["resource"].as_str().unwrap().starts_with("Users/"));
    openapi::assert_notification(&json!({"value": told}));
    let path = format!("/users/alice@contoso.com/messages/{}/move", made["id"].as_str().unwrap());
    bench.write(Method::POST, &path, json!({"destinationId": "archive"})).await;
    let told = receiver.wait_for_posts(2).await;
    assert_eq!(told[1]["changeType"], "deleted", "it left the folder");
}

#[tokio::test]
async fn what_is_due_together_goes_out_in_one_post_and_is_tried_again_until_taken() {
    let (bench, receiver) = (Bench::start().await, Receiver::start());
    bench.subscribe(&receiver.url, |_| ()).await;
    bench.control("/notifications", json!({"delay_seconds": 5})).await;
    receiver.answer(Manner::Status(503));
    for name in ["a", "b", "c"] {
        bench.upload(&format!("/users/alice@contoso.com/drive/root:/{name}.txt:/content"), name).await;
    }
    bench.clock.advance(Duration::from_secs(6));
    assert_eq!(receiver.wait_for_posts(1).await.len(), 3);
    for _ in 0..500 {
        // The retry is planned once the refusal has come back.
        if bench.state().await["pending_notifications"] == json!(3) {
            break;
        }
        pause(Duration::from_millis(10)).await;
    }
    receiver.answer(Manner::Right);
    bench.clock.advance(Duration::from_secs(10));
    assert_eq!(receiver.wait_for_posts(2).await.len(), 6);
    for _ in 0..500 {
        if bench.state().await["pending_notifications"] == json!(0) {
            return;
        }
        pause(Duration::from_millis(10)).await;
    }
    panic!("what was taken is still pending");
}

#[tokio::test]
async fn lifecycle_events_go_to_their_own_address() {
    let (bench, receiver) = (Bench::start().await, Receiver::start());
    let created = bench.subscribe(&receiver.url, |_| ()).await;
    bench.control("/lifecycle", json!({"event": "reauthorizationRequired"})).await;
    let told = receiver.wait_for_posts(1).await;
    assert_eq!(told[0]["lifecycleEvent"], "reauthorizationRequired");
    openapi::assert_notification(&json!({"value": told}));
    let id = created.body["id"].as_str().unwrap();
    bench.control(&format!("/subscriptions/{id}/remove"), json!({"lifecycle": true})).await;
    assert_eq!(receiver.wait_for_posts(2).await[1]["lifecycleEvent"], "subscriptionRemoved");
    assert!(receiver.received().iter().filter(|one| !one.body.is_null()).all(|one| one.path == "/lifecycle"));
    assert_eq!(bench.get(&format!("/subscriptions/{id}")).await.status, 404);
}

#[tokio::test]
async fn notifications_can_be_lost_or_doubled() {
    let (bench, receiver) = (Bench::start().await, Receiver::start());
    bench.subscribe(&receiver.url, |_| ()).await;
    bench.control("/notifications", json!({"lose": 1.0})).await;
    bench.upload("/users/alice@contoso.com/drive/root:/a.txt:/content", "a").await;
    bench.control("/notifications", json!({"duplicate": 1.0})).await;
    bench.upload("/users/alice@contoso.com/drive/root:/b.txt:/content", "b").await;
    let mut told = receiver.wait_for_posts(1).await;
    for _ in 0..100 {
        told = receiver.notifications().0;
        if told.len() >= 2 {
            break;
        }
        pause(Duration::from_millis(10)).await;
    }
    assert_eq!(told.len(), 2);
    assert_eq!(told[0]["id"], told[1]["id"]);
}
