//! Pausing: acknowledged and renewed as ever, not fetched, and told in the end.

use std::time::Duration;

use serde_json::json;

use crate::house::House;
use crate::outage::gate::Gate;

const DAY: Duration = Duration::from_secs(86_400);

fn following(resource: &str, start: &str) -> String {
    format!(
        "[[subscription]]\nname = \"it\"\ntenant = \"contoso\"\nresource = \"{resource}\"\nstart = \"{start}\"\n"
    )
}

async fn ask(house: &House, what: &str) -> (u16, serde_json::Value) {
    house.call("POST", &format!("/v1/subscriptions/it/{what}"), None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paused_is_notified_and_renewed_and_told_once_it_is_resumed() {
    let mut house = House::start(&following("{mail}", "now")).await;
    house.active("it").await;
    house.quiet().await;
    let (status, paused) = ask(&house, "pause").await;
    assert_eq!((status, &paused["state"]), (200, &json!("paused")));
    let renew_at = house.subscription("it").await["renew_at"].clone();
    let mail = house.tenant.tenant().resources.mail.clone();
    house.change(&mail).await;
    house.eventually("it is notified", async || house.subscription("it").await["pending"] == true).await;

    house.close().await;
    house.open().await;
    house.forget_requests().await;
    // Longer than mail lives at Office 365, and than sweeps wait.
    for _ in 0..16 {
        house.advance(DAY / 2);
        house
            .eventually("it is renewed in time", async || {
                let at = house.subscription("it").await["renew_at"].as_str().map(str::to_owned);
                at.is_some_and(|at| at.parse::<chrono::DateTime<chrono::Utc>>().unwrap() > house.now())
            })
            .await;
    }
    let shown = house.subscription("it").await;
    assert_ne!(shown["renew_at"], renew_at);
    assert_eq!((&shown["state"], &shown["error"]), (&json!("paused"), &json!(null)));
    assert!(house.metric("o365_subscriptions{state=\"paused\"}").await > 0.5);
    assert!(house.metric("o365_inbox_oldest_age_seconds").await < 1.0, "nobody is woken for it");
    assert_eq!(house.count_requests("GET", "/messages/delta").await, 0);
    assert!(house.events().await.is_empty());
    for what in ["fetch", "resync"] {
        let (status, problem) = ask(&house, what).await;
        assert_eq!((status, &problem["title"]), (409, &json!("Conflict")), "{what}: {problem}");
    }

    let (status, resumed) = ask(&house, "resume").await;
    assert_eq!((status, &resumed["state"]), (200, &json!("active")));
    house.eventually("the change is told", async || house.events().await.len() == 1).await;
    house.quiet().await;
    assert_eq!(house.events().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_before_it_was_paused_is_tried_at_once_when_it_is_resumed() {
    let house = House::start(&following("{mail}", "now")).await;
    house.active("it").await;
    house.quiet().await;
    house
        .control("faults", json!({"status": 403, "path_prefix": "/v1.0/users", "method": "GET", "count": 1}))
        .await;
    let mail = house.tenant.tenant().resources.mail.clone();
    house.change(&mail).await;
    house.eventually("it fails", async || house.subscription("it").await["error"]["code"].is_string()).await;
    assert_eq!(ask(&house, "pause").await.0, 200);
    assert_eq!(ask(&house, "resume").await.0, 200);
    // The clock stands: the next attempt would be later.
    house.eventually("the change is told", async || house.events().await.len() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_under_way_commits_nothing_after_the_pause_and_goes_on_after_it() {
    let mut house = House::start("").await;
    house.close().await;
    let tenant = house.tenant.url().trim_start_matches("http://").parse().unwrap();
    let gate = Gate::to_some(tenant, "GET /v1.0/drives").await;
    house.configure(&following("{drive}", "beginning"), gate.url());
    gate.close();
    house.open().await;
    house.eventually("a page is asked for", async || gate.waiting() > 0).await;
    let asked = async {
        let (status, problem) = ask(&house, "fetch").await;
        assert_eq!(status, 409, "who waits for a round is told that there is none: {problem}");
    };
    let paused = async {
        house.eventually("it is asked for", async || house.subscription("it").await["pending"] == true).await;
        assert_eq!(ask(&house, "pause").await.0, 200);
    };
    tokio::join!(asked, paused);
    gate.open();
    house.eventually("the page has come", async || gate.waiting() == 0).await;
    house.quiet().await;
    assert!(house.events().await.is_empty());
    assert_eq!(ask(&house, "resume").await.0, 200);
    let ended = async || !house.subscription("it").await["last_fetch_at"].is_null();
    house.eventually("the first round ends", ended).await;
    let events = house.events().await;
    let subjects: std::collections::BTreeSet<_> =
        events.iter().map(|event| event["subject"].as_str()).collect();
    assert!(!events.is_empty());
    assert_eq!(subjects.len(), events.len(), "each item once");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_not_followed_is_paused() {
    let house = House::start("").await;
    for what in ["pause", "resume"] {
        assert_eq!(ask(&house, what).await.0, 404, "{what}");
    }
}
