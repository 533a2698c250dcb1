//! Requests by POST to an address that a user named.
//!
//! A redirect is not followed: it would lead past the guard, and carry signatures along. Without `allow_private` no
//! proxy is used either, since it is the proxy that would look names up then, and not the guard. The address may be a
//! credential: what is said of a failure never has it.

mod guard;
mod plain;
mod retry_after;
mod veil;

use std::error::Error;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Identity, Response};

use crate::clock::Clock;
use crate::config::{Tls, WebhookUrl};
use crate::model::Outcome;
use guard::{Forbidden, Guard};
use plain::{Exchange, Failure, Neighbour};
use veil::Veil;

/// Reaching a host takes longer only where it is not reached at all.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// What is read of an answer, so that its connection can be used again; a longer one costs its connection.
const ANSWER_BYTES: usize = 64 * 1024;
/// What is kept of it.
const EXCERPT_CHARS: usize = 200;
/// Where a proxy for requests without TLS may be named.
const PROXIES: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
/// What we call ourselves.
const AGENT: &str = concat!("o365-listener/", env!("CARGO_PKG_VERSION"));

/// Where requests go, and how.
pub(super) struct Target<'c> {
    pub url: &'c WebhookUrl,
    pub timeout: Duration,
    pub allow_private: bool,
    pub client_certificate: Option<&'c Tls>,
    /// Values of headers that come with every request.
    pub secrets: Vec<&'c str>,
    /// Connections that are kept for the next request.
    pub connections: usize,
}

/// An address that requests are sent to.
pub(super) struct Post {
    way: Way,
    clock: Clock,
    url: WebhookUrl,
    timeout: Duration,
    allow_private: bool,
    veil: Veil,
}

/// How they are sent.
enum Way {
    Client(Client),
    Plain(Neighbour),
}

/// An answer of which the head is there.
enum Asked {
    Client(Response),
    Plain(Box<Exchange>),
}

/// What came back.
pub(super) struct Answer {
    pub status: u16,
    /// The pause that was asked for.
    pub wait: Option<Duration>,
    body: String,
}

/// Why nothing came back.
pub(super) enum Broken {
    TimedOut,
    Failed(Failure),
    /// There was nothing to send.
    Unwritable(String),
}

impl Post {
    pub fn new(to: &Target<'_>, clock: Clock) -> anyhow::Result<Self> {
        let (url, timeout, allow_private) = (to.url.clone(), to.timeout, to.allow_private);
        let veil = Veil::of(url.expose(), to.secrets.iter().copied());
        Ok(Self { way: way(to, &clock)?, clock, url, timeout, allow_private, veil })
    }

    /// One request, and its answer.
    pub async fn send(&self, headers: HeaderMap, body: Vec<u8>) -> Result<Answer, Broken> {
        let watch = self.clock.stopwatch();
        let asked = self.clock.timeout(self.timeout, self.ask(headers, body)).await;
        let asked = asked.map_err(|_| Broken::TimedOut)?.map_err(Broken::Failed)?;
        let (status, headers) = asked.head();
        let retry_after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = retry_after.and_then(|text| retry_after::wait(text, self.clock.now()));
        // The status has said most of what there is to say: a body that never ends changes nothing.
        let left = self.timeout.saturating_sub(watch.elapsed());
        let mut body = Vec::new();
        let _ = self.clock.timeout(left, asked.read(&mut body)).await;
        Ok(Answer { status, wait, body: self.veil.over(&String::from_utf8_lossy(&body)) })
    }

    async fn ask(&self, headers: HeaderMap, body: Vec<u8>) -> Result<Asked, Failure> {
        match &self.way {
            Way::Plain(neighbour) => Ok(Asked::Plain(Box::new(neighbour.post(headers, body).await?))),
            Way::Client(client) => {
                let request = client.post(self.url.expose().clone()).headers(headers).body(body);
                let response = request.send().await.map_err(reqwest::Error::without_url)?;
                Ok(Asked::Client(response))
            }
        }
    }

    /// Whether the host's name leads somewhere that is allowed; nothing is sent.
    pub async fn check(&self) -> Result<(), String> {
        let Some(url::Host::Domain(name)) = self.url.expose().host() else { return Ok(()) };
        let found = self.clock.timeout(CONNECT_LIMIT, guard::look_up(name, self.allow_private)).await;
        let found = found.map_err(|_| format!("{name} is not found within {} s", CONNECT_LIMIT.as_secs()))?;
        found.map(|_| ()).map_err(|error| format!("{name} cannot be used: {error}"))
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        self.url.origin()
    }

