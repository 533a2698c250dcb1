//! Each way to sign in, against a stand-in that verifies signatures and claims.

mod certificate;
mod claims;
mod delegated;
mod federated;
mod managed_identity;
mod refused;

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Datelike, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use o365_listener::config::{CertificateFiles, Proof};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd};
use serde_json::{Value, json};

use crate::office365::Reach;
use crate::simulator::harness::{Answered, Bench, answered};

/// A certificate with its key, valid from 2020 until the first day of `until`.
pub struct Pair {
    pub certificate: String,
    key: String,
    der: Vec<u8>,
    rsa: KeyPair,
}

impl Pair {
    pub fn until(year: i32) -> Self {
        let rsa = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let certificate = params.self_signed(&rsa).unwrap();
        let (key, der) = (rsa.serialize_pem(), certificate.der().to_vec());
        Self { certificate: certificate.pem(), key, der, rsa }
    }

    /// Writes both into files of this name.
    pub fn write(&self, folder: &Path, name: &str) -> CertificateFiles {
        let (file, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        std::fs::write(&file, &self.certificate).unwrap();
        std::fs::write(&key, &self.key).unwrap();
        CertificateFiles { file, key: Some(key), password: None }
    }

    /// What a library signs with: the key without its envelope.
    fn signing_key(&self) -> EncodingKey {
        use x509_parser::asn1_rs::{Any, FromDer, OctetString, Sequence};
        let pkcs8 = self.rsa.serialize_der();
        let (_, fields) = Sequence::from_der(&pkcs8).unwrap();
        let (rest, _) = Any::from_der(&fields.content).unwrap();
        let (rest, _) = Any::from_der(rest).unwrap();
        let (_, key) = OctetString::from_der(rest).unwrap();
        EncodingKey::from_rsa_der(key.as_cow())
    }

    fn sha256(&self) -> String {
        URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &self.der))
    }

    fn sha1(&self) -> String {
        let sha1 = &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY;
        URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(sha1, &self.der))
    }

    /// The public half as an issuer publishes it.
    fn jwk(&self, kid: &str) -> Value {
        let key = aws_lc_rs::rsa::KeyPair::from_pkcs8(&self.rsa.serialize_der()).unwrap();
        let public = aws_lc_rs::signature::KeyPair::public_key(&key);
        json!({
            "kty": "RSA", "use": "sig", "kid": kid,
            "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
        })
    }

    pub fn signed(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.signing_key()).unwrap()
    }
}

fn day(year: i32) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH.with_year(year).unwrap()
}

/// A client that signs in this way.
async fn reach(proof: Proof) -> Reach {
    Reach::of(Bench::start().await, |tenant| tenant.proof = proof)
}

async fn register(bench: &Bench, certificate: &str) {
    bench.control("/certificates", json!({"certificate": certificate})).await;
}

/// The claims of the token that the client got last, as the stand-in issued it.
fn opened(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Asks the token endpoint with an assertion, as a client other than ours.
async fn present(bench: &Bench, assertion: &str) -> Answered {
    let client_id = bench.tenant().client_id.to_string();
    bench
        .form(&[
            ("grant_type", "client_credentials"),
            ("client_id", &client_id),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion),
            ("scope", "https://graph.microsoft.com/.default"),
        ])
        .await
}

/// A header that names its certificate by SHA-256.
pub fn current(pair: &Pair) -> Header {
    Header { x5t_s256: Some(pair.sha256()), ..Header::new(Algorithm::PS256) }
}

/// What a right assertion claims.
pub fn right_claims(bench: &Bench) -> Value {
    let (now, tenant) = (bench.clock.now().timestamp(), bench.tenant());
    json!({
        "aud": format!("https://login.microsoftonline.com/{}/oauth2/v2.0/token", tenant.tenant_id),
        "iss": tenant.client_id, "sub": tenant.client_id, "jti": "22b3bb26-e046-42df-9c96-65dbd72c1c81",
        "nbf": now, "iat": now, "exp": now + 600,
    })
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/signing_in").join(name)
}

/// How many sign-ins got this status.
fn sign_ins(reach: &Reach, api: &str, status: &str) -> u32 {
    let text = reach.scrape();
    let wanted = format!(r#"api="{api}",status="{status}""#);
    let line = text.lines().find(|line| line.contains(&wanted));
    line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

async fn control_get(bench: &Bench, path: &str) -> Value {
    answered(bench.http.get(format!("{}/_control{path}", bench.simulator.url()))).await.body
}
