use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::model::{Hint, SubscriptionId};

/// The durable record of hints that are not yet worked off.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Stores hints durably, all or none; one receipt for each, in order.
    ///
    /// A plain hint is not stored again while another one of its subscription is durable and not yet claimed: the
    /// round to come begins after both ([`Receipt::Elided`]).
    ///
    /// The content that came with a hint is stored with it, and waits for [`Contents`](super::Contents). Of one
    /// subscription only so many wait ([`Receipt::Bare`]): while it is paused, or fails, nobody works them off.
    ///
    /// A hint for a subscription that is not (or no longer) followed is not stored: `Receipt::Unknown`.
    /// The lifecycle event `subscriptionRemoved` also marks the remote subscription as lost if the hint names
    /// the one that is held now, and `reauthorizationRequired` makes its renewal due at once unless it was
    /// made or renewed within the last ten minutes; so that the renewal loop sees it even after a crash; while renewing
    /// fails, the time of its next attempt stays as it is. Ids are compared ignoring case. A request does not wait for the time of the next attempt after a failure.
    async fn append(&self, hints: Vec<Hint>) -> Result<Vec<Receipt>, StoreError>;

    /// Whether the hint with this number still waits.
    async fn waits(&self, subscription: SubscriptionId, number: i64) -> Result<bool, StoreError>;

    /// How much waits.
    async fn depth(&self) -> Result<InboxDepth, StoreError>;
}

/// What became of a hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// It is stored, under this number.
    Stored(i64),
    /// The same, but without the content that came with it: too many of its subscription wait.
    Bare(i64),
    /// One like it is durable and waits to be claimed; it serves both.
    Elided,
    /// Nobody follows that.
    Unknown,
}

/// How much waits in the inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InboxDepth {
    /// Number of hints.
    pub pending: u64,
    /// When the oldest arrived.
    pub oldest_at: Option<DateTime<Utc>>,
}
