use std::future::{pending, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, KeepAlive, Protocol};
use actix_server::{GracefulShutdownSignal, Server, ServerBuilder, ServerHandle};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt as _, fn_factory, fn_service, map_config,
};
use actix_web::dev::AppConfig;
use actix_web::{App, web};
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use super::connections::{Connections, Place};
use super::watched::{Transport, Watched};
use crate::clock::Clock;
use crate::metrics::Metrics;

/// Threads that answer. Answers take microseconds of them; what takes longer happens elsewhere.
const WORKERS: usize = 2;
/// Connections that may wait to be accepted: a burst of them takes a thread some milliseconds.
const BACKLOG: u32 = 2048;
/// How often it is looked whose time is up.
const SWEEP_EVERY: Duration = Duration::from_millis(250);
/// How long a client that was refused has for taking the answer, before the connection is closed under its bytes.
const LINGER: Duration = Duration::from_secs(1);
/// What is received and not answered yet, of all connections together: this much, or so many of the largest bodies.
const MOST_UNANSWERED: usize = 256 << 20;
const LARGEST_BODIES: usize = 4;
/// Connections that are being turned away with an answer; more are closed without one.
const TURNED_AWAY_AT_ONCE: usize = 256;
const TURN_AWAY_WITHIN: Duration = Duration::from_millis(250);
const TURNED_AWAY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 10\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// What a port is opened with.
#[derive(Clone)]
pub struct Settings {
    /// Where it listens.
    pub address: SocketAddr,
    /// Connections at the same time.
    pub max_connections: usize,
    /// The largest body that is read there, in bytes.
    pub body_limit: usize,
    /// TLS; none: plain HTTP.
    pub tls: Option<Arc<ServerConfig>>,
    /// Real time is read from it.
    pub clock: Clock,
    /// Counts connections.
    pub metrics: Arc<Metrics>,
    /// How long the answers under way may take when it is stopped, in seconds.
    pub drain_seconds: u64,
}

/// An open port.
pub struct Port {
    server: Server,
    address: SocketAddr,
    hall: Arc<Hall>,
}

/// What all connections share.
struct Hall {
    tls: Option<TlsAcceptor>,
    connections: Arc<Connections>,
    turning_away: Semaphore,
    clock: Clock,
}

/// What the connections of one thread share.
struct Door<S> {
    http: S,
    hall: Arc<Hall>,
}

