//! The admin port: subscriptions, the event log, status, metrics and health over HTTP.
//!
//! What this room guarantees:
//! * Errors are RFC 9457 problem documents, also those of unknown addresses and unreadable queries.
//! * Where API keys are configured, everything but `/livez` and `/readyz` wants one; where none are, pages of other
//!   sites in a browser on this machine are kept out.
//! * What was asked of Office 365 goes on although the caller has left or has waited long enough; then the
//!   answer is 202, and the subscription shows how it ended.
//! * A page or a stream of events never skips one: a reader that kept `next`, `sequence` or `id` goes on from
//!   there, and is told when what comes next is no longer kept.
//!
//! It decides nothing: what a call means is the business of the rooms behind it.

mod auth;
mod body;
mod connector;
mod consumers;
mod credentials;
mod describe;
mod explain;
mod given;
mod health;
mod limit;
mod listing;
mod pages;
mod patience;
mod plan;
mod problem;
mod progress;
mod pull;
mod quarantine;
mod reader;
mod routes;
mod sinks;
mod status;
mod stream;
mod subscriptions;
mod view;

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::{HttpRequest, Resource, Route, web};
use chrono::{DateTime, Utc};
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

use describe::Call;

pub use auth::Keys;
pub use stream::Tail;

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
    /// What they are told of the log's end.
    pub tail: Arc<Tail>,
    /// Where work goes on that outlives its caller: an HTTP worker's runtime ends before the main one.
    pub runtime: Handle,
}

/// Reads what the configuration wants followed.
pub type Configured = Arc<dyn Fn() -> Result<Vec<Wish>, ConfigError> + Send + Sync>;

/// Event streams open at once.
pub const STREAMS: usize = 1000;

/// The admin port's own description: OpenAPI 3.1.
pub fn description(version: &str) -> serde_json::Value {
    describe::document(version, &routes::calls())
}

/// Everything the admin port serves.
pub fn routes(cfg: &mut web::ServiceConfig, api: &Arc<Api>) {
    let calls = routes::calls();
    let description = describe::document(api.version, &calls).to_string();
    let (health, guarded): (Vec<Call>, Vec<Call>) = calls.into_iter().partition(|call| call.is_open);
    let guarded = resources(guarded)
        .fold(web::scope(""), actix_web::Scope::service)
        .default_service(web::to(problem::unknown_address))
        .wrap(from_fn(body::in_time))
        .wrap(from_fn(auth::admit));
    cfg.service(
        resources(health)
            .map(|resource| resource.wrap(from_fn(body::in_time)))
            .fold(web::scope(""), actix_web::Scope::service)
            .app_data(web::Data::from(Arc::clone(api)))
            .app_data(web::Data::new(health::Description(description.into())))
            .configure(problem::explain_extractors)
            .service(guarded)
            .wrap(DefaultHeaders::new().add((CACHE_CONTROL, HeaderValue::from_static("no-store")))),
    );
}

/// One resource for each address, with all of its methods.
fn resources(calls: Vec<Call>) -> impl Iterator<Item = Resource> {
    let mut addresses = BTreeMap::<_, Vec<_>>::new();
    for Call { method, path, route, .. } in calls {
        addresses.entry(path).or_default().push((method, route));
    }
    addresses.into_iter().map(|(path, calls)| at(path, calls))
}

fn at(path: &str, calls: Vec<(Method, Route)>) -> Resource {
    let allow: Vec<_> = calls.iter().map(|(method, _)| method.as_str()).collect();
    let allow = allow.join(", ");
    calls.into_iter().fold(web::resource(path), |resource, (_, route)| resource.route(route)).default_service(
        web::to(move |request: HttpRequest| ready(problem::method_not_allowed(&request, &allow))),
    )
}
