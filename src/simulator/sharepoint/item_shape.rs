//! How an item of a list looks.

use serde_json::{Value, json};

use super::SiteCall;
use super::lists::{folder_path, item_type, rest_name};
use super::metadata::{Entity, Property};
use super::users;
use crate::simulator::world::{Actor, Content, Item, List, World, graph_time};

/// Properties that come only when they are selected.
pub(super) const ON_DEMAND: [&str; 5] = ["FileRef", "FileLeafRef", "FileDirRef", "FSObjType", "UniqueId"];

/// An item's `ETag`.
pub(super) fn etag(item: &Item) -> String {
    format!("\"{},{}\"", item.unique_id, item.version)
}

pub(super) fn entity(world: &World, call: &SiteCall<'_>, list: &List, item: &Item) -> Entity {
    let (kind, content_type, type_name) = match item.content {
        Content::Row => (0, "0x0100", "Item"),
        Content::Folder => (1, "0x0120", "Folder"),
        Content::File(_) => (0, "0x0101", "Document"),
    };
    let content_type = format!("{content_type}{}", list.id.simple());
    let folder = folder_of(list, item);
    let leaf =
        if matches!(item.content, Content::Row) { format!("{}_.000", item.id) } else { item.name.clone() };
    let uri = call.link(&format!("Web/Lists(guid'{}')/Items({})", list.id, item.id));
    let mut entity = Entity::new(item_type(list), uri)
        .etag(etag(item))
        .plain("FileSystemObjectType", json!(kind))
        .plain("Id", json!(item.id))
        .plain("ContentTypeId", json!(content_type))
        .plain("ID", json!(item.id))
        .plain("Created", json!(graph_time(item.created)))
        .plain("Modified", json!(graph_time(item.modified)))
        .plain("AuthorId", json!(world.site_number(&item.created_by)))
        .plain("EditorId", json!(world.site_number(&item.modified_by)))
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
    let content_uri = call.link(&format!("Web/Lists(guid'{}')/ContentTypes('{content_type}')", list.id));
    let content_type = Entity::new("SP.ContentType", content_uri)
        .with("Id", Property::Complex("SP.ContentTypeId", json!({"StringValue": content_type})))
        .plain("Name", json!(type_name));
    entity
        .with("ContentType", Property::Entity(Box::new(content_type)))
        .with("Author", Property::Entity(Box::new(user(world, call, &item.created_by))))
        .with("Editor", Property::Entity(Box::new(user(world, call, &item.modified_by))))
}

/// The server-relative address of the folder that an item lies in.
pub(super) fn folder_of(list: &List, item: &Item) -> String {
    let above: Vec<&Item> = list.ancestors(item);
    let names = above.into_iter().rev().filter(|folder| folder.id != 0).map(|folder| folder.name.as_str());
    names.fold(folder_path(list), |path, name| format!("{path}/{name}"))
}

fn user(world: &World, call: &SiteCall<'_>, actor: &Actor) -> Entity {
    let id = world.site_number(actor);
    Entity::new("SP.Data.UserInfoItem", call.link(&format!("Web/SiteUserInfoList/Items({id})")))
        .plain("EMail", json!(actor.address()))
        .plain("Id", json!(id))
        .plain("Name", json!(users::login_name(world, actor)))
        .plain("Title", json!(actor.name()))
}
