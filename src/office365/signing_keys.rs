//! The keys that Microsoft Entra signs tokens with, as its discovery documents tell them.
//!
//! They roll without notice: a key that is not known is asked for again, but not more often than every few minutes,
//! since whoever sends us tokens chooses what they name.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::DecodingKey;
use reqwest::header::{HeaderValue, USER_AGENT};
use reqwest::{Method, Request};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, OnceCell};
use uuid::Uuid;

use super::base::Base;
use super::connection::{Answer, Connection, Limits};
use super::{Failure, Verdict};
use crate::config::Cloud;

const LIMITS: Limits = Limits { time: Duration::from_secs(20), bytes: 1024 * 1024 };
/// How long keys are used without having been looked at again: a key that was withdrawn is not trusted for longer.
const KEPT_FOR: TimeDelta = TimeDelta::hours(24);
/// How often keys are asked for at most, because one is not known or because the last attempt failed.
const ASKED_EVERY: TimeDelta = TimeDelta::minutes(5);
const RETRIED_EVERY: TimeDelta = TimeDelta::seconds(30);
/// What stands for the tenant's id in the issuer of a document that is common to all.
const TENANT: &str = "{tenantid}";

/// The two forms of tokens, which have issuers and discovery documents of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenVersion {
    /// `ver` is `1.0`.
    V1,
    /// `ver` is `2.0`.
    V2,
}

/// A key, and who may have signed with it.
#[derive(Clone)]
pub struct Signer {
    /// Verifies signatures.
    pub key: DecodingKey,
    /// The issuers that it belongs to, with `{tenantid}` for the tenant's id.
    issuers: Vec<String>,
}

impl Signer {
    /// With issuers in which `{tenantid}` stands for the tenant's id.
    pub fn new(key: DecodingKey, issuers: Vec<String>) -> Self {
        Self { key, issuers }
    }

    /// Whether this is exactly the issuer of the tenant with this id.
    pub fn issues(&self, issuer: &str, tenant: &str) -> bool {
        self.issuers.iter().any(|template| template.replace(TENANT, tenant) == issuer)
    }
}

/// The keys of one login host, as one app reads them.
pub(super) struct SigningKeys {
    connection: Connection,
    login: Base,
    cloud: Cloud,
    /// As it is configured: a guid or a domain.
    tenant: String,
    user_agent: HeaderValue,
    v1: Mutex<Slot>,
    v2: Mutex<Slot>,
    tenant_id: OnceCell<Uuid>,
}

#[derive(Default)]
struct Slot {
    keys: HashMap<String, DecodingKey>,
    issuers: Vec<String>,
    read_at: Option<DateTime<Utc>>,
    failed: Option<(Failure, DateTime<Utc>)>,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct RsaKey {
    kid: String,
    kty: String,
    #[serde(rename = "use")]
    used_for: Option<String>,
    n: String,
    e: String,
}

impl SigningKeys {
    pub(super) fn new(
        connection: Connection,
        login: Base,
        cloud: Cloud,
        tenant: String,
        user_agent: HeaderValue,
    ) -> Self {
        let (v1, v2, tenant_id) = (Mutex::default(), Mutex::default(), OnceCell::new());
        Self { connection, login, cloud, tenant, user_agent, v1, v2, tenant_id }
    }

    /// The signer with this key id; none: Entra has no such key.
    pub(super) async fn signer(&self, version: TokenVersion, kid: &str) -> Result<Option<Signer>, Failure> {
        let slot = match version {
            TokenVersion::V1 => &self.v1,
            TokenVersion::V2 => &self.v2,
        };
        let mut slot = slot.lock().await;
        let now = self.connection.clock.now();
        if slot.must_be_read(kid, now) {
            if let Some(failure) = slot.failed_at(now) {
                return Err(failure);
            }
            match self.read(version).await {
                Ok((keys, issuers)) => {
                    *slot = Slot { keys, issuers, read_at: Some(now), failed: None };
                }
                Err(failure) => {
                    slot.failed = Some((failure.clone(), now));
                    return Err(failure);
                }
            }
        }
        let signer = |key: &DecodingKey| Signer::new(key.clone(), slot.issuers.clone());
        Ok(slot.keys.get(kid).map(signer))
    }

