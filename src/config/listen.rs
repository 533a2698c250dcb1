use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::path::Fault;
use super::{Admin, Network, Tls, values};

/// Office 365 batches notifications into bodies of some hundred kilobytes; what is larger than memory is no body.
const BODY_LIMITS: RangeInclusive<usize> = (16 << 10)..=(64 << 20);

/// Each open connection has a file descriptor and some 30 KiB.
const MAX_CONNECTIONS: RangeInclusive<usize> = 1..=1_000_000;

/// `[listen]`: the two ports, and who may come to the notification port with how much.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// The only port the internet must reach. Default `0.0.0.0:8080`.
    #[serde(deserialize_with = "values::address")]
    pub notifications: SocketAddr,
    /// API, metrics, health. Default `127.0.0.1:8081`.
    #[serde(deserialize_with = "values::address")]
    pub admin: SocketAddr,
    /// Networks whose `X-Forwarded-For` is believed. Default none.
    pub trusted_proxies: Vec<Network>,
    /// Networks that may notify; empty, which is the default: all.
    pub allow_from: Vec<Network>,
    /// What happens to a request from elsewhere. Default `enforce`.
    pub allow_mode: AllowMode,
    /// Largest notification body, in bytes, packed and unpacked. Default 1 MiB.
    #[serde(deserialize_with = "body_limit")]
    pub body_limit: usize,
    /// Connections to the notification port that are held open at the same time. Default 10,000.
    #[serde(deserialize_with = "max_connections")]
    pub max_connections: usize,
    /// `[listen.tls]`; none, which is the default: plain HTTP, behind a proxy.
    pub tls: Option<Tls>,
}

/// `allow_mode`: what happens to a request that does not come from `allow_from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AllowMode {
    /// It is refused.
    #[default]
    Enforce,
    /// It is counted, and otherwise as any other.
    Report,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            notifications: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8080)),
            admin: SocketAddr::from((Ipv4Addr::LOCALHOST, 8081)),
            trusted_proxies: Vec::new(),
            allow_from: Vec::new(),
            allow_mode: AllowMode::default(),
            body_limit: 1 << 20,
            max_connections: 10_000,
            tls: None,
        }
    }
}

impl Listen {
    /// The two ports must differ, an admin port that others can reach must ask for a key, and whoever may say whom
    /// a request comes from must be somebody.
    pub(super) fn check(&self, admin: &Admin) -> Result<(), Fault> {
        if self.admin.port() != 0 && self.admin.port() == self.notifications.port() {
            let message = format!("port {} is the notification port: write another", self.admin.port());
            return Err(Fault::at(["listen", "admin"], message));
        }
        if !self.admin.ip().is_loopback() && admin.api_keys.is_empty() {
            let message = format!(
                "others can reach {}, and nobody would be asked for a key: write \"127.0.0.1:{}\", or list api_keys in [admin]",
                self.admin,
                self.admin.port()
            );
            return Err(Fault::at(["listen", "admin"], message));
        }
        if self.trusted_proxies.iter().any(Network::is_everything) {
            let message = "everybody's X-Forwarded-For would be believed: write the networks of your proxies";
            return Err(Fault::at(["listen", "trusted_proxies"], message));
        }
        Ok(())
    }
}

fn body_limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    values::text(deserializer, |text| {
        let size = values::parse_size(text)?;
        let within = BODY_LIMITS.contains(&size).then_some(size);
        within.ok_or_else(|| format!("'{text}' is out of range: write a size from \"16KiB\" to \"64MiB\""))
    })
}

fn max_connections<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let number = i64::deserialize(deserializer)?;
    let within = usize::try_from(number).ok().filter(|number| MAX_CONNECTIONS.contains(number));
    within.ok_or_else(|| {
        D::Error::custom(format!("{number} is out of range: write a number from 1 to 1000000"))
    })
}
