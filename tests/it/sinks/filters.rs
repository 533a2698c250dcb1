//! Which events a sink is sent, and sending a part of the log again.

use serde_json::json;

use super::endpoint::{Endpoint, ids};
use super::{edit, edits, house, sink, webhook};

#[tokio::test]
async fn a_sink_is_sent_what_its_filter_lets_through_and_nobody_s_own_changes_if_it_says_so() {
    let [all, filtered, others, unowned, unsure] = std::array::from_fn(|_| Endpoint::start());
    let [all, filtered, others, unowned, unsure] =
        [all.await, filtered.await, others.await, unowned.await, unsure.await];
    let house = house(
        &[
            webhook("all", &all, ""),
            webhook("filtered", &filtered, "filter = '\"fields.Title\" in event.data.changed'"),
            webhook("others", &others, "ignore_actors = [\"CONTOSO LISTENER\", \"Somebody Else\"]"),
            webhook("unowned", &unowned, "ignore_own = true"),
            webhook("unsure", &unsure, "filter = 'event.data.resource.fields.Title > 7'"),
        ]
        .concat(),
    )
    .await;
    let events = edits(&house, 3).await;
    let expected = ids(&events);
    house.eventually("all has them", async || all.taken().len() == 3).await;
    house.eventually("unsure has them", async || unsure.taken().len() == 3).await;
    house
        .eventually("the others have looked at them", async || {
            let mut lags = Vec::new();
            for name in ["filtered", "others", "unowned"] {
                lags.push(sink(&house, name).await["lag"].as_u64().unwrap());
            }
            lags == [0, 0, 0]
        })
        .await;
    assert_eq!(ids(&filtered.taken()), expected[1..]);
    assert_eq!(events[0]["data"]["actor"]["name"], "Contoso listener", "{}", events[0]);
    assert!(unowned.taken().is_empty());
    assert!(others.taken().is_empty());
    let metric = "o365_sink_events_total{sink=\"unsure\",result=\"filter_failed\"}";
    assert!((house.metric(metric).await - 3.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn what_a_sink_would_have_been_sent_is_told_and_a_part_is_sent_again() {
    let endpoint = Endpoint::start().await;
    let house =
        house(&webhook("orders", &endpoint, "filter = '\"fields.Title\" in event.data.changed'")).await;
    let mut events = edits(&house, 3).await;
    house.advance(std::time::Duration::from_secs(3600));
    let later = house.now();
    events.push(edit(&house, events[0]["subject"].as_str()).await);
    house.eventually("it has them", async || endpoint.taken().len() == 3).await;

    let (status, looked) = house.call("POST", "/v1/sinks/orders/test", Some(json!({"since": later}))).await;
    assert_eq!((status, &looked["looked_at"], &looked["wanted"]), (200, &json!(1), &json!(1)), "{looked}");
    assert_eq!(looked["events"][0]["id"], events[3]["id"]);
    let long_ago = json!({"since": "2000-01-01T00:00:00Z"});
    let (_, looked) = house.call("POST", "/v1/sinks/orders/test", Some(long_ago)).await;
    assert_eq!((&looked["looked_at"], &looked["wanted"]), (&json!(4), &json!(3)), "{looked}");

    let part = json!({"since": "2000-01-01T00:00:00Z", "until": later, "subscription": "cand*"});
    let (status, again) = house.call("POST", "/v1/sinks/orders/replay", Some(part)).await;
    assert_eq!((status, again), (200, json!({"replayed": 2, "next": null})));
    house.eventually("they came again", async || endpoint.taken().len() == 5).await;
    assert_eq!(ids(&endpoint.taken())[3..], ids(&events)[1..3]);
    let (_, again) = house
        .call("POST", "/v1/sinks/orders/replay", Some(json!({"since": later, "subscription": "files"})))
        .await;
    assert_eq!(again["replayed"], 0);
    let (status, problem) =
        house.call("POST", "/v1/sinks/orders/replay", Some(json!({"until": later}))).await;
    assert_eq!(status, 400, "{problem}");
}