    /// The tenant's guid, which tokens name; asked for once where a domain is configured.
    pub(super) async fn tenant_id(&self) -> Result<Uuid, Failure> {
        if let Ok(id) = Uuid::try_parse(&self.tenant) {
            return Ok(id);
        }
        let find = async || {
            let path = [self.tenant.as_str(), "v2.0", ".well-known", "openid-configuration"];
            let discovery: Discovery = self.get(Request::new(Method::GET, self.login.at(path))).await?;
            let id = discovery.issuer.split('/').find_map(|part| Uuid::try_parse(part).ok());
            id.ok_or_else(|| unreadable("the issuer of the tenant names no tenant id"))
        };
        self.tenant_id.get_or_try_init(find).await.copied()
    }

    async fn read(
        &self,
        version: TokenVersion,
    ) -> Result<(HashMap<String, DecodingKey>, Vec<String>), Failure> {
        let path: &[&str] = match version {
            TokenVersion::V1 => &["common", ".well-known", "openid-configuration"],
            TokenVersion::V2 => &["common", "v2.0", ".well-known", "openid-configuration"],
        };
        let at = self.login.at(path.iter().copied());
        let discovery: Discovery = self.get(Request::new(Method::GET, at)).await?;
        let keys = self.login.follow(&discovery.jwks_uri)?;
        let set: KeySet = self.get(Request::new(Method::GET, keys)).await?;
        let keys = set.keys.into_iter().filter_map(rsa_key).collect();
        let mut issuers = vec![usual_issuer(self.cloud, version)];
        if !issuers.contains(&discovery.issuer) {
            issuers.push(discovery.issuer);
        }
        Ok((keys, issuers))
    }

    /// How far our clock is ahead of the login host's at least; negative: behind. None where it does not say.
    pub(super) async fn clock_ahead(&self) -> Option<TimeDelta> {
        let path = [self.tenant.as_str(), "v2.0", ".well-known", "openid-configuration"];
        let before = self.connection.clock.now();
        let answer = self.ask(Request::new(Method::GET, self.login.at(path))).await.ok()?;
        Some(ahead(before, self.connection.clock.now(), answer.date()?))
    }

    async fn ask(&self, mut request: Request) -> Result<Answer, Failure> {
        request.headers_mut().insert(USER_AGENT, self.user_agent.clone());
        self.connection.exchange("discovery", request, LIMITS).await
    }

    async fn get<T: DeserializeOwned>(&self, request: Request) -> Result<T, Failure> {
        let answer = self.ask(request).await?;
        if !answer.status.is_success() {
            let code = answer.status.as_u16();
            let message = format!("The login host answered {code} where it tells the keys of its signatures");
            let failure = Failure::local(Verdict::Transient, "signingKeys", message);
            return Err(Failure { status: Some(code), ..failure });
        }
        serde_json::from_slice(&answer.body).map_err(|error| unreadable(&error.to_string()))
    }
}

impl Slot {
    fn must_be_read(&self, kid: &str, now: DateTime<Utc>) -> bool {
        self.read_at.is_none_or(|read_at| {
            let age = now - read_at;
            age >= KEPT_FOR || (age >= ASKED_EVERY && !self.keys.contains_key(kid))
        })
    }

