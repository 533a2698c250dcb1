//! What a card tells: events in words. Pure.
//!
//! Everything that comes from Office 365 is cut and escaped here, so that a template can put it anywhere; only what stands
//! under `event` is as it came.

mod value;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::Value;

use super::markdown::{cut, escape};
use crate::model::Event;

/// How much is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Of how many events.
    pub events: usize,
    /// How many of the values that changed, of each.
    pub changes: usize,
    /// How many characters of a text.
    pub chars: usize,
}

/// What a template is given. Its names are what users write.
#[derive(Debug, Serialize)]
pub(super) struct Words {
    /// How many events.
    count: usize,
    created: usize,
    updated: usize,
    deleted: usize,
    /// Where: the subscriptions, or how many.
    place: String,
    /// When the first and the last of them happened.
    first: String,
    last: String,
    told: Vec<One>,
    /// How many are not told.
    more: usize,
}

/// One event.
#[derive(Debug, Serialize)]
struct One {
    name: String,
    /// List item, file, folder, message.
    what: &'static str,
    /// "was" …
    verb: &'static str,
    /// Who did it, where Office 365 says so.
    who: String,
    /// As RFC 3339, for programs; and for people.
    at: String,
    when: String,
    /// Where the item is opened; https.
    url: String,
    tenant: String,
    subscription: String,
    /// By whom, from whom, and what changed.
    facts: Vec<Fact>,
    /// All of it, as the API tells it.
    event: Value,
}

/// Something with its name.
#[derive(Debug, Serialize)]
struct Fact {
    name: String,
    value: String,
}

impl Words {
    pub fn of(events: &[Event], room: Room) -> Self {
        let of_change =
            |change: &str| events.iter().filter(|event| event.event_type.ends_with(change)).count();
        let times = || events.iter().map(|event| event.time);
        let told: Vec<One> = events.iter().take(room.events).map(|event| One::of(event, room)).collect();
        Self {
            count: events.len(),
            created: of_change(".created"),
            updated: of_change(".updated"),
            deleted: of_change(".deleted"),
            place: place(events),
            first: times().min().map(exact).unwrap_or_default(),
            last: times().max().map(exact).unwrap_or_default(),
            more: events.len().saturating_sub(told.len()),
            told,
        }
    }
}

/// One or two subscriptions by name, more by their number.
fn place(events: &[Event]) -> String {
    let mut names: Vec<&str> = events.iter().map(|event| event.subscription.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    match names.as_slice() {
        [one] => (*one).to_owned(),
        [one, other] => format!("{one} and {other}"),
        many => format!("{} subscriptions", many.len()),
    }
}

fn exact(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

impl One {
    fn of(event: &Event, room: Room) -> Self {
        let whole = serde_json::to_value(event).unwrap_or_default();
        let data = whole.get("data").cloned().unwrap_or_default();
        let safe = |text: String| escape(&cut(&text, room.chars));
        let at = |path: &str| data.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let who = safe(at("/actor/name"));
        let people = [("By", who.clone()), ("From", safe(at("/resource/from/emailAddress/name")))];
        let people = people.into_iter().filter(|(_, person)| !person.is_empty());
        let people = people.map(|(name, value)| Fact { name: name.to_owned(), value });
        Self {
            name: safe(name(event, &data)),
            what: what(event, &data),
            verb: verb(event, &data),
            who,
            at: exact(event.time),
            when: event.time.format("%-d %b %Y, %H:%M UTC").to_string(),
            url: url(&data),
            tenant: event.tenant.to_string(),
            subscription: event.subscription.to_string(),
            facts: people.chain(changes(&data, room)).collect(),
            event: whole,
        }
    }
}

fn kind(event: &Event) -> &str {
    event.event_type.split('.').nth(1).unwrap_or_default()
}

/// What a person calls the item.
fn name(event: &Event, data: &Value) -> String {
    let paths: &[&str] = match kind(event) {
        "listItem" => &["/resource/fields/Title", "/resource/fields/FileLeafRef", "/resource/name"],
        "message" => &["/resource/subject"],
        "test" => return "A test".to_owned(),
        _ => &["/resource/name"],
    };
    let given = paths.iter().filter_map(|path| data.pointer(path).and_then(Value::as_str));
    let given = given.map(str::trim).find(|text| !text.is_empty());
    let nameless = || match kind(event) {
        "message" => "A message without a subject".to_owned(),
        "listItem" => format!("Item {}", event.subject),
        _ => "An item".to_owned(),
    };
    given.map_or_else(nameless, str::to_owned)
}

fn what(event: &Event, data: &Value) -> &'static str {
    match kind(event) {
        "listItem" => "list item",
        "message" => "message",
        "driveItem" if data.pointer("/resource/folder").is_some() => "folder",
        "driveItem" => "file",
        _ => "test",
    }
}

fn verb(event: &Event, data: &Value) -> &'static str {
    let changed = data.get("changed").and_then(Value::as_array);
    let has = |name: &str| changed.is_some_and(|list| list.iter().any(|one| one == name));
    let only = changed.is_some_and(|list| list.len() == 1);
    match event.event_type.rsplit('.').next().unwrap_or_default() {
        "created" => "created",
        "deleted" => "deleted",
        "updated" if has("parent") => "moved",
        "updated" if has("name") && only => "renamed",
        "updated" => "changed",
        _ => "sent",
    }
}

/// Where a person opens it. Brackets would end the address in Markdown.
fn url(data: &Value) -> String {
    let given = ["/resource/webUrl", "/resource/webLink"];
    let mut given = given.iter().filter_map(|path| data.pointer(path).and_then(Value::as_str));
    let url = given.find_map(|text| url::Url::parse(text).ok()).filter(|url| url.scheme() == "https");
    url.map(|url| url.as_str().replace('(', "%28").replace(')', "%29")).unwrap_or_default()
}

/// What changed, from what to what.
fn changes(data: &Value, room: Room) -> Vec<Fact> {
    let changed = data.get("changed").and_then(Value::as_array).into_iter().flatten();
    let changed: Vec<&str> = changed.filter_map(Value::as_str).collect();
    let safe = |text: String| escape(&cut(&text, room.chars));
    let mut facts: Vec<Fact> = changed
        .iter()
        .take(room.changes)
        .map(|key| {
            let (old, new) = (safe(value::old(data, key)), safe(value::new(data, key)));
            let value = if old.is_empty() { new } else { format!("{old} → {new}") };
            Fact { name: safe(value::name(key)), value }
        })
        .collect();
    let more = changed.len().saturating_sub(facts.len());
    if more > 0 {
        facts.push(Fact { name: "And".to_owned(), value: format!("{more} more") });
    }
    facts
}
