use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{DATE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Request, StatusCode};

use super::{Failure, Verdict};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::secret::Secret;

/// Reaching a host takes longer only where it is not reached at all.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// A silent connection. Above the longest time limit of a request, which is the one that shall be told.
const SILENCE_LIMIT: Duration = Duration::from_secs(150);
/// What is read of an answer that refuses; more would not be an error object.
const REFUSAL_BYTES: usize = 64 * 1024;

/// The one HTTP client, with limits on time and size, and every request counted.
#[derive(Clone)]
pub(super) struct Connection {
    client: Client,
    pub(super) clock: Clock,
    pub(super) metrics: Arc<Metrics>,
}

/// The header that shows a token. It is never logged.
pub(super) fn bearer(token: &Secret) -> Result<HeaderValue, Failure> {
    let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose())).map_err(|_| {
        Failure::local(Verdict::Transient, "unreadable", "Sign-in gave a token that fits into no header")
    })?;
    bearer.set_sensitive(true);
    Ok(bearer)
}

/// What a request may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// From the connection to the last byte.
    pub(super) time: Duration,
    /// Of the body, decompressed.
    pub(super) bytes: usize,
}

/// A whole answer, whatever its status.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Why there is no whole answer.
enum Broken {
    Unreachable(reqwest::Error),
    BrokeOff(reqwest::Error),
    TooLarge,
    TimedOut,
}

impl Connection {
    /// A client that follows no redirect (it would carry our token along) and keeps no cookie. Proxies are what
    /// the environment says.
    pub(super) fn new(clock: Clock, metrics: Arc<Metrics>) -> Result<Self, reqwest::Error> {
        Ok(Self { client: client().build()?, clock, metrics })
    }

    /// The same, past all proxies: for what is on this machine or next to it.
    pub(super) fn without_proxy(&self) -> Result<Self, reqwest::Error> {
        Ok(Self { client: client().no_proxy().build()?, ..self.clone() })
    }

    /// Sends a request and reads the whole answer.
    pub(super) async fn exchange(
        &self,
        api: &'static str,
        request: Request,
        limits: Limits,
    ) -> Result<Answer, Failure> {
        let host = request.url().origin().ascii_serialization();
        let answer = self.clock.timeout(limits.time, self.receive(request, limits.bytes)).await;
        let answer = answer.unwrap_or(Err(Broken::TimedOut));
        let answer = answer.map_err(|broken| broken.into_failure(&host, limits));
        match &answer {
            Ok(answer) => self.metrics.requested(api, answer.status.as_str()),
            Err(failure) => self.metrics.requested(api, &failure.code),
        }
        answer
    }

    async fn receive(&self, request: Request, limit: usize) -> Result<Answer, Broken> {
        let mut response = self.client.execute(request).await.map_err(Broken::Unreachable)?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(Broken::BrokeOff)? {
            if status.is_success() && body.len() + chunk.len() > limit {
                return Err(Broken::TooLarge);
            }
            body.extend_from_slice(&chunk);
            if !status.is_success() && body.len() > REFUSAL_BYTES {
                break;
            }
        }
        Ok(Answer { status, headers, body })
    }
}

fn client() -> ClientBuilder {
    let builder = Client::builder().redirect(Policy::none());
    builder.connect_timeout(CONNECT_LIMIT).read_timeout(SILENCE_LIMIT)
}

impl Answer {
    /// The time on Office 365's clock, if it says.
    pub(super) fn date(&self) -> Option<DateTime<Utc>> {
        http_date(self.header(DATE.as_str())?)
    }

    /// A header as text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Reads the date format of HTTP headers.
pub(super) fn http_date(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text).ok().map(|date| date.to_utc())
}

impl Broken {
    fn into_failure(self, host: &str, limits: Limits) -> Failure {
        match self {
            Self::Unreachable(error) if !error.is_timeout() || error.is_connect() => {
                let message = format!("{host} could not be reached: {}", causes(error));
                Failure::local(Verdict::Transient, "unreachable", message)
            }
            Self::BrokeOff(error) if !error.is_timeout() => {
                let message = format!("The answer of {host} broke off: {}", causes(error));
                Failure::local(Verdict::Transient, "unreadable", message)
            }
            Self::TooLarge => {
                let message = format!(
                    "The answer of {host} has more than {} bytes; so much is not held in memory, and nothing of it was \
                     taken",
                    limits.bytes
                );
                Failure::local(Verdict::Rejected, "tooLarge", message)
            }
            Self::TimedOut | Self::Unreachable(_) | Self::BrokeOff(_) => {
                let message = format!("{host} did not answer within {} s", limits.time.as_secs());
                Failure::local(Verdict::Transient, "timeout", message)
            }
        }
    }
}

/// The innermost causes say what happened; the URL stays out, since it may hold a mail address.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
