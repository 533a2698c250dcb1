//! Delta of messages in a folder, and of the folders themselves.
//!
//! Outlook keeps the state of a round on its side. Each call makes a new generation of it and only the newest
//! three can still be asked with: the current link may be repeated, an old one is gone (410).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::mail::id_form;
use super::mail_shape;
use crate::simulator::error::GraphError;
use crate::simulator::wire::{Answer, Call, Outcome};
use crate::simulator::world::{Chain, ChainOptions, FeedPlace, IdForm, Mailbox, Told, World};

/// Generations of links that are kept.
const GENERATIONS: usize = 3;
/// Rounds that are kept for one mailbox.
const CHAINS: usize = 4_096;
/// A round filtered by time tells no more messages than this.
const FILTERED_LIMIT: usize = 5_000;
const DEFAULT_PAGE: usize = 10;

/// One page; without a folder, of the folders themselves.
pub(super) fn answer(world: &mut World, call: &Call, user: &str, folder: Option<&str>) -> Outcome {
    let mailbox = world.mailbox(user)?;
    let owner = mailbox.user;
    let folder = folder.map(|key| mailbox.folder(key).map(|folder| folder.key)).transpose()?;
    let (number, place) = match call.query("$skiptoken").or_else(|| call.query("$deltatoken")) {
        Some(token) => resume(world, owner, folder, token)?,
        None => begin(world, call, owner, folder)?,
    };
    let mailbox = world.mailbox(user)?;
    let chain = mailbox.chains.get(&number).cloned().ok_or_else(state_lost)?;
    let size = page_size(world, call, &chain.options);
    let page = match folder {
        Some(key) => message_page(world, mailbox, call, (&chain, key), place, size),
        None => folder_page(mailbox, place.cursor, size),
    };
    let latest = world.latest_change();
    let next = if page.more {
        FeedPlace { cursor: page.last, since: place.since }
    } else {
        FeedPlace { cursor: latest, since: latest }
    };
    let new_generation = advance(world, owner, number, next, page.values.len());
    let kind = if folder.is_some() { "Collection(message)" } else { "Collection(mailFolder)" };
    let token = URL_SAFE_NO_PAD.encode(format!("state={number};generation={new_generation}"));
    let base = match folder {
        Some(key) => {
            let id = world.mailbox(user)?.folder_id(key);
            format!("users('{owner}')/mailFolders('{id}')/messages/delta")
        }
        None => format!("users('{owner}')/mailFolders/delta"),
    };
    let (name, parameter) =
        if page.more { ("@odata.nextLink", "$skiptoken") } else { ("@odata.deltaLink", "$deltatoken") };
    let link = call.link(&format!("{base}?{parameter}={token}"));
    Ok(Answer::json(200, json!({"@odata.context": call.context(kind), "value": page.values, name: link})))
}

/// What one page holds.
struct Page {
    values: Vec<Value>,
    more: bool,
    last: u64,
}

fn state_lost() -> GraphError {
    let message = "The sync state generation is not found; a full synchronization is needed.";
    GraphError::new(410, "SyncStateNotFound", message)
}

fn page_size(world: &World, call: &Call, options: &ChainOptions) -> usize {
    let asked =
        call.preference("odata.maxpagesize").and_then(|size| size.parse().ok()).filter(|size| *size > 0);
    asked.or(options.top).unwrap_or(DEFAULT_PAGE).min(world.settings.page_size)
}

/// Begins a round from nothing.
fn begin(
    world: &mut World,
    call: &Call,
    user: Uuid,
    folder: Option<u64>,
) -> Result<(u64, FeedPlace), GraphError> {
    let refused = ["$search", "$orderby"].into_iter().any(|name| match (name, call.query(name)) {
        (_, None) => false,
        ("$orderby", Some(order)) => !order.eq_ignore_ascii_case("receivedDateTime desc") || folder.is_none(),
        _ => true,
    });
    let folder_refuses =
        folder.is_none() && (call.query("$top").is_some() || call.query("$filter").is_some());
    if refused || folder_refuses {
        return Err(invalid_query());
    }
    let received_from = call.query("$filter").map(received_from).transpose()?;
    let options = ChainOptions {
        folder,
        select: call.select(),
        top: call.top(),
        change_type: call.query("changeType").map(str::to_owned),
        received_from,
    };
    let number = world.next_token();
    let mailbox = world.mailboxes.get_mut(&user).ok_or_else(GraphError::message_not_found)?;
    if mailbox.chains.len() >= CHAINS {
        mailbox.chains.pop_first();
    }
    mailbox
        .chains
        .insert(number, Chain { options, highest: 0, kept: vec![(0, FeedPlace::default())], told: 0 });
    Ok((number, FeedPlace::default()))
}

fn invalid_query() -> GraphError {
    GraphError::new(
        400,
        "ErrorInvalidUrlQuery",
        "The following parameters are not supported with change tracking.",
    )
}

/// The only filter there is: `receivedDateTime ge 2026-01-02T03:04:05Z` (or `gt`).
fn received_from(filter: &str) -> Result<DateTime<Utc>, GraphError> {
    let words: Vec<&str> = filter.split_whitespace().collect();
    let [property, "ge" | "gt", time] = words.as_slice() else { return Err(invalid_query()) };
    if !property.eq_ignore_ascii_case("receivedDateTime") {
        return Err(invalid_query());
    }
    DateTime::parse_from_rfc3339(time).map(|time| time.to_utc()).map_err(|_| invalid_query())
}

