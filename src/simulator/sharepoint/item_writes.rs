//! Making, changing and deleting items.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::error::{bad_query, numbered, read};
use super::item_shape::etag;
use super::metadata::{self, sends_verbose};
use super::{SiteCall, items, lists};
use crate::simulator::error::GraphError;
use crate::simulator::wire::{Answer, Outcome};
use crate::simulator::world::{Content, Draft, List, World};

type Fields = Map<String, Value>;

pub(super) fn create(world: &mut World, call: &SiteCall<'_>, list: Uuid) -> Outcome {
    let given = columns(world.list(list)?, call)?;
    if world.list(list)?.drive.is_some() {
        let message = "To add an item to a document library, use SPFileCollection.Add()";
        return Err(numbered(400, -2_147_467_259, "Microsoft.SharePoint.SPException", message));
    }
    let fields = given.into_iter().filter(|(_, value)| !value.is_null()).collect();
    let draft = Draft { parent: 0, name: String::new(), content: Content::Row, fields };
    let author = world.app();
    let id = world.add_item(list, draft, &author)?;
    items::one(world, call, list, id, 201)
}

/// Changes of one item, as far as `If-Match` lets them.
pub(super) fn answer(
    world: &mut World,
    call: &SiteCall<'_>,
    (list, id): (Uuid, u64),
    rest: &[(&str, Option<&str>)],
) -> Outcome {
    let current = etag(world.list(list)?.item(id)?);
    let expected = call.call.header("if-match").unwrap_or("*");
    if expected != "*" && !expected.eq_ignore_ascii_case(&current) {
        let message = format!(
            "The request ETag value '{expected}' does not match the object's ETag value '{current}'."
        );
        return Err(numbered(412, -1, "Microsoft.SharePoint.Client.ClientServiceException", message));
    }
    match (call.method.as_str(), rest) {
        ("MERGE", []) => change(world, call, list, id),
        ("DELETE", []) | ("POST", [("deleteobject", None)]) => {
            // For good: it is not in the recycle bin.
            let recycled = world.remove_item(list, id)?;
            world.recycle_bin.remove(&recycled);
            Ok(Answer::empty(200))
        }
        ("POST", [("recycle", None)]) => {
            let recycled = world.remove_item(list, id)?;
            Ok(Answer::json(200, metadata::returned(call.mode, "Recycle", json!(recycled))))
        }
        _ => Err(call.unknown()),
    }
}

fn change(world: &mut World, call: &SiteCall<'_>, list: Uuid, id: u64) -> Outcome {
    let mut given = columns(world.list(list)?, call)?;
    let author = world.app();
    if let Some(name) = given.remove("FileLeafRef") {
        let name = name.as_str().map(str::to_owned);
        world.relocate_item(list, id, &author, (None, name))?;
    }
    if !given.is_empty() {
        world.change_item(list, id, &author, |item| {
            item.fields.extend(given);
            item.fields.retain(|_, value| !value.is_null());
        })?;
    }
    let now = etag(world.list(list)?.item(id)?);
    Ok(Answer::empty(204).header("ETag", now))
}

/// The columns in a body, by their own names.
fn columns(list: &List, call: &SiteCall<'_>) -> Result<Fields, GraphError> {
    let Value::Object(body) = read(call.call)? else { return Err(bad_query("An object was expected.")) };
    let kind = lists::item_type(list);
    let said = body.get("__metadata").and_then(|about| about.get("type")).and_then(Value::as_str);
    if sends_verbose(call.call) && said != Some(kind.as_str()) && said != Some("SP.ListItem") {
        return Err(bad_query("An entry without a type name was found, but no expected type was specified."));
    }
    let given = body.into_iter().filter(|(name, _)| name != "__metadata" && !name.contains("odata."));
    given
        .map(|(name, value)| {
            let own = name.strip_prefix("OData_").filter(|rest| rest.starts_with('_')).unwrap_or(&name);
            let column = list.columns.iter().find(|column| column.name == own && !column.read_only);
            let column = column.ok_or_else(|| {
                bad_query(format!(
                    "The property '{name}' does not exist on type '{kind}'. Make sure to only use property names that \
                     are defined by the type."
                ))
            })?;
            Ok((column.name.to_owned(), value))
        })
        .collect()
}
