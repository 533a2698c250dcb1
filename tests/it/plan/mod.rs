//! Configuration, store and Office 365 made to agree.

mod trouble;

use std::time::Duration;

use serde_json::{Value, json};

use crate::house::House;
use crate::receiver::Receiver;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

const FILES: &str = "[[subscription]]\nname = \"files\"\ntenant = \"contoso\"\nresource = \"{drive}\"\n";
const INBOX: &str = "[[subscription]]\nname = \"inbox\"\ntenant = \"contoso\"\nresource = \"{mail}\"\n";
const LIST: &str = "[[subscription]]\nname = \"list\"\ntenant = \"contoso\"\nresource = \"{list}\"\n";

async fn following() -> House {
    let house = House::start(&format!("{FILES}{INBOX}")).await;
    house.active("files").await;
    house.active("inbox").await;
    house
}

impl House {
    /// What would be changed: action, name and the rest.
    async fn planned(&self) -> Vec<(String, Value, Value)> {
        changes(&self.get("/v1/plan").await)
    }

    /// Applies, and expects that everything was done.
    async fn applied(&self) -> Vec<(String, Value, Value)> {
        let (status, answer) = self.call("POST", "/v1/apply", None).await;
        assert_eq!(status, 200, "{answer}");
        let changes = changes(&answer);
        assert!(changes.iter().all(|(_, _, change)| change["result"] == "done"), "{answer:#}");
        changes
    }
}

fn changes(plan: &Value) -> Vec<(String, Value, Value)> {
    let changes = plan["changes"].as_array().unwrap_or_else(|| panic!("{plan}")).iter();
    let short =
        |it: &Value| (it["action"].as_str().unwrap().to_owned(), it["subscription"].clone(), it.clone());
    changes.map(short).collect()
}

