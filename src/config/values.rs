//! Kinds of value that sections share, each read from a text by a function that says what to write instead.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use url::{Host, Url};

use crate::model::{self, NoDuration};

/// Reads a text by `parse`.
pub(super) fn text<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// `"127.0.0.1:8081"`.
pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    text(deserializer, |text| {
        text.parse().map_err(|_| {
            format!("'{text}' is not an address to listen on: write IP:PORT, such as \"127.0.0.1:8081\" or \"[::]:8080\"")
        })
    })
}

/// `"6h"`.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    text(deserializer, parse_duration)
}

/// `"6h"`; `0` is none.
pub(super) fn duration_or_off<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    struct OrOff;

    impl Visitor<'_> for OrOff {
        type Value = Option<Duration>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a duration such as \"6h\", or 0 to turn it off")
        }

        fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
            if number == 0 { Ok(None) } else { Err(E::custom(not_a_duration(&number.to_string()))) }
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            if text == "0" { Ok(None) } else { parse_duration(text).map(Some).map_err(E::custom) }
        }
    }

    deserializer.deserialize_any(OrOff)
}

/// `"30d"`; `"max"` is none.
pub(super) fn duration_or_max<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    text(deserializer, |text| if text == "max" { Ok(None) } else { parse_duration(text).map(Some) })
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    match model::parse_duration(text) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        Ok(_) | Err(NoDuration::Unreadable) => Err(not_a_duration(text)),
        Err(NoDuration::TooLong) => Err(format!("'{text}' is too long: write \"36500d\" at most")),
    }
}

fn not_a_duration(text: &str) -> String {
    format!("'{text}' is not a duration: write a number and its unit, such as \"90s\", \"6h\" or \"30d\"")
}

/// `"1MiB"`, in bytes.
pub(super) fn parse_size(text: &str) -> Result<usize, String> {
    const UNITS: [(&str, usize); 3] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    let scaled = UNITS.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)));
    let (number, bytes) = scaled.unwrap_or((text.strip_suffix('B').unwrap_or(text), 1));
    let size = number.trim().parse::<usize>().ok().and_then(|number| number.checked_mul(bytes));
    size.ok_or_else(|| {
        format!("'{text}' is not a size: write a number and its unit, such as \"512KiB\" or \"1MiB\"")
    })
}

/// A web address that paths are appended to, without a slash at the end of its path.
pub(super) fn base_url(text: &str) -> Result<Url, String> {
    let invalid = |reason: &str| format!("'{text}' cannot be used: {reason}");
    let mut url = Url::parse(text)
        .map_err(|_| invalid("it is not a web address; write https://HOST, or https://HOST/PATH"))?;
    if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
        return Err(invalid("write https://HOST, or https://HOST/PATH"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("leave out what begins with '?' or '#'"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a web address with a user or password in it cannot be used: leave out what stands before the '@'".to_owned());
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// Whether a web address stays on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// An optional [`base_url`].
pub(super) fn optional_base_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    text(deserializer, base_url).map(Some)
}

/// The path of a file.
pub(super) fn file(text: &str) -> Result<PathBuf, String> {
    let path = (!text.trim().is_empty()).then(|| PathBuf::from(text));
    path.ok_or_else(|| "there is no file without a name: write its path".to_owned())
}

/// `"2027-01-31"`: its first moment in UTC.
pub(super) fn optional_day<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<DateTime<Utc>>, D::Error> {
    text(deserializer, day).map(Some)
}

fn day(text: &str) -> Result<DateTime<Utc>, String> {
    let day = text.parse::<NaiveDate>().ok().and_then(|day| day.and_hms_opt(0, 0, 0));
    day.map(|day| day.and_utc())
        .ok_or_else(|| format!("'{text}' is not a day: write YEAR-MONTH-DAY, such as \"2027-01-31\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!(parse_size("1MiB"), Ok(1_048_576));
        assert_eq!(parse_size("512 KiB"), Ok(524_288));
        assert_eq!(parse_size("17B"), Ok(17));
        assert_eq!(parse_size("17"), Ok(17));
        for bad in ["", "MiB", "1MB", "-1KiB", "1.5MiB", "99999999999999999999"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn days_are_written_with_the_year_first() {
        assert_eq!(day("2027-01-31").unwrap().to_rfc3339(), "2027-01-31T00:00:00+00:00");
        for bad in ["", "31.01.2027", "2027-02-30", "2027-01-31T00:00:00Z", "soon"] {
            assert!(day(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn base_addresses_are_normalised() {
        let normal = |text| base_url(text).unwrap().to_string();
        assert_eq!(normal("HTTPS://Hooks.Contoso.com"), "https://hooks.contoso.com/");
        assert_eq!(normal("https://hooks.contoso.com:443/o365/"), "https://hooks.contoso.com/o365");
        for bad in ["hooks.contoso.com", "ftp://a", "https://", "https://a?b", "https://a#b", "https://a:b@c"]
        {
            assert!(base_url(bad).is_err(), "{bad}");
        }
    }
}
