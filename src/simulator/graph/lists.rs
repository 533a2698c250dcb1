//! `/sites/…/lists/…/items`: list items and their columns.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::item_delta::{self, View};
use super::shapes::{self, Fields};
use super::{SITE_READ, SITE_WRITE, collection, entity, require, select};
use crate::simulator::error::GraphError;
use crate::simulator::wire::{Answer, Call, Outcome};
use crate::simulator::world::{Content, Draft, World};

pub(super) fn items(world: &mut World, call: &Call, list: Uuid, rest: &[&str]) -> Outcome {
    let reading = call.method.as_str() == "GET";
    require(world, if reading { SITE_READ } else { SITE_WRITE }, "accessDenied")?;
    match (call.method.as_str(), rest) {
        ("GET", []) => all(world, call, list),
        ("GET", ["delta"]) => item_delta::answer(world, call, View::Items, list),
        ("POST", []) => create(world, call, list),
        ("GET", [id]) => one(world, call, list, key(id)?, 200),
        ("GET", [id, "fields"]) => fields(world, call, list, key(id)?),
        ("PATCH", [id, "fields"]) => {
            let given = object(call.json()?);
            set_fields(world, list, key(id)?, given)?;
            fields(world, call, list, key(id)?)
        }
        ("PATCH", [id]) => {
            let given = object(call.json()?.get("fields").cloned().unwrap_or_default());
            set_fields(world, list, key(id)?, given)?;
            one(world, call, list, key(id)?, 200)
        }
        ("DELETE", [id]) => {
            world.remove_item(list, key(id)?)?;
            Ok(Answer::empty(204))
        }
        (_, rest) => Err(GraphError::segment(rest.last().unwrap_or(&"items"))),
    }
}

/// Item 0 is the root folder of a library, which is no list item.
fn key(id: &str) -> Result<u64, GraphError> {
    id.parse().ok().filter(|key| *key != 0).ok_or_else(GraphError::item_not_found)
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

fn all(world: &World, call: &Call, list: Uuid) -> Outcome {
    let (wanted, record) = (Fields::of(call), world.list(list)?);
    let there =
        record.items.values().filter(|item| !item.deleted && (record.drive.is_none() || item.id != 0));
    let found = there.map(|item| shapes::list_item(world, record, item, &wanted)).collect();
    Ok(collection(world, call, "listItems", found))
}

fn one(world: &World, call: &Call, list: Uuid, id: u64, status: u16) -> Outcome {
    let list = world.list(list)?;
    // A single item shows its columns unless only other things were selected.
    let wanted = match (Fields::of(call), call.select()) {
        (Fields::None, None) => Fields::All,
        (fields, _) => fields,
    };
    let body = shapes::list_item(world, list, list.item(id)?, &wanted);
    Ok(entity(call, status, "listItems/$entity", select(body, call.select().as_deref())))
}

fn fields(world: &World, call: &Call, list: Uuid, id: u64) -> Outcome {
    let item = world.list(list)?.item(id)?;
    let etag = format!("\"{},{}\"", item.unique_id, item.version);
    Ok(entity(call, 200, "fields/$entity", shapes::columns(world, item, &etag, &Fields::All)))
}

fn create(world: &mut World, call: &Call, list: Uuid) -> Outcome {
    let given = object(call.json()?.get("fields").cloned().unwrap_or_default());
    check_columns(world, list, &given)?;
    if world.list(list)?.drive.is_some() {
        return Err(GraphError::invalid("Files of a document library are uploaded through its drive."));
    }
    let draft = Draft { parent: 0, name: String::new(), content: Content::Row, fields: given };
    let author = world.app();
    let id = world.add_item(list, draft, &author)?;
    one(world, call, list, id, 201)
}

fn set_fields(world: &mut World, list: Uuid, id: u64, given: Map<String, Value>) -> Result<(), GraphError> {
    check_columns(world, list, &given)?;
    let author = world.app();
    let mut given = given;
    if let Some(name) = given.remove("FileLeafRef") {
        let name = name.as_str().map(str::to_owned);
        world.relocate_item(list, id, &author, (None, name))?;
        if given.is_empty() {
            return Ok(());
        }
    }
    world.change_item(list, id, &author, |item| item.fields.extend(given))
}

fn check_columns(world: &World, list: Uuid, given: &Map<String, Value>) -> Result<(), GraphError> {
    let list = world.list(list)?;
    let names = given.keys().filter(|name| !name.starts_with('@'));
    for name in names {
        let Some(column) = list.columns.iter().find(|column| column.name == name.as_str()) else {
            return Err(GraphError::invalid(format!("Field '{name}' is not recognized")));
        };
        if column.read_only {
            return Err(GraphError::invalid(format!("Field '{name}' is read-only")));
        }
    }
    Ok(())
}
