use std::time::Duration;

use serde_json::json;

use super::harness::{Bench, answered};
use crate::openapi;

#[tokio::test]
async fn a_right_secret_gives_a_token_that_graph_takes_until_it_expires() {
    let bench = Bench::start().await;
    assert_eq!(bench.get("/subscriptions").await.status, 200);
    bench.clock.advance(Duration::from_secs(3600));
    let expired = bench.get("/subscriptions").await;
    assert_eq!(expired.status, 401);
    assert_eq!(expired.body["error"]["code"], "InvalidAuthenticationToken");
    assert!(expired.headers.contains_key("www-authenticate"));
    openapi::assert_answer("GET", "/subscriptions", 401, &expired.body);
    bench.simulator.stop().await;
}

#[tokio::test]
async fn a_token_for_another_audience_or_with_another_signature_is_refused() {
    let mut bench = Bench::start().await;
    let good = bench.token.clone();
    bench.token = format!("{good}x");
    assert_eq!(bench.get("/subscriptions").await.status, 401);
    bench.token = String::new();
    assert_eq!(bench.get("/subscriptions").await.status, 401);
    let secret = bench.tenant().client_secret.clone();
    let answer = bench.token(&secret, "https://contoso.sharepoint.com/.default").await;
    bench.token = answer.body["access_token"].as_str().unwrap().to_owned();
    let refused = bench.get("/subscriptions").await;
    assert_eq!(refused.status, 401);
    assert!(refused.body["error"]["message"].as_str().unwrap().contains("audience"));
}

#[tokio::test]
async fn sign_in_refuses_with_the_numbers_of_entra() {
    let bench = Bench::start().await;
    let client = bench.tenant().client_id.to_string();
    let secret = bench.tenant().client_secret.clone();
    let scope = "https://graph.microsoft.com/.default";
    let base = [("grant_type", "client_credentials"), ("client_id", &client), ("client_secret", &secret)];
    let wrong_secret = bench.token("nonsense", scope).await;
    assert_eq!((wrong_secret.status, wrong_secret.body["error"].as_str()), (401, Some("invalid_client")));
    assert_eq!(wrong_secret.body["error_codes"], json!([7_000_215]));
    assert!(wrong_secret.body["error_description"].as_str().unwrap().contains("\r\n"));
    assert_eq!(wrong_secret.body["timestamp"], "2026-11-23 10:00:00Z");
    let with = |more: &[(&'static str, &'static str)]| {
        let mut form: Vec<(&str, &str)> = base.to_vec();
        for (name, value) in more {
            form.retain(|(other, _)| other != name);
            form.push((name, value));
        }
        form.into_iter().filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>()
    };
    for (form, status, error, number) in [
        (with(&[]), 400, "invalid_request", 900_144),
        (with(&[("scope", "Mail.Read")]), 400, "invalid_scope", 70011),
        (with(&[("scope", "https://x.example/.default")]), 400, "invalid_resource", 500_011),
        (with(&[("grant_type", "password")]), 400, "unsupported_grant_type", 70003),
        (with(&[("client_id", "someone")]), 400, "unauthorized_client", 700_016),
        (with(&[("client_secret", "")]), 401, "invalid_client", 7_000_218),
    ] {
        let answer = bench.form(&form).await;
        assert_eq!((answer.status, answer.body["error"].as_str()), (status, Some(error)), "{form:?}");
        assert_eq!(answer.body["error_codes"], json!([number]));
    }
    let elsewhere = format!("{}/fabrikam.com/oauth2/v2.0/token", bench.simulator.url());
    let answer = answered(bench.http.post(elsewhere).body("grant_type=client_credentials")).await;
    assert_eq!((answer.status, answer.body["error_codes"].clone()), (400, json!([90002])));
}

#[tokio::test]
async fn the_secret_may_come_as_http_basic() {
    let bench = Bench::start().await;
    let url = format!("{}/contoso.com/oauth2/v2.0/token", bench.simulator.url());
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let tenant = bench.tenant();
    let request = bench
        .http
        .post(url)
        .basic_auth(encode(&tenant.client_id.to_string()), Some(encode(&tenant.client_secret)));
    let answer = answered(
        request.body("grant_type=client_credentials&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default"),
    )
    .await;
    assert_eq!((answer.status, answer.body["expires_in"].clone()), (200, json!(3599)));
}

#[tokio::test]
async fn the_endpoints_of_a_tenant_are_found_as_client_libraries_look_for_them() {
    let bench = Bench::start().await;
    let (url, tenant) = (bench.simulator.url(), bench.tenant().tenant_id);
    for (name, version, issuer) in [
        (tenant.to_string(), "/v2.0", format!("https://login.microsoftonline.com/{tenant}/v2.0")),
        ("contoso.com".to_owned(), "/v2.0", format!("https://login.microsoftonline.com/{tenant}/v2.0")),
        (tenant.to_string(), "", format!("https://sts.windows.net/{tenant}/")),
    ] {
        let found = bench.http.get(format!("{url}/{name}{version}/.well-known/openid-configuration"));
        let found = answered(found).await.body;
        assert_eq!(found["issuer"], issuer);
        assert_eq!(found["token_endpoint"], format!("{url}/{tenant}/oauth2{version}/token"));
        assert_eq!(found["authorization_endpoint"], format!("{url}/{tenant}/oauth2{version}/authorize"));
        assert_eq!(found["jwks_uri"], format!("{url}/{tenant}/discovery{version}/keys"));
    }
    let common = bench.http.get(format!("{url}/organizations/v2.0/.well-known/openid-configuration"));
    let common = answered(common).await.body;
    assert_eq!(common["issuer"], "https://login.microsoftonline.com/{tenantid}/v2.0");
    assert_eq!(common["token_endpoint"], format!("{url}/organizations/oauth2/v2.0/token"));
}

#[tokio::test]
async fn links_begin_as_the_caller_of_a_proxy_before_it_wrote_them() {
    let bench = Bench::with_pages_of(1).await;
    let request =
        bench.http.get(format!("{}/v1.0/users/alice@contoso.com/mailFolders", bench.simulator.url()));
    let request = request.bearer_auth(&bench.token).header("X-Forwarded-Proto", "https");
    let page = answered(request.header("X-Forwarded-Host", "graph.test")).await.body;
    let link = page["@odata.nextLink"].as_str().unwrap();
    assert!(link.starts_with("https://graph.test/v1.0/users/"), "{link}");
}
