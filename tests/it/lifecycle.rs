//! Lifecycle events, in storms: what Office 365 says of its subscriptions is heard once, however often it is said.

use std::time::Duration;

use serde_json::{Value, json};

use crate::house::House;

const MINUTE: Duration = Duration::from_secs(60);
const STORM: usize = 500;

const FILES: &str = "[[subscription]]\nname = \"files\"\ntenant = \"contoso\"\nresource = \"{drive}\"\n";

/// A house that follows a drive since long ago, and what Office 365 holds for it. What is held is looked for each hour,
/// but not just then.
async fn following() -> (House, Value) {
    let house = House::start(FILES).await;
    house.active("files").await;
    house.advance(50 * MINUTE);
    let held = house.remote().await.remove(0);
    house.forget_requests().await;
    (house, held)
}

fn lifecycle(held: &Value, event: &str) -> Value {
    json!({
        "subscriptionId": held["id"], "clientState": held["clientState"], "lifecycleEvent": event,
        "resource": held["resource"], "resourceData": {},
    })
}

/// The event many times at once, in single requests and in batches.
async fn storm(house: &House, held: &Value, event: &str) {
    let one = lifecycle(held, event);
    let single = json!({"value": [one]});
    let batch = json!({"value": vec![one.clone(); 50]});
    let posts = (0..STORM / 2).map(|_| house.notify(&single)).collect::<Vec<_>>();
    let batches = (0..STORM / 100).map(|_| house.notify(&batch)).collect::<Vec<_>>();
    let (posts, batches) =
        tokio::join!(futures_util::future::join_all(posts), futures_util::future::join_all(batches));
    assert!(posts.iter().chain(&batches).all(|status| *status == 202), "{posts:?} {batches:?}");
}

