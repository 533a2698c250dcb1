//! Signing in as a person: by a code that is typed in elsewhere, and from then on by refresh tokens.
//!
//! What the app may do for that person is what `/_control/roles` grants it, and only with what is the person's own.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Fields, Issued, Proven, Refusal, audience, check_client, issue, refuse};
use crate::simulator::error::GraphError;
use crate::simulator::wire::{Answer, Call};
use crate::simulator::world::World;

/// Letters that cannot be mistaken for each other.
const CODE_LETTERS: &str = "BCDFGHJKLMNPQRSTVWXYZ23456789";
/// Seconds that a code lives, and between two looks at it.
const CODE_LIFETIME: i64 = 900;
const INTERVAL: i64 = 5;
/// How long a refresh token lives unless it is used.
const REFRESH_LIFETIME: TimeDelta = TimeDelta::days(90);
/// Scopes that ask for something about the sign-in, and belong to no API.
const OF_THE_SIGN_IN: [&str; 4] = ["offline_access", "openid", "profile", "email"];

/// Who is about to sign in, and who has.
#[derive(Debug, Default)]
pub(crate) struct Delegated {
    /// By what the device asks with.
    codes: BTreeMap<String, DeviceCode>,
    refresh: BTreeMap<String, RefreshToken>,
    /// Whether the first use of a refresh token ends it; Entra lets it live on for a while.
    single_use: bool,
}

#[derive(Debug)]
struct DeviceCode {
    user_code: String,
    scope: String,
    ends: DateTime<Utc>,
    decision: Decision,
}

#[derive(Debug, Clone, Copy)]
enum Decision {
    Pending,
    Declined,
    By(Uuid),
}

#[derive(Debug, Clone)]
struct RefreshToken {
    user: Uuid,
    ends: DateTime<Utc>,
    revoked: bool,
}

/// What a person does with a code.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    user_code: String,
    user: Option<String>,
    #[serde(default)]
    decline: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Refreshing {
    single_use: bool,
    revoke: bool,
}

/// `POST /{tenant}/oauth2/v2.0/devicecode`.
pub(crate) fn device_code(world: &mut World, tenant: &str, call: &Call) -> Answer {
    match begin(world, tenant, call) {
        Ok(body) => Answer::json(200, body),
        Err(refusal) => refuse(world, &refusal),
    }
}

fn begin(world: &mut World, tenant: &str, call: &Call) -> Result<Value, Refusal> {
    let fields = Fields::of(call);
    super::check_tenant(world, tenant)?;
    check_client(world, &fields.required("client_id")?)?;
    let scope = fields.required("scope")?;
    audience(&of_the_api(&scope))?;
    let device_code =
        world.random.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", 64);
    let user_code = world.random.text(CODE_LETTERS, 9);
    let ends = world.clock.now() + TimeDelta::seconds(CODE_LIFETIME);
    let code = DeviceCode { user_code: user_code.clone(), scope, ends, decision: Decision::Pending };
    world.delegated.codes.insert(device_code.clone(), code);
    let page = format!("{}/_control/device", call.origin);
    let message = format!(
        "To sign in, tell the simulated tenant who does: curl -X POST {page} -d '{{\"user_code\": \"{user_code}\"}}'"
    );
    Ok(json!({
        "user_code": user_code, "device_code": device_code, "verification_uri": page,
        "expires_in": CODE_LIFETIME, "interval": INTERVAL, "message": message,
    }))
}

/// The device asks whether somebody has typed in its code.
pub(super) fn poll(world: &mut World, fields: &Fields) -> Result<Issued, Refusal> {
    check_client(world, &fields.required("client_id")?)?;
    let code = fields.required("device_code")?;
    let refused = |error, number, text: &str| Err(Refusal::new(400, error, number, text));
    let Some(DeviceCode { scope, ends, decision, .. }) = world.delegated.codes.get(&code) else {
        return refused("bad_verification_code", 70018, "Invalid verification code.");
    };
    if world.clock.now() >= *ends {
        return refused("expired_token", 70019, "Verification code expired.");
    }
    match *decision {
        Decision::Pending => refused(
            "authorization_pending",
            70016,
            "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
        ),
        Decision::Declined => {
            refused("authorization_declined", 65004, "User declined to consent to access the app.")
        }
        Decision::By(user) => {
            let scope = scope.clone();
            world.delegated.codes.remove(&code);
            given(world, user, &scope, None)
        }
    }
}

