//! `Retry-After`: seconds or a date.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// The longest pause that a receiver may ask for; a mistake in its header must not silence a sink for days.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// Reads it.
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
