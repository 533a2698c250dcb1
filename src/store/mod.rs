//! The only SQL. Its traits' methods are whole steps of the work, each one transaction, so that neither caller
//! nor reader has to know which database stands behind them.
//!
//! What every backend guarantees:
//! * what a method returned `Ok` for is durable;
//! * a reader that has seen event N never meets a smaller one later;
//! * work is claimed in one conditional update, and a claim that was lost (its lease ran out, another round
//!   moved the link) can no longer change anything;
//! * "not found" is `Ok(None)`; a row that cannot be understood is an error that names table, column and row.

mod error;
mod inbox;
mod keep;
mod log;
mod registry;
mod renewals;
mod rounds;

pub use error::StoreError;
pub use inbox::{Inbox, InboxDepth, Receipt};
pub use keep::{Keep, Swept};
pub use log::{All, EventFilter, EventPage, Log, LogBounds, ReadError};
pub use registry::{NewSubscription, Registered, Registry};
pub use renewals::Renewals;
pub use rounds::{Cause, Claim, Committed, Known, Link, MirrorRow, PageCommit, Progress, RoundEnd, Rounds};

/// Everything a backend offers.
pub trait Store: Inbox + Registry + Renewals + Rounds + Log + Keep {}

impl<T: Inbox + Registry + Renewals + Rounds + Log + Keep> Store for T {}
