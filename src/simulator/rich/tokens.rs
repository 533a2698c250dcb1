//! Validation tokens, signed by the tenant's Entra, and the documents that tell its keys.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ContentBehaviour, ContentFault};
use crate::simulator::error::GraphError;
use crate::simulator::tenant::DOMAIN;
use crate::simulator::wire::{Answer, Outcome};
use crate::simulator::world::World;

/// Microsoft Graph Change Tracking.
const PUBLISHER: &str = "0bf30f3b-4a52-48df-9a82-234910c4a086";
/// Seconds that a token lives.
const LIFETIME: i64 = 24 * 3600;
const KID: &str = "simulated-entra-key-1";

/// The key that Entra signs with. Made when it is first needed, which takes a moment.
#[derive(Debug, Default)]
pub(crate) struct TokenKey(Option<KeyPair>);

impl TokenKey {
    fn pair(&mut self) -> Option<&KeyPair> {
        if self.0.is_none() {
            self.0 = KeyPair::generate(KeySize::Rsa2048).ok();
        }
        self.0.as_ref()
    }
}

impl World {
    /// The tokens that go along with content: one, since there is one app and one tenant.
    pub(crate) fn validation_tokens(&mut self) -> Vec<String> {
        let ContentBehaviour { token_version, fault } = self.settings.content;
        if fault == Some(ContentFault::NoToken) {
            return Vec::new();
        }
        let claims = self.claims(token_version, fault);
        let (algorithm, kid) = match fault {
            Some(ContentFault::Unsigned) => ("none", KID),
            Some(ContentFault::UnknownKid) => ("RS256", "another-key"),
            _ => ("RS256", KID),
        };
        let head = json!({"typ": "JWT", "alg": algorithm, "kid": kid, "x5t": kid});
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(&head), encode(&claims));
        let signature = match fault {
            Some(ContentFault::Unsigned) => Some(Vec::new()),
            Some(ContentFault::BadSignature) => TokenKey::default().pair().and_then(|key| sign(key, &signed)),
            _ => self.token_key.pair().and_then(|key| sign(key, &signed)),
        };
        signature
            .map(|signature| format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
            .into_iter()
            .collect()
    }

    fn claims(&mut self, version: u8, fault: Option<ContentFault>) -> Value {
        let stranger = self.random.uuid();
        let tid = if fault == Some(ContentFault::ForeignTenant) { stranger } else { self.tenant.tenant_id };
        let of = if fault == Some(ContentFault::WrongIssuer) { stranger } else { tid };
        let aud = if fault == Some(ContentFault::WrongAudience) { stranger } else { self.tenant.client_id };
        let caller = match fault {
            Some(ContentFault::WrongPublisher) => stranger.to_string(),
            _ => PUBLISHER.to_owned(),
        };
        let now = self.clock.now().timestamp();
        let now = if fault == Some(ContentFault::ExpiredToken) { now - LIFETIME - 3600 } else { now };
        let (who, issuer, ver) = match version {
            2 => ("azp", format!("https://login.microsoftonline.com/{of}/v2.0"), "2.0"),
            _ => ("appid", format!("https://sts.windows.net/{of}/"), "1.0"),
        };
        json!({
            "aud": aud, "iss": issuer, "iat": now, "nbf": now, "exp": now + LIFETIME, who: caller,
            format!("{who}acr"): "2", "oid": self.service_principal, "sub": self.service_principal, "tid": tid,
            "uti": self.random.uuid().simple().to_string(), "ver": ver,
        })
    }
}

fn sign(key: &KeyPair, text: &str) -> Option<Vec<u8>> {
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).ok()?;
    Some(signature)
}

/// `/{tenant}/.well-known/openid-configuration` and `/{tenant}/v2.0/.well-known/openid-configuration`.
pub(crate) fn discovery(world: &World, origin: &str, tenant: &str, v2: bool) -> Outcome {
    let id: Uuid = world.tenant.tenant_id;
    let issued_for = match tenant {
        "common" | "organizations" => "{tenantid}".to_owned(),
        one if one.eq_ignore_ascii_case(&id.to_string()) || one.eq_ignore_ascii_case(DOMAIN) => {
            id.to_string()
        }
        _ => return Err(GraphError::new(400, "invalid_tenant", format!("Tenant '{tenant}' not found."))),
    };
    // A domain stands for its tenant; what stands for all of them stays.
    let base = format!("{origin}/{}", if issued_for == "{tenantid}" { tenant } else { &issued_for });
    let (issuer, version) = if v2 {
        (format!("https://login.microsoftonline.com/{issued_for}/v2.0"), "/v2.0")
    } else {
        (format!("https://sts.windows.net/{issued_for}/"), "")
    };
    Ok(Answer::json(
        200,
        json!({
            "issuer": issuer,
            "jwks_uri": format!("{base}/discovery{version}/keys"),
            "authorization_endpoint": format!("{base}/oauth2{version}/authorize"),
            "token_endpoint": format!("{base}/oauth2{version}/token"),
            "device_authorization_endpoint": format!("{base}/oauth2{version}/devicecode"),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "subject_types_supported": ["pairwise"],
        }),
    ))
}

/// `/{tenant}/discovery/keys` and `/{tenant}/discovery/v2.0/keys`.
pub(crate) fn signing_keys(world: &mut World) -> Answer {
    let keys: Vec<Value> = world.token_key.pair().map(published).into_iter().collect();
    Answer::json(200, json!({ "keys": keys }))
}

fn published(key: &KeyPair) -> Value {
    let public = key.public_key();
    let modulus = public.modulus();
    let exponent = public.exponent();
    json!({
        "kty": "RSA", "use": "sig", "kid": KID, "x5t": KID,
        "n": URL_SAFE_NO_PAD.encode(modulus.big_endian_without_leading_zero()),
        "e": URL_SAFE_NO_PAD.encode(exponent.big_endian_without_leading_zero()),
    })
}
