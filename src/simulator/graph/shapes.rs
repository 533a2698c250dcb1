//! How drives, files and list items look in answers.

use serde_json::{Map, Value, json};

use crate::simulator::wire::{Call, names};
use crate::simulator::world::{Content, Item, List, Site, World, graph_time};

/// Which columns of a list item were asked for.
#[derive(Debug, Clone)]
pub(crate) enum Fields {
    None,
    All,
    Some(Vec<String>),
}

impl Fields {
    /// Reads `$expand=fields` and `$expand=fields($select=A,B)`.
    pub(super) fn of(call: &Call) -> Self {
        let expand = call.query("$expand").unwrap_or_default();
        let Some((_, rest)) = expand.split_once("fields") else { return Self::None };
        let inner = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).map(|(inner, _)| inner);
        match inner.and_then(|inner| inner.split_once('=')) {
            Some((_, list)) => Self::Some(names(list)),
            None => Self::All,
        }
    }
}

/// Graph's `drive`.
pub(super) fn drive(world: &World, list: &List) -> Value {
    let owner = list.drive.as_ref().and_then(|drive| drive.owner);
    let owner = owner.and_then(|id| world.users.iter().find(|user| user.id == id));
    let mut body = json!({
        "createdDateTime": graph_time(list.created),
        "description": "",
        "id": list.drive.as_ref().map(|drive| drive.id.as_str()),
        "lastModifiedDateTime": graph_time(list.created),
        "name": if owner.is_some() { "OneDrive" } else { list.title.as_str() },
        "webUrl": list.web_url,
        "driveType": drive_type(list),
        "quota": {"deleted": 0, "remaining": 1_099_511_627_776_u64, "state": "normal", "total": 1_099_511_627_776_u64, "used": 0},
    });
    if let (Some(user), Some(object)) = (owner, body.as_object_mut()) {
        let owner = json!({"user": {"id": user.id, "displayName": user.name, "email": user.address}});
        object.insert("owner".to_owned(), owner);
    }
    body
}

fn drive_type(list: &List) -> &'static str {
    if list.drive.as_ref().is_some_and(|drive| drive.owner.is_some()) {
        "business"
    } else {
        "documentLibrary"
    }
}

fn is_root(list: &List, item: &Item) -> bool {
    list.drive.is_some() && item.id == 0
}

fn web_url(list: &List, item: &Item) -> String {
    let path = path(list, item).replace('%', "%25").replace(' ', "%20");
    format!("{}{path}", list.web_url)
}

/// The path of an item below the root, with a slash before each name; nothing for the root.
fn path(list: &List, item: &Item) -> String {
    let mut names = vec![item];
    names.extend(list.ancestors(item));
    let below_root = names.into_iter().rev().filter(|item| item.id != 0);
    below_root.flat_map(|item| ["/", item.name.as_str()]).collect()
}

/// A file or folder, as an ordinary read shows it.
pub(super) fn drive_item(world: &World, call: &Call, list: &List, item: &Item) -> Value {
    let mut body = drive_item_in_delta(world, &call.origin, list, item);
    let Some(object) = body.as_object_mut() else { return body };
    object.remove("@odata.type");
    let content_version = if let Content::File(file) = &item.content { file.version } else { 0 };
    let guid = braced(item);
    object.insert("cTag".to_owned(), Value::from(format!("\"c:{guid},{content_version}\"")));
    if matches!(item.content, Content::Folder) {
        object.insert("folder".to_owned(), json!({"childCount": list.children(item.id).count()}));
    }
    if let (Some(parent), Some(folder)) =
        (object.get_mut("parentReference").and_then(Value::as_object_mut), list.items.get(&item.parent))
        && !is_root(list, item)
    {
        let drive = list.drive.as_ref().map_or("", |drive| drive.id.as_str());
        parent.insert("path".to_owned(), Value::from(format!("/drives/{drive}/root:{}", path(list, folder))));
        parent.insert("name".to_owned(), Value::from(folder.name.clone()));
    }
    body
}

/// A file or folder, as delta shows it: without paths and without a `cTag`.
pub(crate) fn drive_item_in_delta(world: &World, origin: &str, list: &List, item: &Item) -> Value {
    let parent = parent_in_drive(world, list, item);
    let facet = match &item.content {
        Content::File(file) => {
            ("file", json!({"mimeType": file.media_type, "hashes": {"quickXorHash": file.hash}}))
        }
        _ => ("folder", json!({})),
    };
    let size = if let Content::File(file) = &item.content { file.bytes.len() } else { 0 };
    if item.deleted {
        return json!({
            "@odata.type": "#microsoft.graph.driveItem", "id": item.drive_id, "parentReference": parent,
            "size": 0, "deleted": {"state": "deleted"}, facet.0: {},
        });
    }
    let (created, modified) = (graph_time(item.created), graph_time(item.modified));
    let mut body = json!({
        "@odata.type": "#microsoft.graph.driveItem",
        "createdDateTime": created,
        "eTag": format!("\"{},{}\"", braced(item), item.version),
        "id": item.drive_id,
        "lastModifiedDateTime": modified,
        "name": item.name,
        "webUrl": web_url(list, item),
        "size": size,
        "createdBy": item.created_by.identity_set(),
        "lastModifiedBy": item.modified_by.identity_set(),
        "parentReference": parent,
        "fileSystemInfo": {"createdDateTime": created, "lastModifiedDateTime": modified},
        facet.0: facet.1,
    });
    let Some(object) = body.as_object_mut() else { return body };
    if is_root(list, item) {
        object.insert("root".to_owned(), json!({}));
    }
    if facet.0 == "file" {
        let key = item.unique_id.simple();
        let address =
            format!("{origin}/_content/{}/{}?tempauth={key}.{}", list.id, item.drive_id, item.version);
        object.insert("@microsoft.graph.downloadUrl".to_owned(), Value::from(address));
    }
    body
}

