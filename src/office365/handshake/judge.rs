//! What was seen of a handshake, in words: what is wrong, and how to mend it.

use std::fmt::Display;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rustls::{AlertDescription, Error, PeerIncompatible};
use url::Url;

use super::attempt::{Answer, Attempt};
use super::chain::{self, Link};
use super::echo::{Altered, Token, altered};
use super::reach::Unreached;
use super::{Patience, Unshaken};

/// What whoever stands before the listener has to do.
const PASS: &str = "pass POST /notifications and POST /lifecycle to the notification port ([listen] notifications), with \
                    their query, and their answers as they are";

/// Judges a first handshake and the one after it.
pub(super) fn twice(
    url: &Url,
    first: &Attempt,
    second: &Attempt,
    now: DateTime<Utc>,
    patience: Patience,
) -> Result<String, Unshaken> {
    if first.is_late() {
        answered(url, second, now, patience)?;
        return Err(format!(
            "did not answer within {}, which is as long as Microsoft waits, and then within {}: it sleeps while \
             nobody calls. Keep one instance running (\"always on\", no scaling to zero)",
            shown(patience.limit),
            shown(second.took)
        )
        .into());
    }
    answered(url, first, now, patience)?;
    let remark = match answered(url, second, now, patience) {
        Ok(()) => pace(first.took, Some(second.took), patience),
        // Bytes that are altered are altered by a rule, whatever today's tokens hold.
        Err(unshaken) if matches!(&second.outcome, Ok(answer) if answer.status != 200) => Some(format!(
            "but a token that holds + and % is refused ({}); Microsoft's of today hold neither, but their form may \
             change: except the parameter validationToken from the rules of the firewall",
            unshaken.status.unwrap_or_default()
        )),
        Err(unshaken) => return Err(unshaken),
    };
    Ok(in_order(first.took, remark))
}

/// Judges a handshake by itself.
pub(super) fn once(
    url: &Url,
    attempt: &Attempt,
    now: DateTime<Utc>,
    patience: Patience,
) -> Result<String, Unshaken> {
    answered(url, attempt, now, patience)?;
    Ok(in_order(attempt.took, pace(attempt.took, None, patience)))
}

fn in_order(took: Duration, remark: Option<String>) -> String {
    match remark {
        None => format!("answers the handshake, in {}", shown(took)),
        Some(remark) => format!("warning: answers the handshake, in {}, {remark}", shown(took)),
    }
}

/// What is to be said of how long it took.
fn pace(first: Duration, second: Option<Duration>, patience: Patience) -> Option<String> {
    if first <= patience.slow && second.is_none_or(|second| second <= patience.slow) {
        return None;
    }
    let harm = format!(
        "and notifications are late where answers take more than {}, and lost where more than {}",
        shown(patience.slow),
        shown(patience.limit)
    );
    Some(match second {
        Some(second) if second <= patience.slow => format!(
            "and the next time in {}: it sleeps while nobody calls, {harm}; keep one instance running (\"always on\", no \
             scaling to zero)",
            shown(second)
        ),
        Some(second) if first <= patience.slow => format!("but the next time in {}, {harm}", shown(second)),
        _ => format!("{harm}: look for what is slow on the way to the notification port"),
    })
}

fn answered(url: &Url, attempt: &Attempt, now: DateTime<Utc>, patience: Patience) -> Result<(), Unshaken> {
    match &attempt.outcome {
        Ok(answer) => judged(url, answer, attempt.token),
        Err(why) => Err(unreached(url, why, &attempt.shown, now, patience).into()),
    }
}

