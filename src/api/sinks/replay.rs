//! A part of the log sent to a sink again.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::view::View;
use super::{no_such_sink, not_at_work, there};
use crate::api::Api;
use crate::api::problem::Problem;
use crate::config::Globs;
use crate::deliver::Part;
use crate::model::{Cursor, Name};

/// The body of `POST …/replay`: `after` alone sets the position; else a part of the log is sent again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Replay {
    after: Option<Cursor>,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    /// A glob.
    subscription: Option<String>,
}

/// The answer to `POST …/replay`.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::api) enum ReplayAnswer<'a> {
    /// The position was set.
    Whole(Box<View<'a>>),
    /// A part is sent again.
    Part(Replayed),
}

/// What came of sending a part again.
#[derive(Serialize, JsonSchema)]
pub(in crate::api) struct Replayed {
    /// So many events are sent again.
    replayed: u64,
    /// Where to go on, once these have gone, if not everything was looked at.
    next: Option<Cursor>,
}

pub(in crate::api) async fn replay(
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