impl Port {
    /// Takes the port and serves `routes` on it, from when [`Port::run`] runs.
    ///
    /// # Errors
    /// If the port cannot be had.
    pub fn open(
        settings: Settings,
        routes: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let listener = listen(settings.address)?;
        let address = listener.local_addr()?;
        let builder = ServerBuilder::new()
            .workers(WORKERS)
            // Counted here instead: at this one, accepting stops.
            .max_concurrent_connections(usize::MAX - 1)
            .disable_signals()
            .shutdown_timeout(settings.drain_seconds);
        let stopping = builder.graceful_shutdown_signal();
        let hall = Arc::new(Hall::new(settings));
        let shared = hall.clone();
        let server = builder.listen("notifications", listener, move || {
            let http = Rc::new(http(routes.clone(), stopping.clone()));
            let hall = shared.clone();
            fn_factory(move || {
                let (http, hall) = (http.clone(), hall.clone());
                async move {
                    let door = Rc::new(Door { http: http.new_service(()).await?, hall });
                    Ok::<_, ()>(fn_service(move |socket| door.clone().attend(socket)))
                }
            })
        })?;
        Ok(Self { server: server.run(), address, hall })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it, from elsewhere.
    pub fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    /// Serves until it is stopped.
    ///
    /// # Errors
    /// If its threads cannot be started.
    pub async fn run(self) -> io::Result<()> {
        let sweeping = async {
            loop {
                let _ = self.hall.clock.timeout(SWEEP_EVERY, pending::<()>()).await;
                self.hall.connections.sweep();
            }
        };
        tokio::select! {
            ended = self.server => ended,
            () = sweeping => Ok(()),
        }
    }
}

impl Hall {
    fn new(settings: Settings) -> Self {
        let most_unanswered = MOST_UNANSWERED.max(settings.body_limit.saturating_mul(LARGEST_BODIES));
        let started = settings.clock.stopwatch();
        Self {
            tls: settings.tls.map(TlsAcceptor::from),
            connections: Arc::new(Connections::new(
                settings.max_connections,
                most_unanswered,
                started,
                settings.metrics,
            )),
            turning_away: Semaphore::new(TURNED_AWAY_AT_ONCE),
            clock: settings.clock,
        }
    }
}

/// The listening socket. A port that was just given up can be taken again.
fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// HTTP/1.1 on a watched stream; all time limits are the watcher's.
fn http(
    routes: impl Fn(&mut web::ServiceConfig) + 'static,
    stopping: GracefulShutdownSignal,
) -> impl ServiceFactory<
    (Watched, Protocol, Option<SocketAddr>),
    Config = (),
    Response = (),
    Error = DispatchError,
    InitError = (),
> {
    let app =
        App::new().configure(routes).into_factory().map_err(|error: actix_web::Error| error.error_response());
    HttpService::build()
        .keep_alive(KeepAlive::Os)
        .client_request_timeout(Duration::ZERO)
        .client_disconnect_timeout(LINGER)
        .graceful_shutdown_signal(move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        })
        .on_connect_ext(|stream: &Watched, extensions| {
            extensions.insert(stream.connection.clone());
        })
        .finish(map_config(app, |()| AppConfig::default()))
}

impl<S> Door<S>
where
    S: Service<(Watched, Protocol, Option<SocketAddr>), Response = (), Error = DispatchError>,
{
    /// A connection from its beginning to its end.
    async fn attend(self: Rc<Self>, socket: TcpStream) -> Result<(), ()> {
        match self.hall.connections.admit() {
            Some(place) => self.serve(socket, place).await,
            None => self.turn_away(socket).await,
        }
        Ok(())
    }

    async fn serve(&self, socket: TcpStream, place: Place) {
        let ending = poll_fn(|context| place.connection.poll_ending(context));
        tokio::select! {
            // In this order: what has just arrived is looked at before it is too late for it.
            biased;
            () = self.converse(socket, &place) => {}
            ending = ending => self.hall.connections.closed(ending.label()),
        }
    }

    async fn converse(&self, socket: TcpStream, place: &Place) {
        // Without it, an answer that follows closely on another waits for the client's delayed acknowledgement.
        let _ = socket.set_nodelay(true);
        let peer = socket.peer_addr().ok();
        let transport = match &self.hall.tls {
            None => Transport::Plain(socket),
            Some(tls) => match tls.accept(socket).await {
                Ok(stream) => Transport::Tls(Box::new(stream)),
                Err(error) => {
                    tracing::debug!(%error, "A client and we found no common TLS");
                    return self.hall.connections.closed("tls");
                }
            },
        };
        let stream = Watched::new(transport, place.connection.clone(), self.hall.connections.clone());
        // What went wrong with a connection is its client's business.
        let _ = self.http.call((stream, Protocol::Http1, peer)).await;
    }

    async fn turn_away(&self, mut socket: TcpStream) {
        self.hall.connections.closed("turned_away");
        let Ok(_few) = self.hall.turning_away.try_acquire() else { return };
        if self.hall.tls.is_some() {
            return;
        }
        let answer = async {
            socket.write_all(TURNED_AWAY).await?;
            socket.shutdown().await?;
            // Closing under bytes that nobody has read would take the answer back.
            let mut unread = [0; 4096];
            while socket.read(&mut unread).await? > 0 {}
            io::Result::Ok(())
        };
        // Whoever does not take it has had it offered.
        let _ = self.hall.clock.timeout(TURN_AWAY_WITHIN, answer).await;
    }
}
