//! From what a page says of an item and what the mirror knows of it to an event and a mirror row. Pure.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::diff::{Diff, diff, new_etag};
use crate::model::{Actor, ActorKind, Change, Item, Kind, NewEvent, Properties, Start};
use crate::store::{Known, MirrorRow};

/// What the round knows besides the item.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// The kind of the resource's items.
    pub kind: Kind,
    /// What was wished to be told of the time before.
    pub start: Start,
    /// This is the first round.
    pub first_round: bool,
    /// Everything is read anew: what is seen need not have changed.
    pub resync: bool,
    /// When following began, on Office 365's clock.
    pub started_at: DateTime<Utc>,
    /// Now.
    pub now: DateTime<Utc>,
}

/// What an item leads to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The event, if it is told.
    pub event: Option<NewEvent>,
    /// The mirror row to write, if it changes.
    pub row: Option<MirrorRow>,
}

#[derive(Serialize)]
struct Data<'a> {
    changed: &'a [String],
    previous: &'a Properties,
    resource: &'a Properties,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<Actor>,
}

/// Classifies one item. A partial item must be known (the caller reads unknown ones whole).
pub fn classify(context: &Context, known: Option<&Known>, item: &Item) -> Result<Outcome, serde_json::Error> {
    if context.kind == Kind::DriveItem && item.properties.contains_key("root") {
        return Ok(Outcome::default());
    }
    match (item.removed, known) {
        (true, known) => removed(context, known, item),
        (false, Some(Known::Here(before))) => changed(context, before, item),
        (false, Some(Known::Gone)) if !context.first_round => appeared(context, Some(Change::Created), item),
        (false, Some(Known::Gone) | None) => appeared(context, newcomer(context, item), item),
    }
}

fn removed(context: &Context, known: Option<&Known>, item: &Item) -> Result<Outcome, serde_json::Error> {
    let only_id;
    let last_known = match known {
        Some(Known::Gone) => return Ok(Outcome::default()),
        Some(Known::Here(before)) => Some(before),
        None if context.first_round || context.resync => None,
        None => {
            only_id = Properties::from_iter([("id".to_owned(), json!(item.id))]);
            Some(&only_id)
        }
    };
    let event = last_known
        .map(|resource| event(context, Change::Deleted, item, &Diff::default(), resource))
        .transpose()?;
    Ok(Outcome { event, row: Some(MirrorRow { item: item.id.clone(), properties: None }) })
}

fn changed(context: &Context, before: &Properties, item: &Item) -> Result<Outcome, serde_json::Error> {
    let after = merged(context.kind, before, item);
    if &after == before {
        return Ok(Outcome::default());
    }
    let diff = diff(context.kind, before, &after);
    let replay = diff.changed.is_empty() && !new_etag(context.kind, before, &after);
    let resource = if item.partial { &after } else { &item.properties };
    let event = (!replay).then(|| event(context, Change::Updated, item, &diff, resource)).transpose()?;
    Ok(Outcome { event, row: Some(MirrorRow { item: item.id.clone(), properties: Some(after) }) })
}

fn appeared(context: &Context, told: Option<Change>, item: &Item) -> Result<Outcome, serde_json::Error> {
    let event =
        told.map(|change| event(context, change, item, &Diff::default(), &item.properties)).transpose()?;
    let properties = Some(item.properties.clone());
    Ok(Outcome { event, row: Some(MirrorRow { item: item.id.clone(), properties }) })
}

/// How an item is told that the mirror has never seen.
fn newcomer(context: &Context, item: &Item) -> Option<Change> {
    let since_start = |property| date(&item.properties, property).is_some_and(|at| at >= context.started_at);
    let created = since_start("createdDateTime");
    if context.first_round {
        return match context.start {
            Start::Beginning => Some(Change::Created),
            Start::Now | Start::Baseline if created => Some(Change::Created),
            Start::Now | Start::Baseline => since_start("lastModifiedDateTime").then_some(Change::Updated),
        };
    }
    // After a first round everything older is known; mail always has one.
    let older_is_known = context.start != Start::Now || context.kind == Kind::Message;
    if older_is_known || created {
        return Some(Change::Created);
    }
    let changed = !context.resync || since_start("lastModifiedDateTime");
    changed.then_some(Change::Updated)
}

/// What is known of an item after the page: its properties over those known before.
///
/// A whole item takes back what it leaves out only where absence has a meaning (see [`diff`]). A partial one
/// comes without an eTag, and the one known before is of an older version: it is dropped, lest the next whole
/// item look changed by it.
fn merged(kind: Kind, before: &Properties, item: &Item) -> Properties {
    let mut after = before.clone();
    if kind == Kind::DriveItem && !item.partial && !item.properties.contains_key("shared") {
        after.remove("shared");
    }
    if item.partial {
        after.remove("@odata.etag");
    }
    after.extend(item.properties.iter().map(|(name, value)| (name.clone(), value.clone())));
    after
}

fn event(
    context: &Context,
    change: Change,
    item: &Item,
    diff: &Diff,
    resource: &Properties,
) -> Result<NewEvent, serde_json::Error> {
    let (dated, by) = match change {
        Change::Created => ("createdDateTime", "createdBy"),
        Change::Updated | Change::Deleted => ("lastModifiedDateTime", "lastModifiedBy"),
    };
    // Who last changed an item is not who deleted it.
    let actor = if change == Change::Deleted { None } else { actor(resource.get(by)) };
    let data: Box<RawValue> =
        to_raw_value(&Data { changed: &diff.changed, previous: &diff.previous, resource, actor })?;
    Ok(NewEvent {
        kind: context.kind,
        change,
        subject: item.id.clone(),
        time: date(&item.properties, dated).unwrap_or(context.now),
        data,
    })
}

fn date(properties: &Properties, name: &str) -> Option<DateTime<Utc>> {
    let text = properties.get(name)?.as_str()?;
    DateTime::parse_from_rfc3339(text).ok().map(|date| date.to_utc())
}

/// Who made the change, from an identity set; a user before the application acting for them.
fn actor(identities: Option<&Value>) -> Option<Actor> {
    let identities = identities?;
    let text = |identity: &Value, key: &str| identity.get(key).and_then(Value::as_str).map(str::to_owned);
    [("user", ActorKind::User), ("application", ActorKind::Application)].into_iter().find_map(
        |(key, kind)| {
            let identity = identities.get(key)?;
            let (id, name) = (text(identity, "id"), text(identity, "displayName"));
            (id.is_some() || name.is_some()).then_some(Actor { id, name, kind })
        },
    )
}

#[cfg(test)]
mod tests;
