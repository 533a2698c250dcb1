//! Lists: found by id, title or address, and what they say of themselves.

use serde_json::{Value, json};
use uuid::Uuid;

use super::address::Step;
use super::error::{bad_argument, numbered};
use super::metadata::{self, Entity, Property};
use super::query::{select, select_with};
use super::{SiteCall, folders, server_relative, token};
use crate::simulator::error::GraphError;
use crate::simulator::wire::{Answer, Outcome};
use crate::simulator::world::{Column, List, World, graph_time};

/// The list that an address names, and what follows there.
pub(super) fn find<'a>(world: &World, call: &'a SiteCall<'_>) -> Result<(Uuid, &'a [Step]), GraphError> {
    let below = call.steps.get(1..).unwrap_or_default();
    let named: Vec<(&str, Option<&str>)> =
        below.iter().map(|step| (step.name.as_str(), step.argument.as_deref())).collect();
    let (list, length) = match named.as_slice() {
        [("lists", Some(id)), ..] => (by_id(world, call, id)?, 1),
        [("getlist", Some(path)), ..] => (by_path(world, call, path)?, 1),
        [("lists", None), ("getbyid", Some(id)), ..] => (by_id(world, call, id)?, 2),
        [("lists", None), ("getbytitle", Some(title)), ..] => (by_title(world, call, title)?, 2),
        _ => return Err(call.unknown()),
    };
    Ok((list, below.get(length..).unwrap_or_default()))
}

fn by_id(world: &World, call: &SiteCall<'_>, id: &str) -> Result<Uuid, GraphError> {
    let id: Uuid = id.parse().map_err(|_| {
        let message = "Guid should contain 32 digits with 4 dashes (xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx).";
        numbered(400, -1, "System.FormatException", message)
    })?;
    let here = world.lists.get(&id).filter(|list| list.site == call.site.collection);
    here.map(|list| list.id).ok_or_else(|| {
        let message = "List does not exist. The page you selected contains a list that does not exist. It may have \
                       been deleted by another user.";
        numbered(404, -2_130_575_322, "Microsoft.SharePoint.SPException", message)
    })
}

fn by_title(world: &World, call: &SiteCall<'_>, title: &str) -> Result<Uuid, GraphError> {
    let mut here = world.lists.values().filter(|list| list.site == call.site.collection);
    here.find(|list| list.title.eq_ignore_ascii_case(title)).map(|list| list.id).ok_or_else(|| {
        let site = call.site.web_url();
        let message = format!("List '{title}' does not exist at site with URL '{site}'.");
        numbered(404, -1, "System.ArgumentException", message)
    })
}

fn by_path(world: &World, call: &SiteCall<'_>, path: &str) -> Result<Uuid, GraphError> {
    let site = server_relative(&call.site);
    let below_site = path.to_lowercase().starts_with(&site.to_lowercase());
    if !path.starts_with('/') || !below_site {
        return Err(bad_argument("Server relative urls must start with SPWeb.ServerRelativeUrl"));
    }
    let mut here = world.lists.values().filter(|list| list.site == call.site.collection);
    let found =
        here.find(|list| folder_path(list).to_lowercase() == path.trim_end_matches('/').to_lowercase());
    found.map(|list| list.id).ok_or_else(|| {
        let message = "The system cannot find the file specified.";
        numbered(404, -2_147_024_894, "System.IO.FileNotFoundException", message)
    })
}

/// The server-relative address of a list's root folder.
pub(super) fn folder_path(list: &List) -> String {
    let address = list.web_url.strip_prefix("https://").unwrap_or(&list.web_url);
    let path = address.split_once('/').map_or("", |(_, path)| path);
    format!("/{}", path.replace("%20", " "))
}

/// The type of a list's items.
pub(super) fn item_type(list: &List) -> String {
    let name = list.name.replace(' ', "_x0020_");
    match list.drive {
        None => format!("SP.Data.{name}ListItem"),
        Some(_) => format!("SP.Data.{name}Item"),
    }
}

