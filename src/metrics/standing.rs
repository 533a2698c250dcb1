//! How the listener itself stands: with its disk, and with Microsoft.

use std::sync::atomic::Ordering;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Labels, Seconds, Snapshot, labels};

/// Gauges of store and endpoint.
#[derive(Default)]
pub(super) struct OwnStanding {
    store_writable: Gauge,
    store_failures: Counter,
    endpoint_answers: Gauge,
    endpoint_slow_ratio: Family<Labels, Seconds>,
    gates_closed: Family<Labels, Gauge>,
    credential_expires: Family<Labels, Seconds>,
}

impl OwnStanding {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let standing = Self::default();
        registry.register(
            "store_writable",
            "1 while the store can be written to, else 0",
            standing.store_writable.clone(),
        );
        registry.register(
            "store_failures",
            "Commits that failed: a full disk, a lock, a disk that fails",
            standing.store_failures.clone(),
        );
        registry.register(
            "endpoint_answers",
            "Answers to handshakes and notifications in the last ten minutes",
            standing.endpoint_answers.clone(),
        );
        registry.register(
            "endpoint_slow_ratio",
            "Share of those answers that took longer than this, from 0 to 1",
            standing.endpoint_slow_ratio.clone(),
        );
        registry.register(
            "gates_closed",
            "Tenants, mailboxes and subscription calls that wait because Office 365 said so",
            standing.gates_closed.clone(),
        );
        registry.register(
            "credential_expires_seconds",
            "Time until a client secret or the encryption certificate ends, as far as that is known",
            standing.credential_expires.clone(),
        );
        standing
    }

    pub(super) fn observe(&self, snapshot: &Snapshot) {
        self.store_writable.set(i64::from(snapshot.store_writable));
        // The store counts by itself, since it knows nothing of metrics.
        self.store_failures.inner().store(snapshot.store_failures, Ordering::Relaxed);
        // What is open again, or no longer configured, must not keep its gauge.
        self.gates_closed.clear();
        for (tenant, area) in &snapshot.closed_gates {
            let labels = labels(&[("tenant", tenant.as_str()), ("area", area)]);
            self.gates_closed.get_or_create_owned(&labels).inc();
        }
        self.credential_expires.clear();
        for (tenant, kind, left) in &snapshot.credentials {
            let labels = labels(&[("tenant", tenant), ("kind", kind)]);
            self.credential_expires.get_or_create_owned(&labels).set(*left);
        }
        self.endpoint_answers.set(i64::try_from(snapshot.endpoint.answers).unwrap_or(i64::MAX));
        for (over, share) in [("3s", snapshot.endpoint.over_3s), ("10s", snapshot.endpoint.over_10s)] {
            self.endpoint_slow_ratio.get_or_create_owned(&labels(&[("over", over)])).set(share);
        }
    }
}
