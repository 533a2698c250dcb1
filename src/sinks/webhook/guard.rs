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
            // The port is the connector's business.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let outside: Vec<SocketAddr> = outside(found).collect();
            if outside.is_empty() {
                return Err(Forbidden(name.as_str().to_owned()).into());
            }
            let addresses: Addrs = Box::new(outside.into_iter());
            Ok(addresses)
        })
    }
}

fn outside(found: impl Iterator<Item = SocketAddr>) -> impl Iterator<Item = SocketAddr> {
    found.filter(|address| !config::is_internal(address.ip()))
}
