use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use super::harness::{Bench, items, link};
use crate::openapi;
use crate::receiver::{Manner, Receiver};

#[tokio::test]
async fn both_addresses_shake_hands_before_the_subscription_is_created() {
    let (bench, receiver) = (Bench::start().await, Receiver::start());
    let created = bench
        .subscribe(&receiver.url, |body| {
            let url = format!("{}/hook?key=1", receiver.url);
            body["notificationUrl"] = json!(url);
            body["lifecycleNotificationUrl"] = json!(url);
            openapi::assert_request("POST", "/subscriptions", body);
        })
        .await;
    assert_eq!(created.status, 201, "{:#}", created.body);
    openapi::assert_answer("POST", "/subscriptions", 201, &created.body);
    assert_eq!(created.body["clientState"], "k-4711");
    assert!(created.body["expirationDateTime"].as_str().unwrap().ends_with(".0000000Z"));
    let asked = receiver.received();
    assert_eq!(asked.len(), 2, "equal addresses are asked twice");
    for one in asked {
        assert!(one.query.starts_with("key=1&validationToken=Validation%3a+Testing+client"), "{}", one.query);
        assert_eq!((one.user_agent, one.body), (None, Value::Null));
        assert_eq!(one.content_type.as_deref(), Some("text/plain; charset=utf-8"));
    }
}

#[tokio::test]
async fn a_failed_handshake_creates_nothing_and_says_why() {
    let (bench, receiver) = (Bench::start().await, Receiver::start());
    for (manner, text) in [
        (Manner::Status(403), "HTTP status code is 'Forbidden'"),
        (Manner::WrongToken, "validationToken query parameter exactly"),
        (Manner::Status(202), "must respond with 200 OK"),
    ] {
        receiver.answer(manner);
        let refused = bench.subscribe(&receiver.url, |_| ()).await;
        assert_eq!((refused.status, refused.body["error"]["code"].as_str()), (400, Some("ValidationError")));
        assert!(refused.body["error"]["message"].as_str().unwrap().contains(text), "{:#}", refused.body);
        openapi::assert_answer("POST", "/subscriptions", 400, &refused.body);
    }
    let nobody = bench.subscribe("http://127.0.0.1:1", |_| ()).await;
    assert_eq!(nobody.status, 400);
    assert!(items(&bench.read("/subscriptions").await).is_empty());
}

#[tokio::test]
async fn a_second_subscription_of_the_same_combination_is_a_conflict_that_names_the_first() {
    let (bench, receiver) = (Bench::start().await, Receiver::start());
    let first = bench.subscribe(&receiver.url, |_| ()).await;
    let second = bench.subscribe(&receiver.url, |body| {
        body["resource"] = json!("users/ALICE@contoso.com/drive/root");
    });
    let second = second.await;
    assert_eq!((second.status, second.body["error"]["code"].as_str()), (409, Some("ObjectIdentifierInUse")));
    assert!(second.body["error"]["message"].as_str().unwrap().contains(first.body["id"].as_str().unwrap()));
    openapi::assert_answer("POST", "/subscriptions", 409, &second.body);
}

#[tokio::test]
async fn lifetimes_are_raised_to_45_minutes_and_refused_above_the_maximum() {
    let (bench, receiver) = (Bench::start().await, Receiver::start());
    let now = bench.clock.now();
    let mail = "/users/alice@contoso.com/mailFolders('inbox')/messages";
    let refused = bench
        .subscribe(&receiver.url, |body| {
            body["resource"] = json!(mail);
            body["expirationDateTime"] = json!(now + TimeDelta::minutes(10_071));
        })
        .await;
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.body["error"]["message"],
        "Subscription expiration can only be 10070 minutes in the future."
    );
    let drive = bench
        .subscribe(&receiver.url, |body| body["expirationDateTime"] = json!(now + TimeDelta::minutes(42_301)))
        .await;
    assert_eq!(drive.status, 400);
    let raised = bench
        .subscribe(&receiver.url, |body| body["expirationDateTime"] = json!(now + TimeDelta::minutes(1)))
        .await;
    let expires: DateTime<Utc> = raised.body["expirationDateTime"].as_str().unwrap().parse().unwrap();
    assert_eq!(expires, now + TimeDelta::minutes(45));
}

#[tokio::test]
async fn a_subscription_is_read_renewed_removed_and_expires_by_itself() {
    let (bench, receiver) = (Bench::start().await, Receiver::start());
    let created = bench.subscribe(&receiver.url, |_| ()).await;
    let path = format!("/subscriptions/{}", created.body["id"].as_str().unwrap());
    let read = bench.read(&path).await;
    assert_eq!(read["clientState"], Value::Null);
    openapi::assert_answer("GET", "/subscriptions/{subscription-id}", 200, &read);
    let renewal = json!({"expirationDateTime": bench.clock.now() + TimeDelta::hours(3)});
    openapi::assert_request("PATCH", "/subscriptions/{subscription-id}", &renewal);
    let renewed = bench.call(Method::PATCH, &path, None, Some(renewal)).await;
    assert_eq!(renewed.body["expirationDateTime"], "2026-11-23T13:00:00.0000000Z");
    openapi::assert_answer("PATCH", "/subscriptions/{subscription-id}", 200, &renewed.body);
    let nothing = bench.call(Method::PATCH, &path, None, Some(json!({"clientState": "x"}))).await;
    assert_eq!(nothing.status, 400);
    let reauthorize = bench.call(Method::POST, &format!("{path}/reauthorize"), None, None).await;
    assert_eq!((reauthorize.status, reauthorize.body), (204, Value::Null));
    let mut bench = bench;
    bench.clock.advance(std::time::Duration::from_secs(3 * 3600));
    bench.sign_in().await;
    for method in [Method::GET, Method::DELETE] {
        let gone = bench.call(method, &path, None, None).await;
        assert_eq!((gone.status, gone.body["error"]["code"].as_str()), (404, Some("ResourceNotFound")));
    }
}

