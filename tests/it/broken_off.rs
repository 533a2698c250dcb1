//! A fault of the listener itself in a round: seen, and nothing is lost by it.

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
