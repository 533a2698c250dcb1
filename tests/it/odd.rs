//! Pages that are odd: nothing of them holds a subscription up, and nothing is lost over them.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::house::House;

async fn followed(resource: &str, start: &str) -> House {
    let entry = format!(
        "[[subscription]]\nname = \"it\"\ntenant = \"contoso\"\nresource = \"{resource}\"\nstart = \"{start}\"\n"
    );
    let house = House::start(&entry).await;
    house.active("it").await;
    house.quiet().await;
    house.control("notifications", json!({"lose": 1.0})).await;
    house
}

/// The address in the tenant of what is followed.
fn address(house: &House, resource: &str) -> String {
    let resources = &house.tenant.tenant().resources;
    match resource {
        "{list}" => resources.list.clone(),
        "{drive}" => resources.drive.clone(),
        _ => resources.mail.clone(),
    }
}

async fn fetch(house: &House) -> (u16, Value) {
    house.call("POST", "/v1/subscriptions/it/fetch", None).await
}

async fn fetched(house: &House) {
    let (status, answer) = fetch(house).await;
    assert_eq!(status, 200, "{answer}");
}

fn subjects(events: &[Value]) -> HashSet<String> {
    events.iter().map(|event| event["subject"].as_str().unwrap().to_owned()).collect()
}

