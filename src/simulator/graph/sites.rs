//! `/sites/…`: from addresses to sites, lists and libraries.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{FILE_READ, SITE_READ, collection, drives, entity, lists, require, shapes};
use crate::simulator::error::GraphError;
use crate::simulator::wire::{Call, Outcome};
use crate::simulator::world::{List, World, graph_time};

pub(super) fn answer(world: &mut World, call: &Call, path: &[&str]) -> Outcome {
    if !world.granted(SITE_READ) {
        require(world, FILE_READ, "accessDenied")?;
    }
    let (site, rest) = match path {
        [host, colon, rest @ ..] if colon.starts_with(':') => {
            (world.site_at(host, colon.trim_start_matches(':'))?.collection, rest)
        }
        [key, rest @ ..] => (world.site(key)?.collection, rest),
        [] => return Err(GraphError::segment("sites")),
    };
    match (call.method.as_str(), rest) {
        ("GET", []) => site_entity(world, call, site),
        ("GET", ["lists"]) => {
            let found = lists_of(world, site).map(|list| list_body(world, list)).collect();
            Ok(collection(world, call, "lists", found))
        }
        ("GET", ["drives"]) => {
            let libraries = lists_of(world, site).filter(|list| list.drive.is_some());
            let found = libraries.map(|list| shapes::drive(world, list)).collect();
            Ok(collection(world, call, "drives", found))
        }
        (_, ["drive", rest @ ..]) => {
            let library = lists_of(world, site).find(|list| list.drive.is_some()).map(|list| list.id);
            drives::answer(world, call, library.ok_or_else(GraphError::item_not_found)?, rest)
        }
        (_, ["lists", key, rest @ ..]) => {
            let list = world.list_of(site, key)?.id;
            in_list(world, call, list, rest)
        }
        (_, rest) => Err(GraphError::segment(rest.first().unwrap_or(&"sites"))),
    }
}

fn in_list(world: &mut World, call: &Call, list: Uuid, rest: &[&str]) -> Outcome {
    match (call.method.as_str(), rest) {
        ("GET", []) => {
            let body = list_body(world, world.list(list)?);
            Ok(entity(call, 200, "lists/$entity", body))
        }
        ("GET", ["columns"]) => {
            let columns = columns(world.list(list)?);
            Ok(collection(world, call, "columns", columns))
        }
        (_, ["drive", rest @ ..]) => {
            if world.list(list)?.drive.is_none() {
                return Err(GraphError::item_not_found());
            }
            drives::answer(world, call, list, rest)
        }
        (_, ["items", rest @ ..]) => lists::items(world, call, list, rest),
        (_, rest) => Err(GraphError::segment(rest.first().unwrap_or(&"lists"))),
    }
}

fn lists_of(world: &World, site: Uuid) -> impl Iterator<Item = &List> {
    world.lists.values().filter(move |list| list.site == site)
}

fn site_entity(world: &World, call: &Call, site: Uuid) -> Outcome {
    let site = world.site_of(site).ok_or_else(GraphError::item_not_found)?;
    let mut body = json!({
        "createdDateTime": graph_time(site.created),
        "description": "",
        "id": site.id(),
        "lastModifiedDateTime": graph_time(site.created),
        "name": site.path.rsplit('/').next().unwrap_or_default(),
        "webUrl": site.web_url(),
        "displayName": site.title,
        "isPersonalSite": site.personal,
        "siteCollection": {"hostname": site.host},
    });
    if let (true, Some(object)) = (site.path.is_empty(), body.as_object_mut()) {
        object.insert("root".to_owned(), json!({}));
    }
    Ok(entity(call, 200, "sites/$entity", body))
}

fn list_body(world: &World, list: &List) -> Value {
    json!({
        "createdDateTime": graph_time(list.created),
        "description": "",
        "eTag": format!("\"{},1\"", list.id),
        "id": list.id,
        "lastModifiedDateTime": graph_time(list.created),
        "name": list.name,
        "webUrl": list.web_url,
        "displayName": list.title,
        "parentReference": {"siteId": world.site_of(list.site).map(crate::simulator::world::Site::id)},
        "list": {"contentTypesEnabled": false, "hidden": false, "template": list.template()},
    })
}

fn columns(list: &List) -> Vec<Value> {
    let columns = list.columns.iter().enumerate();
    columns
        .map(|(index, column)| {
            let id = Uuid::from_u128(list.id.as_u128() ^ u128::try_from(index + 1).unwrap_or(0));
            json!({
                "columnGroup": "Custom Columns",
                "description": "",
                "displayName": column.title,
                "enforceUniqueValues": false,
                "hidden": column.hidden,
                "id": id,
                "indexed": false,
                "name": column.name,
                "readOnly": column.read_only,
                "required": false,
                column.kind: {},
            })
        })
        .collect()
}
