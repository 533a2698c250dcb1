//! Events by HTTP POST.
//!
//! A redirect is not followed: it would lead past the guard, and carry the signature along. Without `allow_private` no
//! proxy is used either, since it is the proxy that would look names up then, and not the guard.

mod guard;
mod judge;
mod request;
mod sign;

use std::error::Error;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use reqwest::redirect::Policy;
use reqwest::{Client, Identity, Response};

use super::{Manner, Report, Sink, Verdict};
use crate::clock::Clock;
use crate::config::{Mode, Tls, Webhook, WebhookUrl};
use crate::model::{Attempt, Event, Outcome};
use guard::{Forbidden, Guard};
use request::Written;
use sign::Signer;

/// Requests under way at once.
const AT_ONCE: usize = 32;
/// Reaching a host takes longer only where it is not reached at all.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// What is read of an answer, so that its connection can be used again; a longer one costs its connection.
const ANSWER_BYTES: usize = 64 * 1024;
/// What is kept of it.
const EXCERPT_CHARS: usize = 200;

/// A web address that events are posted to.
pub(super) struct WebhookSink {
    client: Client,
    clock: Clock,
    url: WebhookUrl,
    gate: String,
    mode: Mode,
    headers: HeaderMap,
    signer: Signer,
    timeout: Duration,
    allow_private: bool,
}

impl WebhookSink {
    pub fn new(webhook: &Webhook, clock: Clock) -> anyhow::Result<Self> {
        Ok(Self {
            client: client(webhook)?,
            clock,
            gate: webhook.url.origin(),
            url: webhook.url.clone(),
            mode: webhook.mode,
            headers: headers(webhook)?,
            signer: Signer::new(&webhook.secrets)?,
            timeout: webhook.timeout,
            allow_private: webhook.allow_private,
        })
    }

    /// One request; its answer's status and first bytes.
    async fn post(&self, written: Written) -> Result<Answer, Broken> {
        let mut headers = self.headers.clone();
        let signed = self.signer.sign(&written.id, self.clock.now(), &written.body);
        for (name, value) in written.headers.iter().chain(&signed) {
            let (name, value) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value));
            let (Ok(name), Ok(value)) = (name, value) else { return Err(Broken::Unwritable) };
            headers.insert(name, value);
        }
        let request = self.client.post(self.url.expose().clone()).headers(headers).body(written.body);
        let watch = self.clock.stopwatch();
        let response = self.clock.timeout(self.timeout, request.send()).await;
        let mut response = response.map_err(|_| Broken::TimedOut)?.map_err(Broken::Failed)?;
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = retry_after.and_then(|text| judge::wait(text, self.clock.now()));
        let status = response.status().as_u16();
        // The status has said what there is to say: a body that never ends changes nothing.
        let left = self.timeout.saturating_sub(watch.elapsed());
        let mut body = Vec::new();
        let _ = self.clock.timeout(left, read(&mut response, &mut body)).await;
        Ok(Answer { status, wait, excerpt: excerpt(&body) })
    }
}

struct Answer {
    status: u16,
    wait: Option<Duration>,
    excerpt: String,
}

/// Why there is no answer.
enum Broken {
    TimedOut,
    Failed(reqwest::Error),
    Unwritable,
}

#[async_trait]
impl Sink for WebhookSink {
    fn gate(&self) -> &str {
        &self.gate
    }

    fn manner(&self) -> Manner {
        let batch = if let Mode::Batched(batch) = self.mode { batch } else { 1 };
        Manner { at_once: AT_ONCE, batch, strict: false }
    }

