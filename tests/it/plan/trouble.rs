//! Tenants that do not answer, addresses that change, and what Office 365 refuses.

use std::time::Duration;

use serde_json::{Value, json};

use super::{FILES, INBOX, LIST, MINUTE, brief, changes, following};
use crate::house::House;
use crate::listener::eventually;
use crate::outage::gate::Gate;

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

    let nobody = INBOX.replace("inbox", "mail").replace("{mail}", "mail:nobody@contoso.example/inbox");
    let with = async |more: &str| {
        house.configure(&format!("{INBOX}{nobody}{more}"), house.tenant.url());
        house.call("POST", "/v1/apply", None).await.1
    };
    with("").await;
    let answer = with("select = [\"importance\"]\n").await;
    let change = &answer["changes"][0];
    assert_eq!((&change["action"], &change["result"]), (&json!("update"), &json!("failed")), "{answer:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_was_added_takes_a_restart_and_is_not_said_to_be_missing() {
    let mut house = following().await;
    house.rewrite(|text| {
        let (first, _) = text.split_once("[[subscription]]").unwrap();
        let tenant = first[first.find("[[tenant]]").unwrap()..].replace("\"contoso\"", "\"fabrikam\"");
        let list = LIST.replace("\"contoso\"", "\"fabrikam\"");
        format!("{text}\n{tenant}\n{}", list.replace("{list}", &house.tenant.tenant().resources.list))
    });
    let planned = house.planned().await;
    assert_eq!(brief(&planned), [("create", "list")]);
    assert!(planned[0].2["reason"].as_str().unwrap().contains("start it again"), "{planned:#?}");
    let applied = house.call("POST", "/v1/apply", None).await.1;
    let change = &applied["changes"][0];
    assert_eq!(change["result"], "failed", "{change:#}");
    assert!(change["error"]["message"].as_str().unwrap().contains("start it again"), "{change:#}");
    house.close().await;
    house.open().await;
    house.active("list").await;
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
