use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Claim, Committed, Link, StoreError};
use crate::model::{ItemId, Properties, SubscriptionId};

/// Reading everything anew: after a delta cursor died, or because somebody asked for it. The mirror stays, and gets a
/// new generation; pages are committed as ever; what the mirror has and no page shows is told as deleted at the end.
#[async_trait]
pub trait Resyncs: Send + Sync {
    /// The cursor is dead: the round goes on at `restart`, or at the beginning. Prolongs the lease.
    async fn begin_resync(
        &self,
        claim: &Claim,
        restart: Option<Link>,
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<Committed, StoreError>;

    /// Somebody asks for it: a round from the beginning is due, and one that is under way is lost.
    async fn ask_resync(&self, id: SubscriptionId, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// Up to `limit` items, in an order that stays the same and beyond `after`, that the mirror has and the resync of this claim
    /// has not seen.
    async fn unseen(
        &self,
        claim: &Claim,
        after: Option<ItemId>,
        limit: usize,
    ) -> Result<Vec<(ItemId, Properties)>, StoreError>;
}

/// How far a resync has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Resync {
    /// None is under way.
    #[default]
    None,
    /// Everything is read.
    Reading,
    /// Everything was read; what was not seen is told.
    Telling,
}
