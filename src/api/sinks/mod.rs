//! `/v1/sinks`: where events are pushed to.

mod view;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Api;
use super::limit::Limit;
use super::problem::Problem;
use crate::config::Globs;
use crate::deliver::{Found, Part};
use crate::model::{Cursor, DeliveryState, Name};
use view::{AttemptView, DeliveryView, LookedView, View};

/// The query of the calls that list deliveries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    before: Option<Cursor>,
    #[serde(default)]
    limit: Limit,
}

/// The body of `POST …/replay`: `after` alone sets the position; else a part of the log is sent again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Replay {
    after: Option<Cursor>,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    /// A glob.
    subscription: Option<String>,
}

/// The body of `POST …/test`, which may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Test {
    /// Nothing is sent: told is what of the log would have been since then.
    since: Option<DateTime<Utc>>,
}

/// The body of `POST …/retry`, which may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Retry {
    /// The id of an event; all, if it is left out.
    event: Option<String>,
}

/// The body of `POST …/preview`, which may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Preview {
    /// The `sequence` of an event that the log has.
    event: Option<Cursor>,
}

/// The answer to `GET /v1/sinks`.
#[derive(Serialize)]
struct Listed<'a> {
    sinks: Vec<View<'a>>,
}

#[derive(Serialize)]
struct Deliveries<'a> {
    deliveries: Vec<DeliveryView<'a>>,
}

#[derive(Serialize)]
struct DeadLetters<'a> {
    dead_letters: Vec<DeliveryView<'a>>,
}

pub(super) async fn list(api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    let sinks = api.desk.sinks().await?;
    Ok(HttpResponse::Ok().json(Listed { sinks: sinks.iter().map(View::of).collect() }))
}

pub(super) async fn show(api: web::Data<Api>, name: web::Path<Name>) -> Result<HttpResponse, Problem> {
    let found = there(&api, &name).await?;
    Ok(HttpResponse::Ok().json(View::of(&found)))
}

pub(super) async fn deliveries(
    api: web::Data<Api>,
    name: web::Path<Name>,
    query: web::Query<Query>,
) -> Result<HttpResponse, Problem> {
    const STATES: [DeliveryState; 3] =
        [DeliveryState::Pending, DeliveryState::Late, DeliveryState::Delivered];
    there(&api, &name).await?;
    let found = api.store.deliveries(&name, &STATES, query.before, query.limit.0).await?;
    let deliveries = found.iter().map(|delivery| DeliveryView::of(delivery, false)).collect();
    Ok(HttpResponse::Ok().json(Deliveries { deliveries }))
}

pub(super) async fn dead_letters(
    api: web::Data<Api>,
    name: web::Path<Name>,
    query: web::Query<Query>,
) -> Result<HttpResponse, Problem> {
    there(&api, &name).await?;
    let found = api.store.deliveries(&name, &[DeliveryState::Dead], query.before, query.limit.0).await?;
    let dead_letters = found.iter().map(|delivery| DeliveryView::of(delivery, true)).collect();
    Ok(HttpResponse::Ok().json(DeadLetters { dead_letters }))
}

pub(super) async fn test(
    api: web::Data<Api>,
    name: web::Path<Name>,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let Test { since } = given(&body)?;
    if since.is_some() {
        let part = Part { since, ..Part::default() };
        let looked = api.desk.look_back(&name, &part).await?.ok_or_else(|| not_configured(&name))?;
        return Ok(HttpResponse::Ok().json(LookedView::of(&looked)));
    }
    let tried = api.desk.test(&name).await.ok_or_else(|| not_configured(&name))?;
    Ok(HttpResponse::Ok().json(json!({
        "delivered": tried.delivered, "event": tried.event, "attempt": AttemptView::of(&tried.attempt),
    })))
}

pub(super) async fn preview(
    api: web::Data<Api>,
    name: web::Path<Name>,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    // The event itself comes after the one before it.
    let Preview { event } = given(&body)?;
    let after = event.map(|cursor| Cursor::at(cursor.number().saturating_sub(1)));
    let (shown, text) = api.desk.preview(&name, after).await?.ok_or_else(|| not_configured(&name))?;
    if event.is_some_and(|event| event != shown.cursor) {
        let detail = format!("the sink '{name}' does not want that event, or the log does not have it");
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    }
    Ok(HttpResponse::Ok().json(json!({ "event": shown.id, "text": text })))
}

pub(super) async fn replay(
    api: web::Data<Api>,
    name: web::Path<Name>,
    body: web::Json<Replay>,
) -> Result<HttpResponse, Problem> {
    let Replay { after, since, until, subscription } = body.into_inner();
    if let (Some(after), None, None, None) = (after, since, until, &subscription) {
        if !api.desk.replay(&name, after).await? {
            return Err(no_such_sink(&name));
        }
        return show(api, name).await;
    }
    if after.is_none() && since.is_none() {
        let detail = "say from where on: with `after`, a cursor, or with `since`, a time";
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    let subscriptions = subscription.map_or(Ok(Globs::default()), |glob| Globs::one(&glob));
    let subscriptions = subscriptions.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error))?;
    let part = Part { after, since, until, subscriptions };
    let again = api.desk.send_again(&name, &part).await?.ok_or_else(|| not_configured(&name))?;
    Ok(HttpResponse::Ok().json(json!({ "replayed": again.replayed, "next": again.next })))
}

pub(super) async fn retry(
    api: web::Data<Api>,
    name: web::Path<Name>,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let Retry { event } = given(&body)?;
    let retried = api.desk.retry(&name, event).await?.ok_or_else(|| no_such_sink(&name))?;
    Ok(HttpResponse::Ok().json(json!({ "retried": retried })))
}

pub(super) async fn enable(api: web::Data<Api>, name: web::Path<Name>) -> Result<HttpResponse, Problem> {
    if !api.desk.enable(&name).await? {
        return Err(no_such_sink(&name));
    }
    show(api, name).await
}

/// A body that may be left out. One that is there must be right: to be taken for none could mean much more.
fn given<T: Default + DeserializeOwned>(body: &web::Bytes) -> Result<T, Problem> {
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(body).map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))
}

async fn there(api: &Api, name: &Name) -> Result<Found, Problem> {
    api.desk.sink(name).await?.ok_or_else(|| no_such_sink(name))
}

fn no_such_sink(name: &Name) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is no sink '{name}'"))
}

fn not_configured(name: &Name) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("the configuration has no sink '{name}'"))
}
