use std::time::Duration;

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use super::{MINIMAL, NONE, SiteBench, VERBOSE, refusal};
use crate::receiver::{Manner, Receiver, pause};
use crate::simulator::harness::Answered;

async fn subscribe(site: &SiteBench, list: &str, change: impl FnOnce(&mut Value)) -> Answered {
    let mut body = json!({
        "resource": format!("https://contoso.sharepoint.com/sites/hr/_api/{list}"),
        "expirationDateTime": "2027-05-01T00:00:00+00:00", "clientState": "k-4711",
    });
    change(&mut body);
    site.call(Method::POST, &format!("{list}/subscriptions"), Some(body)).await
}

/// Waits until so many notifications are pending, in whatever state they are.
async fn pending(site: &SiteBench, count: usize) {
    for _ in 0..500 {
        if site.bench.state().await["pending_notifications"] == json!(count) {
            return;
        }
        pause(Duration::from_millis(10)).await;
    }
    panic!("never were {count} pending: {:#}", site.bench.state().await["pending_notifications"]);
}

#[tokio::test]
async fn a_webhook_is_made_read_renewed_and_deleted() {
    let (site, receiver) = (SiteBench::start().await, Receiver::start());
    let list = site.list("Candidates").await;
    let made = subscribe(&site, &list, |body| body["notificationUrl"] = json!(receiver.url)).await;
    assert_eq!(made.status, 201, "{:#}", made.body);
    let id = made.body["id"].as_str().unwrap();
    let expected = json!({
        "id": id, "resource": list.trim_start_matches("web/lists('").trim_end_matches("')"),
        "notificationUrl": receiver.url, "expirationDateTime": "2027-05-01T00:00:00.0000000Z",
        "clientState": "k-4711", "resourceData": null,
    });
    assert_eq!(made.body, expected, "exactly these six");
    let path = format!("{list}/subscriptions('{id}')");
    assert_eq!(site.read(&path).await, expected);
    let renewal = json!({"expirationDateTime": "2027-05-20T00:00:00Z", "clientState": "k-4712"});
    let renewed = site.call(Method::PATCH, &path, Some(renewal)).await;
    assert_eq!((renewed.status, renewed.body), (204, Value::Null));
    let read = site.read(&format!("{list}/subscriptions/getById('{id}')")).await;
    assert_eq!(read["expirationDateTime"], "2027-05-20T00:00:00.0000000Z");
    assert_eq!(read["clientState"], "k-4712", "SharePoint tells it");
    let deleted = site.call(Method::DELETE, &path, None).await;
    assert_eq!((deleted.status, deleted.body), (204, Value::Null));
    assert_eq!(site.call(Method::GET, &path, None).await.status, 404);
}

