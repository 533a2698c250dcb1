//! `/v1/sinks`: where events are pushed to.

mod view;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Api;
use super::given::Given;
use super::limit::Limit;
use super::problem::Problem;
use crate::config::Globs;
use crate::deliver::{Found, Part};
use crate::model::{Cursor, DeliveryState, Name};
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

/// The body of `POST …/replay`: `after` alone sets the position; else a part of the log is sent again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Replay {
    after: Option<Cursor>,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    /// A glob.
    subscription: Option<String>,
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

/// The answer to `POST …/replay`.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum ReplayAnswer<'a> {
    /// The position was set.
    Whole(Box<View<'a>>),
    /// A part is sent again.
    Part(Replayed),
}

/// What came of sending a part again.
#[derive(Serialize, JsonSchema)]
pub(super) struct Replayed {
    /// So many events are sent again.
    replayed: u64,
    /// Where to go on, once these have gone, if not everything was looked at.
    next: Option<Cursor>,
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

pub(super) async fn replay(
    api: web::Data<Api>,
    name: web::Path<Name>,
    body: web::Json<Replay>,
) -> Result<HttpResponse, Problem> {
    let Replay { after, since, until, subscription } = body.into_inner();
    is_possible(&api, after, since, until).await?;
    if let (Some(after), None, None, None) = (after, since, until, &subscription) {
        if !api.desk.replay(&name, after).await? {
            return Err(no_such_sink(&name));
        }
        let found = there(&api, &name).await?;
        let connections = api.store.connections().await?;
        return Ok(HttpResponse::Ok().json(ReplayAnswer::Whole(Box::new(View::of(&found, &connections)))));
    }
    if after.is_none() && since.is_none() {
        let detail = "say from where on: with `after`, a cursor, or with `since`, a time";
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    let subscriptions = subscription.map_or(Ok(Globs::default()), |glob| Globs::one(&glob));
    let subscriptions = subscriptions.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error))?;
    let part = Part { after, since, until, subscriptions };
    let Some(again) = api.desk.send_again(&name, &part).await? else {
        return Err(not_at_work(&api, &name).await);
    };
    Ok(HttpResponse::Ok().json(ReplayAnswer::Part(Replayed { replayed: again.replayed, next: again.next })))
}

/// Refuses a part in which nothing can be.
async fn is_possible(
    api: &Api,
    after: Option<Cursor>,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
) -> Result<(), Problem> {
    if let (Some(since), Some(until)) = (since, until)
        && until <= since
    {
        let [since, until] = [since, until].map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
        let detail = format!(
            "`until` ({until}) is not later than `since` ({since}), so that nothing lies between them: of the command's --since \
             and --until, --until is the shorter time"
        );
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    let latest = api.store.bounds().await?.latest;
    match after {
        Some(after) if after > latest => {
            let (after, latest) = (after.number(), latest.number());
            let detail = format!(
                "`after` is {after}, and the log ends with {latest}: there is nothing after it; give the `sequence` of an \
                 earlier event, as GET /v1/events and `events list` tell it"
            );
            Err(Problem::new(StatusCode::BAD_REQUEST, detail))
        }
        _ => Ok(()),
    }
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
