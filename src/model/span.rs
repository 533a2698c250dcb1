use std::time::Duration;

/// The longest duration that anybody may name: a hundred years. A few thousand times that, dates come to their end.
pub const LONGEST_DURATION: Duration = Duration::from_secs(36_500 * 86_400);

/// Why a text is no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoDuration {
    /// It is none at all.
    Unreadable,
    /// It is longer than [`LONGEST_DURATION`].
    TooLong,
}

/// `6h`, `1h 30m`: at most [`LONGEST_DURATION`].
///
/// # Errors
/// With what is wrong, for whoever knows how it is written there.
pub fn parse_duration(text: &str) -> Result<Duration, NoDuration> {
    let duration = humantime::parse_duration(text).map_err(|error| match error {
        humantime::DurationError::NumberOverflow => NoDuration::TooLong,
        _ => NoDuration::Unreadable,
    })?;
    if duration > LONGEST_DURATION { Err(NoDuration::TooLong) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_dates_cannot_reach_is_too_long() {
        assert_eq!(parse_duration("36500d"), Ok(LONGEST_DURATION));
        for text in ["36501d", "99999999d", "99999999999999d", "99999999999999999999999d"] {
            assert_eq!(parse_duration(text), Err(NoDuration::TooLong), "{text}");
        }
        for text in ["", "6", "six hours", "-6h"] {
            assert_eq!(parse_duration(text), Err(NoDuration::Unreadable), "{text}");
        }
    }
}
