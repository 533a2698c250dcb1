//! `/v1/sinks`: where events are pushed to.

mod view;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Api;
use super::limit::Limit;
use super::problem::Problem;
use crate::deliver::Found;
use crate::model::{Cursor, DeliveryState, Name};
use view::{AttemptView, DeliveryView, View};

/// The query of the calls that list deliveries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    before: Option<Cursor>,
    #[serde(default)]
    limit: Limit,
}

/// The body of `POST …/replay`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Replay {
    after: Cursor,
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
    let (sinks, connections) = (api.desk.sinks().await?, api.store.connections().await?);
    let sinks = sinks.iter().map(|found| View::of(found, &connections)).collect();
    Ok(HttpResponse::Ok().json(Listed { sinks }))
}

pub(super) async fn show(api: web::Data<Api>, name: web::Path<Name>) -> Result<HttpResponse, Problem> {
    let (found, connections) = (there(&api, &name).await?, api.store.connections().await?);
    Ok(HttpResponse::Ok().json(View::of(&found, &connections)))
}

/// Disconnects a group. What the configuration has is removed there.
pub(super) async fn remove(api: web::Data<Api>, name: web::Path<Name>) -> Result<HttpResponse, Problem> {
    if api.store.disconnect(&name, api.clock.now()).await? {
        api.joined.raise();
        return Ok(HttpResponse::NoContent().finish());
    }
    let detail = match there(&api, &name).await?.standing.removed_at {
        Some(_) => format!("the sink '{name}' is removed already"),
        None => format!("the sink '{name}' is the configuration's: take its [[sink]] out of there"),
    };
    Err(Problem::new(StatusCode::CONFLICT, detail))
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

pub(super) async fn test(api: web::Data<Api>, name: web::Path<Name>) -> Result<HttpResponse, Problem> {
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
    let Preview { event } = super::given(&body)?;
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
    if !api.desk.replay(&name, body.after).await? {
        return Err(no_such_sink(&name));
    }
    show(api, name).await
}

pub(super) async fn retry(
    api: web::Data<Api>,
    name: web::Path<Name>,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let Retry { event } = super::given(&body)?;
    let retried = api.desk.retry(&name, event).await?.ok_or_else(|| no_such_sink(&name))?;
    Ok(HttpResponse::Ok().json(json!({ "retried": retried })))
}

pub(super) async fn enable(api: web::Data<Api>, name: web::Path<Name>) -> Result<HttpResponse, Problem> {
    if !api.desk.enable(&name).await? {
        return Err(no_such_sink(&name));
    }
    show(api, name).await
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
