//! What becomes of a connection when the configuration around it changes, and how its first card is posted.

use serde_json::{Value, json};

use super::browser::Browser;
use super::{ENTRIES, KEY, MINUTE, cards, connect, connected, create, house, invite};
use crate::house::House;

const NEW_KEY: &str = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";

/// A house with a connected group that has had its first card; the name of its sink.
async fn connected_house() -> (House, String) {
    let house = house().await;
    let link = invite(&house, "*").await;
    let (_, last) = connect(&house, &mut Browser::new(), &link, "allow").await;
    assert_eq!(last.heading(), "Connected");
    house.eventually("the first card is there", async || cards(&house).await.len() == 1).await;
    let name = connected(&house).await[0]["name"].as_str().unwrap().to_owned();
    (house, name)
}

async fn sink(house: &House, name: &str) -> Value {
    house.get(&format!("/v1/sinks/{name}")).await
}

/// Waits until a sink is at work, and a change becomes a card.
async fn tells(house: &House, cards_before: usize) {
    create(house).await;
    house.eventually("a card tells of it", async || cards(house).await.len() > cards_before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_whose_host_is_allowed_no_longer_is_told_nothing_and_shown_with_the_reason() {
    let (mut house, name) = connected_house().await;
    house.close().await;
    let elsewhere = ENTRIES.replace("[\"127.0.0.1\"]", "[\"*.office.com\"]");
    house.configure(&elsewhere, house.tenant.url());
    house.open().await;
    house.eventually("it is set aside", async || sink(&house, &name).await["state"] == "unusable").await;
    let reason = sink(&house, &name).await["unusable_reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("127.0.0.1, is not in [connector] allowed_hosts"), "{reason}");
    let sinks = house.get("/v1/status").await["sinks"].clone();
    assert_eq!(sinks[0]["state"], "unusable", "{sinks}");
    create(&house).await;
    house.eventually("the log has it", async || !house.events().await.is_empty()).await;
    house.quiet().await;
    let (status, problem) = house.call("POST", &format!("/v1/sinks/{name}/test"), None).await;
    assert_eq!((status, cards(&house).await.len()), (409, 1), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("allowed_hosts"), "{problem}");

    house.close().await;
    house.configure(ENTRIES, house.tenant.url());
    house.open().await;
    house.eventually("what came meanwhile is told", async || cards(&house).await.len() == 2).await;
    assert_eq!(sink(&house, &name).await["state"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_section_groups_rest_and_it_is_said_why() {
    let (mut house, name) = connected_house().await;
    house.close().await;
    house.configure(ENTRIES.split("[connector]").next().unwrap(), house.tenant.url());
    house.open().await;
    let sink = sink(&house, &name).await;
    assert_eq!(sink["state"], "unusable");
    assert_eq!(sink["unusable_reason"], "the configuration has no section [connector]");
    let (status, _) = house.call("DELETE", &format!("/v1/sinks/{name}"), None).await;
    assert_eq!(status, 204, "it can be removed all the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_former_key_may_go_once_the_listener_was_started_with_both() {
    let (mut house, name) = connected_house().await;
    house.close().await;
    house.unset(KEY.0);
    let keys = |keys: &str| {
        let keys = format!("[store]\nencryption_key = [{keys}]\n");
        move |text: String| text.replacen("[store]\n", &keys, 1)
    };
    house.rewrite(keys(&format!("\"{NEW_KEY}\", \"{}\"", KEY.1)));
    house.open().await;
    house.close().await;
    house.configure(ENTRIES, house.tenant.url());
    house.rewrite(keys(&format!("\"{NEW_KEY}\"")));
    house.open().await;
    house.eventually("it is at work", async || sink(&house, &name).await["type"] == "connector").await;
    tells(&house, 1).await;

    house.close().await;
    house.configure(ENTRIES, house.tenant.url());
    house.rewrite(keys(&format!("\"{}\"", KEY.1)));
    house.open().await;
    house.eventually("it is set aside", async || sink(&house, &name).await["state"] == "unusable").await;
    let reason = sink(&house, &name).await["unusable_reason"].clone();
    assert!(reason.as_str().unwrap().contains("encryption_key"), "{reason}");
}

/// All that was posted, taken or not.
async fn posted(house: &House) -> usize {
    let url = format!("{}/_control/cards", house.tenant.url());
    house.fetch(&url).await["cards"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_card_keeps_to_the_pace_of_its_address_like_every_other() {
    let house = house().await;
    house.control("faults", json!({ "path_prefix": "/webhookb2", "status": 400, "count": 51 })).await;
    let link = invite(&house, "*").await;
    connect(&house, &mut Browser::new(), &link, "allow").await;
    let name = connected(&house).await[0]["name"].as_str().unwrap().to_owned();
    house.eventually("it is at work", async || sink(&house, &name).await["type"] == "connector").await;
    let posts = async || house.count_requests("POST", "/webhookb2").await;
    house.eventually("the first card is tried", async || posts().await == 1).await;
    // With the half that is kept back after a start, that is all an hour has.
    for _ in 0..50 {
        let (status, tried) = house.call("POST", &format!("/v1/sinks/{name}/test"), None).await;
        assert_eq!((status, &tried["delivered"]), (200, &json!(false)), "{tried}");
    }
    house.advance(5 * MINUTE);
    house.quiet().await;
    assert_eq!((posts().await, posted(&house).await), (51, 0), "tried again before its time");
    house.advance(54 * MINUTE);
    house.eventually("the first card is there", async || cards(&house).await.len() == 1).await;
    assert_eq!(posts().await, 52);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_gone_gets_no_second_first_card() {
    let house = house().await;
    house.control("faults", json!({ "path_prefix": "/webhookb2", "status": 404, "count": 9 })).await;
    let link = invite(&house, "*").await;
    connect(&house, &mut Browser::new(), &link, "allow").await;
    let posts = async || house.count_requests("POST", "/webhookb2").await;
    house.eventually("the first card is tried", async || posts().await == 1).await;
    for _ in 0..12 {
        house.advance(5 * MINUTE);
        house.quiet().await;
    }
    assert_eq!(posts().await, 1);
}
