//! While Office 365 has told somebody to wait, nothing is sent there: also not after a restart.

use std::time::Duration;

use serde_json::json;

use crate::house::House;

const FILES: &str = "[[subscription]]\nname = \"files\"\ntenant = \"contoso\"\nresource = \"{drive}\"\n";
const MAIL: &str = "[[subscription]]\nname = \"mail\"\ntenant = \"contoso\"\nresource = \"{mail}\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_tenant_is_asked_nothing_until_its_time_is_over_whatever_happens_and_over_a_restart() {
    let mut house = House::start(&format!("{FILES}{MAIL}")).await;
    house.active("files").await;
    house.active("mail").await;
    let fault = json!({"status": 429, "retry_after": 600, "path_prefix": "/v1.0/drives"});
    house.control("faults", fault).await;
    house.call("POST", "/v1/subscriptions/files/fetch", None).await;
    let closed = house.get("/v1/status").await["throttled"].clone();
    assert_eq!(closed[0]["tenant"], "contoso");
    assert_eq!(closed[0]["area"], "tenant");
    assert!(closed[0]["until"].is_string(), "{closed}");
    assert!(house.metric("o365_gates_closed").await > 0.0);
    house.forget_requests().await;

    house.advance(Duration::from_secs(300));
    for path in ["files/fetch", "mail/fetch", "files/renew", "mail/renew"] {
        let (status, problem) = house.call("POST", &format!("/v1/subscriptions/{path}"), None).await;
        assert!(status >= 500, "{path}: {status} {problem}");
    }
    house.close().await;
    house.open().await;
    house.quiet().await;
    house.advance(Duration::from_secs(290));
    house.quiet().await;
    let sent: Vec<_> =
        house.requests().await.into_iter().filter(|one| !one["url"].to_string().contains("/token")).collect();
    assert!(sent.is_empty(), "{sent:?}");

    house.advance(Duration::from_secs(120));
    house.active("files").await;
    house.active("mail").await;
    assert_eq!(house.get("/v1/status").await["throttled"], json!([]));
    assert!(house.metric("o365_gates_closed").await.abs() < 0.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_waits_keeps_nobody_else_from_being_fetched_and_is_not_named() {
    let house = House::start(&format!("{FILES}{MAIL}")).await;
    house.active("files").await;
    house.active("mail").await;
    let fault = json!({"status": 429, "retry_after": 600, "path_prefix": "/v1.0/users"});
    house.control("faults", fault).await;
    house.call("POST", "/v1/subscriptions/mail/fetch", None).await;
    house.forget_requests().await;
    assert_eq!(house.call("POST", "/v1/subscriptions/files/fetch", None).await.0, 200);
    assert_eq!(house.call("POST", "/v1/subscriptions/mail/renew", None).await.0, 200);
    assert_eq!(house.count_requests("GET", "/v1.0/users").await, 0);
    let closed = house.get("/v1/status").await["throttled"].clone();
    assert_eq!((closed[0]["area"].clone(), closed.as_array().unwrap().len()), (json!("mailbox"), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_host_that_asks_to_wait_is_asked_nothing_more_by_anybody_over_a_restart() {
    let mut house = House::start(&format!("{FILES}{MAIL}")).await;
    house.active("files").await;
    house.active("mail").await;
    let login = format!("/{}/oauth2", house.tenant.tenant().tenant_id);
    house.control("faults", json!({"status": 429, "retry_after": 600, "path_prefix": login})).await;
    house.forget_requests().await;
    // The token ends, and whoever comes first asks for another.
    house.advance(Duration::from_secs(3600));
    let paths = ["files/fetch", "mail/fetch", "files/renew", "mail/renew"];
    for path in paths {
        let (status, problem) = house.call("POST", &format!("/v1/subscriptions/{path}"), None).await;
        assert!(status >= 500, "{path}: {status} {problem}");
    }
    let closed = house.get("/v1/status").await["throttled"].clone();
    assert_eq!(closed[0]["area"], "sign-in", "{closed}");
    house.advance(Duration::from_secs(300));
    house.quiet().await;
    house.close().await;
    house.open().await;
    house.quiet().await;
    for path in paths {
        house.call("POST", &format!("/v1/subscriptions/{path}"), None).await;
    }
    house.advance(Duration::from_secs(290));
    house.quiet().await;
    assert_eq!(house.count_requests("POST", &login).await, 1, "it was asked while it had to be left alone");
    house.advance(Duration::from_secs(120));
    house.active("files").await;
    house.active("mail").await;
    assert_eq!(house.count_requests("POST", &login).await, 2);
    assert_eq!(house.get("/v1/status").await["throttled"], json!([]));
}
