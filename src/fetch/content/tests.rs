use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::DecodingKey;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use uuid::Uuid;

use super::worth::worth_telling;
use super::*;
use crate::model::{CertificateId, Properties, Target};
use crate::office365::{Audience, Signer, TokenVersion};
use crate::store::Known;

/// Microsoft's published test vector: its element and its key.
fn vector() -> (Value, DecryptionKey) {
    let file = |name| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/encrypted-content").join(name);
    let element = std::fs::read(file("element.json")).unwrap();
    let certificate = CertificateDer::from_pem_file(file("certificate.pem")).unwrap();
    let key = PrivatePkcs8KeyDer::from_pem_file(file("key.pem")).unwrap();
    let id = CertificateId("custom-id-for-testing".to_owned());
    let key = DecryptionKey::new(id, &certificate, key.secret_pkcs8_der()).unwrap();
    (serde_json::from_slice(&element).unwrap(), key)
}

fn opened(element: &Value, key: &DecryptionKey) -> Result<Opened, Fault> {
    open(element.to_string().as_bytes(), std::slice::from_ref(key))
}

#[test]
fn microsofts_own_test_vector_opens() {
    let (element, key) = vector();
    assert_eq!(key.thumbprint, "4B95353E086AD37196606ACF834A14532F03E6DB");
    let opened = opened(&element, &key).unwrap();
    assert_eq!(opened.content["etag"], "1625126194597");
    assert_eq!(opened.certificate.0, "custom-id-for-testing");
}

#[test]
fn what_is_not_as_it_was_sent_is_named_as_far_as_that_helps_nobody() {
    let (good, key) = vector();
    let cases: [(&str, Value, Fault); 12] = [
        ("encryptionCertificateId", json!("other"), Fault::UnknownCertificate),
        ("encryptionCertificateThumbprint", json!("00"), Fault::Thumbprint),
        ("encryptionCertificateId", Value::Null, Fault::Malformed),
        ("data", Value::Null, Fault::Malformed),
        ("data", json!("no base64!"), Fault::Malformed),
        ("data", json!(""), Fault::Undecryptable),
        ("data", json!("AAAA"), Fault::Undecryptable),
        ("dataKey", json!(""), Fault::Undecryptable),
        ("dataKey", json!("AAAA"), Fault::Undecryptable),
        ("dataKey", good["encryptedContent"]["data"].clone(), Fault::Undecryptable),
        ("dataSignature", json!(""), Fault::Undecryptable),
        ("dataSignature", json!("wAtDAqtryLgLo4zhy8BOpqTjf6BYlGv1I9acDpKQo5g="), Fault::Undecryptable),
    ];
    for (name, value, fault) in cases {
        let mut element = good.clone();
        element["encryptedContent"][name] = value.clone();
        assert_eq!(opened(&element, &key), Err(fault), "{name} {value}");
    }
    let mut lower = good.clone();
    lower["encryptedContent"]["encryptionCertificateThumbprint"] =
        json!("4b95353e086ad37196606acf834a14532f03e6db");
    assert!(opened(&lower, &key).is_ok());
    for nothing in [json!(null), json!([]), json!({}), json!({"encryptedContent": 1}), json!("x")] {
        assert_eq!(opened(&nothing, &key), Err(Fault::Malformed), "{nothing}");
    }
    assert_eq!(open(good.to_string().as_bytes(), &[]), Err(Fault::UnknownCertificate));
}

const TENANT: &str = "c0ffee00-1111-4222-8333-444455556666";
const CLIENT: &str = "11111111-2222-3333-4444-555555555555";
const PUBLISHER: &str = "0bf30f3b-4a52-48df-9a82-234910c4a086";
const STRANGER: &str = "99999999-9999-4999-8999-999999999999";

fn now() -> DateTime<Utc> {
    "2026-11-24T10:00:00Z".parse().unwrap()
}

fn audience(tenant: &str, client: &str) -> Audience {
    Audience { client_id: client.to_owned(), tenant_id: tenant.parse().unwrap() }
}

/// Entra's key, and how tokens are signed with it.
struct Entra(KeyPair);

