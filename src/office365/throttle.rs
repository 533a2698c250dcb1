//! Gates: who was told to wait, waits, and so does everybody else who would be counted with him. A request made
//! while throttled counts too and prolongs the state, so it does not leave the house.
//!
//! An area has a gate of its own, with a number of places that a refusal halves and answers give back slowly (`pace`).
//! Subscription calls have theirs, so that a flood of fetches never keeps a renewal waiting; a closed tenant closes
//! everything in it. What was waiting for a place when a gate closed does not leave either: the gate is looked at last.
//! That a gate is closed is stored before whoever was refused is told, so that a restart does not open it.

mod asked;
mod gate;
mod pace;
mod spacing;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use dashmap::DashMap;

use super::connection::Answer;
use super::{Failure, Verdict};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::model::Name;
use crate::store::{ClosedGates, StoredGate};

pub(super) use asked::{asked_wait, is_throttled};
pub(super) use gate::Place;
pub(super) use spacing::Spacing;

use asked::allowance;
use gate::Gate;

/// How long somebody waits for a place, in real time: a step has to end before its claim does.
const LONGEST_QUEUE: Duration = Duration::from_secs(60);
/// A turn that is further away is told as a wait instead of waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Outlook serves four requests of an app at once in a mailbox; one is left to whoever else uses the app.
const IN_MAILBOX: usize = 3;
/// Everything else of a tenant: SharePoint and OneDrive advise a few.
const IN_TENANT: usize = 8;
/// Calls for subscriptions: ten writes a second and more may be made in a tenant, each with two handshakes inside.
const FOR_SUBSCRIPTIONS: usize = 8;

/// What Office 365 counts together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Area {
    /// Everything of the app in the tenant that has no area of its own: SharePoint and OneDrive above all.
    Tenant,
    /// The app in one mailbox.
    Mailbox(String),
    /// Calls for subscriptions.
    Subscriptions,
    /// The login host, whichever API a token is for.
    SignIn,
}

impl Area {
    const fn places(&self) -> usize {
        match self {
            Self::Tenant => IN_TENANT,
            Self::Mailbox(_) => IN_MAILBOX,
            Self::Subscriptions => FOR_SUBSCRIPTIONS,
            Self::SignIn => 1,
        }
    }

    /// `tenant`, `mailbox:USER`, `subscriptions` or `sign-in`, as it is stored.
    fn to_text(&self) -> String {
        match self {
            Self::Tenant => "tenant".to_owned(),
            Self::Mailbox(user) => format!("mailbox:{user}"),
            Self::Subscriptions => "subscriptions".to_owned(),
            Self::SignIn => "sign-in".to_owned(),
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "tenant" => Some(Self::Tenant),
            None if text == "subscriptions" => Some(Self::Subscriptions),
            None if text == "sign-in" => Some(Self::SignIn),
            Some(("mailbox", user)) => Some(Self::Mailbox(user.to_owned())),
            _ => None,
        }
    }
}

/// The gates of one tenant.
pub(super) struct Gates {
    tenant: Name,
    clock: Clock,
    metrics: Arc<Metrics>,
    areas: DashMap<Area, Arc<Gate>>,
    store: OnceLock<Arc<dyn ClosedGates>>,
}

impl Gates {
    pub(super) fn new(tenant: Name, clock: Clock, metrics: Arc<Metrics>) -> Self {
        // The counter is there before the first wait, or its increase would not be seen.
        metrics.throttled(&tenant, Duration::ZERO);
        Self { tenant, clock, metrics, areas: DashMap::new(), store: OnceLock::new() }
    }

    /// Takes up what was stored, and stores from now on.
    pub(super) fn remember(&self, stored: &[StoredGate], store: Arc<dyn ClosedGates>) {
        let now = self.clock.now();
        for gate in stored.iter().filter(|gate| gate.tenant == self.tenant) {
            let Some(area) = Area::from_text(&gate.area) else { continue };
            let places = usize::try_from(gate.places).unwrap_or(usize::MAX);
            self.gate(&area).with(|pace| pace.restore(gate.closed_until, gate.refusals, places, now));
        }
        // Only the first counts, and there is one.
        let _ = self.store.set(store);
    }

