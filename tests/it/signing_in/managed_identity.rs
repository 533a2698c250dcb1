use o365_listener::config::{IdentityService, ManagedIdentity, Proof};
use o365_listener::office365::Verdict;
use o365_listener::secret::Secret;
use serde_json::{Value, json};
use url::Url;

use super::{control_get, sign_ins};
use crate::office365::Reach;
use crate::simulator::harness::Bench;

/// A client on a machine of Azure; `service` makes its identity service out of what the platform says.
async fn on_azure(client_id: Option<&str>, service: impl FnOnce(&Value) -> IdentityService) -> Reach {
    let bench = Bench::start().await;
    let platform = control_get(&bench, "/identity").await;
    let client_id = client_id.map(|id| id.replace("{own}", platform["client_id"].as_str().unwrap()));
    let proof = Proof::ManagedIdentity(ManagedIdentity { client_id, service: service(&platform) });
    Reach::of(bench, |tenant| tenant.proof = proof)
}

fn url(value: &Value) -> Url {
    value.as_str().unwrap().parse().unwrap()
}

fn virtual_machine(platform: &Value) -> IdentityService {
    IdentityService::VirtualMachine(url(&platform["virtual_machine"]["identity_url"]))
}

fn app_service(platform: &Value) -> IdentityService {
    let service = &platform["app_service"];
    IdentityService::AppService {
        endpoint: url(&service["IDENTITY_ENDPOINT"]),
        header: Secret::new(service["IDENTITY_HEADER"].as_str().unwrap()),
    }
}

fn arc(platform: &Value) -> IdentityService {
    let arc = &platform["arc"];
    IdentityService::Arc {
        endpoint: url(&arc["IDENTITY_ENDPOINT"]),
        tokens: arc["tokens"].as_str().unwrap().into(),
    }
}

#[tokio::test]
async fn each_of_azures_services_gives_a_token_that_graph_takes() {
    for (reach, asked) in [
        (on_azure(None, virtual_machine).await, 0),
        (on_azure(Some("{own}"), virtual_machine).await, 0),
        (on_azure(None, app_service).await, 0),
        (on_azure(Some("{own}"), app_service).await, 0),
        (on_azure(None, arc).await, 1),
    ] {
        let signed_in = reach.tenant().sign_in().await.unwrap();
        let life = signed_in.expires_at - reach.bench.clock.now();
        assert_eq!(life.num_seconds(), 3599);
        reach.resolve("onedrive:alice@contoso.com").await.unwrap();
        assert_eq!(sign_ins(&reach, "identity", "401"), asked, "only Arc wants a file to be read first");
        assert_eq!(sign_ins(&reach, "identity", "200"), 1);
        assert!(!reach.scrape().contains(r#"api="login""#), "the login host has no part in it");
        assert_eq!(reach.tenant().credential(), None);
    }
}

#[tokio::test]
async fn an_identity_that_is_not_there_is_told_with_what_to_do() {
    let reach = on_azure(Some("99999999-2222-3333-4444-555555555555"), virtual_machine).await;
    let failure = reach.tenant().sign_in().await.unwrap_err();
    assert_eq!((failure.verdict.clone(), failure.code.as_str()), (Verdict::Unauthorized, "invalid_request"));
    assert!(failure.message.contains("check that an identity is assigned"), "{failure}");
    assert!(failure.message.ends_with("400: Identity not found"), "{failure}");
    let wrong = |platform: &Value| match app_service(platform) {
        IdentityService::AppService { endpoint, .. } => {
            IdentityService::AppService { endpoint, header: Secret::new("hunter2") }
        }
        other => other,
    };
    let failure = on_azure(None, wrong).await.tenant().sign_in().await.unwrap_err();
    assert_eq!((failure.verdict.clone(), failure.status), (Verdict::Unauthorized, Some(401)));
    assert!(!failure.message.contains("hunter2"), "{failure}");
}

#[tokio::test]
async fn arc_cannot_have_any_file_read() {
    let elsewhere = tempfile::tempdir().unwrap();
    let folder = elsewhere.path().to_owned();
    let reach = on_azure(None, |platform| match arc(platform) {
        IdentityService::Arc { endpoint, .. } => IdentityService::Arc { endpoint, tokens: folder },
        other => other,
    })
    .await;
    let failure = reach.tenant().sign_in().await.unwrap_err();
    assert_eq!((failure.verdict.clone(), failure.code.as_str()), (Verdict::Unauthorized, "managedIdentity"));
    assert!(failure.message.contains("which is not a .key file in"), "{failure}");
    assert_eq!(sign_ins(&reach, "identity", "200"), 0);
}

#[tokio::test]
async fn a_service_that_is_being_updated_is_asked_again_later() {
    let reach = on_azure(None, virtual_machine).await;
    for status in [404, 410, 429, 500] {
        let fault = json!({"status": status, "path_prefix": "/metadata"});
        reach.bench.control("/faults", fault).await;
        let failure = reach.tenant().sign_in().await.unwrap_err();
        assert!(failure.is_transient(), "{status}: {failure:?}");
    }
    reach.tenant().sign_in().await.unwrap();
}

#[tokio::test]
async fn a_machine_that_is_not_azures_is_told_so() {
    let nobody = |_: &Value| IdentityService::VirtualMachine("http://127.0.0.1:1".parse().unwrap());
    let failure = on_azure(None, nobody).await.tenant().sign_in().await.unwrap_err();
    assert_eq!((failure.verdict.clone(), failure.code.as_str()), (Verdict::Transient, "unreachable"));
    assert!(failure.message.contains("works only on Azure's machines"), "{failure}");
}
