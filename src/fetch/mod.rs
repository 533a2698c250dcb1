//! Stage 2: from hints to events.
//!
//! Guarantees: each difference between a resource and the mirror becomes one event, committed together with the
//! mirror row and the link that brought it; hints are deleted only by the page that ends a round which began
//! after them; one round at a time for one subscription. Does not guarantee: an event for each change (a page
//! tells the latest state), or that a notification leads to an event (most are one of many for one change).
//!
//! Races and what is decided on them:
//! * a hint arrives during a round: it was not claimed with it, stays, and causes another round;
//! * the notification outruns the change: the round finds nothing and is looked at again (`schedule`);
//! * a crash between page and commit: the page is asked for again, and what was not committed nobody saw;
//! * two processes at one subscription: the lease, and the link that the commit is conditional on;
//! * the cursor dies, or somebody asks for everything: the mirror gets a new generation, and a round that was under way
//!   with the old one commits nothing more (`resync`).

mod ahead;
mod budget;
mod classify;
pub mod content;
mod diff;
mod flight;
mod flights;
mod glance;
mod inside;
mod mailbox;
mod odd;
mod pages;
mod pause;
mod progress;
mod request;
mod resync;
mod same;
mod schedule;
mod stack;
mod sweep;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use flights::Flights;
pub use request::Fetched;
use sweep::{Sweep, Sweeping};

use crate::clock::Clock;
use crate::config;
use crate::metrics::Metrics;
use crate::model::{Name, SubscriptionId, Trouble};
use crate::office365::Office365;
use crate::seal::Sealer;
use crate::store::{Store, StoreError};
use crate::tasks::{self, Outage, STORE_RETRY, Signal, Task};

/// How long a claim holds without a page having been committed: longer than waiting for a page and then a step may take.
const LEASE: Duration = Duration::from_secs(540);

/// Fetches what changed. Cheap to clone.
#[derive(Clone)]
pub struct Fetcher {
    store: Arc<dyn Store>,
    office365: Arc<Office365>,
    clock: Clock,
    metrics: Arc<Metrics>,
    settings: config::Fetch,
    wake: Signal,
    sealer: Option<Arc<Sealer>>,
    ended: broadcast::Sender<Ended>,
    outage: Outage,
    sweeping: Arc<Sweeping>,
}

/// A round ended, well or not.
#[derive(Debug, Clone)]
struct Ended {
    subscription: SubscriptionId,
    inbox_through: i64,
    trouble: Option<Trouble>,
}

impl Fetcher {
    /// `wake` is raised by whoever gives it something to do; `sealer` opens encrypted content.
    pub fn new(
        store: Arc<dyn Store>,
        office365: Arc<Office365>,
        clock: Clock,
        metrics: Arc<Metrics>,
        settings: config::Fetch,
        wake: Signal,
        sealer: Option<Arc<Sealer>>,
    ) -> Self {
        let (ended, outage) = (broadcast::Sender::new(256), Outage::default());
        let sweeping = Arc::new(Sweeping::new(&settings));
        Self { store, office365, clock, metrics, settings, wake, sealer, ended, outage, sweeping }
    }

    /// Launches what is due, and says when to look again.
    async fn look(&self, flights: &mut Flights, stop: &CancellationToken) -> Option<DateTime<Utc>> {
        if let Err(error) = self.launch(flights, stop).await {
            if self.outage.begins() {
                tracing::warn!(%error, "Cannot look for rounds that are due; trying again until it works");
            }
            return Some(self.clock.now() + STORE_RETRY);
        }
        if self.outage.ends() {
            tracing::info!("Rounds that are due are found again");
        }
        self.next(flights).await.unwrap_or_else(|_| Some(self.clock.now() + STORE_RETRY))
    }

    /// When something is due beside the flights that are under way. If that is now, there was no place for it.
    async fn next(&self, flights: &Flights) -> Result<Option<DateTime<Utc>>, StoreError> {
        let full = self.full(flights);
        let (round, sweep) = (self.store.next_round(&full).await?, self.next_sweep(&full).await?);
        let is_due = round.is_some_and(|at| at <= self.clock.now());
        if is_due && flights.are_all_taken() {
            self.sweeping.give_way();
        }
        Ok(round.into_iter().chain(sweep).min())
    }

    /// The tenants that have as many places as they may have for now.
    fn full(&self, flights: &Flights) -> Vec<Name> {
        flights.full(self.office365.tenants().map(|(name, _)| name).collect::<Vec<_>>().into_iter())
    }

    /// Claims what is due as long as there is a free place.
    async fn launch(&self, flights: &mut Flights, stop: &CancellationToken) -> Result<(), StoreError> {
        self.say_alive().await?;
        while !flights.are_all_taken() && !stop.is_cancelled() {
            let full = self.full(flights);
            let (claim, sweep) = match self.store.claim_round(&full, self.clock.now(), LEASE).await? {
                Some(claim) => (claim, None),
                None => match self.claim_sweep(&full, stop).await? {
                    Some((claim, sweep)) => (claim, Some(sweep)),
                    None => break,
                },
            };
            let (fetcher, stop) = (self.clone(), stop.clone());
            flights.begin(claim.subscription.wish.tenant.clone(), async move {
                let until = sweep.as_ref().map_or(&stop, Sweep::until);
                fetcher.fly(claim, until, &stop).await;
            });
        }
        Ok(())
    }
}

#[async_trait]
impl Task for Fetcher {
    /// Flies all rounds that are due, and those that become due meanwhile.
    async fn work_off(&self, stop: &CancellationToken) -> Option<DateTime<Utc>> {
        let mut flights = Flights::new(self.settings.concurrency);
        loop {
            let next = self.look(&mut flights, stop).await;
            if flights.is_empty() {
                return next;
            }
            // A round may last for hours; what becomes due by time meanwhile must not wait for its end.
            let next = tasks::pause(&self.clock, next);
            tokio::select! {
                () = flights.landed() => {}
                () = self.wake.raised(), if !stop.is_cancelled() => {}
                () = self.clock.sleep_until(next), if !stop.is_cancelled() => {}
            }
        }
    }
}
