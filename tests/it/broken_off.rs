//! A fault of the listener itself: seen, and nothing is lost by it.

use std::time::Duration;

use serde_json::Value;

use crate::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn a_round_that_breaks_off_is_shown_as_failing_and_all_is_told_once_the_fault_is_gone() {
    let mut house =
        House::start("[[subscription]]\nname = \"it\"\ntenant = \"contoso\"\nresource = \"{mail}\"\n").await;
    house.active("it").await;
    house.quiet().await;
    house.close().await;
    // Beyond what dates can tell: no configuration can have it, and each round panics at its end.
    house.open_amended(|config| config.fetch.sweep_every = Some(Duration::MAX)).await.unwrap();
    let mail = house.tenant.tenant().resources.mail.clone();
    house.change(&mail).await;
    house
        .eventually("it is shown", async || house.subscription("it").await["error"]["code"] == "brokenOff")
        .await;
    let error = house.subscription("it").await["error"].clone();
    assert!(error["message"].as_str().unwrap().contains("its log tells where"), "{error}");
    assert!(error["next_attempt_at"].is_string(), "it is tried again: {error}");

    house.close().await;
    house.open().await;
    house.advance(Duration::from_secs(3600));
    house.eventually("it is told", async || house.events().await.len() == 1).await;
    house.eventually("it is well", async || house.subscription("it").await["error"] == Value::Null).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_breaks_off_is_shown_as_failing_and_made_once_the_fault_is_gone() {
    let mut house =
        House::start("[[subscription]]\nname = \"it\"\ntenant = \"contoso\"\nresource = \"{mail}\"\n").await;
    house.active("it").await;
    house.quiet().await;
    house.close().await;
    // No share of a life: no configuration can have it, and whoever renews panics over when to do so again.
    house.open_amended(|config| config.renewal.at = f64::MAX).await.unwrap();
    let ends = house.subscription("it").await["expires_at"].clone();
    house.advance(Duration::from_secs(6 * 86_400));
    house
        .eventually("it is shown", async || house.subscription("it").await["error"]["code"] == "brokenOff")
        .await;
    let error = house.subscription("it").await["error"].clone();
    assert!(error["next_attempt_at"].is_string(), "it is tried again: {error}");
    let (status, told) = house.call("POST", "/v1/subscriptions/it/renew", None).await;
    assert!(status >= 400 && told.to_string().contains("its log tells where"), "{status} {told}");

    house.close().await;
    house.open().await;
    house.advance(Duration::from_secs(3600));
    house.eventually("it is well", async || house.subscription("it").await["error"] == Value::Null).await;
    assert_ne!(house.subscription("it").await["expires_at"], ends, "it is renewed");
}
