//! Uploading, making folders, renaming, moving and deleting in a drive.

use serde_json::Value;
use uuid::Uuid;

use super::drives::{Place, one};
use crate::simulator::error::GraphError;
use crate::simulator::wire::{Answer, Call, Outcome};
use crate::simulator::world::{Content, Draft, File, World};

pub(super) fn answer(
    world: &mut World,
    call: &Call,
    list: Uuid,
    place: &Place<'_>,
    tail: &[&str],
) -> Outcome {
    match (call.method.as_str(), tail) {
        ("PUT", ["content"]) => upload(world, call, list, place),
        ("POST", ["children"]) => create_folder(world, call, list, place.item(world, list)?),
        ("PATCH", []) => change(world, call, list, place.item(world, list)?),
        ("DELETE", []) => {
            let id = place.item(world, list)?;
            world.remove_item(list, id)?;
            Ok(Answer::empty(204))
        }
        (_, tail) => Err(GraphError::segment(tail.last().unwrap_or(&"items"))),
    }
}

/// Makes a file or replaces what is in it.
fn upload(world: &mut World, call: &Call, list: Uuid, place: &Place<'_>) -> Outcome {
    let media = call.header("content-type").unwrap_or("application/octet-stream").to_owned();
    let author = world.app();
    let existing = place.item(world, list).ok();
    if let Some(id) = existing {
        let Content::File(old) = &world.list(list)?.item(id)?.content else {
            return Err(GraphError::new(409, "nameAlreadyExists", "A folder has this name already."));
        };
        let file = File::new(call.body.clone(), &media, old.version + 1);
        world.change_item(list, id, &author, |item| item.content = Content::File(file))?;
        return one(world, call, list, id, 200);
    }
    let path = place.path.unwrap_or_default().trim_matches('/');
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    check_name(name)?;
    // Missing folders of an upload's path are made on the way.
    let mut parent = place.base;
    for folder in folders.split('/').filter(|folder| !folder.is_empty()) {
        let found = world.list(list)?.child(parent, folder).map(|item| item.id);
        parent = match found {
            Some(id) => id,
            None => world.add_item(list, folder_named(parent, folder), &author)?,
        };
    }
    let content = Content::File(File::new(call.body.clone(), &media, 1));
    let draft = Draft { parent, name: name.to_owned(), content, fields: serde_json::Map::new() };
    let id = world.add_item(list, draft, &author)?;
    one(world, call, list, id, 201)
}

fn create_folder(world: &mut World, call: &Call, list: Uuid, parent: u64) -> Outcome {
    let body = call.json()?;
    let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
    check_name(name)?;
    if body.get("folder").is_none() {
        return Err(GraphError::invalid("Only folders are made here; files are uploaded."));
    }
    let conflict = body.get("@microsoft.graph.conflictBehavior").and_then(Value::as_str).unwrap_or("fail");
    let taken = world.list(list)?.child(parent, name).map(|item| item.id);
    let free = match (taken, conflict) {
        (Some(id), "replace") => return one(world, call, list, id, 200),
        (Some(_), "rename") => free_name(world, list, parent, name)?,
        _ => name.to_owned(),
    };
    let author = world.app();
    let id = world.add_item(list, folder_named(parent, &free), &author)?;
    one(world, call, list, id, 201)
}

/// Renames and moves.
fn change(world: &mut World, call: &Call, list: Uuid, id: u64) -> Outcome {
    let body = call.json()?;
    let name = body.get("name").and_then(Value::as_str).map(str::to_owned);
    if let Some(name) = &name {
        check_name(name)?;
    }
    let parent = body.pointer("/parentReference/id").and_then(Value::as_str);
    let parent = parent.map(|id| world.list(list)?.by_drive_id(id)).transpose()?;
    let author = world.app();
    if name.is_some() || parent.is_some() {
        world.relocate_item(list, id, &author, (parent, name))?;
    }
    one(world, call, list, id, 200)
}

fn folder_named(parent: u64, name: &str) -> Draft {
    Draft { parent, name: name.to_owned(), content: Content::Folder, fields: serde_json::Map::new() }
}

fn free_name(world: &World, list: Uuid, parent: u64, name: &str) -> Result<String, GraphError> {
    let list = world.list(list)?;
    let numbered = (1..10_000).map(|number| format!("{name} {number}"));
    let free = numbered.into_iter().find(|candidate| list.child(parent, candidate).is_none());
    free.ok_or_else(|| GraphError::invalid("No free name was found."))
}

fn check_name(name: &str) -> Result<(), GraphError> {
    let forbidden = |letter: char| "\"*:<>?/\\|".contains(letter);
    if name.is_empty() || name.contains(forbidden) {
        return Err(GraphError::invalid(
            "The provided name cannot contain any of the characters \"*:<>?/\\|.",
        ));
    }
    Ok(())
}
