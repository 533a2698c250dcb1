//! The metrics that every room may raise, in one plain registry that is handed down.
//!
//! Counters and histograms are raised where things happen; gauges are what the store says at the moment of a
//! scrape ([`Metrics::observe`]), so that they cannot drift away from the truth.

mod downstream;
mod followed;
mod port;
mod received;
mod sinks;
mod standing;

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use chrono::{DateTime, Utc};
use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use downstream::Downstream;
use followed::Followed;
use received::Received;
pub use sinks::SinkStands;
use sinks::Sinks;
use standing::OwnStanding;

use crate::model::{Change, Kind, Name, State};
use crate::reputation::{Reputation, Standing};

pub use port::Port;

type Labels = Vec<(&'static str, String)>;
type Seconds = Gauge<f64, AtomicU64>;

/// Rounds and latencies: from a few milliseconds to the six hours a drive's notification may take.
const LONG_BUCKETS: [f64; 13] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 120.0, 900.0, 3600.0, 21600.0];

/// All metrics of the listener.
pub struct Metrics {
    registry: Registry,
    received: Received,
    followed: Followed,
    fetches: Family<Labels, Counter>,
    fetch_duration: Histogram,
    events: Family<Labels, Counter>,
    event_latency: Family<Labels, Histogram, fn() -> Histogram>,
    contents: Family<Labels, Counter>,
    quarantined: Family<Labels, Counter>,
    renewals: Family<Labels, Counter>,
    requests: Family<Labels, Counter>,
    throttled: Family<Labels, Counter<f64, AtomicU64>>,
    sweep_recovered: Counter,
    sinks: Sinks,
    /// What the notification port's connections do, and what certificates the ports show.
    pub port: Port,
    standing: OwnStanding,
    downstream: Downstream,
    reputation: Reputation,
}

/// What the gauges show, read from the store at the moment of a scrape.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// Hints that wait in the inbox.
    pub inbox_pending: u64,
    /// Age of the oldest of them.
    pub inbox_oldest_age: Duration,
    /// Number of subscriptions in each state.
    pub subscriptions: Vec<(State, u64)>,
    /// When each remote subscription ends, as time left; negative when it has ended.
    pub expires: Vec<(Name, f64)>,
    /// How the endpoint stands with Microsoft.
    pub endpoint: Standing,
    /// Gates that Office 365 has closed, by tenant and kind of area.
    pub closed_gates: Vec<(Name, String)>,
    /// What ends by itself: tenant (empty: all), kind, time left in seconds, negative when it has ended.
    pub credentials: Vec<(String, &'static str, f64)>,
    /// Whether the store takes writes.
    pub store_writable: bool,
    /// Events that each named consumer has not committed yet.
    pub consumers: Vec<(Name, u64)>,
    /// Commits that have failed since the start.
    pub store_failures: u64,
    /// How each sink stands.
    pub sinks: Vec<SinkStands>,
}

/// Where an event's latency is counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LatencyFrom {
    /// The arrival of the notification that led to it.
    Notification,
    /// The change itself, as Office 365 dates it.
    Change,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("o365");
        macro_rules! metric {
            ($name:literal, $help:literal, $metric:expr) => {{
                let metric = $metric;
                registry.register($name, $help, metric.clone());
                metric
            }};
        }
        let metrics = Self {
            received: Received::register(&mut registry),
            followed: Followed::register(&mut registry),
            fetches: metric!("fetches", "Rounds, by how they ended", Family::default()),
            fetch_duration: metric!(
                "fetch_duration_seconds",
                "From the claim of a round to its end",
                Histogram::new(LONG_BUCKETS)
            ),
            events: metric!("events", "Events written to the log", Family::default()),
            event_latency: metric!(
                "event_latency_seconds",
                "From the notification or the change to the event in the log",
                latency_family()
            ),
            contents: metric!(
                "contents",
                "Encrypted contents of notifications that were looked at, by what became of them",
                Family::default()
            ),
            quarantined: metric!(
                "quarantined",
                "Encrypted contents and items of pages that cannot be used and were put aside",
                Family::default()
            ),
            renewals: metric!(
                "renewals",
                "Remote subscriptions made, renewed or removed, by result",
                Family::default()
            ),
            requests: metric!("requests", "Requests to Office 365, by API and status", Family::default()),
            throttled: metric!(
                "throttled_seconds",
                "Time for which Office 365 told a tenant to wait",
                Family::default()
            ),
            sweep_recovered: metric!(
                "sweep_recovered",
                "Events found by a sweep that no notification had announced",
                Counter::default()
            ),
            sinks: Sinks::register(&mut registry),
            port: Port::register(&mut registry),
            standing: OwnStanding::register(&mut registry),
            downstream: Downstream::register(&mut registry),
            reputation: Reputation::default(),
            registry,
        };
        metrics.show_what_alerts_watch();
        metrics
    }
}

fn latency_family() -> Family<Labels, Histogram, fn() -> Histogram> {
    Family::new_with_constructor(|| Histogram::new(LONG_BUCKETS))
}

impl Metrics {
    /// An increase is only seen of a counter that was there before it.
    fn show_what_alerts_watch(&self) {
        self.contents_looked_at(0, 0, &[]);
    }

