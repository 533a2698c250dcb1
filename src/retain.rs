//! Housekeeping: what is older than the retention goes, in short steps, since acknowledgements share the writer.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::store::{Store, Swept};
use crate::tasks::{Outage, Task};

/// Rows of each kind in one transaction: a few milliseconds of the writer. Where rows are large, the store takes fewer.
const CHUNK: usize = 500;

/// Deletes what is too old.
pub struct Retainer {
    store: Arc<dyn Store>,
    clock: Clock,
    retention: Duration,
    outage: Outage,
}

impl Retainer {
    /// Keeps events and tombstones for `retention`.
    pub fn new(store: Arc<dyn Store>, clock: Clock, retention: Duration) -> Self {
        Self { store, clock, retention, outage: Outage::default() }
    }
}

#[async_trait]
impl Task for Retainer {
    async fn work_off(&self, stop: &CancellationToken) -> Option<DateTime<Utc>> {
        let before = self.clock.now() - self.retention;
        let mut total = Swept { more: true, ..Swept::default() };
        while total.more && !stop.is_cancelled() {
            match self.store.sweep_out(before, CHUNK).await {
                Ok(swept) => {
                    if self.outage.ends() {
                        tracing::info!("What is older than the retention is deleted again");
                    }
                    total.events += swept.events;
                    total.rows += swept.rows;
                    total.more = swept.more;
                }
                Err(error) => {
                    if self.outage.begins() {
                        tracing::warn!(%error, "Cannot delete what is older than the retention; trying again until it works");
                    }
                    return None;
                }
            }
        }
        if total.events > 0 {
            tracing::info!(events = total.events, "Deleted events that are older than the retention");
        }
        None
    }
}
