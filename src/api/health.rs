//! Health for whoever runs the program, and metrics.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::problem::Problem;
use super::{Api, consumers};
use crate::deliver::Found;
use crate::metrics::{SinkStands, Snapshot, since};
use crate::model::{Credential, Name};
use crate::store::{StoreError, StoredGate};

/// How long the store may take to prove that it can be written to: as long as an acknowledgement may.
const STORE_LIMIT: Duration = Duration::from_secs(2);

/// The answer of whoever is well.
#[derive(Serialize, JsonSchema)]
pub(super) struct Health {
    status: &'static str,
}

/// What the API tells of itself, written once.
pub(super) struct Description(pub Bytes);

/// The process answers; it looks at nothing else, since a restart would not mend a full disk.
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "live" })
}

/// Notifications can be taken.
pub(super) async fn ready(api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    let unready = |why: &str| Problem::new(StatusCode::SERVICE_UNAVAILABLE, why);
    if api.stopping.is_cancelled() {
        return Err(unready("the listener is stopping"));
    }
    if let Err(reason) = api.store_is_writable().await {
        return Err(unready(&format!("the store cannot be written to: {reason}")));
    }
    Ok(HttpResponse::Ok().json(Health { status: "ready" }))
}

/// The API's own description.
pub(super) async fn description(description: web::Data<Description>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(description.0.clone())
}

/// Prometheus text; the gauges are read from the store.
pub(super) async fn metrics(api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    let now = api.clock.now();
    let credentials = api.credentials().await?.into_iter();
    let endpoint = api.metrics.reputation().standing(now);
    let inbox = api.store.depth().await?;
    let expires = api.store.expiries(usize::MAX).await?.into_iter();
    let snapshot = Snapshot {
        inbox_pending: inbox.pending,
        inbox_oldest_age: inbox.oldest_at.map(|oldest| since(oldest, now)).unwrap_or_default(),
        subscriptions: api.store.by_state(now).await?,
        expires: expires.map(|(name, at)| (name, (at - now).as_seconds_f64())).collect(),
        endpoint,
        store_writable: api.store_is_writable().await.is_ok(),
        closed_gates: closed_gates(api.store.gates().await?, now),
        credentials: credentials.map(|one| time_left(one, now)).collect(),
        consumers: consumers::lags(&api).await?,
        store_failures: api.store.health().failed_commits,
        sinks: sinks(api.desk.sinks().await?, now),
    };
    let text = api.metrics.observe(snapshot).map_err(|error| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the metrics cannot be written: {error}"))
    })?;
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text))
}

/// Of the sinks that the configuration has.
fn sinks(found: Vec<Found>, now: DateTime<Utc>) -> Vec<SinkStands> {
    let there = found.into_iter().filter(|found| found.standing.removed_at.is_none());
    let stands = there.map(|found| SinkStands {
        name: found.standing.name.clone(),
        lag: found.standing.lag(),
        failing_for: found.failing_since().map(|at| since(at, now)).unwrap_or_default(),
        disabled: found.standing.disabled.is_some() || found.unusable.is_some(),
    });
    stands.collect()
}

impl Api {
    /// Whether the store takes writes just now; else why not.
    pub(super) async fn store_is_writable(&self) -> Result<(), String> {
        match self.clock.timeout(STORE_LIMIT, self.store.writable()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(StoreError::Unavailable(reason) | StoreError::Busy(reason))) => Err(reason),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("it did not answer in time".to_owned()),
        }
    }
}

fn closed_gates(gates: Vec<StoredGate>, now: DateTime<Utc>) -> Vec<(Name, String)> {
    let closed = gates.into_iter().filter(|gate| gate.closed_until > now);
    closed.map(|gate| (gate.tenant.clone(), gate.kind().to_owned())).collect()
}

fn time_left(credential: Credential, now: DateTime<Utc>) -> (String, &'static str, f64) {
    let tenant = credential.tenant.map_or_else(String::new, |name| name.to_string());
    (tenant, credential.kind, (credential.expires_at - now).as_seconds_f64())
}
