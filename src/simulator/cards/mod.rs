//! Where cards are posted to: the incoming webhooks of Office 365 connectors, and the Workflows webhooks of Teams that
//! came after them.
//!
//! The two refuse in different ways. A connector says what its channel said: 200 with `1`, or 200 with a sentence that has
//! the real status in it. A flow is asked to start, and says no more than that it did; what becomes of the card stands in
//! its run history.

mod addresses;
mod channel;
mod connector;
mod flow;

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

pub use addresses::CardAddresses;
pub(crate) use addresses::addresses;
pub(crate) use channel::{Channel, Kind};

use super::random::Random;
use super::wire::{Answer, Body, Call};
use super::world::{World, graph_time};

/// Cards kept for whoever looks at them.
const KEPT: usize = 500;
/// The largest message that a channel takes, in bytes: 28 KB, as Microsoft states it.
const LARGEST: usize = 28 * 1024;

/// All channels, and what came.
#[derive(Debug)]
pub(crate) struct Cards {
    random: Random,
    pub(crate) channels: Vec<Channel>,
    pub(crate) received: VecDeque<Received>,
}

/// Something that was posted.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) at: DateTime<Utc>,
    pub(crate) kind: Kind,
    pub(crate) channel: String,
    pub(crate) bytes: usize,
    pub(crate) status: u16,
    /// What was answered.
    pub(crate) said: String,
    /// What became of it: none, and it was shown in the channel.
    pub(crate) problem: Option<String>,
    /// The card, or the text where it was no JSON.
    pub(crate) body: Value,
}

impl Received {
    pub(crate) fn told(&self) -> Value {
        json!({
            "at": graph_time(self.at), "kind": self.kind.as_str(), "channel": self.channel, "bytes": self.bytes,
            "status": self.status, "answer": self.said, "shown": self.problem.is_none(), "problem": self.problem,
            "body": self.body,
        })
    }
}

/// What is answered, and what is wrong with the card.
struct Judged {
    status: u16,
    said: String,
    problem: Option<String>,
}

impl Judged {
    fn shown(status: u16, said: &str) -> Self {
        Self { status, said: said.to_owned(), problem: None }
    }

    fn refused(status: u16, said: impl Into<String>) -> Self {
        let said = said.into();
        Self { status, problem: Some(said.clone()), said }
    }
}

impl Cards {
    /// With a connector and a flow at these addresses.
    pub(crate) fn new(seed: u64, addresses: &CardAddresses) -> Self {
        let channels = vec![
            Channel::new(Kind::Connector, "General", &addresses.connector),
            Channel::new(Kind::Flow, "General", &addresses.teams),
        ];
        Self { random: Random::new(seed, "more cards"), channels, received: VecDeque::new() }
    }
}

impl World {
    /// A new incoming webhook of this group; its address, which is all that it takes to post there.
    pub(crate) fn new_connector(&mut self, group: &str) -> String {
        let url = addresses::connector(&self.tenant, &mut self.cards.random);
        self.cards.channels.push(Channel::new(Kind::Connector, group, &url));
        url
    }

    /// A new flow of this name; its address, which is all that it takes to start it.
    pub(crate) fn new_flow(&mut self, name: &str) -> String {
        let url = addresses::flow(&self.tenant.url, &mut self.cards.random);
        self.cards.channels.push(Channel::new(Kind::Flow, name, &url));
        url
    }
}

/// Answers a POST to an incoming webhook.
pub(crate) fn post_to_connector(world: &mut World, call: &Call) -> Answer {
    let now = world.clock.now();
    let channel = world.cards.channels.iter_mut().find(|channel| channel.is_at(Kind::Connector, &call.path));
    let name = channel.as_ref().map(|channel| channel.name.clone());
    let judged = connector::judge(channel, call, now);
    let answer = text(judged.status, "text/plain; charset=utf-8", &judged.said);
    keep(world, Kind::Connector, name, call, judged);
    answer
}

/// Answers a POST to a flow.
pub(crate) fn post_to_flow(world: &mut World, call: &Call) -> Answer {
    let now = world.clock.now();
    let channel = world.cards.channels.iter_mut().find(|channel| channel.is_at(Kind::Flow, &call.path));
    let name = channel.as_ref().map(|channel| channel.name.clone());
    let judged = flow::judge(channel, call, now);
    let answer = text(judged.status, "application/json; charset=utf-8", &judged.said);
    keep(world, Kind::Flow, name, call, judged);
    answer
}

fn text(status: u16, content_type: &str, said: &str) -> Answer {
    let bytes = said.as_bytes().to_vec().into();
    Answer { status, headers: Vec::new(), body: Body::Bytes { content_type: content_type.to_owned(), bytes } }
}

/// Keeps what was posted; the oldest go first.
fn keep(world: &mut World, kind: Kind, channel: Option<String>, call: &Call, judged: Judged) {
    let body = serde_json::from_slice(&call.body)
        .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&call.body).into_owned()));
    let Judged { status, said, problem } = judged;
    let (at, bytes) = (world.clock.now(), call.body.len());
    let channel = channel.unwrap_or_else(|| "–".to_owned());
    let received = &mut world.cards.received;
    if received.len() >= KEPT {
        received.pop_front();
    }
    received.push_back(Received { at, kind, channel, bytes, status, said, problem, body });
}
