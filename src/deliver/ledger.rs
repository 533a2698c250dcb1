//! What is to be written down with the next settlement.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::window::Portion;
use crate::model::{Attempt, Cursor};
use crate::store::{Attempted, Settlement, SinkClaim};

#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// What came of stored deliveries.
    pub attempted: Vec<Attempted>,
    /// How many of them went.
    pub delivered: u64,
    /// Events that the retention took before they were read.
    pub lost: u64,
    /// The last attempt, if it failed.
    pub failure: Option<Attempt>,
    /// The receiver is well again; since when it had not been.
    pub well_since: Option<DateTime<Utc>>,
}

impl Ledger {
    pub fn is_empty(&self) -> bool {
        self.attempted.is_empty()
            && self.delivered == 0
            && self.lost == 0
            && self.failure.is_none()
            && self.well_since.is_none()
    }

    /// Takes everything out, together with what the window has.
    pub fn settle(
        &mut self,
        claim: &SinkClaim,
        (portion, position): (Option<Portion>, Cursor),
        disable: Option<String>,
        (now, lease): (DateTime<Utc>, Duration),
    ) -> Settlement {
        let Self { attempted, delivered, lost, failure, well_since } = std::mem::take(self);
        let portion = portion.unwrap_or(Portion { position, ..Portion::default() });
        Settlement {
            // What is held is the window's business by now.
            claim: SinkClaim { held: Vec::new(), ..claim.clone() },
            position: portion.position,
            delivered: delivered + u64::try_from(portion.gone.len()).unwrap_or_default(),
            gone: portion.gone,
            lost,
            stored: portion.stored,
            attempted,
            failure,
            well_since,
            disable,
            now,
            lease,
        }
    }
}