    /// This many elements of a notification request were judged.
    pub fn notified(&self, kind: &'static str, result: &'static str, number: u64) {
        self.received.notified(kind, result, number);
    }

    /// A notification request was answered.
    pub fn acknowledged(&self, after: Duration) {
        self.received.acknowledged(after);
    }

    /// How the endpoint stands with Microsoft: raised by every answer to Office 365.
    pub fn reputation(&self) -> &Reputation {
        &self.reputation
    }

    /// A round ended.
    pub fn fetched(&self, result: &'static str, after: Duration) {
        self.fetches.get_or_create(&labels(&[("result", result)])).inc();
        self.fetch_duration.observe(after.as_secs_f64());
    }

    /// So many events were written.
    pub fn events_written(&self, kind: Kind, change: Change, number: u64) {
        let counter = labels(&[("resource", kind.as_str()), ("change", change.as_str())]);
        self.events.get_or_create(&counter).inc_by(number);
    }

    /// An event was written this long after its notification or change.
    pub fn event_latency(&self, from: LatencyFrom, latency: Duration) {
        let from = match from {
            LatencyFrom::Notification => "notification",
            LatencyFrom::Change => "change",
        };
        self.event_latency.get_or_create(&labels(&[("from", from)])).observe(latency.as_secs_f64());
    }

    /// Encrypted contents were looked at: so many were told, so many were only hints, and for these reasons some were
    /// put aside.
    pub fn contents_looked_at(&self, told: usize, hints: usize, aside: &[&'static str]) {
        for (result, number) in [("told", told), ("hint", hints), ("quarantined", aside.len())] {
            let counter = self.contents.get_or_create_owned(&labels(&[("result", result)]));
            counter.inc_by(u64::try_from(number).unwrap_or(u64::MAX));
        }
        for reason in aside {
            self.quarantined.get_or_create_owned(&labels(&[("reason", reason)])).inc();
        }
    }

    /// Items of a page were put aside, each for its reason.
    pub fn items_put_aside(&self, reasons: &[&'static str]) {
        for reason in reasons {
            self.quarantined.get_or_create_owned(&labels(&[("reason", reason)])).inc();
        }
    }

    /// A remote subscription was made, renewed or removed, or was not.
    pub fn renewed(&self, result: &'static str) {
        self.renewals.get_or_create(&labels(&[("result", result)])).inc();
    }

    /// A list showed this many remote subscriptions as they are known.
    pub fn verified(&self, number: u64) {
        self.renewals.get_or_create(&labels(&[("result", "verified")])).inc_by(number);
    }

    /// Office 365 answered a request, or did not (`status` is then a word).
    pub fn requested(&self, api: &'static str, status: &str) {
        self.requests.get_or_create(&labels(&[("api", api), ("status", status)])).inc();
    }

    /// Office 365 told a tenant to wait.
    pub fn throttled(&self, tenant: &Name, wait: Duration) {
        self.throttled.get_or_create(&labels(&[("tenant", tenant.as_str())])).inc_by(wait.as_secs_f64());
    }

    /// A sweep found what no notification had announced.
    pub fn recovered_by_sweep(&self, events: u64) {
        self.sweep_recovered.inc_by(events);
    }

    /// So many events were sent to a sink with this result.
    pub fn sunk(&self, sink: &Name, result: &'static str, events: u64) {
        self.sinks.sent(sink, result, events);
    }

    /// Sets the gauges and writes everything in the Prometheus text format.
    ///
    /// # Errors
    /// Never in practice: writing to memory does not fail.
    pub fn observe(&self, mut snapshot: Snapshot) -> Result<String, fmt::Error> {
        self.followed.observe(&mut snapshot);
        self.standing.observe(&snapshot);
        self.downstream.observe(&snapshot);
        self.sinks.observe(&snapshot.sinks);
        let mut text = String::new();
        let written = prometheus_text::encode(&mut text, &self.registry);
        self.followed.written();
        written.map(|()| text)
    }
}

fn labels(pairs: &[(&'static str, &str)]) -> Labels {
    pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

/// Time from `earlier` to `later`; none where clocks disagree.
pub fn since(earlier: DateTime<Utc>, later: DateTime<Utc>) -> Duration {
    (later - earlier).to_std().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_is_plain_prometheus_text() {
        let metrics = Metrics::default();
        metrics.notified("change", "stored", 1);
        metrics.throttled(&"contoso".parse().unwrap(), Duration::from_millis(1500));
        let name: Name = "files".parse().unwrap();
        let snapshot = Snapshot { inbox_pending: 3, expires: vec![(name, 60.0)], ..Snapshot::default() };
        let text = metrics.observe(snapshot).unwrap();
        for line in [
            "# TYPE o365_notifications_total counter",
            r#"o365_notifications_total{kind="change",result="stored"} 1"#,
            r#"o365_throttled_seconds_total{tenant="contoso"} 1.5"#,
            "o365_inbox_pending 3",
            r#"o365_subscription_expires_seconds{subscription="files"} 60.0"#,
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
        }
        let gone = metrics.observe(Snapshot::default()).unwrap();
        assert!(!gone.contains("subscription=\"files\""), "{gone}");
    }
}
