//! What differs between what was known of an item and what is known now.

use serde_json::{Map, Value};

use super::same::{is_same, is_same_etag, may_be_left_out};
use crate::model::{Kind, Properties};

/// The properties that differ, with their old value where there was one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Diff {
    /// Names, in the words of the documentation: `name`, `parent`, `content`, `fields.COLUMN`, or the property's own.
    pub changed: Vec<String>,
    /// Old values under the same names.
    pub previous: Properties,
}

/// Columns that SharePoint keeps by itself: they differ whenever anything differs, or repeat another column.
const KEPT_COLUMNS: [&str; 22] = [
    "id",
    "Modified",
    "Editor",
    "EditorLookupId",
    "AppEditor",
    "AppEditorLookupId",
    "_UIVersion",
    "_UIVersionString",
    "owshiddenversion",
    "Last_x0020_Modified",
    "Edit",
    "DocIcon",
    "LinkTitle",
    "LinkTitleNoMenu",
    "LinkFilename",
    "LinkFilenameNoMenu",
    "ItemChildCount",
    "FolderChildCount",
    "FileSizeDisplay",
    "File_x0020_Size",
    "SMTotalSize",
    "SMLastModifiedDate",
];

/// The differences that are told between `old` and `new`.
///
/// A property that is missing on one side is not a difference, since pages leave properties out as they please;
/// with two exceptions where absence has a meaning: a column of a list item (Graph leaves out empty ones) and a
/// drive item's `shared`.
pub fn diff(kind: Kind, old: &Properties, new: &Properties) -> Diff {
    let mut diff = Diff::default();
    diff.named(kind, old, new);
    let moved = !diff.changed.is_empty();
    for (property, value) in new {
        let told = match property.as_str() {
            // A new name or parent brings a new address: told once, by its cause.
            "webUrl" => !moved,
            _ => !never_told(property) && !told_otherwise(kind, property),
        };
        if told && let Some(before) = old.get(property) {
            diff.compare(property, Some(&essence(property, before)), Some(&essence(property, value)));
        }
    }
    match kind {
        Kind::ListItem => diff.columns(fields(old), fields(new)),
        Kind::DriveItem => diff.compare("shared", old.get("shared"), new.get("shared")),
        Kind::Message => {}
    }
    diff
}

/// The two eTags differ, where both sides have one.
pub fn new_etag(kind: Kind, old: &Properties, new: &Properties) -> bool {
    let etag = match kind {
        Kind::Message => "@odata.etag",
        Kind::ListItem | Kind::DriveItem => "eTag",
    };
    matches!((old.get(etag), new.get(etag)), (Some(before), Some(after)) if !is_same_etag(before, after))
}

impl Diff {
    /// Name, parent and content, which have words of their own.
    fn named(&mut self, kind: Kind, old: &Properties, new: &Properties) {
        match kind {
            Kind::DriveItem => {
                self.compare_known("name", old.get("name"), new.get("name"));
                self.compare_known("parent", parent(old), parent(new));
                let (before, after) = content(old, new);
                self.compare_known("content", before, after);
            }
            Kind::ListItem => {
                self.compare_known("name", file_name(old), file_name(new));
                self.compare_known("parent", parent(old), parent(new));
            }
            Kind::Message => {
                self.compare_known("parent", old.get("parentFolderId"), new.get("parentFolderId"));
            }
        }
    }

    fn columns(&mut self, old: Option<&Properties>, new: Option<&Properties>) {
        // A side without any columns was fetched without them: nothing can be said.
        let (Some(old), Some(new)) = (old, new) else { return };
        let gone = old.keys().filter(|column| !new.contains_key(*column));
        for column in new.keys().chain(gone) {
            let kept = KEPT_COLUMNS.contains(&column.as_str()) || column == "FileLeafRef";
            let one_sided =
                may_be_left_out(column) && !(old.contains_key(column) && new.contains_key(column));
            if !kept && !one_sided && !column.contains('@') {
                self.compare(&format!("fields.{column}"), old.get(column), new.get(column));
            }
        }
    }

    fn compare_known(&mut self, name: &str, before: Option<&Value>, after: Option<&Value>) {
        if before.is_some() && after.is_some() {
            self.compare(name, before, after);
        }
    }

    fn compare(&mut self, name: &str, before: Option<&Value>, after: Option<&Value>) {
        let (before, after) = (before.filter(|v| !v.is_null()), after.filter(|v| !v.is_null()));
        let same = match (before, after) {
            (Some(before), Some(after)) => is_same(name, before, after),
            (before, after) => before == after,
        };
        if !same {
            self.changed.push(name.to_owned());
            self.previous.insert(name.to_owned(), before.cloned().unwrap_or(Value::Null));
        }
    }
}

/// Properties that are never told as changed.
fn never_told(property: &str) -> bool {
    matches!(property, "id" | "eTag" | "cTag" | "changeKey")
        || property.starts_with("lastModified")
        || property.contains('@')
}

/// Properties that have a word of their own, or only follow from others.
fn told_otherwise(kind: Kind, property: &str) -> bool {
    match kind {
        // A folder's size follows from what is in it; a file's belongs to its content.
        Kind::DriveItem => matches!(property, "name" | "parentReference" | "size" | "shared"),
        Kind::ListItem => matches!(property, "fields" | "parentReference"),
        Kind::Message => property == "parentFolderId",
    }
}

/// A facet without the parts that follow from something else.
fn essence(property: &str, value: &Value) -> Value {
    let without: &[&str] = match property {
        "file" => &["hashes"],
        "folder" => &["childCount"],
        "fileSystemInfo" => &["lastModifiedDateTime", "lastAccessedDateTime"],
        _ => return value.clone(),
    };
    match value {
        Value::Object(facet) => {
            let kept = facet.iter().filter(|(key, _)| !without.contains(&key.as_str()));
            Value::Object(kept.map(|(key, part)| (key.clone(), part.clone())).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

fn parent(item: &Properties) -> Option<&Value> {
    item.get("parentReference")?.get("id")
}

fn fields(item: &Properties) -> Option<&Properties> {
    item.get("fields")?.as_object()
}

fn file_name(item: &Properties) -> Option<&Value> {
    fields(item)?.get("FileLeafRef")
}

/// What tells a file's content, the same on both sides: a hash, else the cTag, else the size. A folder has none.
fn content<'a>(old: &'a Properties, new: &'a Properties) -> (Option<&'a Value>, Option<&'a Value>) {
    if !new.contains_key("file") {
        return (None, None);
    }
    let both = |get: fn(&Properties) -> Option<&Value>| Some((get(old)?, get(new)?));
    let told = both(|item| hash(item, "quickXorHash"))
        .or_else(|| both(|item| hash(item, "sha256Hash")))
        .or_else(|| both(|item| hash(item, "sha1Hash")))
        .or_else(|| both(|item| item.get("cTag")))
        .or_else(|| both(|item| item.get("size")));
    told.map_or((None, None), |(before, after)| (Some(before), Some(after)))
}

fn hash<'a>(item: &'a Properties, name: &str) -> Option<&'a Value> {
    item.get("file")?.get("hashes")?.get(name)
}
