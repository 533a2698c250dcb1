//! Times, texts and tables as people read them.

use std::time::Duration;

use chrono::{DateTime, Datelike as _, Utc};
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde_json::json;

use crate::model::{Name, NoDuration, parse_duration};

/// `6h`, as options take it.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| match error {
        NoDuration::Unreadable => {
            format!("'{text}' is not a duration: write a number and its unit, such as 90s, 6h or 30d")
        }
        NoDuration::TooLong => format!("'{text}' is too long: write 36500d at most"),
    })
}

/// `2026-11-23T10:00:00Z`, as options take it.
pub(super) fn time(text: &str) -> Result<DateTime<Utc>, String> {
    // Close to the ends of what dates can tell nothing can be added to them.
    let time = text.parse::<DateTime<Utc>>().ok().filter(|time| (1970..10_000).contains(&time.year()));
    time.ok_or_else(|| format!("'{text}' is not a time: write it as 2026-11-23T10:00:00Z"))
}

/// For programs: this was removed. The API answers with nothing then.
pub(super) fn removed(name: &Name) -> String {
    json!({ "name": name, "state": "removed" }).to_string()
}

/// Seconds in each unit, from the largest that is told.
const UNITS: [(i64, &str); 4] = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];

/// How far `time` is from `now`: "in 3 days", "2 minutes ago", "now".
pub(super) fn distance(time: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = (time - now).num_seconds();
    let Some((length, unit)) = UNITS.iter().find(|(length, _)| seconds.abs() >= *length) else {
        return "now".to_owned();
    };
    let number = seconds.abs() / length;
    let plural = if number == 1 { "" } else { "s" };
    if seconds > 0 { format!("in {number} {unit}{plural}") } else { format!("{number} {unit}{plural} ago") }
}

/// The distance of a time that may be missing.
pub(super) fn distance_or_dash(time: Option<DateTime<Utc>>, now: DateTime<Utc>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| distance(time, now))
}

/// A text from elsewhere for a terminal: on one line, not longer than `longest`, and unable to steer it.
pub(super) fn plain(text: &str, longest: usize) -> String {
    let visible = |c: char| if c.is_control() || is_direction(c) { ' ' } else { c };
    let mut short: String = text.chars().take(longest).map(visible).collect();
    if text.chars().nth(longest).is_some() {
        short.pop();
        short.push('…');
    }
    short
}

/// Characters that turn the direction of the text that follows them.
const fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A table without lines, its columns two blanks apart.
pub(super) fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header.to_vec());
    table.add_rows(rows.into_iter().map(Vec::from));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// Named values, a line each.
pub(super) fn fields<'a>(fields: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let fields: Vec<_> = fields.into_iter().collect();
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines: Vec<_> = fields.iter().map(|(name, value)| format!("  {name:<width$}  {value}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_one_that_something_can_be_added_to() {
        assert_eq!(time("1970-01-01T00:00:00Z"), Ok(DateTime::UNIX_EPOCH));
        for text in ["bogus", "-262143-01-01T00:00:00Z", "+262142-12-31T23:59:59Z", "1969-12-31T23:59:59Z"] {
            assert!(time(text).unwrap_err().ends_with("write it as 2026-11-23T10:00:00Z"), "{text}");
        }
    }

    #[test]
    fn distances_are_told_in_the_largest_unit() {
        let now = DateTime::UNIX_EPOCH;
        for (seconds, said) in [
            (0, "now"),
            (1, "in 1 second"),
            (-59, "59 seconds ago"),
            (-60, "1 minute ago"),
            (7_199, "in 1 hour"),
            (3 * 86_400, "in 3 days"),
        ] {
            assert_eq!(distance(now + chrono::TimeDelta::seconds(seconds), now), said);
        }
    }

    #[test]
    fn a_text_cannot_steer_the_terminal() {
        assert_eq!(plain("a\x1b[31mb\nc\u{202e}d", 40), "a [31mb c d");
        assert_eq!(plain("plan.docx", 9), "plan.docx");
        assert_eq!(plain("plan.docx!", 9), "plan.doc…");
    }

    #[test]
    fn tables_are_aligned() {
        let rows = [["a".to_owned(), "long".to_owned()], ["longer".to_owned(), "b".to_owned()]];
        insta::assert_snapshot!(table(["NAME", "VALUE"], rows), @r"
        NAME    VALUE
        a       long
        longer  b
        ");
    }
}