impl Entra {
    fn new() -> Self {
        Self(KeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    fn signer(&self) -> Signer {
        let public = self.0.public_key();
        let key = DecodingKey::from_rsa_raw_components(
            public.modulus().big_endian_without_leading_zero(),
            public.exponent().big_endian_without_leading_zero(),
        );
        let issuers =
            ["https://sts.windows.net/{tenantid}/", "https://login.microsoftonline.com/{tenantid}/v2.0"];
        Signer::new(key, issuers.map(str::to_owned).to_vec())
    }

    fn token(&self, head: &Value, claims: &Value) -> String {
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(head), encode(claims));
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn head() -> Value {
    json!({"typ": "JWT", "alg": "RS256", "kid": "k1"})
}

fn claims(version: u8) -> Value {
    let (who, issuer, ver) = match version {
        2 => ("azp", format!("https://login.microsoftonline.com/{TENANT}/v2.0"), "2.0"),
        _ => ("appid", format!("https://sts.windows.net/{TENANT}/"), "1.0"),
    };
    let at = now().timestamp();
    json!({"aud": CLIENT, "iss": issuer, "nbf": at - 60, "exp": at + 3600, who: PUBLISHER, "tid": TENANT, "ver": ver})
}

fn checked(token: &str, signer: &Signer) -> Result<Uuid, Fault> {
    let claimed = glance_at_token(token)?;
    let audiences = [audience(STRANGER, STRANGER), audience(TENANT, CLIENT)];
    check_token(token, &claimed, signer, &audiences, now())
}

#[test]
fn a_token_of_either_version_says_which_key_it_is_signed_with_and_is_about_its_tenant() {
    let entra = Entra::new();
    for (version, form) in [(1, TokenVersion::V1), (2, TokenVersion::V2)] {
        let token = entra.token(&head(), &claims(version));
        assert_eq!(glance_at_token(&token), Ok(Claimed { version: form, kid: "k1".to_owned() }));
        assert_eq!(checked(&token, &entra.signer()), Ok(TENANT.parse().unwrap()));
    }
}

#[test]
fn a_token_with_anything_wrong_is_refused_for_that() {
    let (entra, stranger) = (Entra::new(), Entra::new());
    let at = now().timestamp();
    let table: Vec<(u8, &str, Value, Result<(), Fault>)> = vec![
        (1, "aud", json!(STRANGER), Err(Fault::Audience)),
        (1, "aud", json!(""), Err(Fault::Audience)),
        (1, "aud", json!([CLIENT]), Err(Fault::Signature)),
        (1, "tid", json!(STRANGER), Err(Fault::Issuer)),
        (1, "tid", json!("contoso.com"), Err(Fault::Tenant)),
        (1, "iss", json!(format!("https://sts.windows.net/{STRANGER}/")), Err(Fault::Issuer)),
        (1, "iss", json!(format!("https://sts.windows.net/{TENANT}")), Err(Fault::Issuer)),
        (
            1,
            "iss",
            json!(format!("https://evil.example/?https://sts.windows.net/{TENANT}/")),
            Err(Fault::Issuer),
        ),
        (2, "iss", json!(format!("https://login.microsoftonline.com/{TENANT}/v2.0/")), Err(Fault::Issuer)),
        (1, "appid", json!(CLIENT), Err(Fault::Publisher)),
        (1, "appid", Value::Null, Err(Fault::Publisher)),
        (2, "azp", json!(CLIENT), Err(Fault::Publisher)),
        (2, "azp", Value::Null, Err(Fault::Publisher)),
        (1, "exp", json!(at - 299), Ok(())),
        (1, "exp", json!(at - 300), Err(Fault::Expired)),
        (1, "nbf", json!(at + 300), Ok(())),
        (1, "nbf", json!(at + 301), Err(Fault::Expired)),
        (1, "exp", json!(i64::MAX), Err(Fault::MalformedToken)),
        (1, "exp", json!(-1), Err(Fault::MalformedToken)),
        (1, "exp", Value::Null, Err(Fault::Signature)),
        (1, "nbf", Value::Null, Err(Fault::Signature)),
        (1, "ver", json!("3.0"), Err(Fault::MalformedToken)),
        (1, "ver", Value::Null, Err(Fault::MalformedToken)),
        // A caller in the claim of the other version is no caller.
        (1, "ver", json!("2.0"), Err(Fault::Publisher)),
        (2, "ver", json!("1.0"), Err(Fault::Publisher)),
    ];
    for (version, claim, value, expected) in table {
        let mut claims = claims(version);
        claims[claim] = value.clone();
        let token = entra.token(&head(), &claims);
        assert_eq!(checked(&token, &entra.signer()).map(|_| ()), expected, "{claim} {value}");
    }
    let mut foreign = claims(1);
    foreign["tid"] = json!("88888888-9999-4999-8999-999999999999");
    foreign["iss"] = json!("https://sts.windows.net/88888888-9999-4999-8999-999999999999/");
    assert_eq!(checked(&entra.token(&head(), &foreign), &entra.signer()), Err(Fault::Tenant));
    // The app of one tenant, the id of another: both are configured, but not together.
    let mut crossed = claims(1);
    crossed["aud"] = json!(STRANGER);
    assert_eq!(checked(&entra.token(&head(), &crossed), &entra.signer()), Err(Fault::Audience));
    assert_eq!(checked(&stranger.token(&head(), &claims(1)), &entra.signer()), Err(Fault::Signature));
}

#[test]
fn a_token_that_is_not_signed_with_rs256_is_refused_before_its_key_is_looked_for() {
    let entra = Entra::new();
    let with = |name: &str, value: Value| {
        let mut head = head();
        head[name] = value;
        checked(&entra.token(&head, &claims(1)), &entra.signer())
    };
    for algorithm in ["none", "None", "HS256", "RS384", "PS256", "ES256", ""] {
        assert_eq!(with("alg", json!(algorithm)), Err(Fault::Algorithm), "{algorithm}");
    }
    for (name, value) in
        [("alg", Value::Null), ("kid", Value::Null), ("kid", json!(1)), ("crit", json!(["exp"]))]
    {
        assert_eq!(with(name, value.clone()), Err(Fault::MalformedToken), "{name} {value}");
    }
    let good = entra.token(&head(), &claims(1));
    let unsigned = format!("{}.", good.rsplit_once('.').unwrap().0);
    assert_eq!(checked(&unsigned, &entra.signer()), Err(Fault::Signature));
    for text in
        ["", ".", "..", "a.b.c", &good[1..], &format!("{good}.x"), &format!(" {good}"), &"a.".repeat(9)]
    {
        assert_eq!(checked(text, &entra.signer()), Err(Fault::MalformedToken), "{text}");
    }
    // HMAC under the public key, which everybody has.
    let public = entra.0.public_key().as_ref().to_vec();
    let forged = jsonwebtoken::encode(
        &jsonwebtoken::Header { kid: Some("k1".to_owned()), ..Default::default() },
        &claims(1),
        &jsonwebtoken::EncodingKey::from_secret(&public),
    );
    assert_eq!(checked(&forged.unwrap(), &entra.signer()), Err(Fault::Algorithm));
}

#[test]
fn a_token_is_judged_by_when_it_arrived() {
    let entra = Entra::new();
    let token = entra.token(&head(), &claims(1));
    let claimed = glance_at_token(&token).unwrap();
    let audiences = [audience(TENANT, CLIENT)];
    let at =
        |hours| check_token(&token, &claimed, &entra.signer(), &audiences, now() + TimeDelta::hours(hours));
    assert!(at(0).is_ok());
    assert_eq!(at(2), Err(Fault::Expired));
    assert_eq!(at(-1), Err(Fault::Expired));
}

fn message(modified: &str) -> Value {
    json!({
        "id": "m1", "subject": "Offer", "receivedDateTime": "2026-11-24T09:00:00Z",
        "createdDateTime": "2026-11-24T09:00:00Z", "lastModifiedDateTime": modified, "isRead": false, "isDraft": false,
        "hasAttachments": false, "parentFolderId": "inbox", "conversationId": "c",
    })
}

fn properties(value: &Value) -> Properties {
    value.as_object().unwrap().clone()
}

#[test]
fn only_what_is_whole_here_and_later_than_what_is_known_is_told() {
    let (before, later) = ("2026-11-24T10:00:00Z", "2026-11-24T10:00:01Z");
    let here = || Some(Known::Here(properties(&message(before))));
    let moved = |to: &str| {
        let mut message = message(later);
        message["parentFolderId"] = json!(to);
        message
    };
    let without = |name: &str| {
        let mut message = message(later);
        message.as_object_mut().unwrap().remove(name);
        message
    };
    let mut renamed = message(later);
    renamed["id"] = json!("m2");
    let mut removed = message(later);
    removed["@removed"] = json!({"reason": "deleted"});
    for (change, content, known, worth) in [
        ("created", message(later), None, true),
        ("updated", message(later), None, true),
        ("updated", message(later), here(), true),
        ("created", message(later), here(), true),
        ("updated", message(before), here(), false),
        ("updated", message("2026-11-24T09:59:59Z"), here(), false),
        ("updated", message("yesterday"), here(), false),
        ("updated", message(later), Some(Known::Gone), false),
        ("deleted", message(later), here(), false),
        ("unknownFutureValue", message(later), here(), false),
        ("created", moved("archive"), None, false),
        ("updated", moved("archive"), here(), false),
        ("updated", renamed, here(), false),
        ("updated", removed, here(), false),
        ("created", without("subject"), None, false),
        ("updated", without("isRead"), here(), false),
        ("created", without("parentFolderId"), None, false),
        ("created", without("id"), None, false),
        // Outlook leaves out what has no value.
        ("created", without("bodyPreview"), None, true),
        ("deleted", json!({"id": "m1"}), here(), false),
    ] {
        let opened = Opened {
            content: properties(&content),
            change_type: Some(change.to_owned()),
            item: Some("m1".to_owned()),
            certificate: CertificateId("c".to_owned()),
        };
        let target = Target::MailFolder { user: "u".into(), folder: "inbox".into() };
        let told = worth_telling(&target, &opened, known.as_ref());
        assert_eq!(told.is_some(), worth, "{change} {content} {known:?}");
        let drive = Target::Drive { drive: "d".into() };
        assert!(worth_telling(&drive, &opened, known.as_ref()).is_none());
    }
}
