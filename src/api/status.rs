//! `GET /v1/status`: what a dashboard's front page needs, in one document.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::problem::Problem;
use super::progress::Reading;
use super::{Api, credentials};
use crate::deliver::Found;
use crate::metrics::since;
use crate::model::{Cursor, Name, SinkStanding, State, Subscription, Trouble};
use crate::reputation::{Grade, Standing};
use crate::store::{Brought, InboxDepth, Store, StoreError, StoredGate};

/// The document.
#[derive(Serialize, JsonSchema)]
pub(super) struct Status<'a> {
    version: &'static str,
    started_at: DateTime<Utc>,
    uptime_seconds: u64,
    tenants: &'a [Name],
    store: StoreStatus,
    endpoint: EndpointStatus,
    inbox: InboxStatus,
    subscriptions: SubscriptionsStatus<'a>,
    log: LogStatus,
    /// Whom Office 365 has told to wait; nothing is sent there until then.
    throttled: Vec<Throttled>,
    /// What ends by itself, as far as that is known.
    credentials: Vec<credentials::Standing>,
    sinks: Vec<SinkStatus>,
}

/// How a sink stands; `/v1/sinks` tells more.
#[derive(Serialize, JsonSchema)]
struct SinkStatus {
    name: Name,
    state: &'static str,
    lag: u64,
    pending: u64,
    dead_letters: u64,
    /// Since when it takes no events.
    failing_since: Option<DateTime<Utc>>,
}

#[derive(Serialize, JsonSchema)]
struct StoreStatus {
    writable: bool,
    /// Why not, and what to do about it.
    error: Option<String>,
    /// Since the start.
    failed_commits: u64,
}

/// A gate that is closed. Whose mailbox it is, is not told.
#[derive(Serialize, JsonSchema)]
struct Throttled {
    tenant: Name,
    area: String,
    until: DateTime<Utc>,
}

/// How the endpoint stands with Microsoft, over ten minutes.
#[derive(Serialize, JsonSchema)]
struct EndpointStatus {
    answers: u64,
    /// Shares of the answers, from 0 to 1.
    over_3s: f64,
    over_10s: f64,
    state: Grade,
}

#[derive(Serialize, JsonSchema)]
struct InboxStatus {
    pending: u64,
    oldest_at: Option<DateTime<Utc>>,
    oldest_age_seconds: u64,
}

#[derive(Serialize, JsonSchema)]
struct SubscriptionsStatus<'a> {
    total: u64,
    by_state: BTreeMap<&'static str, u64>,
    /// Those with an error, by name: the first hundred, and how many there are.
    troubled: Vec<Troubled<'a>>,
    troubled_total: u64,
    next_expiry: Option<Expiry<'a>>,
    /// Those of which everything is being read, by name: the first hundred, and how many there are.
    reading: Vec<Reading<'a>>,
    reading_total: u64,
    /// Encrypted contents and items that could not be used, of all subscriptions that are still there.
    quarantined: u64,
    /// How many are suspicious.
    suspicious: u64,
    last_notification_at: Option<DateTime<Utc>>,
    last_event_at: Option<DateTime<Utc>>,
}

#[derive(Serialize, JsonSchema)]
struct Troubled<'a> {
    name: &'a Name,
    state: State,
    error: &'a Trouble,
}

#[derive(Serialize, JsonSchema)]
struct Expiry<'a> {
    subscription: &'a Name,
    expires_at: DateTime<Utc>,
}

#[derive(Serialize, JsonSchema)]
struct LogStatus {
    oldest: Cursor,
    latest: Cursor,
    /// Events of all subscriptions that are still there, kept or not.
    events: u64,
}

/// Subscriptions that are named for a reason, of each kind: more than a person reads.
const NAMED: usize = 100;

/// What the store says of all subscriptions together.
struct Overview {
    by_state: Vec<(State, u64)>,
    brought: Brought,
    troubled: (Vec<Subscription>, u64),
    reading: (Vec<Subscription>, u64),
    next_expiry: Option<(Name, DateTime<Utc>)>,
}

