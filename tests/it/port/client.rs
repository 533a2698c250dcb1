//! A client that sends what a test tells it to, byte by byte.

use std::net::SocketAddr;
use std::time::Duration;

use o365_listener::clock::Clock;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::receive::bench::REMOTE;

pub const HANDSHAKE: &str =
    "POST /notifications?validationToken=Validation%3a+1 HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
/// What a handshake is answered with.
pub const TOKEN: &str = "Validation: 1";

/// A request with a body, whose head is complete.
pub fn post(headers: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("POST /notifications HTTP/1.1\r\nhost: x\r\n{headers}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

pub fn notification(client_state: &str) -> Vec<u8> {
    let element = json!({"subscriptionId": REMOTE, "clientState": client_state, "changeType": "updated"});
    json!({ "value": [element] }).to_string().into_bytes()
}

/// What was answered.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

pub struct Client<S> {
    pub stream: S,
    unread: Vec<u8>,
}

impl Client<TcpStream> {
    pub async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub fn over(stream: S) -> Self {
        Self { stream, unread: Vec::new() }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The next answer. `None`: the connection ended before it.
    pub async fn answer(&mut self) -> Option<Answer> {
        loop {
            if let Some(answer) = self.take() {
                return Some(answer);
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes).await {
                Ok(0) | Err(_) => return None,
                Ok(length) => self.unread.extend_from_slice(&bytes[..length]),
            }
        }
    }

    fn take(&mut self) -> Option<Answer> {
        let end = self.unread.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = String::from_utf8(self.unread[..end].to_vec()).unwrap().to_ascii_lowercase();
        let length = head
            .split_once("content-length: ")
            .map_or(0, |(_, rest)| rest.lines().next().unwrap().trim().parse().unwrap());
        if self.unread.len() < end + length {
            return None;
        }
        let body = String::from_utf8(self.unread[end..end + length].to_vec()).unwrap();
        self.unread.drain(..end + length);
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Some(Answer { status, head, body })
    }

    pub async fn ask(&mut self, request: impl AsRef<[u8]>) -> Option<Answer> {
        self.send(request).await;
        self.answer().await
    }

    /// Shakes hands; whether it was answered as it must be.
    pub async fn shake(&mut self) -> bool {
        self.ask(HANDSHAKE).await.is_some_and(|answer| (answer.status, answer.body.as_str()) == (200, TOKEN))
    }

    /// Sends bytes one at a time, so that each comes well within any pause, until the other side ends the connection.
    pub async fn trickle(&mut self, bytes: &[u8]) -> Option<Answer> {
        let clock = Clock::system();
        for byte in bytes {
            if self.stream.write_all(&[*byte]).await.is_err() || self.stream.flush().await.is_err() {
                return None;
            }
            // Also looks whether an answer has come.
            if let Ok(answer) = clock.timeout(Duration::from_millis(100), self.answer()).await {
                return answer;
            }
        }
        panic!("it was waited for all of it");
    }
}
