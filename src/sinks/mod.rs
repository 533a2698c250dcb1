//! Where events are pushed to: a file or folder for each kind of sink.
//!
//! A kind writes events down in its form, sends them once, and says what came of it; when, in which order and whether
//! again is not its business. What it must keep to: a time limit on everything that waits for somebody else, a bound on
//! what it reads, and no word of a secret in what it says.

mod card;
mod file;
mod pipe;
mod post;
mod webhook;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::clock::Clock;
use crate::config::{self, SinkKind};
use crate::model::{Attempt, Event, Outcome};

/// A place that events are sent to.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Whose failures are its failures: what shares a host waits together.
    fn gate(&self) -> &str;

    /// How often it may be written to, together with whoever has the same gate.
    fn rates(&self) -> &'static [Rate] {
        &[]
    }

    /// What whoever uses it should know from the start.
    fn caution(&self) -> Option<&'static str> {
        None
    }

    /// How it wants events.
    fn manner(&self) -> Manner;

    /// Sends events once, all of them together, and says what came of it.
    async fn deliver(&self, events: &[Event]) -> Report;

    /// Tells that it will be told of events from now on. `None`: a place that nobody reads needs no such word.
    async fn greet(&self, _title: &str, _text: &str) -> Option<Report> {
        None
    }

    /// Whether it looks as if events could be sent; nothing is. An error says what is wrong, and how to mend it.
    async fn check(&self) -> Result<(), String>;

    /// What would be sent for these events, as text without secrets.
    fn preview(&self, events: &[Event]) -> String;
}

/// How a sink wants events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// Requests under way at once.
    pub at_once: usize,
    /// Events in one of them.
    pub batch: usize,
    /// Whether all events go in the log's order, and not only those of one item. Nothing is ever stored for later then:
    /// what does not go holds up what follows.
    pub strict: bool,
    /// Whether what has failed goes together, however often. Otherwise each event goes alone when it has failed twice.
    pub joined: bool,
}

/// So many requests within so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many, at most.
    pub most: usize,
    /// In which time.
    pub within: Duration,
}

/// What came of sending.
#[derive(Debug, Clone)]
pub struct Report {
    /// What there is to tell of it.
    pub attempt: Attempt,
    /// What follows from it.
    pub verdict: Verdict,
}

/// What follows from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The events were taken.
    Delivered,
    /// They were not.
    Failed,
    /// The receiver wants nothing any more.
    Gone {
        /// Why, as far as it is known.
        why: &'static str,
    },
    /// It says nothing of the events: the receiver wants a pause, or it is this machine that cannot.
    Stalled {
        /// How long the pause is, if the receiver said so.
        wait: Option<Duration>,
    },
}

/// Makes a sink of its configuration. `pipe` gives the writer that `stdout` writes to.
///
/// # Errors
/// With what the configuration names and cannot be used.
pub fn build(
    configured: &config::Sink,
    clock: &Clock,
    pipe: impl FnOnce() -> Box<dyn Write + Send>,
) -> anyhow::Result<Arc<dyn Sink>> {
    Ok(match &configured.kind {
        SinkKind::Webhook(webhook) => Arc::new(webhook::WebhookSink::new(webhook, clock.clone())?),
        SinkKind::File(file) => Arc::new(file::FileSink::new(&configured.name, file, clock.clone())),
        SinkKind::Teams(to) => Arc::new(card::CardSink::new(to, &card::TEAMS, clock.clone())?),
        SinkKind::Connector(to) => Arc::new(card::CardSink::new(to, &card::CONNECTOR, clock.clone())?),
        SinkKind::Stdout => Arc::new(pipe::PipeSink::new(&configured.name, pipe(), clock.clone())?),
    })
}

/// An event of each type that there is, to try things with.
///
/// # Errors
/// Where they cannot be read.
pub fn samples() -> anyhow::Result<Vec<Event>> {
    let mut events = card::samples::each()?;
    events.retain(|event| event.event_type != "o365.test");
    Ok(events)
}

/// What came of writing on this machine. Where that cannot be done, it says nothing of the events.
async fn written(clock: &Clock, writing: impl Future<Output = Result<(), String>>) -> Report {
    let (at, watch) = (clock.now(), clock.stopwatch());
    let (outcome, verdict, excerpt) = match writing.await {
        Ok(()) => (Outcome::Delivered, Verdict::Delivered, String::new()),
        Err(error) => (Outcome::Unwritable, Verdict::Stalled { wait: None }, error),
    };
    let attempt = Attempt { at, outcome, status: None, duration: watch.elapsed(), excerpt };
    Report { attempt, verdict }
}

/// Events as JSON lines, to be looked at.
fn shown(events: &[Event]) -> String {
    lines(events).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
}

/// Events as JSON lines.
fn lines(events: &[Event]) -> serde_json::Result<Vec<u8>> {
    let mut text = Vec::new();
    for event in events {
        serde_json::to_writer(&mut text, event)?;
        text.push(b'\n');
    }
    Ok(text)
}
