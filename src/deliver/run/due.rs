//! The stored deliveries that are due.

use std::collections::{HashSet, VecDeque};

use chrono::{DateTime, Utc};

use super::Run;
use crate::model::Delivery;
use crate::sinks::Manner;
use crate::store::StoreError;

/// Deliveries found in one look, at most.
const FOUND: usize = 32;

/// What is known of them. One that was taken is not found again before what came of it is written.
#[derive(Debug)]
pub(super) struct Due {
    found: VecDeque<Delivery>,
    taken: HashSet<i64>,
    /// Requests with stored deliveries under way.
    flying: usize,
    next: Option<DateTime<Utc>>,
    look: bool,
}

impl Default for Due {
    fn default() -> Self {
        Self { found: VecDeque::new(), taken: HashSet::new(), flying: 0, next: None, look: true }
    }
}

impl Due {
    /// Something may have become due.
    pub fn look_again(&mut self) {
        self.look = true;
    }

    /// When the next one is due, unless some that were found are still to go.
    pub fn next(&self) -> Option<DateTime<Utc>> {
        self.next.filter(|_| self.found.is_empty())
    }

    /// Whether one may go: they take half of the places at most, so that what is new does not wait behind them.
    pub fn may_go(&self, manner: Manner) -> bool {
        !self.found.is_empty() && self.flying < manner.at_once.div_ceil(2)
    }

    /// Takes what goes next, together as far as they may. What has failed twice goes alone, so that one that cannot be
    /// taken does not have the others refused with it; unless what is sent tells of many in any case.
    pub fn take(&mut self, manner: Manner) -> Option<Vec<Delivery>> {
        if !self.may_go(manner) {
            return None;
        }
        let mut taken = vec![self.found.pop_front()?];
        let alone = |delivery: &Delivery| delivery.round > 1 && !manner.joined;
        while taken.len() < manner.batch && !taken.iter().any(alone) {
            if self.found.front().is_none_or(alone) {
                break;
            }
            taken.extend(self.found.pop_front());
        }
        self.flying += 1;
        Some(taken)
    }

    /// A request with some has ended.
    pub fn landed(&mut self) {
        self.flying = self.flying.saturating_sub(1);
    }

    /// Nothing came of this one, or it is written: it may be found again.
    pub fn written(&mut self, keys: &[i64]) {
        for key in keys {
            self.taken.remove(key);
        }
    }
}

impl Run<'_> {
    /// Looks for deliveries that are due, if there may be some.
    pub(super) async fn look_for_due(&mut self) -> Result<(), StoreError> {
        let now = self.of.clock.now();
        let due = &mut self.due;
        if !due.found.is_empty() || !(due.look || due.next.is_some_and(|next| next <= now)) {
            return Ok(());
        }
        let limit = FOUND.max(self.manner.batch) + due.taken.len();
        let (found, next) = self.of.store.due_deliveries(&self.claim, now, limit).await?;
        due.next = next;
        due.look = found.len() >= limit;
        for delivery in found {
            if due.taken.insert(delivery.key) {
                due.found.push_back(delivery);
            }
        }
        Ok(())
    }
}
