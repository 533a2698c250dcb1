//! Whether a token that comes with a call is good for it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::json;
use uuid::Uuid;

use super::{Claims, GRAPH_AUDIENCES};
use crate::simulator::error::GraphError;
use crate::simulator::tenant::{HOST, MY_HOST};
use crate::simulator::wire::{Answer, Body};
use crate::simulator::world::World;

/// Whether a call to Graph carries a token of this tenant, for Graph, that still holds and is enough. Answers with the
/// person that the caller acts for, if there is one.
pub(crate) fn verify(world: &World, authorization: Option<&str>) -> Result<Option<Uuid>, GraphError> {
    let token = bearer(authorization);
    if token.is_empty() {
        return Err(unauthorized("Access token is empty.", ""));
    }
    if token.split('.').count() != 3 {
        return Err(unauthorized("IDX14100: JWT is not well formed, there are no dots (.).", ""));
    }
    let invalid = || unauthorized("Access token validation failure. Signature is invalid.", "");
    let claims = read(world, token).ok_or_else(invalid)?;
    if !GRAPH_AUDIENCES.contains(&claims.aud.trim_end_matches('/')) {
        return Err(unauthorized("Access token validation failure. Invalid audience.", ""));
    }
    if !holds(world, &claims) {
        return Err(unauthorized("Lifetime validation failed, the token is expired.", ""));
    }
    if let Some(wanted) = &world.settings.claims
        && claims.requested.as_ref() != Some(wanted)
    {
        let encoded = STANDARD.encode(wanted.to_string());
        let challenge = format!(", error=\"insufficient_claims\", claims=\"{encoded}\"");
        return Err(unauthorized("Continuous access evaluation resulted in challenge.", &challenge));
    }
    Ok(claims.scp.and_then(|_| claims.oid.parse().ok()))
}

/// Whether a call to a site on this host carries a token for it, of an app that has proven itself by more than a
/// secret. The refusal is an answer of its own kind: it comes from before the service.
pub(crate) fn verify_for_site(world: &World, authorization: Option<&str>, host: &str) -> Result<(), Answer> {
    let token = bearer(authorization);
    if token.is_empty() {
        return Err(challenged(world, Answer::empty(401)));
    }
    let Some(claims) = read(world, token) else {
        return Err(challenged(world, described("Invalid JWT token. The signature is not valid.")));
    };
    let audience = claims.aud.trim_end_matches('/').strip_prefix("https://").unwrap_or_default();
    // Personal sites take the plain host's token too, as is generally seen.
    if !(audience.eq_ignore_ascii_case(host) || host == MY_HOST && audience == HOST) {
        let text = "Exception of type 'Microsoft.IdentityModel.Tokens.AudienceUriValidationFailedException' was thrown.";
        return Err(challenged(world, described(text)));
    }
    if !holds(world, &claims) {
        return Err(challenged(world, described("Invalid JWT token. The token is expired.")));
    }
    if claims.appidacr == "1" {
        let bytes = "Unsupported app only token.".into();
        let body = Body::Bytes { content_type: "text/plain; charset=utf-8".to_owned(), bytes };
        return Err(challenged(world, Answer { body, ..Answer::empty(401) }));
    }
    Ok(())
}

fn bearer(authorization: Option<&str>) -> &str {
    authorization.and_then(|header| header.strip_prefix("Bearer ")).unwrap_or_default().trim()
}

fn read(world: &World, token: &str) -> Option<Claims> {
    let mut validation = Validation::new(Algorithm::HS256);
    // The library reads the system clock and takes one audience set: both are checked by the callers.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let signed_with = |key: &Vec<u8>| {
        let key = DecodingKey::from_secret(key);
        jsonwebtoken::decode::<Claims>(token, &key, &validation).ok().map(|token| token.claims)
    };
    let current = signed_with(&world.signing_key);
    current.or_else(|| {
        let former = world.former_keys.iter().find_map(signed_with)?;
        Some(Claims { exp: former.nbf, ..former })
    })
}

/// Makes every access token given so far as good as expired.
pub(crate) fn expire_tokens(world: &mut World) {
    let next = [*world.random.uuid().as_bytes(), *world.random.uuid().as_bytes()].concat();
    world.former_keys.push(std::mem::replace(&mut world.signing_key, next));
}

fn holds(world: &World, claims: &Claims) -> bool {
    (claims.nbf..claims.exp).contains(&world.clock.now().timestamp())
}

fn described(text: &str) -> Answer {
    Answer::json(401, json!({"error_description": text}))
}

fn challenged(world: &World, answer: Answer) -> Answer {
    let realm = world.tenant.tenant_id;
    let challenge = format!(
        "Bearer realm=\"{realm}\",client_id=\"00000003-0000-0ff1-ce00-000000000000\",\
         authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\""
    );
    answer.header("WWW-Authenticate", challenge)
}

fn unauthorized(message: &str, challenge: &str) -> GraphError {
    GraphError::new(401, "InvalidAuthenticationToken", message).header(
        "WWW-Authenticate",
        format!(
            "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
             client_id=\"00000003-0000-0000-c000-000000000000\"{challenge}"
        ),
    )
}
