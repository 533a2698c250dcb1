//! How an item of a list looks.

use serde_json::{Value, json};

use super::SiteCall;
use super::lists::{folder_path, item_type, rest_name};
use super::metadata::{Entity, Property};
use crate::simulator::world::{Actor, Content, Item, List, World, graph_time};

/// Properties that come only when they are selected.
pub(super) const ON_DEMAND: [&str; 5] = ["FileRef", "FileLeafRef", "FileDirRef", "FSObjType", "UniqueId"];

/// An item's `ETag`.
pub(super) fn etag(item: &Item) -> String {
    format!("\"{},{}\"", item.unique_id, item.version)
}

pub(super) fn entity(world: &World, call: &SiteCall<'_>, list: &List, item: &Item) -> Entity {
    let (kind, content_type) = match item.content {
        Content::Row => (0, "0x0100"),
        Content::Folder => (1, "0x0120"),
        Content::File(_) => (0, "0x0101"),
    };
    let folder = folder_of(list, item);
    let leaf =
        if matches!(item.content, Content::Row) { format!("{}_.000", item.id) } else { item.name.clone() };
    let uri = call.link(&format!("Web/Lists(guid'{}')/Items({})", list.id, item.id));
    let mut entity = Entity::new(item_type(list), uri)
        .etag(etag(item))
        .plain("FileSystemObjectType", json!(kind))
        .plain("Id", json!(item.id))
        .plain("ContentTypeId", json!(format!("{content_type}{}", list.id.simple())))
        .plain("ID", json!(item.id))
        .plain("Created", json!(graph_time(item.created)))
        .plain("Modified", json!(graph_time(item.modified)))
        .plain("AuthorId", json!(user_id(world, &item.created_by)))
        .plain("EditorId", json!(user_id(world, &item.modified_by)))
        .plain("OData__UIVersionString", json!(format!("{}.0", item.version)))
        .plain("Attachments", json!(false))
        .plain("GUID", json!(item.unique_id))
        .plain("FileRef", json!(format!("{folder}/{leaf}")))
        .plain("FileLeafRef", json!(leaf))
        .plain("FileDirRef", json!(folder))
        .plain("FSObjType", json!(kind))
        .plain("UniqueId", json!(item.unique_id));
    // Columns without a value are there all the same.
    let own = list.columns.iter().filter(|column| !column.hidden && !column.read_only);
    for column in own.filter(|column| column.name != "FileLeafRef") {
        entity = entity
            .plain(&rest_name(column.name), item.fields.get(column.name).cloned().unwrap_or(Value::Null));
    }
    entity
        .with("Author", Property::Entity(Box::new(user(world, call, &item.created_by))))
        .with("Editor", Property::Entity(Box::new(user(world, call, &item.modified_by))))
}

/// The server-relative address of the folder that an item lies in.
fn folder_of(list: &List, item: &Item) -> String {
    let above: Vec<&Item> = list.ancestors(item);
    let names = above.into_iter().rev().filter(|folder| folder.id != 0).map(|folder| folder.name.as_str());
    names.fold(folder_path(list), |path, name| format!("{path}/{name}"))
}

/// People and apps have numbers of their own in each site.
fn user_id(world: &World, actor: &Actor) -> usize {
    let place = world.users.iter().position(|user| user.id == actor.id());
    place.map_or(1_073_741_822, |place| 11 + place)
}

fn user(world: &World, call: &SiteCall<'_>, actor: &Actor) -> Entity {
    let id = user_id(world, actor);
    Entity::new("SP.Data.UserInfoItem", call.link(&format!("Web/SiteUserInfoList/Items({id})")))
        .plain("EMail", json!(actor.address()))
        .plain("Id", json!(id))
        .plain("Name", json!(actor.address().map(|address| format!("i:0#.f|membership|{address}"))))
        .plain("Title", json!(actor.name()))
}
