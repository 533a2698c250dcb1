//! `GET /v1/events/stream`: the log as Server-Sent Events, without an end.
//!
//! Each event's `id:` is its cursor. The stream begins with an `id:` of its own and repeats one with a heartbeat when
//! events were passed over, so that a client that is cut off goes on where it was, not where it last heard
//! something. By the standard an `id:` without `data:` is remembered and dispatches nothing.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::stream;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::Api;
use super::problem::Problem;
use super::reader::{After, Reader, Wanted};
use crate::clock::Clock;
use crate::config::Glob;
use crate::model::{Cursor, Event};

/// Events read, held and sent at once.
const AT_ONCE: usize = 100;
/// Silence after which a heartbeat is sent: half of the shortest idle limit that is common among proxies, 30 s.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// When to come again when too many streams are open.
const RETRY: Duration = Duration::from_secs(10);

/// The query of the call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    after: Option<After>,
    subscription: Option<Glob>,
    r#type: Option<Glob>,
}

pub(super) async fn events(
    api: web::Data<Api>,
    query: web::Query<Query>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let permit = Arc::clone(&api.streams).try_acquire_owned().map_err(|_| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many event streams are open").retry_after(RETRY)
    })?;
    let Query { after, subscription, r#type } = query.into_inner();
    let after = last_event_id(&request)?.or(after);
    let mut reader = Reader::begin(&api, after, Wanted { subscription, event_type: r#type }).await?;
    let told = reader.position();
    // Read before the answer begins, so that a cursor that is no longer kept is still a 410.
    let opening = Some(reader.read(AT_ONCE).await?);
    let (clock, stopping) = (api.clock.clone(), api.stopping.clone());
    let follower = Follower { reader, told, opening, clock, stopping, _permit: permit };
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        // nginx would collect the stream before passing it on.
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(stream::unfold(follower, Follower::chunk)))
}

/// Where a client that reconnects has been; it wins over the query, which a browser repeats unchanged.
fn last_event_id(request: &HttpRequest) -> Result<Option<After>, Problem> {
    let Some(id) = request.headers().get("Last-Event-ID").filter(|id| !id.is_empty()) else {
        return Ok(None);
    };
    let cursor = id.to_str().unwrap_or_default().parse::<Cursor>();
    cursor
        .map(|cursor| Some(After::Event(cursor)))
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("Last-Event-ID: {error}")))
}

/// One client that follows the log.
struct Follower {
    reader: Reader,
    /// The last cursor the client was told.
    told: Cursor,
    /// What was read before the answer began.
    opening: Option<Vec<Event>>,
    clock: Clock,
    stopping: CancellationToken,
    /// Given back when the client is gone.
    _permit: OwnedSemaphorePermit,
}

impl Follower {
    /// The next piece of the answer. The stream ends when the program stops and when it cannot go on; the client
    /// comes back with its last cursor and then gets the problem as an answer.
    async fn chunk(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        match self.next().await {
            Ok(chunk) => chunk.map(|chunk| (Ok(chunk.into()), self)),
            Err(error) => {
                tracing::warn!(%error, "an event stream ended early");
                None
            }
        }
    }

    async fn next(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        if let Some(events) = self.opening.take() {
            let mut chunk = place(self.told);
            self.write(&events, &mut chunk)?;
            return Ok(Some(chunk));
        }
        let clock = self.clock.clone();
        let mut silence = pin!(clock.sleep(HEARTBEAT));
        loop {
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => return Ok(None),
                () = &mut silence => return Ok(Some(self.heartbeat())),
                () = self.reader.more() => {}
            }
            let events = self.reader.read(AT_ONCE).await?;
            if !events.is_empty() {
                let mut chunk = Vec::new();
                self.write(&events, &mut chunk)?;
                return Ok(Some(chunk));
            }
        }
    }

    fn write(&mut self, events: &[Event], chunk: &mut Vec<u8>) -> serde_json::Result<()> {
        for event in events {
            let mut data = serde_json::to_vec(event)?;
            // Between tokens, a line break would end the field; within a string there is none.
            data.retain(|byte| !matches!(byte, b'\n' | b'\r'));
            chunk.extend_from_slice(format!("id: {}\ndata: ", event.cursor).as_bytes());
            chunk.extend_from_slice(&data);
            chunk.extend_from_slice(b"\n\n");
            self.told = event.cursor;
        }
        Ok(())
    }

    fn heartbeat(&mut self) -> Vec<u8> {
        let position = self.reader.position();
        if position == self.told {
            return b":\n\n".to_vec();
        }
        self.told = position;
        place(position)
    }
}

fn place(cursor: Cursor) -> Vec<u8> {
    format!("id: {cursor}\n\n").into_bytes()
}
