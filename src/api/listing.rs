//! `GET /v1/subscriptions`: all that is followed, by name; a page of it where a page is asked for.
//!
//! Without a page, the answer is one document too, however many there are: it is written as it is read, so that nobody
//! holds it whole. What is added or removed meanwhile is in it or not, by its name.

use actix_web::{HttpResponse, web};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Api;
use super::limit::Limit;
use super::problem::Problem;
use super::view::View;
use crate::model::{Name, Subscription};
use crate::store::StoreError;

/// Subscriptions that are read at once where all are wanted.
const AT_ONCE: usize = 500;

/// The query of the call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    after: Option<Name>,
    limit: Option<Limit>,
}

/// A page.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Subscriptions")]
pub(super) struct Page<'a> {
    subscriptions: Vec<View<'a>>,
    /// What to ask after for the next one; none: this was the last. Left out where all were asked for.
    #[schemars(skip_serializing_if = "Option::is_none")]
    next: Option<&'a Name>,
}

pub(super) async fn list(api: web::Data<Api>, query: web::Query<Query>) -> Result<HttpResponse, Problem> {
    let Query { after, limit } = query.into_inner();
    if after.is_none() && limit.is_none() {
        return all(api.into_inner()).await;
    }
    let limit = limit.unwrap_or_default().0;
    let mut found = api.store.subscriptions_after(after.as_ref(), limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let now = api.clock.now();
    let next = found.last().map(|last| &last.wish.name).filter(|_| more);
    let subscriptions = found.iter().map(|subscription| View::of(subscription, now)).collect();
    Ok(HttpResponse::Ok().json(Page { subscriptions, next }))
}

/// The whole document. What the store says of its beginning is still a problem; later, the connection ends before the
/// document does.
async fn all(api: std::sync::Arc<Api>) -> Result<HttpResponse, Problem> {
    let first = api.store.subscriptions_after(None, AT_ONCE).await?;
    let begin = Bytes::from_static(br#"{"subscriptions":["#);
    let parts = stream::try_unfold((api, Some(first), true), |(api, found, is_first)| async move {
        let Some(found) = found else { return Ok::<_, StoreError>(None) };
        let part = written(&api, &found, is_first);
        let next = match found.last().filter(|_| found.len() >= AT_ONCE) {
            Some(last) => Some(api.store.subscriptions_after(Some(&last.wish.name), AT_ONCE).await?),
            None => None,
        };
        Ok(Some((part, (api, next, false))))
    });
    let end = Bytes::from_static(b"]}");
    let document = stream::iter([Ok(begin)]).chain(parts).chain(stream::iter([Ok(end)]));
    Ok(HttpResponse::Ok().content_type("application/json").streaming(document))
}

/// The elements of the list for these, with a comma before each but the very first.
fn written(api: &Api, found: &[Subscription], is_first: bool) -> Bytes {
    let (now, mut text) = (api.clock.now(), Vec::new());
    for (number, subscription) in found.iter().enumerate() {
        if !(is_first && number == 0) {
            text.push(b',');
        }
        // Writing to memory does not fail, nor does a view.
        let _ = serde_json::to_writer(&mut text, &View::of(subscription, now));
    }
    text.into()
}
