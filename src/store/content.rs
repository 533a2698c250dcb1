use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Claim, Committed, MirrorRow, StoreError};
use crate::model::{CertificateId, ItemId, Name, NewEvent, SealedContent, SubscriptionId};

/// The encrypted content of notifications, stored together with their hints ([`Inbox::append`](super::Inbox::append))
/// and worked off under the same claim as a round.
#[async_trait]
pub trait Contents: Send + Sync {
    /// What waits of a subscription, in the order of its arrival, at most `limit`.
    async fn contents(&self, id: SubscriptionId, limit: usize) -> Result<Vec<StoredContent>, StoreError>;

    /// Works contents off in one transaction, on condition that the claim still holds and its link has not moved:
    /// writes events and mirror rows as [`commit_page`](super::Rounds::commit_page) does, deletes what is done, moves
    /// what cannot be used to the quarantine, and prolongs the lease. Hints stay, and so does the link.
    async fn commit_contents(&self, commit: ContentCommit) -> Result<Committed, StoreError>;

    /// What was put aside, the latest first, of one subscription or of all, at most `limit`.
    async fn quarantined(
        &self,
        subscription: Option<&Name>,
        limit: usize,
    ) -> Result<Vec<Quarantined>, StoreError>;
}

/// A content that waits.
#[derive(Debug, Clone)]
pub struct StoredContent {
    /// What arrived.
    pub content: SealedContent,
    /// When.
    pub received_at: DateTime<Utc>,
}

/// Contents to be worked off.
#[derive(Debug)]
pub struct ContentCommit {
    /// The claim.
    pub claim: Claim,
    /// Events, in order.
    pub events: Vec<NewEvent>,
    /// Mirror rows to write over what is there, in order.
    pub rows: Vec<MirrorRow>,
    /// Those that are done.
    pub done: Vec<Uuid>,
    /// Those that cannot be used.
    pub aside: Vec<Aside>,
    /// What the contents were encrypted with.
    pub certificates: Vec<CertificateId>,
    /// Now.
    pub now: DateTime<Utc>,
    /// How long the claim holds from now on.
    pub lease: Duration,
}

/// A content that cannot be used.
#[derive(Debug, Clone)]
pub struct Aside {
    /// The content.
    pub id: Uuid,
    /// Why, in a word.
    pub reason: &'static str,
    /// What it means and what can be done about it.
    pub explanation: String,
}

/// A content, or an item of a page, that was put aside, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Its id.
    pub id: Uuid,
    /// The tenant it came from.
    pub tenant: Name,
    /// The subscription it came through.
    pub subscription: Name,
    /// Why, in a word.
    pub reason: String,
    /// What it means and what can be done about it.
    pub explanation: String,
    /// The item, where it is one of a page and its id can be read.
    pub item: Option<ItemId>,
    /// The link of that page; none for a content, and for the first page of all.
    pub cursor: Option<String>,
    /// When it arrived.
    pub received_at: DateTime<Utc>,
    /// When it was looked at.
    pub quarantined_at: DateTime<Utc>,
}
