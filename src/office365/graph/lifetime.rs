//! Refusals that say how long a subscription may live. The number stands in the text alone, which is read for nothing else.

use std::time::Duration;

use super::super::{Failure, Verdict};

/// Two texts that were seen: what stands before the number. The one is in minutes, the other a span of time.
const IN_MINUTES: &str = "expiration can only be ";
const AS_SPAN: &str = "beyond allowed max '";

/// What a refusal says, in one sentence with the expiration, that is about its being too late, and names no number.
const TOO_LATE: [&str; 6] = ["beyond", "exceed", "maximum", "can only be", "longer than", "too far"];

/// Tells a refusal because of a life that is too long from others.
pub(super) fn judged(failure: Failure) -> Failure {
    match read(&failure.message) {
        Some(verdict) if failure.verdict == Verdict::Rejected => Failure { verdict, ..failure }
            .explained("Office 365 lets this subscription live less long than it was asked for"),
        _ => failure,
    }
}

/// The verdict that a text leads to, if it is about a life that is too long.
fn read(text: &str) -> Option<Verdict> {
    let lower = text.to_ascii_lowercase();
    let after = |before: &str| lower.split_once(before).map(|(_, after)| after);
    let told = after(IN_MINUTES).and_then(minutes).or_else(|| after(AS_SPAN).and_then(time_span));
    let longest = told.filter(|longest| !longest.is_zero());
    let is_too_late = |sentence: &str| TOO_LATE.iter().any(|word| sentence.contains(word));
    let too_late = lower.split(". ").any(|one| one.contains("expiration") && is_too_late(one));
    (longest.is_some() || too_late).then_some(Verdict::TooLong { longest })
}

/// `N minutes…`
fn minutes(text: &str) -> Option<Duration> {
    let (number, rest) = text.split_once(' ')?;
    let minutes: u64 = number.parse().ok().filter(|_| rest.starts_with("minute"))?;
    minutes.checked_mul(60).map(Duration::from_secs)
}

/// `[DAYS.]HOURS:MINUTES:SECONDS[.FRACTION]'…`, as .NET writes a duration.
fn time_span(text: &str) -> Option<Duration> {
    let (span, _) = text.split_once('\'')?;
    let (days_and_hours, rest) = span.split_once(':')?;
    let (days, hours) = days_and_hours.split_once('.').unwrap_or(("0", days_and_hours));
    let (minutes, seconds) = rest.split_once(':')?;
    let seconds = seconds.split('.').next()?;
    let number = |text: &str| text.parse::<u32>().ok().map(u64::from);
    let hours = number(days)? * 24 + number(hours)?;
    Some(Duration::from_secs((hours * 60 + number(minutes)?) * 60 + number(seconds)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_life_is_read_out_of_both_texts_and_guessed_from_none() {
        let too_long = |longest| Some(Verdict::TooLong { longest });
        let minutes = |n: u64| too_long(Some(Duration::from_secs(n * 60)));
        let beyond = |span: &str| {
            format!(
                "Operation: Create; Exception: [Status Code: BadRequest; Reason: Expiration time '2026-11-30T09:00:00Z' is beyond allowed max '{span}'.]"
            )
        };
        for (text, expected) in [
            ("Subscription expiration can only be 10070 minutes in the future.", minutes(10_070)),
            (
                "Office 365 answered 400 X: subscription Expiration can only be 60 Minutes in the future.",
                minutes(60),
            ),
            (&beyond("3.00:00:00"), minutes(4_320)),
            (&beyond("01:00:00"), minutes(60)),
            (&beyond("2.22:30:00.0000000"), minutes(4_230)),
            // About the length, but no number can be had.
            (&beyond("P3D"), too_long(None)),
            ("Subscription expiration can only be 0 minutes in the future.", too_long(None)),
            (
                "Subscription expiration can only be 99999999999999999999 minutes in the future.",
                too_long(None),
            ),
            ("expirationDateTime is beyond the maximum allowed for this resource.", too_long(None)),
            // About something else.
            ("Subscription expiration must be in the future.", None),
            ("expirationDateTime is not a valid date and time.", None),
            ("clientState must not exceed 128 characters.", None),
            ("expirationDateTime is required. clientState must not exceed 128 characters.", None),
            ("Subscription validation request timed out.", None),
            ("", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn only_what_is_not_accepted_is_read() {
        let text = "Subscription expiration can only be 60 minutes in the future.";
        for verdict in [Verdict::Forbidden, Verdict::Transient, Verdict::NotFound] {
            let failure = Failure::local(verdict.clone(), "x", text);
            assert_eq!(judged(failure).verdict, verdict);
        }
        let longest = Some(Duration::from_secs(3_600));
        let failure = judged(Failure::local(Verdict::Rejected, "ValidationError", text));
        assert_eq!(failure.verdict, Verdict::TooLong { longest });
        assert!(failure.message.ends_with(text), "{failure}");
    }
}