/// Judges an answer.
pub(super) fn judged(url: &Url, answer: &Answer, token: Token) -> Result<(), Unshaken> {
    if answer.status != 200 {
        let problem = format!("answers {}{}", answer.status, refusal(url, answer));
        return Err(Unshaken { status: Some(answer.status), problem });
    }
    if answer.packed {
        let problem =
            "compresses its answer, though nobody asked for that: switch that off for this path".to_owned();
        return Err(problem.into());
    }
    if let Some(altered) = altered(token, &answer.body) {
        return Err(format!("does not give the token back as it is: {}", difference(altered)).into());
    }
    let kind = answer.kind.as_deref().unwrap_or_default();
    let plain = kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/plain"));
    if plain {
        return Ok(());
    }
    let kind = if kind.is_empty() { "without a Content-Type" } else { kind };
    Err(format!("gives the token back as {kind} where the handshake wants text/plain: {PASS}").into())
}

/// What a status other than 200 means.
fn refusal(url: &Url, answer: &Answer) -> String {
    let page = altered(Token::Usual, &answer.body) == Some(Altered::SignInPage);
    match answer.status {
        300..=399 => redirect(url, answer.location.as_deref()),
        401 | 407 => format!(": a sign-in stands before it. {OPEN}"),
        403 if page => format!(", with a page to sign in: {OPEN}"),
        403 => format!(
            ": a firewall, a sign-in, or [listen] allow_from keeps others out. {OPEN}, and let Microsoft's addresses in"
        ),
        404 | 410 => format!(
            ": there is no such path. Something else answers there, or a proxy changes the path {}: let it {PASS}",
            url.path()
        ),
        405 | 501 => format!(": POST is not accepted. Something else answers there: let a proxy {PASS}"),
        429 => ": too many requests; no limit may stand before the notification port".to_owned(),
        502..=504 => {
            ": a proxy answers, but does not reach the notification port. Is it told the address of [listen] notifications, \
             and does that port speak what it expects (https only with [listen.tls])?"
                .to_owned()
        }
        100..=299 => format!(" where the handshake wants 200: something else answers there, or the query is lost on the way. Let a proxy {PASS}"),
        400..=499 => format!(": what stands before it does not accept the request, or loses its query on the way. Let it {PASS}"),
        _ => format!(": something on the way is broken; its log says what. It has to {PASS}"),
    }
}

const OPEN: &str = "Except /notifications and /lifecycle from it (in Azure's App Service: authentication with these two as \
                    excluded paths): Microsoft does not sign in, it proves itself by what it sends";

fn redirect(url: &Url, location: Option<&str>) -> String {
    let Some(location) = location else {
        return " (a redirect to nowhere): Office 365 follows none".to_owned();
    };
    let target = url.join(location).ok();
    let host = target.as_ref().and_then(Url::host_str).unwrap_or_default().to_lowercase();
    let small = location.to_lowercase();
    let signs_in =
        ["login", "signin", "sign-in", "oauth2", "/.auth/", "sso"].iter().any(|word| small.contains(word));
    let begin = format!(", a redirect to {}, and Office 365 follows none", without_query(location));
    if signs_in || host.starts_with("login.") {
        return format!("{begin}: a sign-in stands before it. {OPEN}");
    }
    let last = url.path_segments().and_then(|mut path| path.next_back()).unwrap_or_default();
    let base = target.and_then(|target| {
        let base = target.path().strip_suffix(last)?.trim_end_matches('/');
        Some(format!("{}{base}", target.origin().ascii_serialization()))
    });
    let mend = base.unwrap_or_else(|| "what leads to the notification port without one".to_owned());
    format!("{begin}: set public_url to {mend}")
}

/// What a redirect hands on may be secret, and is long.
fn without_query(location: &str) -> &str {
    location.split(['?', '#']).next().unwrap_or_default()
}

