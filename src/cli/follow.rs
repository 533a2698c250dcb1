//! Following the event log over Server-Sent Events: a lost stream is opened again where it was.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::Response;

use super::client::{CallError, Client};
use super::sse::Parser;
use crate::backoff::Schedule;
use crate::clock::Clock;

const STREAM: [&str; 2] = ["events", "stream"];

/// At most 1, 2, 4, … 30 s: the listener may be starting anew, and a person is watching.
const RECONNECT: Schedule = Schedule { first: Duration::from_secs(1), cap: Duration::from_secs(30) };

/// Reads events as they are written.
pub(super) struct Follower {
    client: Client,
    clock: Clock,
    query: Vec<(&'static str, String)>,
    response: Option<Response>,
    parser: Parser,
    ready: VecDeque<String>,
    failures: u32,
}

impl Follower {
    /// Begins with what this query names. Whoever is not there, or refuses, is told at once.
    pub async fn begin(
        client: Client,
        clock: Clock,
        query: Vec<(&'static str, String)>,
    ) -> Result<Self, CallError> {
        let response = client.stream(&STREAM, &query, None).await?;
        let (parser, ready) = (Parser::default(), VecDeque::new());
        Ok(Self { client, clock, query, response: Some(response), parser, ready, failures: 0 })
    }

    /// The next event, as its JSON document. May be dropped while it waits: nothing is lost.
    pub async fn next(&mut self) -> anyhow::Result<String> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            let Some(response) = &mut self.response else {
                self.reconnect().await?;
                continue;
            };
            let piece = response.chunk().await;
            let lost = match piece {
                Ok(Some(piece)) => {
                    self.failures = 0;
                    self.ready.extend(self.parser.push(&piece)?);
                    continue;
                }
                Ok(None) => "it ended".to_owned(),
                Err(error) => self.client.broken(&error).to_string(),
            };
            tracing::warn!(reason = %lost, "The event stream was lost; opening it again where it was");
            self.response = None;
            self.parser.restart();
        }
    }

    async fn reconnect(&mut self) -> anyhow::Result<()> {
        self.failures = self.failures.saturating_add(1);
        self.clock.sleep(RECONNECT.delay(self.failures, None, rand::random())).await;
        match self.client.stream(&STREAM, &self.query, self.parser.last_id()).await {
            Ok(response) => self.response = Some(response),
            Err(error) if error.is_transient() => {
                tracing::debug!(%error, "The event stream is not there yet");
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}
