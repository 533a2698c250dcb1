//! `web/GetFolderByServerRelativePath(decodedurl='…')`: a folder by where it is.

use serde_json::json;
use uuid::Uuid;

use super::SiteCall;
use super::error::{bad_argument, numbered};
use super::lists::folder_path;
use super::metadata::Entity;
use super::query::select;
use crate::simulator::error::GraphError;
use crate::simulator::wire::Outcome;
use crate::simulator::world::{Content, World};

pub(super) fn answer(world: &World, call: &SiteCall<'_>, path: &str) -> Outcome {
    if !path.starts_with('/') {
        return Err(bad_argument("Server relative urls must start with SPWeb.ServerRelativeUrl"));
    }
    let (id, count) = find(world, call, path).ok_or_else(no_file)?;
    let entity = entity(call, path, id).plain("ItemCount", json!(count));
    Ok(call.one(200, &select(call.call, entity)?))
}

pub(super) fn entity(call: &SiteCall<'_>, path: &str, id: Uuid) -> Entity {
    let uri = call.link(&format!("Web/GetFolderByServerRelativePath(decodedurl='{path}')"));
    Entity::new("SP.Folder", uri)
        .plain("Exists", json!(true))
        .plain("Name", json!(path.rsplit('/').next()))
        .plain("ServerRelativeUrl", json!(path))
        .plain("UniqueId", json!(id))
}

fn find(world: &World, call: &SiteCall<'_>, path: &str) -> Option<(Uuid, usize)> {
    let wanted = path.trim_end_matches('/');
    let here = world.lists.values().filter(|list| list.site == call.site.collection);
    here.into_iter().find_map(|list| {
        let root = folder_path(list);
        let below = wanted.get(root.len()..).filter(|below| below.is_empty() || below.starts_with('/'))?;
        if !wanted.to_lowercase().starts_with(&root.to_lowercase()) {
            return None;
        }
        if below.is_empty() {
            let id = list.items.get(&0).map_or(list.id, |root| root.unique_id);
            return Some((id, list.children(0).count()));
        }
        let item = list.items.get(&list.by_path(0, below).ok()?)?;
        let is_folder = matches!(item.content, Content::Folder);
        is_folder.then(|| (item.unique_id, list.children(item.id).count()))
    })
}

fn no_file() -> GraphError {
    let message = "The system cannot find the file specified.";
    numbered(404, -2_147_024_894, "System.IO.FileNotFoundException", message)
}
