use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Labels, Seconds, labels};

/// What the notification port's connections do, and what certificates the ports show.
pub struct Port {
    connections: Gauge,
    closed_connections: Family<Labels, Counter>,
    refused_requests: Family<Labels, Counter>,
    certificate_expires: Family<Labels, Seconds>,
    certificate_stale: Family<Labels, Gauge>,
}

impl Port {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let port = Self {
            connections: Gauge::default(),
            closed_connections: Family::default(),
            refused_requests: Family::default(),
            certificate_expires: Family::default(),
            certificate_stale: Family::default(),
        };
        // An increase is only seen of a counter that was there before it.
        port.closed_connections.get_or_create_owned(&labels(&[("reason", "turned_away")])).inc_by(0);
        registry.register(
            "connections",
            "Open connections to the notification port",
            port.connections.clone(),
        );
        registry.register(
            "closed_connections",
            "Connections to the notification port that we closed or turned away, by reason",
            port.closed_connections.clone(),
        );
        registry.register(
            "refused_requests",
            "Requests to the notification port that were refused, or would have been, by reason",
            port.refused_requests.clone(),
        );
        registry.register(
            "tls_certificate_expires_seconds",
            "Time until the certificate ends that a port shows",
            port.certificate_expires.clone(),
        );
        registry.register(
            "tls_certificate_stale",
            "Whether the files hold another pair than the port shows, one that cannot be used",
            port.certificate_stale.clone(),
        );
        port
    }

    /// This many connections to the notification port are open.
    pub fn connected(&self, open: usize) {
        self.connections.set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    /// A connection to the notification port was closed by us, or turned away.
    pub fn closed(&self, reason: &'static str) {
        self.closed_connections.get_or_create_owned(&labels(&[("reason", reason)])).inc();
    }

    /// A request to the notification port was refused, or would have been.
    pub fn refused(&self, reason: &'static str) {
        self.refused_requests.get_or_create_owned(&labels(&[("reason", reason)])).inc();
    }

    /// The certificate that a port shows ends in `left` seconds (negative: it has ended). `stale`: the files hold
    /// another pair, which cannot be used.
    pub fn certificate(&self, port: &'static str, left: f64, stale: bool) {
        let labels = labels(&[("port", port)]);
        self.certificate_expires.get_or_create_owned(&labels).set(left);
        self.certificate_stale.get_or_create_owned(&labels).set(i64::from(stale));
    }
}
