//! Looks names up, and leaves out what is internal: whoever may name a webhook must not reach what only this machine can.
//! Literal addresses never come here; the configuration refuses them.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::config;

/// The look-up of names.
pub(super) struct Guard;

/// A name that leads to internal addresses only.
#[derive(Debug)]
pub(super) struct Forbidden(String);

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} leads to an internal address: set allow_private = true if that is meant", self.0)
    }
}

impl Error for Forbidden {}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses: Addrs = Box::new(look_up(name.as_str(), false).await?.into_iter());
            Ok(addresses)
        })
    }
}

/// The addresses of a name, those that are allowed.
pub(super) async fn look_up(
    name: &str,
    allow_private: bool,
) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>> {
    // The port is the connector's business.
    let found = tokio::net::lookup_host((name, 0)).await?;
    let allowed = found.filter(|address| allow_private || !config::is_internal(address.ip()));
    let allowed: Vec<SocketAddr> = allowed.collect();
    if allowed.is_empty() { Err(Forbidden(name.to_owned()).into()) } else { Ok(allowed) }
}