/// Waits until every hint is worked off and nothing is due.
async fn settled(house: &House) {
    house
        .eventually("everything is worked off", async || {
            let shown = house.subscription("files").await;
            shown["pending"] == false && !shown["remote_id"].is_null() && shown["state"] == "active"
        })
        .await;
    house.quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_requests_to_reauthorize_is_one_renewal_also_over_a_restart() {
    let (mut house, held) = following().await;
    storm(&house, &held, "reauthorizationRequired").await;
    storm(&house, &held, "reauthorizationRequired").await;
    house
        .eventually("it is renewed", async || house.count_requests("PATCH", "/v1.0/subscriptions").await == 1)
        .await;
    settled(&house).await;

    house.close().await;
    house.open().await;
    storm(&house, &held, "reauthorizationRequired").await;
    settled(&house).await;
    assert_eq!(
        house.count_requests("PATCH", "/v1.0/subscriptions").await,
        1,
        "it was asked for within ten minutes"
    );
    assert_eq!(
        house.count_requests("POST", "/v1.0/subscriptions").await,
        0,
        "neither created nor reauthorized"
    );
    assert_eq!(house.remote().await[0]["id"], held["id"]);

    house.advance(11 * MINUTE);
    storm(&house, &held, "reauthorizationRequired").await;
    house
        .eventually("it is renewed again", async || {
            house.count_requests("PATCH", "/v1.0/subscriptions").await == 2
        })
        .await;
    settled(&house).await;
    assert_eq!(house.count_requests("PATCH", "/v1.0/subscriptions").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_is_no_renewal_so_that_a_request_to_reauthorize_after_it_is_heard() {
    let (mut house, held) = following().await;
    house.close().await;
    house.open().await;
    house
        .eventually("it was looked at", async || {
            house.metric("o365_renewals_total{result=\"verified\"}").await > 0.5
        })
        .await;
    storm(&house, &held, "reauthorizationRequired").await;
    house
        .eventually("it is renewed", async || house.count_requests("PATCH", "/v1.0/subscriptions").await == 1)
        .await;
    settled(&house).await;
    assert_eq!(house.count_requests("PATCH", "/v1.0/subscriptions").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_while_office_365_was_silent_is_fetched_after_reauthorizing() {
    let (house, held) = following().await;
    let drive = house.tenant.tenant().resources.drive.clone();
    house.control("notifications", json!({"lose": 1.0})).await;
    house.control("faults", json!({"status": 403, "count": 100, "path_prefix": "/v1.0/subscriptions"})).await;
    assert_eq!(house.notify(&json!({"value": [lifecycle(&held, "reauthorizationRequired")]})).await, 202);
    house
        .eventually("the renewal has failed", async || {
            house.count_requests("PATCH", "/v1.0/subscriptions").await == 1
        })
        .await;
    // A round that finds nothing is made again up to a minute later: let these pass.
    for _ in 0..6 {
        house.advance(MINUTE);
        house.quiet().await;
    }
    house.change(&drive).await;
    house.quiet().await;
    assert!(house.events().await.is_empty(), "nobody has told");
    house.forget_faults().await;
    house.advance(30 * MINUTE);
    house.eventually("the change is found", async || house.events().await.len() == 1).await;
    assert!(house.metric("o365_renewals_total{result=\"renewed\"}").await > 0.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_to_reauthorize_does_not_shorten_the_wait_after_a_failed_renewal() {
    let (house, held) = following().await;
    // The second is for the deletion: what may not be renewed would be made anew.
    house.control("faults", json!({"status": 403, "count": 2, "path_prefix": "/v1.0/subscriptions"})).await;
    storm(&house, &held, "reauthorizationRequired").await;
    house
        .eventually("the renewal has failed", async || {
            house.subscription("files").await["state"] == "failing"
        })
        .await;
    let next = house.subscription("files").await["error"]["next_attempt_at"].clone();
    for _ in 0..3 {
        storm(&house, &held, "reauthorizationRequired").await;
        house.quiet().await;
    }
    assert_eq!(house.count_requests("PATCH", "/v1.0/subscriptions").await, 1, "its time has not come");
    assert_eq!(house.subscription("files").await["error"]["next_attempt_at"], next);
    house.advance(2 * MINUTE);
    house.eventually("it is renewed", async || house.subscription("files").await["state"] == "active").await;
    assert_eq!(house.count_requests("PATCH", "/v1.0/subscriptions").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_removals_makes_it_anew_once_and_fetches_from_the_kept_cursor_also_over_a_restart() {
    let (mut house, held) = following().await;
    let id = held["id"].as_str().unwrap().to_owned();
    house.control(&format!("subscriptions/{id}/remove"), json!({"lifecycle": false})).await;
    let drive = house.tenant.tenant().resources.drive.clone();
    house.change(&drive).await;
    storm(&house, &held, "subscriptionRemoved").await;
    house.eventually("the change is found", async || house.events().await.len() == 1).await;
    settled(&house).await;
    house.close().await;
    house.open().await;
    storm(&house, &held, "subscriptionRemoved").await;
    settled(&house).await;
    assert_eq!(house.count_requests("POST", "/v1.0/subscriptions").await, 1, "made anew once");
    assert_eq!(house.count_requests("DELETE", "/v1.0/subscriptions").await, 0);
    let now = house.remote().await;
    assert_eq!(now.len(), 1);
    assert_ne!(now[0]["id"], held["id"]);
    assert_eq!(house.events().await.len(), 1, "nothing is told twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn removals_that_name_what_is_not_held_or_are_forged_change_nothing() {
    let (house, held) = following().await;
    let mut stranger = held.clone();
    stranger["id"] = json!("00000000-0000-4000-8000-000000000000");
    let mut forged = held.clone();
    forged["clientState"] = json!("guessed");
    for event in ["subscriptionRemoved", "reauthorizationRequired"] {
        storm(&house, &stranger, event).await;
        storm(&house, &forged, event).await;
    }
    settled(&house).await;
    for method in ["POST", "PATCH", "DELETE", "GET"] {
        assert_eq!(house.count_requests(method, "/v1.0/subscriptions").await, 0, "{method}");
    }
    assert_eq!(house.remote().await[0]["id"], held["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn removals_of_whatever_is_held_now_do_not_become_a_loop() {
    let (house, _) = following().await;
    // Somebody tells of the removal of each new one at once, for an hour.
    for _ in 0..120 {
        let held = house.remote().await;
        if let Some(held) = held.first() {
            assert_eq!(house.notify(&json!({"value": [lifecycle(held, "subscriptionRemoved")]})).await, 202);
        }
        house.advance(MINUTE / 2);
        for _ in 0..5 {
            house.subscription("files").await;
        }
    }
    let made = house.count_requests("POST", "/v1.0/subscriptions").await;
    // A removal that is not true meets a conflict, so that each is two requests: three at once, and then after 1,
    // 2, 4, 8, 16 and 32 minutes.
    assert!((2..=2 * 9).contains(&made), "{made} creations in an hour");
    let shown = house.subscription("files").await;
    assert!(shown["state"] == "active" || shown["error"]["code"] == "removedAgainAndAgain", "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_missed_and_unknown_events_is_a_few_fetches_and_each_kind_is_counted() {
    let (house, held) = following().await;
    let drive = house.tenant.tenant().resources.drive.clone();
    house.control("notifications", json!({"lose": 1.0})).await;
    house.change(&drive).await;
    let rounds = house.metric("o365_fetches_total").await;
    storm(&house, &held, "missed").await;
    house.eventually("the change is found", async || house.events().await.len() == 1).await;
    storm(&house, &held, "somethingNewIn2031").await;
    settled(&house).await;
    let storm = f64::from(u32::try_from(STORM).unwrap());
    for kind in ["lifecycle", "lifecycle_unknown"] {
        let name = format!("o365_notifications_total{{kind=\"{kind}\",result=\"stored\"}}");
        assert!((house.metric(&name).await - storm).abs() < 0.5, "{kind}");
    }
    let rounds = house.metric("o365_fetches_total").await - rounds;
    println!("{rounds} rounds for {} events", 2 * STORM);
    assert!(rounds < storm / 4.0, "{rounds} rounds");
    for method in ["POST", "PATCH", "DELETE"] {
        assert_eq!(house.count_requests(method, "/v1.0/subscriptions").await, 0, "{method}");
    }
}