fn brief(changes: &[(String, Value, Value)]) -> Vec<(&str, &str)> {
    changes.iter().map(|(action, name, _)| (action.as_str(), name.as_str().unwrap_or("-"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_agrees_needs_nothing_and_is_not_touched() {
    let house = following().await;
    house.forget_requests().await;
    let plan = house.get("/v1/plan").await;
    assert_eq!(plan, json!({"changes": [], "left_alone": [], "unchanged": 2, "not_listed": []}));
    assert!(house.applied().await.is_empty());
    for method in ["POST", "PATCH", "DELETE"] {
        assert_eq!(house.count_requests(method, "/v1.0/subscriptions").await, 0, "{method}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_comes_and_one_that_goes_take_effect_when_applied_without_a_restart() {
    let mut house = following().await;
    house.configure(&format!("{INBOX}{LIST}"), house.tenant.url());
    let planned = house.planned().await;
    assert_eq!(brief(&planned), [("delete", "files"), ("create", "list")]);
    assert_eq!(planned[0].2["reason"], "the configuration no longer names it");
    assert_eq!(house.remote().await.len(), 2, "a plan changes nothing");
    assert_eq!(house.subscription("files").await["state"], "active");

    // Neither does a start remove.
    house.close().await;
    house.open().await;
    house.active("list").await;
    assert_eq!(house.subscription("files").await["state"], "active");

    assert_eq!(brief(&house.applied().await), [("delete", "files")]);
    assert_eq!(house.call("GET", "/v1/subscriptions/files", None).await.0, 404, "no trace of it is left");
    assert_eq!(house.remote().await.len(), 2);
    assert_eq!(house.get("/v1/plan").await["unchanged"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_removed_comes_back_with_apply_while_the_configuration_names_it() {
    let house = following().await;
    assert_eq!(house.call("DELETE", "/v1/subscriptions/files", None).await.0, 204);
    assert_eq!(house.subscription("files").await["state"], "removed");
    assert_eq!(brief(&house.planned().await), [("create", "files")]);
    house.applied().await;
    house.active("files").await;
    house.change(&house.tenant.tenant().resources.drive).await;
    house.eventually("a change is told", async || house.events().await.len() == 1).await;

    // And goes for good when it no longer does.
    assert_eq!(house.call("DELETE", "/v1/subscriptions/files", None).await.0, 204);
    house.configure(INBOX, house.tenant.url());
    assert_eq!(brief(&house.planned().await), [("forget", "files")]);
    house.applied().await;
    assert_eq!(house.call("GET", "/v1/subscriptions/files", None).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_resource_under_a_name_replaces_what_was_followed() {
    let house = House::start(FILES).await;
    house.active("files").await;
    house.configure(&LIST.replace("list\"\n", "files\"\n"), house.tenant.url());
    let planned = house.planned().await;
    assert_eq!(brief(&planned), [("recreate", "files")]);
    assert!(planned[0].2["reason"].as_str().unwrap().contains("follows"), "{planned:?}");
    house.applied().await;
    house.active("files").await;
    let remote = house.remote().await;
    assert_eq!(remote.len(), 1);
    assert!(remote[0]["resource"].as_str().unwrap().contains("/lists/"), "{remote:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_lifetime_or_selection_is_taken_over_and_nothing_in_between_is_lost() {
    let house = House::start(INBOX).await;
    house.active("inbox").await;
    let before = house.subscription("inbox").await;
    house.control("notifications", json!({"lose": 1.0})).await;
    house.change(&house.tenant.tenant().resources.mail).await;
    let entry = format!("{INBOX}lifetime = \"1d\"\nselect = [\"replyTo\"]\n");
    house.configure(&entry, house.tenant.url());
    let planned = house.planned().await;
    assert_eq!(brief(&planned), [("update", "inbox")]);
    assert_eq!(planned[0].2["reason"], "the configuration says otherwise: lifetime, select");
    house.applied().await;
    let after = house.subscription("inbox").await;
    assert_eq!(after["remote_id"], before["remote_id"], "a renewal is enough");
    assert!(after["expires_at"].as_str() < before["expires_at"].as_str(), "{after}");
    house
        .eventually("what nobody has told is found by reading anew", async || {
            house.events().await.iter().any(|event| event["type"] == "o365.message.updated")
        })
        .await;
    assert!(house.planned().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn orphans_of_ours_are_deleted_and_those_of_others_are_left_alone() {
    let house = House::start(INBOX).await;
    house.active("inbox").await;
    let (ours, theirs) = (house.remote().await[0]["notificationUrl"].clone(), Receiver::start());
    for (resource, url) in
        [("/users/{user}/events", ours.as_str().unwrap()), ("{drive}", theirs.url.as_str())]
    {
        let user = house.tenant.tenant().user.clone();
        let drive = house.graph("GET", &format!("/users/{user}/drive"), &json!({})).await.1["id"].clone();
        let drive = format!("/drives/{}/root", drive.as_str().unwrap());
        let resource = match resource {
            "{drive}" => drive,
            _ => format!("/users/{user}/mailFolders('drafts')/messages"),
        };
        let body = json!({
            "changeType": if resource.contains("drives") { "updated" } else { "created" },
            "notificationUrl": url, "resource": resource, "clientState": "unknown",
            "expirationDateTime": house.now() + 24 * HOUR,
        });
        let (status, answer) = house.graph("POST", "/subscriptions", &body).await;
        assert_eq!(status, 201, "{answer}");
    }
    let plan = house.get("/v1/plan").await;
    let planned = changes(&plan);
    assert_eq!(brief(&planned), [("delete", "-")]);
    assert_eq!(planned[0].2["reason"], "it notifies this listener, and nothing here knows it");
    let left = plan["left_alone"].as_array().unwrap();
    assert_eq!(left.len(), 1, "{plan:#}");
    let origin = url::Url::parse(&theirs.url).unwrap().origin().ascii_serialization();
    assert_eq!(left[0]["reason"], format!("it is not ours: it notifies {origin}"));
    house.applied().await;
    let remote = house.remote().await;
    assert_eq!(remote.len(), 2);
    assert!(remote.iter().any(|one| one["notificationUrl"] == theirs.url), "{remote:?}");
    let plan = house.get("/v1/plan").await;
    assert_eq!((plan["changes"].clone(), plan["left_alone"].as_array().unwrap().len()), (json!([]), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_vanished_without_a_word_is_found_by_one_list_and_nothing_is_asked_one_by_one() {
    let mut house = following().await;
    house.advance(10 * MINUTE);
    house.close().await;
    let held = house.remote().await;
    let gone = held.iter().find(|one| one["resource"].as_str().unwrap().contains("drives")).unwrap();
    house
        .control(
            &format!("subscriptions/{}/remove", gone["id"].as_str().unwrap()),
            json!({"lifecycle": false}),
        )
        .await;
    house.forget_requests().await;
    house.open().await;
    house.eventually("it is made anew", async || house.remote().await.len() == 2).await;
    house.active("files").await;
    assert_ne!(house.subscription("files").await["remote_id"], gone["id"]);
    let asked = house.count_requests("GET", "/v1.0/subscriptions").await;
    let about_it =
        house.count_requests("GET", &format!("/v1.0/subscriptions/{}", gone["id"].as_str().unwrap())).await;
    assert_eq!((asked, about_it), (2, 1), "one list, and one look at what it does not show");

    // While it runs, the same is found within the hour.
    let gone = house.subscription("inbox").await["remote_id"].clone();
    house
        .control(&format!("subscriptions/{}/remove", gone.as_str().unwrap()), json!({"lifecycle": false}))
        .await;
    assert_eq!(brief(&house.planned().await), [("recreate", "inbox")]);
    house.advance(HOUR);
    house
        .eventually("it is made anew", async || {
            let now = house.subscription("inbox").await["remote_id"].clone();
            now != gone && now.is_string()
        })
        .await;
}
