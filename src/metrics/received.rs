//! What the notification port takes in.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Answers to notifications: from well under a commit to the five seconds Microsoft waits.
const ACK_BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0];

/// What every notification raises, several thousand times a second: labels that are not copied to look them up.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Notified {
    kind: &'static str,
    result: &'static str,
}

/// Counters of notifications and their answers.
pub(super) struct Received {
    notifications: Family<Notified, Counter>,
    ack_duration: Histogram,
}

impl Received {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let received = Self { notifications: Family::default(), ack_duration: Histogram::new(ACK_BUCKETS) };
        registry.register(
            "notifications",
            "Elements of notification requests, by kind and what became of them",
            received.notifications.clone(),
        );
        registry.register(
            "ack_duration_seconds",
            "From a notification request to its answer",
            received.ack_duration.clone(),
        );
        // An increase is only seen of a counter that was there before it.
        for kind in ["change", "lifecycle"] {
            received.notified(kind, "unstored", 0);
        }
        received
    }

    pub(super) fn notified(&self, kind: &'static str, result: &'static str, number: u64) {
        self.notifications.get_or_create(&Notified { kind, result }).inc_by(number);
    }

    pub(super) fn acknowledged(&self, after: Duration) {
        self.ack_duration.observe(after.as_secs_f64());
    }
}
