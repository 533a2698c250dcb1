//! Assertions: JWTs by which an app proves itself, its own ones and those of other issuers.
//!
//! Everything is verified that Entra verifies. What a JWT's library would check by itself is checked here, since it reads
//! the system clock.

use std::time::Duration;

use jsonwebtoken::dangerous::insecure_decode;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;

use super::Refusal;
use super::registered::{Certificate, Federated};
use crate::simulator::world::World;

/// `client_assertion_type`
pub(super) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The clouds' login hosts: audiences stay the cloud's, wherever requests go.
const LOGIN_HOSTS: [&str; 4] = [
    "https://login.microsoftonline.com",
    "https://login.microsoftonline.us",
    "https://login.chinacloudapi.cn",
    "https://login.partner.microsoftonline.cn",
];

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: OneOrMore,
    exp: Seconds,
    #[serde(default)]
    nbf: Option<Seconds>,
}

/// A time in whole seconds. It may come with a fraction (RFC 7519, 2), as one of Microsoft's libraries sends it.
#[derive(Debug, Deserialize)]
#[serde(try_from = "serde_json::Number")]
struct Seconds(i64);

impl TryFrom<serde_json::Number> for Seconds {
    type Error = &'static str;

    fn try_from(number: serde_json::Number) -> Result<Self, Self::Error> {
        let fraction = || Duration::try_from_secs_f64(number.as_f64()?).ok()?.as_secs().try_into().ok();
        number.as_i64().or_else(fraction).map(Self).ok_or("not a time")
    }
}

/// An audience is a text or a list of them; Kubernetes writes lists.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    fn all(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(all) => all,
        }
    }
}

/// Whether an assertion proves that the caller is the app. `origin` is where the caller reaches the stand-in.
pub(super) fn check(world: &World, app: &str, origin: &str, assertion: &str) -> Result<(), Refusal> {
    let malformed = |_| Refusal::new(400, "invalid_request", 50027, "JWT token is invalid or malformed.");
    let header = decode_header(assertion).map_err(malformed)?;
    let claims = insecure_decode::<Claims>(assertion).map_err(malformed)?.claims;
    let now = world.clock.now().timestamp();
    if claims.iss.eq_ignore_ascii_case(app) || claims.sub.eq_ignore_ascii_case(app) {
        own(world, app, &header, &claims, assertion)?;
        let names = [world.tenant.tenant_id.to_string(), super::DOMAIN.to_owned()];
        let addressed = LOGIN_HOSTS.iter().chain([&origin]).any(|host| {
            names.iter().any(|tenant| {
                let at = |path: &str| {
                    let address = format!("{host}/{tenant}{path}");
                    claims.aud.all().iter().any(|audience| audience.eq_ignore_ascii_case(&address))
                };
                at("/oauth2/v2.0/token") || at("/v2.0")
            })
        });
        if !addressed {
            let text = "Client assertion audience claim does not match Realm issuer.";
            return Err(Refusal::new(401, "invalid_client", 700_023, text));
        }
    } else {
        foreign(world, &header, &claims, assertion)?;
    }
    if claims.nbf.is_some_and(|nbf| now < nbf.0) || now >= claims.exp.0 {
        let text = format!(
            "Client assertion is not within its valid time range. Current time: {now}, expiry time of assertion {}.",
            claims.exp.0
        );
        return Err(Refusal::new(401, "invalid_client", 700_024, text));
    }
    Ok(())
}

/// An assertion that the app signed itself.
fn own(world: &World, app: &str, header: &Header, claims: &Claims, assertion: &str) -> Result<(), Refusal> {
    let refused = |reason: &str| {
        let text = format!("Client assertion contains an invalid signature. [Reason - {reason}.]");
        Refusal::new(401, "invalid_client", 700_027, text)
    };
    if !claims.iss.eq_ignore_ascii_case(app) || !claims.sub.eq_ignore_ascii_case(app) {
        let text = "Client assertion application identifier doesn't match 'client_id' parameter.";
        return Err(Refusal::new(401, "invalid_client", 700_021, text));
    }
    // The former algorithm goes with the former name of the certificate.
    let (sha256, sha1) = match header.alg {
        Algorithm::PS256 => (header.x5t_s256.as_deref(), None),
        _ => (None, header.x5t.as_deref()),
    };
    let certificate = world.registered.named(sha256, sha1).ok_or_else(|| refused("The key was not found"))?;
    if !certificate.algorithms.contains(&header.alg) {
        return Err(refused("The algorithm is not accepted"));
    }
    let Certificate { public_key, not_before, not_after, .. } = certificate;
    if !(*not_before..*not_after).contains(&world.clock.now().timestamp()) {
        return Err(refused("The key used is expired"));
    }
    if is_signed(assertion, header.alg, &DecodingKey::from_rsa_der(public_key)) {
        return Ok(());
    }
    Err(refused("The provided signature value did not match the expected signature value"))
}

/// A token of another issuer. Everything has to match letter by letter.
fn foreign(world: &World, header: &Header, claims: &Claims, assertion: &str) -> Result<(), Refusal> {
    let all = &world.registered.federated;
    let refused = |number, what: &str, presented: &str| {
        let text = format!(
            "No matching federated identity record found for presented assertion {what} '{presented}'. Please check \
             your federated identity credential Subject, Audience and Issuer against the presented assertion."
        );
        Refusal::new(401, "invalid_client", number, text)
    };
    let of_issuer: Vec<&Federated> = all.iter().filter(|one| one.issuer == claims.iss).collect();
    if of_issuer.is_empty() {
        return Err(refused(700_211, "issuer", &claims.iss));
    }
    let of_subject: Vec<_> = of_issuer.into_iter().filter(|one| one.subject == claims.sub).collect();
    if of_subject.is_empty() {
        return Err(refused(700_213, "subject", &claims.sub));
    }
    let credential = of_subject.into_iter().find(|one| claims.aud.all().contains(&one.audience));
    let credential = credential.ok_or_else(|| refused(700_212, "audience", &claims.aud.all().join(", ")))?;
    let kid = header.kid.as_deref().unwrap_or_default();
    let key = credential.keys.iter().find(|(known, _)| known == kid).map(|(_, key)| key);
    let rsa = matches!(header.alg, Algorithm::RS256 | Algorithm::PS256);
    if key.is_some_and(|key| rsa && is_signed(assertion, header.alg, key)) {
        return Ok(());
    }
    let text = "Assertion failed signature validation.";
    Err(Refusal::new(401, "invalid_client", 50013, text))
}

fn is_signed(assertion: &str, algorithm: Algorithm, key: &DecodingKey) -> bool {
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    decode::<Value>(assertion, key, &validation).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_whole_seconds_or_have_a_fraction() {
        let read = |text| serde_json::from_str::<Seconds>(text).ok().map(|seconds| seconds.0);
        assert_eq!(read("1764120000"), Some(1_764_120_000));
        assert_eq!(read("1764120000.75"), Some(1_764_120_000));
        assert_eq!(read("1e300"), None);
        assert_eq!(read("\"1764120000\""), None);
    }
}
