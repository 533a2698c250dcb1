//! `GET /v1/events/stream`: the log as Server-Sent Events, without an end.
//!
//! Each event's `id:` is its cursor. The stream begins with an `id:` of its own and repeats one with a heartbeat when
//! events were passed over, so that a client that is cut off goes on where it was, not where it last heard
//! something. By the standard an `id:` without `data:` is remembered and dispatches nothing.
//!
//! However many clients there are, each event is read and written down once for all that are at the log's end.

mod follower;
mod ring;
mod tail;

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
use crate::model::Cursor;
use crate::store::ReadError;
use follower::Follower;
pub use tail::Tail;

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
    let reader = Reader::begin(api.store.clone(), after, Wanted { subscription, event_type: r#type }).await?;
    // Reads before the answer begins, so that a cursor that is no longer kept is still a 410.
    let follower = Follower::begin(reader, api.tail.follow()).await?;
    let (clock, stopping) = (api.clock.clone(), api.stopping.clone());
    let answer = Answer { follower, clock, stopping, _permit: permit };
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        // nginx would collect the stream before passing it on.
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(stream::unfold(answer, Answer::piece)))
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

/// The answer to one client.
struct Answer {
    follower: Follower,
    clock: Clock,
    stopping: CancellationToken,
    /// Given back when the client is gone.
    _permit: OwnedSemaphorePermit,
}

impl Answer {
    /// The next piece of it. It ends when the program stops and when it cannot go on; the client comes back with its
    /// last cursor and then gets the problem as an answer.
    async fn piece(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        match self.next().await {
            Ok(piece) => piece.map(|piece| (Ok(piece), self)),
            Err(error) => {
                tracing::warn!(%error, "an event stream ended early");
                None
            }
        }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, ReadError> {
        let mut silence = pin!(self.clock.sleep(HEARTBEAT));
        loop {
            if let Some(piece) = self.follower.take() {
                return Ok(Some(piece));
            }
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => return Ok(None),
                () = &mut silence => return Ok(Some(self.follower.heartbeat())),
                gone_on = self.follower.go_on() => gone_on?,
            }
        }
    }
}
