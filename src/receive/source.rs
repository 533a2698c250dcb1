use std::net::{IpAddr, SocketAddr};

use actix_web::HttpResponse;
use actix_web::dev::RequestHead;
use actix_web::http::header::{HeaderMap, X_FORWARDED_FOR};

use super::Receiver;
use crate::config::{AllowMode, Listen, Network};

/// Who may send notifications, and whose word counts on where a request comes from.
///
/// There is no exception for this machine: behind a proxy that nobody named as trusted, everybody comes from there.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    trusted_proxies: Vec<Network>,
    allow_from: Vec<Network>,
    mode: AllowMode,
}

impl Sources {
    /// As configured.
    pub fn new(listen: &Listen) -> Self {
        Self {
            trusted_proxies: listen.trusted_proxies.clone(),
            allow_from: listen.allow_from.clone(),
            mode: listen.allow_mode,
        }
    }

    /// Whether a request may come from there. What cannot be told is nowhere.
    fn allow(&self, source: Option<IpAddr>) -> bool {
        let allowed = |source| self.allow_from.iter().any(|network| network.contains(source));
        self.allow_from.is_empty() || source.is_some_and(allowed)
    }

    /// Where a request comes from: whoever is connected to us or, where that is a trusted proxy, whoever it says it has
    /// the request from, and so on. `None`: a trusted proxy says something that is no address.
    fn source(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let trusted = |address| self.trusted_proxies.iter().any(|network| network.contains(address));
        let mut source = peer;
        // Each proxy adds at the end whom it has the request from; what stands before that may be invented.
        for said in headers.get_all(X_FORWARDED_FOR).rev() {
            for hop in said.as_bytes().rsplit(|byte| *byte == b',') {
                if !trusted(source) {
                    return Some(source);
                }
                source = address(hop)?;
            }
        }
        Some(source)
    }
}

/// An address as proxies write it: some add the port.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?.trim();
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().ok().or_else(|| Some(hop.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

impl Receiver {
    /// Whether a request is refused because of where it comes from; counts it if so, or if it would be.
    pub(super) fn refuses(&self, head: &RequestHead) -> bool {
        let sources = &self.sources;
        if sources.allow_from.is_empty() {
            return false;
        }
        let source = head.peer_addr.and_then(|peer| sources.source(peer.ip(), head.headers()));
        if sources.allow(source) {
            return false;
        }
        match sources.mode {
            AllowMode::Enforce => self.metrics.port.refused("source"),
            AllowMode::Report => self.metrics.port.refused("source_reported"),
        }
        sources.mode == AllowMode::Enforce
    }
}

/// To a request from elsewhere.
pub(super) async fn refusal() -> HttpResponse {
    // The body, if any, is not read, so nothing can follow on this connection.
    HttpResponse::Forbidden().force_close().finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    /// Where a request from `peer` with these headers comes from, behind proxies in 10.0.0.0/8 and at `::1`.
    fn source(peer: &str, said: &[&str]) -> Option<String> {
        let sources = Sources {
            trusted_proxies: ["10.0.0.0/8", "::1"].map(|network| network.parse().unwrap()).to_vec(),
            ..Sources::default()
        };
        let mut headers = HeaderMap::new();
        for said in said {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_bytes(said.as_bytes()).unwrap());
        }
        sources.source(peer.parse().unwrap(), &headers).map(|address| address.to_string())
    }

    #[test]
    fn the_last_address_that_no_trusted_proxy_has_is_the_source() {
        for (peer, said, expected) in [
            ("192.0.2.1", &[][..], Some("192.0.2.1")),
            ("10.0.0.1", &[], Some("10.0.0.1")),
            ("10.0.0.1", &["192.0.2.1"], Some("192.0.2.1")),
            ("::ffff:10.0.0.1", &["192.0.2.1"], Some("192.0.2.1")),
            ("::1", &["192.0.2.1, 10.0.0.2,10.0.0.3"], Some("192.0.2.1")),
            ("10.0.0.1", &["192.0.2.1", "10.0.0.2"], Some("192.0.2.1")),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], Some("10.0.0.3")),
            ("10.0.0.1", &["192.0.2.1:4711"], Some("192.0.2.1")),
            ("10.0.0.1", &["[2001:db8::1]:4711"], Some("2001:db8::1")),
            ("10.0.0.1", &["[2001:db8::1]"], Some("2001:db8::1")),
            ("10.0.0.1", &["2001:db8::1"], Some("2001:db8::1")),
            ("10.0.0.1", &["::ffff:192.0.2.1"], Some("192.0.2.1")),
        ] {
            assert_eq!(source(peer, said).as_deref(), expected, "{peer} {said:?}");
        }
    }

    #[test]
    fn what_a_stranger_says_counts_nothing() {
        assert_eq!(source("192.0.2.1", &["20.20.32.1"]).as_deref(), Some("192.0.2.1"));
        assert_eq!(source("10.0.0.1", &["20.20.32.1, 192.0.2.1"]).as_deref(), Some("192.0.2.1"));
        assert_eq!(source("10.0.0.1", &["20.20.32.1", "192.0.2.1"]).as_deref(), Some("192.0.2.1"));
        for nonsense in ["unknown", "", "_hidden", "20.20.32.1,", "1.2.3", "a:b:c"] {
            assert_eq!(source("10.0.0.1", &[nonsense]), None, "{nonsense}");
        }
    }

    #[test]
    fn without_networks_everybody_may_and_with_them_only_who_is_in_one() {
        let address = |text: &str| Some(text.parse().unwrap());
        assert!(Sources::default().allow(None));
        let some = Sources { allow_from: vec!["20.20.32.0/19".parse().unwrap()], ..Sources::default() };
        assert!(some.allow(address("20.20.33.1")));
        assert!(!some.allow(address("127.0.0.1")) && !some.allow(address("20.20.64.1")) && !some.allow(None));
    }
}
