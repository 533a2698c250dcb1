use chrono::{DateTime, Utc};
use rustls::CertificateError;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

/// What counts of a certificate that a server shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) subject: String,
    pub(super) issuer: String,
    /// The hosts that it is for.
    pub(super) names: Vec<String>,
    pub(super) begins: DateTime<Utc>,
    pub(super) ends: DateTime<Utc>,
}

impl Link {
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let (_, read) = parse_x509_certificate(der).ok()?;
        let at = |time: i64| DateTime::from_timestamp(time, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
        Some(Self {
            subject: read.subject().to_string(),
            issuer: read.issuer().to_string(),
            names: names(&read),
            begins: at(read.validity().not_before.timestamp()),
            ends: at(read.validity().not_after.timestamp()),
        })
    }

    /// Whether it is signed by itself.
    fn is_own(&self) -> bool {
        self.subject == self.issuer
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(alternatives)) = certificate.subject_alternative_name() else { return Vec::new() };
    let names = alternatives.value.general_names.iter();
    names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        })
        .collect()
}

/// Says what is wrong with the certificates that a host showed, and how to mend it.
pub(super) fn explain(host: &str, error: &CertificateError, chain: &[Link], now: DateTime<Utc>) -> String {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => ended(chain, now),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            let begins = chain.iter().map(|link| link.begins).max().filter(|begins| *begins > now);
            let begins =
                begins.map_or_else(String::new, |begins| format!(" before {}", begins.format("%F %R")));
            format!(
                "its certificate is not valid{begins}: wait, or set the clock of this machine or of whoever issued it"
            )
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let names = chain.first().map_or_else(Vec::new, |link| link.names.clone());
            let names = if names.is_empty() { "no host".to_owned() } else { names.join(", ") };
            format!(
                "its certificate is for {names} and not for {host}: get one that names {host}, or set public_url to a \
                 name that it has"
            )
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => untrusted(chain),
        // What many tools make for trying things out is an authority at the same time, which is refused for that.
        CertificateError::Other(_) if chain.first().is_some_and(Link::is_own) => untrusted(chain),
        CertificateError::Revoked => "its certificate was revoked: get a new one".to_owned(),
        other => format!("its certificate is not accepted ({other}): get one from a public authority"),
    }
}

/// It may not be the first one whose time is over.
fn ended(chain: &[Link], now: DateTime<Utc>) -> String {
    let Some((place, over)) = chain.iter().enumerate().find(|(_, link)| link.ends <= now) else {
        return "its certificate has ended: renew it".to_owned();
    };
    let day = over.ends.format("%F");
    if place == 0 {
        return format!("its certificate ended on {day}: renew it, and let whatever shows it read it anew");
    }
    format!(
        "the certificate of {}, which it sends along, ended on {day}: put the chain there that came with the newest \
         certificate",
        over.subject
    )
}

/// Where the chain ends without anybody who is trusted.
fn untrusted(chain: &[Link]) -> String {
    let Some(leaf) = chain.first() else {
        return "its certificate is not that of a public authority: get one from such".to_owned();
    };
    let own = "Microsoft accepts only certificates that a public authority has issued";
    if leaf.is_own() {
        return format!("its certificate ({}) is signed by itself: {own}", leaf.subject);
    }
    let last = highest(leaf, chain);
    if last.is_own() {
        return format!(
            "its certificate comes from {}, whom this machine does not trust: {own}",
            last.subject
        );
    }
    format!(
        "the chain is incomplete: the certificate of {} is missing. Let it send that after its own (certbot calls the \
         file with both fullchain.pem). If it is no public authority: {own}",
        last.issuer
    )
}

/// The last certificate that can be reached from the first one by issuers, in whatever order they were sent.
fn highest<'a>(leaf: &'a Link, chain: &'a [Link]) -> &'a Link {
    let mut last = leaf;
    // Each step is one certificate at least, so that a circle ends.
    for _ in chain {
        let issuer = chain.iter().find(|link| link.subject == last.issuer);
        match issuer.filter(|issuer| issuer.subject != last.subject) {
            Some(issuer) => last = issuer,
            None => break,
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> DateTime<Utc> {
        format!("{text}T00:00:00Z").parse().unwrap()
    }

    fn link(subject: &str, issuer: &str, ends: &str) -> Link {
        Link {
            subject: format!("CN={subject}"),
            issuer: format!("CN={issuer}"),
            names: vec![format!("{subject}.example")],
            begins: day("2020-01-01"),
            ends: day(ends),
        }
    }

    #[test]
    fn what_is_wrong_with_a_chain_is_named() {
        let (leaf, middle) = (link("h", "R3", "2030-01-01"), link("R3", "X1", "2030-01-01"));
        let (root, own) = (link("X1", "X1", "2030-01-01"), link("h", "h", "2030-01-01"));
        let round =
            [link("h", "a", "2030-01-01"), link("a", "b", "2030-01-01"), link("b", "a", "2030-01-01")];
        let (over, middle_over) = (link("h", "R3", "2026-01-01"), link("R3", "X1", "2026-02-01"));
        for (error, chain, words) in [
            (
                CertificateError::UnknownIssuer,
                vec![leaf.clone()],
                "incomplete: the certificate of CN=R3 is missing",
            ),
            (
                CertificateError::UnknownIssuer,
                vec![leaf.clone(), middle.clone()],
                "certificate of CN=X1 is missing",
            ),
            (
                CertificateError::UnknownIssuer,
                vec![leaf.clone(), root.clone()],
                "certificate of CN=R3 is missing",
            ),
            (CertificateError::UnknownIssuer, vec![leaf.clone(), root, middle], "comes from CN=X1, whom"),
            (CertificateError::UnknownIssuer, vec![own], "(CN=h) is signed by itself"),
            (CertificateError::UnknownIssuer, round.to_vec(), "incomplete"),
            (CertificateError::UnknownIssuer, vec![], "public authority"),
            (CertificateError::Expired, vec![over], "its certificate ended on 2026-01-01: renew"),
            (
                CertificateError::Expired,
                vec![leaf.clone(), middle_over],
                "certificate of CN=R3, which it sends along, ended on 2026-02-01",
            ),
            (
                CertificateError::NotValidForName,
                vec![leaf.clone()],
                "is for h.example and not for hooks.contoso.com",
            ),
            (CertificateError::NotValidForName, vec![], "is for no host and not"),
            (CertificateError::Revoked, vec![leaf.clone()], "was revoked"),
            (CertificateError::InvalidPurpose, vec![leaf], "is not accepted"),
        ] {
            let said = explain("hooks.contoso.com", &error, &chain, day("2026-11-25"));
            assert!(said.contains(words), "{error:?}: {said}");
        }
        let other = CertificateError::Other(rustls::OtherError(std::sync::Arc::new(std::fmt::Error)));
        let said = explain("h", &other, &[link("h", "h", "2030-01-01")], day("2026-11-25"));
        assert!(said.contains("(CN=h) is signed by itself"), "{said}");
        let early = Link { begins: day("2027-01-01"), ..link("h", "R3", "2030-01-01") };
        let said = explain("h", &CertificateError::NotValidYet, &[early], day("2026-11-25"));
        assert!(said.contains("not valid before 2027-01-01 00:00"), "{said}");
    }
}
