use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;

use serde::{Deserialize, Deserializer};

use super::Admin;
use super::path::Fault;
use super::values;

/// Office 365 batches notifications into bodies of some hundred kilobytes; what is larger than memory is no body.
const BODY_LIMITS: RangeInclusive<usize> = (16 << 10)..=(64 << 20);

/// `[listen]`: the two ports.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// The only port the internet must reach. Default `0.0.0.0:8080`.
    #[serde(deserialize_with = "values::address")]
    pub notifications: SocketAddr,
    /// API, metrics, health. Default `127.0.0.1:8081`.
    #[serde(deserialize_with = "values::address")]
    pub admin: SocketAddr,
    /// Largest notification body, in bytes. Default 1 MiB.
    #[serde(deserialize_with = "body_limit")]
    pub body_limit: usize,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            notifications: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8080)),
            admin: SocketAddr::from((Ipv4Addr::LOCALHOST, 8081)),
            body_limit: 1 << 20,
        }
    }
}

impl Listen {
    /// The two ports must differ, and an admin port that others can reach must ask for a key.
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
