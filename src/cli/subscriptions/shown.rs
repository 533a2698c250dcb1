//! Subscriptions as they are shown.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::cli::output::Look;
use crate::cli::readable::{distance, distance_or_dash, fields, plain, table};
use crate::model::{FirstRound, Name, State, Trouble};

/// Longest text shown of an address or of what Microsoft says.
pub(super) const LONGEST: usize = 2_000;

/// What is shown of a subscription.
#[derive(Debug, Deserialize)]
pub(super) struct View {
    name: Name,
    tenant: Name,
    resource: String,
    via: String,
    state: State,
    expires_at: Option<DateTime<Utc>>,
    renew_at: Option<DateTime<Utc>>,
    last_notification_at: Option<DateTime<Utc>>,
    last_fetch_at: Option<DateTime<Utc>>,
    last_event_at: Option<DateTime<Utc>>,
    pending: bool,
    events: u64,
    #[serde(default)]
    include_resource_data: bool,
    #[serde(default)]
    quarantined: u64,
    error: Option<Trouble>,
    paused_at: Option<DateTime<Utc>>,
    suspicious: Option<Suspicious>,
    first_round: Option<FirstRound>,
    resync: Option<FirstRound>,
}

#[derive(Debug, Deserialize)]
struct Suspicious {
    reason: String,
    explanation: String,
}

#[derive(Deserialize)]
pub(super) struct List {
    pub subscriptions: Vec<View>,
    /// What the next page begins after.
    #[serde(default)]
    pub next: Option<Name>,
}

/// All subscriptions as a table, with what is wrong below it.
pub(super) fn overview(views: &[View], now: DateTime<Utc>) -> String {
    if views.is_empty() {
        return "Nothing is followed yet: `subscriptions add` follows something.".to_owned();
    }
    let rows = views.iter().map(|view| {
        [
            view.name.to_string(),
            standing(view),
            plain(&view.resource, LONGEST),
            view.events.to_string(),
            distance_or_dash(view.last_event_at, now),
            distance_or_dash(view.expires_at, now),
        ]
    });
    let table = table(["NAME", "STATE", "RESOURCE", "EVENTS", "LAST EVENT", "EXPIRES"], rows);
    let reading = views.iter().filter_map(|view| {
        let first = view.first_round.as_ref().map(|round| ("first round", round));
        let (what, round) = first.or(view.resync.as_ref().map(|round| ("resync", round)))?;
        Some(format!("{}: {what}: {}", view.name, how_far(round, now)))
    });
    let wrong =
        views.iter().filter_map(|view| Some(format!("{}: {}", view.name, wrong(view.error.as_ref()?, now))));
    std::iter::once(table).chain(reading).chain(wrong).collect::<Vec<_>>().join("\n")
}

/// Its state, and that it is paused where the state tells of something worse.
fn standing(view: &View) -> String {
    let paused = view.paused_at.is_some() && !matches!(view.state, State::Paused | State::Removed);
    if paused { format!("{}, paused", view.state) } else { view.state.to_string() }
}

pub(super) fn wrong(error: &Trouble, now: DateTime<Utc>) -> String {
    let again = error.next_attempt_at.map(|at| format!(" (tried again {})", distance(at, now)));
    let told = format!("{}: {}", plain(&error.code, LONGEST), plain(&error.message, LONGEST));
    format!("{}{}", Look::Bad.on(told), again.unwrap_or_default())
}

fn how_far(round: &FirstRound, now: DateTime<Utc>) -> String {
    let (items, pages, begun) = (round.items, round.pages, distance(round.started_at, now));
    format!("{items} items on {pages} pages, {} a second, begun {begun}", round.rate(now))
}

