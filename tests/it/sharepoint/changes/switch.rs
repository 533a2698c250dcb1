//! A subscription that is followed over another way from some day on.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{configure, fetch, following, house, told};
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