    /// How the attempt ended, and what there is to say of it.
    pub fn told(&self, broken: Broken) -> (Outcome, String) {
        match broken {
            Broken::TimedOut => (Outcome::TimedOut, format!("no answer within {} s", self.timeout.as_secs())),
            Broken::Unwritable(why) => (Outcome::Unwritable, why),
            Broken::Failed(error) => failure(&*error),
        }
    }
}

impl Asked {
    fn head(&self) -> (u16, &HeaderMap) {
        match self {
            Self::Client(response) => (response.status().as_u16(), response.headers()),
            Self::Plain(exchange) => (exchange.response.status().as_u16(), exchange.response.headers()),
        }
    }

    async fn read(self, body: &mut Vec<u8>) {
        match self {
            Self::Client(mut response) => {
                while body.len() < ANSWER_BYTES {
                    let Ok(Some(chunk)) = response.chunk().await else { return };
                    body.extend_from_slice(&chunk);
                }
            }
            Self::Plain(exchange) => exchange.read(ANSWER_BYTES, body).await,
        }
    }
}

impl Answer {
    /// The body, as far as it was read, without the secrets of the address.
    pub fn text(&self) -> &str {
        &self.body
    }

    /// The beginning of it, on one line.
    pub fn excerpt(&self) -> String {
        excerpt(&self.body)
    }
}

fn failure(error: &(dyn Error + 'static)) -> (Outcome, String) {
    let (mut texts, mut next) = (Vec::new(), Some(error));
    let mut outcome = Outcome::Unreachable;
    while let Some(cause) = next {
        if cause.is::<Forbidden>() {
            outcome = Outcome::Forbidden;
        }
        texts.push(cause.to_string());
        next = cause.source();
    }
    (outcome, texts.join(": ").chars().take(2 * EXCERPT_CHARS).collect())
}

/// Without TLS there is a shorter way, unless the environment names a proxy for it.
fn way(to: &Target<'_>, clock: &Clock) -> anyhow::Result<Way> {
    let settings = (to.allow_private, to.connections);
    let neighbour = Neighbour::at(to.url.expose(), settings, clock.clone());
    let named = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let proxied = to.allow_private && PROXIES.into_iter().any(named);
    match neighbour.filter(|_| !proxied && to.client_certificate.is_none()) {
        Some(neighbour) => Ok(Way::Plain(neighbour)),
        None => client(to).map(Way::Client),
    }
}

fn excerpt(text: &str) -> String {
    text.chars().take(EXCERPT_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn client(to: &Target<'_>) -> anyhow::Result<Client> {
    let mut client = Client::builder()
        .user_agent(AGENT)
        .redirect(Policy::none())
        .connect_timeout(CONNECT_LIMIT.min(to.timeout))
        .pool_max_idle_per_host(to.connections);
    if to.url.expose().scheme() == "http" {
        // Otherwise a machine without the system's CA certificates could not even talk to its neighbour.
        client = client.tls_certs_only([]);
    }
    if !to.allow_private {
        client = client.no_proxy().dns_resolver(Guard);
    }
    if let Some(files) = to.client_certificate {
        client = client.identity(identity(files)?);
    }
    client.build().context("cannot make an HTTP client")
}

fn identity(files: &Tls) -> anyhow::Result<Identity> {
    let read = |path: &std::path::Path| {
        std::fs::read(path).with_context(|| format!("client_certificate: cannot read {}", path.display()))
    };
    let pem =
        zeroize::Zeroizing::new([read(&files.certificate)?, b"\n".to_vec(), read(&files.key)?].concat());
    Identity::from_pem(&pem).context("client_certificate: this is no certificate with its key, both in PEM")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_in_its_first_characters_on_one_line() {
        assert_eq!(excerpt("so\nit is"), "so it is");
        assert_eq!(excerpt(&"ü".repeat(5000)).chars().count(), EXCERPT_CHARS);
    }

    #[tokio::test]
    async fn only_who_may_is_led_inside() {
        assert!(guard::look_up("localhost", false).await.unwrap_err().is::<Forbidden>());
        guard::look_up("localhost", true).await.unwrap();
    }
}
