//! Sign-in that is refused, tokens that are, and being told to wait.

use std::time::Duration;

use o365_listener::config;
use o365_listener::office365::Verdict;
use serde_json::json;

use super::Reach;
use crate::simulator::harness::Bench;

#[tokio::test]
async fn signing_in_tells_the_permissions_and_the_end_of_the_token() {
    let reach = Reach::start().await;
    reach.bench.control("/roles", json!({"roles": ["Mail.Read", "Sites.Read.All"]})).await;
    let signed_in = reach.tenant().sign_in().await.unwrap();
    assert_eq!(signed_in.roles, ["Mail.Read", "Sites.Read.All"]);
    assert_eq!(signed_in.expires_at, reach.bench.clock.now() + Duration::from_secs(3599));
}

#[tokio::test]
async fn a_refused_sign_in_says_what_is_wrong_with_microsofts_code() {
    type Mistake = fn(&mut config::Tenant);
    let cases: [(Mistake, &str, &str); 3] = [
        (|tenant| tenant.proof = super::secret("wrong"), "AADSTS7000215", "secret is wrong"),
        (|tenant| tenant.client_id = "x".to_owned(), "AADSTS700016", "check client_id"),
        (|tenant| tenant.tenant_id = "fabrikam.com".to_owned(), "AADSTS90002", "no such tenant"),
    ];
    for (change, code, words) in cases {
        let reach = Reach::of(Bench::start().await, change);
        for failure in [
            reach.tenant().sign_in().await.unwrap_err(),
            reach.resolve("onedrive:alice@contoso.com").await.unwrap_err(),
        ] {
            assert_eq!((failure.verdict.clone(), failure.code.as_str()), (Verdict::Unauthorized, code));
            assert!(failure.message.contains(words), "{failure}");
        }
        let text = reach.scrape();
        let asked = text.lines().filter(|line| line.contains(r#"api="login""#)).collect::<Vec<_>>();
        assert!(
            asked.len() == 1 && asked[0].ends_with(" 1"),
            "a refused sign-in is not repeated at once: {asked:?}"
        );
    }
}

#[tokio::test]
async fn a_login_host_that_does_not_answer_is_named() {
    let nobody = "http://127.0.0.1:1".parse().unwrap();
    let reach = Reach::of(Bench::start().await, |tenant| tenant.login_url = Some(nobody));
    let failure = reach.tenant().sign_in().await.unwrap_err();
    assert_eq!((failure.verdict.clone(), failure.code.as_str()), (Verdict::Transient, "unreachable"));
    assert!(failure.message.contains("The login host does not answer"), "{failure}");
    assert!(failure.message.contains("http://127.0.0.1:1 could not be reached"), "{failure}");
}

#[tokio::test]
async fn one_token_is_used_until_shortly_before_its_end() {
    let reach = Reach::start().await;
    let sign_ins = || {
        let text = reach.scrape();
        let line = text.lines().find(|line| line.contains(r#"api="login",status="200""#)).unwrap();
        line.rsplit(' ').next().unwrap().to_owned()
    };
    let (one, two) = tokio::join!(reach.targets(), reach.targets());
    assert_eq!(one, two);
    assert_eq!(sign_ins(), "1", "who needs a token at the same time waits for the same sign-in");
    reach.bench.clock.advance(Duration::from_secs(3599 - 301));
    reach.targets().await;
    assert_eq!(sign_ins(), "1");
    reach.bench.clock.advance(Duration::from_secs(1));
    reach.targets().await;
    assert_eq!(sign_ins(), "2");
}

#[tokio::test]
async fn a_token_that_still_holds_bridges_an_outage_of_sign_in() {
    let reach = Reach::start().await;
    reach.targets().await;
    reach.bench.clock.advance(Duration::from_secs(3599 - 60));
    let tenant = reach.bench.tenant().tenant_id;
    let fault = json!({"status": 503, "count": 9, "path_prefix": format!("/{tenant}")});
    reach.bench.control("/faults", fault).await;
    reach.targets().await;
    reach.bench.clock.advance(Duration::from_secs(60));
    let failure = reach.resolve("onedrive:alice@contoso.com").await.unwrap_err();
    assert_eq!(failure.verdict, Verdict::Transient, "{failure:?}");
}

#[tokio::test]
async fn a_login_host_that_is_out_of_order_is_asked_less_and_less() {
    let reach = Reach::start().await;
    let login = format!("/{}", reach.bench.tenant().tenant_id);
    reach.bench.control("/faults", json!({"status": 503, "count": 1000, "path_prefix": login})).await;
    for _ in 0..60 {
        let failure = reach.resolve("onedrive:alice@contoso.com").await.unwrap_err();
        assert_eq!(failure.verdict, Verdict::Transient, "{failure:?}");
        reach.bench.clock.advance(Duration::from_secs(1));
    }
    let text = reach.scrape();
    let line = text.lines().find(|line| line.contains(r#"api="login",status="503""#)).unwrap();
    assert_eq!(line.rsplit(' ').next().unwrap(), "5", "after 2, 4, 8, 16 and 32 seconds");
    // Who asks by hand is counted there, too.
    assert!(reach.tenant().sign_in().await.is_err());
    assert_eq!(reach.scrape().lines().find(|other| *other == line), Some(line));
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let reach = Reach::start().await;
    let drive = "onedrive:alice@contoso.com";
    reach.resolve(drive).await.unwrap();
    reach.bench.control("/faults", json!({"status": 401, "path_prefix": "/v1.0"})).await;
    reach.resolve(drive).await.unwrap();
    reach.bench.control("/faults", json!({"status": 401, "count": 2, "path_prefix": "/v1.0"})).await;
    let failure = reach.resolve(drive).await.unwrap_err();
    assert_eq!(failure.verdict, Verdict::Unauthorized);
    assert_eq!(failure.code, "InvalidAuthenticationToken");
    reach.resolve(drive).await.unwrap();
}

#[tokio::test]
async fn nothing_leaves_while_the_tenant_has_to_wait() {
    let reach = Reach::start().await;
    let [list, _, mail] = reach.targets().await;
    let fault = json!({"status": 429, "retry_after": 20, "path_prefix": "/v1.0/sites"});
    reach.bench.control("/faults", fault).await;
    let wait = |seconds| Verdict::Throttled(Duration::from_secs(seconds));
    let failure = reach.tenant().page(&list, &[], None).await.unwrap_err();
    assert_eq!((failure.verdict, failure.code.as_str()), (wait(20), "TooManyRequests"));
    reach.requests().await;
    reach.bench.clock.advance(Duration::from_secs(5));
    for target in [&list, &mail] {
        let failure = reach.tenant().page(target, &[], None).await.unwrap_err();
        assert_eq!((failure.verdict, failure.code.as_str()), (wait(15), "throttled"));
    }
    assert!(reach.requests().await.is_empty());
    reach.bench.clock.advance(Duration::from_secs(15));
    reach.tenant().page(&list, &[], None).await.unwrap();
    assert!(reach.scrape().contains(r#"o365_throttled_seconds_total{tenant="contoso"} 20"#));
}

#[tokio::test]
async fn a_mailbox_waits_alone() {
    let reach = Reach::start().await;
    let [list, _, mail] = reach.targets().await;
    let fault = json!({"status": 503, "retry_after": 20, "path_prefix": "/v1.0/users"});
    reach.bench.control("/faults", fault).await;
    assert!(reach.tenant().page(&mail, &[], None).await.unwrap_err().retry_after().is_some());
    assert!(reach.tenant().page(&mail, &[], None).await.unwrap_err().retry_after().is_some());
    reach.tenant().page(&list, &[], None).await.unwrap();
}
