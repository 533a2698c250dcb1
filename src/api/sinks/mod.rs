//! `/v1/sinks`: where events are pushed to.

mod replay;
mod view;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Api;
use super::given::Given;
use super::limit::Limit;
use super::problem::Problem;
use crate::deliver::{Found, Part};
use crate::model::{Cursor, DeliveryState, Name};
pub(super) use replay::{Replay, ReplayAnswer, replay};
pub(super) use view::View;
use view::{AttemptView, DeliveryView, LookedView};

/// Characters of an unknown id that are told again.
const SHOWN: usize = 100;

/// The query of the calls that list deliveries.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    before: Option<Cursor>,
    #[serde(default)]
    limit: Limit,
}

/// The body of `POST …/test`, which may be left out.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Test {
    /// Nothing is sent: told is what of the log would have been since then.
    since: Option<DateTime<Utc>>,
}

/// The body of `POST …/retry`, which may be left out.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Retry {
    /// The id of an event; all, if it is left out.
    event: Option<String>,
}

/// The body of `POST …/preview`, which may be left out.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Preview {
    /// The `sequence` of an event that the log has.
    event: Option<Cursor>,
}

/// The answer to `GET /v1/sinks`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Sinks")]
pub(super) struct Listed<'a> {
    sinks: Vec<View<'a>>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Deliveries<'a> {
    deliveries: Vec<DeliveryView<'a>>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct DeadLetters<'a> {
    dead_letters: Vec<DeliveryView<'a>>,
}

/// What came of a test.
#[derive(Serialize, JsonSchema)]
pub(super) struct Tested<'a> {
    delivered: bool,
    /// The id of the event that was sent.
    event: &'a str,
    attempt: AttemptView<'a>,
}

/// The answer to `POST …/test`.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum TestAnswer<'a> {
    /// An event was sent.
    Sent(Tested<'a>),
    /// It was looked back.
    LookedBack(LookedView<'a>),
}

/// An event, and what a sink makes of it.
#[derive(Serialize, JsonSchema)]
pub(super) struct Previewed {
    /// The event's id.
    event: String,
    text: String,
}

/// How many dead letters are sent.
#[derive(Serialize, JsonSchema)]
pub(super) struct Retried {
    retried: u64,
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

pub(super) async fn test(
    api: web::Data<Api>,
    name: web::Path<Name>,
    Given(Test { since }): Given<Test>,
) -> Result<HttpResponse, Problem> {
    if since.is_some() {
        let part = Part { since, ..Part::default() };
        let Some(looked) = api.desk.look_back(&name, &part).await? else {
            return Err(not_at_work(&api, &name).await);
        };
        return Ok(HttpResponse::Ok().json(TestAnswer::LookedBack(LookedView::of(&looked))));
    }
    let Some(tried) = api.desk.test(&name).await else { return Err(not_at_work(&api, &name).await) };
    let (delivered, attempt) = (tried.delivered, AttemptView::of(&tried.attempt));
    Ok(HttpResponse::Ok().json(TestAnswer::Sent(Tested { delivered, event: &tried.event, attempt })))
}

pub(super) async fn preview(
    api: web::Data<Api>,
    name: web::Path<Name>,
    Given(Preview { event }): Given<Preview>,
) -> Result<HttpResponse, Problem> {
    // The event itself comes after the one before it.
    let after = event.map(|cursor| Cursor::at(cursor.number().saturating_sub(1)));
    let Some((shown, text)) = api.desk.preview(&name, after).await? else {
        return Err(not_at_work(&api, &name).await);
    };
    if event.is_some_and(|event| event != shown.cursor) {
        let detail = format!("the sink '{name}' does not want that event, or the log does not have it");
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    }
    Ok(HttpResponse::Ok().json(Previewed { event: shown.id, text }))
}

pub(super) async fn retry(
    api: web::Data<Api>,
    name: web::Path<Name>,
    Given(Retry { event }): Given<Retry>,
) -> Result<HttpResponse, Problem> {
    let retried = api.desk.retry(&name, event.clone()).await?.ok_or_else(|| no_such_sink(&name))?;
    if let (0, Some(event)) = (retried, event) {
        let detail = format!(
            "the sink '{name}' has no dead letter of an event with the id '{}', and nothing of it that waits: \
             /v1/sinks/{name}/dead-letters and `sinks dead-letters {name}` list what there is",
            event.chars().take(SHOWN).collect::<String>()
        );
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    }
    Ok(HttpResponse::Ok().json(Retried { retried }))
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

/// Why a sink does nothing that is asked of it.
async fn not_at_work(api: &Api, name: &Name) -> Problem {
    match api.desk.sink(name).await {
        Ok(Some(Found { unusable: Some(why), standing, .. })) if standing.removed_at.is_none() => {
            Problem::new(StatusCode::CONFLICT, format!("the sink '{name}' cannot be used: {why}"))
        }
        Ok(_) => Problem::new(StatusCode::NOT_FOUND, format!("the configuration has no sink '{name}'")),
        Err(error) => error.into(),
    }
}
