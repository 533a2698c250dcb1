//! Cards for people in a channel.
//!
//! What is pending goes as one card, with its number and the first few told: so a burst is a card, and what a rate or an
//! outage holds back is one, too. What says nothing of a card (no connection, no answer, an error of the service) only
//! holds it up, and it goes later, together with what has come meanwhile; what refuses the card is an attempt, so that one
//! that is never taken does not hold up the others for ever.

mod connector;
mod markdown;
pub(super) mod samples;
mod service;
mod teams;
mod template;
mod words;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::post::{Answer, Broken, Post, Target};
use super::{Manner, Rate, Report, Sink, Verdict};
use crate::clock::Clock;
use crate::config;
use crate::model::{Attempt, Event, Outcome};
pub(super) use connector::CONNECTOR;
use service::{Meaning, Service};
pub(super) use teams::TEAMS;
use template::Template;

/// Events in one card at most: what one look at the log brings in.
const TOGETHER: usize = 1_000;
/// A service that finds a card of this size too large would take none, in bytes.
const SMALLEST: usize = 4_000;

/// A channel that cards are posted to.
pub(super) struct CardSink {
    post: Post,
    clock: Clock,
    gate: String,
    service: &'static Service,
    template: Template,
    /// The built-in one, for what a user's makes no card of: an event that it was not tried with, or many.
    instead: Option<Template>,
    /// That was needed for the last card.
    fell_back: AtomicBool,
    /// The largest card that is sent; less, once one was too large.
    largest: AtomicUsize,
}

impl CardSink {
    pub fn new(to: &config::CardSink, service: &'static Service, clock: Clock) -> anyhow::Result<Self> {
        let target = Target {
            url: &to.url,
            timeout: to.timeout,
            allow_private: to.allow_private,
            client_certificate: None,
            secrets: Vec::new(),
            connections: 1,
        };
        // Rates are counted for each address, not for its host; and the address is a secret.
        let digest = digest(&SHA256, to.url.expose().as_str().as_bytes());
        let digest: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self {
            post: Post::new(&target, clock.clone())?,
            clock,
            gate: format!("{}#{}", service.name, digest.concat()),
            service,
            template: Template::new(to.card.as_deref(), service)?,
            instead: to.card.is_some().then(|| Template::new(None, service)).transpose()?,
            fell_back: AtomicBool::default(),
            largest: AtomicUsize::new(service.largest),
        })
    }

    /// The card for these events, and why it is not the one that the user wished.
    fn card(&self, events: &[Event]) -> (anyhow::Result<Vec<u8>>, Option<anyhow::Error>) {
        let largest = self.largest.load(Ordering::Relaxed);
        match (self.template.card(events, largest), &self.instead) {
            (Err(error), Some(instead)) => match instead.card(events, largest) {
                Ok(card) => (Ok(card), Some(error)),
                Err(_) => (Err(error), None),
            },
            (card, _) => (card, None),
        }
    }

    /// Says once that the user's template fails, and nothing of the event that it fails with.
    fn note(&self, failed: bool, events: &[Event]) {
        let before = self.fell_back.swap(failed, Ordering::Relaxed);
        if failed && !before {
            let sequence = events.first().map(|event| event.cursor.number());
            tracing::warn!(
                template = self.template.name(),
                sequence,
                "A card cannot be made with this template, so the built-in one is taken; `sinks preview NAME --event SEQUENCE` says why"
            );
        }
    }

    /// Sends a card, if there is one, and says what came of it.
    async fn send(&self, card: anyhow::Result<Vec<u8>>) -> Report {
        let (at, watch) = (self.clock.now(), self.clock.stopwatch());
        let answer = match card {
            Ok(card) => {
                let json = HeaderValue::from_static("application/json");
                self.post.send(HeaderMap::from_iter([(CONTENT_TYPE, json)]), card).await
            }
            Err(error) => Err(Broken::Unwritable(format!("{error:#}"))),
        };
        let (outcome, verdict, status, excerpt) = match answer {
            Ok(answer) => {
                let (outcome, verdict, excerpt) = self.follows(&answer);
                (outcome, verdict, Some(answer.status), excerpt)
            }
            Err(broken) => {
                let (outcome, excerpt) = self.post.told(broken);
                let held_up = matches!(outcome, Outcome::TimedOut | Outcome::Unreachable);
                let verdict = if held_up { Verdict::Stalled { wait: None } } else { Verdict::Failed };
                (outcome, verdict, None, excerpt)
            }
        };
        Report { attempt: Attempt { at, outcome, status, duration: watch.elapsed(), excerpt }, verdict }
    }

    fn follows(&self, answer: &Answer) -> (Outcome, Verdict, String) {
        let said = |why: &str| format!("{why}: {}", answer.excerpt());
        match (self.service.judge)(answer.status, answer.text()) {
            Meaning::Taken => (Outcome::Delivered, Verdict::Delivered, answer.excerpt()),
            Meaning::Throttled => {
                (Outcome::Throttled, Verdict::Stalled { wait: answer.wait }, answer.excerpt())
            }
            Meaning::TooLarge => {
                // The next one is half as large, and goes after a pause.
                let half = |largest: usize| (largest / 2 >= SMALLEST).then_some(largest / 2);
                let smaller = self.largest.fetch_update(Ordering::Relaxed, Ordering::Relaxed, half);
                let verdict = smaller.map_or(Verdict::Failed, |_| Verdict::Stalled { wait: None });
                (Outcome::Refused, verdict, said("the card was too large"))
            }
            Meaning::Refused(why) => (Outcome::Refused, Verdict::Failed, said(why)),
            Meaning::Gone(why) => (Outcome::Gone, Verdict::Gone { why }, answer.excerpt()),
            Meaning::Unwell => (Outcome::Refused, Verdict::Stalled { wait: answer.wait }, answer.excerpt()),
        }
    }
}

#[async_trait]
impl Sink for CardSink {
    fn gate(&self) -> &str {
        &self.gate
    }

    fn rates(&self) -> &'static [Rate] {
        self.service.rates
    }

    fn caution(&self) -> Option<&'static str> {
        self.service.caution
    }

    fn manner(&self) -> Manner {
        Manner { at_once: 1, batch: TOGETHER, strict: false, joined: true }
    }

    async fn deliver(&self, events: &[Event]) -> Report {
        let (card, instead) = self.card(events);
        self.note(instead.is_some(), events);
        self.send(card).await
    }

    async fn greet(&self, title: &str, text: &str) -> Option<Report> {
        let (title, text) = (markdown::escape(title), markdown::escape(text));
        let card = json!({
            "@type": "MessageCard", "@context": "https://schema.org/extensions",
            "summary": title, "title": title, "text": text,
        });
        Some(self.send(Ok(card.to_string().into_bytes())).await)
    }

    async fn check(&self) -> Result<(), String> {
        self.post.check().await
    }

    fn preview(&self, events: &[Event]) -> String {
        let (card, instead) = self.card(events);
        let instead = instead.map(|why| format!("{why:#}\nWith the built-in template instead:\n\n"));
        let shown = card.and_then(|card| {
            let value: Value = serde_json::from_slice(&card)?;
            Ok(format!("content-length: {}\n\n{}", card.len(), serde_json::to_string_pretty(&value)?))
        });
        let shown = shown.unwrap_or_else(|error| format!("\n{error:#}"));
        let instead = instead.unwrap_or_default();
        format!("{instead}POST {}/…\ncontent-type: application/json\n{shown}", self.post.origin())
    }
}
