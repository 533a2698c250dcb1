//! What an app with a certificate says of itself: a JWT that lives for some minutes, signed with the private key.

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, Header};
use serde::Serialize;
use uuid::Uuid;

use super::certificate::Pair;

/// `client_assertion_type`
pub(super) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Seconds that an assertion lives: the longest that Microsoft recommends.
const LIFETIME: i64 = 600;

/// How an assertion is signed, and how it names its certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `PS256`, and the SHA-256 of the certificate.
    Current,
    /// `RS256`, and the SHA-1 of the certificate.
    Former,
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: Uuid,
    nbf: i64,
    iat: i64,
    exp: i64,
}

/// An assertion of `client_id` for the token endpoint `audience`.
pub(super) fn sign(
    pair: &Pair,
    form: Form,
    client_id: &str,
    audience: &str,
    now: DateTime<Utc>,
) -> Result<String, jsonwebtoken::errors::Error> {
    let header = match form {
        Form::Current => Header { x5t_s256: Some(pair.sha256.clone()), ..Header::new(Algorithm::PS256) },
        Form::Former => Header { x5t: Some(pair.sha1.clone()), ..Header::new(Algorithm::RS256) },
    };
    let now = now.timestamp();
    let claims = Claims {
        aud: audience,
        iss: client_id,
        sub: client_id,
        jti: Uuid::new_v4(),
        nbf: now,
        iat: now,
        exp: now + LIFETIME,
    };
    jsonwebtoken::encode(&header, &claims, &pair.key)
}
