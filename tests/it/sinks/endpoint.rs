//! A receiver of webhooks on bare sockets, so that it can also do what no HTTP server does: stall, and hang up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manner {
    /// It is taken.
    Take,
    /// It is answered with this status and these headers.
    Answer(u16, &'static str),
    /// It is not answered.
    Stall,
    /// The connection is closed.
    HangUp,
}

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Request {
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    /// Whether it was taken.
    pub taken: bool,
}

impl Request {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The events that it carries, whatever the mode.
    pub fn events(&self) -> Vec<Value> {
        if let Some(id) = self.headers.get("ce-id") {
            return vec![json!({
                "id": id, "subject": self.headers["ce-subject"], "type": self.headers["ce-type"],
                "subscription": self.headers["ce-subscription"], "sequence": self.headers["ce-sequence"],
                "data": self.json(),
            })];
        }
        match self.json() {
            Value::Array(batch) => batch,
            event => vec![event],
        }
    }
}

type Rule = Box<dyn FnMut(&Request) -> Manner + Send>;

struct State {
    rule: Mutex<Rule>,
    requests: Mutex<Vec<Request>>,
}

/// A listening receiver. What it says of itself outlives the listener that it is told by.
pub struct Endpoint {
    pub url: String,
    state: Arc<State>,
    server: JoinHandle<()>,
}

impl Endpoint {
    #[expect(clippy::disallowed_methods, reason = "ends with the endpoint")]
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let rule: Rule = Box::new(|_| Manner::Take);
        let state = Arc::new(State { rule: Mutex::new(rule), requests: Mutex::default() });
        let shared = Arc::clone(&state);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { url, state, server }
    }

    /// From now on, all requests are treated like this.
    pub fn treat(&self, manner: Manner) {
        self.decide(move |_| manner.clone());
    }

    /// From now on, this decides about each request.
    pub fn decide(&self, rule: impl FnMut(&Request) -> Manner + Send + 'static) {
        *self.state.rule.lock().unwrap() = Box::new(rule);
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }

    /// All events that were taken, in the order of their arrival.
    pub fn taken(&self) -> Vec<Value> {
        self.requests().iter().filter(|request| request.taken).flat_map(Request::events).collect()
    }

    /// The ids of those.
    pub fn ids(&self) -> Vec<String> {
        ids(&self.taken())
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The ids of events.
pub fn ids(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

async fn serve(mut stream: TcpStream, state: Arc<State>) {
    let mut read = Vec::new();
    while let Some(mut request) = receive(&mut stream, &mut read).await {
        let manner = (state.rule.lock().unwrap())(&request);
        let success = matches!(manner, Manner::Answer(200..=299, _));
        request.taken = manner == Manner::Take || success;
        state.requests.lock().unwrap().push(request);
        let (status, headers) = match manner {
            Manner::Take => (204, ""),
            Manner::Answer(status, headers) => (status, headers),
            Manner::HangUp => return,
            Manner::Stall => std::future::pending().await,
        };
        let body = if status == 204 { "" } else { "so it is" };
        let length =
            if status == 204 { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        let answer = format!("HTTP/1.1 {status} Some Reason\r\n{length}{headers}\r\n{body}");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The next request of a connection; `read` is what came with the one before.
async fn receive(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<Request> {
    let end = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        more(stream, read).await?;
    };
    let head = String::from_utf8(read[..end].to_vec()).unwrap();
    assert!(head.starts_with("POST /hook HTTP/1.1\r\n"), "{head}");
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers: BTreeMap<_, _> =
        fields.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let length: usize = headers["content-length"].parse().unwrap();
    while read.len() < end + length {
        more(stream, read).await?;
    }
    let body = read[end..end + length].to_vec();
    read.drain(..end + length);
    Some(Request { headers, body, taken: false })
}

async fn more(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<()> {
    stream.read_buf(read).await.ok().filter(|length| *length > 0).map(|_| ())
}
