//! Change tokens, `1;3;{list};{ticks};{number}`: a place in the change log of a list. They are kept and sent as they came;
//! what is read in one is whose it is and how old, since an old one is answered as if nothing had happened.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// .NET counts steps of 100 ns from the year 1 on; so many lie before 1970.
const EPOCH: i64 = 621_355_968_000_000_000;
const PER_SECOND: i64 = 10_000_000;
/// The change log of a list.
const OF_LIST: &str = "3";

/// A place in the change log of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChangeToken {
    text: String,
    list: Uuid,
    at: DateTime<Utc>,
}

impl ChangeToken {
    /// Reads a token of this list; none: it is garbled, or of something else.
    pub(super) fn of(list: &str, text: &str) -> Option<Self> {
        let token = Self::read(text)?;
        (list.parse() == Ok(token.list)).then_some(token)
    }

    fn read(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(';').collect();
        let ["1", OF_LIST, list, ticks, number] = parts.as_slice() else { return None };
        let number: i64 = number.parse().ok()?;
        let ticks = ticks.parse::<i64>().ok()?.checked_sub(EPOCH)?;
        let nanos = u32::try_from(ticks.rem_euclid(PER_SECOND)).ok()?.checked_mul(100)?;
        let at = DateTime::from_timestamp(ticks.div_euclid(PER_SECOND), nanos)?;
        (number >= -1).then_some(Self { text: text.to_owned(), list: list.parse().ok()?, at })
    }

    /// As SharePoint wrote it.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// How old it is.
    pub(super) fn age(&self, now: DateTime<Utc>) -> TimeDelta {
        now.signed_duration_since(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "e4b1a2c3-d5f6-4708-9a1b-2c3d4e5f6071";

    #[test]
    fn a_token_tells_whose_it_is_and_how_old() {
        let text = format!("1;3;{LIST};638712863999999999;451");
        let token = ChangeToken::of(&LIST.to_uppercase(), &text).unwrap();
        let second: DateTime<Utc> = "2025-01-01T00:00:01Z".parse().unwrap();
        assert_eq!((token.text(), token.age(second).num_nanoseconds()), (text.as_str(), Some(1_000_000_100)));
        assert!(ChangeToken::of(LIST, &format!("1;3;{LIST};638712864000000000;-1")).is_some());
    }

    #[test]
    fn what_is_garbled_or_of_something_else_is_no_token() {
        let other = "00000000-d5f6-4708-9a1b-2c3d4e5f6071";
        for text in [
            "",
            "latest",
            "1;3",
            &format!("2;3;{LIST};638712864000000000;4"),
            &format!("1;2;{LIST};638712864000000000;4"),
            &format!("1;3;{other};638712864000000000;4"),
            &format!("1;3;{LIST};soon;4"),
            &format!("1;3;{LIST};-9223372036854775808;4"),
            &format!("1;3;{LIST};638712864000000000;x"),
            &format!("1;3;{LIST};638712864000000000;4;5"),
        ] {
            assert_eq!(ChangeToken::of(LIST, text), None, "{text}");
        }
        assert_eq!(ChangeToken::of("no guid", &format!("1;3;{LIST};638712864000000000;4")), None);
    }
}
