//! What is followed and what waits: gauges that the store is asked for at each scrape.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;

use super::{Labels, Seconds, Snapshot, labels};
use crate::model::Name;

/// Gauges of inbox and subscriptions.
#[derive(Default)]
pub(super) struct Followed {
    inbox_pending: Gauge,
    inbox_oldest_age: Seconds,
    subscriptions: Family<Labels, Gauge>,
    ends: Arc<Ends>,
}

/// When each remote subscription ends, for as long as it takes to write that down: one that is removed has no gauge any
/// more, and a hundred thousand of them are not kept beside the store.
#[derive(Debug, Default)]
struct Ends(Mutex<Vec<(Name, f64)>>);

impl Ends {
    fn replace(&self, with: Vec<(Name, f64)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = with;
    }
}

impl Collector for Ends {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ends.is_empty() {
            return Ok(());
        }
        let mut family = encoder.encode_descriptor(
            "subscription_expires_seconds",
            "Time until the remote subscription ends.",
            None,
            MetricType::Gauge,
        )?;
        for (name, left) in &*ends {
            let labels = [("subscription", name.as_str())];
            ConstGauge::new(*left).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

impl Followed {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let followed = Self::default();
        registry.register("inbox_pending", "Hints not yet worked off", followed.inbox_pending.clone());
        registry.register(
            "inbox_oldest_age_seconds",
            "Age of the oldest hint not yet worked off",
            followed.inbox_oldest_age.clone(),
        );
        registry.register("subscriptions", "Subscriptions in each state", followed.subscriptions.clone());
        registry.register_collector(Box::new(Arc::clone(&followed.ends)));
        followed
    }

    pub(super) fn observe(&self, snapshot: &mut Snapshot) {
        self.inbox_pending.set(i64::try_from(snapshot.inbox_pending).unwrap_or(i64::MAX));
        self.inbox_oldest_age.set(snapshot.inbox_oldest_age.as_secs_f64());
        for (state, number) in &snapshot.subscriptions {
            let gauge = self.subscriptions.get_or_create_owned(&labels(&[("state", state.as_str())]));
            gauge.set(i64::try_from(*number).unwrap_or(i64::MAX));
        }
        self.ends.replace(std::mem::take(&mut snapshot.expires));
    }

    /// What was observed is written down.
    pub(super) fn written(&self) {
        self.ends.replace(Vec::new());
    }
}
