//! Receivers that fail, each in its way, and get well again.

use std::time::Duration;

use o365_listener::config;
use serde_json::json;

use super::endpoint::{Endpoint, Manner, ids};
use super::{edit, edits, house, sink, taken, webhook};
use crate::house::House;

async fn deliveries(house: &House) -> Vec<serde_json::Value> {
    house.get("/v1/sinks/orders/deliveries").await["deliveries"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_later_events_of_an_item_wait_while_one_is_tried_again_and_others_go() {
    let endpoint = Endpoint::start().await;
    let house = house(&webhook("orders", &endpoint, "")).await;
    let first = edit(&house, None).await;
    let item = first["subject"].as_str().unwrap().to_owned();
    taken(&house, &endpoint, 1).await;
    let bad = item.clone();
    endpoint.decide(move |request| {
        let is_bad = request.events().iter().any(|event| event["subject"] == bad.as_str());
        if is_bad { Manner::Answer(500, "") } else { Manner::Take }
    });
    let (second, third) = (edit(&house, Some(&item)).await, edit(&house, Some(&item)).await);
    let other = edit(&house, None).await;
    assert_eq!(taken(&house, &endpoint, 2).await, ids(&[first.clone(), other.clone()]));
    house.eventually("both are stored", async || sink(&house, "orders").await["pending"] == 2).await;
    let stored = deliveries(&house).await;
    assert_eq!(ids(&stored), ids(&[third.clone(), second.clone()]));
    assert_eq!((&stored[0]["next_attempt_at"], &stored[0]["attempts"]), (&json!(null), &json!([])));
    let attempt = &stored[1]["attempts"][0];
    assert_eq!((&attempt["outcome"], &attempt["status"]), (&json!("refused"), &json!(500)));
    assert_eq!(attempt["answer"], "so it is");
    endpoint.treat(Manner::Take);
    house.advance(Duration::from_secs(6));
    assert_eq!(taken(&house, &endpoint, 4).await, ids(&[first, other, second, third]));
    house.eventually("nothing is pending", async || sink(&house, "orders").await["pending"] == 0).await;
    assert!(deliveries(&house).await.iter().all(|one| one["state"] == "delivered"));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_eight_attempts_an_event_is_a_dead_letter_that_frees_its_item_and_can_be_sent_late() {
    let endpoint = Endpoint::start().await;
    let house = house(&webhook("orders", &endpoint, "")).await;
    let first = edit(&house, None).await;
    taken(&house, &endpoint, 1).await;
    endpoint.treat(Manner::Answer(400, ""));
    let item = first["subject"].as_str().unwrap().to_owned();
    let second = edit(&house, Some(&item)).await;
    for (attempt, wait) in [0, 6, 331, 1981, 7921, 19801, 39601, 39601].into_iter().enumerate() {
        // The host is left alone for a minute at most beside.
        house.advance(Duration::from_secs(wait + 61));
        house.eventually("it is tried again", async || endpoint.requests().len() > attempt + 1).await;
    }
    house.eventually("it is given up", async || sink(&house, "orders").await["dead_letters"] == 1).await;
    assert_eq!(endpoint.requests().len(), 9);
    endpoint.treat(Manner::Take);
    let third = edit(&house, Some(&item)).await;
    house.advance(Duration::from_secs(61));
    assert_eq!(taken(&house, &endpoint, 2).await, ids(&[first.clone(), third.clone()]));
    let dead = house.get("/v1/sinks/orders/dead-letters").await["dead_letters"][0].clone();
    assert_eq!((&dead["event"], dead["attempts"].as_array().unwrap().len()), (&second, 8));
    let (_, told) = house.call("POST", "/v1/sinks/orders/retry", None).await;
    assert_eq!(told, json!({"retried": 1}));
    assert_eq!(taken(&house, &endpoint, 3).await, ids(&[first, third, second]));
    house.eventually("none is left", async || sink(&house, "orders").await["dead_letters"] == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_outlives_its_event_in_the_log() {
    let endpoint = Endpoint::start().await;
    endpoint.treat(Manner::Answer(400, ""));
    let entries = format!("{}{}", super::FOLLOWED, webhook("orders", &endpoint, ""));
    let house = House::start_with(&entries, &[("O365_LISTENER__STORE__RETENTION", "1h")]).await;
    house.active("candidates").await;
    house.active("files").await;
    let event = edit(&house, None).await;
    house.eventually("it is stored", async || sink(&house, "orders").await["pending"] == 1).await;
    house.advance(Duration::from_secs(7200));
    house.eventually("the log has it no more", async || house.events().await.is_empty()).await;
    endpoint.treat(Manner::Take);
    house.call("POST", "/v1/sinks/orders/retry", None).await;
    assert_eq!(taken(&house, &endpoint, 1).await, ids(std::slice::from_ref(&event)));
    assert_eq!(endpoint.taken(), [event]);
    assert_eq!(sink(&house, "orders").await["lost"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_retention_took_before_a_sink_had_it_is_counted() {
    let endpoint = Endpoint::start().await;
    // Nothing is stored while the receiver asks for a pause: the log is the queue.
    endpoint.treat(Manner::Answer(429, "retry-after: 3600\r\n"));
    let entries = format!("{}{}", super::FOLLOWED, webhook("orders", &endpoint, ""));
    let mut house = House::start_with(&entries, &[("O365_LISTENER__STORE__RETENTION", "1h")]).await;
    house.active("candidates").await;
    house.active("files").await;
    edits(&house, 3).await;
    house.close().await;
    house.advance(Duration::from_secs(2 * 3600));
    endpoint.treat(Manner::Take);
    // Its sink is not there while the log forgets.
    house.configure(super::FOLLOWED, house.tenant.url());
    house.open().await;
    house.eventually("the log has forgotten", async || house.events().await.is_empty()).await;
    house.close().await;
    house.configure(&entries, house.tenant.url());
    house.open().await;
    house.eventually("it is seen", async || sink(&house, "orders").await["lost"] == 3).await;
    let event = edit(&house, None).await;
    assert_eq!(taken(&house, &endpoint, 1).await, ids(&[event]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_left_alone_until_somebody_switches_the_sink_on() {
    let endpoint = Endpoint::start().await;
    endpoint.treat(Manner::Answer(410, ""));
    let mut house = house(&webhook("orders", &endpoint, "")).await;
    let first = edit(&house, None).await;
    house.eventually("it is off", async || sink(&house, "orders").await["state"] == "disabled").await;
    assert!(sink(&house, "orders").await["disabled_reason"].as_str().unwrap().contains("410"));
    assert!(house.metric("o365_sink_disabled{sink=\"orders\"}").await > 0.5);
    endpoint.treat(Manner::Take);
    house.close().await;
    house.open().await;
    let second = edit(&house, None).await;
    house.advance(Duration::from_secs(3600));
    house.quiet().await;
    assert_eq!(endpoint.requests().len(), 1, "also after a restart");
    let (status, shown) = house.call("POST", "/v1/sinks/orders/enable", None).await;
    assert_eq!((status, &shown["state"]), (200, &json!("active")));
    let mut all = taken(&house, &endpoint, 2).await;
    all.sort();
    let mut expected = ids(&[first, second]);
    expected.sort();
    assert_eq!(all, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_asks_for_a_pause_has_it_and_no_attempt_is_counted() {
    let endpoint = Endpoint::start().await;
    endpoint.treat(Manner::Answer(429, "retry-after: 120\r\n"));
    let house = house(&webhook("orders", &endpoint, "")).await;
    let event = edit(&house, None).await;
    house.eventually("it was asked", async || endpoint.requests().len() == 1).await;
    house.eventually("it is told", async || sink(&house, "orders").await["state"] == "waiting").await;
    assert_eq!(sink(&house, "orders").await["failure"]["outcome"], "throttled");
    house.advance(Duration::from_secs(100));
    house.quiet().await;
    assert_eq!(endpoint.requests().len(), 1, "the pause is kept");
    endpoint.treat(Manner::Take);
    house.advance(Duration::from_secs(40));
    assert_eq!(taken(&house, &endpoint, 1).await, ids(&[event]));
    assert_eq!(sink(&house, "orders").await["pending"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_mended_the_receiver_and_retries_need_not_wait_for_the_end_of_a_pause() {
    let endpoint = Endpoint::start().await;
    endpoint.treat(Manner::Answer(400, ""));
    let house = house(&webhook("orders", &endpoint, "")).await;
    let mut events = Vec::new();
    for _ in 0..6 {
        events.push(edit(&house, None).await);
    }
    house.eventually("it is left alone", async || sink(&house, "orders").await["state"] == "waiting").await;
    let asked = endpoint.requests().len();
    house.call("POST", "/v1/sinks/orders/retry", None).await;
    house.eventually("one tries", async || endpoint.requests().len() > asked).await;
    house.eventually("in vain", async || sink(&house, "orders").await["state"] == "waiting").await;
    house.quiet().await;
    assert_eq!(endpoint.requests().len(), asked + 1, "and no other");
    endpoint.treat(Manner::Take);
    house.call("POST", "/v1/sinks/orders/retry", None).await;
    let mut all = taken(&house, &endpoint, 6).await;
    all.sort();
    let mut expected = ids(&events);
    expected.sort();
    assert_eq!(all, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_or_a_refusal_of_one_sink_does_not_hold_up_another_one_at_the_same_host() {
    let endpoint = Endpoint::start().await;
    endpoint.decide(|request| match request.headers["x-sink"].as_str() {
        "paused" => Manner::Answer(429, "retry-after: 3600\r\n"),
        "refused" => Manner::Answer(404, ""),
        _ => Manner::Take,
    });
    let with = |name| webhook(name, &endpoint, &format!("headers = {{ x-sink = \"{name}\" }}"));
    let house = house(&(with("paused") + &with("refused") + &with("well"))).await;
    let mut events = Vec::new();
    for _ in 0..12 {
        events.push(edit(&house, None).await);
    }
    assert_eq!(taken(&house, &endpoint, 12).await, ids(&events));
    for name in ["paused", "refused"] {
        house.eventually("it is left alone", async || sink(&house, name).await["state"] == "waiting").await;
    }
    assert_eq!(sink(&house, "well").await["state"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_tried_in_vain_goes_at_once_when_the_receiver_is_well_also_after_a_restart() {
    let endpoint = Endpoint::start().await;
    endpoint.treat(Manner::HangUp);
    let mut house = house(&webhook("orders", &endpoint, "")).await;
    let mut events = Vec::new();
    for _ in 0..6 {
        events.push(edit(&house, None).await);
    }
    house.eventually("it fails", async || sink(&house, "orders").await["failing_since"].is_string()).await;
    // The next attempts are minutes away then.
    for attempts in 7..13 {
        house.advance(Duration::from_secs(70));
        house.eventually("one tries", async || endpoint.requests().len() >= attempts).await;
    }
    let since = sink(&house, "orders").await["failing_since"].clone();
    assert!(house.metric("o365_sink_failing_seconds{sink=\"orders\"}").await >= 6.0 * 70.0);
    house.close().await;
    house.open().await;
    let shown = sink(&house, "orders").await;
    assert_eq!((&shown["state"], &shown["failing_since"]), (&json!("failing"), &since), "it is remembered");
    endpoint.treat(Manner::Take);
    events.push(edit(&house, None).await);
    let before = house.now();
    let mut all = taken(&house, &endpoint, 7).await;
    assert!(house.now() - before < chrono::TimeDelta::seconds(10), "{}", house.now() - before);
    all.sort();
    let mut expected = ids(&events);
    expected.sort();
    assert_eq!(all, expected);
    house.eventually("it is well", async || sink(&house, "orders").await["state"] == "active").await;
    assert_eq!(sink(&house, "orders").await["failing_since"], json!(null));
    assert!(house.metric("o365_sink_failing_seconds{sink=\"orders\"}").await < 0.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_fails_is_left_alone_and_all_goes_once_it_is_well() {
    let endpoint = Endpoint::start().await;
    endpoint.treat(Manner::HangUp);
    let house = house(&webhook("orders", &endpoint, "")).await;
    let mut events = Vec::new();
    for _ in 0..12 {
        events.push(edit(&house, None).await);
    }
    house.eventually("it is left alone", async || sink(&house, "orders").await["state"] == "waiting").await;
    // Hours later, one request a minute tries.
    for _ in 0..30 {
        house.advance(Duration::from_secs(70));
        house.quiet().await;
    }
    let (requests, shown) = (endpoint.requests().len(), sink(&house, "orders").await);
    assert!(requests < 80, "{requests} requests");
    assert_eq!(shown["failure"]["outcome"], "unreachable", "{shown}");
    endpoint.treat(Manner::Take);
    house.advance(Duration::from_secs(70));
    let mut all = taken(&house, &endpoint, 12).await;
    all.sort();
    all.dedup();
    let mut expected = ids(&events);
    expected.sort();
    assert_eq!(all, expected);
    house.eventually("nothing is left", async || sink(&house, "orders").await["pending"] == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    let (endpoint, elsewhere) = (Endpoint::start().await, Endpoint::start().await);
    let location: &'static str = format!("location: {}\r\n", elsewhere.url).leak();
    endpoint.treat(Manner::Answer(307, location));
    let house = house(&webhook("orders", &endpoint, "")).await;
    edit(&house, None).await;
    house
        .eventually("it has failed", async || sink(&house, "orders").await["failure"]["status"] == 307)
        .await;
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_inside_is_not_asked() {
    let endpoint = Endpoint::start().await;
    // A name of this machine that only a look-up shows to lead to itself.
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_lowercase();
    let found = tokio::net::lookup_host((name.as_str(), 80)).await;
    if !found.is_ok_and(|mut found| found.all(|address| config::is_internal(address.ip()))) {
        eprintln!("skipped: this machine's name '{name}' does not lead to an internal address");
        return;
    }
    let port = endpoint.url.split(':').nth(2).unwrap().trim_end_matches("/hook").to_owned();
    let inside =
        format!("[[sink]]\nname = \"inside\"\ntype = \"webhook\"\nurl = \"http://{name}:{port}/hook\"\n");
    let house = house(&inside).await;
    edit(&house, None).await;
    house
        .eventually("it has failed", async || {
            sink(&house, "inside").await["failure"]["outcome"] == "forbidden"
        })
        .await;
    assert!(endpoint.requests().is_empty());
}
