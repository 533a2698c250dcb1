use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use url::{Host, Url};

use super::finding::{Finding, ending};
use super::store::Beside;
use crate::app::endpoint;
use crate::app::ports::{self, Secured};
use crate::clock::Clock;
use crate::config::{AllowMode, Config, is_loopback};
use crate::metrics::Metrics;
use crate::model::Via;
use crate::office365::{self, Examined, Handshaker, Unshaken};
use crate::port::Port;
use crate::receive::{Receiver, Sources, Workload};
use crate::seal::ClientStates;
use crate::store::Store;
use crate::tasks::{Seldom, Signal};

/// Said where the port cannot be served, and why is told already.
const UNSHOWN: &str = "not tried: nothing answers there before [listen.tls] is mended";

/// Shakes hands with both addresses below the public URL. While no listener holds the notification port, it is answered
/// here for the time of the check.
pub(super) async fn check(
    config: &Config,
    clock: &Clock,
    beside: Option<&Beside>,
    handshaker: &Handshaker,
) -> Vec<Finding> {
    let url = &config.public_url;
    let (Ok(notifications), Ok(lifecycle)) = (endpoint(url, "notifications"), endpoint(url, "lifecycle"))
    else {
        return vec![Finding::bad(format!("public URL {url}"), "no path can be put behind it")];
    };
    let port = match beside.map(|beside| stand_in(config, clock, &beside.store)) {
        None => None,
        Some(Ok(port)) => port,
        // The line of the files says what is wrong with them.
        Some(Err(_)) => {
            return vec![Finding::good(format!("public URL {url}"), UNSHOWN.to_owned())];
        }
    };
    let here = port.is_some();
    let shaking = async {
        let examined = handshaker.examine(&notifications, &lifecycle).await;
        // What is wrong for the one is wrong for the other.
        let as_sharepoint = match examined.notifications {
            Ok(_) if is_followed_over_sharepoint(config) => {
                Some(handshaker.examine_as_sharepoint(&notifications).await)
            }
            _ => None,
        };
        (examined, as_sharepoint)
    };
    let examined = while_served(port, shaking).await;
    let Some((examined, as_sharepoint)) = examined else {
        let problem = "the notification port could not be served";
        return vec![Finding::bad(format!("public URL {notifications}"), problem)];
    };
    let only_some = !config.listen.allow_from.is_empty() && config.listen.allow_mode == AllowMode::Enforce;
    let Examined { addresses, notifications: first, lifecycle: second, tls, apart } = examined;
    let told = |url, shaken| finding(format!("public URL {url}"), shaken, only_some && !here);
    let mut findings = vec![told(&notifications, first)];
    findings.extend(second.map(|second| told(&lifecycle, second)));
    let subject = format!("public URL {notifications}, as SharePoint calls it");
    findings.extend(as_sharepoint.map(|shaken| at_port(url, finding(subject, shaken, only_some && !here))));
    let host = url.host_str().unwrap_or_default();
    if !is_loopback(url) {
        let addresses = leads(url, addresses);
        findings.extend(inside(host, &addresses).or_else(|| out_of_reach(host, &addresses)));
    }
    findings.extend(apart.into_iter().map(|(address, unshaken)| stale(host, address, &unshaken)));
    findings.extend(tls.map(|tls| secured(host, &tls, clock.now())));
    findings
}

/// Serves the port, if there is one, for the time of some work; none: that could not be.
async fn while_served<T>(port: Option<Port>, work: impl Future<Output = T>) -> Option<T> {
    let Some(port) = port else { return Some(work.await) };
    let handle = port.handle();
    let done = tokio::select! {
        done = work => Some(done),
        _ = port.run() => None,
    };
    handle.stop(false).await;
    done
}

fn is_followed_over_sharepoint(config: &Config) -> bool {
    config.subscriptions.iter().any(|entry| entry.via == Via::SharePoint)
}

/// SharePoint was seen to refuse addresses with a port of their own. That it answers there is not enough then.
fn at_port(url: &Url, finding: Finding) -> Finding {
    match url.port() {
        Some(port) if !is_loopback(url) && finding.problem.is_none() => Finding::good(
            finding.subject,
            format!("warning: SharePoint was seen to refuse another port than 443, and this is {port}"),
        ),
        _ => finding,
    }
}

/// `may_refuse`: a listener runs that may not let this machine in.
fn finding(subject: String, shaken: Result<String, Unshaken>, may_refuse: bool) -> Finding {
    match shaken {
        Ok(note) => Finding::good(subject, note),
        Err(Unshaken { status: Some(403), .. }) if may_refuse => Finding::good(
            subject,
            "refuses this machine, which is not in [listen] allow_from; whether it answers Office 365 cannot be tried from here"
                .to_owned(),
        ),
        Err(Unshaken { problem, .. }) => Finding::bad(subject, problem),
    }
}

/// Where the host is: an address stands for itself, and is looked up by nobody.
fn leads(url: &Url, found: Vec<IpAddr>) -> Vec<IpAddr> {
    match url.host() {
        Some(Host::Ipv4(address)) => vec![address.into()],
        Some(Host::Ipv6(address)) => vec![address.into()],
        Some(Host::Domain(_)) | None => found,
    }
}

/// Whether there is no address that Microsoft can call. It lists the addresses that it calls from, and all are IPv4.
fn out_of_reach(host: &str, addresses: &[IpAddr]) -> Option<Finding> {
    let only_ipv6 = !addresses.is_empty() && addresses.iter().all(|address| address.to_canonical().is_ipv6());
    only_ipv6.then(|| {
        let note = "warning: has IPv6 addresses alone, and all that Microsoft names as its own for notifications are IPv4: \
                    give it an IPv4 address, too (an A record in the DNS)";
        Finding::good(format!("address of {host}"), note.to_owned())
    })
}

