use serde_json::json;

use super::harness::{Bench, items};

#[tokio::test]
async fn addresses_lead_to_sites_lists_drives_and_users() {
    let bench = Bench::start().await;
    let site = bench.read("/sites/contoso.sharepoint.com:/sites/hr").await;
    assert_eq!(site["webUrl"], "https://contoso.sharepoint.com/sites/hr");
    let id = site["id"].as_str().unwrap();
    assert_eq!(id.split(',').count(), 3);
    assert_eq!(bench.read(&format!("/sites/{id}")).await["id"], id);
    assert_eq!(
        bench.read("/sites/root").await["id"],
        bench.read("/sites/contoso.sharepoint.com").await["id"]
    );
    // As client libraries write it that put the whole address in the place of an id.
    for encoded in ["contoso.sharepoint.com%3A%2Fsites%2Fhr", "contoso.sharepoint.com%3A%2Fsites%2Fhr%3A"] {
        assert_eq!(bench.read(&format!("/sites/{encoded}")).await["id"], id);
    }
    let lists = bench.read("/sites/contoso.sharepoint.com:/sites/hr:/lists").await;
    let found: Vec<_> = items(&lists).iter().map(|list| list["list"]["template"].as_str().unwrap()).collect();
    assert!(found.contains(&"genericList") && found.contains(&"documentLibrary"));
    let list = bench.read(&format!("/sites/{id}/lists/Candidates")).await;
    let by_id = bench.read(&format!("/sites/{id}/lists/{}", list["id"].as_str().unwrap())).await;
    assert_eq!(by_id["webUrl"], "https://contoso.sharepoint.com/sites/hr/Lists/Candidates");
    let columns = bench.read(&format!("/sites/{id}/lists/Candidates/columns")).await;
    assert!(items(&columns).iter().any(|column| column["name"] == "Stage" && column["readOnly"] == false));
    let library = bench.read(&format!("/sites/{id}/lists/Documents/drive")).await;
    assert_eq!(library["id"], items(&bench.read(&format!("/sites/{id}/drives")).await)[0]["id"]);
    assert_eq!(library["driveType"], "documentLibrary");
    let drive = bench.read("/users/alice@contoso.com/drive").await;
    assert_eq!(drive["driveType"], "business");
    let path = format!("/drives/{}", drive["id"].as_str().unwrap());
    assert_eq!(bench.read(&path).await["id"], drive["id"]);
    assert_eq!(bench.read(&format!("{path}/root")).await["name"], "root");
    let inbox = bench.read("/users/alice@contoso.com/mailFolders/inbox").await;
    let folders = bench.read("/users/alice@contoso.com/mailFolders").await;
    assert!(items(&folders).iter().any(|folder| folder["id"] == inbox["id"]));
}

#[tokio::test]
async fn what_is_not_there_is_refused_in_the_words_of_its_service() {
    let bench = Bench::start().await;
    for (path, status, code, text) in [
        ("/sites/contoso.sharepoint.com:/sites/nowhere", 404, "itemNotFound", ""),
        ("/sites/fabrikam.sharepoint.com", 400, "invalidRequest", "Invalid hostname for this tenancy"),
        ("/sites/contoso.sharepoint.com:/sites/hr:/lists/Nothing", 404, "itemNotFound", ""),
        ("/users/nobody@contoso.com", 404, "Request_ResourceNotFound", ""),
        ("/users/nobody@contoso.com/mailFolders", 404, "ErrorInvalidUser", ""),
        ("/users/carol@contoso.com/drive", 404, "itemNotFound", "User's mysite not found"),
        ("/users/alice@contoso.com/mailFolders/inbox/messages/AAMkAx", 404, "ErrorItemNotFound", ""),
        ("/wonders", 400, "BadRequest", "Resource not found for the segment 'wonders'"),
    ] {
        let answer = bench.get(path).await;
        assert_eq!((answer.status, answer.body["error"]["code"].as_str()), (status, Some(code)), "{path}");
        assert!(answer.body["error"]["message"].as_str().unwrap().contains(text), "{path}");
        assert_eq!(
            answer.body["error"]["innerError"]["request-id"],
            answer.headers["request-id"].to_str().unwrap()
        );
        assert_eq!(answer.headers["date"], "Mon, 23 Nov 2026 10:00:00 GMT");
    }
}

#[tokio::test]
async fn missing_permissions_and_queued_faults_are_told() {
    let bench = Bench::start().await;
    bench.control("/faults", json!({"status": 429, "path_prefix": "/v1.0/users", "retry_after": 7})).await;
    let throttled = bench.get("/users/alice@contoso.com").await;
    assert_eq!((throttled.status, throttled.headers["retry-after"].to_str().unwrap()), (429, "7"));
    assert_eq!(bench.get("/users/alice@contoso.com").await.status, 200);
    bench.control("/roles", json!({"roles": []})).await;
    let mail = bench.get("/users/alice@contoso.com/messages").await;
    assert_eq!((mail.status, mail.body["error"]["code"].as_str()), (403, Some("ErrorAccessDenied")));
    let drive = bench.get("/users/alice@contoso.com/drive").await;
    assert_eq!((drive.status, drive.body["error"]["code"].as_str()), (403, Some("accessDenied")));
}

#[tokio::test]
async fn what_clients_sent_is_kept_without_credentials() {
    let bench = Bench::start().await;
    bench.get("/subscriptions").await;
    let kept = bench.http.get(format!("{}/_control/requests", bench.simulator.url())).send().await.unwrap();
    let text = kept.text().await.unwrap();
    assert!(text.contains("/v1.0/subscriptions") && text.contains("/oauth2/v2.0/token"));
    assert!(!text.contains(&bench.token) && !text.contains(&bench.tenant().client_secret));
}
