//! Following under what Microsoft does: expiry, removal, lost notifications, forged ones.

use std::time::Duration;

use serde_json::{Value, json};

use crate::house::House;
use crate::receiver::Receiver;

const HOUR: Duration = Duration::from_secs(3600);

fn following(name: &str, resource: &str, start: &str) -> String {
    format!(
        "[[subscription]]\nname = \"{name}\"\ntenant = \"contoso\"\nresource = \"{resource}\"\nstart = \"{start}\"\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_subscription_is_renewed_before_it_ends() {
    let house = House::start(&following("inbox", "{mail}", "now")).await;
    house.active("inbox").await;
    let id = house.remote().await[0]["id"].clone();
    // Mail lives for seven days: two weeks take two renewals at least.
    for _ in 0..28 {
        house.advance(12 * HOUR);
        house
            .eventually("it is renewed in time", async || {
                let renew_at = house.subscription("inbox").await["renew_at"].as_str().map(str::to_owned);
                renew_at.is_some_and(|at| at.parse::<chrono::DateTime<chrono::Utc>>().unwrap() > house.now())
            })
            .await;
    }
    assert_eq!(house.remote().await[0]["id"], id, "it was made anew where renewing was enough");
    assert!(house.metric("o365_renewals_total{result=\"renewed\"}").await >= 2.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vanished_remote_subscription_is_made_anew_and_fetched_from_the_kept_cursor() {
    let house = House::start(&following("files", "{drive}", "now")).await;
    house.active("files").await;
    let id = house.remote().await[0]["id"].as_str().unwrap().to_owned();
    house.control(&format!("subscriptions/{id}/remove"), json!({"lifecycle": false})).await;
    let drive = house.tenant.tenant().resources.drive.clone();
    house.change(&drive).await;
    assert!(house.events().await.is_empty(), "nobody can have been told");
    let (status, renewed) = house.call("POST", "/v1/subscriptions/files/renew", None).await;
    assert_eq!(status, 200, "{renewed}");
    assert_ne!(renewed["remote_id"], json!(id));
    house.eventually("the change is found", async || house.events().await.len() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lifecycle_event_subscription_removed_makes_it_anew() {
    let house = House::start(&following("inbox", "{mail}", "now")).await;
    house.active("inbox").await;
    let id = house.remote().await[0]["id"].as_str().unwrap().to_owned();
    house.control(&format!("subscriptions/{id}/remove"), json!({"lifecycle": true})).await;
    house
        .eventually("another one is held", async || {
            house.remote().await.first().is_some_and(|remote| remote["id"] != json!(id))
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_finds_what_no_notification_announced() {
    let house = House::start(&following("candidates", "{list}", "now")).await;
    house.active("candidates").await;
    house.control("notifications", json!({"lose": 1.0})).await;
    let list = house.tenant.tenant().resources.list.clone();
    house.change(&list).await;
    house.advance(7 * HOUR);
    house.eventually("the sweep finds it", async || house.events().await.len() == 1).await;
    assert!((house.metric("o365_sweep_recovered_total").await - 1.0).abs() < f64::EPSILON);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_round_after_a_notification_is_looked_at_again() {
    let house = House::start(&following("candidates", "{list}", "now")).await;
    house.active("candidates").await;
    let remote = house.remote().await.remove(0);
    let rounds = house.metric("o365_fetches_total").await;
    assert_eq!(house.notify(&json!({"value": [notification(&remote)]})).await, 202);
    for (looks, wait) in [(1.0, 0), (2.0, 3), (3.0, 11), (4.0, 61)] {
        house.advance(Duration::from_secs(wait));
        house
            .eventually("it looks again", async || house.metric("o365_fetches_total").await >= rounds + looks)
            .await;
    }
    house.advance(HOUR);
    house.quiet().await;
    assert!(
        (house.metric("o365_fetches_total").await - rounds - 4.0).abs() < f64::EPSILON,
        "it never stops looking"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_notification_is_accepted_counted_and_ignored() {
    let house = House::start(&following("candidates", "{list}", "now")).await;
    house.active("candidates").await;
    let mut forged = notification(&house.remote().await.remove(0));
    let rounds = house.metric("o365_fetches_total").await;
    forged["clientState"] = json!("v1.00000000000000000000000000000000.AAAA");
    assert_eq!(house.notify(&json!({"value": [forged]})).await, 202);
    forged.as_object_mut().unwrap().remove("clientState");
    assert_eq!(house.notify(&json!({"value": [forged]})).await, 202);
    assert!(house.metric("o365_notifications_total{kind=\"change\",result=\"forged\"}").await >= 2.0);
    house.quiet().await;
    assert_eq!(house.subscription("candidates").await["pending"], false);
    assert!((house.metric("o365_fetches_total").await - rounds).abs() < f64::EPSILON);
}

#[tokio::test(flavor = "multi_thread")]
async fn start_decides_what_is_told_of_the_time_before() {
    let house = House::start("").await;
    let resources = house.tenant.tenant().resources.clone();
    let mut before = 0;
    for (start, told) in [("now", false), ("baseline", false), ("beginning", true)] {
        for resource in [&resources.list, &resources.drive, &resources.mail] {
            house.advance(HOUR);
            let body = json!({"name": "one", "tenant": "contoso", "resource": resource, "start": start});
            let (status, made) = house.call("POST", "/v1/subscriptions", Some(body)).await;
            assert_eq!(status, 201, "{made}");
            house.active("one").await;
            let events = house.events().await.len();
            assert_eq!(events > before, told, "{start} {resource}: {before}, then {events} events");
            before = events;
            assert_eq!(house.call("DELETE", "/v1/subscriptions/one", None).await.0, 204);
            assert_eq!(house.call("GET", "/v1/subscriptions/one", None).await.0, 404);
        }
    }
    assert!(house.remote().await.is_empty(), "something is left at Office 365");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_whose_answer_was_lost_is_finished_with_what_is_ours() {
    let house = House::start("").await;
    let body =
        json!({"name": "files", "tenant": "contoso", "resource": house.tenant.tenant().resources.drive});
    let (status, made) = house.call("POST", "/v1/subscriptions", Some(body.clone())).await;
    assert_eq!(status, 201, "{made}");
    let held = house.remote().await.remove(0);
    // As if the store had never heard of it: forgotten here, still held there.
    house.call("DELETE", "/v1/subscriptions/files", None).await;
    let again = json!({
        "changeType": "updated", "notificationUrl": held["notificationUrl"], "resource": held["resource"],
        "expirationDateTime": house.now() + HOUR * 24, "clientState": "somebody else's",
    });
    let (status, answer) = house.graph("POST", "/subscriptions", &again).await;
    assert_eq!(status, 201, "{answer}");
    let (status, made) = house.call("POST", "/v1/subscriptions", Some(body)).await;
    assert_eq!(status, 201, "{made}");
    let remote = house.remote().await;
    assert_eq!(remote.len(), 1);
    assert_eq!(remote[0]["id"], made["remote_id"]);
    assert_ne!(remote[0]["id"], answer["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ours_is_left_alone_and_named() {
    let house = House::start("").await;
    let other = Receiver::start();
    let drive =
        json!({"name": "files", "tenant": "contoso", "resource": house.tenant.tenant().resources.drive});
    let (_, made) = house.call("POST", "/v1/subscriptions", Some(drive.clone())).await;
    let resource = house.remote().await[0]["resource"].clone();
    assert_eq!(house.call("DELETE", "/v1/subscriptions/files", None).await.0, 204, "{made}");
    let theirs = json!({
        "changeType": "updated", "notificationUrl": other.url, "resource": resource,
        "expirationDateTime": house.now() + HOUR * 24,
    });
    let (status, theirs) = house.graph("POST", "/subscriptions", &theirs).await;
    assert_eq!(status, 201, "{theirs}");
    let (status, problem) = house.call("POST", "/v1/subscriptions", Some(drive)).await;
    assert_eq!(status, 422, "{problem}");
    assert!(problem.to_string().contains(theirs["id"].as_str().unwrap()), "{problem}");
    let remote = house.remote().await;
    assert_eq!((remote.len(), &remote[0]["id"]), (1, &theirs["id"]));
    assert_eq!(house.call("GET", "/v1/subscriptions/files", None).await.0, 404, "something is left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_without_an_answer_stays_creating_and_is_finished() {
    let house = House::start("").await;
    house
        .control("faults", json!({"status": 504, "method": "POST", "path_prefix": "/v1.0/subscriptions"}))
        .await;
    let drive =
        json!({"name": "files", "tenant": "contoso", "resource": house.tenant.tenant().resources.drive});
    let (status, made) = house.call("POST", "/v1/subscriptions", Some(drive)).await;
    assert_eq!((status, &made["state"]), (202, &json!("creating")), "{made}");
    house.active("files").await;
    assert_eq!(house.subscription("files").await["error"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_by_hand_that_failed_is_tried_again() {
    let house = House::start(&following("files", "{drive}", "now")).await;
    house.active("files").await;
    house
        .control("faults", json!({"status": 504, "method": "PATCH", "path_prefix": "/v1.0/subscriptions"}))
        .await;
    let (status, problem) = house.call("POST", "/v1/subscriptions/files/renew", None).await;
    assert_eq!(status, 502, "{problem}");
    assert_eq!(house.subscription("files").await["state"], "failing");
    house.active("files").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_configuration_names_is_created_once_and_survives_a_restart() {
    let mut house = House::start(&following("files", "{drive}", "baseline")).await;
    house.active("files").await;
    let before = house.subscription("files").await;
    house.close().await;
    house.open().await;
    house.quiet().await;
    let after = house.subscription("files").await;
    assert_eq!(after["remote_id"], before["remote_id"]);
    assert_eq!(house.remote().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_vanished_while_nobody_looked_is_made_anew_at_the_next_start() {
    let mut house = House::start(&following("files", "{drive}", "now")).await;
    house.active("files").await;
    house.close().await;
    let id = house.remote().await[0]["id"].as_str().unwrap().to_owned();
    house.control(&format!("subscriptions/{id}/remove"), json!({"lifecycle": false})).await;
    let drive = house.tenant.tenant().resources.drive.clone();
    house.change(&drive).await;
    // However new it was: the next start believes only what Office 365 shows.
    house.advance(Duration::from_secs(1));
    house.open().await;
    house.eventually("another one is held", async || house.remote().await.len() == 1).await;
    house.eventually("the change is found", async || house.events().await.len() == 1).await;
}

fn notification(remote: &Value) -> Value {
    json!({
        "subscriptionId": remote["id"], "clientState": remote["clientState"], "changeType": "updated",
        "resource": remote["resource"], "subscriptionExpirationDateTime": remote["expirationDateTime"],
        "tenantId": "00000000-0000-0000-0000-000000000000",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_tells_a_program_what_it_removed_whoever_asked_for_it() {
    let house = House::start(
        "[[subscription]]\nname = \"configured\"\ntenant = \"contoso\"\nresource = \"{mail}\"\n",
    )
    .await;
    let body =
        json!({"name": "asked", "tenant": "contoso", "resource": house.tenant.tenant().resources.drive});
    assert_eq!(house.call("POST", "/v1/subscriptions", Some(body)).await.0, 201);
    house.active("configured").await;
    for name in ["asked", "configured"] {
        let url = house.admin();
        let removing = tokio::task::spawn_blocking(move || {
            std::process::Command::new(env!("CARGO_BIN_EXE_o365-listener"))
                .args(["subscriptions", "remove", name, "--json", "--server", &url])
                .output()
        });
        let output = removing.await.unwrap().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&told["name"], &told["state"]), (&json!(name), &json!("removed")));
    }
}
