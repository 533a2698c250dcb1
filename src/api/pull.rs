//! `GET /v1/events`: a page of the log, waited for if there is none yet.

use std::pin::pin;
use std::time::Duration;

use actix_web::{HttpResponse, web};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Api;
use super::limit::Limit;
use super::problem::Problem;
use super::reader::{After, Reader, Wanted};
use crate::config::Glob;
use crate::model::{Cursor, Event};
use crate::store::ReadError;

/// The query of the call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    after: Option<After>,
    #[serde(default)]
    limit: Limit,
    subscription: Option<Glob>,
    r#type: Option<Glob>,
    #[serde(default)]
    wait: Wait,
}

/// `wait`: how long to hold the call open until there is something.
#[derive(Debug, Default, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Wait(pub Duration);

impl Wait {
    /// The longest that a call is held open, in seconds: before the common idle limits of proxies.
    pub const MOST: u64 = 60;
}

impl TryFrom<String> for Wait {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let seconds = text.parse().ok().filter(|seconds| *seconds <= Self::MOST);
        seconds
            .map(|seconds| Self(Duration::from_secs(seconds)))
            .ok_or("wait is a number of seconds up to 60")
    }
}

/// The answer.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Events")]
pub(super) struct Page {
    events: Vec<Event>,
    next: Cursor,
}

pub(super) async fn events(api: web::Data<Api>, query: web::Query<Query>) -> Result<HttpResponse, Problem> {
    let Query { after, limit, subscription, r#type, wait } = query.into_inner();
    let reader = Reader::begin(api.store.clone(), after, Wanted { subscription, event_type: r#type }).await?;
    Ok(HttpResponse::Ok().json(page(&api, reader, &limit, &wait).await?))
}

/// The next page of what a reader wants.
pub(super) async fn page(
    api: &Api,
    mut reader: Reader,
    limit: &Limit,
    wait: &Wait,
) -> Result<Page, ReadError> {
    let events = first_wanted(api, &mut reader, limit.0, wait.0).await?;
    Ok(Page { events, next: reader.position() })
}

/// Reads on until something wanted is found, or the log's end is reached and the waiting time over.
async fn first_wanted(
    api: &Api,
    reader: &mut Reader,
    limit: usize,
    wait: Duration,
) -> Result<Vec<Event>, ReadError> {
    let mut waited = pin!(api.clock.sleep(wait));
    loop {
        let events = reader.read(limit).await?;
        if !events.is_empty() {
            return Ok(events);
        }
        tokio::select! {
            biased;
            () = api.stopping.cancelled() => return Ok(events),
            () = reader.more() => {}
            () = &mut waited => return Ok(events),
        }
    }
}