    async fn deliver(&self, events: &[Event]) -> Report {
        let (at, watch) = (self.clock.now(), self.clock.stopwatch());
        let answer = match request::write(self.mode, events) {
            Ok(written) => self.post(written).await,
            Err(_) => Err(Broken::Unwritable),
        };
        let told = |outcome, status, excerpt| {
            let duration = watch.elapsed();
            Attempt { at, outcome, status, duration, excerpt }
        };
        match answer {
            Ok(answer) => {
                let (outcome, verdict) = judge::judge(answer.status, answer.wait);
                Report { attempt: told(outcome, Some(answer.status), answer.excerpt), verdict }
            }
            Err(broken) => {
                let (outcome, message) = broken.told(self.timeout);
                Report { attempt: told(outcome, None, message), verdict: Verdict::Failed }
            }
        }
    }

    async fn check(&self) -> Result<(), String> {
        let Some(url::Host::Domain(name)) = self.url.expose().host() else { return Ok(()) };
        let found = self.clock.timeout(CONNECT_LIMIT, guard::look_up(name, self.allow_private)).await;
        let found = found.map_err(|_| format!("{name} is not found within {} s", CONNECT_LIMIT.as_secs()))?;
        found.map(|_| ()).map_err(|error| format!("{name} cannot be used: {error}"))
    }

    fn preview(&self, events: &[Event]) -> String {
        let Ok(written) = request::write(self.mode, events) else { return String::new() };
        let mut text = format!("POST {}/…\n", self.url.origin());
        for (name, value) in &written.headers {
            text = format!("{text}{name}: {value}\n");
        }
        for name in self.headers.keys() {
            text = format!("{text}{name}: …\n");
        }
        for (name, _) in self.signer.sign(&written.id, self.clock.now(), &written.body) {
            text = format!("{text}{name}: …\n");
        }
        format!("{text}\n{}", String::from_utf8_lossy(&written.body))
    }
}

impl Broken {
    fn told(self, limit: Duration) -> (Outcome, String) {
        match self {
            Self::TimedOut => (Outcome::TimedOut, format!("no answer within {} s", limit.as_secs())),
            Self::Unwritable => (Outcome::Unwritable, "the event cannot be written as a request".to_owned()),
            Self::Failed(error) => {
                // The address may be a credential.
                let error = error.without_url();
                let (mut text, mut source) = (error.to_string(), error.source());
                let mut outcome = Outcome::Unreachable;
                while let Some(cause) = source {
                    if cause.is::<Forbidden>() {
                        outcome = Outcome::Forbidden;
                    }
                    text = format!("{text}: {cause}");
                    source = cause.source();
                }
                (outcome, text.chars().take(2 * EXCERPT_CHARS).collect())
            }
        }
    }
}

async fn read(response: &mut Response, body: &mut Vec<u8>) {
    while body.len() < ANSWER_BYTES {
        let Ok(Some(chunk)) = response.chunk().await else { return };
        body.extend_from_slice(&chunk);
    }
}

fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..4 * EXCERPT_CHARS).unwrap_or(body));
    text.chars().take(EXCERPT_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn client(webhook: &Webhook) -> anyhow::Result<Client> {
    let mut client = Client::builder()
        .redirect(Policy::none())
        .connect_timeout(CONNECT_LIMIT.min(webhook.timeout))
        .pool_max_idle_per_host(AT_ONCE);
    if webhook.url.expose().scheme() == "http" {
        // Otherwise a machine without the system's CA certificates could not even talk to its neighbour.
        client = client.tls_certs_only([]);
    }
    if !webhook.allow_private {
        client = client.no_proxy().dns_resolver(Guard);
    }
    if let Some(files) = &webhook.client_certificate {
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

/// The headers that are the same in every request.
fn headers(webhook: &Webhook) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let agent = concat!("o365-listener/", env!("CARGO_PKG_VERSION"));
    headers.insert(USER_AGENT, HeaderValue::from_static(agent));
    for (name, value) in &webhook.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).context("headers: a name that cannot be one")?;
        let mut value = HeaderValue::from_str(value.expose())
            .map_err(|_| anyhow::anyhow!("headers: the value of {name} cannot stand there"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests;
