use reqwest::Method;
use serde_json::json;

use super::{NONE, SiteBench, refusal};

const LISTS: &str = "/sites/hr/_api/web/lists";
const ACCEPT: [(&str, &str); 1] = [("accept", NONE)];

#[tokio::test]
async fn a_token_gained_by_a_secret_is_refused_and_one_by_a_certificate_is_not() {
    let mut site = SiteBench::start().await;
    assert_eq!(site.send(Method::GET, LISTS, &ACCEPT, None).await.status, 200);
    let secret = site.bench.tenant().client_secret.clone();
    let by_secret = site.bench.token(&secret, "https://contoso.sharepoint.com/.default").await;
    by_secret.body["access_token"].as_str().unwrap().clone_into(&mut site.token);
    let url = format!("{}{LISTS}", site.bench.simulator.url());
    let refused = site.bench.http.get(url).bearer_auth(&site.token).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert!(refused.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer realm="));
    assert_eq!(refused.text().await.unwrap(), "Unsupported app only token.");
}

#[tokio::test]
async fn a_token_is_good_for_the_host_it_was_asked_for() {
    let mut site = SiteBench::start().await;
    let home = "/personal/alice_contoso_com/_api/web";
    assert_eq!(
        site.send(Method::GET, home, &ACCEPT, None).await.status,
        200,
        "the plain host's opens it too"
    );
    for (scope, path, status) in [
        ("https://graph.microsoft.com/.default", LISTS, 401),
        ("https://contoso-my.sharepoint.com/.default", LISTS, 401),
        ("https://contoso-my.sharepoint.com/.default", home, 200),
    ] {
        site.token = site.token_for(scope).await;
        assert_eq!(site.send(Method::GET, path, &ACCEPT, None).await.status, status, "{scope} {path}");
    }
    site.bench.token = site.token_for("https://contoso.sharepoint.com/.default").await;
    assert_eq!(site.bench.get("/sites/root").await.status, 401, "and not for Graph");
    site.token = site.token_for("https://contoso.sharepoint.com/.default").await;
    site.bench.clock.advance(std::time::Duration::from_secs(3600));
    assert_eq!(site.send(Method::GET, LISTS, &ACCEPT, None).await.status, 401, "nor for ever");
}

#[tokio::test]
async fn permissions_for_graph_do_not_help() {
    let site = SiteBench::start().await;
    let roles = json!({"roles": ["Sites.FullControl.All"], "sharepoint": ["Sites.Read.All"]});
    site.bench.control("/roles", roles).await;
    let list = site.list("Candidates").await;
    assert_eq!(site.read(&format!("{list}/items?$top=1")).await["value"][0]["Title"], "Nora Lindqvist");
    for path in [format!("{list}/items"), format!("{list}/subscriptions")] {
        let refused = site.call(Method::POST, &path, Some(json!({"Title": "x"}))).await;
        let (status, code, _) = refusal(&refused, "odata.error");
        assert_eq!((status, code), (403, "-2147024891, System.UnauthorizedAccessException"), "{path}");
    }
    site.bench.control("/roles", json!({"sharepoint": []})).await;
    assert_eq!(site.call(Method::GET, &list, None).await.status, 403);
}