#[tokio::test]
async fn the_handshake_is_a_post_without_a_body_and_with_the_client_state() {
    let (site, receiver) = (SiteBench::start().await, Receiver::start());
    let list = site.list("Candidates").await;
    let url = format!("{}/hook?key=1", receiver.url);
    let made = subscribe(&site, &list, |body| body["notificationUrl"] = json!(url)).await;
    assert_eq!(made.status, 201, "{:#}", made.body);
    let asked = receiver.received();
    assert_eq!(asked.len(), 1);
    let one = &asked[0];
    let token = one.query.strip_prefix("key=1&validationtoken=").unwrap_or_else(|| panic!("{}", one.query));
    assert_eq!(token.len(), 36, "something like a guid: {token}");
    assert_eq!(
        (&one.content_type, &one.body, one.content_length.as_deref()),
        (&None, &Value::Null, Some("0"))
    );
    assert_eq!(one.client_state.as_deref(), Some("k-4711"));
    for manner in [Manner::Status(403), Manner::Status(202), Manner::WrongToken] {
        receiver.answer(manner);
        let refused = subscribe(&site, &list, |body| body["notificationUrl"] = json!(receiver.url)).await;
        let text = format!("Failed to validate the notification URL '{}'.", receiver.url);
        assert_eq!(
            refusal(&refused, "odata.error"),
            (400, "-1, System.InvalidOperationException", text.as_str())
        );
    }
    assert_eq!(site.bench.state().await["webhooks"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_handshake_has_five_seconds() {
    let site = SiteBench::start().await;
    let list = site.list("Candidates").await;
    // It takes the connection and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let clock = site.bench.clock.clone();
    let asked = subscribe(&site, &list, |body| body["notificationUrl"] = json!(url));
    let advance = async {
        let accepted = tokio::task::spawn_blocking(move || silent.accept().unwrap()).await.unwrap();
        pause(Duration::from_millis(50)).await;
        clock.advance(Duration::from_secs(5));
        accepted
    };
    let (refused, _open) = tokio::join!(asked, advance);
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn a_duplicate_create_answers_with_the_first_id_and_changes_nothing() {
    let (site, receiver) = (SiteBench::start().await, Receiver::start());
    let list = site.list("Candidates").await;
    let first = subscribe(&site, &list, |body| body["notificationUrl"] = json!(receiver.url)).await;
    let again = subscribe(&site, &list, |body| {
        body["notificationUrl"] = json!(receiver.url);
        body["expirationDateTime"] = json!("2027-02-01T00:00:00Z");
        body["clientState"] = json!("other");
    });
    let again = again.await;
    assert_eq!((again.status, &again.body["id"]), (201, &first.body["id"]));
    assert_eq!(again.body["expirationDateTime"], "2027-02-01T00:00:00.0000000Z", "the new values are echoed");
    assert_eq!(again.body["clientState"], "other");
    let stored = site.read(&format!("{list}/subscriptions('{}')", first.body["id"].as_str().unwrap())).await;
    assert_eq!(stored, first.body, "but what is stored is the first one");
    let library = site.list("Documents").await;
    let other = subscribe(&site, &library, |body| body["notificationUrl"] = json!(receiver.url)).await;
    assert_eq!(other.status, 201, "another list is another webhook");
    assert_ne!(other.body["id"], first.body["id"]);
}

#[tokio::test]
async fn a_life_is_180_days_at_most_and_ends_without_a_word() {
    let (site, receiver) = (SiteBench::start().await, Receiver::start());
    let list = site.list("Candidates").await;
    let now = site.bench.clock.now();
    let with = |expires: Value| {
        subscribe(&site, &list, |body| {
            body["notificationUrl"] = json!(receiver.url);
            body["expirationDateTime"] = expires;
        })
    };
    let too_long = with(json!(now + TimeDelta::days(180) + TimeDelta::hours(1))).await;
    assert_eq!(refusal(&too_long, "odata.error").0, 400);
    assert_eq!(with(json!(now - TimeDelta::hours(1))).await.status, 400);
    assert!(receiver.received().is_empty(), "nobody is asked for what is refused anyway");
    let made = with(Value::Null).await;
    assert_eq!(made.body["expirationDateTime"], "2027-05-22T10:00:00.0000000Z", "left out, it is the most");
    let path = format!("{list}/subscriptions('{}')", made.body["id"].as_str().unwrap());
    let longer = json!({"expirationDateTime": now + TimeDelta::days(181)});
    assert_eq!(site.call(Method::PATCH, &path, Some(longer)).await.status, 400);

    let mut site = site;
    site.bench.clock.advance(Duration::from_secs(180 * 24 * 3600));
    site.token = site.token_for("https://contoso.sharepoint.com/.default").await;
    site.post(&format!("{list}/items"), json!({"Title": "Nobody hears of it"})).await;
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(site.call(method, &path, None).await.status, 404);
    }
    assert_eq!(receiver.received().len(), 1, "the handshake alone");
}

#[tokio::test]
async fn what_cannot_be_notified_is_refused() {
    let site = SiteBench::start().await;
    let list = site.list("Candidates").await;
    for url in ["http://hooks.example.org/", "https://hooks.example.org:8443/", "hooks"] {
        let refused = subscribe(&site, &list, |body| body["notificationUrl"] = json!(url)).await;
        assert_eq!(refusal(&refused, "odata.error").0, 400, "{url}");
    }
    assert_eq!(subscribe(&site, &list, |_| ()).await.status, 400, "no address at all");
    let elsewhere = subscribe(&site, &list, |body| {
        body["notificationUrl"] = json!("http://127.0.0.1:1/");
        body["resource"] = json!("e4b1a2c3-d5f6-4708-9a1b-2c3d4e5f6071");
    });
    assert_eq!(elsewhere.await.status, 400, "another list");
}

#[tokio::test]
async fn listing_takes_full_control() {
    let (site, receiver) = (SiteBench::start().await, Receiver::start());
    let list = site.list("Candidates").await;
    let made = subscribe(&site, &list, |body| body["notificationUrl"] = json!(receiver.url)).await;
    let path = format!("{list}/subscriptions");
    assert_eq!(site.call(Method::GET, &path, None).await.status, 403);
    site.bench.control("/roles", json!({"sharepoint": ["Sites.FullControl.All"]})).await;
    assert_eq!(site.read(&path).await, json!({"value": [made.body]}));
    let library = site.list("Documents").await;
    assert_eq!(site.read(&format!("{library}/subscriptions")).await, json!({"value": []}));
}

#[tokio::test]
async fn client_libraries_add_change_and_delete_by_functions_and_a_header() {
    let (site, receiver) = (SiteBench::start().await, Receiver::start());
    let list = site.list("Candidates").await;
    let id = list.trim_start_matches("web/lists('").trim_end_matches("')");
    let base = format!("/sites/hr/_api/{list}/subscriptions");
    let verbose = [("accept", VERBOSE), ("content-type", VERBOSE)];
    let body = json!({"parameters": {"notificationUrl": receiver.url, "resource": id}});
    let made = site.send(Method::POST, &format!("{base}/Add"), &verbose, Some(body)).await;
    assert_eq!(made.status, 201, "{:#}", made.body);
    let about = &made.body["d"]["__metadata"];
    assert_eq!(about["type"], "Microsoft.SharePoint.Webhooks.Subscription");
    let one = format!("{base}/getById('{}')", made.body["d"]["id"].as_str().unwrap());
    let merge = [("accept", NONE), ("content-type", "application/json"), ("x-http-method", "MERGE")];
    let change = json!({"clientState": "later"});
    assert_eq!(site.send(Method::POST, &one, &merge, Some(change)).await.status, 204);
    let read = site.send(Method::GET, &one, &[("accept", MINIMAL)], None).await.body;
    assert_eq!((&read["clientState"], &read["odata.type"]), (&json!("later"), &about["type"]));
    for name in ["odata.metadata", "odata.id", "odata.editLink"] {
        assert!(read[name].is_string(), "{name} in {read:#}");
    }
    let delete = [("accept", NONE), ("x-http-method", "DELETE")];
    assert_eq!(site.send(Method::POST, &one, &delete, None).await.status, 204);
    let gone = site.send(Method::GET, &one, &[("accept", VERBOSE)], None).await;
    assert_eq!(refusal(&gone, "error").0, 404, "verbose errors have the bare key");
}

#[tokio::test]
async fn a_notification_says_which_list_and_the_client_state_twice() {
    let (site, receiver) = (SiteBench::start().await, Receiver::start());
    let list = site.list("Candidates").await;
    let made = subscribe(&site, &list, |body| body["notificationUrl"] = json!(receiver.url)).await;
    site.post(&format!("{list}/items"), json!({"Title": "Ada"})).await;
    let told = receiver.wait_for_posts(1).await;
    let hr = site.read("web?$select=Id").await;
    let expected = json!({
        "subscriptionId": made.body["id"], "clientState": "k-4711",
        "expirationDateTime": "2027-05-01T00:00:00.0000000Z", "resource": made.body["resource"],
        "tenantId": site.bench.tenant().tenant_id, "siteUrl": "/sites/hr", "webId": hr["Id"],
    });
    assert_eq!(told, [expected], "and no host, no item and no kind of change");
    let latest = receiver.received().pop().unwrap();
    assert_eq!(latest.client_state.as_deref(), Some("k-4711"));
}

#[tokio::test]
async fn graph_and_sharepoint_announce_the_same_change_apart() {
    let (site, receiver) = (SiteBench::start().await, Receiver::start());
    let list = site.list("Candidates").await;
    subscribe(&site, &list, |body| body["notificationUrl"] = json!(receiver.url)).await;
    let address = site.bench.candidates().await;
    let created = site.bench.subscribe(&receiver.url, |body| body["resource"] = json!(address)).await;
    assert_eq!(created.status, 201, "{:#}", created.body);
    site.bench.write(Method::POST, &format!("{address}/items"), json!({"fields": {"Title": "Ada"}})).await;
    let told = receiver.wait_for_posts(2).await;
    let mut expiries: Vec<bool> =
        told.iter().map(|one| one.get("subscriptionExpirationDateTime").is_some()).collect();
    expiries.sort_unstable();
    assert_eq!(expiries, [false, true]);
}

#[tokio::test]
async fn a_notification_is_tried_five_times_five_minutes_apart() {
    let (site, receiver) = (SiteBench::start().await, Receiver::start());
    let list = site.list("Candidates").await;
    subscribe(&site, &list, |body| body["notificationUrl"] = json!(receiver.url)).await;
    receiver.answer(Manner::Status(503));
    site.post(&format!("{list}/items"), json!({"Title": "Ada"})).await;
    for attempt in 1..=5 {
        receiver.wait_for_posts(attempt).await;
        pending(&site, usize::from(attempt < 5)).await;
        site.bench.clock.advance(Duration::from_secs(299));
        pause(Duration::from_millis(30)).await;
        assert_eq!(receiver.notifications().1, attempt, "not before five minutes are over");
        site.bench.clock.advance(Duration::from_secs(1));
    }
    pause(Duration::from_millis(50)).await;
    assert_eq!(receiver.notifications().1, 5, "then it is dropped");
    receiver.answer(Manner::Right);
    site.post(&format!("{list}/items"), json!({"Title": "Brendan"})).await;
    receiver.wait_for_posts(6).await;
}
