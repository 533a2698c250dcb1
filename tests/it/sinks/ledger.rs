//! What people ask of the ledger: sending again, and taking a sink out of the configuration.

use std::time::Duration;

use serde_json::json;

use super::endpoint::{Endpoint, Manner, ids};
use super::{FOLLOWED, edit, edits, house, sink, taken, webhook};

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_sends_everything_after_a_cursor_again_with_the_same_ids() {
    let endpoint = Endpoint::start().await;
    let house = house(&webhook("orders", &endpoint, "")).await;
    let events = edits(&house, 4).await;
    taken(&house, &endpoint, 4).await;
    let (status, _) =
        house.call("POST", "/v1/sinks/orders/replay", Some(json!({"after": events[1]["sequence"]}))).await;
    assert_eq!(status, 200);
    let all = taken(&house, &endpoint, 6).await;
    assert_eq!(all[4..], ids(&events[2..]));
    assert_eq!(house.call("POST", "/v1/sinks/nobody/replay", Some(json!({"after": "1"}))).await.0, 404);
    assert_eq!(house.call("POST", "/v1/sinks/orders/replay", Some(json!({"after": "x"}))).await.0, 400);
    let misspelt = Some(json!({"evnt": "x"}));
    assert_eq!(house.call("POST", "/v1/sinks/orders/retry", misspelt).await.0, 400, "not taken for all");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_again_is_refused_with_what_to_do() {
    let endpoint = Endpoint::start().await;
    let house = house(&webhook("orders", &endpoint, "")).await;
    edits(&house, 1).await;
    taken(&house, &endpoint, 1).await;
    for (call, body, status, words) in [
        ("replay", json!({"after": "999"}), 400, "`after` is 999, and the log ends with 1:"),
        ("replay", json!({"after": "999", "subscription": "*"}), 400, "`after` is 999"),
        (
            "replay",
            json!({"since": "2026-11-23T12:00:00Z", "until": "2026-11-23T11:00:00Z"}),
            400,
            "is not later than `since`",
        ),
        ("test", json!({"since": "x"}), 400, "a time is wanted, such as 2026-"),
        ("test", json!({"since": "2026-13-40T00:00:00Z"}), 400, "a time is wanted, such as 2026-"),
        ("retry", json!({"event": "zz"}), 404, "has no dead letter of an event with the id 'zz'"),
    ] {
        let (refused, problem) =
            house.call("POST", &format!("/v1/sinks/orders/{call}"), Some(body.clone())).await;
        assert_eq!(refused, status, "{body}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
    }
    let (status, retried) = house.call("POST", "/v1/sinks/orders/retry", None).await;
    assert_eq!((status, &retried["retried"]), (200, &json!(0)), "all of none is none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_a_replay_has_sent_is_listed_no_longer() {
    let endpoint = Endpoint::start().await;
    endpoint.treat(Manner::Answer(400, ""));
    let house = house(&webhook("orders", &endpoint, "")).await;
    let event = edit(&house, None).await;
    for attempt in 0..8 {
        house.eventually("it is tried", async || endpoint.requests().len() > attempt).await;
        house.advance(Duration::from_secs(12 * 3600));
    }
    house.eventually("it is given up", async || sink(&house, "orders").await["dead_letters"] == 1).await;
    endpoint.treat(Manner::Take);
    house.call("POST", "/v1/sinks/orders/replay", Some(json!({"after": "0"}))).await;
    assert_eq!(taken(&house, &endpoint, 1).await, ids(&[event]));
    house.eventually("none is left", async || sink(&house, "orders").await["dead_letters"] == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_left_the_configuration_is_kept_for_the_retention_and_then_forgotten() {
    let endpoint = Endpoint::start().await;
    let with = format!("{FOLLOWED}{}", webhook("orders", &endpoint, ""));
    let mut house = house(&webhook("orders", &endpoint, "")).await;
    edit(&house, None).await;
    taken(&house, &endpoint, 1).await;
    house.close().await;
    house.configure(FOLLOWED, house.tenant.url());
    house.open().await;
    assert_eq!(sink(&house, "orders").await["state"], "removed");
    let meanwhile = edit(&house, None).await;
    house.quiet().await;
    assert_eq!(endpoint.requests().len(), 1, "nothing is sent");
    house.close().await;
    house.configure(&with, house.tenant.url());
    house.open().await;
    assert_eq!(taken(&house, &endpoint, 2).await[1..], ids(&[meanwhile]), "it goes on where it was");
    house.close().await;
    house.configure(FOLLOWED, house.tenant.url());
    house.open().await;
    house.advance(Duration::from_secs(31 * 24 * 3600));
    house
        .eventually("it is forgotten", async || house.call("GET", "/v1/sinks/orders", None).await.0 == 404)
        .await;
}
