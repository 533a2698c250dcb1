//! Sinks and dead letters as they are shown.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::cli::output::Look;
use crate::cli::readable::{distance, distance_or_dash, plain, table};
use crate::model::Name;

/// Longest text shown of what a receiver says.
pub(super) const LONGEST: usize = 300;

#[derive(Debug, Deserialize)]
pub(super) struct List {
    pub sinks: Vec<View>,
}

/// What is shown of a sink.
#[derive(Debug, Deserialize)]
pub(super) struct View {
    name: Name,
    r#type: Option<String>,
    state: String,
    group: Option<String>,
    position: String,
    lag: u64,
    pending: u64,
    dead_letters: u64,
    last_delivered_at: Option<DateTime<Utc>>,
    lost: u64,
    lost_at: Option<DateTime<Utc>>,
    failure: Option<Attempt>,
    disabled_reason: Option<String>,
    unusable_reason: Option<String>,
}

/// What came of sending something once.
#[derive(Debug, Deserialize)]
pub(super) struct Attempt {
    at: DateTime<Utc>,
    outcome: String,
    status: Option<u16>,
    answer: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tried {
    pub delivered: bool,
    pub event: String,
    pub attempt: Attempt,
}

#[derive(Debug, Deserialize)]
pub(super) struct DeadLetters {
    pub dead_letters: Vec<DeadLetter>,
}

#[derive(Debug, Deserialize)]
pub(super) struct DeadLetter {
    id: String,
    r#type: String,
    subject: String,
    attempts: Vec<Attempt>,
}

/// What of the log a sink would have been sent.
#[derive(Debug, Deserialize)]
pub(super) struct Looked {
    #[serde(rename = "looked_at")]
    of: u64,
    wanted: u64,
    unsure: u64,
    reason: Option<String>,
    events: Vec<Sent>,
    next: Option<String>,
}

/// An event that it would have been sent.
#[derive(Debug, Deserialize)]
struct Sent {
    sequence: String,
    r#type: String,
    subscription: String,
    subject: String,
}

impl Looked {
    /// All of it, for people.
    pub fn told(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        for Sent { sequence, r#type, subscription, subject } in &self.events {
            lines.push(format!(
                "{sequence}  {}  {}  {}",
                plain(r#type, LONGEST),
                subscription,
                plain(subject, LONGEST)
            ));
        }
        let shown = u64::try_from(self.events.len()).unwrap_or(u64::MAX);
        if self.wanted > shown {
            lines.push(format!("… and {} more", self.wanted - shown));
        }
        lines.push(format!("It would have been sent {} of {} events.", self.wanted, self.of));
        if let Some(reason) = &self.reason {
            let reason = plain(reason, LONGEST);
            lines.push(format!(
                "{} of them only because its filter cannot be evaluated: {reason}.",
                self.unsure
            ));
        }
        if let Some(next) = &self.next {
            lines.push(format!("Later ones, after {next}, were not looked at: ask for less time."));
        }
        lines.join("\n")
    }
}

/// What came of sending a part of the log again.
#[derive(Debug, Deserialize)]
pub(super) struct Again {
    replayed: u64,
    next: Option<String>,
}

impl Again {
    /// For people.
    pub fn told(&self, name: &Name) -> String {
        let more = self.next.as_ref().map(|next| {
            format!("\nThere is more than goes at once: when these have gone, go on with --after {next}.")
        });
        format!("{name}: {} events are sent again.{}", self.replayed, more.unwrap_or_default())
    }
}

impl Attempt {
    /// Its outcome in a line.
    pub fn told(&self) -> String {
        let status = self.status.map(|status| format!(" ({status})")).unwrap_or_default();
        let answer = if self.answer.is_empty() { String::new() } else { format!(": {}", self.answer) };
        format!("{}{status}{answer}", self.outcome)
    }
}

/// How a sink is, and where.
pub(super) fn state(view: &View) -> String {
    format!("{} at {}", plain(&view.state, LONGEST), plain(&view.position, LONGEST))
}

/// All sinks as a table, with what is wrong below it.
pub(super) fn overview(views: &[View], now: DateTime<Utc>) -> String {
    if views.is_empty() {
        return "No sinks: a [[sink]] in the configuration makes one.".to_owned();
    }
    let rows = views.iter().map(|view| {
        [
            view.name.to_string(),
            plain(view.r#type.as_deref().unwrap_or("-"), LONGEST),
            plain(&view.state, LONGEST),
            view.group.as_deref().map_or_else(|| "-".to_owned(), |group| plain(group, LONGEST)),
            view.lag.to_string(),
            view.pending.to_string(),
            view.dead_letters.to_string(),
            distance_or_dash(view.last_delivered_at, now),
        ]
    });
    let header = ["NAME", "TYPE", "STATE", "GROUP", "LAG", "PENDING", "DEAD LETTERS", "LAST DELIVERY"];
    let wrong = views.iter().flat_map(|view| wrong(view, now));
    std::iter::once(table(header, rows)).chain(wrong).collect::<Vec<_>>().join("\n")
}

fn wrong(view: &View, now: DateTime<Utc>) -> Vec<String> {
    let off = view.disabled_reason.as_ref().map(|reason| format!("switched off: {reason}"));
    let unusable = view.unusable_reason.as_ref().map(|reason| format!("cannot be used: {reason}"));
    let failure =
        view.failure.as_ref().map(|failure| format!("{}: {}", distance(failure.at, now), failure.told()));
    let lost = (view.lost > 0).then(|| {
        let seen = view.lost_at.map(|at| format!(", last seen {}", distance(at, now))).unwrap_or_default();
        format!("{} events were deleted by the retention before it had them{seen}", view.lost)
    });
    let told = [off, unusable, failure, lost].into_iter().flatten();
    told.map(|told| format!("{}: {}", view.name, Look::Bad.on(plain(&told, LONGEST)))).collect()
}

/// What was given up.
pub(super) fn dead_letters(letters: &[DeadLetter], now: DateTime<Utc>) -> String {
    if letters.is_empty() {
        return "No dead letters.".to_owned();
    }
    let rows = letters.iter().map(|letter| {
        let last = letter.attempts.last();
        [
            plain(&letter.id, LONGEST),
            plain(&letter.r#type, LONGEST),
            plain(&letter.subject, LONGEST),
            letter.attempts.len().to_string(),
            distance_or_dash(last.map(|last| last.at), now),
            plain(&last.map(Attempt::told).unwrap_or_default(), LONGEST),
        ]
    });
    table(["ID", "TYPE", "SUBJECT", "ATTEMPTS", "LAST", "WHY"], rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_overview_is_a_table_with_what_is_wrong_below() {
        let now = "2026-11-26T10:00:00Z".parse().unwrap();
        let views: Vec<View> = serde_json::from_value(json!([
            {"name": "audit", "type": "file", "state": "active", "position": "00000000000000000007", "lag": 0,
             "pending": 0, "dead_letters": 0, "delivered": 7, "last_delivered_at": "2026-11-26T09:59:00Z", "lost": 0,
             "lost_at": null, "failure": null, "disabled_at": null, "disabled_reason": null, "removed_at": null},
            {"name": "orders", "type": "webhook", "state": "disabled", "position": "00000000000000000003", "lag": 4,
             "pending": 1, "dead_letters": 2, "delivered": 3, "last_delivered_at": null, "lost": 5,
             "lost_at": "2026-11-26T09:00:00Z",
             "failure": {"at": "2026-11-26T09:30:00Z", "outcome": "gone", "status": 410, "answer": "no\nmore"},
             "disabled_at": "2026-11-26T09:30:00Z", "disabled_reason": "it wants nothing any more", "removed_at": null},
            {"name": "hr", "type": null, "state": "unusable", "group": "HR", "position": "00000000000000000007", "lag": 0,
             "pending": 0, "dead_letters": 0, "delivered": 0, "last_delivered_at": null, "lost": 0, "lost_at": null,
             "failure": null, "disabled_at": null, "disabled_reason": null, "unusable_reason": "its host is unknown",
             "removed_at": null},
        ]))
        .unwrap();
        insta::assert_snapshot!(anstream::adapter::strip_str(&overview(&views, now)), @r"
        NAME    TYPE     STATE     GROUP  LAG  PENDING  DEAD LETTERS  LAST DELIVERY
        audit   file     active    -      0    0        0             1 minute ago
        orders  webhook  disabled  -      4    1        2             -
        hr      -        unusable  HR     0    0        0             -
        orders: switched off: it wants nothing any more
        orders: 30 minutes ago: gone (410): no more
        orders: 5 events were deleted by the retention before it had them, last seen 1 hour ago
        hr: cannot be used: its host is unknown
        ");
    }
}