    /// Says no while the area or the whole tenant has to wait.
    pub(super) fn open(&self, area: &Area) -> Result<(), Failure> {
        let now = self.clock.now();
        let left = [&Area::Tenant, area].into_iter().filter_map(|area| self.left(area, now)).max();
        left.map_or(Ok(()), |left| Err(closed(left)))
    }

    /// How long the login host has to be left alone, if it has. What was signed in before may go on meanwhile.
    pub(super) fn sign_in_waits(&self) -> Option<Duration> {
        self.left(&Area::SignIn, self.clock.now())
    }

    /// A place for a request, held until its answer was judged. Waits for one, and for its turn where little is left, but
    /// not for a gate that is closed.
    pub(super) async fn enter(&self, area: &Area) -> Result<Place, Failure> {
        self.open(area)?;
        let gate = self.gate(area);
        let waited = self.clock.timeout(LONGEST_QUEUE, async {
            let place = Arc::clone(&gate).place().await.ok_or_else(busy)?;
            self.open(area)?;
            let turn = gate.with(|pace| pace.turn(self.clock.now(), PATIENCE)).map_err(closed)?;
            self.clock.sleep_until(turn).await;
            self.open(area)?;
            Ok(place)
        });
        waited.await.unwrap_or_else(|_| Err(busy()))
    }

    fn left(&self, area: &Area, now: DateTime<Utc>) -> Option<Duration> {
        let gate = Arc::clone(self.areas.get(area)?.value());
        gate.with(|pace| pace.left(now))
    }

    fn gate(&self, area: &Area) -> Arc<Gate> {
        let gate = self.areas.entry(area.clone()).or_insert_with(|| Arc::new(Gate::new(area.places())));
        Arc::clone(gate.value())
    }

    /// An answer that was not a refusal: the next refusal is a first one again. It may tell that little is left.
    pub(super) async fn answered(&self, area: &Area, answer: &Answer) {
        let (now, left) = (self.clock.now(), allowance(answer));
        let (changed, added) = self.gate(area).with(|pace| {
            let changed = pace.answered(now);
            let added = left.map_or(Duration::ZERO, |left| pace.allowed(left, now));
            (changed || !added.is_zero(), added)
        });
        if !added.is_zero() {
            self.metrics.throttled(&self.tenant, added);
        }
        if changed {
            self.keep(area).await;
        }
    }

    /// Office 365 refused for the number of requests. Returns how long the gate is closed.
    pub(super) async fn refused(&self, area: &Area, asked: Option<Duration>) -> Duration {
        let now = self.clock.now();
        let (wait, added) = self.gate(area).with(|pace| pace.refused(asked, now));
        self.metrics.throttled(&self.tenant, added);
        if !added.is_zero() {
            self.keep(area).await;
        }
        wait
    }

    async fn keep(&self, area: &Area) {
        let Some(store) = self.store.get() else { return };
        let gate = self.gate(area).with(|pace| StoredGate {
            tenant: self.tenant.clone(),
            area: area.to_text(),
            closed_until: pace.closed_until,
            refusals: pace.refusals,
            places: u32::try_from(pace.places).unwrap_or(u32::MAX),
        });
        if let Err(error) = store.keep_gate(gate, self.clock.now()).await {
            tracing::warn!(tenant = %self.tenant, %error, "Cannot store that a tenant has to wait; a restart would not know of it");
        }
    }
}

fn closed(left: Duration) -> Failure {
    let message = format!(
        "Office 365 asked to wait because of too many requests; {} s are left, until then nothing is sent",
        left.as_secs()
    );
    Failure::local(Verdict::Throttled(left), "throttled", message)
}

fn busy() -> Failure {
    let message = "too many requests wait for Office 365, which answers too few at once; it is tried again";
    Failure::local(Verdict::Transient, "busy", message)
}

#[cfg(test)]
mod tests;
