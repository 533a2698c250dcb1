//! Notifications with encrypted content, from the stand-in's sender to the log.

mod certificates;

use std::time::Duration;

use serde_json::{Value, json};

use crate::house::House;

const KEY: (&str, &str) =
    ("O365_LISTENER__STORE__ENCRYPTION_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");

const RICH: &str = "[[subscription]]\nname = \"inbox\"\ntenant = \"contoso\"\nresource = \"{mail}\"\n\
                    include_resource_data = true\n";

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

async fn rich() -> House {
    let house = House::start_with(RICH, &[KEY]).await;
    house.active("inbox").await;
    house
}

/// Puts a message into a folder of the user whose inbox is followed, and answers with its id.
async fn write(house: &House, folder: &str, subject: &str) -> String {
    let path = format!("/users/{}/mailFolders/{folder}/messages", house.tenant.tenant().user);
    let (status, made) = house.graph("POST", &path, &json!({"subject": subject, "isDraft": false})).await;
    assert_eq!(status, 201, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

/// Changes one.
async fn call(house: &House, method: &str, id: &str, action: &str, body: Value) {
    let path = format!("/users/{}/messages/{id}{action}", house.tenant.tenant().user);
    let (status, answer) = house.graph(method, &path, &body).await;
    assert!((200..300).contains(&status), "{status} {answer}");
}

async fn told(house: &House, number: usize) -> Vec<Value> {
    house.eventually("it is told", async || house.events().await.len() >= number).await;
    house.quiet().await;
    let events = house.events().await;
    assert_eq!(events.len(), number, "{events:#?}");
    events
}

/// Counts contents that were looked at.
async fn looked_at(house: &House, result: &str) -> u64 {
    counted(house, &format!("o365_contents_total{{result=\"{result}\"}}")).await
}

async fn counted(house: &House, metric: &str) -> u64 {
    format!("{:.0}", house.metric(metric).await.abs()).parse().unwrap()
}

/// What was asked of the tenant below `/users`, but for delta pages.
async fn reads(house: &House) -> Vec<String> {
    let requests = house.requests().await;
    let calls = requests.iter().map(|one| format!("{} {}", one["method"], one["url"]).replace('"', ""));
    calls.filter(|call| call.starts_with("GET /v1.0/users/") && !call.contains("/delta")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_told_from_content_and_not_a_second_time_by_the_round() {
    let house = rich().await;
    let before = reads(&house).await;
    let id = write(&house, "inbox", "Offer").await;
    let event = told(&house, 1).await.remove(0);
    assert_eq!(event["type"], "o365.message.created");
    assert_eq!(event["data"]["resource"]["subject"], "Offer");
    let resource = event["data"]["resource"].as_object().unwrap();
    assert!(
        resource.keys().all(|name| name != "@odata.context" && !name.ends_with("e@odata.type")),
        "{event}"
    );
    // Outlook tells times in whole seconds, and content must be later than what is known.
    house.advance(2 * SECOND);
    call(&house, "PATCH", &id, "", json!({"subject": "Order"})).await;
    let event = told(&house, 2).await.remove(1);
    assert_eq!(event["type"], "o365.message.updated");
    assert_eq!(event["data"]["changed"], json!(["subject"]));
    assert_eq!(event["data"]["previous"], json!({"subject": "Offer"}));
    assert_eq!((looked_at(&house, "told").await, looked_at(&house, "quarantined").await), (2, 0));
    assert_eq!(reads(&house).await, before, "an item was read");
}

#[tokio::test(flavor = "multi_thread")]
async fn content_is_told_although_graph_does_not_answer() {
    let house = rich().await;
    house.control("faults", json!({"status": 503, "count": 1000, "path_prefix": "/v1.0/users"})).await;
    let user = house.tenant.tenant().user.clone();
    house.control("changes", json!({"count": 1, "resource": format!("mail:{user}/inbox"), "seed": 1})).await;
    house.eventually("the content is told", async || looked_at(&house, "told").await >= 1).await;
    house
        .eventually("the round fails", async || house.subscription("inbox").await["state"] == "failing")
        .await;
    assert_eq!(house.events().await.len(), 1);
    house.forget_faults().await;
    house.active("inbox").await;
    told(&house, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_leaves_the_folder_is_told_by_the_round() {
    let house = rich().await;
    let id = write(&house, "inbox", "Offer").await;
    let other = write(&house, "inbox", "Order").await;
    told(&house, 2).await;
    call(&house, "POST", &id, "/move", json!({"destinationId": "archive"})).await;
    let event = told(&house, 3).await.remove(2);
    assert_eq!(event["type"], "o365.message.deleted");
    assert_eq!(event["data"]["resource"]["subject"], "Offer");
    call(&house, "DELETE", &other, "", json!({})).await;
    let event = told(&house, 4).await.remove(3);
    assert_eq!(event["type"], "o365.message.deleted");
    assert_eq!(event["data"]["resource"]["subject"], "Order");
    assert_eq!(looked_at(&house, "hint").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_twice_or_too_late_is_told_once() {
    let house = rich().await;
    house.control("notifications", json!({"duplicate": 1.0, "reorder": 0.5})).await;
    let id = write(&house, "inbox", "1").await;
    for subject in ["2", "3", "4"] {
        house.advance(2 * SECOND);
        call(&house, "PATCH", &id, "", json!({"subject": subject})).await;
    }
    house
        .eventually("all contents are looked at", async || {
            looked_at(&house, "told").await + looked_at(&house, "hint").await >= 8
        })
        .await;
    house.active("inbox").await;
    let events = house.events().await;
    let subjects: Vec<_> = events.iter().map(|event| &event["data"]["resource"]["subject"]).collect();
    assert_eq!(subjects.last(), Some(&&json!("4")), "{events:#?}");
    let mut once = subjects.clone();
    once.dedup();
    assert_eq!(once, subjects);
    assert_eq!(events[0]["type"], "o365.message.created");
    assert!(events[1..].iter().all(|event| event["type"] == "o365.message.updated"), "{events:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_is_put_aside_with_its_reason_and_comes_by_the_round() {
    let house = rich().await;
    let faults = [
        ("noToken", "no_token"),
        ("unsigned", "algorithm"),
        ("badSignature", "signature"),
        ("wrongAudience", "audience"),
        ("foreignTenant", "tenant"),
        ("wrongIssuer", "issuer"),
        ("wrongPublisher", "publisher"),
        ("expiredToken", "expired"),
        ("unknownCertificate", "unknown_certificate"),
        ("wrongKey", "undecryptable"),
        ("brokenMac", "undecryptable"),
        ("notJson", "unreadable"),
        ("unknownKid", "unknown_signer"),
    ];
    let mut number = 0;
    for version in 1..=2_u64 {
        for (fault, reason) in faults {
            house.control("content", json!({"token_version": version, "fault": fault})).await;
            write(&house, "inbox", fault).await;
            number += 1;
            let event = told(&house, number).await.remove(number - 1);
            assert_eq!(event["data"]["resource"]["subject"], fault);
            let aside = house.get("/v1/quarantine?limit=1").await["quarantined"][0].clone();
            assert_eq!(
                (&aside["reason"], &aside["subscription"]),
                (&json!(reason), &json!("inbox")),
                "{fault}"
            );
            assert!(aside["explanation"].as_str().unwrap().len() > 20, "{aside}");
        }
        house.control("content", json!({"token_version": version})).await;
        write(&house, "inbox", "good").await;
        number += 1;
        told(&house, number).await;
        assert_eq!(looked_at(&house, "told").await, version);
    }
    assert_eq!(house.subscription("inbox").await["quarantined"], 26);
    assert_eq!(house.get("/v1/status").await["subscriptions"]["quarantined"], 26);
    assert_eq!(counted(&house, "o365_quarantined_total{reason=\"undecryptable\"}").await, 4);
    assert_eq!(house.get("/v1/quarantine").await["quarantined"].as_array().unwrap().len(), 26);
    assert_eq!(house.get("/v1/quarantine?subscription=other").await["quarantined"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_cannot_be_checked_just_now_comes_by_the_round() {
    let house = rich().await;
    house.control("faults", json!({"status": 503, "count": 1000, "path_prefix": "/common/"})).await;
    write(&house, "inbox", "Offer").await;
    told(&house, 1).await;
    assert_eq!(house.get("/v1/quarantine").await["quarantined"][0]["reason"], "keys_unavailable");
    assert_eq!(house.subscription("inbox").await["state"], "active");
    house.forget_faults().await;
    house.advance(Duration::from_secs(60));
    write(&house, "inbox", "Order").await;
    told(&house, 2).await;
    assert_eq!(looked_at(&house, "told").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_aside_goes_with_the_retention() {
    let mut house = House::start_with(RICH, &[KEY, ("O365_LISTENER__STORE__RETENTION", "2h")]).await;
    house.active("inbox").await;
    house.control("content", json!({"fault": "brokenMac"})).await;
    write(&house, "inbox", "Offer").await;
    told(&house, 1).await;
    assert_eq!(house.get("/v1/quarantine").await["quarantined"].as_array().unwrap().len(), 1);
    house.advance(3 * HOUR);
    house.close().await;
    house.open().await;
    house
        .eventually("it is gone", async || house.get("/v1/quarantine").await["quarantined"] == json!([]))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn content_is_asked_for_through_the_api_where_it_can_be_had() {
    let house = House::start_with("", &[KEY]).await;
    let resources = house.tenant.tenant().resources.clone();
    let body = |resource: &str| json!({"name": "one", "tenant": "contoso", "resource": resource, "include_resource_data": true});
    for resource in [&resources.list, &resources.drive] {
        let (status, problem) = house.call("POST", "/v1/subscriptions", Some(body(resource))).await;
        assert_eq!(status, 400, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("of mail: addresses only"), "{problem}");
    }
    let (status, made) = house.call("POST", "/v1/subscriptions", Some(body(&resources.mail))).await;
    assert_eq!((status, &made["include_resource_data"]), (201, &json!(true)), "{made}");
    let lives =
        made["expires_at"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap() - house.now();
    assert!(lives <= chrono::TimeDelta::minutes(1440), "{made}");
    assert!(house.remote().await[0]["resource"].as_str().unwrap().contains("?$select=subject,"));

    let house = House::start("").await;
    let (status, problem) = house.call("POST", "/v1/subscriptions", Some(body(&resources.mail))).await;
    assert_eq!(status, 400, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("openssl rand -base64 32"), "{problem}");
    assert!(house.remote().await.is_empty());
}