/// Finds the round that a link belongs to, and marks the link as used last.
fn resume(
    world: &mut World,
    user: Uuid,
    folder: Option<u64>,
    token: &str,
) -> Result<(u64, FeedPlace), GraphError> {
    let (number, generation) = read_token(token).ok_or_else(state_lost)?;
    let mailbox = world.mailboxes.get_mut(&user).ok_or_else(GraphError::message_not_found)?;
    let chain = mailbox.chains.get_mut(&number).ok_or_else(state_lost)?;
    let at = chain.kept.iter().position(|(kept, _)| *kept == generation).ok_or_else(state_lost)?;
    if chain.options.folder != folder {
        return Err(state_lost());
    }
    let link = chain.kept.remove(at);
    chain.kept.push(link);
    Ok((number, link.1))
}

fn read_token(token: &str) -> Option<(u64, u64)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (number, generation) = text.strip_prefix("state=")?.split_once(";generation=")?;
    Some((number.parse().ok()?, generation.parse().ok()?))
}

/// Makes the generation that the answer's link stands for.
fn advance(world: &mut World, user: Uuid, number: u64, place: FeedPlace, told: usize) -> u64 {
    let Some(mailbox) = world.mailboxes.get_mut(&user) else { return 0 };
    let Some(chain) = mailbox.chains.get_mut(&number) else { return 0 };
    chain.highest += 1;
    chain.told += told;
    chain.kept.push((chain.highest, place));
    let surplus = chain.kept.len().saturating_sub(GENERATIONS);
    chain.kept.drain(..surplus);
    chain.highest
}

fn message_page(
    world: &World,
    mailbox: &Mailbox,
    call: &Call,
    (chain, key): (&Chain, u64),
    place: FeedPlace,
    size: usize,
) -> Page {
    let Some(folder) = mailbox.folders.get(&key) else {
        return Page { values: Vec::new(), more: false, last: place.cursor };
    };
    let filtered = chain.options.received_from.is_some();
    let left = if filtered { FILTERED_LIMIT.saturating_sub(chain.told) } else { usize::MAX };
    let (mut values, mut last, mut more) = (Vec::new(), place.cursor, false);
    for told in folder.changed_since(place.cursor) {
        let shown = one(world, mailbox, call, &chain.options, key, place, told);
        if shown.is_some() && values.len() >= size.min(left) {
            more = left > size;
            break;
        }
        values.extend(shown);
        last = told.latest();
    }
    Page { values, more, last }
}

/// What is told of one message, if anything.
fn one(
    world: &World,
    mailbox: &Mailbox,
    call: &Call,
    options: &ChainOptions,
    folder: u64,
    place: FeedPlace,
    told: &Told,
) -> Option<Value> {
    let form: IdForm = id_form(call);
    let id = mailbox.message_id(form, folder, told.message);
    let wants =
        |kind: &str| options.change_type.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(kind));
    if told.removed {
        // A message that came and went since is not told, and never in a first round.
        let removed =
            json!({"@odata.type": "#microsoft.graph.message", "id": id, "@removed": {"reason": "deleted"}});
        return (place.cursor > 0 && wants("deleted")).then_some(removed);
    }
    let message = mailbox.messages.get(&told.message)?;
    let wanted = options.select.as_deref();
    if let Some(from) = options.received_from {
        let received = message.properties.get("receivedDateTime").and_then(Value::as_str);
        let received = received.and_then(|time| DateTime::parse_from_rfc3339(time).ok());
        received.filter(|received| *received >= from)?;
    }
    let kind = if told.entered > place.since { "created" } else { "updated" };
    if !wants(kind) {
        return None;
    }
    let typed = ("@odata.type".to_owned(), Value::from("#microsoft.graph.message"));
    if told.full > place.since || !world.settings.partial_messages {
        let Value::Object(whole) = mail_shape::message_body(mailbox, message, form, wanted) else {
            return None;
        };
        return Some(Value::Object(std::iter::once(typed).chain(whole).collect()));
    }
    let selected =
        |name: &str| wanted.is_none_or(|names| names.iter().any(|one| one.eq_ignore_ascii_case(name)));
    let parts = told.parts.iter().filter(|(name, at)| **at > place.since && selected(name));
    let parts: Map<String, Value> =
        parts.filter_map(|(name, _)| Some((name.clone(), message.properties.get(name)?.clone()))).collect();
    let start = [typed, ("id".to_owned(), Value::from(id))];
    (!parts.is_empty()).then(|| Value::Object(start.into_iter().chain(parts).collect()))
}

/// Folders that changed since; a first round does not tell those that are gone.
fn folder_page(mailbox: &Mailbox, cursor: u64, size: usize) -> Page {
    let here =
        mailbox.folders.values().map(|folder| (folder.change, mail_shape::folder_body(mailbox, folder)));
    let gone = mailbox.deleted_folders.iter().filter(|_| cursor > 0).map(|(key, change)| {
        let id = mailbox.folder_id(*key);
        (*change, json!({"id": id, "@removed": {"reason": "deleted"}}))
    });
    let mut changed: Vec<(u64, Value)> = here.chain(gone).filter(|(change, _)| *change > cursor).collect();
    changed.sort_by_key(|(change, _)| *change);
    let more = changed.len() > size;
    changed.truncate(size);
    let last = changed.last().map_or(cursor, |(change, _)| *change);
    Page { values: changed.into_iter().map(|(_, body)| body).collect(), more, last }
}
