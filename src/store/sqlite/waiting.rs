//! Which subscriptions need no further hint.
//!
//! A plain hint says "look again" and nothing else. While one is durable and no round has claimed it, another adds
//! nothing: the round to come begins after both. So it can be acknowledged without being written.
//!
//! The order that this rests on:
//! * a subscription is noted as waiting only *after* the commit that made its hint durable; a commit that failed
//!   notes nothing;
//! * it is noted as claimed after the commit of the claim, and *before* whoever claimed is told, thus before the
//!   first request of the round. So a hint that saw it waiting arrived before that request, and what it announces is
//!   covered;
//! * within a batch the order of the steps counts: a hint behind a claim waits again.
//!
//! Forgetting a subscription that waits is always right and costs a row; noting one that does not would lose a
//! change. At start nothing is noted.

use super::sync::{Map, Set};
use crate::model::SubscriptionId;

/// The subscriptions of which a plain hint is durable and not claimed. One that is idle takes no room.
#[derive(Default)]
pub(super) struct Waiting(Set<SubscriptionId>);

/// What a batch of steps changes, which holds once it is committed.
pub(super) struct Batch<'a> {
    before: &'a Waiting,
    changed: Map<SubscriptionId, bool>,
}

impl Waiting {
    /// Whether another plain hint of this subscription adds nothing.
    pub(super) fn has(&self, subscription: SubscriptionId) -> bool {
        self.0.contains(&subscription)
    }

    /// Begins a batch; there is one at a time.
    pub(super) fn batch(&self) -> Batch<'_> {
        Batch { before: self, changed: Map::default() }
    }
}

impl Batch<'_> {
    /// Whether, at this place of the batch, another plain hint would add nothing once the batch is committed.
    pub(super) fn has(&self, subscription: SubscriptionId) -> bool {
        self.changed.get(&subscription).copied().unwrap_or_else(|| self.before.has(subscription))
    }

    /// A hint of this subscription was written.
    pub(super) fn hinted(&mut self, subscription: SubscriptionId) {
        self.changed.insert(subscription, true);
    }

    /// The hints of this subscription were claimed or deleted.
    pub(super) fn claimed(&mut self, subscription: SubscriptionId) {
        self.changed.insert(subscription, false);
    }

    /// The batch is durable. To be called before anybody is told.
    pub(super) fn committed(self) {
        for (subscription, waits) in self.changed {
            if waits {
                self.before.0.insert(subscription);
            } else {
                self.before.0.remove(&subscription);
            }
        }
    }
}