fn parent_in_drive(world: &World, list: &List, item: &Item) -> Value {
    let mut parent = Map::new();
    parent.insert("driveType".to_owned(), Value::from(drive_type(list)));
    parent.insert("driveId".to_owned(), Value::from(list.drive.as_ref().map(|drive| drive.id.clone())));
    if !is_root(list, item) {
        parent
            .insert("id".to_owned(), Value::from(list.items.get(&item.parent).map(|up| up.drive_id.clone())));
        parent.insert("siteId".to_owned(), Value::from(world.site_of(list.site).map(Site::id)));
    }
    Value::Object(parent)
}

/// The ids that lead from a file to its list item; they come only when selected.
pub(super) fn sharepoint_ids(world: &World, list: &List, item: &Item) -> Value {
    let site = world.site_of(list.site);
    json!({
        "listId": list.id, "listItemId": item.id.to_string(), "listItemUniqueId": item.unique_id,
        "siteId": site.map(|site| site.collection), "siteUrl": site.map(Site::web_url),
        "tenantId": world.tenant.tenant_id, "webId": site.map(|site| site.web),
    })
}

fn braced(item: &Item) -> String {
    format!("{{{}}}", item.unique_id.to_string().to_uppercase())
}

/// A list item; also that of a file or folder.
pub(crate) fn list_item(world: &World, list: &List, item: &Item, fields: &Fields) -> Value {
    let site = world.site_of(list.site).map(Site::id);
    let content_type = match item.content {
        Content::Row => json!({"id": format!("0x0100{}", list.id.simple()), "name": "Item"}),
        Content::Folder => json!({"id": format!("0x0120{}", list.id.simple()), "name": "Folder"}),
        Content::File(_) => json!({"id": format!("0x0101{}", list.id.simple()), "name": "Document"}),
    };
    let id = item.id.to_string();
    if item.deleted {
        let parent = json!({"siteId": site});
        return json!({
            "id": id, "parentReference": parent, "contentType": content_type, "deleted": {"state": "deleted"},
        });
    }
    let etag = format!("\"{},{}\"", item.unique_id, item.version);
    let row = matches!(item.content, Content::Row);
    let parent = list.items.get(&item.parent).map_or(list.id, |folder| folder.unique_id);
    let mut body = json!({
        "@odata.etag": etag,
        "createdDateTime": graph_time(item.created),
        "eTag": etag,
        "id": id,
        "lastModifiedDateTime": graph_time(item.modified),
        "webUrl": if row { format!("{}/{id}_.000", list.web_url) } else { web_url(list, item) },
        "createdBy": item.created_by.identity_set(),
        "lastModifiedBy": item.modified_by.identity_set(),
        "parentReference": {"id": parent, "siteId": site},
        "contentType": content_type,
    });
    if let (false, Some(object)) = (matches!(fields, Fields::None), body.as_object_mut()) {
        object.insert("fields".to_owned(), columns(world, item, &etag, fields));
    }
    body
}

/// The values of a list item's columns.
pub(super) fn columns(world: &World, item: &Item, etag: &str, wanted: &Fields) -> Value {
    let mut values = item.fields.clone();
    let system = json!({
        "id": item.id.to_string(),
        "ContentType": match item.content { Content::Row => "Item", Content::Folder => "Folder", Content::File(_) => "Document" },
        "Created": graph_time(item.created),
        "Modified": graph_time(item.modified),
        "AuthorLookupId": world.site_number(&item.created_by).to_string(),
        "EditorLookupId": world.site_number(&item.modified_by).to_string(),
        "_UIVersionString": format!("{}.0", item.version),
        "Attachments": false,
        "Edit": "",
        "ItemChildCount": "0",
        "FolderChildCount": "0",
    });
    if let Value::Object(system) = system {
        values.extend(system);
    }
    if let Content::File(file) = &item.content {
        values.insert("FileSizeDisplay".to_owned(), Value::from(file.bytes.len().to_string()));
    }
    if !matches!(item.content, Content::Row) {
        values.insert("FileLeafRef".to_owned(), Value::from(item.name.clone()));
        values.insert("LinkFilename".to_owned(), Value::from(item.name.clone()));
    } else if let Some(title) = values.get("Title").cloned() {
        values.insert("LinkTitle".to_owned(), title);
    }
    if let Fields::Some(names) = wanted {
        values.retain(|name, _| name == "id" || names.contains(name));
    }
    values.insert("@odata.etag".to_owned(), Value::from(etag));
    Value::Object(values)
}