fn difference(altered: Altered) -> String {
    match altered {
        Altered::Empty => format!(
            "the answer is empty. Something else answers there, or the query is lost on the way: let a proxy {PASS}"
        ),
        Altered::ByteOrderMark => {
            "a byte order mark stands before it; write the answer without one".to_owned()
        }
        Altered::Quoted => "it stands in quotes, as JSON; write the bare text".to_owned(),
        Altered::Padded => "white space or a line's end was added; write nothing else".to_owned(),
        Altered::PlusLeft => "only %XX was decoded, + was left; both have to be, as in a form".to_owned(),
        Altered::Encoded => "it was not decoded; what stands in the query is encoded as in a form".to_owned(),
        Altered::DecodedTwice => {
            "it was decoded twice; something on the way decodes the query before it hands it on".to_owned()
        }
        Altered::CutOff => {
            "it was cut off; something on the way takes it apart at a space or another sign".to_owned()
        }
        Altered::SignInPage => format!("a page to sign in comes instead. {OPEN}"),
        Altered::Page => {
            format!("a web page comes instead; something else answers there. Let a proxy {PASS}")
        }
        Altered::Surrounded => "something was put around it; write the bare text".to_owned(),
        Altered::Different => format!(
            "something else comes instead. Another service answers there, or it is rewritten on the way: let a proxy {PASS}"
        ),
    }
}

/// Says why there was no answer.
pub(super) fn unreached(
    url: &Url,
    why: &Unreached,
    shown_chain: &[Link],
    now: DateTime<Utc>,
    patience: Patience,
) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let cannot = |reason: &dyn Display, mend: &str| format!("cannot be reached ({reason}): {mend}");
    match why {
        Unreached::NoSuchHost(reason) => cannot(
            &format!("{host} is not found: {reason}"),
            "make an entry for it in the DNS, or mend the name in public_url; a new entry takes some time",
        ),
        Unreached::Refused => cannot(
            &format!("nobody listens on port {port}"),
            "start what shall listen there, a proxy or the listener itself, or mend the port in public_url",
        ),
        Unreached::NoConnection => cannot(
            &format!("port {port} gives no connection in time"),
            "let a firewall on the way pass it, and look whether the DNS leads to the right address",
        ),
        Unreached::NoAnswer => format!(
            "did not answer within {}, which is as long as Microsoft waits: look for what is slow or stands still \
             on the way to the notification port",
            shown(patience.limit)
        ),
        Unreached::Closed => cannot(
            &"the connection was closed without an answer",
            "look into the log of what listens there; a firewall or a proxy may refuse what it does not know",
        ),
        Unreached::Tls(Error::InvalidCertificate(error)) => {
            format!("would not be called: {}", chain::explain(host, error, shown_chain, now))
        }
        Unreached::Tls(error) => format!("would not be called: {}", without_tls(host, port, error)),
        Unreached::Other(reason) => cannot(
            reason,
            "point it at the notification port, by a proxy if need be; the log of what listens there may say more",
        ),
    }
}

/// Says why TLS does not come about, for other reasons than a certificate.
fn without_tls(host: &str, port: u16, error: &Error) -> String {
    use AlertDescription as Alert;
    match error {
        Error::AlertReceived(Alert::ProtocolVersion)
        | Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => "it speaks no TLS 1.2 or later, and Microsoft nothing before it: switch 1.2 and 1.3 on".to_owned(),
        Error::AlertReceived(Alert::UnrecognisedName) => {
            format!("what listens there does not know the name {host}: configure it there, with its certificate")
        }
        Error::AlertReceived(Alert::CertificateRequired | Alert::BadCertificate | Alert::AccessDenied) => {
            "it asks for a client certificate, and Microsoft shows none: do without for /notifications and /lifecycle"
                .to_owned()
        }
        Error::AlertReceived(Alert::HandshakeFailure) | Error::PeerIncompatible(_) => format!(
            "no cipher is known to both sides ({error}): allow today's (ECDHE with AES-GCM), and give it a certificate \
             for {host}"
        ),
        Error::InvalidMessage(_) => format!(
            "it speaks no TLS on port {port} (plain HTTP?): public_url has to lead to a port with TLS, of a proxy or by \
             [listen.tls]"
        ),
        other => format!("TLS does not come about ({other})"),
    }
}

fn shown(duration: Duration) -> String {
    match duration.as_millis() {
        millis @ 0..1000 => format!("{millis} ms"),
        _ if duration.subsec_nanos() == 0 => format!("{} s", duration.as_secs()),
        _ => format!("{:.1} s", duration.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests;
