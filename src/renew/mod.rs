//! The second loop: keeps what Office 365 holds in step with what is wished.
//!
//! Guarantees: a wish that is stored is created at Office 365 sooner or later, renewed before it ends, made anew
//! when it has vanished, and removed there when it is no longer wished; a remote subscription is made only while
//! the notification port listens. The plan is pure (`plan`); applying it is dumb (`settle` for one subscription, `apply`
//! for all that configuration, store and Office 365 differ in). What has vanished without a word is found by `reconcile`.
//!
//! Races and what is decided on them:
//! * a notification arrives before the create call has returned: its `client_state` is derived, so it is
//!   recognised and waits in the inbox;
//! * the create call's answer is lost: the wish stays `creating`; the next attempt meets a 409, and what is ours is
//!   deleted and made again, since only then its `client_state` is known for certain;
//! * two at one subscription: each step holds a lease;
//! * a lifecycle event asks for a renewal that is under way, or was made within ten minutes: it is dropped, since
//!   what is renewed is authorized anew; while renewing fails, it does not shorten the wait;
//! * a lifecycle event tells of a removal again and again, each time of the newest one: it is made anew at growing
//!   pauses (`anew`).

mod add;
mod anew;
mod apply;
mod certificate;
mod keyring;
mod plan;
mod reconcile;
mod remove;
mod settle;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

pub use crate::office365::{Failure, Verdict};
pub use add::AddError;
pub use apply::{Applied, Outcome};
pub use certificate::CertificateError;
pub use keyring::{Keyring, KeyringError};
pub use plan::{Action, Measure, NotListed, Plan, differences, missing};
pub use reconcile::Reconciler;
pub use remove::Removal;
pub use settle::Renewed;

use anew::Anew;

use crate::clock::Clock;
use crate::config;
use crate::metrics::Metrics;
use crate::office365::Office365;
use crate::seal::ClientStates;
use crate::store::{Store, StoreError};
use crate::tasks::{Outage, STORE_RETRY, Signal, Task};

/// How long a claim holds: longer than its step may take.
const LEASE: Duration = Duration::from_secs(360);

/// How long a step may take: creating waits for two handshakes and may be tried a second time after a 409.
const STEP: Duration = Duration::from_secs(300);

/// Subscriptions worked on at once; Graph allows many more writes per second.
const CONCURRENCY: usize = 4;

/// Keeps remote subscriptions. Cheap to clone.
#[derive(Clone)]
pub struct Renewer {
    store: Arc<dyn Store>,
    office365: Arc<Office365>,
    clock: Clock,
    metrics: Arc<Metrics>,
    settings: config::Renewal,
    client_states: ClientStates,
    keyring: Arc<Keyring>,
    notification_url: Url,
    lifecycle_url: Url,
    wake: Signal,
    fetch: Signal,
    outage: Outage,
    anew: Arc<Anew>,
    applying: Arc<Mutex<()>>,
}

/// What a [`Renewer`] is made of.
pub struct Parts {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The way to Office 365.
    pub office365: Arc<Office365>,
    /// Time.
    pub clock: Clock,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// `[renewal]`
    pub settings: config::Renewal,
    /// Makes `client_state`s.
    pub client_states: ClientStates,
    /// The certificates that content is encrypted with.
    pub keyring: Arc<Keyring>,
    /// Where Office 365 sends notifications.
    pub notification_url: Url,
    /// Where Office 365 sends lifecycle notifications.
    pub lifecycle_url: Url,
    /// Raised by whoever gives the loop something to do.
    pub wake: Signal,
    /// Raised when there is something to fetch.
    pub fetch: Signal,
}

impl Renewer {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        let Parts { store, office365, clock, metrics, settings, client_states, .. } = parts;
        let Parts { keyring, notification_url, lifecycle_url, wake, fetch, .. } = parts;
        Self {
            store,
            office365,
            clock,
            metrics,
            settings,
            client_states,
            keyring,
            notification_url,
            lifecycle_url,
            wake,
            fetch,
            outage: Outage::default(),
            anew: Arc::default(),
            applying: Arc::default(),
        }
    }

    /// Takes one step of up to [`CONCURRENCY`] subscriptions that are due; whether there were any.
    async fn settle_some(&self) -> Result<bool, StoreError> {
        let due = self.store.claim_due(self.clock.now(), LEASE, CONCURRENCY).await?;
        let any = !due.is_empty();
        let mut steps = JoinSet::new();
        for subscription in due {
            let renewer = self.clone();
            steps.spawn(async move { renewer.settle(subscription).await });
        }
        while let Some(step) = steps.join_next().await {
            if let Err(error) = step {
                tracing::error!(%error, "A step ended unexpectedly; its claim runs out by itself");
            }
        }
        Ok(any)
    }
}

#[async_trait]
impl Task for Renewer {
    /// Takes the next step of every subscription that is due.
    async fn work_off(&self, stop: &CancellationToken) -> Option<DateTime<Utc>> {
        if let Err(error) = self.keyring.retire().await {
            tracing::warn!(%error, "Cannot look for certificates that nothing uses any more");
        }
        while !stop.is_cancelled() {
            match self.settle_some().await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    if self.outage.begins() {
                        tracing::warn!(%error, "Cannot look for subscriptions that are due; trying again until it works");
                    }
                    return Some(self.clock.now() + STORE_RETRY);
                }
            }
        }
        if self.outage.ends() {
            tracing::info!("Subscriptions that are due are found again");
        }
        self.store.next_due().await.ok().flatten()
    }
}
