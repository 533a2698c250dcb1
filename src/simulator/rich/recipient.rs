//! Whom content is encrypted for, as a subscription names it.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::rsa::PublicEncryptingKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::simulator::error::GraphError;
use crate::simulator::wire::names;

/// Properties that are too large to be sent along.
const NOT_SELECTABLE: [&str; 2] = ["body", "uniqueBody"];
const ID_LIMIT: usize = 128;

/// A certificate, and what of the resource is sent.
#[derive(Debug, Clone)]
pub(crate) struct Recipient {
    pub(crate) certificate_id: String,
    /// Upper-case hexadecimal digits of the certificate's SHA-1.
    pub(super) thumbprint: String,
    /// As a certificate holds it (`SubjectPublicKeyInfo`).
    pub(super) public_key: Vec<u8>,
    pub(super) select: Vec<String>,
}

impl Recipient {
    /// Reads the two properties that name a certificate; none where neither is there.
    pub(crate) fn of(body: &Value, resource: &str) -> Result<Option<Self>, GraphError> {
        let text = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let (certificate, id) = match (text("encryptionCertificate"), text("encryptionCertificateId")) {
            (Some(certificate), Some(id)) => (certificate, id),
            (None, None) => return Ok(None),
            _ => return Err(invalid("encryptionCertificate and encryptionCertificateId go together.")),
        };
        if id.chars().count() > ID_LIMIT {
            return Err(invalid("encryptionCertificateId must not exceed 128 characters."));
        }
        let bytes = STANDARD.decode(certificate).map_err(|_| bad_certificate())?;
        let (_, parsed) = x509_parser::parse_x509_certificate(&bytes).map_err(|_| bad_certificate())?;
        let public_key = parsed.public_key().raw.to_vec();
        let key = PublicEncryptingKey::from_der(&public_key).map_err(|_| bad_certificate())?;
        if !(2048..=4096).contains(&key.key_size_bits()) {
            return Err(bad_certificate());
        }
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &bytes);
        let thumbprint: Vec<String> = hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        Ok(Some(Self {
            certificate_id: id.to_owned(),
            thumbprint: thumbprint.concat(),
            public_key,
            select: selected(resource)?,
        }))
    }
}

/// Outlook sends what was selected, and wants that something is.
fn selected(resource: &str) -> Result<Vec<String>, GraphError> {
    let query = resource.split_once('?').map_or("", |(_, query)| query);
    let mut select = Vec::new();
    for (option, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match option.as_ref() {
            "$select" => select = names(&value),
            "$filter" => {}
            _ => return Err(bad_request(&format!("The query option {option} is not supported."))),
        }
    }
    if select.is_empty() {
        return Err(bad_request("Notifications with resource data require a $select clause."));
    }
    let refused = select.iter().find(|name| NOT_SELECTABLE.iter().any(|no| no.eq_ignore_ascii_case(name)));
    match refused {
        Some(name) => Err(bad_request(&format!("The property {name} cannot be selected."))),
        None => Ok(select),
    }
}

fn bad_request(reason: &str) -> GraphError {
    let message = format!("Operation: Create; Exception: [Status Code: BadRequest; Reason: {reason}]");
    GraphError::new(400, "ExtensionError", message)
}

fn bad_certificate() -> GraphError {
    invalid(
        "encryptionCertificate is not a base64-encoded X.509 certificate with an RSA key of 2048 to 4096 bits.",
    )
}

fn invalid(message: &str) -> GraphError {
    GraphError::new(400, "ValidationError", message)
}
