//! Plays Office 365's part of the handshake towards our own public URL, so that `check` finds out what a
//! subscription would meet, and says in plain words what a failed one met.
//!
//! What is seen is plain data, and judged by pure functions: `echo.rs` compares bytes, `chain.rs` certificates,
//! `judge.rs` puts it into words.

mod attempt;
mod chain;
mod echo;
mod judge;
mod reach;
mod refused;
mod witness;

use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rustls::pki_types::CertificateDer;
use url::Url;

use crate::clock::Clock;
use attempt::{Attempt, Attempts};
use echo::Token;
pub(super) use refused::{explained, is_why};

/// How long Microsoft waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// A first attempt at a notification; whoever is slower gets them late.
    pub slow: Duration,
    /// A handshake.
    pub limit: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { slow: Duration::from_secs(3), limit: Duration::from_secs(10) }
    }
}

impl Patience {
    /// SharePoint's: a notification is tried again five minutes later, and lost after some times.
    pub(super) const SHAREPOINT: Self = Self { slow: Duration::from_secs(5), limit: Duration::from_secs(5) };
}

/// Why a handshake failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unshaken {
    /// The status that was answered, where the handshake wants 200.
    pub status: Option<u16>,
    /// What is wrong, and how to mend it.
    pub problem: String,
}

impl From<String> for Unshaken {
    fn from(problem: String) -> Self {
        Self { status: None, problem }
    }
}

/// What was seen of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secured {
    /// The version that was agreed on.
    pub version: &'static str,
    /// When the certificate ends.
    pub ends: DateTime<Utc>,
    /// TLS 1.2 is refused, although 1.3 is spoken.
    pub only_latest: bool,
}

/// What became of the handshakes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// Where the name leads; empty where a proxy looks it up, or nobody needs to.
    pub addresses: Vec<IpAddr>,
    /// With the address for notifications; what is worth knowing of one that succeeded.
    pub notifications: Result<String, Unshaken>,
    /// With the address for lifecycle events, if the host answered at all.
    pub lifecycle: Option<Result<String, Unshaken>>,
    /// Of an https address, once the certificate was accepted.
    pub tls: Option<Secured>,
    /// Addresses of the name that do not do what the name did.
    pub apart: Vec<(IpAddr, Unshaken)>,
}

/// Shakes hands as Office 365 would: POST, empty, without a user agent, no redirects followed.
pub struct Handshaker {
    clock: Clock,
    roots: Vec<CertificateDer<'static>>,
    patience: Patience,
    leads: Vec<IpAddr>,
}

/// Addresses of a name that are tried one by one. There are seldom more than two, and each may take its ten seconds.
const EACH: usize = 4;

impl Handshaker {
    /// One as patient as Microsoft, that trusts whom the system trusts.
    pub fn new(clock: Clock) -> Self {
        Self { clock, roots: Vec::new(), patience: Patience::default(), leads: Vec::new() }
    }

    /// The same, for whom every name leads to these addresses, whatever the DNS says.
    #[must_use]
    pub fn led_to(self, leads: Vec<IpAddr>) -> Self {
        Self { leads, ..self }
    }

    /// The same, trusting these authorities too.
    #[must_use]
    pub fn trusting(self, roots: Vec<CertificateDer<'static>>) -> Self {
        Self { roots, ..self }
    }

    /// The same, as patient as this.
    #[must_use]
    pub fn waiting(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// Shakes hands with both addresses, which lie on one host.
    pub async fn examine(&self, notifications: &Url, lifecycle: &Url) -> Examined {
        let attempts = match Attempts::new(&self.clock, &self.roots, self.patience, &self.leads) {
            Ok(attempts) => attempts,
            Err(reason) => return Examined::unreached(Vec::new(), no_client(&reason)),
        };
        let now = self.clock.now();
        // The first one meets what sleeps, the second one what it woke.
        let first = attempts.shake(notifications, Token::Usual).await;
        if let Some(unreached) = first.unreached() {
            let problem = judge::unreached(notifications, unreached, &first.shown, now, self.patience);
            return Examined::unreached(first.addresses, problem.into());
        }
        let second = attempts.shake(notifications, Token::Awkward).await;
        let judged = judge::twice(notifications, &first, &second, now, self.patience);
        let tls = self.secured(&attempts, notifications, &first, &second).await;
        let lifecycle = if first.is_late() && second.is_late() {
            None
        } else {
            let third = attempts.shake(lifecycle, Token::Usual).await;
            Some(judge::once(lifecycle, &third, now, self.patience))
        };
        let apart = match &judged {
            Ok(_) => self.apart(&attempts, notifications, &first.addresses).await,
            Err(_) => Vec::new(),
        };
        Examined { notifications: judged, lifecycle, addresses: first.addresses, tls, apart }
    }

    /// Microsoft calls whichever address of the name it likes, and no IPv6 address, since it lists none that it calls from.
    /// Who calls from here takes the first that answers.
    async fn apart(&self, attempts: &Attempts, url: &Url, addresses: &[IpAddr]) -> Vec<(IpAddr, Unshaken)> {
        let mut apart = Vec::new();
        let several = addresses.len() > 1;
        for address in addresses.iter().filter(|address| several && address.is_ipv4()).take(EACH) {
            let attempt = attempts.at(*address).shake(url, Token::Usual).await;
            let judged = judge::once(url, &attempt, self.clock.now(), self.patience);
            apart.extend(judged.err().map(|unshaken| (*address, unshaken)));
        }
        apart
    }

    /// Shakes hands as SharePoint does, which is less patient.
    pub async fn examine_as_sharepoint(&self, notifications: &Url) -> Result<String, Unshaken> {
        let limit = self.patience.limit.min(Patience::SHAREPOINT.limit);
        let patience = Patience { slow: limit, limit };
        let attempts = Attempts::new(&self.clock, &self.roots, patience, &self.leads)
            .map_err(|reason| no_client(&reason))?;
        let attempt = attempts.shake(notifications, Token::SharePoint).await;
        judge::once(notifications, &attempt, self.clock.now(), patience)
    }

    /// What the connections showed. Microsoft may offer TLS 1.2 alone, so that is tried too where 1.3 was agreed on.
    async fn secured(
        &self,
        attempts: &Attempts,
        url: &Url,
        first: &Attempt,
        second: &Attempt,
    ) -> Option<Secured> {
        let version = first.version.or(second.version)?;
        let ends = first.shown.first().or(second.shown.first())?.ends;
        let only_latest = version == witness::LATEST && {
            let older = attempts.with_tls_1_2().shake(url, Token::Usual).await;
            older.outcome.is_err_and(|unreached| unreached.is_about_tls())
        };
        Some(Secured { version, ends, only_latest })
    }
}

fn no_client(reason: &rustls::Error) -> Unshaken {
    format!("cannot make an HTTP client ({reason}): are the system's CA certificates installed?").into()
}

impl Examined {
    fn unreached(addresses: Vec<IpAddr>, unshaken: Unshaken) -> Self {
        Self { addresses, notifications: Err(unshaken), lifecycle: None, tls: None, apart: Vec::new() }
    }
}