/// Elements that cannot be understood, and what is known of each.
fn odd_elements() -> (Vec<String>, [(&'static str, Value); 5]) {
    let deep = format!(r#"{{"id": "deep", "x": {}1{}}}"#, "[".repeat(300), "]".repeat(300));
    let elements = [r#"{"id": "half", "name": "\ud83d"}"#, &deep, r#"{"name": "nobody"}"#, "17", "null"];
    let known = [
        ("item_unreadable", json!("half")),
        ("item_unreadable", json!("deep")),
        ("item_without_id", Value::Null),
        ("item_malformed", Value::Null),
        ("item_malformed", Value::Null),
    ];
    (elements.map(str::to_owned).to_vec(), known)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_understood_is_put_aside_and_the_rest_of_its_page_is_told() {
    for resource in ["{list}", "{drive}", "{mail}"] {
        let house = followed(resource, "baseline").await;
        house.change(&address(&house, resource)).await;
        let (elements, known) = odd_elements();
        house.control("odd", json!({"kind": "elements", "elements": elements})).await;
        fetched(&house).await;
        assert_eq!(house.events().await.len(), 1, "{resource}");

        let mut aside = house.get("/v1/quarantine?subscription=it").await["quarantined"].take();
        let aside = aside.as_array_mut().unwrap();
        aside.reverse();
        let shown: Vec<_> =
            aside.iter().map(|one| (one["reason"].as_str().unwrap(), one["item"].clone())).collect();
        assert_eq!(shown, known, "{resource}");
        for one in aside {
            assert!(one["cursor"].as_str().unwrap().contains("delta"), "{one}");
        }
        let shown = house.subscription("it").await;
        assert_eq!((&shown["state"], &shown["quarantined"]), (&json!("active"), &json!(5)));
        assert!((house.metric("o365_quarantined_total").await - 5.0).abs() < f64::EPSILON);
        fetched(&house).await;
        assert_eq!(house.subscription("it").await["quarantined"], 5, "{resource}: put aside twice");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_a_resync_cannot_read_is_not_told_as_deleted() {
    let house = followed("{list}", "baseline").await;
    let (_, before) = house.call("POST", "/v1/subscriptions/it/resync", None).await;
    let list = address(&house, "{list}");
    let made = house.control("changes", json!({"count": 6, "seed": 3, "resource": list})).await;
    fetched(&house).await;
    let events = house.events().await;
    let still_there =
        events.iter().rfind(|event| !event["type"].as_str().unwrap().ends_with("deleted")).unwrap();
    let id = still_there["subject"].as_str().unwrap();
    // The last of a page counts, so that the odd one stands for the real one only where that is gone.
    let (status, answer) = house.graph("DELETE", &item_path(&house, id).await, &Value::Null).await;
    assert!(status < 300, "{status} {answer} {made} {before}");
    let unreadable = format!(r#"{{"id": "{id}", "fields": {{"Title": "\ud800"}}}}"#);
    house.control("odd", json!({"kind": "elements", "elements": [unreadable]})).await;
    let (status, answer) = house.call("POST", "/v1/subscriptions/it/resync", None).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(house.events().await.len(), events.len(), "it is told although the page had it");
    let (status, answer) = house.call("POST", "/v1/subscriptions/it/resync", None).await;
    assert_eq!(status, 200, "{answer}");
    let newest = house.events().await.pop().unwrap();
    assert_eq!((&newest["type"], &newest["subject"]), (&json!("o365.listItem.deleted"), &json!(id)));
}

/// Where an item of the list is, below the version.
async fn item_path(house: &House, id: &str) -> String {
    let requests = house.requests().await;
    let delta =
        requests.iter().find_map(|one| one["url"].as_str().filter(|url| url.contains("/items/delta")));
    let list = delta.unwrap().trim_start_matches("/v1.0").split("/items/delta").next().unwrap().to_owned();
    format!("{list}/items/{id}")
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_pages_that_lead_on_are_no_end() {
    for resource in ["{list}", "{drive}", "{mail}"] {
        let house = followed(resource, "baseline").await;
        house.change(&address(&house, resource)).await;
        house.control("odd", json!({"kind": "empty", "count": 5})).await;
        fetched(&house).await;
        assert_eq!(house.events().await.len(), 1, "{resource}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_come_back_to_themselves_are_left_and_everything_is_read_anew() {
    for resource in ["{list}", "{drive}", "{mail}"] {
        let house = followed(resource, "baseline").await;
        let address = address(&house, resource);
        let made = house.control("changes", json!({"count": 3, "seed": 4, "resource": address})).await;
        house.control("odd", json!({"kind": "around", "count": 3})).await;
        house.forget_requests().await;
        let (status, answer) = fetch(&house).await;
        assert_eq!(status, 200, "{resource}: {answer}");
        let changed = made["changes"].as_array().unwrap();
        let changed: HashSet<String> =
            changed.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
        let told = subjects(&house.events().await);
        assert!(!told.is_empty() && told.is_subset(&changed), "{resource}: {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_come_back_for_good_are_asked_at_growing_pauses() {
    for (resource, kind) in [("{list}", "around"), ("{drive}", "itself"), ("{mail}", "around")] {
        let house = followed(resource, "baseline").await;
        house.change(&address(&house, resource)).await;
        house.control("odd", json!({"kind": kind, "count": 1_000_000})).await;
        let (status, problem) = fetch(&house).await;
        assert_eq!(status, 502, "{resource}: {problem}");
        let error = house.subscription("it").await["error"].clone();
        assert_eq!(error["code"], "repeatedLink", "{error}");
        house.forget_requests().await;
        for _ in 0..6 {
            house.advance(Duration::from_secs(600));
            house.quiet().await;
        }
        let asked = house.requests().await.len();
        assert!((1..=100).contains(&asked), "{resource}: asked {asked} times in an hour");
        house.forget("odd").await;
        fetched(&house).await;
        assert_eq!(house.events().await.len(), 1, "{resource}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delta_link_that_says_latest_is_not_kept() {
    let house = followed("{list}", "baseline").await;
    let list = address(&house, "{list}");
    house.change(&list).await;
    house.control("odd", json!({"kind": "latest"})).await;
    let (status, problem) = fetch(&house).await;
    assert_eq!(status, 502, "{problem}");
    assert_eq!(house.subscription("it").await["error"]["code"], "latestLink");
    fetched(&house).await;
    assert_eq!(house.events().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_now_has_no_link_of_its_own_everything_is_read_silently() {
    let house = House::start("").await;
    house.advance(Duration::from_secs(3600));
    house.control("odd", json!({"kind": "latest"})).await;
    let list = address(&house, "{list}");
    let body = json!({"name": "it", "tenant": "contoso", "resource": list});
    let (status, made) = house.call("POST", "/v1/subscriptions", Some(body)).await;
    assert_eq!(status, 201, "{made}");
    house.active("it").await;
    assert!(house.events().await.is_empty());
    house.change(&list).await;
    fetched(&house).await;
    assert_eq!(house.events().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_proxy_says_and_what_broke_off_is_asked_for_again() {
    let house = followed("{drive}", "baseline").await;
    house.change(&address(&house, "{drive}")).await;
    for (path, body, words) in [
        ("odd", json!({"kind": "html"}), "a proxy"),
        ("faults", json!({"break": "truncated", "path_prefix": "/v1.0/drives"}), "broke off"),
    ] {
        house.control(path, body).await;
        let (status, problem) = fetch(&house).await;
        assert_eq!(status, 502, "{problem}");
        let error = house.subscription("it").await["error"].clone();
        assert_eq!((&error["code"], &error["transient"]), (&json!("unreadable"), &json!(true)));
        assert!(error["message"].as_str().unwrap().contains(words), "{error}");
    }
    fetched(&house).await;
    assert_eq!(house.events().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn items_that_say_little_or_come_twice_are_told_for_what_they_are() {
    let house = followed("{drive}", "baseline").await;
    let elements = [
        r#"{"id": "a", "name": "old", "file": {}}"#,
        r#"{"id": "a"}"#,
        r#"{"id": "b", "package": {"type": "oneNote"}, "name": "Notes"}"#,
        r#"{"id": "c", "remoteItem": {"id": "elsewhere", "parentReference": {"driveId": "X"}}}"#,
        r#"{"id": "r", "root": {}, "name": "root", "folder": {}}"#,
        r#"{"id": "d", "deleted": {}}"#,
        r#"{"id": "d", "deleted": {}}"#,
    ];
    house.control("odd", json!({"kind": "elements", "elements": elements})).await;
    fetched(&house).await;
    let told: Vec<_> = house
        .events()
        .await
        .iter()
        .map(|event| {
            let change = event["type"].as_str().unwrap().rsplit('.').next().unwrap().to_owned();
            (event["subject"].as_str().unwrap().to_owned(), change, event["data"]["resource"].clone())
        })
        .collect();
    let expected = [
        ("a", "created", json!({"id": "a"})),
        ("b", "created", json!({"id": "b", "package": {"type": "oneNote"}, "name": "Notes"})),
        (
            "c",
            "created",
            json!({"id": "c", "remoteItem": {"id": "elsewhere", "parentReference": {"driveId": "X"}}}),
        ),
        ("d", "deleted", json!({"id": "d"})),
    ];
    let expected = expected.map(|(id, change, item)| (id.to_owned(), change.to_owned(), item));
    assert_eq!(told, expected);
    // The ids of drives come in changing letter case.
    let moved = |drive: &str| {
        format!(r#"{{"id": "e", "name": "e", "parentReference": {{"driveId": "{drive}", "id": "p"}}}}"#)
    };
    for drive in ["ABCDEF0123456789", "abcdef0123456789"] {
        house.control("odd", json!({"kind": "elements", "elements": [moved(drive)]})).await;
        fetched(&house).await;
    }
    assert_eq!(house.events().await.len(), 5, "a letter's case is told as a change");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_of_saying_that_a_cursor_is_dead_leads_to_a_resync() {
    let house = followed("{drive}", "baseline").await;
    let drive = address(&house, "{drive}");
    let flavour = "Resync required. Replace any local items (resyncChangesApplyDifferences).";
    for fault in [
        json!({"status": 410}),
        json!({"status": 410, "code": "resyncRequired", "message": flavour}),
        json!({"status": 410, "code": "resyncRequired", "inner_code": "resyncUploadDifferences"}),
        json!({"status": 410, "code": "ResyncChangesUploadDifferences"}),
        json!({"status": 400, "code": "invalidRequest", "inner_code": "resyncApplyDifferences"}),
        json!({"status": 410, "code": "SyncStateNotFound"}),
        json!({"status": 404, "code": "syncStateNotFound"}),
        json!({"status": 400, "code": "syncStateNotFound"}),
        json!({"status": 410, "location": "https://elsewhere.example/v1.0/drives/x/root/delta?token=y"}),
    ] {
        let before = house.events().await.len();
        house.change(&drive).await;
        let mut struck = fault.clone();
        struck["path_prefix"] = json!("/v1.0/drives");
        house.control("faults", struck).await;
        house.forget_requests().await;
        fetched(&house).await;
        assert!(house.events().await.len() > before, "{fault}");
        let requests = house.requests().await;
        let first = requests.iter().find(|one| one["status"] == 200).unwrap()["url"].as_str().unwrap();
        assert!(!first.contains("token"), "{fault}: not from the beginning: {first}");
        assert_eq!(house.subscription("it").await["state"], "active");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_in_the_own_house_is_where_a_resync_begins() {
    let house = followed("{drive}", "baseline").await;
    house.change(&address(&house, "{drive}")).await;
    let requests = house.requests().await;
    let delta = requests.iter().find_map(|one| one["url"].as_str().filter(|url| url.contains("/root/delta")));
    let begin = format!("{}?$top=3", delta.unwrap().split(['?', '(']).next().unwrap());
    house.control("faults", json!({"status": 410, "location": begin, "path_prefix": "/v1.0/drives"})).await;
    house.forget_requests().await;
    fetched(&house).await;
    assert_eq!(house.events().await.len(), 1);
    let requests = house.requests().await;
    assert_eq!(requests.iter().find(|one| one["status"] == 200).unwrap()["url"], json!(begin));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_mailbox_goes_on_over_what_is_odd_in_one_of_its_folders() {
    let house = House::start("").await;
    let inbox = house.tenant.tenant().resources.mail.clone();
    let mailbox = inbox.rsplit_once('/').unwrap().0;
    let wish = json!({"name": "it", "tenant": "contoso", "resource": mailbox, "start": "baseline"});
    assert_eq!(house.call("POST", "/v1/subscriptions", Some(wish)).await.0, 201);
    house.active("it").await;
    house.quiet().await;
    house.control("notifications", json!({"lose": 1.0})).await;
    fetched(&house).await;
    let requests = house.requests().await;
    let mut urls = requests.iter().filter_map(|one| one["url"].as_str());
    let url = urls.find(|url| url.contains("/mailFolders('") && url.contains("/messages/delta")).unwrap();
    let below = format!("{}/mailFolders('", url.split("/mailFolders").next().unwrap());
    // Of the folders themselves nothing is odd: theirs is another address.
    for odd in [
        json!({"kind": "elements", "elements": odd_elements().0, "path_prefix": &below}),
        json!({"kind": "around", "count": 3, "path_prefix": &below}),
    ] {
        let before = house.events().await.len();
        house.change(&inbox).await;
        house.control("odd", odd.clone()).await;
        fetched(&house).await;
        house.eventually("the change is told", async || house.events().await.len() > before).await;
        house.quiet().await;
        assert_eq!(house.events().await.len(), before + 1, "{odd}");
    }
    assert_eq!(house.subscription("it").await["quarantined"], 5);
}
