//! The second loop: keeps what Office 365 holds in step with what is wished.
//!
//! Guarantees: a wish that is stored is created at Office 365 sooner or later, renewed before it ends, made anew
//! when it has vanished, and removed there when it is no longer wished; a remote subscription is made only while
//! the notification port listens. The plan is pure (`plan`); applying it is dumb (`settle` for one subscription, `apply`
//! for all that configuration, store and Office 365 differ in). Due work goes tenant by tenant (`due`), so that
//! one that is dead delays no other; renewals of one go together, in a lane of their own, so that creations do not delay
//! them. What has vanished without a word is found by `reconcile`.
//!
//! Races and what is decided on them:
//! * a notification arrives before the create call has returned: its `client_state` is derived, so it is
//!   recognised and waits in the inbox;
//! * the create call's answer is lost: the wish stays `creating`; the next attempt meets a 409, and what is ours is
//!   deleted and made again, since only then its `client_state` is known for certain; but the one that was held last is
//!   taken over, if it is that which lives on;
//! * a batch is accepted and one renewal in it is refused, or left out of the answer: each has its own outcome;
//! * two at one subscription: each step holds a lease;
//! * a lifecycle event asks for a renewal that is under way, or was made within ten minutes: it is dropped, since
//!   what is renewed is authorized anew; while renewing fails, it does not shorten the wait;
//! * a lifecycle event tells of a removal again and again, each time of the newest one: it is made anew at growing
//!   pauses (`anew`).

mod add;
mod anew;
mod apply;
mod certificate;
mod create;
mod due;
mod keyring;
mod lifetimes;
mod plan;
mod prolong;
mod reconcile;
mod remove;
mod settle;
mod switch;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore};
use url::Url;

pub use crate::office365::{Failure, Verdict};
pub use add::AddError;
pub use apply::{Applied, Outcome};
pub use certificate::CertificateError;
pub use keyring::{Keyring, KeyringError};
pub use plan::{Action, Known, Lists, Look, Measure, NotListed, Plan, differences, missing, too_late, whole};
pub use reconcile::Reconciler;
pub use remove::Removal;
pub use settle::Renewed;

use anew::Anew;

use crate::clock::Clock;
use crate::config;
use crate::metrics::Metrics;
use crate::office365::Office365;
use crate::seal::ClientStates;
use crate::store::Store;
use crate::tasks::{Outage, Signal};

/// How long a claim holds: [`BEGIN`] and [`STEP`], so that no step outlives it.
const LEASE: Duration = Duration::from_secs(460);

/// How long after its claim a step may begin. What has its turn later is given back.
const BEGIN: Duration = Duration::from_secs(160);

/// How long a step may take: creating waits for two handshakes and may be tried a second time after a 409.
const STEP: Duration = Duration::from_secs(300);

/// How long renewals that are asked for together may take: less than [`BEGIN`], since what follows from the answers are
/// steps.
const BATCH: Duration = Duration::from_secs(100);

/// Subscriptions of one tenant that are claimed together: as many renewals as Graph takes in one request.
const GROUP: usize = 20;

/// Plans that are made at once: what is asked for goes on although the caller has left.
const PLANS: usize = 4;

/// Steps of one tenant and lane at once, where they are not asked for together.
const STEPS: usize = 4;

/// Tenants at once in each lane. Far more than are ever slow at the same time, so that these keep nobody waiting.
const TENANTS: usize = 32;

/// What a tenant gets for each renewal of a batch before the next batch: 400 in 20 s, where Office 365 takes 500.
const BETWEEN_RENEWALS: Duration = Duration::from_millis(50);

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
    planning: Arc<Semaphore>,
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
            planning: Arc::new(Semaphore::new(PLANS)),
        }
    }
}
