//! What goes to the sinks.

use std::time::Duration;

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
    failing: Family<Labels, Gauge>,
    disabled: Family<Labels, Gauge>,
}

/// How a sink stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkStands {
    /// Its name.
    pub name: Name,
    /// How many events it has still to get, at most.
    pub lag: u64,
    /// For how long it has taken no events; zero where it does.
    pub failing_for: Duration,
    /// It is switched off, or nothing can be sent to it.
    pub disabled: bool,
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
        registry.register(
            "sink_failing_seconds",
            "For how long a sink has taken no events though there were some; 0 where it takes them",
            sinks.failing.clone(),
        );
        registry.register(
            "sink_disabled",
            "1: the sink is switched off, or nothing can be sent to it",
            sinks.disabled.clone(),
        );
        sinks
    }

    pub(super) fn sent(&self, sink: &Name, result: &'static str, events: u64) {
        let labels = labels(&[("sink", sink.as_str()), ("result", result)]);
        self.events.get_or_create_owned(&labels).inc_by(events);
    }

    pub(super) fn observe(&self, sinks: &[SinkStands]) {
        // A sink that is gone must not keep its gauges.
        for gauges in [&self.lag, &self.failing, &self.disabled] {
            gauges.clear();
        }
        for SinkStands { name, lag, failing_for, disabled } in sinks {
            let labels = labels(&[("sink", name.as_str())]);
            let set = |gauges: &Family<Labels, Gauge>, value: u64| {
                gauges.get_or_create_owned(&labels).set(i64::try_from(value).unwrap_or(i64::MAX));
            };
            set(&self.lag, *lag);
            set(&self.failing, failing_for.as_secs());
            set(&self.disabled, u64::from(*disabled));
        }
    }
}
