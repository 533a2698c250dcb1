//! Configuration, store and Office 365 made to agree.

use std::time::Duration;

use serde_json::{Value, json};

use crate::house::House;
use crate::listener::eventually;
use crate::outage::gate::Gate;
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
    assert_eq!(left[0]["reason"], "it is not ours: it notifies 127.0.0.1");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_does_not_list_is_told_and_nothing_is_concluded_from_it() {
    let mut house = following().await;
    house.close().await;
    house
        .control(
            "faults",
            json!({"status": 503, "count": 1000, "method": "GET", "path_prefix": "/v1.0/subscriptions"}),
        )
        .await;
    house.open().await;
    let plan = house.get("/v1/plan").await;
    assert_eq!((plan["changes"].clone(), plan["unchanged"].clone()), (json!([]), json!(2)), "{plan:#}");
    assert_eq!(plan["not_listed"][0]["tenant"], "contoso");
    assert_eq!(plan["not_listed"][0]["error"]["transient"], true, "{plan:#}");
    assert_eq!(house.remote().await.len(), 2);
    assert_eq!(house.subscription("files").await["state"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_public_url_is_found_and_everything_is_made_anew_for_it() {
    let mut house = following().await;
    house.close().await;
    let before = house.remote().await;
    house.rewrite(|text| text.replacen("127.0.0.1", "localhost", 1));
    house.open().await;
    house
        .eventually("both notify the new address", async || {
            let remote = house.remote().await;
            let moved =
                |one: &Value| one["notificationUrl"].as_str().unwrap().starts_with("http://localhost:");
            remote.len() == 2 && remote.iter().all(moved)
        })
        .await;
    for name in ["files", "inbox"] {
        house.active(name).await;
        let id = house.subscription(name).await["remote_id"].clone();
        assert!(before.iter().all(|one| one["id"] != id), "{name}");
    }
    house.change(&house.tenant.tenant().resources.drive).await;
    house.eventually("a change is told", async || house.events().await.len() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_cannot_be_read_is_told_with_key_and_line_and_changes_nothing() {
    let house = following().await;
    house.rewrite(|text| format!("{text}\n[[subscription]]\nname = \"Files\"\n"));
    for (method, path) in [("GET", "/v1/plan"), ("POST", "/v1/apply")] {
        let (status, problem) = house.call(method, path, None).await;
        assert_eq!(status, 422, "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("subscription") && detail.contains("config.toml"), "{detail}");
    }
    assert_eq!(house.remote().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_office_365_refuses_is_told_with_its_measure_and_the_rest_is_done() {
    let house = House::start(INBOX).await;
    house.active("inbox").await;
    let nobody = FILES.replace("{drive}", "onedrive:nobody@contoso.example");
    house.configure(&format!("{INBOX}{nobody}{LIST}"), house.tenant.url());
    let (status, answer) = house.call("POST", "/v1/apply", None).await;
    assert_eq!(status, 200, "{answer}");
    let changes = changes(&answer);
    assert_eq!(brief(&changes), [("create", "files"), ("create", "list")]);
    assert_eq!((&changes[0].2["result"], &changes[1].2["result"]), (&json!("failed"), &json!("done")));
    let error = &changes[0].2["error"];
    assert!(
        error["message"].as_str().unwrap().contains("no") && error["next_attempt_at"].is_string(),
        "{error}"
    );
    assert_eq!(house.subscription("files").await["error"]["code"], error["code"], "its error stays visible");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_asks_for_lists_no_faster_than_office_365_allows_and_for_nothing_else() {
    let mut house = House::start("").await;
    let user = house.tenant.tenant().user.clone();
    for number in 0..24 {
        let (status, folder) = house
            .graph(
                "POST",
                &format!("/users/{user}/mailFolders"),
                &json!({"displayName": format!("Folder {number}")}),
            )
            .await;
        assert_eq!(status, 201, "{folder}");
        let resource = format!("mail:{user}/{}", folder["id"].as_str().unwrap());
        let wish = json!({"name": format!("folder-{number}"), "tenant": "contoso", "resource": resource});
        let (status, made) = house.call("POST", "/v1/subscriptions", Some(wish)).await;
        assert_eq!(status, 201, "{made}");
    }
    house.close().await;
    house.advance(10 * MINUTE);
    house.control("pages", json!({"page_size": 1})).await;
    house.forget_requests().await;
    house.open().await;
    let pages = async |house: &House| house.count_requests("GET", "/v1.0/subscriptions").await;
    eventually("as many lists as may be", async || pages(&house).await >= 20).await;
    house.quiet().await;
    assert_eq!(pages(&house).await, 20, "the clock stands still, and so do the lists");
    house.advance(Duration::from_secs(20));
    house
        .eventually("all is looked at", async || {
            house.metric("o365_renewals_total{result=\"verified\"}").await >= 24.0
        })
        .await;
    assert_eq!(pages(&house).await, 24);
    let refused = house.requests().await.iter().filter(|one| one["status"] == 429).count();
    let (made, renewed) = (
        house.count_requests("POST", "/v1.0/subscriptions").await,
        house.count_requests("PATCH", "/v1.0/subscriptions").await,
    );
    assert_eq!((refused, made, renewed), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belonged_to_a_tenant_of_another_name_is_followed_under_the_new_one() {
    let mut house = following().await;
    house.close().await;
    house.rewrite(|text| text.replace("\"contoso\"", "\"prod\""));
    house.open().await;
    assert_eq!(brief(&house.planned().await), [("recreate", "files"), ("recreate", "inbox")]);
    house.applied().await;
    for name in ["files", "inbox"] {
        house.active(name).await;
        assert_eq!(house.subscription(name).await["tenant"], "prod");
    }
    assert_eq!(house.remote().await.len(), 2, "what the former ones held is replaced");
    assert!(house.planned().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_is_wished_later_is_had_though_the_first_attempt_fails() {
    let key = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [7; 32]);
    let house = House::start_with(INBOX, &[("O365_LISTENER__STORE__ENCRYPTION_KEY", &key)]).await;
    house.active("inbox").await;
    let before = house.remote().await.remove(0);
    house.configure(&format!("{INBOX}include_resource_data = true\n"), house.tenant.url());
    house
        .control("faults", json!({"status": 503, "method": "DELETE", "path_prefix": "/v1.0/subscriptions"}))
        .await;
    let (status, answer) = house.call("POST", "/v1/apply", None).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["changes"][0]["result"], "failed", "{answer}");
    assert_eq!(brief(&house.planned().await), [("recreate", "inbox")], "it is not forgotten");
    house
        .eventually("it is made anew", async || {
            house.remote().await.iter().all(|one| one["id"] != before["id"])
        })
        .await;
    house.active("inbox").await;
    let after = house.remote().await;
    assert!(after.len() == 1 && after[0]["encryptionCertificateId"].is_string(), "{after:?}");
    assert!(house.planned().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_a_few_plans_wait_for_a_tenant_that_hangs() {
    let mut house = House::start("").await;
    house.close().await;
    let tenant = house.tenant.url().trim_start_matches("http://").parse().unwrap();
    let gate = Gate::to_some(tenant, "GET /v1.0/subscriptions").await;
    house.configure("", gate.url());
    gate.close();
    house.open().await;
    let waiting = futures_util::future::join_all((0..4).map(|_| house.call("GET", "/v1/plan", None)));
    let another = async {
        eventually("the others wait", async || gate.waiting() > 4).await;
        house.call("GET", "/v1/plan", None).await
    };
    let (waited, (status, problem)) = tokio::join!(waiting, async {
        let answer = another.await;
        gate.open();
        answer
    });
    assert_eq!(status, 503, "{problem}");
    assert!(waited.iter().all(|(status, _)| *status == 200), "{waited:?}");
}
