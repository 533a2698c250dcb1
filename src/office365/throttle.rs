//! Gates: who was told to wait, waits, and so does everybody else who would be counted with him. A request made
//! while throttled counts too and prolongs the state, so it does not leave the house.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use dashmap::DashMap;
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;

use super::connection::{Answer, http_date};
use super::{Failure, Verdict};
use crate::backoff;
use crate::clock::Clock;
use crate::metrics::{Metrics, since};
use crate::model::Name;

/// A longer wait than this is a mistake of whoever asks for it; Microsoft's longest known ones are minutes.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);
/// "At once" would be the next refusal.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// What Office 365 counts together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Area {
    /// Everything of the app in the tenant.
    Tenant,
    /// The app in one mailbox.
    Mailbox(String),
}

/// The gates of one tenant.
pub(super) struct Gates {
    tenant: Name,
    clock: Clock,
    metrics: Arc<Metrics>,
    closed: DashMap<Area, Closed>,
}

#[derive(Debug, Clone, Copy)]
struct Closed {
    until: DateTime<Utc>,
    /// Refusals in a row, for those that do not say how long.
    refusals: u32,
}

impl Gates {
    pub(super) fn new(tenant: Name, clock: Clock, metrics: Arc<Metrics>) -> Self {
        // The counter is there before the first wait, or its increase would not be seen.
        metrics.throttled(&tenant, Duration::ZERO);
        Self { tenant, clock, metrics, closed: DashMap::new() }
    }

    /// Lets a request out, unless its area or the whole tenant has to wait.
    pub(super) fn pass(&self, area: &Area) -> Result<(), Failure> {
        let now = self.clock.now();
        let left = [&Area::Tenant, area].into_iter().filter_map(|area| self.left(area, now)).max();
        left.map_or(Ok(()), |left| {
            let message = format!(
                "Office 365 asked to wait because of too many requests; {} s are left, until then nothing is sent",
                left.as_secs()
            );
            Err(Failure::local(Verdict::Throttled(left), "throttled", message))
        })
    }

    fn left(&self, area: &Area, now: DateTime<Utc>) -> Option<Duration> {
        let closed = *self.closed.get(area)?;
        (closed.until - now).to_std().ok().filter(|left| !left.is_zero())
    }

    /// An answer that was not a refusal: the next refusal is a first one again.
    pub(super) fn answered(&self, area: &Area) {
        let now = self.clock.now();
        self.closed.remove_if(area, |_, closed| closed.until <= now);
    }

    /// Office 365 refused for the number of requests. Returns how long the gate is closed.
    pub(super) fn refused(&self, area: &Area, asked: Option<Duration>) -> Duration {
        let now = self.clock.now();
        let (wait, added) = {
            let mut closed = self.closed.entry(area.clone()).or_insert(Closed { until: now, refusals: 0 });
            closed.refusals = closed.refusals.saturating_add(1);
            // The whole step: whoever waits stretches it by chance.
            let wait = asked.unwrap_or_else(|| backoff::REQUESTS.delay(closed.refusals, None, 1.0));
            let until = closed.until.max(now + wait);
            let added = since(closed.until.max(now), until);
            closed.until = until;
            (since(now, until), added)
        };
        self.metrics.throttled(&self.tenant, added);
        wait
    }
}

/// Whether an answer refuses because of the number of requests: 429, OneDrive's 509, or a 503 that says when.
pub(super) fn is_throttled(status: StatusCode, asked: Option<Duration>) -> bool {
    match status.as_u16() {
        429 | 509 => true,
        503 => asked.is_some(),
        _ => false,
    }
}

