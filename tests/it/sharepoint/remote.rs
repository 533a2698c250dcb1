use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{LIST, Sites, time};

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test]
async fn a_list_is_followed_by_a_webhook_of_179_days_and_no_longer_once_it_is_removed() {
    let sites = Sites::start(LIST).await;
    sites.followed().await;
    let (webhook, shown) = (sites.webhook().await, sites.house.subscription("list").await);
    assert_eq!(sites.days_until(&webhook["expirationDateTime"]), 178, "179 less the time that has passed");
    assert_eq!((&shown["via"], &shown["remote_id"]), (&json!("sharepoint"), &webhook["id"]));
    assert_eq!(sites.house.remote().await, [] as [Value; 0], "Graph holds nothing");
    sites.change_arrives().await;
    let event = sites.house.events().await.remove(0);
    assert_eq!(event["source"], "/tenants/contoso/subscriptions/list");
    assert!(event["type"].as_str().unwrap().starts_with("o365.listItem."), "{event:#}");

    assert_eq!(sites.house.call("DELETE", "/v1/subscriptions/list", None).await.0, 204);
    assert_eq!(sites.webhooks().await, [] as [Value; 0]);
}

#[tokio::test]
async fn renewing_by_hand_is_a_patch_whose_effect_is_looked_at() {
    let sites = Sites::start(LIST).await;
    sites.followed().await;
    let made = sites.webhook().await;
    sites.house.advance(DAY * 10);
    let (status, renewed) = sites.house.call("POST", "/v1/subscriptions/list/renew", None).await;
    assert_eq!(status, 200, "{renewed:#}");
    let webhook = sites.webhook().await;
    assert_eq!(webhook["id"], made["id"]);
    assert_eq!(sites.days_until(&webhook["expirationDateTime"]), 178);
    assert_eq!(sites.days_until(&renewed["expires_at"]), 178);
    assert_eq!(sites.count(&Method::PATCH, "/subscriptions(").await, 1);
}

#[tokio::test]
async fn one_that_exists_already_is_taken_over_with_what_proves_it_ours() {
    let mut sites = Sites::start(LIST).await;
    sites.followed().await;
    let made = sites.webhook().await;
    // The store is lost, and what was held lives on: SharePoint answers with its id, and changes nothing by that.
    sites.house.close().await;
    std::fs::remove_file(sites.house.store()).unwrap();
    sites.house.advance(DAY * 30);
    sites.house.open().await;
    sites.followed().await;
    let webhook = sites.webhook().await;
    assert_eq!(webhook["id"], made["id"]);
    assert_ne!(webhook["clientState"], made["clientState"]);
    assert_eq!(sites.days_until(&webhook["expirationDateTime"]), 178);
    sites.change_arrives().await;
}

#[tokio::test]
async fn what_is_lost_or_changed_without_a_word_is_found_within_a_day() {
    let sites = Sites::start(LIST).await;
    sites.followed().await;
    let made = sites.webhook().await;
    let id = made["id"].as_str().unwrap();
    sites.house.control(&format!("subscriptions/{id}/remove"), json!({})).await;
    sites.house.advance(DAY);
    sites
        .house
        .eventually("it is made anew", async || {
            sites.webhooks().await.iter().any(|one| one["id"] != made["id"])
        })
        .await;
    sites.followed().await;
    assert_eq!(sites.house.subscription("list").await["remote_id"], sites.webhook().await["id"]);
    sites.change_arrives().await;
    assert_eq!(sites.count(&Method::GET, "/subscriptions?").await, 0, "no list is asked for");
}

#[tokio::test]
async fn one_that_ran_out_while_nobody_was_there_is_made_anew() {
    let mut sites = Sites::start(LIST).await;
    sites.followed().await;
    sites.house.close().await;
    sites.house.advance(DAY * 200);
    assert_eq!(sites.webhooks().await, [] as [Value; 0]);
    sites.house.open().await;
    sites.house.eventually("it is made anew", async || sites.webhooks().await.len() == 1).await;
    sites.followed().await;
    sites.change_arrives().await;
}

