//! Sign-in: the token endpoint of Microsoft Entra ID and the tokens it gives.

mod assertion;
mod delegated;
mod identity;
mod registered;
mod verify;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::form_urlencoded;
use uuid::Uuid;

use super::tenant::{DOMAIN, HOST, MY_HOST};
use super::wire::{Answer, Call};
use super::world::World;
pub(crate) use delegated::{Delegated, device_code, refreshing, type_in};
pub(crate) use identity::{Platform, app_service, metadata};
pub(crate) use registered::Registered;
pub(crate) use verify::{expire_tokens, verify, verify_for_site};

/// Graph's audiences, by cloud: scopes and audiences stay the cloud's even against a stand-in.
const GRAPH_AUDIENCES: [&str; 5] = [
    "https://graph.microsoft.com",
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
    "00000003-0000-0000-c000-000000000000",
];
/// Seconds a token lives: the reference's example, which is also the shortest default.
const LIFETIME: i64 = 3599;

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    appid: String,
    /// How the app signed in: `0` is not at all, `1` a secret, `2` a certificate.
    appidacr: String,
    tid: String,
    oid: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    /// What the app may do for the person that it acts for, whose id is `oid` then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scp: Option<String>,
    ver: String,
    uti: String,
    /// What was asked for beside the usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    requested: Option<Value>,
}

/// By what an app has proven who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proven {
    Secret,
    Assertion,
    /// Not at all: this person has.
    Person(Uuid),
}

/// The fields of a form.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn of(call: &Call) -> Self {
        Self(form_urlencoded::parse(&call.body).into_owned().collect())
    }

    fn get(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }

    fn required(&self, name: &str) -> Result<String, Refusal> {
        self.get(name).ok_or_else(|| missing(name))
    }
}

/// Tokens that were given.
struct Issued {
    access: String,
    refresh: Option<String>,
}

/// A refusal of the token endpoint.
struct Refusal {
    status: u16,
    error: &'static str,
    number: u32,
    text: String,
}

impl Refusal {
    fn new(status: u16, error: &'static str, number: u32, text: impl Into<String>) -> Self {
        Self { status, error, number, text: text.into() }
    }
}

/// `POST /{tenant}/oauth2/v2.0/token`.
pub(crate) fn token(world: &mut World, tenant: &str, call: &Call) -> Answer {
    match sign_in(world, tenant, call) {
        Ok(Issued { access, refresh }) => {
            let mut body = json!({
                "token_type": "Bearer", "expires_in": LIFETIME, "ext_expires_in": LIFETIME, "access_token": access,
            });
            if let (Some(refresh), Some(body)) = (refresh, body.as_object_mut()) {
                body.insert("refresh_token".to_owned(), refresh.into());
            }
            Answer::json(200, body).header("Cache-Control", "no-store, no-cache".to_owned())
        }
        Err(refusal) => refuse(world, &refusal),
    }
}

fn sign_in(world: &mut World, tenant: &str, call: &Call) -> Result<Issued, Refusal> {
    let fields = Fields::of(call);
    check_tenant(world, tenant)?;
    let requested = match fields.get("claims").map(|claims| serde_json::from_str::<Value>(&claims)) {
        None => None,
        Some(Ok(claims)) => Some(claims),
        Some(Err(_)) => {
            let text = "The claims parameter is not valid JSON.";
            return Err(Refusal::new(400, "invalid_request", 50_199, text));
        }
    };
    match fields.required("grant_type")?.as_str() {
        "client_credentials" => {
            let proven = prove(world, call, &fields)?;
            let scope = fields.required("scope")?;
            let access = issue(world, audience(&scope)?, proven, requested);
            Ok(Issued { access, refresh: None })
        }
        "urn:ietf:params:oauth:grant-type:device_code" => delegated::poll(world, &fields),
        "refresh_token" => delegated::refresh(world, &fields, requested),
        _ => {
            let text = "The app requested an unsupported grant type.";
            Err(Refusal::new(400, "unsupported_grant_type", 70003, text))
        }
    }
}

/// Whether the caller is the app.
fn prove(world: &World, call: &Call, fields: &Fields) -> Result<Proven, Refusal> {
    let (id, secret) = match call.header("authorization").and_then(basic_credentials) {
        Some((id, secret)) => (Some(id), Some(secret)),
        None => (fields.get("client_id"), fields.get("client_secret")),
    };
    let id = id.ok_or_else(|| missing("client_id"))?;
    check_client(world, &id)?;
    match (secret, fields.get("client_assertion")) {
        (Some(secret), _) => check_secret(world, &id, &secret).map(|()| Proven::Secret),
        (None, Some(_)) if fields.get("client_assertion_type").is_none_or(|kind| kind != assertion::TYPE) => {
            Err(missing("client_assertion_type"))
        }
        (None, Some(assertion)) => {
            assertion::check(world, &id, &call.origin, &assertion).map(|()| Proven::Assertion)
        }
        (None, None) => {
            let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
            Err(Refusal::new(401, "invalid_client", 7_000_218, text))
        }
    }
}

