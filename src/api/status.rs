//! `GET /v1/status`: what a dashboard's front page needs, in one document.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::problem::Problem;
use super::progress::Reading;
use super::view::Suspicious;
use super::{Api, credentials};
use crate::deliver::Found;
use crate::metrics::since;
use crate::model::{Cursor, Name, SinkStanding, State, Subscription, Trouble};
use crate::reputation::{Grade, Standing};
use crate::store::{InboxDepth, StoredGate};

/// The document.
#[derive(Serialize)]
struct Status<'a> {
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
#[derive(Serialize)]
struct SinkStatus {
    name: Name,
    state: &'static str,
    lag: u64,
    pending: u64,
    dead_letters: u64,
}

#[derive(Serialize)]
struct StoreStatus {
    writable: bool,
    /// Why not, and what to do about it.
    error: Option<String>,
    /// Since the start.
    failed_commits: u64,
}

/// A gate that is closed. Whose mailbox it is, is not told.
#[derive(Serialize)]
struct Throttled {
    tenant: Name,
    area: String,
    until: DateTime<Utc>,
}

/// How the endpoint stands with Microsoft, over ten minutes.
#[derive(Serialize)]
struct EndpointStatus {
    answers: u64,
    /// Shares of the answers, from 0 to 1.
    over_3s: f64,
    over_10s: f64,
    state: Grade,
}

#[derive(Serialize)]
struct InboxStatus {
    pending: u64,
    oldest_at: Option<DateTime<Utc>>,
    oldest_age_seconds: u64,
}

#[derive(Serialize)]
struct SubscriptionsStatus<'a> {
    total: usize,
    by_state: BTreeMap<&'static str, u64>,
    /// Those with an error, by name.
    troubled: Vec<Troubled<'a>>,
    next_expiry: Option<Expiry<'a>>,
    /// Those of which everything is being read, by name.
    reading: Vec<Reading<'a>>,
    /// Encrypted contents and items that could not be used, of all subscriptions that are still there.
    quarantined: u64,
    /// How many are suspicious.
    suspicious: usize,
    last_notification_at: Option<DateTime<Utc>>,
    last_event_at: Option<DateTime<Utc>>,
}

#[derive(Serialize)]
struct Troubled<'a> {
    name: &'a Name,
    state: State,
    error: &'a Trouble,
}

#[derive(Serialize)]
struct Expiry<'a> {
    subscription: &'a Name,
    expires_at: DateTime<Utc>,
}

#[derive(Serialize)]
struct LogStatus {
    oldest: Cursor,
    latest: Cursor,
    /// Events of all subscriptions that are still there, kept or not.
    events: u64,
}

pub(super) async fn status(api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    let subscriptions = api.store.subscriptions().await?;
    let bounds = api.store.bounds().await?;
    let now = api.clock.now();
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
        subscriptions: summary(&subscriptions, now),
        log: LogStatus {
            oldest: bounds.oldest,
            latest: bounds.latest,
            events: subscriptions.iter().map(|subscription| subscription.events).sum(),
        },
        throttled: throttled(api.store.gates().await?, now),
        credentials: credentials.collect(),
        sinks: api.desk.sinks().await?.into_iter().map(SinkStatus::of).collect(),
    }))
}

impl SinkStatus {
    fn of(found: Found) -> Self {
        let (state, lag) = (found.state(), found.standing.lag());
        let SinkStanding { name, pending, dead, .. } = found.standing;
        Self { name, state, lag, pending, dead_letters: dead }
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

impl<'a> Expiry<'a> {
    fn of(subscription: &'a Subscription) -> Option<Self> {
        let remote = subscription.remote.as_ref().filter(|_| subscription.removed_at.is_none())?;
        Some(Self { subscription: &subscription.wish.name, expires_at: remote.expires_at })
    }
}

fn summary(subscriptions: &[Subscription], now: DateTime<Utc>) -> SubscriptionsStatus<'_> {
    SubscriptionsStatus {
        total: subscriptions.len(),
        by_state: count_by_state(subscriptions, now)
            .into_iter()
            .map(|(state, number)| (state.as_str(), number))
            .collect(),
        reading: subscriptions.iter().filter_map(|one| Reading::of(one, now)).collect(),
        troubled: subscriptions.iter().filter_map(|one| Troubled::of(one, now)).collect(),
        quarantined: subscriptions.iter().map(|one| one.quarantined).sum(),
        suspicious: subscriptions.iter().filter_map(|one| Suspicious::of(one, now)).count(),
        next_expiry: subscriptions.iter().filter_map(Expiry::of).min_by_key(|expiry| expiry.expires_at),
        last_notification_at: subscriptions.iter().filter_map(|one| one.last_notification_at).max(),
        last_event_at: subscriptions.iter().filter_map(|one| one.last_event_at).max(),
    }
}

/// How many subscriptions are in each state, those included that none is in.
pub(super) fn count_by_state(subscriptions: &[Subscription], now: DateTime<Utc>) -> Vec<(State, u64)> {
    let number = |state| {
        let fitting = subscriptions.iter().filter(|subscription| subscription.state(now) == state);
        fitting.fold(0, |number, _| number + 1)
    };
    State::ALL.iter().map(|state| (*state, number(*state))).collect()
}
