//! `/drives/{id}/…` and its aliases: reading drives, files and folders.

use uuid::Uuid;

use super::item_delta::{self, View};
use super::shapes::{self, Fields};
use super::{FILE_WRITE, collection, drive_writes, entity, require, select};
use crate::simulator::error::GraphError;
use crate::simulator::wire::{Answer, Call, Outcome};
use crate::simulator::world::{Content, World};

/// A place in a drive: a folder or file by its key, and what of a path lies below it.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) base: u64,
    pub(super) path: Option<&'a str>,
}

impl Place<'_> {
    /// The key of what is there.
    pub(super) fn item(&self, world: &World, list: Uuid) -> Result<u64, GraphError> {
        world.list(list)?.by_path(self.base, self.path.unwrap_or_default())
    }
}

pub(super) fn answer(world: &mut World, call: &Call, list: Uuid, rest: &[&str]) -> Outcome {
    if call.method.as_str() != "GET" {
        require(world, FILE_WRITE, "accessDenied")?;
    }
    let (base, below) = match rest {
        [] => {
            let body = shapes::drive(world, world.list(list)?);
            return Ok(entity(call, 200, "drives/$entity", body));
        }
        ["root", below @ ..] => (0, below),
        ["items", id, below @ ..] => (world.list(list)?.by_drive_id(id)?, below),
        [other, ..] => return Err(GraphError::segment(other)),
    };
    let (path, tail) = match below {
        [path, tail @ ..] if path.starts_with(':') => (path.strip_prefix(':'), tail),
        tail => (None, tail),
    };
    at(world, call, list, &Place { base, path }, tail)
}

fn at(world: &mut World, call: &Call, list: Uuid, place: &Place<'_>, tail: &[&str]) -> Outcome {
    match (call.method.as_str(), tail) {
        ("GET", []) => one(world, call, list, place.item(world, list)?, 200),
        ("GET", ["children"]) => children(world, call, list, place.item(world, list)?),
        ("GET", ["delta"]) => match place.item(world, list)? {
            0 => item_delta::answer(world, call, View::Drive, list),
            _ => Err(GraphError::new(501, "notSupported", "Operation not supported")),
        },
        ("GET", ["listItem"]) => {
            let record = world.list(list)?;
            let item = record.item(place.item(world, list)?)?;
            let body = shapes::list_item(world, record, item, &Fields::of(call));
            Ok(entity(call, 200, "listItems/$entity", body))
        }
        ("GET", ["content"]) => content(world, call, list, place.item(world, list)?),
        (_, tail) => drive_writes::answer(world, call, list, place, tail),
    }
}

/// A file or folder.
pub(super) fn one(world: &World, call: &Call, list: Uuid, id: u64, status: u16) -> Outcome {
    let list = world.list(list)?;
    let body = shapes::drive_item(world, call, list, list.item(id)?);
    Ok(entity(call, status, "driveItems/$entity", select(body, call.select().as_deref())))
}

fn children(world: &World, call: &Call, list: Uuid, id: u64) -> Outcome {
    let list = world.list(list)?;
    let wanted = call.select();
    let found = list
        .children(id)
        .map(|item| select(shapes::drive_item(world, call, list, item), wanted.as_deref()))
        .collect();
    Ok(collection(world, call, "driveItems", found))
}

/// Contents are read at a pre-authorised address elsewhere.
fn content(world: &World, call: &Call, list: Uuid, id: u64) -> Outcome {
    let record = world.list(list)?;
    let item = record.item(id)?;
    let Content::File(_) = item.content else {
        return Err(GraphError::invalid("The item is a folder and has no content."));
    };
    let address = format!("{}/_content/{list}/{}", call.origin, item.drive_id);
    Ok(Answer::empty(302).header("Location", address))
}