fn check_tenant(world: &World, tenant: &str) -> Result<(), Refusal> {
    let known = [world.tenant.tenant_id.to_string(), DOMAIN.to_owned(), "contoso.onmicrosoft.com".to_owned()];
    if known.iter().any(|name| name.eq_ignore_ascii_case(tenant)) {
        return Ok(());
    }
    let text = format!(
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are \
         signing into the correct cloud. Check with your subscription administrator, this may happen if there are no \
         active subscriptions for the tenant."
    );
    Err(Refusal::new(400, "invalid_request", 90002, text))
}

fn missing(field: &str) -> Refusal {
    let text = format!("The request body must contain the following parameter: '{field}'.");
    Refusal::new(400, "invalid_request", 900_144, text)
}

/// HTTP Basic, whose parts are form-encoded once more (RFC 6749, 2.3.1).
fn basic_credentials(header: &str) -> Option<(String, String)> {
    let decoded = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((form_decode(id), form_decode(secret)))
}

fn form_decode(text: &str) -> String {
    let spaces = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaces).decode_utf8_lossy().into_owned()
}

fn check_client(world: &World, id: &str) -> Result<(), Refusal> {
    if id.eq_ignore_ascii_case(&world.tenant.client_id.to_string()) {
        return Ok(());
    }
    let text = format!(
        "Application with identifier '{id}' was not found in the directory 'Contoso'. This can \
         happen if the application has not been installed by the administrator of the tenant or consented to by any \
         user in the tenant. You may have sent your authentication request to the wrong tenant."
    );
    Err(Refusal::new(400, "unauthorized_client", 700_016, text))
}

fn check_secret(world: &World, id: &str, secret: &str) -> Result<(), Refusal> {
    if secret == world.tenant.client_secret {
        return Ok(());
    }
    let text = format!(
        "Invalid client secret provided. Ensure the secret being sent in the request is the client \
         secret value, not the client secret ID, for a secret added to app '{id}'."
    );
    Err(Refusal::new(401, "invalid_client", 7_000_215, text))
}

/// Exactly one resource, with the suffix that stands for all its granted permissions.
fn audience(scope: &str) -> Result<&str, Refusal> {
    let resource = scope.strip_suffix("/.default").filter(|resource| !resource.contains(' '));
    let Some(resource) = resource else {
        let text = format!(
            "The provided request must include a 'scope' input parameter. The provided value for the \
             input parameter 'scope' is not valid. The scope {scope} is not valid."
        );
        return Err(Refusal::new(400, "invalid_scope", 70011, text));
    };
    let sites = [HOST, MY_HOST].iter().any(|host| resource.strip_prefix("https://") == Some(host));
    if sites || GRAPH_AUDIENCES.contains(&resource) {
        return Ok(resource);
    }
    let text = format!("The resource principal named {resource} was not found in the tenant named Contoso.");
    Err(Refusal::new(400, "invalid_resource", 500_011, text))
}

fn issue(world: &mut World, audience: &str, proven: Proven, requested: Option<Value>) -> String {
    let now = world.clock.now().timestamp();
    let tenant = &world.tenant;
    let user = match proven {
        Proven::Person(user) => Some(user),
        Proven::Secret | Proven::Assertion => None,
    };
    let claims = Claims {
        aud: audience.to_owned(),
        iss: format!("https://sts.windows.net/{}/", tenant.tenant_id),
        iat: now,
        nbf: now,
        exp: now + LIFETIME,
        appid: tenant.client_id.to_string(),
        appidacr: match proven {
            Proven::Person(_) => "0",
            Proven::Secret => "1",
            Proven::Assertion => "2",
        }
        .to_owned(),
        tid: tenant.tenant_id.to_string(),
        oid: user.unwrap_or(world.service_principal).to_string(),
        roles: if user.is_none() { roles_for(world, audience).to_vec() } else { Vec::new() },
        scp: user.map(|_| roles_for(world, audience).join(" ")),
        ver: "1.0".to_owned(),
        uti: world.random.uuid().simple().to_string(),
        requested,
    };
    let key = EncodingKey::from_secret(&world.signing_key);
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap_or_default()
}

/// Graph and SharePoint have permissions of their own.
fn roles_for<'a>(world: &'a World, audience: &str) -> &'a [String] {
    if GRAPH_AUDIENCES.contains(&audience) { &world.settings.roles } else { &world.settings.site_roles }
}

fn refuse(world: &mut World, refusal: &Refusal) -> Answer {
    let (trace, correlation) = (world.random.uuid(), world.random.uuid());
    let timestamp = world.clock.now().format("%Y-%m-%d %H:%M:%SZ").to_string();
    let description = format!(
        "AADSTS{}: {}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: {timestamp}",
        refusal.number, refusal.text
    );
    let body = json!({
        "error": refusal.error,
        "error_description": description,
        "error_codes": [refusal.number],
        "timestamp": timestamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": format!("https://login.microsoftonline.com/error?code={}", refusal.number),
    });
    Answer::json(refusal.status, body)
}
