//! An item in Graph's shape: whoever reads events shall not be able to tell which way it came. Pure.

use std::collections::HashMap;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Value, json};

use super::columns::Columns;
use super::identity::{identity_set, is_person};
use super::listing::whole;
use crate::model::Properties;

/// What is asked of each item: all its columns, and what makes the rest of Graph's item.
pub(super) const SELECT: &str = "*,FileRef,FileLeafRef,FileDirRef,UniqueId,ContentType/Name,\
                                 Author/Title,Author/EMail,Author/Name,Editor/Title,Editor/EMail,Editor/Name";
pub(super) const EXPAND: &str = "ContentType,Author,Editor";

/// What an address does not hold as it is.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// What has to be known besides the item.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    /// `host,siteCollectionGuid,webGuid`.
    pub(super) site: String,
    /// `https://HOST` of the site.
    pub(super) origin: String,
    /// By the folders' server-relative paths.
    pub(super) folders: HashMap<String, String>,
    /// What the directory calls people, by their numbers in the site.
    pub(super) people: HashMap<i64, String>,
}

/// The item's number.
pub(super) fn number(item: &Properties) -> Option<i64> {
    whole(item.get("Id").or_else(|| item.get("ID")))
}

/// The folder that it lies in, by its path.
pub(super) fn folder(item: &Properties) -> Option<&str> {
    item.get("FileDirRef")?.as_str()
}

/// The numbers of the people who made and changed it.
pub(super) fn people(item: &Properties) -> impl Iterator<Item = i64> {
    let person = |name: &str| item.get(name).is_some_and(is_person);
    let both = [("Author", "AuthorId"), ("Editor", "EditorId")];
    both.into_iter().filter(move |(name, _)| person(name)).filter_map(|(_, number)| whole(item.get(number)))
}

/// If it is a folder: its path, and the id that its children call it by.
pub(super) fn as_folder(item: &Properties) -> Option<(&str, &str)> {
    let is_folder = whole(item.get("FileSystemObjectType")) == Some(1);
    let known = (item.get("FileRef")?.as_str()?, item.get("UniqueId")?.as_str()?);
    is_folder.then_some(known)
}

