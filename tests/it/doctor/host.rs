//! A host that answers as it is told, over plain HTTP or TLS, byte for byte.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use o365_listener::clock::Clock;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio_rustls::TlsAcceptor;

/// What was asked.
#[derive(Clone)]
pub struct Asked {
    /// How many came before.
    pub number: usize,
    /// Path and query, as they came.
    pub target: String,
    /// The whole head.
    pub head: String,
}

impl Asked {
    /// The token, as it stands in the query.
    pub fn raw(&self) -> &str {
        self.target.split_once("validationToken=").unwrap().1
    }

    /// The token.
    pub fn token(&self) -> String {
        decoded(self.raw())
    }
}

/// As a form is decoded.
pub fn decoded(text: &str) -> String {
    let pairs = format!("t={text}");
    url::form_urlencoded::parse(pairs.as_bytes()).next().unwrap().1.into_owned()
}

/// What becomes of a request.
pub enum Reply {
    /// These bytes.
    Bytes(String),
    /// These, after a while.
    Late(Duration, String),
    /// Nothing, for ever.
    Silence,
    /// The end of the connection.
    Close,
}

/// An answer in HTTP.
pub fn http(status: u16, headers: &str, body: &str) -> Reply {
    Reply::Bytes(bytes(status, headers, body))
}

pub fn bytes(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}")
}

/// The right answer with another body.
pub fn plain(body: &str) -> Reply {
    http(200, PLAIN, body)
}

pub const PLAIN: &str = "content-type: text/plain\r\n";

/// Serves on a port of its own until the test ends.
pub async fn serve(
    tls: Option<ServerConfig>,
    answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = tls.map(|tls| TlsAcceptor::from(Arc::new(tls)));
    let (answer, number) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    Handle::current().spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (answer, acceptor, number) = (answer.clone(), acceptor.clone(), number.clone());
            Handle::current().spawn(async move {
                match acceptor {
                    None => converse(socket, &*answer, &number).await,
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(socket).await {
                            converse(stream, &*answer, &number).await;
                        }
                    }
                }
            });
        }
    });
    address
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    answer: &(impl Fn(&Asked) -> Reply + Send + Sync),
    number: &AtomicUsize,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let target = head.split(' ').nth(1).unwrap().to_owned();
    let asked = Asked { number: number.fetch_add(1, Ordering::SeqCst), target, head };
    let bytes = match answer(&asked) {
        Reply::Bytes(bytes) => bytes,
        Reply::Late(wait, bytes) => {
            Clock::system().sleep(wait).await;
            bytes
        }
        Reply::Silence => return std::future::pending().await,
        Reply::Close => return,
    };
    let _ = stream.write_all(bytes.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Reads what comes first, answers with these bytes, and goes: what a server that speaks another version does.
pub async fn raw(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    Handle::current().spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            respond(&mut socket, answer).await;
        }
    });
    address
}

async fn respond(socket: &mut TcpStream, answer: &[u8]) {
    let mut hello = vec![0; 16 * 1024];
    if socket.read(&mut hello).await.is_ok() {
        let _ = socket.write_all(answer).await;
        let _ = socket.shutdown().await;
    }
}
