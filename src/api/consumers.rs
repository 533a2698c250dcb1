//! `/v1/consumers`: readers whose place in the log is kept here, so that they need no memory of their own.
//!
//! Reading moves nothing: what was read and not committed is read again. A consumer is made by its first commit, and
//! until then begins with the oldest event that is kept.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Api;
use super::limit::Limit;
use super::problem::Problem;
use super::pull::{Wait, page};
use super::reader::{After, Reader, Wanted};
use crate::config::Glob;
use crate::model::{Consumer, Cursor, Name};
use crate::store::{Commit, LogBounds, ReadError, StoreError};

/// Where a consumer commits.
pub(super) const COMMIT: &str = "/v1/consumers/{name}/commit";

/// Whether a path is one of [`COMMIT`].
pub(super) fn is_commit(path: &str) -> bool {
    path.strip_prefix("/v1/consumers/").and_then(|rest| rest.strip_suffix("/commit")).is_some()
}

/// A consumer as it is shown.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Consumer")]
pub(super) struct View<'a> {
    name: &'a Name,
    cursor: Cursor,
    committed_at: DateTime<Utc>,
    /// Kept events that it has not committed.
    lag: u64,
    /// Events that were deleted by retention before it committed them.
    lost: u64,
}

impl<'a> View<'a> {
    fn of(consumer: &'a Consumer, bounds: LogBounds) -> Self {
        Self {
            name: &consumer.name,
            cursor: consumer.cursor,
            committed_at: consumer.committed_at,
            lag: lag(consumer, bounds),
            lost: between(consumer.cursor, bounds.oldest),
        }
    }
}

fn lag(consumer: &Consumer, bounds: LogBounds) -> u64 {
    between(consumer.cursor.max(bounds.oldest), bounds.latest)
}

/// Events after the one, up to the other: the log has no gaps.
fn between(after: Cursor, up_to: Cursor) -> u64 {
    up_to.number().saturating_sub(after.number())
}

/// How many events each consumer has not committed.
pub(super) async fn lags(api: &Api) -> Result<Vec<(Name, u64)>, StoreError> {
    let (consumers, bounds) = (api.store.consumers().await?, api.store.bounds().await?);
    Ok(consumers.into_iter().map(|one| (one.name.clone(), lag(&one, bounds))).collect())
}

/// The answer to `GET /v1/consumers`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Consumers")]
pub(super) struct Listed<'a> {
    consumers: Vec<View<'a>>,
}

pub(super) async fn list(api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    let (consumers, bounds) = (api.store.consumers().await?, api.store.bounds().await?);
    let consumers = consumers.iter().map(|consumer| View::of(consumer, bounds)).collect();
    Ok(HttpResponse::Ok().json(Listed { consumers }))
}

/// The query of a read.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    #[serde(default)]
    limit: Limit,
    subscription: Option<Glob>,
    r#type: Option<Glob>,
    #[serde(default)]
    wait: Wait,
}

pub(super) async fn events(
    api: web::Data<Api>,
    name: web::Path<Name>,
    query: web::Query<Query>,
) -> Result<HttpResponse, Problem> {
    let Query { limit, subscription, r#type, wait } = query.into_inner();
    let committed = api.store.consumer(&name).await?.map(|consumer| After::Event(consumer.cursor));
    let reader =
        Reader::begin(api.store.clone(), committed, Wanted { subscription, event_type: r#type }).await?;
    match page(&api, reader, &limit, &wait).await {
        Ok(page) => Ok(HttpResponse::Ok().json(page)),
        Err(ReadError::Expired { after, oldest }) => Err(expired(&name, after, oldest)),
        Err(error) => Err(error.into()),
    }
}

fn expired(name: &Name, after: Cursor, oldest: Cursor) -> Problem {
    let lost = between(after, oldest);
    Problem::new(
        StatusCode::GONE,
        format!(
            "'{name}' was away for longer than events are kept: {lost} after {after} were deleted unread; commit \
             {oldest} to go on with the oldest that is kept"
        ),
    )
    .with("oldest", oldest.to_string())
    .with("lost", lost)
}

/// The body of a commit: the `next` of an answer, or the `sequence` of an event.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Committed {
    cursor: Cursor,
}

pub(super) async fn commit(
    api: web::Data<Api>,
    name: web::Path<Name>,
    body: web::Json<Committed>,
) -> Result<HttpResponse, Problem> {
    let cursor = body.into_inner().cursor;
    match api.store.commit(&name, cursor, api.clock.now()).await? {
        Commit::Done(consumer) => Ok(HttpResponse::Ok().json(View::of(&consumer, api.store.bounds().await?))),
        Commit::Ahead(latest) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            format!("there is no event {cursor} yet: the last one is {latest}; commit what an answer gave"),
        )
        .with("latest", latest.to_string())),
        Commit::TooMany(most) => Err(Problem::new(
            StatusCode::CONFLICT,
            format!("there are {most} consumers already; remove one that is no longer used"),
        )),
    }
}

pub(super) async fn forget(api: web::Data<Api>, name: web::Path<Name>) -> Result<HttpResponse, Problem> {
    if api.store.forget_consumer(&name).await? {
        return Ok(HttpResponse::NoContent().finish());
    }
    Err(Problem::new(StatusCode::NOT_FOUND, format!("there is no consumer '{name}'")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_commit_is_one() {
        assert!(is_commit("/v1/consumers/bi/commit"));
        for path in ["/v1/consumers/bi", "/v1/consumers/bi/events", "/v1/sinks/commit", "/v1/consumers"] {
            assert!(!is_commit(path), "{path}");
        }
    }

    #[test]
    fn what_was_deleted_unread_is_lost_and_not_lagging() {
        let consumer = Consumer {
            name: "bi".parse().unwrap(),
            cursor: Cursor::at(10),
            committed_at: DateTime::UNIX_EPOCH,
        };
        for (oldest, latest, lag, lost) in [(0, 10, 0, 0), (5, 30, 20, 0), (15, 30, 15, 5), (30, 30, 0, 20)] {
            let bounds = LogBounds { oldest: Cursor::at(oldest), latest: Cursor::at(latest) };
            let view = View::of(&consumer, bounds);
            assert_eq!((view.lag, view.lost), (lag, lost), "{bounds:?}");
        }
    }
}
