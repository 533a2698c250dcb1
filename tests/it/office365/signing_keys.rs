use std::time::Duration;

use o365_listener::office365::{TokenVersion, Verdict};
use serde_json::json;

use super::Reach;
use crate::simulator::harness::{Bench, answered};

const KID: &str = "simulated-entra-key-1";

/// Calls of the discovery documents and keys since the last time this was asked.
async fn asked(reach: &Reach) -> usize {
    let requests = reach.requests().await;
    requests.iter().filter(|one| one["url"].as_str().unwrap().starts_with("/common/")).count()
}

#[tokio::test]
async fn keys_are_read_once_and_again_when_one_is_not_known_but_seldom() {
    let reach = Reach::start().await;
    for version in [TokenVersion::V1, TokenVersion::V2] {
        assert!(reach.tenant().signer(version, KID).await.unwrap().is_some());
        assert_eq!(asked(&reach).await, 2);
        for kid in [KID, "other", "other", KID] {
            let found = reach.tenant().signer(version, kid).await.unwrap();
            assert_eq!(found.is_some(), kid == KID);
        }
        assert_eq!(asked(&reach).await, 0);
    }
    reach.bench.clock.advance(Duration::from_secs(300));
    for _ in 0..3 {
        assert!(reach.tenant().signer(TokenVersion::V1, "other").await.unwrap().is_none());
    }
    assert_eq!(asked(&reach).await, 2);
    assert!(reach.scrape().contains(r#"o365_requests_total{api="discovery",status="200"} 6"#));
}

#[tokio::test]
async fn an_outage_of_the_login_host_is_not_asked_about_all_the_time() {
    let reach = Reach::start().await;
    let url = format!("{}/_control/faults", reach.bench.simulator.url());
    let fault = json!({"status": 503, "path_prefix": "/common/"});
    answered(reach.bench.http.post(url).json(&fault)).await;
    for _ in 0..3 {
        let failure = reach.tenant().signer(TokenVersion::V1, KID).await.err().unwrap();
        assert_eq!((failure.verdict, failure.status), (Verdict::Transient, Some(503)));
    }
    assert_eq!(asked(&reach).await, 1);
    reach.bench.clock.advance(Duration::from_secs(30));
    assert!(reach.tenant().signer(TokenVersion::V1, KID).await.unwrap().is_some());
}

#[tokio::test]
async fn a_tenant_that_is_configured_by_its_domain_is_known_by_its_id() {
    for name in ["contoso.com", "the guid"] {
        let bench = Bench::start().await;
        let id = bench.tenant().tenant_id;
        let tenant_id = if name == "the guid" { id.to_string() } else { name.to_owned() };
        let reach = Reach::of(bench, |tenant| tenant.tenant_id = tenant_id);
        let audience = reach.tenant().audience().await.unwrap();
        assert_eq!(audience.tenant_id, id);
        assert_eq!(audience.client_id, reach.bench.tenant().client_id.to_string());
        assert_eq!(reach.office365.audiences().await, [audience]);
    }
}
