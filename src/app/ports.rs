//! The two ports, with what the configuration says of them.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Extensions, Server};
use actix_web::rt::net::TcpStream;
use actix_web::web::ServiceConfig;
use actix_web::{App as ActixApp, HttpServer};
use anyhow::Context as _;
use rustls::ServerConfig;

use crate::api::{self, Api};
use crate::clock::Clock;
use crate::config::{Listen, Tls};
use crate::connect::{self, Connect};
use crate::lifecycle::DRAIN_SECONDS;
use crate::metrics::Metrics;
use crate::port::{CertificateRenewal, Pair, Port, Settings, Shown, server_config, within_limits};
use crate::receive::{self, Receiver};

/// Threads of the admin port.
const WORKERS: usize = 2;
/// Connections to the admin port, for each of its threads: all event streams that there may be, and some.
const ADMIN_CONNECTIONS: usize = 1024;
/// What is collected for a client of the admin port before more is made, in bytes: a thousand of those that do not read hold
/// 16 MiB. It goes in one write.
const COLLECTED: usize = 16 * 1024;
/// How long a client of the admin port may take for its TLS handshake, and then for the head of its first request.
const ADMIN_HEAD_WITHIN: Duration = Duration::from_secs(5);

/// A port's TLS, and the task that keeps its certificate fresh.
pub(super) struct Secured {
    pub config: ServerConfig,
    pub renewal: CertificateRenewal,
}

impl Secured {
    /// Reads the pair of one port; `name` is its section and the label of its metrics.
    pub(super) fn load(
        name: &'static str,
        files: Option<&Tls>,
        clock: &Clock,
        metrics: &Arc<Metrics>,
    ) -> anyhow::Result<Option<Self>> {
        let Some(files) = files else { return Ok(None) };
        let pair = Pair::read(files).with_context(|| format!("[{name}.tls] cannot be used"))?;
        if pair.ends <= clock.now() {
            tracing::error!(port = name, ended = %pair.ends, "The certificate has ended, and clients refuse it; renew it");
        }
        let shown = Arc::new(Shown::new(&pair));
        let config = server_config(shown.clone()).with_context(|| format!("[{name}.tls] cannot be used"))?;
        let renewal =
            CertificateRenewal::new(name, files.clone(), (&pair, shown), clock.clone(), metrics.clone());
        Ok(Some(Self { config, renewal }))
    }
}

/// Takes the notification port.
pub(super) fn receiving(
    receiver: Receiver,
    connect: Option<Connect>,
    listen: &Listen,
    tls: Option<ServerConfig>,
) -> anyhow::Result<Port> {
    let settings = Settings {
        address: listen.notifications,
        max_connections: within_limits(listen.max_connections),
        body_limit: listen.body_limit,
        tls: tls.map(Arc::new),
        clock: receiver.clock.clone(),
        metrics: receiver.metrics.clone(),
        drain_seconds: DRAIN_SECONDS,
    };
    let (receiver, connect) = (Arc::new(receiver), connect.map(Arc::new));
    let routes = move |routes: &mut ServiceConfig| {
        receive::routes(routes, &receiver);
        if let Some(connect) = &connect {
            connect::routes(routes, connect);
        }
    };
    Port::open(settings, routes).with_context(|| taken("notifications", listen.notifications))
}

/// Takes the admin port; whoever runs the server stops it.
///
/// # Errors
/// Where the address cannot be had.
pub fn administering(
    api: Api,
    address: SocketAddr,
    tls: Option<ServerConfig>,
) -> anyhow::Result<(Server, SocketAddr)> {
    let api = Arc::new(api);
    let server = HttpServer::new(move || {
        let api = api.clone();
        ActixApp::new().configure(|routes| api::routes(routes, &api))
    });
    // A client that has left must not keep its stream: by default neither handler nor quiet stream is dropped.
    let server = server
        .h1_allow_half_closed(false)
        .client_request_timeout(ADMIN_HEAD_WITHIN)
        .tls_handshake_timeout(ADMIN_HEAD_WITHIN)
        .max_connections(ADMIN_CONNECTIONS)
        .h1_write_buffer_size(COLLECTED)
        .on_connect(send_at_once);
    let server = match tls {
        None => server.bind(address),
        Some(tls) => server.bind_rustls_0_23(address, tls),
    };
    let server = server.with_context(|| taken("admin", address))?;
    let bound = server.addrs().first().copied().unwrap_or(address);
    let server = server.workers(WORKERS).disable_signals().shutdown_timeout(DRAIN_SECONDS);
    Ok((server.run(), bound))
}

/// Without this, an event that follows closely on another waits for the reader's delayed acknowledgement: 40 ms.
fn send_at_once(connection: &dyn Any, _: &mut Extensions) {
    let stream = connection.downcast_ref::<TcpStream>();
    let within = || connection.downcast_ref::<tokio_rustls::server::TlsStream<TcpStream>>();
    let Some(stream) = stream.or_else(|| within().map(|tls| tls.get_ref().0)) else { return };
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "Cannot switch a connection to sending at once");
    }
}

fn taken(port: &str, address: SocketAddr) -> String {
    format!("cannot listen on {address}: free that port, or set [listen] {port} to another")
}
