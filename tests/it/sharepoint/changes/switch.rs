//! A subscription that is followed over another way from some day on.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Colleague, brief, configure, fetch, following, house, told};
use crate::house::House;

const LIBRARY: &str = "list:https://contoso.sharepoint.com/sites/hr/Shared Documents";

/// Makes changes in what is followed, and answers with what is there then.
async fn change(house: &House, address: &str, seed: u64) -> BTreeMap<String, Value> {
    house.control("changes", json!({"count": 12, "seed": seed, "resource": address})).await;
    let state = house.fetch(&format!("{}/_control/state", house.tenant.url())).await;
    let there = state["resources"][address].as_array().unwrap().iter();
    there.map(|item| (item["id"].as_str().unwrap().to_owned(), essence(item))).collect()
}

/// What a reader of the log believes.
fn replayed(events: &[Value]) -> BTreeMap<String, Value> {
    let mut believed = BTreeMap::new();
    for event in events {
        let subject = event["subject"].as_str().unwrap().to_owned();
        let (kind, now) = (event["type"].as_str().unwrap(), essence(&event["data"]["resource"]));
        if kind.ends_with("deleted") {
            // Of one that came and went between two looks only the removal is told.
            let only_id = event["data"]["resource"] == json!({"id": subject});
            assert_eq!(believed.remove(&subject).is_none(), only_id, "{event:#}");
        } else {
            let before = believed.insert(subject, now.clone());
            assert_eq!(before.is_none(), kind.ends_with("created"), "{event:#}");
            assert_ne!(before, Some(now), "an update that changes nothing: {event:#}");
        }
    }
    believed
}

fn essence(item: &Value) -> Value {
    let fields = &item["fields"];
    json!([
        fields["Title"],
        fields["Stage"],
        fields["Score"],
        fields["FileLeafRef"],
        item["parentReference"]["id"],
        item["eTag"]
    ])
}

