//! How far those are who read the log.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Labels, Snapshot, labels};

/// Gauges of named consumers.
#[derive(Default)]
pub(super) struct Downstream {
    consumer_lag: Family<Labels, Gauge>,
}

impl Downstream {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let downstream = Self::default();
        registry.register(
            "consumer_lag_events",
            "Events in the log that a named consumer has not committed yet",
            downstream.consumer_lag.clone(),
        );
        downstream
    }

    pub(super) fn observe(&self, snapshot: &Snapshot) {
        // A consumer that was removed must not keep its gauge.
        self.consumer_lag.clear();
        for (name, lag) in &snapshot.consumers {
            let gauge = self.consumer_lag.get_or_create_owned(&labels(&[("consumer", name.as_str())]));
            gauge.set(i64::try_from(*lag).unwrap_or(i64::MAX));
        }
    }
}