impl Overview {
    async fn read(store: &dyn Store, now: DateTime<Utc>) -> Result<Self, StoreError> {
        Ok(Self {
            by_state: store.by_state(now).await?,
            brought: store.brought(now).await?,
            troubled: store.troubled(NAMED).await?,
            reading: store.reading(NAMED).await?,
            next_expiry: store.expiries(1).await?.pop(),
        })
    }
}

pub(super) async fn status(api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    let now = api.clock.now();
    let overview = Overview::read(&*api.store, now).await?;
    let bounds = api.store.bounds().await?;
    let credentials = api.credentials().await?.into_iter();
    let credentials = credentials.map(|credential| credentials::Standing::of(credential, now));
    Ok(HttpResponse::Ok().json(Status {
        version: api.version,
        started_at: api.started_at,
        uptime_seconds: since(api.started_at, now).as_secs(),
        tenants: &api.tenants,
        store: store(&api).await,
        endpoint: api.metrics.reputation().standing(now).into(),
        inbox: inbox(api.store.depth().await?, now),
        subscriptions: summary(&overview, now),
        log: LogStatus { oldest: bounds.oldest, latest: bounds.latest, events: overview.brought.events },
        throttled: throttled(api.store.gates().await?, now),
        credentials: credentials.collect(),
        sinks: api.desk.sinks().await?.into_iter().map(SinkStatus::of).collect(),
    }))
}

impl SinkStatus {
    fn of(found: Found) -> Self {
        let (state, failing_since, lag) = (found.state(), found.failing_since(), found.standing.lag());
        let SinkStanding { name, pending, dead, .. } = found.standing;
        Self { name, state, lag, pending, dead_letters: dead, failing_since }
    }
}

impl From<Standing> for EndpointStatus {
    fn from(standing: Standing) -> Self {
        let Standing { answers, over_3s, over_10s, state } = standing;
        Self { answers, over_3s, over_10s, state }
    }
}

async fn store(api: &Api) -> StoreStatus {
    let error = api.store_is_writable().await.err();
    StoreStatus { writable: error.is_none(), error, failed_commits: api.store.health().failed_commits }
}

fn throttled(gates: Vec<StoredGate>, now: DateTime<Utc>) -> Vec<Throttled> {
    let closed = gates.into_iter().filter(|gate| gate.closed_until > now);
    closed
        .map(|gate| Throttled { area: gate.kind().to_owned(), until: gate.closed_until, tenant: gate.tenant })
        .collect()
}

fn inbox(depth: InboxDepth, now: DateTime<Utc>) -> InboxStatus {
    InboxStatus {
        pending: depth.pending,
        oldest_at: depth.oldest_at,
        oldest_age_seconds: depth.oldest_at.map_or(0, |oldest| since(oldest, now).as_secs()),
    }
}

impl<'a> Troubled<'a> {
    fn of(subscription: &'a Subscription, now: DateTime<Utc>) -> Option<Self> {
        let error = subscription.error()?;
        Some(Self { name: &subscription.wish.name, state: subscription.state(now), error })
    }
}

fn summary(overview: &Overview, now: DateTime<Utc>) -> SubscriptionsStatus<'_> {
    let Overview { by_state, brought, troubled, reading, next_expiry } = overview;
    SubscriptionsStatus {
        total: by_state.iter().map(|(_, number)| number).sum(),
        by_state: by_state.iter().map(|(state, number)| (state.as_str(), *number)).collect(),
        troubled: troubled.0.iter().filter_map(|one| Troubled::of(one, now)).collect(),
        troubled_total: troubled.1,
        next_expiry: next_expiry
            .as_ref()
            .map(|(subscription, expires_at)| Expiry { subscription, expires_at: *expires_at }),
        reading: reading.0.iter().filter_map(|one| Reading::of(one, now)).collect(),
        reading_total: reading.1,
        quarantined: brought.quarantined,
        suspicious: brought.suspicious,
        last_notification_at: brought.last_notification_at,
        last_event_at: brought.last_event_at,
    }
}