/// How long an answer asks to wait: the greater of `Retry-After` (seconds or a date, which is read against the
/// answer's own date) and `RateLimit-Reset`.
pub(super) fn asked_wait(answer: &Answer, now: DateTime<Utc>) -> Option<Duration> {
    let seconds = |text: &str| text.trim().parse().ok().map(Duration::from_secs);
    let until = |text: &str| http_date(text).map(|date| since(answer.date().unwrap_or(now), date));
    let retry_after =
        answer.header(RETRY_AFTER.as_str()).and_then(|text| seconds(text).or_else(|| until(text)));
    let reset = answer.header("ratelimit-reset").and_then(seconds);
    retry_after.max(reset).map(|wait| wait.clamp(SHORTEST_WAIT, LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderMap, HeaderName};

    fn answer(headers: &[(&'static str, &str)]) -> Answer {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        Answer { status: StatusCode::TOO_MANY_REQUESTS, headers, body: Vec::new() }
    }

    #[test]
    fn the_greater_of_both_waits_is_kept() {
        let date = ("date", "Tue, 24 Nov 2026 10:00:00 GMT");
        let now = DateTime::UNIX_EPOCH;
        for (headers, expected) in [
            (vec![], None),
            (vec![("retry-after", "17")], Some(17)),
            (vec![("retry-after", " 17 "), ("ratelimit-reset", "30")], Some(30)),
            (vec![("retry-after", "40"), ("ratelimit-reset", "30")], Some(40)),
            (vec![("ratelimit-reset", "5")], Some(5)),
            (vec![("retry-after", "0")], Some(1)),
            (vec![("retry-after", "99999999999999")], Some(24 * 3600)),
            (vec![("retry-after", "soon")], None),
            (vec![date, ("retry-after", "Tue, 24 Nov 2026 10:02:00 GMT")], Some(120)),
            (vec![date, ("retry-after", "Tue, 24 Nov 2026 09:00:00 GMT")], Some(1)),
        ] {
            let wait = asked_wait(&answer(&headers), now);
            assert_eq!(wait, expected.map(Duration::from_secs), "{headers:?}");
        }
    }

    #[test]
    fn an_overloaded_service_throttles_only_if_it_says_when() {
        let asked = Some(Duration::from_secs(1));
        for (status, asked, throttled) in [
            (429, None, true),
            (509, None, true),
            (503, asked, true),
            (503, None, false),
            (500, asked, false),
            (200, asked, false),
        ] {
            assert_eq!(is_throttled(StatusCode::from_u16(status).unwrap(), asked), throttled, "{status}");
        }
    }

    #[test]
    fn nothing_passes_a_closed_gate_until_the_time_is_over() {
        let clock = Clock::manual(DateTime::UNIX_EPOCH);
        let gates = Gates::new("contoso".parse().unwrap(), clock.clone(), Arc::default());
        let (alice, bob) = (Area::Mailbox("alice".to_owned()), Area::Mailbox("bob".to_owned()));
        let left = |area| gates.pass(area).err().and_then(|failure| failure.retry_after());

        assert_eq!(gates.refused(&alice, Some(Duration::from_secs(10))), Duration::from_secs(10));
        clock.advance(Duration::from_secs(4));
        gates.answered(&alice);
        assert_eq!(left(&alice), Some(Duration::from_secs(6)), "an answer that was on its way opens nothing");
        assert_eq!((left(&bob), left(&Area::Tenant)), (None, None), "others are not counted with her");

        gates.refused(&Area::Tenant, Some(Duration::from_secs(3)));
        assert_eq!(left(&bob), Some(Duration::from_secs(3)), "a tenant that waits, waits with its mailboxes");
        assert_eq!(left(&alice), Some(Duration::from_secs(6)));
        clock.advance(Duration::from_secs(6));
        assert_eq!((left(&alice), left(&Area::Tenant)), (None, None));
    }

    #[test]
    fn refusals_that_do_not_say_how_long_are_waited_out_longer_each_time() {
        let clock = Clock::manual(DateTime::UNIX_EPOCH);
        let metrics = Arc::new(Metrics::default());
        let gates = Gates::new("contoso".parse().unwrap(), clock.clone(), Arc::clone(&metrics));
        for expected in [2, 4, 8] {
            let wait = gates.refused(&Area::Tenant, None);
            assert_eq!(wait.as_secs(), expected);
            clock.advance(wait);
        }
        gates.answered(&Area::Tenant);
        assert_eq!(gates.refused(&Area::Tenant, None).as_secs(), 2);
        gates.refused(&Area::Tenant, Some(Duration::from_secs(1)));
        let text = metrics.observe(&crate::metrics::Snapshot::default()).unwrap();
        let line = r#"o365_throttled_seconds_total{tenant="contoso"} 16"#;
        assert!(text.lines().any(|l| l.starts_with(line)), "waits at the same time count once: {text}");
    }
}