/// One of several addresses that does not do what the others do.
fn stale(host: &str, address: IpAddr, unshaken: &Unshaken) -> Finding {
    let problem = format!(
        "{}. Microsoft may call any address of the name: mend what is there, or take the address out of the DNS",
        unshaken.problem
    );
    Finding::bad(format!("address {address} of {host}"), problem)
}

/// Whether a name leads nowhere but into the own network, as seen from here.
fn inside(host: &str, addresses: &[IpAddr]) -> Option<Finding> {
    let only_inside = !addresses.is_empty() && addresses.iter().all(is_inside);
    only_inside.then(|| {
        let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let note = format!(
            "warning: leads to {} here, which the internet does not reach; right only if the DNS outside says something \
             else, and then it is not the way of Microsoft that was tried",
            shown.join(", ")
        );
        Finding::good(format!("address of {host}"), note)
    })
}

fn is_inside(address: &IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            let shared = first == 100 && (64..128).contains(&second);
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || shared
                || address.is_unspecified()
        }
        IpAddr::V6(address) => {
            let unique_local = address.segments().first().is_some_and(|first| first & 0xfe00 == 0xfc00);
            let link_local = address.segments().first().is_some_and(|first| first & 0xffc0 == 0xfe80);
            address.is_loopback() || unique_local || link_local || address.is_unspecified()
        }
    }
}

fn secured(host: &str, tls: &office365::Secured, now: DateTime<Utc>) -> Finding {
    let subject = format!("certificate of {host}");
    let ends = ending(tls.ends, now);
    if tls.only_latest {
        let note = format!(
            "warning: it speaks {} and refuses TLS 1.2, which is what Microsoft is told to use, and all that SharePoint does: \
             allow both; {ends}",
            tls.version
        );
        return Finding::good(subject, note);
    }
    Finding::good(subject, format!("{ends}, shown by {}", tls.version))
}

/// The notification port; none where somebody holds it already.
///
/// # Errors
/// Its certificate cannot be used.
fn stand_in(config: &Config, clock: &Clock, store: &Arc<dyn Store>) -> anyhow::Result<Option<Port>> {
    let receiver = Receiver {
        clock: clock.clone(),
        inbox: store.clone(),
        metrics: Arc::new(Metrics::default()),
        // A handshake is answered before anything is verified.
        client_states: ClientStates::new(&rand::random()),
        sealer: None,
        fetch: Signal::default(),
        renew: Signal::default(),
        body_limit: config.listen.body_limit,
        workload: Workload::default(),
        // This machine need not be among those that may notify.
        sources: Sources::default(),
        unstored: Seldom::default(),
        overfull: Seldom::default(),
        // It knows none of the secrets that notifications are proven with.
        stands_in: true,
    };
    let tls = Secured::load("listen", config.listen.tls.as_ref(), clock, &receiver.metrics)?;
    Ok(ports::receiving(receiver, None, &config.listen, tls.map(|tls| tls.config)).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_only_into_the_own_network_is_told() {
        for (addresses, told) in [
            ("", false),
            ("20.20.32.1", false),
            ("10.1.2.3", true),
            ("192.168.0.1 127.0.0.1", true),
            ("172.16.0.1 20.20.32.1", false),
            ("100.64.0.1", true),
            ("100.128.0.1", false),
            ("169.254.1.1 fe80::1", true),
            ("fd00::1 ::1", true),
            ("::ffff:10.0.0.1", true),
            ("2603:1006::1", false),
        ] {
            let addresses: Vec<IpAddr> =
                addresses.split_whitespace().map(|address| address.parse().unwrap()).collect();
            assert_eq!(inside("hooks.contoso.com", &addresses).is_some(), told, "{addresses:?}");
        }
    }

    #[test]
    fn an_address_stands_for_itself_and_one_that_is_ipv6_alone_is_told() {
        let told = |url: &str, found: &[&str]| {
            let url: Url = url.parse().unwrap();
            let addresses = leads(&url, found.iter().map(|address| address.parse().unwrap()).collect());
            inside("h", &addresses).or_else(|| out_of_reach("h", &addresses)).and_then(|finding| finding.note)
        };
        assert!(told("https://10.1.2.3/", &[]).unwrap().contains("leads to 10.1.2.3 here"));
        assert!(told("https://[2603:1006::1]/", &[]).unwrap().contains("IPv6 addresses alone"));
        assert!(told("https://h/", &["2603:1006::1", "2603:1006::2"]).unwrap().contains("an A record"));
        assert_eq!(told("https://h/", &["2603:1006::1", "20.20.32.1"]), None);
        assert_eq!(told("https://20.20.32.1/", &[]), None);
        assert_eq!(told("https://h/", &[]), None, "a proxy looks it up");
    }

    #[test]
    fn what_tls_shows_is_a_line() {
        let now: DateTime<Utc> = "2026-11-25T00:00:00Z".parse().unwrap();
        let line = |days, only_latest| {
            let ends = now + chrono::TimeDelta::days(days);
            let tls = office365::Secured { version: "TLS 1.3", ends, only_latest };
            secured("h", &tls, now).note.unwrap()
        };
        assert_eq!(line(60, false), "ends on 2027-01-24, shown by TLS 1.3");
        assert!(line(10, false).starts_with("warning: ends on 2026-12-05"));
        assert!(line(60, true).starts_with("warning: it speaks TLS 1.3 and refuses TLS 1.2"));
    }
}
