//! The stand-in verifies: what is wrong with an assertion of anybody is refused with Entra's numbers.

use jsonwebtoken::{Algorithm, Header};
use serde_json::{Value, json};

use super::{Pair, current, opened, present, register, right_claims};
use crate::simulator::harness::Bench;

#[tokio::test]
async fn a_right_assertion_gives_a_token_that_says_so() {
    let (bench, pair) = (Bench::start().await, Pair::until(2028));
    register(&bench, &pair.certificate).await;
    let padded = Header { x5t_s256: Some(format!("{}=", pair.sha256())), ..current(&pair) };
    let former = Header { x5t: Some(pair.sha1()), ..Header::new(Algorithm::RS256) };
    let claims = right_claims(&bench);
    let here = json!({"aud": format!("{}/contoso.com/oauth2/v2.0/token", bench.simulator.url())});
    let here = with(&claims, &here);
    for (header, claims) in
        [(current(&pair), &claims), (padded, &claims), (former, &claims), (current(&pair), &here)]
    {
        let answer = present(&bench, &pair.signed(&header, claims)).await;
        assert_eq!(answer.status, 200, "{header:?}: {}", answer.body);
        let token = opened(answer.body["access_token"].as_str().unwrap());
        assert_eq!(token["appidacr"], "2", "signed in with a certificate");
    }
}

fn with(claims: &Value, change: &Value) -> Value {
    let mut claims = claims.clone();
    for (key, value) in change.as_object().unwrap() {
        claims[key] = value.clone();
    }
    claims
}

#[tokio::test]
async fn a_wrong_assertion_is_refused_for_what_is_wrong_with_it() {
    let (bench, pair, other) = (Bench::start().await, Pair::until(2028), Pair::until(2028));
    register(&bench, &pair.certificate).await;
    let (claims, now) = (right_claims(&bench), bench.clock.now().timestamp());
    let header = || current(&pair);
    let claiming = |change: Value| pair.signed(&header(), &with(&claims, &change));
    let tenant = bench.tenant().tenant_id;
    let mut swapped = header();
    swapped.x5t_s256 = Some(other.sha256());
    let mixed = Header { x5t: Some(pair.sha1()), x5t_s256: None, ..header() };
    let right = claiming(json!({}));
    let altered = {
        let mut parts: Vec<&str> = right.split('.').collect();
        let wrong = claiming(json!({"jti": "another"}));
        parts[1] = wrong.split('.').nth(1).unwrap();
        parts.join(".")
    };
    for (assertion, number, what) in [
        (claiming(json!({"aud": "https://graph.microsoft.com"})), 700_023, "audience"),
        (
            claiming(json!({"aud": format!("https://evil.example/{tenant}/oauth2/v2.0/token")})),
            700_023,
            "host",
        ),
        (
            claiming(json!({"aud": "https://login.microsoftonline.com/common/oauth2/v2.0/token"})),
            700_023,
            "tenant",
        ),
        (claiming(json!({"exp": now - 1, "nbf": now - 601})), 700_024, "expired"),
        (claiming(json!({"exp": now})), 700_024, "expired now"),
        (claiming(json!({"nbf": now + 1})), 700_024, "not yet"),
        (claiming(json!({"sub": "someone"})), 700_021, "subject"),
        (claiming(json!({"iss": "someone"})), 700_021, "issuer"),
        (claiming(json!({"iss": "someone", "sub": "someone"})), 700_211, "both"),
        (pair.signed(&swapped, &claims), 700_027, "thumbprint of another"),
        (pair.signed(&mixed, &claims), 700_027, "former name with the current algorithm"),
        (pair.signed(&Header::new(Algorithm::PS256), &claims), 700_027, "no thumbprint"),
        (other.signed(&header(), &claims), 700_027, "key of another"),
        (altered, 700_027, "altered"),
        ("a.b.c".to_owned(), 50027, "no JWT"),
        ("x".to_owned(), 50027, "nothing like a JWT"),
    ] {
        let answer = present(&bench, &assertion).await;
        assert_eq!(answer.body["error_codes"], json!([number]), "{what}: {}", answer.body);
        let error = if number == 50027 { "invalid_request" } else { "invalid_client" };
        assert_eq!(answer.body["error"], error, "{what}");
        assert_eq!(answer.status, if number == 50027 { 400 } else { 401 }, "{what}");
    }
    assert_eq!(present(&bench, &right).await.status, 200, "the right one is taken, and taken again");
    assert_eq!(present(&bench, &right).await.status, 200);
}

#[tokio::test]
async fn only_usable_certificates_are_registered() {
    let bench = Bench::start().await;
    let url = format!("{}/_control/certificates", bench.simulator.url());
    let (pair, curve) = (Pair::until(2028), rcgen::KeyPair::generate().unwrap());
    let curve = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&curve).unwrap();
    for (body, status) in [
        (pair.certificate.clone(), 200),
        (json!({"certificate": pair.certificate}).to_string(), 200),
        (json!({"certificate": "x"}).to_string(), 400),
        (curve.pem(), 400),
        (String::new(), 400),
    ] {
        let answer = crate::simulator::harness::answered(bench.http.post(&url).body(body)).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        if status == 200 {
            assert_eq!(answer.body["x5t#S256"], pair.sha256());
            assert_eq!(answer.body["x5t"], pair.sha1());
            assert_eq!(answer.body["expires_at"], "2028-01-01T00:00:00Z");
        }
    }
}
