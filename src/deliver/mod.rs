//! Stage 3: from the log to the sinks.
//!
//! Guarantees: each event that a sink wants reaches it at least once, always with the same id, or is given up after the
//! last attempt and kept as a dead letter; the events of an item arrive in the log's order, also over retries; what
//! retention deleted before a sink had it is counted. No sink waits for another, unless they share a host that cannot
//! be reached or fails. Does not guarantee: that an event arrives once only, or an order between items (unless the sink is a file).
//!
//! Of the backlog a sink holds one window of the log in memory, however long it is: the log itself is the queue. Stored
//! are only deliveries that were tried and failed, and what waits behind one of those for the order's sake.
//!
//! Races and what is decided on them:
//! * a crash between a request and the position: the event goes again, with its id;
//! * somebody sets the position while work is under way: the claim is void, nothing of it is written, and the work is
//!   claimed anew from there;
//! * two processes at one sink: the lease; what the one sent that lost it goes again;
//! * a dead letter that is sent late arrives after later events of its item: that is what "late" means.

mod circuit;
mod desk;
mod fate;
mod flights;
mod gate;
mod ledger;
mod pace;
mod past;
mod run;
mod wanted;
mod window;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::clock::Clock;
use crate::config;
use crate::metrics::Metrics;
use crate::model::Name;
use crate::sinks::Sink;
use crate::store::Store;
use crate::tasks::{self, Outage, STORE_RETRY, Seldom, Signal};
pub use desk::{Desk, Found, Greeted, Tried};
use gate::Gate;
pub use past::{Again, Looked, Part};
use run::{Ended, Run};
pub use wanted::OwnApps;
use wanted::Wanted;

/// A sink with what is known of it from the configuration.
pub struct Outlet {
    /// As it is configured.
    pub configured: config::Sink,
    /// Where events go.
    pub sink: Arc<dyn Sink>,
}

/// Delivers to one sink.
pub struct Deliverer {
    name: Name,
    sink: Arc<dyn Sink>,
    wanted: Arc<Wanted>,
    gate: Arc<Gate>,
    wake: Signal,
    store: Arc<dyn Store>,
    clock: Clock,
    metrics: Arc<Metrics>,
    outage: Outage,
    /// The receiver's, as far as it was told since the start.
    failing: Outage,
    unsure: Seldom,
}

impl Deliverer {
    /// Delivers until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut mine = None;
        while !stop.is_cancelled() {
            let Some(again) = self.work(&mut mine, &stop).await else { continue };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.wake.raised() => {}
                () = self.clock.sleep_until(again) => {}
            }
        }
    }

    /// Works under one claim for as long as it lasts; when to claim the next one, if not at once.
    async fn work(&self, mine: &mut Option<Uuid>, stop: &CancellationToken) -> Option<DateTime<Utc>> {
        let claimed = self.store.claim_sink(&self.name, *mine, self.clock.now(), run::LEASE).await;
        let ended = match claimed {
            Ok(Some(claim)) => {
                *mine = Some(claim.lease);
                Run::new(self, claim).work(stop).await
            }
            Ok(None) => Ok(Ended::Disabled),
            Err(error) => Err(error),
        };
        match ended {
            Ok(Ended::Stopped | Ended::Lost) => None,
            Ok(Ended::Disabled) => Some(tasks::pause(&self.clock, None)),
            Ok(Ended::Broken) => {
                tracing::error!(sink = %self.name, "A request broke off unexpectedly; what it carried goes again");
                Some(self.clock.now() + STORE_RETRY)
            }
            Err(error) => {
                if self.outage.begins() {
                    tracing::warn!(sink = %self.name, %error, "Cannot deliver; trying again until the store works");
                }
                Some(self.clock.now() + STORE_RETRY)
            }
        }
    }

    /// The filter said nothing of so many events, which are sent.
    fn doubt(&self, events: u64, why: Option<&str>) {
        let Some(why) = why else { return };
        self.metrics.sunk(&self.name, "filter_failed", events);
        if self.unsure.lets_through(self.clock.now()) {
            tracing::warn!(
                sink = %self.name, events, why,
                "The filter cannot be evaluated for some events, which are sent: `sinks test {} --since 1h` shows them",
                self.name
            );
        }
    }
}
