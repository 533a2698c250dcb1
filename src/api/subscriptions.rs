//! `/v1/subscriptions`: what is followed.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Api;
use super::explain::{no_such_subscription, not_added, not_done, paused};
use super::problem::Problem;
use crate::fetch::Fetched;
use crate::model::{Name, NoDuration, Origin, Resource, Start, Via, Wish, parse_duration};
use crate::renew::{Removal, Renewed};

/// The body of `POST /v1/subscriptions`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSubscription {
    name: Name,
    tenant: Name,
    resource: Resource,
    #[serde(default = "graph")]
    via: Via,
    #[serde(default = "now")]
    start: Start,
    #[serde(default)]
    lifetime: Lifetime,
    #[serde(default)]
    include_resource_data: bool,
}

const fn graph() -> Via {
    Via::Graph
}

const fn now() -> Start {
    Start::Now
}

/// `"max"`, or a duration.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Lifetime(Option<Duration>);

impl TryFrom<String> for Lifetime {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self(None));
        }
        match parse_duration(&text) {
            Ok(lifetime) if !lifetime.is_zero() => Ok(Self(Some(lifetime))),
            Err(NoDuration::TooLong) => Err(format!("'{text}' is too long: write max, or 36500d at most")),
            Ok(_) | Err(NoDuration::Unreadable) => {
                Err(format!("'{text}' is not a lifetime: write max, or a duration such as 6h or 2d"))
            }
        }
    }
}

impl NewSubscription {
    fn wish(self) -> Wish {
        Wish {
            name: self.name,
            tenant: self.tenant,
            resource: self.resource,
            via: self.via,
            start: self.start,
            lifetime: self.lifetime.0,
            select: Vec::new(),
            include_resource_data: self.include_resource_data,
            origin: Origin::Api,
        }
    }
}

pub(super) async fn show(api: web::Data<Api>, name: web::Path<Name>) -> Result<HttpResponse, Problem> {
    let subscription = api.store.subscription(&name).await?.ok_or_else(|| no_such_subscription(&name))?;
    Ok(api.show(StatusCode::OK, &subscription))
}

pub(super) async fn add(
    api: web::Data<Api>,
    body: web::Json<NewSubscription>,
) -> Result<HttpResponse, Problem> {
    let wish = body.into_inner().wish();
    let (renewer, wished) = (Arc::clone(&api.renewer), wish.clone());
    match api.patiently(async move { renewer.add(wish).await }).await? {
        Some(Ok(subscription)) => Ok(api.show(StatusCode::CREATED, &subscription)),
        Some(Err(error)) => not_added(&api, error, &wished),
        None => api.accepted(&wished.name).await,
    }
}

pub(super) async fn remove(api: web::Data<Api>, name: web::Path<Name>) -> Result<HttpResponse, Problem> {
    let (renewer, asked) = (Arc::clone(&api.renewer), name.clone());
    match api.patiently(async move { renewer.remove(&asked).await }).await?.transpose()? {
        Some(Removal::Done) => Ok(HttpResponse::NoContent().finish()),
        Some(Removal::NotFound) => Err(no_such_subscription(&name)),
        Some(Removal::Later(_)) | None => Ok(match api.store.subscription(&name).await? {
            Some(subscription) => api.show(StatusCode::ACCEPTED, &subscription),
            None => HttpResponse::NoContent().finish(),
        }),
    }
}

pub(super) async fn renew(api: web::Data<Api>, name: web::Path<Name>) -> Result<HttpResponse, Problem> {
    let (renewer, asked) = (Arc::clone(&api.renewer), name.clone());
    match api.patiently(async move { renewer.renew(&asked).await }).await?.transpose()? {
        Some(Renewed::Done(subscription)) => Ok(api.show(StatusCode::OK, &subscription)),
        Some(Renewed::NotFound) => Err(no_such_subscription(&name)),
        Some(Renewed::Busy) => Err(Problem::new(
            StatusCode::CONFLICT,
            format!("'{name}' is being created, renewed or removed just now; try again when that is done"),
        )),
        Some(Renewed::Failed(trouble)) => Err(not_done("renewed", &name, &trouble)),
        None => api.accepted(&name).await,
    }
}

pub(super) async fn fetch(api: web::Data<Api>, name: web::Path<Name>) -> Result<HttpResponse, Problem> {
    let (fetcher, asked) = (Arc::clone(&api.fetcher), name.clone());
    match api.patiently(async move { fetcher.request(&asked).await }).await?.transpose()? {
        Some(Fetched::Done(subscription)) => Ok(api.show(StatusCode::OK, &subscription)),
        Some(Fetched::NotFound) => Err(no_such_subscription(&name)),
        Some(Fetched::Paused) => Err(paused(&name)),
        Some(Fetched::Failed(trouble)) => Err(not_done("fetched", &name, &trouble)),
        None => api.accepted(&name).await,
    }
}

pub(super) async fn pause(api: web::Data<Api>, name: web::Path<Name>) -> Result<HttpResponse, Problem> {
    let paused = api.fetcher.pause(&name).await?.ok_or_else(|| no_such_subscription(&name))?;
    Ok(api.show(StatusCode::OK, &paused))
}

pub(super) async fn resume(api: web::Data<Api>, name: web::Path<Name>) -> Result<HttpResponse, Problem> {
    let resumed = api.fetcher.resume(&name).await?.ok_or_else(|| no_such_subscription(&name))?;
    Ok(api.show(StatusCode::OK, &resumed))
}

pub(super) async fn resync(api: web::Data<Api>, name: web::Path<Name>) -> Result<HttpResponse, Problem> {
    let (fetcher, asked) = (Arc::clone(&api.fetcher), name.clone());
    match api.patiently(async move { fetcher.resync(&asked).await }).await?.transpose()? {
        Some(Fetched::Done(subscription)) => Ok(api.show(StatusCode::OK, &subscription)),
        Some(Fetched::NotFound) => Err(no_such_subscription(&name)),
        Some(Fetched::Paused) => Err(paused(&name)),
        Some(Fetched::Failed(trouble)) => Err(not_done("resynced", &name, &trouble)),
        None => api.accepted(&name).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Wish, String> {
        serde_json::from_str(body).map(NewSubscription::wish).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let wish = read(r#"{"name":"files","tenant":"contoso","resource":"onedrive:a@b.c"}"#).unwrap();
        assert_eq!((wish.via, wish.start, wish.lifetime), (Via::Graph, Start::Now, None));
        assert_eq!(wish.origin, Origin::Api);
        let wish = read(r#"{"name":"files","tenant":"contoso","resource":"onedrive:a@b.c","lifetime":"6h"}"#);
        assert_eq!(wish.unwrap().lifetime, Some(Duration::from_secs(6 * 3600)));
    }

    #[test]
    fn a_bad_body_is_told_what_is_wrong_with_it() {
        for (body, words) in [
            (r#"{"name":"files","tenant":"contoso"}"#, "missing field `resource`"),
            (r#"{"name":"Files"}"#, "'Files' is not a name"),
            (r#"{"name":"files","colour":"red"}"#, "unknown field `colour`"),
            (r#"{"start":"yesterday"}"#, "'yesterday' is not a start: use one of now, baseline, beginning"),
            (r#"{"lifetime":"long"}"#, "'long' is not a lifetime"),
            (r#"{"lifetime":"0s"}"#, "'0s' is not a lifetime"),
            (r#"{"lifetime":"99999999d"}"#, "'99999999d' is too long: write max, or 36500d at most"),
            (r#"{"resource":"x"}"#, "'x' is not a resource address"),
        ] {
            let error = read(body).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
