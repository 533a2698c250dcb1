//! From what a page says of an item and what the mirror knows of it to an event and a mirror row. Pure.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::diff::{Diff, diff, new_etag};
use super::glance::Glance;
use crate::model::{Actor, ActorKind, Body, Change, Item, Kind, NewEvent, Properties, Start};
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
    resource: &'a Body,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<Actor>,
}

/// A text, without a copy where that is possible.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Classifies one item. A partial item must be known (the caller reads unknown ones whole).
pub fn classify(context: &Context, known: Option<&Known>, item: &Item) -> Result<Outcome, serde_json::Error> {
    let glance = Glance::at(&item.body)?;
    if context.kind == Kind::DriveItem && glance.root {
        return Ok(Outcome::default());
    }
    match (item.removed, known) {
        (true, known) => removed(context, known, item, &glance),
        (false, Some(Known::Here(before))) => changed(context, before, item, &glance),
        (false, Some(Known::Gone)) if !context.first_round => {
            appeared(context, Some(Change::Created), item, &glance)
        }
        (false, Some(Known::Gone) | None) => appeared(context, newcomer(context, &glance), item, &glance),
    }
}

fn removed(
    context: &Context,
    known: Option<&Known>,
    item: &Item,
    glance: &Glance<'_>,
) -> Result<Outcome, serde_json::Error> {
    let last_known = match known {
        Some(Known::Gone) => return Ok(Outcome::default()),
        Some(Known::Here(before)) => Some(Body::of(before)?),
        None if context.first_round || context.resync => None,
        None => Some(Body::of(&Properties::from_iter([("id".to_owned(), json!(item.id))]))?),
    };
    // Who last changed an item is not who deleted it.
    let told = |resource| event(context, Change::Deleted, item, glance, (&Diff::default(), resource, None));
    let event = last_known.as_ref().map(told).transpose()?;
    let row = MirrorRow { item: item.id.clone(), properties: None, as_told: false };
    Ok(Outcome { event, row: Some(row) })
}

fn changed(
    context: &Context,
    before: &Properties,
    item: &Item,
    glance: &Glance<'_>,
) -> Result<Outcome, serde_json::Error> {
    let now = item.body.properties()?;
    let told = now.len();
    let after = merged(context.kind, before, item.partial, now);
    if &after == before {
        return Ok(Outcome::default());
    }
    // What is told of it may be all that is known.
    let complete = after.len() == told;
    let body = if complete { item.body.clone() } else { Body::of(&after)? };
    let diff = diff(context.kind, before, &after);
    let replay = diff.changed.is_empty() && !new_etag(context.kind, before, &after);
    let event = if replay {
        None
    } else if item.partial {
        let actor = actor(Glance::at(&body)?.last_modified_by)?;
        Some(event(context, Change::Updated, item, glance, (&diff, &body, actor))?)
    } else {
        let actor = actor(glance.last_modified_by)?;
        Some(event(context, Change::Updated, item, glance, (&diff, &item.body, actor))?)
    };
    let as_told = event.is_some() && (complete || item.partial);
    Ok(Outcome { event, row: Some(MirrorRow { item: item.id.clone(), properties: Some(body), as_told }) })
}

fn appeared(
    context: &Context,
    told: Option<Change>,
    item: &Item,
    glance: &Glance<'_>,
) -> Result<Outcome, serde_json::Error> {
    let event = match told {
        Some(change) => {
            let by = if change == Change::Created { glance.created_by } else { glance.last_modified_by };
            Some(event(context, change, item, glance, (&Diff::default(), &item.body, actor(by)?))?)
        }
        None => None,
    };
    let (properties, as_told) = (Some(item.body.clone()), event.is_some());
    Ok(Outcome { event, row: Some(MirrorRow { item: item.id.clone(), properties, as_told }) })
}

/// How an item is told that the mirror has never seen.
fn newcomer(context: &Context, glance: &Glance<'_>) -> Option<Change> {
    let since_start = |date| self::date(date).is_some_and(|at| at >= context.started_at);
    let created = since_start(glance.created_date_time);
    if context.first_round {
        return match context.start {
            Start::Beginning => Some(Change::Created),
            Start::Now | Start::Baseline if created => Some(Change::Created),
            Start::Now | Start::Baseline => {
                since_start(glance.last_modified_date_time).then_some(Change::Updated)
            }
        };
    }
    // After a first round everything older is known; mail always has one.
    let older_is_known = context.start != Start::Now || context.kind == Kind::Message;
    if older_is_known || created {
        return Some(Change::Created);
    }
    let changed = !context.resync || since_start(glance.last_modified_date_time);
    changed.then_some(Change::Updated)
}

/// What is known of an item after the page: its properties over those known before.
///
/// A whole item takes back what it leaves out only where absence has a meaning (see [`diff`]). A partial one
/// comes without an eTag, and the one known before is of an older version: it is dropped, lest the next whole
/// item look changed by it.
fn merged(kind: Kind, before: &Properties, partial: bool, now: Properties) -> Properties {
    let mut after = before.clone();
    if kind == Kind::DriveItem && !partial && !now.contains_key("shared") {
        after.remove("shared");
    }
    if partial {
        after.remove("@odata.etag");
    }
    after.extend(now);
    after
}

fn event(
    context: &Context,
    change: Change,
    item: &Item,
    glance: &Glance<'_>,
    (diff, resource, actor): (&Diff, &Body, Option<Actor>),
) -> Result<NewEvent, serde_json::Error> {
    let dated = match change {
        Change::Created => glance.created_date_time,
        Change::Updated | Change::Deleted => glance.last_modified_date_time,
    };
    let data: Box<RawValue> =
        to_raw_value(&Data { changed: &diff.changed, previous: &diff.previous, resource, actor })?;
    Ok(NewEvent {
        kind: context.kind,
        change,
        subject: item.id.clone(),
        time: date(dated).unwrap_or(context.now),
        data,
    })
}

fn date(date: Option<&str>) -> Option<DateTime<Utc>> {
    let Text(text) = serde_json::from_str(date?).ok()?;
    DateTime::parse_from_rfc3339(&text).ok().map(|date| date.to_utc())
}

/// Who made the change, from an identity set; a user before the application acting for them.
fn actor(identities: Option<&str>) -> Result<Option<Actor>, serde_json::Error> {
    let Some(identities) = identities else { return Ok(None) };
    let identities: Value = serde_json::from_str(identities)?;
    let text = |identity: &Value, key: &str| identity.get(key).and_then(Value::as_str).map(str::to_owned);
    Ok([("user", ActorKind::User), ("application", ActorKind::Application)].into_iter().find_map(
        |(key, kind)| {
            let identity = identities.get(key)?;
            let (id, name) = (text(identity, "id"), text(identity, "displayName"));
            (id.is_some() || name.is_some()).then_some(Actor { id, name, kind })
        },
    ))
}

#[cfg(test)]
mod tests;