#[tokio::test]
async fn subscriptions_are_listed_in_pages() {
    let (bench, receiver) = (Bench::with_pages_of(1).await, Receiver::start());
    for user in ["alice", "bob"] {
        let resource = json!(format!("/users/{user}@contoso.com/drive/root"));
        assert_eq!(bench.subscribe(&receiver.url, |body| body["resource"] = resource).await.status, 201);
    }
    let first = bench.read("/subscriptions").await;
    openapi::assert_answer("GET", "/subscriptions", 200, &first);
    let second = bench.read(link(&first, "nextLink")).await;
    assert_eq!((items(&first).len(), items(&second).len()), (1, 1));
    assert!(second.get("@odata.nextLink").is_none());
}

#[tokio::test]
async fn what_cannot_be_subscribed_to_is_refused() {
    let (bench, receiver) = (Bench::start().await, Receiver::start());
    let refuse = async |change: fn(&mut Value), status: u16, code: &str| {
        let answer = bench.subscribe(&receiver.url, change).await;
        assert_eq!(
            (answer.status, answer.body["error"]["code"].as_str()),
            (status, Some(code)),
            "{:#}",
            answer.body
        );
    };
    refuse(|body| body["changeType"] = json!("created,updated"), 400, "ValidationError").await;
    refuse(|body| body["resource"] = json!("/drives/x/items/y"), 400, "InvalidRequest").await;
    refuse(|body| body["resource"] = json!("/drives/x/root"), 404, "ExtensionError").await;
    refuse(|body| body["clientState"] = json!("x".repeat(129)), 400, "ValidationError").await;
    refuse(|body| body["notificationUrl"] = json!("http://hooks.example.org/"), 400, "ValidationError").await;
    refuse(|body| body["includeResourceData"] = json!(true), 400, "ValidationError").await;
    bench.control("/roles", json!({"roles": ["Mail.Read"]})).await;
    refuse(|_| (), 403, "ExtensionError").await;
    assert!(receiver.received().is_empty(), "nobody is asked for what is refused anyway");
}

#[tokio::test]
async fn a_lowered_lifetime_is_told_in_either_text_or_without_a_number() {
    let (bench, receiver) = (Bench::start().await, Receiver::start());
    let asked = bench.clock.now() + TimeDelta::days(5);
    for (text, code, expected) in [
        ("minutes", "ValidationError", "Subscription expiration can only be 4320 minutes in the future."),
        (
            "timeSpan",
            "ExtensionError",
            "Operation: Create; Exception: [Status Code: BadRequest; Reason: Expiration time '2026-11-28T10:00:00Z' is beyond allowed max '3.00:00:00'.]",
        ),
        ("unnamed", "InvalidRequest", "expirationDateTime is beyond the maximum allowed for this resource."),
    ] {
        bench.control("/lifetimes", json!({"of": "drive", "minutes": 4_320, "text": text})).await;
        let refused = bench.subscribe(&receiver.url, |body| body["expirationDateTime"] = json!(asked)).await;
        assert_eq!((refused.status, &refused.body["error"]["code"]), (400, &json!(code)), "{text}");
        assert_eq!(refused.body["error"]["message"], expected);
    }
    let granted = bench.clock.now() + TimeDelta::days(3);
    let made = bench.subscribe(&receiver.url, |body| body["expirationDateTime"] = json!(granted)).await;
    assert_eq!(made.status, 201, "{:#}", made.body);
}

#[tokio::test]
async fn a_conflict_may_leave_out_what_exists() {
    let (bench, receiver) = (Bench::start().await, Receiver::start());
    bench.control("/conflicts", json!({"unnamed": true})).await;
    assert_eq!(bench.subscribe(&receiver.url, |_| ()).await.status, 201);
    let second = bench.subscribe(&receiver.url, |_| ()).await;
    assert_eq!(second.status, 409);
    assert_eq!(
        second.body["error"]["message"],
        "Subscription Id <> already exists for the requested combination"
    );
}

#[tokio::test]
async fn subscriptions_are_listed_25_times_in_20_seconds_and_who_goes_on_waits_longer() {
    let bench = Bench::start().await;
    for _ in 0..25 {
        bench.read("/subscriptions").await;
    }
    bench.clock.advance(std::time::Duration::from_secs(5));
    let refused = bench.get("/subscriptions").await;
    assert_eq!((refused.status, &refused.headers["retry-after"]), (429, &"16".parse().unwrap()));
    bench.clock.advance(std::time::Duration::from_secs(15));
    for _ in 0..24 {
        bench.read("/subscriptions").await;
    }
    assert_eq!(bench.get("/subscriptions").await.status, 429, "what was refused counted too");
}
