//! Sweeps: rounds that nothing asked for. They keep to a budget, take only part of the places, never come before a round
//! that something asked for, and give way to one that finds no place.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::budget::Budget;
use super::schedule::RETRY_WINDOW;
use super::{Fetcher, LEASE};
use crate::config;
use crate::model::Name;
use crate::store::{Cause, Claim, StoreError};

/// How often the store is told that somebody listens.
const SIGN_OF_LIFE: Duration = Duration::from_secs(60);

/// What sweeps share.
pub(super) struct Sweeping {
    budget: Mutex<Budget>,
    places: Arc<Semaphore>,
    under_way: Mutex<Vec<UnderWay>>,
    said_alive: Mutex<Option<DateTime<Utc>>>,
    /// Until then no sweep is due: rounds end all the time, and each would have all subscriptions looked through.
    none_before: Mutex<Option<DateTime<Utc>>>,
    every: Duration,
}

/// A sweep that flies. It ends early, after a page, when something that was announced has no place.
pub(super) struct Sweep {
    _place: Arc<OwnedSemaphorePermit>,
    until: CancellationToken,
    sweeping: Arc<Sweeping>,
}

struct UnderWay {
    place: Weak<OwnedSemaphorePermit>,
    until: CancellationToken,
}

impl Sweep {
    /// Given when it has to end.
    pub(super) fn until(&self) -> &CancellationToken {
        &self.until
    }
}

impl Drop for Sweep {
    fn drop(&mut self) {
        if self.until.is_cancelled() {
            // It is due as before, and nobody knew while it was claimed.
            self.sweeping.set_none_before(None);
        }
    }
}

impl Sweeping {
    pub(super) fn new(settings: &config::Fetch) -> Self {
        Self {
            budget: Mutex::new(Budget::new(settings.sweeps_per_minute)),
            // Half of the places are left to what was announced.
            places: Arc::new(Semaphore::new((settings.concurrency / 2).max(1))),
            under_way: Mutex::default(),
            said_alive: Mutex::new(None),
            none_before: Mutex::new(None),
            every: settings.sweep_every.unwrap_or(SIGN_OF_LIFE),
        }
    }

    fn none_before(&self) -> Option<DateTime<Utc>> {
        *self.none_before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What rounds that end now schedule is due later than half of the period.
    fn found(&self, next: Option<DateTime<Utc>>, now: DateTime<Utc>) {
        let latest = now + SIGN_OF_LIFE.min(self.every / 2);
        self.set_none_before(Some(next.map_or(latest, |next| next.min(latest))));
    }

    fn set_none_before(&self, at: Option<DateTime<Utc>>) {
        *self.none_before.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    fn begin(self: &Arc<Self>, place: OwnedSemaphorePermit, stop: &CancellationToken) -> Sweep {
        let (place, until) = (Arc::new(place), stop.child_token());
        let under_way = UnderWay { place: Arc::downgrade(&place), until: until.clone() };
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).push(under_way);
        Sweep { _place: place, until, sweeping: Arc::clone(self) }
    }

    /// Something that was announced finds no place: one sweep ends after its page, and goes on later where it was.
    pub(super) fn give_way(&self) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.retain(|sweep| sweep.place.strong_count() > 0);
        let ends_already = under_way.iter().any(|sweep| sweep.until.is_cancelled());
        if let Some(sweep) = under_way.first().filter(|_| !ends_already) {
            sweep.until.cancel();
        }
    }

    fn with_budget<T>(&self, act: impl FnOnce(&mut Budget) -> T) -> T {
        act(&mut self.budget.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Fetcher {
    /// Claims a sweep that is due, if there is a place for it and its tenant's budget allows it.
    pub(super) async fn claim_sweep(
        &self,
        full: &[Name],
        stop: &CancellationToken,
    ) -> Result<Option<(Claim, Sweep)>, StoreError> {
        let now = self.clock.now();
        if self.sweeping.none_before().is_some_and(|at| now < at) {
            return Ok(None);
        }
        let Ok(place) = Arc::clone(&self.sweeping.places).try_acquire_owned() else { return Ok(None) };
        let mut closed = self.sweeping.with_budget(|budget| budget.closed(now));
        closed.extend_from_slice(full);
        let claim = self.store.claim_sweep(now, LEASE, closed).await?;
        if let Some(claim) = claim.as_ref().filter(|claim| is_sweep(claim)) {
            self.sweeping.with_budget(|budget| budget.spend(&claim.subscription.wish.tenant, now));
        }
        Ok(claim.map(|claim| (claim, self.sweeping.begin(place, stop))))
    }

    /// When to look for sweeps again.
    pub(super) async fn next_sweep(&self, full: &[Name]) -> Result<Option<DateTime<Utc>>, StoreError> {
        if self.sweeping.places.available_permits() == 0 {
            // The end of one of them is reason enough to look.
            return Ok(None);
        }
        let now = self.clock.now();
        if let Some(at) = self.sweeping.none_before().filter(|at| now < *at) {
            return Ok(Some(at));
        }
        let (mut closed, opens_at) =
            self.sweeping.with_budget(|budget| (budget.closed(now), budget.opens_at(now)));
        closed.extend_from_slice(full);
        let next = self.store.next_sweep(closed).await?;
        let next = next.into_iter().chain(opens_at).min();
        self.sweeping.found(next, now);
        Ok(next)
    }

    /// Tells the store once a minute that somebody listens. Was nobody there for so long that Office 365 has given
    /// notifications up, every subscription is swept, within the budget.
    pub(super) async fn say_alive(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let fresh = |at: &DateTime<Utc>| now < *at + SIGN_OF_LIFE;
        let said = *self.sweeping.said_alive.lock().unwrap_or_else(PoisonError::into_inner);
        if self.settings.sweep_every.is_none() || said.as_ref().is_some_and(fresh) {
            return Ok(());
        }
        if let Some(since) = self.store.alive(now, RETRY_WINDOW).await? {
            tracing::warn!(%since,
                "Nobody listened, or nothing could be stored, for longer than Office 365 repeats notifications: every subscription is swept");
        }
        *self.sweeping.said_alive.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        Ok(())
    }
}

fn is_sweep(claim: &Claim) -> bool {
    matches!(claim.cause, Cause::Sweep | Cause::OutageSweep)
}
