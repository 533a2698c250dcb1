//! `…/items` of a list: reading one, reading all in pages.

use uuid::Uuid;

use super::address::Step;
use super::error::{bad_argument, bad_query};
use super::item_shape::{ON_DEMAND, entity, etag};
use super::metadata::Entity;
use super::query::select_with;
use super::{SiteCall, item_writes, require};
use crate::simulator::error::GraphError;
use crate::simulator::wire::Outcome;
use crate::simulator::world::World;

/// Items on a page, unless the caller says how many, and at most.
const USUAL: usize = 100;
const MOST: usize = 5000;

pub(super) fn answer(world: &mut World, call: &SiteCall<'_>, list: Uuid, steps: &[Step]) -> Outcome {
    let named: Vec<(&str, Option<&str>)> =
        steps.iter().map(|step| (step.name.as_str(), step.argument.as_deref())).collect();
    let (id, rest) = match named.as_slice() {
        [("items", None)] if call.method == "GET" => return page(world, call, list),
        [("items", None)] if call.method == "POST" => {
            require(world, super::WRITE)?;
            return item_writes::create(world, call, list);
        }
        [("items" | "getitembyid", Some(id)), rest @ ..]
        | [("items", None), ("getbyid", Some(id)), rest @ ..] => (key(id)?, rest),
        _ => return Err(call.unknown()),
    };
    if call.method == "GET" && rest.is_empty() {
        return one(world, call, list, id, 200);
    }
    require(world, super::WRITE)?;
    item_writes::answer(world, call, (list, id), rest)
}

/// Item 0 is the root folder of a library, which is no list item.
fn key(id: &str) -> Result<u64, GraphError> {
    let id: u64 = id.parse().map_err(|_| bad_argument("The id of an item is a number."))?;
    if id == 0 { Err(GraphError::item_not_found()) } else { Ok(id) }
}

/// An item. Its `ETag` is told in a header as well, whatever form the body has.
pub(super) fn one(world: &World, call: &SiteCall<'_>, list: Uuid, id: u64, status: u16) -> Outcome {
    let record = world.list(list)?;
    let item = record.item(id)?;
    let shown = select_with(call.call, entity(world, call, record, item), &ON_DEMAND)?;
    Ok(call.one(status, &shown).header("ETag", etag(item)))
}

/// A page of what is there, in the order of ids; a link that says the last id leads to the next one.
fn page(world: &World, call: &SiteCall<'_>, list: Uuid) -> Outcome {
    if call.call.query("$filter").is_some() {
        return Err(bad_query("The stand-in has no filters on items."));
    }
    let order = call.call.query("$orderby").unwrap_or("ID").to_ascii_lowercase();
    if !["id", "id asc"].contains(&order.as_str()) {
        return Err(bad_query("The stand-in orders items by ID."));
    }
    let after = after(call.call.query("$skiptoken").unwrap_or_default())?;
    let size = call.call.top().unwrap_or(USUAL).min(MOST);
    let record = world.list(list)?;
    let later = record.items.range(after + 1..).map(|(_, item)| item);
    let mut found: Vec<_> = later.filter(|item| !item.deleted).take(size + 1).collect();
    let more = found.len() > size;
    found.truncate(size);
    let next = found.last().filter(|_| more).map(|last| next_link(call, last.id));
    let shown =
        found.into_iter().map(|item| select_with(call.call, entity(world, call, record, item), &ON_DEMAND));
    let shown: Vec<Entity> = shown.collect::<Result<_, _>>()?;
    Ok(call.many("SP.ListItems", &shown, next))
}

/// `Paged=TRUE&p_ID=100`.
fn after(token: &str) -> Result<u64, GraphError> {
    if token.is_empty() {
        return Ok(0);
    }
    let id = url::form_urlencoded::parse(token.as_bytes()).find(|(name, _)| name == "p_ID");
    id.and_then(|(_, id)| id.parse().ok()).ok_or_else(|| bad_argument("The $skiptoken is not valid."))
}

fn next_link(call: &SiteCall<'_>, last: u64) -> String {
    let kept = call.call.query.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("$skiptoken"));
    let mut options = url::form_urlencoded::Serializer::new(String::new());
    options.append_pair("$skiptoken", &format!("Paged=TRUE&p_ID={last}"));
    for (name, value) in kept.filter(|(name, _)| name.starts_with('$')) {
        options.append_pair(name, value);
    }
    // A form writes a space as a plus, which an address does not have to understand.
    let options = options.finish().replace('+', "%20");
    format!("{}{}?{options}", call.call.origin, call.call.path)
}
