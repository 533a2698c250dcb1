//! What goes to the sinks.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Labels, labels};
use crate::model::Name;

#[derive(Default)]
pub(super) struct Sinks {
    events: Family<Labels, Counter>,
    lag: Family<Labels, Gauge>,
}

impl Sinks {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let sinks = Self::default();
        registry.register(
            "sink_events",
            "Events sent to a sink, repetitions included, by what came of it; dead and lost: given up, and deleted before",
            sinks.events.clone(),
        );
        registry.register(
            "sink_lag_events",
            "Events that a sink has still to get, wanted or not",
            sinks.lag.clone(),
        );
        sinks
    }

    pub(super) fn sent(&self, sink: &Name, result: &'static str, events: u64) {
        let labels = labels(&[("sink", sink.as_str()), ("result", result)]);
        self.events.get_or_create_owned(&labels).inc_by(events);
    }

    pub(super) fn observe(&self, lags: &[(Name, u64)]) {
        // A sink that is gone must not keep its gauge.
        self.lag.clear();
        for (sink, lag) in lags {
            let gauge = self.lag.get_or_create_owned(&labels(&[("sink", sink.as_str())]));
            gauge.set(i64::try_from(*lag).unwrap_or(i64::MAX));
        }
    }
}
