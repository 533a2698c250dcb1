use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Unreached {
    /// The name leads nowhere; what the system says.
    NoSuchHost(String),
    /// Nobody listens there.
    Refused,
    /// No connection came about in time.
    NoConnection,
    /// A connection, but no answer in time.
    NoAnswer,
    /// The connection was closed without an answer.
    Closed,
    /// TLS does not come about.
    Tls(rustls::Error),
    /// Anything else.
    Other(String),
}

impl Unreached {
    /// Judges what the HTTP client says, by types and never by text.
    pub(super) fn of(error: reqwest::Error) -> Self {
        let (connecting, timed_out) = (error.is_connect(), error.is_timeout());
        let error = error.without_url();
        let mut innermost = error.to_string();
        let mut next: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(cause) = next {
            innermost = cause.to_string();
            if let Some(known) = Self::known(cause) {
                return known;
            }
            next = cause.source();
        }
        match (timed_out, connecting) {
            (true, true) => Self::NoConnection,
            (true, false) => Self::NoAnswer,
            (false, _) => Self::Other(innermost),
        }
    }

    fn known(cause: &(dyn Error + 'static)) -> Option<Self> {
        if let Some(Unresolved(reason)) = cause.downcast_ref() {
            return Some(Self::NoSuchHost(reason.clone()));
        }
        if let Some(error) = cause.downcast_ref::<rustls::Error>() {
            return Some(Self::Tls(error.clone()));
        }
        let error = cause.downcast_ref::<io::Error>()?;
        // What an I/O error wraps is not among its sources.
        if let Some(inner) = error.get_ref()
            && let Some(known) = Self::known(inner)
        {
            return Some(known);
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Some(Self::Refused),
            io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                Some(Self::NoConnection)
            }
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted => Some(Self::Closed),
            _ => None,
        }
    }

    /// Whether TLS is what did not come about.
    pub(super) fn is_about_tls(&self) -> bool {
        matches!(self, Self::Tls(_) | Self::Closed)
    }
}

/// A name that leads nowhere.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unresolved(String);

/// Looks names up as the system does, unless it is told where they lead, and keeps that.
#[derive(Debug, Default)]
pub(super) struct Names {
    told: Vec<IpAddr>,
    found: Arc<Mutex<Vec<IpAddr>>>,
}

impl Names {
    /// Every name leads there; nowhere: the system is asked.
    pub(super) fn leading_to(told: Vec<IpAddr>) -> Self {
        Self { told, found: Arc::default() }
    }

    pub(super) fn found(&self) -> Vec<IpAddr> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let (told, found) = (self.told.clone(), Arc::clone(&self.found));
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = if told.is_empty() {
                let looked_up = tokio::net::lookup_host((name.as_str(), 0)).await;
                looked_up.map_err(|error| Unresolved(error.to_string()))?.collect()
            } else {
                told.into_iter().map(|address| SocketAddr::new(address, 0)).collect()
            };
            if addresses.is_empty() {
                return Err(Unresolved("it has no address".to_owned()).into());
            }
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            *found = addresses.iter().map(SocketAddr::ip).collect();
            drop(found);
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}
