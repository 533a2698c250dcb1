//! Events by HTTP POST.

mod judge;
mod request;
mod sign;

use anyhow::Context as _;
use async_trait::async_trait;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::post::{Answer, Broken, Post, Target};
use super::{Manner, Report, Sink, Verdict};
use crate::clock::Clock;
use crate::config::{Mode, Webhook};
use crate::model::{Attempt, Event};
use request::Written;
use sign::Signer;

/// Requests under way at once.
const AT_ONCE: usize = 32;

/// Headers that come with a signature, and those that every request has.
const SIGNED_WITH: usize = 6;

/// A web address that events are posted to.
pub(super) struct WebhookSink {
    post: Post,
    clock: Clock,
    gate: String,
    mode: Mode,
    headers: HeaderMap,
    signer: Signer,
}

impl WebhookSink {
    pub fn new(webhook: &Webhook, clock: Clock) -> anyhow::Result<Self> {
        let target = Target {
            url: &webhook.url,
            timeout: webhook.timeout,
            allow_private: webhook.allow_private,
            client_certificate: webhook.client_certificate.as_ref(),
            secrets: webhook.headers.iter().map(|(_, value)| value.expose()).collect(),
            connections: AT_ONCE,
        };
        Ok(Self {
            post: Post::new(&target, clock.clone())?,
            clock,
            gate: webhook.url.origin(),
            mode: webhook.mode,
            headers: headers(webhook)?,
            signer: Signer::new(&webhook.secrets)?,
        })
    }

    async fn send(&self, events: &[Event]) -> Result<Answer, Broken> {
        let unwritable = || Broken::Unwritable("the event cannot be written as a request".to_owned());
        let (headers, body) = self.request(events).ok_or_else(unwritable)?;
        self.post.send(headers, body).await
    }

    /// Headers and body; none: something cannot stand there.
    fn request(&self, events: &[Event]) -> Option<(HeaderMap, Vec<u8>)> {
        let Written { id, content_type, headers: told, body } = request::write(self.mode, events).ok()?;
        let signed = self.signer.sign(&id, self.clock.now(), &body);
        let mut headers = HeaderMap::with_capacity(self.headers.len() + told.len() + SIGNED_WITH);
        headers.extend(self.headers.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        for (name, value) in told.into_iter().chain(signed) {
            headers.insert(HeaderName::from_static(name), HeaderValue::try_from(value).ok()?);
        }
        Some((headers, body))
    }
}

#[async_trait]
impl Sink for WebhookSink {
    fn gate(&self) -> &str {
        &self.gate
    }

    fn manner(&self) -> Manner {
        let batch = if let Mode::Batched(batch) = self.mode { batch } else { 1 };
        Manner { at_once: AT_ONCE, batch, strict: false, joined: false }
    }

    async fn deliver(&self, events: &[Event]) -> Report {
        let (at, watch) = (self.clock.now(), self.clock.stopwatch());
        let answer = self.send(events).await;
        let told = |outcome, status, excerpt| {
            let duration = watch.elapsed();
            Attempt { at, outcome, status, duration, excerpt }
        };
        match answer {
            Ok(answer) => {
                let (outcome, verdict) = judge::judge(answer.status, answer.wait);
                Report { attempt: told(outcome, Some(answer.status), answer.excerpt()), verdict }
            }
            Err(broken) => {
                let (outcome, message) = self.post.told(broken);
                Report { attempt: told(outcome, None, message), verdict: Verdict::Failed }
            }
        }
    }

    async fn check(&self) -> Result<(), String> {
        self.post.check().await
    }

    fn preview(&self, events: &[Event]) -> String {
        let Ok(written) = request::write(self.mode, events) else { return String::new() };
        let mut text = format!("POST {}/…\ncontent-type: {}\n", self.post.origin(), written.content_type);
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

/// The headers that are the same in every request.
fn headers(webhook: &Webhook) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
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