    fn failed_at(&self, now: DateTime<Utc>) -> Option<Failure> {
        let (failure, at) = self.failed.as_ref()?;
        (now - *at < RETRIED_EVERY).then(|| failure.clone())
    }
}

/// Keys of other kinds sign nothing that we accept.
fn rsa_key(key: serde_json::Value) -> Option<(String, DecodingKey)> {
    let key: RsaKey = serde_json::from_value(key).ok()?;
    let signs = key.kty == "RSA" && key.used_for.as_deref().is_none_or(|used_for| used_for == "sig");
    let decoding = DecodingKey::from_rsa_components(&key.n, &key.e).ok().filter(|_| signs)?;
    Some((key.kid, decoding))
}

/// The issuer of a cloud's tokens.
fn usual_issuer(cloud: Cloud, version: TokenVersion) -> String {
    match (version, cloud) {
        (TokenVersion::V1, Cloud::China) => format!("https://sts.chinacloudapi.cn/{TENANT}/"),
        (TokenVersion::V1, _) => format!("https://sts.windows.net/{TENANT}/"),
        (TokenVersion::V2, cloud) => format!("{}/{TENANT}/v2.0", cloud.login()),
    }
}

/// How far our clock is ahead, if the other one showed `there` at some moment between `before` and `after` of ours. It
/// shows whole seconds.
fn ahead(before: DateTime<Utc>, after: DateTime<Utc>, there: DateTime<Utc>) -> TimeDelta {
    let (least, most) = (before - (there + TimeDelta::seconds(1)), after - there);
    if least > TimeDelta::zero() { least } else { most.min(TimeDelta::zero()) }
}

fn unreadable(what: &str) -> Failure {
    let message = format!("What the login host says of its signatures cannot be read: {what}");
    Failure::local(Verdict::Transient, "unreadable", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_issuer_is_compared_whole() {
        let tenant = "c0ffee00-1111-4222-8333-444455556666";
        let issuers = vec![usual_issuer(Cloud::Global, TokenVersion::V1)];
        let signer = Signer::new(DecodingKey::from_secret(b""), issuers);
        assert!(signer.issues(&format!("https://sts.windows.net/{tenant}/"), tenant));
        for foreign in [
            format!("https://sts.windows.net/{tenant}"),
            format!("https://sts.windows.net/{tenant}/x"),
            format!("https://evil.example/https://sts.windows.net/{tenant}/"),
            format!("https://login.microsoftonline.com/{tenant}/v2.0"),
            "https://sts.windows.net/{tenantid}/".to_owned(),
        ] {
            assert!(!signer.issues(&foreign, tenant), "{foreign}");
        }
    }

    #[test]
    fn clocks_agree_where_they_may_have_shown_the_same() {
        let at = |millis| DateTime::UNIX_EPOCH + TimeDelta::milliseconds(millis);
        for (before, after, there, expected) in [
            (5_000, 5_100, 5_000, 0),
            (5_900, 6_100, 5_000, 0),
            (5_900, 6_100, 6_000, 0),
            (8_000, 9_000, 5_000, 2_000),
            (2_000, 3_500, 5_000, -1_500),
            (0, 60_000, 30_000, 0),
        ] {
            let ahead = ahead(at(before), at(after), at(there));
            assert_eq!(ahead.num_milliseconds(), expected, "{before}–{after}, {there}");
        }
    }

    #[test]
    fn only_rsa_keys_for_signatures_are_taken() {
        let key = json!({"kid": "a", "kty": "RSA", "use": "sig", "n": "AQAB", "e": "AQAB", "x5c": []});
        assert_eq!(rsa_key(key.clone()).map(|(kid, _)| kid).as_deref(), Some("a"));
        for (name, value) in
            [("kty", json!("EC")), ("use", json!("enc")), ("n", json!("!")), ("kid", json!(1))]
        {
            let mut other = key.clone();
            other[name] = value;
            assert!(rsa_key(other).is_none(), "{name}");
        }
    }

    #[test]
    fn an_unknown_key_is_asked_for_again_but_not_all_the_time() {
        let start = DateTime::UNIX_EPOCH;
        let mut slot = Slot::default();
        assert!(slot.must_be_read("a", start));
        slot.read_at = Some(start);
        slot.keys.insert("a".to_owned(), DecodingKey::from_secret(b""));
        for (kid, minutes, read) in [
            ("a", 0, false),
            ("b", 0, false),
            ("b", 4, false),
            ("b", 5, true),
            ("a", 5, false),
            ("a", 1440, true),
        ] {
            let now = start + TimeDelta::minutes(minutes);
            assert_eq!(slot.must_be_read(kid, now), read, "{kid} after {minutes} minutes");
        }
    }
}