#[tokio::test]
async fn a_quiet_list_is_renewed_over_six_months_and_more_and_still_told_of_afterwards() {
    let sites = Sites::start(LIST).await;
    sites.followed().await;
    let made = sites.webhook().await;
    for _ in 0..40 {
        sites.house.advance(DAY * 5);
        sites
            .house
            .eventually("nothing is left to do", async || {
                let shown = sites.house.subscription("list").await;
                shown["state"] == "active" && time(&shown["renew_at"]) > sites.house.now()
            })
            .await;
        assert!(sites.days_until(&sites.webhook().await["expirationDateTime"]) > 50, "renewed weeks ahead");
    }
    let webhook = sites.webhook().await;
    assert_eq!((&webhook["id"], &webhook["clientState"]), (&made["id"], &made["clientState"]));
    sites.change_arrives().await;
}

#[tokio::test]
async fn an_app_without_the_right_to_manage_lists_is_told_which_permission_that_takes() {
    let sites = Sites::start("").await;
    sites.house.control("roles", json!({"sharepoint": ["Sites.Read.All"]})).await;
    let list = sites.house.tenant.tenant().resources.list.clone();
    let wish = json!({"name": "list", "tenant": "contoso", "resource": list, "via": "sharepoint"});
    let (status, problem) = sites.house.call("POST", "/v1/subscriptions", Some(wish.clone())).await;
    assert_eq!(status, 422, "{problem:#}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("Sites.Manage.All of the API 'SharePoint'"), "{detail}");
    sites.house.control("roles", json!({"sharepoint": ["Sites.Manage.All"]})).await;
    let (status, made) = sites.house.call("POST", "/v1/subscriptions", Some(wish)).await;
    assert_eq!((status, &made["state"]), (201, &json!("active")), "{made:#}");
}

/// Where the webhooks of the list are.
async fn place(sites: &Sites) -> String {
    let list = sites.webhook().await["resource"].as_str().unwrap().to_owned();
    format!("/sites/hr/_api/web/lists('{list}')/subscriptions")
}

#[tokio::test]
async fn a_life_that_is_refused_is_asked_for_without_an_end_and_renewed_with_a_shorter_one() {
    let sites = Sites::start(LIST).await;
    sites.followed().await;
    let place = place(&sites).await;
    assert_eq!(sites.house.call("DELETE", "/v1/subscriptions/list", None).await.0, 204);
    let refusal =
        |method: &str| json!({"status": 400, "method": method, "path_prefix": place, "message": "no"});
    sites.house.control("faults", refusal("POST")).await;
    let list = sites.house.tenant.tenant().resources.list.clone();
    let wish = json!({"name": "again", "tenant": "contoso", "resource": list, "via": "sharepoint"});
    let (status, made) = sites.house.call("POST", "/v1/subscriptions", Some(wish)).await;
    assert_eq!(status, 201, "{made:#}");
    assert_eq!(sites.days_until(&made["expires_at"]), 179, "as long as SharePoint gives by itself");

    sites.house.control("faults", refusal("PATCH")).await;
    let (status, renewed) = sites.house.call("POST", "/v1/subscriptions/again/renew", None).await;
    assert_eq!(status, 200, "{renewed:#}");
    assert_eq!(sites.days_until(&renewed["expires_at"]), 89, "half");
    let (_, renewed) = sites.house.call("POST", "/v1/subscriptions/again/renew", None).await;
    assert_eq!(sites.days_until(&renewed["expires_at"]), 178, "nothing was learned from it");
}

#[tokio::test]
async fn a_handshake_that_failed_does_not_cost_the_life_that_is_wished() {
    let sites = Sites::start(LIST).await;
    sites.followed().await;
    let place = place(&sites).await;
    assert_eq!(sites.house.call("DELETE", "/v1/subscriptions/list", None).await.0, 204);
    let message = "Failed to validate the notification URL 'https://hooks.example/notifications'.";
    let refusal = json!({"status": 400, "method": "POST", "path_prefix": place, "message": message});
    sites.house.control("faults", refusal).await;
    sites.house.forget_requests().await;
    let list = sites.house.tenant.tenant().resources.list.clone();
    let wish = json!({"name": "again", "tenant": "contoso", "resource": list, "via": "sharepoint", "lifetime": "7d"});
    let (status, made) = sites.house.call("POST", "/v1/subscriptions", Some(wish)).await;
    assert!(status >= 400, "{made:#}");
    assert_eq!(sites.house.count_requests("POST", &place).await, 1, "not asked for again without an end");
}

#[tokio::test]
async fn a_refusal_at_sharepoint_closes_the_whole_tenant() {
    let sites = Sites::start(LIST).await;
    sites.followed().await;
    let refused = json!({"status": 429, "retry_after": 120, "path_prefix": place(&sites).await});
    sites.house.control("faults", refused).await;
    let (status, _) = sites.house.call("POST", "/v1/subscriptions/list/renew", None).await;
    assert_eq!(status, 502);
    let closed = sites.house.get("/v1/status").await["throttled"].clone();
    assert_eq!(
        (&closed[0]["tenant"], &closed[0]["area"]),
        (&json!("contoso"), &json!("tenant")),
        "{closed:#}"
    );
    sites.house.forget_requests().await;
    let wish = json!({"name": "files", "tenant": "contoso", "resource": sites.house.tenant.tenant().resources.drive});
    let (status, problem) = sites.house.call("POST", "/v1/subscriptions", Some(wish)).await;
    assert_eq!(status, 503, "{problem:#}");
    assert_eq!(sites.house.count_requests("GET", "/v1.0/users").await, 0, "Graph is left alone as well");
}

#[tokio::test]
async fn a_notification_whose_state_is_in_the_header_alone_is_known_for_ours() {
    let sites = Sites::start(LIST).await;
    sites.followed().await;
    let webhook = sites.webhook().await;
    let body = json!({"value": [{
        "subscriptionId": webhook["id"], "expirationDateTime": webhook["expirationDateTime"],
        "resource": webhook["resource"], "tenantId": "c0ffee00-1111-4222-8333-444455556666",
        "siteUrl": "/sites/elsewhere", "webId": "90ab12cd-34ef-4567-89ab-cdef01234567",
    }]});
    let before = sites.house.subscription("list").await["last_fetch_at"].clone();
    let state = webhook["clientState"].as_str().unwrap();
    assert_eq!(sites.house.notify_with(&body, ("ClientState", state)).await, 202);
    sites
        .house
        .eventually("it is looked at", async || {
            let shown = sites.house.subscription("list").await;
            shown["pending"] == false && shown["last_fetch_at"] != before
        })
        .await;
    assert!(!sites.house.subscription("list").await["last_notification_at"].is_null());
}

#[tokio::test]
async fn what_another_has_taken_over_is_not_removed_with_the_one_that_held_it_first() {
    let sites = Sites::start("").await;
    let list = sites.house.tenant.tenant().resources.list.clone();
    let follow = async |name: &str| {
        let wish = json!({"name": name, "tenant": "contoso", "resource": list, "via": "sharepoint"});
        let (status, made) = sites.house.call("POST", "/v1/subscriptions", Some(wish)).await;
        assert_eq!(status, 201, "{made:#}");
    };
    follow("first").await;
    let refusal =
        json!({"status": 503, "method": "DELETE", "count": 1000, "path_prefix": place(&sites).await});
    sites.house.control("faults", refusal).await;
    assert_eq!(sites.house.call("DELETE", "/v1/subscriptions/first", None).await.0, 202);
    // SharePoint answers with the webhook that is still there.
    follow("second").await;
    sites.house.forget_faults().await;
    let gone = async || sites.house.call("GET", "/v1/subscriptions/first", None).await.0 == 404;
    sites.house.eventually("the first is gone", gone).await;
    assert_eq!(sites.webhook().await["id"], sites.house.subscription("second").await["remote_id"]);
}