/// Writes an item anew as Graph would; none: it has no number.
pub(super) fn list_item(item: &Properties, columns: &Columns, around: &Surroundings) -> Option<Properties> {
    let id = number(item)?.to_string();
    let text = |name: &str| item.get(name).and_then(Value::as_str);
    let who = |name: &str, number: &str| {
        let id = whole(item.get(number)).and_then(|number| around.people.get(&number));
        identity_set(item.get(name)?, id.map(String::as_str))
    };
    let kind = item.get("ContentType").and_then(|kind| kind.get("Name")).filter(|name| name.is_string());
    let parent = folder(item).and_then(|path| around.folders.get(path));
    let etag = etag(item);
    let mut parent_reference = Properties::from_iter([("siteId".to_owned(), json!(around.site))]);
    parent_reference.extend(parent.map(|id| ("id".to_owned(), json!(id))));
    let told = [
        ("@odata.etag", etag.map(Value::from)),
        ("eTag", etag.map(Value::from)),
        ("createdDateTime", text("Created").map(Value::from)),
        ("lastModifiedDateTime", text("Modified").map(Value::from)),
        ("webUrl", text("FileRef").map(|path| json!(format!("{}{}", around.origin, encoded(path))))),
        ("createdBy", who("Author", "AuthorId")),
        ("lastModifiedBy", who("Editor", "EditorId")),
        ("parentReference", Some(Value::Object(parent_reference))),
        ("contentType", text("ContentTypeId").map(|id| json!({"id": id, "name": kind}))),
        ("fields", Some(Value::Object(fields(item, columns, (&id, kind, etag))))),
        ("id", Some(json!(id))),
    ];
    Some(told.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
}

/// The item's eTag, as an answer about many has it.
fn etag(item: &Properties) -> Option<&str> {
    let verbose = || item.get("__metadata")?.get("etag");
    item.get("odata.etag").or_else(verbose).and_then(Value::as_str)
}

fn fields(
    item: &Properties,
    columns: &Columns,
    (id, kind, etag): (&str, Option<&Value>, Option<&str>),
) -> Properties {
    let mut fields = columns.of(item);
    fields.insert("id".to_owned(), json!(id));
    fields.extend(kind.map(|kind| ("ContentType".to_owned(), kind.clone())));
    fields.extend(etag.map(|etag| ("@odata.etag".to_owned(), json!(etag))));
    // What is no file has a name all the same, which is none.
    let name = item.get("FileLeafRef").filter(|name| **name != json!(format!("{id}_.000")));
    let named = if let Some(name) = name {
        vec![("FileLeafRef", name), ("LinkFilename", name)]
    } else {
        fields.remove("FileLeafRef");
        let title = item.get("Title").filter(|title| !title.is_null());
        title.map(|title| ("LinkTitle", title)).into_iter().collect()
    };
    fields.extend(named.into_iter().map(|(name, value)| (name.to_owned(), value.clone())));
    fields
}

fn encoded(path: &str) -> impl std::fmt::Display {
    utf8_percent_encode(path, ENCODED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::value::RawValue;

    fn around() -> Surroundings {
        Surroundings {
            site: "contoso.sharepoint.com,a,b".to_owned(),
            origin: "https://contoso.sharepoint.com".to_owned(),
            folders: HashMap::from([("/sites/hr/Docs/Sub".to_owned(), "f-1".to_owned())]),
            people: HashMap::from([(11, "alice-id".to_owned())]),
        }
    }

    fn columns() -> Columns {
        let field = |name: &str, kind: &str| {
            let field = json!({"InternalName": name, "EntityPropertyName": name, "TypeAsString": kind});
            RawValue::from_string(field.to_string()).unwrap()
        };
        let fields = [
            field("Title", "Text"),
            field("FileLeafRef", "File"),
            field("Created", "DateTime"),
            field("Author", "User"),
            field("Editor", "User"),
        ];
        Columns::read(&fields.iter().map(|field| &**field).collect::<Vec<_>>()).unwrap()
    }

    fn shaped(item: &Value) -> Value {
        Value::Object(list_item(item.as_object().unwrap(), &columns(), &around()).unwrap())
    }

    #[test]
    fn a_file_is_written_as_graph_writes_it() {
        let item = json!({
            "odata.type": "SP.Data.DocsItem", "odata.etag": "\"u-1,3\"", "Id": 17, "ID": 17, "Title": null,
            "FileSystemObjectType": 0, "ContentTypeId": "0x0101AB", "ContentType": {"Name": "Document"},
            "Created": "2026-11-23T10:00:00Z", "Modified": "2026-11-23T11:00:00Z", "AuthorId": 11, "EditorId": 12,
            "Author": {"Title": "Alice", "EMail": "alice@contoso.com", "Name": "i:0#.f|membership|alice@contoso.com"},
            "Editor": {"Title": "Bob", "EMail": "bob@contoso.com", "Name": "i:0#.f|membership|bob@contoso.com"},
            "FileRef": "/sites/hr/Docs/Sub/50% ä#1.docx", "FileLeafRef": "50% ä#1.docx",
            "FileDirRef": "/sites/hr/Docs/Sub", "UniqueId": "u-1", "GUID": "g-1",
        });
        let expected = json!({
            "@odata.etag": "\"u-1,3\"", "eTag": "\"u-1,3\"", "id": "17",
            "createdDateTime": "2026-11-23T10:00:00Z", "lastModifiedDateTime": "2026-11-23T11:00:00Z",
            "webUrl": "https://contoso.sharepoint.com/sites/hr/Docs/Sub/50%25%20%C3%A4%231.docx",
            "createdBy": {"user": {"displayName": "Alice", "email": "alice@contoso.com", "id": "alice-id"}},
            "lastModifiedBy": {"user": {"displayName": "Bob", "email": "bob@contoso.com"}},
            "parentReference": {"id": "f-1", "siteId": "contoso.sharepoint.com,a,b"},
            "contentType": {"id": "0x0101AB", "name": "Document"},
            "fields": {
                "@odata.etag": "\"u-1,3\"", "id": "17", "ContentType": "Document", "Created": "2026-11-23T10:00:00Z",
                "AuthorLookupId": "11", "EditorLookupId": "12", "FileLeafRef": "50% ä#1.docx",
                "LinkFilename": "50% ä#1.docx",
            },
        });
        assert_eq!(shaped(&item), expected);
    }

    #[test]
    fn an_entry_of_a_list_has_no_file_name() {
        let entry = json!({"Id": "17", "Title": "Ada", "FileLeafRef": "17_.000", "FileRef": "/sites/hr/Lists/C/17_.000"});
        let shaped = shaped(&entry);
        assert_eq!(shaped["fields"], json!({"id": "17", "Title": "Ada", "LinkTitle": "Ada"}));
        assert_eq!(shaped["webUrl"], "https://contoso.sharepoint.com/sites/hr/Lists/C/17_.000");
        assert_eq!(shaped["parentReference"], json!({"siteId": "contoso.sharepoint.com,a,b"}));
        assert!(shaped.get("createdBy").is_none() && shaped.get("eTag").is_none());
    }

    #[test]
    fn what_has_no_number_is_no_item() {
        let nameless = json!({"Title": "Ada"});
        assert_eq!(list_item(nameless.as_object().unwrap(), &columns(), &around()), None);
    }

    #[test]
    fn a_folder_tells_what_its_children_call_it() {
        let folder = json!({"FileSystemObjectType": 1, "FileRef": "/a/b", "UniqueId": "u"});
        assert_eq!(as_folder(folder.as_object().unwrap()), Some(("/a/b", "u")));
        let file = json!({"FileSystemObjectType": 0, "FileRef": "/a/b", "UniqueId": "u"});
        assert_eq!(as_folder(file.as_object().unwrap()), None);
    }
}
