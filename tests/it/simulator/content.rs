use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use super::harness::Bench;
use crate::openapi;
use crate::receiver::Receiver;

/// A certificate as a subscription names it.
fn certificate(bits: rcgen::RsaKeySize) -> String {
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, bits).unwrap();
    STANDARD.encode(rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap().der())
}

const RESOURCE: &str = "/users/alice@contoso.com/mailFolders/inbox/messages?$select=subject,receivedDateTime";

fn rich(bench: &Bench, certificate: &str) -> impl FnOnce(&mut Value) {
    let expires = bench.clock.now() + TimeDelta::minutes(1440);
    let certificate = certificate.to_owned();
    move |body| {
        body["resource"] = json!(RESOURCE);
        body["changeType"] = json!("created,updated,deleted");
        body["expirationDateTime"] = json!(expires);
        body["includeResourceData"] = json!(true);
        body["encryptionCertificate"] = json!(certificate);
        body["encryptionCertificateId"] = json!("one");
    }
}

#[tokio::test]
async fn a_subscription_with_resource_data_is_taken_as_documented() {
    let (bench, receiver) = (Bench::start().await, Receiver::start());
    let good = certificate(rcgen::RsaKeySize::_2048);
    let elliptic = rcgen::generate_simple_self_signed(vec![]).unwrap();
    let elliptic = STANDARD.encode(elliptic.cert.der());
    let later = bench.clock.now() + TimeDelta::minutes(1441);
    for (name, value, words) in [
        ("resource", json!("/users/alice@contoso.com/messages"), "$select"),
        ("resource", json!(format!("{RESOURCE},body")), "body cannot be selected"),
        ("resource", json!(format!("{RESOURCE}&$top=5")), "$top is not supported"),
        (
            "resource",
            json!("/users/alice@contoso.com/drive/root"),
            "File Services workload is not enabled for rich notifications.",
        ),
        ("encryptionCertificate", json!("AAAA"), "encryptionCertificate is not"),
        ("encryptionCertificate", json!(elliptic), "RSA key of 2048 to 4096 bits"),
        ("encryptionCertificate", Value::Null, "go together"),
        ("encryptionCertificateId", json!("x".repeat(129)), "128 characters"),
        ("expirationDateTime", json!(later), "can only be 1440 minutes in the future"),
    ] {
        let change = rich(&bench, &good);
        let refused = bench.subscribe(&receiver.url, |body| {
            change(body);
            body[name] = value.clone();
            if body["resource"].as_str().unwrap().contains("drive") {
                body["changeType"] = json!("updated");
            }
        });
        let refused = refused.await;
        assert_eq!(refused.status, 400, "{name} {value}");
        let message = refused.body["error"]["message"].as_str().unwrap();
        assert!(message.contains(words), "{message}");
    }
    let made = bench.subscribe(&receiver.url, rich(&bench, &good)).await;
    assert_eq!(made.status, 201, "{:#}", made.body);
    openapi::assert_answer("POST", "/subscriptions", 201, &made.body);
    assert_eq!(
        (&made.body["includeResourceData"], &made.body["encryptionCertificateId"]),
        (&json!(true), &json!("one"))
    );
    let path = format!("/subscriptions/{}", made.body["id"].as_str().unwrap());
    let change = json!({"encryptionCertificate": good, "encryptionCertificateId": "two"});
    assert_eq!(
        bench.call(Method::PATCH, &path, None, Some(change.clone())).await.status,
        400,
        "without an expiry"
    );
    let mut change = change;
    change["expirationDateTime"] = json!(bench.clock.now() + TimeDelta::minutes(100));
    let changed = bench.write(Method::PATCH, &path, change).await;
    assert_eq!(changed["encryptionCertificateId"], "two");
}

#[tokio::test]
async fn content_comes_encrypted_with_a_token_that_the_published_keys_verify() {
    let (bench, receiver) = (Bench::start().await, Receiver::start());
    let made = bench.subscribe(&receiver.url, rich(&bench, &certificate(rcgen::RsaKeySize::_3072))).await;
    assert_eq!(made.status, 201, "{:#}", made.body);
    let path = "/users/alice@contoso.com/mailFolders/inbox/messages";
    bench.write(Method::POST, path, json!({"subject": "Offer"})).await;
    let notification = receiver.wait_for_posts(1).await.remove(0);
    let content = &notification["encryptedContent"];
    assert_eq!(content["encryptionCertificateId"], "one");
    let size = |name: &str| STANDARD.decode(content[name].as_str().unwrap()).unwrap().len();
    assert_eq!((size("dataKey"), size("dataSignature"), size("data") % 16), (384, 32, 0));
    assert!(notification["resourceData"]["id"].is_string() && !notification.to_string().contains("Offer"));

    let posts = receiver.received();
    let tokens = posts.last().unwrap().body["validationTokens"].as_array().unwrap().clone();
    let [token] = &tokens[..] else { panic!("one app, one tenant: {tokens:?}") };
    let parts: Vec<&str> = token.as_str().unwrap().split('.').collect();
    let part =
        |at: usize| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[at]).unwrap()).unwrap() };
    let (head, claims) = (part(0), part(1));
    assert_eq!((&head["alg"], &claims["ver"]), (&json!("RS256"), &json!("1.0")));
    assert_eq!(claims["appid"], "0bf30f3b-4a52-48df-9a82-234910c4a086");
    for version in ["", "v2.0/"] {
        let url = format!("{}/common/{version}.well-known/openid-configuration", bench.simulator.url());
        let discovery: Value = bench.http.get(url).send().await.unwrap().json().await.unwrap();
        assert!(discovery["issuer"].as_str().unwrap().contains("{tenantid}"), "{discovery}");
        let keys = discovery["jwks_uri"].as_str().unwrap();
        let keys: Value = bench.http.get(keys).send().await.unwrap().json().await.unwrap();
        let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == head["kid"]).unwrap();
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
        let public = aws_lc_rs::rsa::PublicKeyComponents { n: bytes("n"), e: bytes("e") };
        let signed = format!("{}.{}", parts[0], parts[1]);
        let signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
        let algorithm = &aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256;
        public.verify(algorithm, signed.as_bytes(), &signature).unwrap();
    }
}
