//! The only SQL. Its traits' methods are whole steps of the work, each one transaction, so that neither caller
//! nor reader has to know which database stands behind them.
//!
//! What every backend guarantees:
//! * what a method returned `Ok` for is durable;
//! * a reader that has seen event N never meets a smaller one later;
//! * work is claimed in one conditional update, and a claim that was lost (its lease ran out, another round
//!   moved the link) can no longer change anything;
//! * "not found" is `Ok(None)`; a row that cannot be understood is an error that names table, column and row.

mod certificates;
mod connections;
mod consumers;
mod content;
mod deliveries;
mod error;
mod gates;
mod inbox;
mod keep;
mod lifetimes;
mod log;
mod mailboxes;
mod overviews;
mod pauses;
mod registry;
mod renewals;
mod resyncs;
mod rounds;
mod sign_ins;
mod sqlite;
mod sweeps;

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};

pub use certificates::{Certificates, StoredCertificate};
pub use connections::{Begun, Connected, Connections, Invite, Invited, TokenHash, Visit};
pub use consumers::{Commit, Consumers};
pub use content::{Aside, ContentCommit, Contents, Quarantined, StoredContent};
pub use deliveries::{Attempted, Deliveries, Fate, NewDelivery, Settled, Settlement, SinkClaim, Streak};
pub use error::StoreError;
pub use gates::{ClosedGates, StoredGate};
pub use inbox::{Inbox, InboxDepth, Receipt};
pub use keep::{Keep, StoreHealth, Swept};
pub use lifetimes::{Lesson, LifeOf, Lifetimes};
pub use log::{All, EventFilter, EventPage, Log, LogBounds, ReadError};
pub use mailboxes::{Folder, HeldIn, Mailboxes, Members, Step, StepCommit, Survey};
pub use overviews::{Brought, Overviews};
pub use pauses::Pauses;
pub use registry::{NewSubscription, NewWish, Registered, Registry, Rewished, Switch};
pub use renewals::{Holding, Lane, Renewals, Sight, Sighting};
pub use resyncs::{Resync, Resyncs};
pub use rounds::{
    Cause, Claim, Committed, Former, Known, Link, MirrorRow, PageCommit, Progress, RoundEnd, Rounds,
};
pub use sign_ins::SignIns;
pub use sweeps::Sweeps;

/// Everything a backend offers.
pub trait Store:
    Inbox
    + Contents
    + Certificates
    + Registry
    + Overviews
    + Renewals
    + Lifetimes
    + Rounds
    + Resyncs
    + Sweeps
    + Mailboxes
    + Log
    + Keep
    + ClosedGates
    + SignIns
    + Consumers
    + Pauses
    + Deliveries
    + Connections
{
}

impl<T> Store for T where
    T: Inbox
        + Contents
        + Certificates
        + Registry
        + Overviews
        + Renewals
        + Lifetimes
        + Rounds
        + Resyncs
        + Sweeps
        + Mailboxes
        + Log
        + Keep
        + ClosedGates
        + SignIns
        + Consumers
        + Pauses
        + Deliveries
        + Connections
{
}

/// Opens the store that `url` names, and makes it if there is none.
///
/// `now` dates what is made. The answer is shared by all rooms; [`Keep::close`] ends it for all of them.
pub async fn open(url: &str, now: DateTime<Utc>) -> Result<Arc<dyn Store>, StoreError> {
    open_to(Purpose::Work, url, now).await
}

/// Opens the one that `url` names to look at it, and changes nothing that is in it.
///
/// # Errors
/// As [`open`], and [`StoreError::Older`] where it would have to be brought to this version's schema first.
pub async fn open_as_it_is(url: &str, now: DateTime<Utc>) -> Result<Arc<dyn Store>, StoreError> {
    open_to(Purpose::Look, url, now).await
}

/// What it is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To work with it.
    Work,
    /// To look at it.
    Look,
}

async fn open_to(purpose: Purpose, url: &str, now: DateTime<Utc>) -> Result<Arc<dyn Store>, StoreError> {
    match file_of(url) {
        Some(path) => Ok(Arc::new(sqlite::SqliteStore::open(path, purpose, now).await?)),
        None => Err(StoreError::Unsupported),
    }
}

/// The file that `url` names, if it names one.
pub fn file_of(url: &str) -> Option<&Path> {
    let (kind, path) = url.split_once(':')?;
    (kind == "sqlite" && !path.is_empty()).then(|| Path::new(path))
}
