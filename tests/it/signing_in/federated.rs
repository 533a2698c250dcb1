use std::path::Path;

use jsonwebtoken::{Algorithm, Header};
use o365_listener::config::Proof;
use o365_listener::office365::Verdict;
use serde_json::{Value, json};

use super::{Pair, reach, sign_ins};
use crate::office365::Reach;

const ISSUER: &str = "https://kubernetes.example/id/4711";
const SUBJECT: &str = "system:serviceaccount:default:o365-listener";

async fn trusting(issuer: &Pair, file: &Path) -> Reach {
    let reach = reach(Proof::FederatedToken(file.to_owned())).await;
    let jwks = json!({"keys": [issuer.jwk("other"), issuer.jwk("key-1")]});
    let credential = json!({"issuer": ISSUER, "subject": SUBJECT, "jwks": jwks});
    reach.bench.control("/federated", credential).await;
    reach
}

fn token(issuer: &Pair, reach: &Reach, change: &Value) -> String {
    let now = reach.bench.clock.now().timestamp();
    let mut claims = json!({
        "iss": ISSUER, "sub": SUBJECT, "aud": "api://AzureADTokenExchange", "iat": now, "exp": now + 3600,
    });
    for (key, value) in change.as_object().unwrap() {
        claims[key] = value.clone();
    }
    let header = Header { kid: Some("key-1".to_owned()), ..Header::new(Algorithm::RS256) };
    issuer.signed(&header, &claims)
}

#[tokio::test]
async fn the_file_is_read_again_for_each_token() {
    let (folder, issuer) = (tempfile::tempdir().unwrap(), Pair::until(2028));
    let file = folder.path().join("token");
    let reach = trusting(&issuer, &file).await;
    std::fs::write(&file, format!("{}\n", token(&issuer, &reach, &json!({})))).unwrap();
    reach.resolve("onedrive:alice@contoso.com").await.unwrap();
    reach.bench.clock.advance(std::time::Duration::from_secs(3600));
    let failure = reach.tenant().sign_in().await.unwrap_err();
    assert_eq!(failure.code, "AADSTS700024", "{failure}");
    assert!(failure.message.contains("a federated token has to be issued anew"), "{failure}");
    std::fs::write(&file, token(&issuer, &reach, &json!({}))).unwrap();
    reach.tenant().sign_in().await.unwrap();
    assert_eq!(reach.tenant().credential(), None);
}

#[tokio::test]
async fn what_does_not_fit_the_credential_letter_by_letter_is_refused() {
    let (folder, issuer) = (tempfile::tempdir().unwrap(), Pair::until(2028));
    let file = folder.path().join("token");
    let reach = trusting(&issuer, &file).await;
    let forged = token(&Pair::until(2028), &reach, &json!({}));
    for (token, code) in [
        (token(&issuer, &reach, &json!({"iss": format!("{ISSUER}/")})), "AADSTS700211"),
        (token(&issuer, &reach, &json!({"sub": SUBJECT.to_uppercase()})), "AADSTS700213"),
        (token(&issuer, &reach, &json!({"aud": "api://azureadtokenexchange"})), "AADSTS700212"),
        (token(&issuer, &reach, &json!({"aud": ["a", "b"]})), "AADSTS700212"),
        (forged, "AADSTS50013"),
    ] {
        std::fs::write(&file, token).unwrap();
        let failure = reach.tenant().sign_in().await.unwrap_err();
        assert_eq!(
            (failure.verdict.clone(), failure.code.as_str()),
            (Verdict::Unauthorized, code),
            "{failure}"
        );
    }
    // A list of audiences, as Kubernetes writes it.
    for aud in [json!("api://AzureADTokenExchange"), json!(["api://AzureADTokenExchange"])] {
        std::fs::write(&file, token(&issuer, &reach, &json!({"aud": aud}))).unwrap();
        reach.tenant().sign_in().await.unwrap();
    }
}

#[tokio::test]
async fn a_file_without_a_token_is_named_and_nothing_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let reach = reach(Proof::FederatedToken(file.clone())).await;
    for text in [None, Some(""), Some("secret but no token")] {
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        let failure = reach.tenant().sign_in().await.unwrap_err();
        assert_eq!((failure.verdict, failure.code.as_str()), (Verdict::Unauthorized, "federatedToken"));
        assert!(failure.message.contains(&file.display().to_string()), "{}", failure.message);
        assert!(!failure.message.contains("secret but"), "{}", failure.message);
    }
    assert_eq!(sign_ins(&reach, "login", "401") + sign_ins(&reach, "login", "200"), 0);
}
