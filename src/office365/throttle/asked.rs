//! What an answer says about the number of requests.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;

use super::super::connection::{Answer, http_date};
use crate::metrics::since;

/// A longer wait than this is a mistake of whoever asks for it; Microsoft's longest known ones are minutes.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);
/// "At once" would be the next refusal.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// A window that is said to be longer is not believed: Microsoft's is a minute.
const LONGEST_WINDOW: Duration = Duration::from_secs(300);
/// From which share of the limit on the rest is spread over what is left of the window.
const LITTLE: u64 = 4;

/// What is left of a limit, as answers tell it once most of it is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowance {
    /// Nothing: wait until the window ends.
    UsedUp(Duration),
    /// Little: one request in each `every`, for `window`.
    Little {
        /// Time from one request to the next.
        every: Duration,
        /// How long it is so.
        window: Duration,
    },
}

/// Whether an answer refuses because of the number of requests: 429, OneDrive's 509, or a 503 that says when.
pub(in crate::office365) fn is_throttled(status: StatusCode, asked: Option<Duration>) -> bool {
    match status.as_u16() {
        429 | 509 => true,
        503 => asked.is_some(),
        _ => false,
    }
}

/// How long an answer asks to wait: the greater of `Retry-After` (seconds or a date, which is read against the
/// answer's own date) and `RateLimit-Reset`.
pub(in crate::office365) fn asked_wait(answer: &Answer, now: DateTime<Utc>) -> Option<Duration> {
    let seconds = |text: &str| text.trim().parse().ok().map(Duration::from_secs);
    let until = |text: &str| http_date(text).map(|date| since(answer.date().unwrap_or(now), date));
    let retry_after =
        answer.header(RETRY_AFTER.as_str()).and_then(|text| seconds(text).or_else(|| until(text)));
    let reset = answer.header("ratelimit-reset").and_then(seconds);
    retry_after.max(reset).map(|wait| wait.clamp(SHORTEST_WAIT, LONGEST_WAIT))
}

/// What `RateLimit-Limit`, `-Remaining` and `-Reset` (seconds) leave; none where they are not sent or there is enough. Limits
/// may be a list such as `1200, 1200;w=60`, whose first number counts.
pub(super) fn allowance(answer: &Answer) -> Option<Allowance> {
    let number = |name: &str| {
        let first = answer.header(name)?.split([',', ';']).next()?;
        first.trim().parse::<u64>().ok()
    };
    let remaining = number("ratelimit-remaining")?;
    let window = Duration::from_secs(number("ratelimit-reset")?).clamp(SHORTEST_WAIT, LONGEST_WINDOW);
    if remaining == 0 {
        return Some(Allowance::UsedUp(window));
    }
    let enough = number("ratelimit-limit").is_some_and(|limit| remaining > limit / LITTLE);
    let shares = u32::try_from(remaining).unwrap_or(u32::MAX);
    (!enough).then(|| Allowance::Little { every: window / shares, window })
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
    fn what_little_is_left_is_spread_over_the_window() {
        let told = |limit: &str, remaining: &str, reset: &str| {
            allowance(&answer(&[
                ("ratelimit-limit", limit),
                ("ratelimit-remaining", remaining),
                ("ratelimit-reset", reset),
            ]))
        };
        let seconds = Duration::from_secs;
        let little = |every, window| Some(Allowance::Little { every, window });
        assert_eq!(told("1250", "1000", "30"), None);
        assert_eq!(told("1250", "100", "30"), little(Duration::from_millis(300), seconds(30)));
        assert_eq!(told("1250, 1250;w=60", "60", "30"), little(Duration::from_millis(500), seconds(30)));
        assert_eq!(told("1250", "0", "17"), Some(Allowance::UsedUp(seconds(17))));
        assert_eq!(
            told("1250", "0", "0"),
            Some(Allowance::UsedUp(seconds(1))),
            "the next second at the soonest"
        );
        assert_eq!(
            told("?", "10", "20"),
            little(seconds(2), seconds(20)),
            "no limit told: it is only sent when little is left"
        );
        assert_eq!(told("1250", "0", "999999999"), Some(Allowance::UsedUp(seconds(300))));
        assert_eq!(told("1250", "-1", "5"), None);
        assert_eq!(allowance(&answer(&[("ratelimit-remaining", "0")])), None);
    }
}
