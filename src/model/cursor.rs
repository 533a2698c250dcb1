use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

/// A reader's place in the event log: the `sequence` of the last event it has seen, written as twenty digits so
/// that text order is log order. [`Cursor::START`] is before every event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Deserialize)]
#[serde(try_from = "String")]
pub struct Cursor(u64);

/// A text that is not a [`Cursor`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a cursor: use the `next` or `sequence` that an earlier answer gave")]
pub struct InvalidCursor(String);

impl Cursor {
    /// Before the first event.
    pub const START: Self = Self(0);

    /// The cursor of the event with this number; the log counts from 1.
    pub const fn at(sequence: u64) -> Self {
        Self(sequence)
    }

    /// The event's number.
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}", self.0)
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let invalid = || InvalidCursor(text.chars().take(40).collect());
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid());
        }
        // Databases count in signed 64 bits.
        text.parse().ok().filter(|n| i64::try_from(*n).is_ok()).map(Self).ok_or_else(invalid)
    }
}

impl TryFrom<String> for Cursor {
    type Error = InvalidCursor;

    fn try_from(text: String) -> Result<Self, InvalidCursor> {
        text.parse()
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_twenty_digits_and_reads_back() {
        assert_eq!(Cursor::at(42).to_string(), "00000000000000000042");
        assert_eq!("00000000000000000042".parse(), Ok(Cursor::at(42)));
        assert_eq!("42".parse(), Ok(Cursor::at(42)));
        for bad in ["", "-1", "+1", "1e3", "99999999999999999999", "latest"] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
        }
    }
}
