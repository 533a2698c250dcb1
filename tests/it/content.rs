//! Notifications with encrypted content, from the stand-in's sender to the log.

use serde_json::{Value, json};

use crate::house::House;

const KEY: (&str, &str) =
    ("O365_LISTENER__STORE__ENCRYPTION_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");

const RICH: &str = "[[subscription]]\nname = \"inbox\"\ntenant = \"contoso\"\nresource = \"{mail}\"\n\
                    include_resource_data = true\n";

async fn rich() -> House {
    let house = House::start_with(RICH, &[KEY]).await;
    house.active("inbox").await;
    house
}

/// Puts a message into the inbox that is followed.
async fn receive(house: &House, subject: &str) -> Value {
    let user = &house.tenant.tenant().user;
    let path = format!("/users/{user}/mailFolders/inbox/messages");
    let (status, made) = house.graph("POST", &path, &json!({"subject": subject})).await;
    assert_eq!(status, 201, "{made}");
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_told_from_the_content_of_its_notification() {
    let house = rich().await;
    receive(&house, "Offer").await;
    house.eventually("it is told", async || house.events().await.len() == 1).await;
    let event = house.events().await.remove(0);
    assert_eq!(event["type"], "o365.message.created");
    assert_eq!(event["data"]["resource"]["subject"], "Offer");
    assert!(house.metric("o365_contents_total{result=\"told\"}").await >= 1.0);
}
