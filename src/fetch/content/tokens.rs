use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, Validation, decode};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use uuid::Uuid;

use super::Fault;
use crate::office365::{Audience, Signer, TokenVersion};

/// Microsoft Graph Change Tracking, which sends notifications.
const PUBLISHER: &str = "0bf30f3b-4a52-48df-9a82-234910c4a086";
/// How far clocks may differ.
const LEEWAY: TimeDelta = TimeDelta::minutes(5);

/// What a token says of itself before anything is proven: which key to check it with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Its form.
    pub version: TokenVersion,
    /// The id of the key that it is signed with.
    pub kid: String,
}

#[derive(Deserialize)]
struct Head {
    alg: String,
    kid: Option<String>,
    /// Extensions that have to be understood.
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Form {
    ver: String,
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    tid: String,
    ver: String,
    exp: i64,
    nbf: i64,
    /// The caller, in version 1.
    appid: Option<String>,
    /// The caller, in version 2.
    azp: Option<String>,
}

/// Reads which key a token has to be checked with.
pub fn glance(token: &str) -> Result<Claimed, Fault> {
    let mut parts = token.split('.');
    let (Some(head), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Fault::MalformedToken);
    };
    let head: Head = part(head)?;
    if head.alg != "RS256" {
        return Err(Fault::Algorithm);
    }
    let (Some(kid), None) = (head.kid, head.crit) else { return Err(Fault::MalformedToken) };
    Ok(Claimed { version: version(&part::<Form>(claims)?.ver)?, kid })
}

/// Checks a token that arrived at `received_at` with its key, and answers with the tenant that it is about.
///
/// It must be about one of `audiences`: the app and its tenant together.
pub fn check(
    token: &str,
    claimed: &Claimed,
    signer: &Signer,
    audiences: &[Audience],
    received_at: DateTime<Utc>,
) -> Result<Uuid, Fault> {
    let claims: Claims = decode(token, &signer.key, &signature_only()).map_err(|_| Fault::Signature)?.claims;
    let caller = match version(&claims.ver)? {
        version if version != claimed.version => return Err(Fault::MalformedToken),
        TokenVersion::V1 => claims.appid,
        TokenVersion::V2 => claims.azp,
    };
    let tenant = Uuid::try_parse(&claims.tid).map_err(|_| Fault::Tenant)?;
    if !signer.issues(&claims.iss, &claims.tid) {
        return Err(Fault::Issuer);
    }
    let mut here = audiences.iter().filter(|audience| audience.tenant_id == tenant).peekable();
    if here.peek().is_none() {
        return Err(Fault::Tenant);
    }
    if !here.any(|audience| audience.client_id.eq_ignore_ascii_case(&claims.aud)) {
        return Err(Fault::Audience);
    }
    if !caller.is_some_and(|caller| caller.eq_ignore_ascii_case(PUBLISHER)) {
        return Err(Fault::Publisher);
    }
    let begun = seconds(claims.nbf)? <= received_at + LEEWAY;
    let lasts = received_at < seconds(claims.exp)? + LEEWAY;
    if begun && lasts { Ok(tenant) } else { Err(Fault::Expired) }
}

/// The library would read the system clock, and knows one audience: all but the signature is checked here.
fn signature_only() -> Validation {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    validation
}

fn version(ver: &str) -> Result<TokenVersion, Fault> {
    match ver {
        "1.0" => Ok(TokenVersion::V1),
        "2.0" => Ok(TokenVersion::V2),
        _ => Err(Fault::MalformedToken),
    }
}

fn seconds(since_1970: i64) -> Result<DateTime<Utc>, Fault> {
    // Far enough from the ends of the calendar that the leeway can be added.
    let within = (0..=253_402_300_799).contains(&since_1970).then_some(since_1970);
    within.and_then(|seconds| DateTime::from_timestamp(seconds, 0)).ok_or(Fault::MalformedToken)
}

fn part<T: DeserializeOwned>(part: &str) -> Result<T, Fault> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Fault::MalformedToken)?;
    serde_json::from_slice(&bytes).map_err(|_| Fault::MalformedToken)
}