/// A new access token for a refresh token, and a new one of these.
pub(super) fn refresh(
    world: &mut World,
    fields: &Fields,
    requested: Option<Value>,
) -> Result<Issued, Refusal> {
    check_client(world, &fields.required("client_id")?)?;
    let presented = fields.required("refresh_token")?;
    let refused = |number, text: &str| Err(Refusal::new(400, "invalid_grant", number, text));
    let now = world.clock.now();
    let Some(token) = world.delegated.refresh.get(&presented).cloned() else {
        return refused(9_002_313, "Invalid request. Request is malformed or invalid.");
    };
    if token.revoked {
        return refused(
            50173,
            "The provided grant has expired due to it being revoked, a fresh auth token is needed.",
        );
    }
    if now >= token.ends {
        return refused(700_082, "The refresh token has expired due to inactivity.");
    }
    if world.delegated.single_use {
        world.delegated.refresh.remove(&presented);
    }
    let scope = fields.required("scope")?;
    given(world, token.user, &scope, requested)
}

fn given(world: &mut World, user: Uuid, scope: &str, requested: Option<Value>) -> Result<Issued, Refusal> {
    let audience = audience(&of_the_api(scope))?.to_owned();
    let lasting = scope.split_whitespace().any(|one| one == "offline_access");
    let refresh = lasting.then(|| {
        let token = format!("1.{}", world.random.text("abcdefghijklmnopqrstuvwxyz0123456789", 100));
        let ends = world.clock.now() + REFRESH_LIFETIME;
        world.delegated.refresh.insert(token.clone(), RefreshToken { user, ends, revoked: false });
        token
    });
    Ok(Issued { access: issue(world, &audience, Proven::Person(user), requested), refresh })
}

fn of_the_api(scope: &str) -> String {
    let of_the_api = scope.split_whitespace().filter(|one| !OF_THE_SIGN_IN.contains(one));
    of_the_api.collect::<Vec<_>>().join(" ")
}

/// `POST /_control/device`: somebody types in a code.
pub(crate) fn type_in(world: &mut World, body: &[u8]) -> Result<Value, GraphError> {
    let typed: Typed = serde_json::from_slice(body)
        .map_err(|error| GraphError::new(400, "BadRequest", error.to_string()))?;
    let name = typed.user.unwrap_or_else(|| world.tenant.user.clone());
    let nobody = || GraphError::new(404, "itemNotFound", "There is no such user.");
    let user = world.user(&name).ok_or_else(nobody)?.id;
    let codes = &mut world.delegated.codes;
    let code = codes.values_mut().find(|code| code.user_code == typed.user_code.trim().to_uppercase());
    let code = code.ok_or_else(|| GraphError::new(404, "itemNotFound", "There is no such code."))?;
    code.decision = if typed.decline { Decision::Declined } else { Decision::By(user) };
    Ok(json!({"user": name, "declined": typed.decline}))
}

/// `POST /_control/refresh-tokens`: how they fare from now on.
pub(crate) fn refreshing(world: &mut World, body: &[u8]) -> Result<Value, GraphError> {
    let wanted: Refreshing = serde_json::from_slice(body)
        .map_err(|error| GraphError::new(400, "BadRequest", error.to_string()))?;
    world.delegated.single_use = wanted.single_use;
    if wanted.revoke {
        world.delegated.refresh.values_mut().for_each(|token| token.revoked = true);
    }
    Ok(json!({"single_use": wanted.single_use, "known": world.delegated.refresh.len()}))
}
