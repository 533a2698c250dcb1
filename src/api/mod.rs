//! The admin port: subscriptions, the event log, status, metrics and health over HTTP.
//!
//! What this room guarantees:
//! * Errors are RFC 9457 problem documents, also those of unknown addresses and unreadable queries.
//! * Where API keys are configured, everything but `/livez` and `/readyz` wants one.
//! * What was asked of Office 365 goes on although the caller has left or has waited long enough; then the
//!   answer is 202, and the subscription shows how it ended.
//! * A page or a stream of events never skips one: a reader that kept `next`, `sequence` or `id` goes on from
//!   there, and is told when what comes next is no longer kept.
//!
//! It decides nothing: what a call means is the business of the rooms behind it.

mod auth;
mod connector;
mod consumers;
mod credentials;
mod explain;
mod health;
mod limit;
mod listing;
mod patience;
mod plan;
mod problem;
mod progress;
mod pull;
mod quarantine;
mod reader;
mod sinks;
mod status;
mod stream;
mod subscriptions;
mod view;

use std::future::ready;
use std::sync::Arc;

use actix_web::http::{Method, StatusCode};
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::{HttpRequest, Resource, Route, web};
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::clock::Clock;
use crate::config::ConfigError;
use crate::deliver::Desk;
use crate::fetch::Fetcher;
use crate::metrics::Metrics;
use crate::model::{Credential, Name, Wish};
use crate::renew::Renewer;
use crate::store::Store;
use crate::tasks::Signal;

pub use auth::Keys;
use problem::Problem;

/// What the calls of the admin port work with.
pub struct Api {
    /// The time, and limits on waiting.
    pub clock: Clock,
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// What `/metrics` shows.
    pub metrics: Arc<Metrics>,
    /// Creates, renews and removes.
    pub renewer: Arc<Renewer>,
    /// Fetches.
    pub fetcher: Arc<Fetcher>,
    /// Tells of sinks.
    pub desk: Arc<Desk>,
    /// What the outside calls us, if there is a Connect page.
    pub connector: Option<Url>,
    /// Raised when a group was disconnected.
    pub joined: Signal,
    /// What the configuration wants followed, read again.
    pub configured: Configured,
    /// Who may call.
    pub keys: Keys,
    /// The tenants that the configuration names.
    pub tenants: Vec<Name>,
    /// Tells what they sign in with now, as far as it is known when that ends.
    pub sign_ins: Arc<dyn Fn() -> Vec<Credential> + Send + Sync>,
    /// Version of the program.
    pub version: &'static str,
    /// When the program started.
    pub started_at: DateTime<Utc>,
    /// Cancelled when the program stops: whoever waits here is let go.
    pub stopping: CancellationToken,
    /// One permit for each event stream that may be open at once; a reader that does not read is not cut off,
    /// so what it holds is bounded.
    pub streams: Arc<Semaphore>,
    /// Where work goes on that outlives its caller: an HTTP worker's runtime ends before the main one.
    pub runtime: Handle,
}

/// Reads what the configuration wants followed.
pub type Configured = Arc<dyn Fn() -> Result<Vec<Wish>, ConfigError> + Send + Sync>;

/// Event streams open at once, each holding one page of events at most.
pub const STREAMS: usize = 1000;

/// Everything the admin port serves.
pub fn routes(cfg: &mut web::ServiceConfig, api: &Arc<Api>) {
    let health = [
        at("/livez", [(Method::GET, web::to(health::live)), (Method::HEAD, web::to(health::live))]),
        at("/readyz", [(Method::GET, web::to(health::ready)), (Method::HEAD, web::to(health::ready))]),
    ];
    let guarded = [
        at("/metrics", [(Method::GET, web::to(health::metrics))]),
        at("/v1/status", [(Method::GET, web::to(status::status))]),
        at("/v1/quarantine", [(Method::GET, web::to(quarantine::list))]),
        at("/v1/events", [(Method::GET, web::to(pull::events))]),
        at("/v1/events/stream", [(Method::GET, web::to(stream::events))]),
        at(
            "/v1/subscriptions",
            [(Method::GET, web::to(listing::list)), (Method::POST, web::to(subscriptions::add))],
        ),
        at(
            "/v1/subscriptions/{name}",
            [(Method::GET, web::to(subscriptions::show)), (Method::DELETE, web::to(subscriptions::remove))],
        ),
        at("/v1/consumers", [(Method::GET, web::to(consumers::list))]),
        at("/v1/consumers/{name}", [(Method::DELETE, web::to(consumers::forget))]),
        at("/v1/consumers/{name}/events", [(Method::GET, web::to(consumers::events))]),
        at(consumers::COMMIT, [(Method::POST, web::to(consumers::commit))]),
        at("/v1/plan", [(Method::GET, web::to(plan::plan))]),
        at("/v1/apply", [(Method::POST, web::to(plan::apply))]),
        at("/v1/subscriptions/{name}/renew", [(Method::POST, web::to(subscriptions::renew))]),
        at("/v1/subscriptions/{name}/fetch", [(Method::POST, web::to(subscriptions::fetch))]),
        at("/v1/subscriptions/{name}/pause", [(Method::POST, web::to(subscriptions::pause))]),
        at("/v1/subscriptions/{name}/resume", [(Method::POST, web::to(subscriptions::resume))]),
        at("/v1/subscriptions/{name}/resync", [(Method::POST, web::to(subscriptions::resync))]),
        at("/v1/sinks", [(Method::GET, web::to(sinks::list))]),
        at("/v1/connector/invites", [(Method::POST, web::to(connector::invite))]),
        at(
            "/v1/sinks/{name}",
            [(Method::GET, web::to(sinks::show)), (Method::DELETE, web::to(sinks::remove))],
        ),
        at("/v1/sinks/{name}/deliveries", [(Method::GET, web::to(sinks::deliveries))]),
        at("/v1/sinks/{name}/dead-letters", [(Method::GET, web::to(sinks::dead_letters))]),
        at("/v1/sinks/{name}/test", [(Method::POST, web::to(sinks::test))]),
        at("/v1/sinks/{name}/preview", [(Method::POST, web::to(sinks::preview))]),
        at("/v1/sinks/{name}/replay", [(Method::POST, web::to(sinks::replay))]),
        at("/v1/sinks/{name}/retry", [(Method::POST, web::to(sinks::retry))]),
        at("/v1/sinks/{name}/enable", [(Method::POST, web::to(sinks::enable))]),
    ];
    let guarded = guarded
        .into_iter()
        .fold(web::scope(""), actix_web::Scope::service)
        .default_service(web::to(problem::unknown_address))
        .wrap(from_fn(auth::admit));
    cfg.service(
        health
            .into_iter()
            .fold(web::scope(""), actix_web::Scope::service)
            .app_data(web::Data::from(Arc::clone(api)))
            .configure(problem::explain_extractors)
            .service(guarded)
            .wrap(DefaultHeaders::new().add((CACHE_CONTROL, HeaderValue::from_static("no-store")))),
    );
}

fn at<const N: usize>(path: &str, calls: [(Method, Route); N]) -> Resource {
    let allow = calls.each_ref().map(|(method, _)| method.as_str()).join(", ");
    calls
        .into_iter()
        .fold(web::resource(path), |resource, (method, route)| resource.route(route.method(method)))
        .default_service(web::to(move |request: HttpRequest| {
            ready(problem::method_not_allowed(&request, &allow))
        }))
}

/// A body that may be left out. One that is there must be right: to be taken for none could mean much more.
fn given<T: Default + DeserializeOwned>(body: &web::Bytes) -> Result<T, Problem> {
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(body).map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))
}
