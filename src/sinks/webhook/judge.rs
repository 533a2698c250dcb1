//! What an answer means.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::model::Outcome;
use crate::sinks::Verdict;

/// The longest pause that a receiver may ask for; a mistake in its header must not silence a sink for days.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// What a status means, with the pause that was asked for beside it. Only a 2xx takes the events; a redirect is none.
pub(super) fn judge(status: u16, wait: Option<Duration>) -> (Outcome, Verdict) {
    match status {
        200..=299 => (Outcome::Delivered, Verdict::Delivered),
        410 => (Outcome::Gone, Verdict::Gone),
        429 => (Outcome::Throttled, Verdict::Stalled { wait }),
        503 if wait.is_some() => (Outcome::Throttled, Verdict::Stalled { wait }),
        _ => (Outcome::Refused, Verdict::Failed),
    }
}

/// Reads `Retry-After`: seconds or a date.
pub(super) fn wait(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = text.trim();
    let seconds = text.parse().ok().map(Duration::from_secs);
    let until = || {
        DateTime::parse_from_rfc2822(text).ok().map(|date| (date.to_utc() - now).to_std().unwrap_or_default())
    };
    seconds.or_else(until).map(|wait| wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_success_takes_the_events_and_only_gone_ends_it() {
        let pause = Some(Duration::from_secs(7));
        for (status, hint, outcome, verdict) in [
            (200, None, Outcome::Delivered, Verdict::Delivered),
            (204, pause, Outcome::Delivered, Verdict::Delivered),
            (302, None, Outcome::Refused, Verdict::Failed),
            (400, pause, Outcome::Refused, Verdict::Failed),
            (410, None, Outcome::Gone, Verdict::Gone),
            (429, pause, Outcome::Throttled, Verdict::Stalled { wait: pause }),
            (429, None, Outcome::Throttled, Verdict::Stalled { wait: None }),
            (500, None, Outcome::Refused, Verdict::Failed),
            (503, None, Outcome::Refused, Verdict::Failed),
            (503, pause, Outcome::Throttled, Verdict::Stalled { wait: pause }),
        ] {
            assert_eq!(judge(status, hint), (outcome, verdict), "{status} {hint:?}");
        }
    }

    #[test]
    fn a_pause_is_a_number_or_a_date_and_an_hour_at_most() {
        let now = "2026-11-26T10:00:00Z".parse().unwrap();
        for (text, seconds) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("86400", Some(3600)),
            ("Thu, 26 Nov 2026 10:01:00 GMT", Some(60)),
            ("Thu, 26 Nov 2026 09:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("1.5", None),
        ] {
            assert_eq!(wait(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