async fn switch(house: &mut House, via: &str, resource: &str) {
    house.close().await;
    configure(house, &following("it", via, resource, "beginning"));
    house.open().await;
    let (status, applied) = house.call("POST", "/v1/apply", None).await;
    assert_eq!(status, 200, "{applied:#}");
    house
        .eventually(&format!("it is followed over {via}"), async || {
            let shown = house.subscription("it").await;
            shown["via"] == via
                && shown["state"] == "active"
                && shown["error"].is_null()
                && shown["pending"] == false
        })
        .await;
    fetch(house, "it").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_way_loses_and_repeats_nothing() {
    for resource in ["{list}", LIBRARY] {
        let mut house = house(&following("it", "graph", resource, "beginning")).await;
        house.active("it").await;
        let address = match resource {
            "{list}" => house.tenant.tenant().resources.list.clone(),
            other => other.to_owned(),
        };
        change(&house, &address, 1).await;
        fetch(&house, "it").await;
        house.control("notifications", json!({"lose": 1.0})).await;
        for (turn, via) in ["sharepoint", "graph", "sharepoint"].into_iter().enumerate() {
            let seed = 10 * u64::try_from(turn).unwrap();
            let before = told(&house, "it").await.len();
            switch(&mut house, via, resource).await;
            house.advance(Duration::from_secs(121));
            fetch(&house, "it").await;
            assert_eq!(told(&house, "it").await.len(), before, "{resource} {via}: something is told anew");
            let there = change(&house, &address, seed + 2).await;
            fetch(&house, "it").await;
            assert_eq!(replayed(&told(&house, "it").await), there, "{resource} {via}");
            // What happens in between is told by whoever follows next.
            let there = change(&house, &address, seed + 3).await;
            let next = if via == "graph" { "sharepoint" } else { "graph" };
            switch(&mut house, next, resource).await;
            assert_eq!(replayed(&told(&house, "it").await), there, "{resource} {via} to {next}");
        }
    }
}

/// A list that is followed this way from now on, with five entries of which nothing is known.
async fn from_now_on(via: &str) -> House {
    let house = house(&following("it", via, "{list}", "now")).await;
    house.active("it").await;
    house.control("notifications", json!({"lose": 1.0})).await;
    house
}

/// Goes over while the app runs.
async fn go_over(house: &House, via: &str) {
    configure(house, &following("it", via, "{list}", "now"));
    let (status, applied) = house.call("POST", "/v1/apply", None).await;
    assert_eq!((status, &applied["changes"][0]["result"]), (200, &json!("done")), "{applied:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_of_what_was_never_told_is_told_whenever_the_way_is_changed() {
    for (from, to, asked) in [("graph", "sharepoint", "/getchanges"), ("sharepoint", "graph", "/items/delta")]
    {
        let house = from_now_on(from).await;
        let colleague = Colleague::of(&house).await;
        let remove = async |item: u32| {
            colleague
                .send("DELETE", &format!("web/lists/getbytitle('Candidates')/items({item})"), None)
                .await;
        };
        remove(1).await;
        go_over(&house, to).await;
        remove(2).await;
        fetch(&house, "it").await;
        assert_eq!(brief(&told(&house, "it").await), ["deleted 1", "deleted 2"], "{from} to {to}");
        remove(3).await;
        house.forget_requests().await;
        house.advance(Duration::from_secs(121));
        house
            .eventually(&format!("it is read over {to}"), async || {
                let requests = house.requests().await;
                requests.iter().any(|one| one["url"].as_str().unwrap().contains(asked))
            })
            .await;
        remove(4).await;
        fetch(&house, "it").await;
        let all = ["deleted 1", "deleted 2", "deleted 3", "deleted 4"];
        assert_eq!(brief(&told(&house, "it").await), all, "{from} to {to}");
        // Nobody reads everything for it.
        let requests = house.requests().await;
        let reads_all = |one: &&Value| one["url"].as_str().unwrap().contains("/items?");
        assert_eq!(requests.iter().find(reads_all), None, "{from} to {to}");
    }
}

/// Lets so many requests for what changed be answered with this status, over Graph.
async fn strike(house: &House, status: u16, count: u32) {
    let requests = house.requests().await;
    let mut urls = requests.iter().filter_map(|one| one["url"].as_str());
    let delta = urls.find(|url| url.contains("/items/delta")).unwrap().split('?').next().unwrap().to_owned();
    house.control("faults", json!({"status": status, "count": count, "path_prefix": delta})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_that_is_not_found_for_a_moment_is_gone_on_all_the_same() {
    let house = from_now_on("graph").await;
    fetch(&house, "it").await;
    strike(&house, 404, 1).await;
    let colleague = Colleague::of(&house).await;
    // Nobody but the former way can tell it: nothing is known of it.
    colleague.send("DELETE", "web/lists/getbytitle('Candidates')/items(1)", None).await;
    go_over(&house, "sharepoint").await;
    house.eventually("it has failed", async || !house.subscription("it").await["error"].is_null()).await;
    house.advance(Duration::from_secs(61));
    house.eventually("it is told", async || brief(&told(&house, "it").await) == ["deleted 1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_that_cannot_be_gone_any_more_is_left_before_its_time() {
    let house = from_now_on("graph").await;
    fetch(&house, "it").await;
    strike(&house, 403, 1000).await;
    let colleague = Colleague::of(&house).await;
    let entry = Some(json!({"Title": "Ada"}));
    colleague.send("POST", "web/lists/getbytitle('Candidates')/items", entry).await;
    go_over(&house, "sharepoint").await;
    house.eventually("it is told", async || brief(&told(&house, "it").await) == ["created 6"]).await;
    let shown = house.subscription("it").await;
    assert_eq!((&shown["state"], &shown["error"]), (&json!("active"), &Value::Null));
}

/// What is stored of the remote subscription.
type Held = (String, i64, i64);

/// What is held of the only subscription; `instead` puts something else in its place, with its renewal due. The app must be closed.
fn held(house: &House, instead: Option<&Held>) -> Held {
    let store = rusqlite::Connection::open(house.store()).unwrap();
    let all = "SELECT remote_id, remote_expires_at, remote_renew_at FROM subscription";
    let held = store.query_row(all, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    if let Some((id, expires_at, renew_at)) = instead {
        let put = "UPDATE subscription SET remote_id = ?1, remote_expires_at = ?2, remote_renew_at = ?3, renewal_due_at = ?4";
        let due = house.now().timestamp_micros();
        assert_eq!(store.execute(put, rusqlite::params![id, expires_at, renew_at, due]).unwrap(), 1);
    }
    held
}

/// After the other way was stored, and before what was made for it is, a crash leaves the id of what has been deleted.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_in_the_middle_of_going_over_leaves_one_that_is_held_and_loses_nothing() {
    for (from, to) in [("graph", "sharepoint"), ("sharepoint", "graph")] {
        let mut house = from_now_on(from).await;
        house.close().await;
        let former = held(&house, None);
        house.open().await;
        go_over(&house, to).await;
        house.crash().await;
        let made = held(&house, Some(&former));
        assert_ne!(made.0, former.0, "{from} to {to}");
        let remove = async |house: &House, item: u32| {
            let item = format!("web/lists/getbytitle('Candidates')/items({item})");
            Colleague::of(house).await.send("DELETE", &item, None).await;
        };
        remove(&house, 1).await;
        house.open().await;
        remove(&house, 2).await;
        house
            .eventually(&format!("one is held over {to}"), async || {
                let state = house.fetch(&format!("{}/_control/state", house.tenant.url())).await;
                let all = ["subscriptions", "webhooks"].map(|held| state[held].as_array().unwrap().clone());
                let shown = house.subscription("it").await;
                let id = &shown["remote_id"];
                (shown["state"] == "active" && shown["error"].is_null())
                    && matches!(all.concat().as_slice(), [one] if one["id"] == *id)
            })
            .await;
        fetch(&house, "it").await;
        house.advance(Duration::from_secs(121));
        remove(&house, 3).await;
        fetch(&house, "it").await;
        fetch(&house, "it").await;
        let mut told = brief(&told(&house, "it").await);
        told.sort();
        assert_eq!(told, ["deleted 1", "deleted 2", "deleted 3"], "{from} to {to}");
    }
}
