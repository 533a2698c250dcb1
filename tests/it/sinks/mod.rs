//! From a change in the tenant to whoever is told of it: real receivers, the stand-in tenant, and the app.

mod cards;
mod certificate;
mod endpoint;
mod filters;
mod killed;
mod ledger;
mod modes;
mod outages;
mod pipe;

use serde_json::{Value, json};

use crate::house::House;
use endpoint::{Endpoint, Manner, ids};

/// A subscription of the list, and one of the drive.
const FOLLOWED: &str = "[[subscription]]\nname = \"candidates\"\ntenant = \"contoso\"\nresource = \"{list}\"\n\
                        [[subscription]]\nname = \"files\"\ntenant = \"contoso\"\nresource = \"{drive}\"\n";

/// Of this name, for that receiver, with these keys beside.
fn webhook(name: &str, endpoint: &Endpoint, keys: &str) -> String {
    format!(
        "[[sink]]\nname = \"{name}\"\ntype = \"webhook\"\nurl = \"{}\"\nallow_private = true\n{keys}\n",
        endpoint.url
    )
}

/// A house that follows both, with these sinks.
async fn house(sinks: &str) -> House {
    let house = House::start(&format!("{FOLLOWED}{sinks}")).await;
    house.active("candidates").await;
    house.active("files").await;
    house
}

/// Makes an item of the list, or changes one, and waits until the log has it; the event.
async fn edit(house: &House, item: Option<&str>) -> Value {
    let before = house.events().await.len();
    let path = "/sites/contoso.sharepoint.com:/sites/hr:/lists/Candidates/items";
    let title = json!({"Title": format!("Ada {before}")});
    let (status, _) = match item {
        None => house.graph("POST", path, &json!({"fields": title})).await,
        Some(id) => house.graph("PATCH", &format!("{path}/{id}/fields"), &title).await,
    };
    assert!((200..300).contains(&status), "{status}");
    house.eventually("the log has the change", async || house.events().await.len() > before).await;
    house.events().await.pop().unwrap()
}

/// As many changes of the same item as are wished, the first of which makes it.
async fn edits(house: &House, count: usize) -> Vec<Value> {
    let mut events = vec![edit(house, None).await];
    while events.len() < count {
        let item = events[0]["subject"].as_str().unwrap().to_owned();
        events.push(edit(house, Some(&item)).await);
    }
    events
}

/// How a sink stands.
async fn sink(house: &House, name: &str) -> Value {
    house.get(&format!("/v1/sinks/{name}")).await
}

