use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use rustls::pki_types::CertificateDer;
use rustls::{AlertDescription, ClientConfig};
use url::Url;

use super::Patience;
use super::chain::Link;
use super::echo::Token;
use super::reach::{Names, Unreached};
use super::witness::{ALL, OLDER, Witness};
use crate::clock::Clock;

/// What is read of an answer; a token is far shorter.
const ANSWER_BYTES: usize = 64 * 1024;

/// An answer, whatever it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) kind: Option<String>,
    pub(super) location: Option<String>,
    /// The body is packed, though nobody asked for that.
    pub(super) packed: bool,
    pub(super) body: Vec<u8>,
}

/// One handshake.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) token: Token,
    pub(super) outcome: Result<Answer, Unreached>,
    pub(super) took: Duration,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) shown: Vec<Link>,
    pub(super) version: Option<&'static str>,
}

impl Attempt {
    /// Why nothing else is worth trying. No answer in time is not such a reason: the next may come.
    pub(super) fn unreached(&self) -> Option<&Unreached> {
        self.outcome.as_ref().err().filter(|unreached| **unreached != Unreached::NoAnswer)
    }

    /// Whether there was no answer in time.
    pub(super) fn is_late(&self) -> bool {
        self.outcome == Err(Unreached::NoAnswer)
    }
}

/// What attempts share.
#[derive(Clone)]
pub(super) struct Attempts {
    clock: Clock,
    patience: Patience,
    witness: Arc<Witness>,
    tls: ClientConfig,
    older: ClientConfig,
    /// Where the name leads; empty: the DNS says.
    leads: Vec<IpAddr>,
}

impl Attempts {
    pub(super) fn new(
        clock: &Clock,
        roots: &[CertificateDer<'static>],
        patience: Patience,
        leads: &[IpAddr],
    ) -> Result<Self, rustls::Error> {
        let leads = leads.to_vec();
        let witness = Arc::new(Witness::new(clock, roots)?);
        let (tls, older) = (witness.watched(ALL)?, witness.watched(OLDER)?);
        Ok(Self { clock: clock.clone(), patience, witness, tls, older, leads })
    }

    /// The same, offering TLS 1.2 alone.
    pub(super) fn with_tls_1_2(&self) -> Self {
        Self { tls: self.older.clone(), ..self.clone() }
    }

    /// The same, at one of the addresses of the name.
    pub(super) fn at(&self, address: IpAddr) -> Self {
        Self { leads: vec![address], ..self.clone() }
    }

    /// Shakes hands, over a connection of its own.
    pub(super) async fn shake(&self, url: &Url, token: Token) -> Attempt {
        let names = Arc::new(Names::leading_to(self.leads.clone()));
        let watch = self.clock.stopwatch();
        let work = self.exchange(url, token, Arc::clone(&names));
        let outcome = match self.clock.timeout(self.patience.limit, work).await {
            Ok(outcome) => outcome.map_err(|error| self.reason(error)),
            Err(_) => Err(Unreached::NoAnswer),
        };
        let (took, seen) = (watch.elapsed(), self.witness.seen());
        Attempt { token, outcome, took, addresses: names.found(), shown: seen.chain, version: seen.version }
    }

    /// A server that misses our certificate may close the connection before it has said so, or while we ask.
    fn reason(&self, error: reqwest::Error) -> Unreached {
        match Unreached::of(error) {
            Unreached::Other(_) | Unreached::Closed if self.witness.seen().asks_for_ours => {
                Unreached::Tls(rustls::Error::AlertReceived(AlertDescription::CertificateRequired))
            }
            why => why,
        }
    }

    async fn exchange(&self, url: &Url, token: Token, names: Arc<Names>) -> reqwest::Result<Answer> {
        let client = Client::builder()
            .redirect(Policy::none())
            .no_gzip()
            // Before the whole time is over, so that it is known what took so long.
            .connect_timeout(self.patience.limit * 4 / 5)
            .dns_resolver(names)
            .tls_backend_preconfigured(self.tls.clone())
            .build()?;
        // Some refuse what does not say how long it is.
        let mut request = client.post(asked(url, token)).header(CONTENT_LENGTH, "0");
        if let Some(kind) = token.kind() {
            request = request.header(CONTENT_TYPE, kind);
        }
        read(request.send().await?).await
    }
}

/// The address with the token behind it, encoded as Microsoft encodes.
fn asked(url: &Url, token: Token) -> Url {
    let mut asked = url.clone();
    let sent = format!("{}={}", token.parameter(), token.sent());
    let query = url.query().map_or_else(|| sent.clone(), |before| format!("{before}&{sent}"));
    asked.set_query(Some(&query));
    asked
}

async fn read(mut response: Response) -> reqwest::Result<Answer> {
    let headers = std::mem::take(response.headers_mut());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_BYTES {
            break;
        }
    }
    Ok(Answer {
        status: response.status().as_u16(),
        kind: text(&headers, &CONTENT_TYPE),
        location: text(&headers, &LOCATION),
        packed: text(&headers, &CONTENT_ENCODING)
            .is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")),
        body,
    })
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_put_behind_what_the_address_has_already() {
        for (url, before) in [("https://h/notifications", ""), ("https://h/notifications?key=1", "key=1&")] {
            let asked = asked(&url.parse().unwrap(), Token::Usual);
            assert_eq!(asked.query().unwrap(), format!("{before}validationToken={}", Token::Usual.sent()));
        }
    }
}