/// One subscription, a line for each thing that is known of it.
pub(super) fn details(view: &View, now: DateTime<Utc>) -> String {
    let error = view.error.as_ref().map(|error| wrong(error, now));
    let progress = |round: &Option<FirstRound>| round.as_ref().map(|round| how_far(round, now));
    let suspicious = view.suspicious.as_ref().map(|suspicious| {
        format!("{}: {}", plain(&suspicious.reason, LONGEST), plain(&suspicious.explanation, LONGEST))
    });
    let content = view.include_resource_data.then(|| "comes with notifications".to_owned());
    let aside = (view.quarantined > 0).then(|| format!("{}: GET /v1/quarantine says why", view.quarantined));
    let lines = [
        ("name", Some(view.name.to_string())),
        ("tenant", Some(view.tenant.to_string())),
        ("resource", Some(plain(&view.resource, LONGEST))),
        ("via", Some(plain(&view.via, LONGEST))),
        ("state", Some(standing(view))),
        ("expires", Some(distance_or_dash(view.expires_at, now))),
        ("renewal", Some(distance_or_dash(view.renew_at, now))),
        ("last notification", Some(distance_or_dash(view.last_notification_at, now))),
        ("last fetch", Some(distance_or_dash(view.last_fetch_at, now))),
        ("last event", Some(distance_or_dash(view.last_event_at, now))),
        ("pending", Some(if view.pending { "yes" } else { "no" }.to_owned())),
        ("events", Some(view.events.to_string())),
        ("content", content),
        ("put aside", aside),
        ("suspicious", suspicious),
        ("first round", progress(&view.first_round)),
        ("resync", progress(&view.resync)),
        ("error", error),
    ];
    fields(lines.into_iter().filter_map(|(name, value)| Some((name, value?))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn views() -> (Vec<View>, DateTime<Utc>) {
        let now = "2026-11-23T10:00:00Z".parse().unwrap();
        let views = json!([
            {"name": "files", "tenant": "contoso", "resource": "onedrive:alice@contoso.com", "via": "graph",
             "start": "now", "state": "active", "remote_id": "r", "expires_at": "2026-12-20T10:00:00Z",
             "renew_at": "2026-12-11T10:00:00Z", "last_notification_at": null, "last_fetch_at": "2026-11-23T09:58:00Z",
             "last_event_at": null, "pending": false, "events": 0, "error": null},
            {"name": "hr", "tenant": "contoso", "resource": "list:a/b", "via": "graph", "start": "now",
             "state": "failing", "remote_id": null, "expires_at": null, "renew_at": null,
             "last_notification_at": null, "last_fetch_at": null, "last_event_at": "2026-11-23T09:59:59Z",
             "pending": true, "events": 1234,
             "error": {"code": "accessDenied", "message": "grant Sites.Read.All\nto the app", "transient": false,
                       "next_attempt_at": "2026-11-23T10:30:00Z"},
             "first_round": {"items": 200, "pages": 2, "started_at": "2026-11-23T09:00:00Z"}},
        ]);
        (serde_json::from_value(views).unwrap(), now)
    }

    #[test]
    fn the_overview_is_a_table_with_what_is_wrong_below() {
        let (views, now) = views();
        insta::assert_snapshot!(anstream::adapter::strip_str(&overview(&views, now)), @r"
        NAME   STATE    RESOURCE                    EVENTS  LAST EVENT    EXPIRES
        files  active   onedrive:alice@contoso.com  0       -             in 27 days
        hr     failing  list:a/b                    1234    1 second ago  -
        hr: first round: 200 items on 2 pages, 0 a second, begun 1 hour ago
        hr: accessDenied: grant Sites.Read.All to the app (tried again in 30 minutes)
        ");
    }

    #[test]
    fn that_one_is_paused_is_told_beside_what_is_worse() {
        let (mut views, now) = views();
        for view in &mut views {
            view.paused_at = Some(now);
        }
        views[0].state = State::Paused;
        let shown = overview(&views, now);
        assert!(shown.contains("files  paused ") && shown.contains("hr     failing, paused "), "{shown}");
        assert!(details(&views[1], now).contains("failing, paused"));
    }

    #[test]
    fn the_details_are_a_line_each() {
        let (views, now) = views();
        insta::assert_snapshot!(anstream::adapter::strip_str(&details(&views[1], now)), @r"
        name               hr
        tenant             contoso
        resource           list:a/b
        via                graph
        state              failing
        expires            -
        renewal            -
        last notification  -
        last fetch         -
        last event         1 second ago
        pending            yes
        events             1234
        first round        200 items on 2 pages, 0 a second, begun 1 hour ago
        error              accessDenied: grant Sites.Read.All to the app (tried again in 30 minutes)
        ");
    }
}
