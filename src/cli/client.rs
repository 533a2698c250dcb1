//! A client of the listener's API, for the commands that talk to a running one.

use std::error::Error;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::secret::Secret;
use crate::{app, config};

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Longer than the API holds a call open, which is 60 s.
const SILENCE_LIMIT: Duration = Duration::from_secs(75);

/// A client of one listener.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    server: Url,
    key: Option<Secret>,
}

/// What the API answered to a call that it did.
#[derive(Debug)]
pub(super) struct Answer {
    /// `ACCEPTED` where it is still being done.
    pub status: StatusCode,
    /// The document, as it came; empty where there is none.
    pub document: String,
}

/// Why a call was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// Nobody answers there.
    #[error("no listener answers at {0}: is `o365-listener serve` running? --server names another")]
    Unreachable(Url),
    /// Somebody answers there, but no TLS comes about.
    #[error("no TLS comes about with {server}: {reason}: {remedy}")]
    Untrusted {
        /// Where.
        server: Url,
        /// What the TLS library says.
        reason: String,
        /// What helps.
        remedy: &'static str,
    },
    /// The connection ended before the answer did.
    #[error("the listener at {server} did not answer to the end: {reason}")]
    Broken {
        /// Where.
        server: Url,
        /// What the HTTP client says.
        reason: String,
    },
    /// It said why not.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The problem's title and detail.
        message: String,
    },
}

/// A problem document (RFC 9457).
#[derive(Deserialize)]
struct Problem {
    title: String,
    #[serde(default)]
    detail: String,
}

impl Answer {
    /// The document as a `T`.
    pub fn read<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_json::from_str(&self.document).context(
            "the answer is not what this version expects; are program and listener of the same version?",
        )
    }
}

impl CallError {
    /// Whether it may pass by itself.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Broken { .. } => true,
            Self::Untrusted { .. } => false,
            Self::Refused { status, .. } => status.is_server_error(),
        }
    }
}

impl Client {
    /// A client of the listener at `server`.
    pub fn new(server: Url, key: Option<Secret>) -> anyhow::Result<Self> {
        let mut http = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_LIMIT)
            .read_timeout(SILENCE_LIMIT);
        if server.scheme() == "http" {
            // Otherwise a machine without the system's CA certificates could not even talk to itself.
            http = http.tls_certs_only([]);
        }
        if config::is_loopback(&server) {
            http = http.no_proxy();
        }
        Ok(Self { http: http.build().context("cannot make an HTTP client")?, server, key })
    }

    /// Asks for something.
    pub async fn get(&self, path: &[&str], query: &[(&str, String)]) -> Result<Answer, CallError> {
        let request = self.request(Method::GET, path).query(query);
        self.finish(self.send(request).await?).await
    }

    /// Asks to do something.
    pub async fn post(&self, path: &[&str], body: Option<&Value>) -> Result<Answer, CallError> {
        let request = self.request(Method::POST, path);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        self.finish(self.send(request).await?).await
    }

    /// Asks to remove something.
    pub async fn delete(&self, path: &[&str]) -> Result<Answer, CallError> {
        self.finish(self.send(self.request(Method::DELETE, path)).await?).await
    }

    /// Opens a stream of Server-Sent Events.
    pub async fn stream(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        last_event_id: Option<&str>,
    ) -> Result<Response, CallError> {
        let request = self.request(Method::GET, path).query(query).header("Accept", "text/event-stream");
        let request = match last_event_id {
            Some(id) => request.header("Last-Event-ID", id),
            None => request,
        };
        self.send(request).await
    }

    /// An answer that ended early.
    pub fn broken(&self, error: &reqwest::Error) -> CallError {
        CallError::Broken { server: self.server.clone(), reason: cause(error) }
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.server.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path);
        }
        let request = self.http.request(method, url);
        match &self.key {
            Some(key) => request.bearer_auth(key.expose()),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, CallError> {
        let response = request.send().await.map_err(|error| {
            if !error.is_connect() {
                return self.broken(&error);
            }
            let server = self.server.clone();
            match causes(&error).find_map(app::without_tls) {
                Some((reason, remedy)) => CallError::Untrusted { server, reason, remedy },
                None => CallError::Unreachable(server),
            }
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, text) = (response.status(), response.text().await.unwrap_or_default());
        Err(CallError::Refused { status, message: refusal(&self.server, status, &text) })
    }

    async fn finish(&self, response: Response) -> Result<Answer, CallError> {
        let status = response.status();
        let document = response.text().await.map_err(|error| self.broken(&error))?;
        Ok(Answer { status, document })
    }
}

/// What the listener said, or that it was none.
fn refusal(server: &Url, status: StatusCode, text: &str) -> String {
    let Ok(Problem { title, detail }) = serde_json::from_str(text) else {
        return format!(
            "{server} answered {status}, not as a listener does: does --server name its admin address?"
        );
    };
    let hint = if status == StatusCode::UNAUTHORIZED { "; O365_LISTENER_API_KEY holds the key" } else { "" };
    if detail.is_empty() { format!("{title}{hint}") } else { format!("{title}: {detail}{hint}") }
}

/// It and what caused it, the innermost last.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let itself: &(dyn Error + 'static) = error;
    std::iter::successors(Some(itself), |cause| Error::source(*cause))
}

/// The innermost cause, which is the one that tells something.
fn cause(error: &reqwest::Error) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn a_refusal_is_told_in_the_listeners_words() {
        let server = Url::parse("http://127.0.0.1:8081").unwrap();
        let told = |status, text| refusal(&server, StatusCode::from_u16(status).unwrap(), text);
        let problem = r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"there is no subscription 'x'"}"#;
        insta::assert_snapshot!(told(404, problem), @"Not Found: there is no subscription 'x'");
        insta::assert_snapshot!(told(401, r#"{"title":"Unauthorized","detail":"a key is needed"}"#), @"Unauthorized: a key is needed; O365_LISTENER_API_KEY holds the key");
        insta::assert_snapshot!(told(502, "<html>"), @"http://127.0.0.1:8081/ answered 502 Bad Gateway, not as a listener does: does --server name its admin address?");
    }

    #[tokio::test]
    async fn a_port_without_tls_is_told_apart_from_one_where_nobody_is() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = format!("https://{}", listener.local_addr().unwrap());
        let plain = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let client = Client::new(Url::parse(&server).unwrap(), None).unwrap();
        let error = client.get(&["subscriptions"], &[]).await.unwrap_err();
        assert!(!error.is_transient());
        let told = error.to_string();
        assert!(told.starts_with(&format!("no TLS comes about with {server}/: ")), "{told}");
        assert!(told.ends_with("if that port is plain, begin --server with http://"), "{told}");
        plain.join().unwrap();
    }

    #[tokio::test]
    async fn a_listener_that_is_not_there_is_told_how_to_start() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let client = Client::new(Url::parse(&format!("http://{free}")).unwrap(), None).unwrap();
        let error = client.get(&["subscriptions"], &[]).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "no listener answers at http://{free}/: is `o365-listener serve` running? --server names another"
            )
        );
    }
}
