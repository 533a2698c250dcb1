//! `subscriptions`: what a running listener follows.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::client::Answer;
use super::output::{Look, Output};
use super::readable::{distance, distance_or_dash, fields, plain, table};
use super::server::Server;
use crate::clock::Clock;
use crate::model::{FirstRound, Name, Resource, Start, State, Trouble, Via};

/// Longest text shown of an address or of what Microsoft says.
const LONGEST: usize = 2_000;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show all
    List,
    /// Show one
    Show { name: Name },
    /// Follow something more; done once Office 365 has accepted it
    Add(Addition),
    /// No longer follow it, and remove it at Office 365
    Remove { name: Name },
    /// Renew it at Office 365 now
    Renew { name: Name },
    /// Look for changes now
    Fetch { name: Name },
    /// Read everything anew and tell what differs from what is known
    Resync { name: Name },
}

/// A subscription to add.
#[derive(Debug, Args)]
struct Addition {
    /// What it is called here: lower-case letters, digits and '-'
    name: Name,
    /// The tenant, by its name in the configuration
    #[arg(long)]
    tenant: Name,
    /// What to follow, such as onedrive:alice@contoso.com
    #[arg(long)]
    resource: Resource,
    /// The way of following it [default: graph]
    #[arg(long)]
    via: Option<Via>,
    /// What to tell of the time before: now, baseline or beginning [default: now]
    #[arg(long)]
    start: Option<Start>,
    /// How long Office 365 keeps it until it is renewed: max, or a duration such as 2d [default: max]
    #[arg(long)]
    lifetime: Option<String>,
    /// Mail: let notifications bring the message, encrypted
    #[arg(long)]
    include_resource_data: bool,
}

/// What is shown of a subscription.
#[derive(Debug, Deserialize)]
struct View {
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
struct List {
    subscriptions: Vec<View>,
}

impl Addition {
    fn document(self) -> Value {
        let named = [
            ("name", Some(self.name.to_string())),
            ("tenant", Some(self.tenant.to_string())),
            ("resource", Some(self.resource.to_string())),
            ("via", self.via.map(|via| via.to_string())),
            ("start", self.start.map(|start| start.to_string())),
            ("lifetime", self.lifetime),
        ];
        let named = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
        let content = self.include_resource_data.then(|| ("include_resource_data".to_owned(), true.into()));
        let given = named.chain(content);
        Value::Object(given.collect::<Map<_, _>>())
    }
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { server, action } = arguments;
    let client = server.client()?;
    let all = "subscriptions";
    let mut output = Output::new();
    let (answer, done) = match action {
        Action::List => {
            let answer = client.get(&[all], &[]).await?;
            let shown = if server.json {
                answer.document
            } else {
                overview(&answer.read::<List>()?.subscriptions, now())
            };
            return Ok(output.line(shown)?);
        }
        Action::Show { name } => (client.get(&[all, name.as_str()], &[]).await?, None),
        Action::Add(addition) => {
            let done = format!("{} is followed.", addition.name);
            (client.post(&[all], Some(&addition.document())).await?, Some(done))
        }
        Action::Remove { name } => {
            (client.delete(&[all, name.as_str()]).await?, Some(format!("{name} is removed.")))
        }
        Action::Renew { name } => {
            (client.post(&[all, name.as_str(), "renew"], None).await?, Some(format!("{name} is renewed.")))
        }
        Action::Fetch { name } => {
            (client.post(&[all, name.as_str(), "fetch"], None).await?, Some(format!("{name} is fetched.")))
        }
        Action::Resync { name } => {
            (client.post(&[all, name.as_str(), "resync"], None).await?, Some(format!("{name} is read anew.")))
        }
    };
    match server.json {
        true if answer.document.is_empty() => {}
        true => output.line(answer.document)?,
        false => output.line(report(&answer, done)?)?,
    }
    Ok(())
}

fn now() -> DateTime<Utc> {
    Clock::system().now()
}

/// What became of a call, and how the subscription is now.
fn report(answer: &Answer, done: Option<String>) -> anyhow::Result<String> {
    let done = if answer.status == StatusCode::ACCEPTED {
        Some(
            "Not done yet: the listener goes on with it, and `subscriptions list` tells how it went."
                .to_owned(),
        )
    } else {
        done
    };
    // A removal leaves nothing to show.
    let shown =
        (!answer.document.is_empty()).then(|| Ok::<_, anyhow::Error>(details(&answer.read()?, now())));
    Ok([done, shown.transpose()?].into_iter().flatten().collect::<Vec<_>>().join("\n"))
}

/// All subscriptions as a table, with what is wrong below it.
fn overview(views: &[View], now: DateTime<Utc>) -> String {
    if views.is_empty() {
        return "Nothing is followed yet: `subscriptions add` follows something.".to_owned();
    }
    let rows = views.iter().map(|view| {
        [
            view.name.to_string(),
            view.state.to_string(),
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

fn wrong(error: &Trouble, now: DateTime<Utc>) -> String {
    let again = error.next_attempt_at.map(|at| format!(" (tried again {})", distance(at, now)));
    let told = format!("{}: {}", plain(&error.code, LONGEST), plain(&error.message, LONGEST));
    format!("{}{}", Look::Bad.on(told), again.unwrap_or_default())
}

fn how_far(round: &FirstRound, now: DateTime<Utc>) -> String {
    let (items, pages, begun) = (round.items, round.pages, distance(round.started_at, now));
    format!("{items} items on {pages} pages, {} a second, begun {begun}", round.rate(now))
}

/// One subscription, a line for each thing that is known of it.
fn details(view: &View, now: DateTime<Utc>) -> String {
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
        ("state", Some(view.state.to_string())),
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

    #[test]
    fn only_what_was_given_is_asked_for() {
        let addition = Addition {
            name: "files".parse().unwrap(),
            tenant: "contoso".parse().unwrap(),
            resource: "onedrive:alice@contoso.com".parse().unwrap(),
            via: None,
            start: Some(Start::Baseline),
            lifetime: None,
            include_resource_data: false,
        };
        let document = json!({"name": "files", "tenant": "contoso", "resource": "onedrive:alice@contoso.com", "start": "baseline"});
        assert_eq!(addition.document(), document);
    }
}
