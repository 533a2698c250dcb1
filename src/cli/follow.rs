//! Following the event log over Server-Sent Events: a lost stream is opened again where it was.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, Utc};
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
    stream: Stream,
    parser: Parser,
    ready: VecDeque<String>,
    /// Attempts that failed since something arrived.
    failures: u32,
}

/// Where the events come from.
enum Stream {
    Open(Response),
    /// Lost; to be opened again at this time.
    Lost(DateTime<Utc>),
}

impl Follower {
    /// Begins with what this query names. Whoever is not there, or refuses, is told at once.
    pub async fn begin(
        client: Client,
        clock: Clock,
        query: Vec<(&'static str, String)>,
    ) -> Result<Self, CallError> {
        let stream = Stream::Open(client.stream(&STREAM, &query, None).await?);
        let (parser, ready) = (Parser::default(), VecDeque::new());
        Ok(Self { client, clock, query, stream, parser, ready, failures: 0 })
    }

    /// The next event, as its JSON document. May be dropped while it waits: nothing is lost.
    pub async fn next(&mut self) -> anyhow::Result<String> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            match &mut self.stream {
                Stream::Open(response) => match response.chunk().await {
                    Ok(Some(piece)) => {
                        self.failures = 0;
                        self.ready.extend(self.parser.push(&piece)?);
                    }
                    Ok(None) => self.lost("it ended"),
                    Err(error) => self.lost(&self.client.broken(&error).to_string()),
                },
                Stream::Lost(again_at) => {
                    let again_at = *again_at;
                    self.clock.sleep_until(again_at).await;
                    self.reopen().await?;
                }
            }
        }
    }

    async fn reopen(&mut self) -> Result<(), CallError> {
        match self.client.stream(&STREAM, &self.query, self.parser.last_id()).await {
            Ok(response) => self.stream = Stream::Open(response),
            Err(error) if error.is_transient() => self.lost(&error.to_string()),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn lost(&mut self, reason: &str) {
        if self.failures == 0 {
            tracing::warn!(reason, "The event stream was lost; it is opened again where it was");
        }
        self.failures = self.failures.saturating_add(1);
        self.parser.restart();
        let wait = RECONNECT.delay(self.failures, None, rand::random());
        self.stream = Stream::Lost(self.clock.now() + wait);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    use url::Url;

    use super::*;

    /// Answers each connection with the next of these streams, and gives what was asked.
    fn answer(listener: &TcpListener, streams: &[&str]) -> Vec<String> {
        let one = |stream: &str| {
            let (mut connection, _) = listener.accept().unwrap();
            let asked = head(&mut connection);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
            connection.write_all(format!("{head}{stream}").as_bytes()).unwrap();
            asked
        };
        streams.iter().map(|stream| one(stream)).collect()
    }

    fn head(connection: &mut TcpStream) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            connection.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        String::from_utf8(head).unwrap().to_lowercase()
    }

    async fn next(follower: &mut Follower, clock: &Clock) -> String {
        let mut next = std::pin::pin!(follower.next());
        loop {
            tokio::select! {
                event = &mut next => return event.unwrap(),
                () = tokio::task::yield_now() => clock.advance(Duration::from_millis(100)),
            }
        }
    }

    #[tokio::test]
    async fn a_lost_stream_is_opened_again_where_it_was() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let server = std::thread::spawn(move || {
            answer(&listener, &["id: 7\n\nid: 8\ndata: first\n\nid: 9\ndata: ha", "id: 9\ndata: second\n\n"])
        });
        let clock = Clock::manual(DateTime::UNIX_EPOCH);
        let client = Client::new(url, None).unwrap();
        let query = vec![("after", "latest".to_owned())];
        let mut follower = Follower::begin(client, clock.clone(), query).await.unwrap();
        assert_eq!(next(&mut follower, &clock).await, "first");
        assert_eq!(next(&mut follower, &clock).await, "second");
        let asked = server.join().unwrap();
        assert!(asked[0].starts_with("get /v1/events/stream?after=latest "), "{}", asked[0]);
        assert!(!asked[0].contains("last-event-id"), "{}", asked[0]);
        assert!(asked[1].contains("last-event-id: 8\r\n"), "{}", asked[1]);
    }
}
