//! Requests without TLS, as they go to a neighbour. There they come in masses, and a client for the whole internet costs
//! several times what sending does: here a request runs on a connection of its own, in the task that waits for it.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use reqwest::header::{ACCEPT, HOST, HeaderMap, HeaderValue, USER_AGENT};
use tokio::net::TcpStream;
use url::{Host, Url};

use super::{AGENT, CONNECT_LIMIT, guard};
use crate::clock::Clock;

/// Bytes of a request after which its connection is not used again.
const LARGE: usize = 512 * 1024;

/// Why nothing came back.
pub(super) type Failure = Box<dyn Error + Send + Sync>;

/// A neighbour, and the connections to it.
pub(super) struct Neighbour {
    host: Host<String>,
    port: u16,
    /// What comes after the host in the address, and the host as a request names it.
    target: Uri,
    name: HeaderValue,
    allow_private: bool,
    clock: Clock,
    idle: Arc<Idle>,
}

/// Connections that nobody uses just now.
struct Idle {
    lines: Mutex<Vec<Line>>,
    most: usize,
}

/// A connection, which carries one request at a time.
struct Line {
    send: SendRequest<Full<Bytes>>,
    /// It makes progress only while somebody waits for it; none: it has ended.
    connection: Option<Running>,
}

type Running = Pin<Box<Connection<TokioIo<TcpStream>, Full<Bytes>>>>;

/// A connection that brought no answer, and the request, if nothing of it was sent.
struct Broken {
    error: hyper::Error,
    unsent: Option<Box<Request<Full<Bytes>>>>,
}

/// An answer on its way.
pub(super) struct Exchange {
    pub response: Response<Incoming>,
    line: Line,
    /// Whether the connection is kept for the next request.
    keeps: bool,
    idle: Arc<Idle>,
}

impl Neighbour {
    /// The one at this address, with so many connections kept; `None`: it is not reached without TLS, or cannot be put into a request.
    pub fn at(url: &Url, (allow_private, kept): (bool, usize), clock: Clock) -> Option<Self> {
        let host = url.host().filter(|_| url.scheme() == "http")?.to_owned();
        let port = url.port_or_known_default()?;
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let name = url.port().map_or_else(|| host.to_string(), |port| format!("{host}:{port}"));
        Some(Self {
            target: format!("{}{query}", url.path()).parse().ok()?,
            name: HeaderValue::from_str(&name).ok()?,
            idle: Arc::new(Idle { lines: Mutex::default(), most: kept }),
            host,
            port,
            allow_private,
            clock,
        })
    }

    /// Posts, and waits for the head of the answer.
    pub async fn post(&self, mut headers: HeaderMap, body: Vec<u8>) -> Result<Exchange, Failure> {
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        headers.entry(HOST).or_insert_with(|| self.name.clone());
        // A connection holds the room of its largest request for as long as it lives.
        let keeps = body.len() <= LARGE;
        let mut request = Request::new(Full::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.clone();
        *request.headers_mut() = headers;
        loop {
            let (mut line, is_new) = match self.idle.take() {
                Some(line) => (line, false),
                None => (self.connect().await?, true),
            };
            match line.ask(request).await {
                Ok(response) => return Ok(Exchange { response, line, keeps, idle: Arc::clone(&self.idle) }),
                // The other side has left it before anything was sent.
                Err(Broken { unsent: Some(unsent), .. }) if !is_new => request = *unsent,
                Err(Broken { error, .. }) => return Err(error.into()),
            }
        }
    }

    async fn connect(&self) -> Result<Line, Failure> {
        let connected = self.clock.timeout(CONNECT_LIMIT, self.reach()).await;
        let stream =
            connected.map_err(|_| format!("no connection within {} s", CONNECT_LIMIT.as_secs()))??;
        stream.set_nodelay(true)?;
        // To copy a request together is less work than to have the kernel gather it; nearly all are short.
        let (send, connection) = http1::Builder::new().writev(false).handshake(TokioIo::new(stream)).await?;
        Ok(Line { send, connection: Some(Box::pin(connection)) })
    }

    async fn reach(&self) -> Result<TcpStream, Failure> {
        let addresses = match &self.host {
            Host::Domain(name) => guard::look_up(name, self.allow_private).await?,
            Host::Ipv4(address) => vec![SocketAddr::new(IpAddr::V4(*address), 0)],
            Host::Ipv6(address) => vec![SocketAddr::new(IpAddr::V6(*address), 0)],
        };
        let addresses: Vec<_> =
            addresses.iter().map(|address| SocketAddr::new(address.ip(), self.port)).collect();
        Ok(TcpStream::connect(addresses.as_slice()).await?)
    }
}

impl Idle {
    fn take(&self) -> Option<Line> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn keep(&self, line: Line) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < self.most {
            lines.push(line);
        }
    }
}

impl Line {
    /// One request.
    async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Broken> {
        // What the other side has done to it meanwhile shows now.
        if let Err(error) = along(&mut self.connection, self.send.ready()).await {
            return Err(Broken { error, unsent: Some(Box::new(request)) });
        }
        let asked = along(&mut self.connection, self.send.try_send_request(request)).await;
        asked.map_err(|mut failed| {
            let unsent = failed.take_message().map(Box::new);
            Broken { error: failed.into_error(), unsent }
        })
    }
}

impl Exchange {
    /// Reads the body up to so many bytes. Only a connection whose answer was read to its end is used again.
    pub async fn read(mut self, most: usize, body: &mut Vec<u8>) {
        while body.len() < most {
            match along(&mut self.line.connection, self.response.frame()).await {
                Some(Ok(frame)) => body.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
                None if self.keeps => return self.idle.keep(self.line),
                Some(Err(_)) | None => return,
            }
        }
    }
}

/// Waits for something that a connection brings.
async fn along<T>(connection: &mut Option<Running>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    if let Some(running) = connection {
        tokio::select! {
            biased;
            done = &mut work => return done,
            // Why it has ended, whoever waits is told.
            _ = running => *connection = None,
        }
    }
    work.await
}

#[cfg(test)]
mod tests;
