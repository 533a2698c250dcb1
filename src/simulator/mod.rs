//! A Microsoft 365 stand-in with state: sign-in, Graph, SharePoint's sites, and the sender of change
//! notifications, at one address.
//!
//! It plays the tenant Contoso: a SharePoint site with a list and a library, users with OneDrive and mail. Changes
//! are made with Graph's own calls; what Microsoft has no call for lies under `/_control` (`GET /_control`
//! describes it). Everything random follows from a seed, and time is the [`Clock`] it is given.
//!
//! It promises to behave as the service does where a client can tell: what it answers, what it refuses, what it
//! announces and when. It does not promise to be complete: an address it does not know is refused as Graph
//! refuses it, never answered with something made up. Nothing in it may be imported by other rooms but
//! what is public here, and it imports nothing of theirs: it is built from Microsoft's descriptions, so that
//! client and stand-in do not share a misunderstanding.

mod cards;
mod connect;
mod control;
mod entra;
mod error;
mod graph;
mod page;
mod random;
mod resync;
mod rich;
mod sender;
mod server;
mod sharepoint;
mod tenant;
mod wire;
mod world;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use cards::CardAddresses;
pub use tenant::{Resources, Tenant, print_config, tenant};

use crate::clock::Clock;

/// The port that `simulate` listens on by default.
const DEFAULT_PORT: u16 = 9400;
/// Items on a page of an answer, as OneDrive for Business has it.
const DEFAULT_PAGE_SIZE: usize = 200;

/// How to run the stand-in.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What ids, secrets and chance follow from.
    pub seed: u64,
    /// The tenant's time: of changes, expiries and delays.
    pub clock: Clock,
    /// Items on a page, unless the caller wants fewer.
    pub page_size: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT)),
            seed: 0,
            clock: Clock::system(),
            page_size: DEFAULT_PAGE_SIZE,
        }
    }
}

/// A running stand-in. Dropping it ends the notification sender; [`Simulator::stop`] also ends the server.
#[derive(Debug)]
pub struct Simulator {
    tenant: Tenant,
    server: ServerHandle,
    sender: DropGuard,
}

impl Simulator {
    /// The base address of sign-in and Graph.
    pub fn url(&self) -> &str {
        &self.tenant.url
    }

    /// What a client needs to know.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Stops sending, finishes the answers being given, and frees the port.
    pub async fn stop(self) {
        drop(self.sender);
        self.server.stop(true).await;
    }
}

/// Where somebody on this machine finds one that listens there: an address for all of them is none to call.
pub fn url_of(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, listen.port()))
}

/// Starts a stand-in on the current Tokio runtime. It answers when this returns.
///
/// # Errors
/// When the address cannot be listened on.
#[expect(clippy::unused_async, reason = "callers should not notice when starting has to wait")]
pub async fn start(options: Options) -> std::io::Result<Simulator> {
    let (shared, server) = server::bind(&options)?;
    let handle = server.handle();
    let stop = CancellationToken::new();
    let client = server::http_client()?;
    in_background(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "The simulated tenant's server failed");
        }
    });
    in_background(sender::run(Arc::clone(&shared), client, stop.clone()));
    let tenant = shared.world().tenant.clone();
    Ok(Simulator { tenant, server: handle, sender: stop.drop_guard() })
}

#[expect(clippy::disallowed_methods, reason = "the room stands alone; its two tasks end with `Simulator`")]
fn in_background(work: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(work);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_nobody_can_call_is_told_as_this_machine() {
        for (listen, url) in [
            ("127.0.0.1:9400", "http://127.0.0.1:9400"),
            ("0.0.0.0:9400", "http://127.0.0.1:9400"),
            ("[::]:9400", "http://[::1]:9400"),
            ("192.0.2.7:80", "http://192.0.2.7:80"),
        ] {
            assert_eq!(url_of(listen.parse().unwrap()), url);
        }
    }
}