pub(super) fn all(world: &World, call: &SiteCall<'_>) -> Outcome {
    let here = world.lists.values().filter(|list| list.site == call.site.collection);
    let found = here.map(|list| select(call.call, entity(world, call, list)));
    let found: Vec<Entity> = found.collect::<Result<_, _>>()?;
    Ok(call.many("SP.ApiData.Lists", &found, None))
}

/// A list, or the part of it that is named.
pub(super) fn answer(world: &World, call: &SiteCall<'_>, list: Uuid, part: Option<&str>) -> Outcome {
    let list = world.list(list)?;
    match part {
        None => Ok(call.one(200, &select(call.call, entity(world, call, list))?)),
        Some("rootfolder") => Ok(call.one(200, &select(call.call, root_folder(call, list))?)),
        Some("fields") => {
            let found = list.columns.iter().enumerate().map(|(at, column)| field(call, list, at, column));
            let found =
                found.map(|field| select_with(call.call, field, &[])).collect::<Result<Vec<_>, _>>()?;
            Ok(call.many("SP.ApiData.Fields", &found, None))
        }
        Some(_) => {
            let value = json!({"StringValue": token::current(world, list.id)});
            Ok(Answer::json(200, metadata::returned(call.mode, "CurrentChangeToken", value)))
        }
    }
}

fn entity(world: &World, call: &SiteCall<'_>, list: &List) -> Entity {
    let there = || list.items.values().filter(|item| list.drive.is_none() || item.id != 0);
    let latest = |deleted: bool| {
        let times = there().filter(|item| item.deleted == deleted).map(|item| item.changed_at);
        graph_time(times.max().unwrap_or(list.created))
    };
    let (template, base) = match list.template() {
        "genericList" => (100, 0),
        "mySiteDocumentLibrary" => (700, 1),
        _ => (101, 1),
    };
    let token = json!({"StringValue": token::current(world, list.id)});
    Entity::new("SP.List", call.link(&format!("Web/Lists(guid'{}')", list.id)))
        .etag(format!("\"{},1\"", list.id))
        .plain("BaseTemplate", json!(template))
        .plain("BaseType", json!(base))
        .plain("Created", json!(graph_time(list.created)))
        .with("CurrentChangeToken", Property::Complex("SP.ChangeToken", token))
        .plain("Description", json!(""))
        .plain("Hidden", json!(false))
        .plain("Id", json!(list.id))
        .plain("ItemCount", json!(there().filter(|item| !item.deleted).count()))
        .plain("LastItemDeletedDate", json!(latest(true)))
        .plain("LastItemModifiedDate", json!(latest(false)))
        .plain("ListItemEntityTypeFullName", json!(item_type(list)))
        .plain("ParentWebUrl", json!(server_relative(&call.site)))
        .plain("Title", json!(list.title))
        .with("RootFolder", Property::Entity(Box::new(root_folder(call, list))))
}

fn root_folder(call: &SiteCall<'_>, list: &List) -> Entity {
    folders::entity(call, &folder_path(list), list.items.get(&0).map_or(list.id, |root| root.unique_id))
}

fn field(call: &SiteCall<'_>, list: &List, at: usize, column: &Column) -> Entity {
    let id = Uuid::from_u128(list.id.as_u128() ^ u128::try_from(at + 1).unwrap_or(0));
    let kind = match column.kind {
        "choice" => "Choice",
        "number" if column.name == "ID" => "Counter",
        "number" => "Number",
        "dateTime" => "DateTime",
        "personOrGroup" => "User",
        _ if column.name == "FileLeafRef" => "File",
        _ => "Text",
    };
    Entity::new("SP.Field", call.link(&format!("Web/Lists(guid'{}')/Fields(guid'{id}')", list.id)))
        .plain("EntityPropertyName", json!(rest_name(column.name)))
        .plain("Hidden", json!(column.hidden))
        .plain("Id", json!(id))
        .plain("InternalName", json!(column.name))
        .plain("ReadOnlyField", json!(column.read_only))
        .plain("StaticName", json!(column.name))
        .plain("Title", json!(column.title))
        .plain("TypeAsString", Value::from(kind))
}

/// A column's name as REST writes it: a name cannot begin with an underscore there.
pub(super) fn rest_name(name: &str) -> String {
    if name.starts_with('_') { ["OData_", name].concat() } else { name.to_owned() }
}
