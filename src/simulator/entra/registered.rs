//! What the app registration trusts beside its secret: certificates, and tokens of other issuers.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::rsa::PublicEncryptingKey;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::{Value, json};
use x509_parser::parse_x509_certificate;
use x509_parser::pem::parse_x509_pem;

use crate::simulator::error::GraphError;

/// The audience that a federated credential has unless another is asked for.
const EXCHANGE: &str = "api://AzureADTokenExchange";
/// Only so many keys of an issuer are looked at.
const KEYS_LOOKED_AT: usize = 100;

/// All that was registered.
#[derive(Debug, Default)]
pub(crate) struct Registered {
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) federated: Vec<Federated>,
}

/// A certificate of the app registration.
#[derive(Debug)]
pub(crate) struct Certificate {
    sha1: Vec<u8>,
    sha256: Vec<u8>,
    /// As a certificate holds it (`SubjectPublicKeyInfo`).
    pub(super) public_key: Vec<u8>,
    /// Seconds since 1970.
    pub(super) not_before: i64,
    pub(super) not_after: i64,
    /// With which it may be used.
    pub(super) algorithms: Vec<Algorithm>,
}

/// A federated credential: whose tokens are trusted, and which.
pub(crate) struct Federated {
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) audience: String,
    /// By their `kid`.
    pub(super) keys: Vec<(String, DecodingKey)>,
}

impl std::fmt::Debug for Federated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} for {}", self.subject, self.issuer, self.audience)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCertificate {
    certificate: String,
    #[serde(default = "both")]
    algorithms: Vec<Algorithm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewFederated {
    issuer: String,
    subject: String,
    #[serde(default = "exchange")]
    audience: String,
    jwks: Jwks,
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kid: String,
    n: String,
    e: String,
}

fn both() -> Vec<Algorithm> {
    vec![Algorithm::PS256, Algorithm::RS256]
}

fn exchange() -> String {
    EXCHANGE.to_owned()
}

impl Registered {
    /// Registers the certificate in a body: PEM as it stands, or JSON that holds it.
    pub(crate) fn add_certificate(&mut self, body: &[u8]) -> Result<Value, GraphError> {
        let text = String::from_utf8_lossy(body);
        let new = if text.trim_start().starts_with("-----BEGIN") {
            NewCertificate { certificate: text.into_owned(), algorithms: both() }
        } else {
            serde_json::from_slice(body).map_err(|error| bad(error.to_string()))?
        };
        let certificate = Certificate::new(&new)?;
        let hex = certificate.sha1.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>();
        let answer = json!({
            "thumbprint": hex.concat(),
            "x5t": URL_SAFE_NO_PAD.encode(&certificate.sha1),
            "x5t#S256": URL_SAFE_NO_PAD.encode(&certificate.sha256),
            "expires_at": chrono::DateTime::from_timestamp(certificate.not_after, 0),
        });
        self.certificates.retain(|other| other.sha256 != certificate.sha256);
        self.certificates.push(certificate);
        Ok(answer)
    }

    /// Registers an issuer whose tokens are trusted.
    pub(crate) fn add_federated(&mut self, body: &[u8]) -> Result<Value, GraphError> {
        let new: NewFederated = serde_json::from_slice(body).map_err(|error| bad(error.to_string()))?;
        let keys = new.jwks.keys.into_iter().take(KEYS_LOOKED_AT).filter_map(|key| {
            let key: Jwk = serde_json::from_value(key).ok()?;
            Some((key.kid, DecodingKey::from_rsa_components(&key.n, &key.e).ok()?))
        });
        let NewFederated { issuer, subject, audience, .. } = new;
        let federated = Federated { issuer, subject, audience, keys: keys.collect() };
        if federated.keys.is_empty() {
            return Err(bad("jwks holds no RSA key with kid, n and e."));
        }
        let answer = json!({
            "issuer": federated.issuer, "subject": federated.subject, "audience": federated.audience,
            "keys": federated.keys.len(),
        });
        self.federated.push(federated);
        Ok(answer)
    }

    /// The certificate that the head of an assertion names. Microsoft's own libraries pad the name, others do not.
    pub(super) fn named(&self, sha256: Option<&str>, sha1: Option<&str>) -> Option<&Certificate> {
        let decoded = |name: Option<&str>| URL_SAFE_NO_PAD.decode(name?.trim_end_matches('=')).ok();
        let (sha256, sha1) = (decoded(sha256), decoded(sha1));
        self.certificates.iter().find(|one| match (&sha256, &sha1) {
            (Some(name), _) => one.sha256 == *name,
            (None, Some(name)) => one.sha1 == *name,
            (None, None) => false,
        })
    }
}

impl Certificate {
    fn new(new: &NewCertificate) -> Result<Self, GraphError> {
        let text = new.certificate.trim();
        let der = if text.starts_with("-----BEGIN") {
            parse_x509_pem(text.as_bytes()).map_err(|error| bad(error.to_string()))?.1.contents
        } else {
            STANDARD.decode(text).map_err(|_| bad("The certificate is neither PEM nor base64."))?
        };
        let (_, parsed) = parse_x509_certificate(&der).map_err(|error| bad(error.to_string()))?;
        let public_key = parsed.public_key().raw.to_vec();
        let bits = PublicEncryptingKey::from_der(&public_key).map(|key| key.key_size_bits());
        if bits.is_ok_and(|bits| bits < 2048) || bits.is_err() {
            return Err(bad("The certificate's key is not RSA of 2,048 bits or more."));
        }
        Ok(Self {
            sha1: digest(&SHA1_FOR_LEGACY_USE_ONLY, &der).as_ref().to_vec(),
            sha256: digest(&SHA256, &der).as_ref().to_vec(),
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
            public_key,
            algorithms: new.algorithms.clone(),
        })
    }
}

fn bad(message: impl Into<String>) -> GraphError {
    GraphError::new(400, "BadRequest", message.into())
}
