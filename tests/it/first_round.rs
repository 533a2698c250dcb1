//! A first round over many pages: killed again and again, and seen to get on.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::house::House;
use crate::listener::{Listener, eventually};

/// A library of the tenant that nobody follows, with some thousand files in it.
async fn large(listener: &Listener) -> (String, usize) {
    let followed = listener.resources().map(|(_, address)| address);
    let state = listener.state().await;
    let resources = state["resources"].as_object().unwrap();
    let is_other = |address: &&String| address.starts_with("onedrive:") && !followed.contains(address);
    let drive = resources.keys().find(is_other).unwrap().clone();
    for seed in 0..4 {
        listener.control("changes", json!({"count": 2000, "seed": seed, "resource": drive})).await;
    }
    let items = listener.state().await["resources"][&drive].as_array().unwrap().clone();
    let items = items.iter().filter(|item| item.get("root").is_none()).count();
    (drive, items)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_round_that_is_killed_again_and_again_tells_everything_once() {
    let mut listener = Listener::start(41).await;
    listener.followed().await;
    let (drive, items) = large(&listener).await;
    assert!(items > 500, "{items} are not many");
    let url = format!("{}/v1/subscriptions", listener.admin_url());
    let wish = json!({"name": "large", "tenant": "contoso", "resource": drive, "start": "beginning"});
    assert_eq!(listener.http.post(url).json(&wish).send().await.unwrap().status(), 201);

    let (mut killed, mut reached) = (0, 0);
    while killed < 4 {
        let mut shown = Value::Null;
        eventually("it gets on", async || {
            shown = listener.get("/v1/subscriptions/large").await;
            shown["first_round"]["pages"].as_u64() > Some(reached) || !shown["last_fetch_at"].is_null()
        })
        .await;
        if !shown["last_fetch_at"].is_null() {
            break;
        }
        let round = &shown["first_round"];
        reached = round["pages"].as_u64().unwrap();
        assert!(round["items"].as_u64().unwrap() >= reached && round["items_per_second"].is_u64(), "{round}");
        listener.end("-KILL");
        killed += 1;
        listener.run().await;
    }
    assert!(killed > 0, "it was over before it could be killed");
    eventually("it ends", async || {
        let shown = listener.get("/v1/subscriptions/large").await;
        !shown["last_fetch_at"].is_null() && shown.get("first_round").is_none()
    })
    .await;
    let events = listener.events().await;
    let mine: Vec<&Value> = events.iter().filter(|event| event["subscription"] == "large").collect();
    let subjects: HashSet<&str> = mine.iter().map(|event| event["subject"].as_str().unwrap()).collect();
    assert!(mine.iter().all(|event| event["type"] == "o365.driveItem.created"));
    assert_eq!((mine.len(), subjects.len()), (items, items));
    assert!(listener.log().contains("Everything that is there has been read"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_read_stands_in_the_status() {
    let house = House::start("").await;
    // Pages without end.
    house.control("odd", json!({"kind": "empty", "count": 1_000_000})).await;
    let drive = house.tenant.tenant().resources.drive.clone();
    let wish = json!({"name": "files", "tenant": "contoso", "resource": drive, "start": "beginning"});
    assert_eq!(house.call("POST", "/v1/subscriptions", Some(wish)).await.0, 201);
    let reading = async || house.get("/v1/status").await["subscriptions"]["reading"].clone();
    house
        .eventually("it is being read", async || {
            reading().await.pointer("/0/pages").and_then(Value::as_u64) >= Some(2)
        })
        .await;
    let shown = reading().await[0].clone();
    assert_eq!((&shown["name"], &shown["reason"]), (&json!("files"), &json!("first_round")));
    assert_eq!((&shown["items"], &shown["items_per_second"]), (&json!(0), &json!(0)));
    house.forget("odd").await;
    house.active("files").await;
    assert_eq!(reading().await, json!([]));
}

/// Outlook keeps three generations of links, and each request makes one: who reads ahead of what is stored loses its place.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_round_of_mail_goes_on_where_it_was_stopped() {
    let mut house = House::start("").await;
    house.control("pages", json!({"page_size": 1})).await;
    let mail = house.tenant.tenant().resources.mail.clone();
    house.control("changes", json!({"count": 600, "resource": mail})).await;
    let wish = json!({"name": "inbox", "tenant": "contoso", "resource": mail, "start": "beginning"});
    assert_eq!(house.call("POST", "/v1/subscriptions", Some(wish)).await.0, 201);
    let round = async |house: &House| house.subscription("inbox").await["first_round"].clone();
    let mut stopped = 0;
    for _ in 0..3 {
        let reached = round(&house).await["pages"].as_u64();
        house
            .eventually("it gets on", async || {
                let round = round(&house).await;
                round.is_null() || round["pages"].as_u64() > reached
            })
            .await;
        house.close().await;
        house.open().await;
        stopped += usize::from(!round(&house).await.is_null());
    }
    assert!(stopped > 0, "it was over before it could be stopped");
    house.eventually("it ends", async || round(&house).await.is_null()).await;
    let requests = house.requests().await;
    let pages =
        requests.iter().filter_map(|one| one["url"].as_str()).filter(|url| url.contains("/messages/delta"));
    let begun = pages.clone().filter(|url| !url.contains("token=")).count();
    assert!(pages.count() > 100 && begun == 1, "it is begun anew: {begun}");
}