/// Waits until a receiver has taken so many events.
async fn taken(house: &House, endpoint: &Endpoint, count: usize) -> Vec<String> {
    house.eventually(&format!("{count} events are taken"), async || endpoint.ids().len() >= count).await;
    endpoint.ids()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_reaches_a_webhook_as_the_event_that_the_log_has() {
    let endpoint = Endpoint::start().await;
    let house = house(&webhook("orders", &endpoint, "")).await;
    let events = edits(&house, 3).await;
    assert_eq!(taken(&house, &endpoint, 3).await, ids(&events));
    assert_eq!(endpoint.taken(), events, "in the same form");
    house.eventually("the position has moved", async || sink(&house, "orders").await["lag"] == 0).await;
    let sink = sink(&house, "orders").await;
    assert_eq!((&sink["state"], &sink["type"]), (&json!("active"), &json!("webhook")));
    assert_eq!((&sink["delivered"], &sink["pending"]), (&json!(3), &json!(0)));
    assert!(house.metric("o365_sink_events_total{sink=\"orders\",result=\"delivered\"}").await >= 3.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_sink_begins_at_the_logs_end_unless_it_says_otherwise() {
    let [now, all, later] = [Endpoint::start().await, Endpoint::start().await, Endpoint::start().await];
    let mut house = house("").await;
    let events = edits(&house, 3).await;
    house.close().await;
    let after = events[1]["sequence"].as_str().unwrap();
    let sinks = webhook("now", &now, "")
        + &webhook("all", &all, "start = \"beginning\"")
        + &webhook("later", &later, &format!("start = \"{after}\""));
    house.configure(&format!("{FOLLOWED}{sinks}"), house.tenant.url());
    house.open().await;
    let last = edit(&house, None).await;
    let [first, second, third, fourth] =
        [&events[0], &events[1], &events[2], &last].map(|event| event["id"].as_str().unwrap().to_owned());
    assert_eq!(taken(&house, &now, 1).await, std::slice::from_ref(&fourth));
    assert_eq!(taken(&house, &later, 2).await, [third.clone(), fourth.clone()]);
    assert_eq!(taken(&house, &all, 4).await, [first, second, third, fourth]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_has_only_what_it_chose_and_its_position_passes_the_rest() {
    let endpoint = Endpoint::start().await;
    let keys = "subscriptions = [\"cand*\", \"nothing\"]\ntypes = [\"o365.listItem.updated\"]";
    let house = house(&webhook("orders", &endpoint, keys)).await;
    let events = edits(&house, 2).await;
    let drive = house.tenant.tenant().resources.drive.clone();
    house.change(&drive).await;
    house.eventually("the drive's change is there", async || house.events().await.len() >= 3).await;
    house.eventually("all was looked at", async || sink(&house, "orders").await["lag"] == 0).await;
    assert_eq!(endpoint.ids(), ids(&events[1..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_a_sink_goes_on_where_it_was() {
    let endpoint = Endpoint::start().await;
    let mut house = house(&webhook("orders", &endpoint, "")).await;
    let mut events = edits(&house, 2).await;
    taken(&house, &endpoint, 2).await;
    endpoint.treat(Manner::Stall);
    let item = events[0]["subject"].as_str().unwrap().to_owned();
    events.push(edit(&house, Some(&item)).await);
    house.eventually("a request is under way", async || endpoint.requests().len() > 2).await;
    house.crash().await;
    endpoint.treat(Manner::Take);
    house.open().await;
    events.push(edit(&house, Some(&item)).await);
    house.eventually("all are taken", async || endpoint.ids().ends_with(&ids(&events[2..]))).await;
    let mut once = endpoint.ids();
    once.dedup();
    once.retain(|id| ids(&events).contains(id));
    assert_eq!(once.last(), ids(&events).last());
    let missing: Vec<_> = ids(&events).into_iter().filter(|id| !endpoint.ids().contains(id)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_sink_delays_neither_another_one_nor_readers() {
    let (dead, well) = (Endpoint::start().await, Endpoint::start().await);
    dead.treat(Manner::Stall);
    let house = house(&(webhook("dead", &dead, "") + &webhook("well", &well, ""))).await;
    let events = edits(&house, 5).await;
    assert_eq!(taken(&house, &well, 5).await, ids(&events));
    assert!(dead.ids().is_empty() && house.events().await.len() == 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_is_sent_at_once_and_tells_what_came_of_it() {
    let endpoint = Endpoint::start().await;
    let house = house(&webhook("orders", &endpoint, "")).await;
    let (status, told) = house.call("POST", "/v1/sinks/orders/test", None).await;
    assert_eq!((status, &told["delivered"]), (200, &json!(true)), "{told}");
    assert_eq!(endpoint.ids(), [told["event"].as_str().unwrap()]);
    assert_eq!(endpoint.taken()[0]["type"], "o365.test");
    endpoint.treat(Manner::Answer(403, ""));
    let (status, told) = house.call("POST", "/v1/sinks/orders/test", Some(json!({}))).await;
    assert_eq!((status, &told["delivered"]), (200, &json!(false)));
    assert_eq!((&told["attempt"]["status"], &told["attempt"]["answer"]), (&json!(403), &json!("so it is")));
    assert_eq!(house.call("POST", "/v1/sinks/nobody/test", None).await.0, 404);
}
