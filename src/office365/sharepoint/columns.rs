//! A list's columns: what Graph calls what SharePoint's own service gives.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// What an item has that is no column of its own in Graph's eyes, or stands elsewhere there.
const NOT_SHOWN: [&str; 14] = [
    "Id",
    "ID",
    "GUID",
    "ContentTypeId",
    "ContentType",
    "FileSystemObjectType",
    "FSObjType",
    "FileRef",
    "FileDirRef",
    "UniqueId",
    "ServerRedirectedEmbedUri",
    "ServerRedirectedEmbedUrl",
    "Author",
    "Editor",
];

/// How a column is written.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Writing {
    /// As it is.
    Plain,
    /// The number of an item of another list, or of a person.
    Lookup,
    /// Many of those.
    Lookups,
}

/// The columns of a list, by the names that its items have for them.
#[derive(Debug, Default)]
pub(super) struct Columns {
    by_property: HashMap<String, (String, Writing)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireField {
    internal_name: String,
    #[serde(default)]
    entity_property_name: Option<String>,
    #[serde(default)]
    type_as_string: String,
    #[serde(default)]
    hidden: bool,
}

impl Columns {
    /// Reads the fields of a list.
    pub(super) fn read(elements: &[&RawValue]) -> Result<Self, serde_json::Error> {
        // Kept by SharePoint in every list; a list may not say so.
        let always = [("OData__UIVersionString", "_UIVersionString"), ("Attachments", "Attachments")];
        let always = always.map(|(property, name)| (property.to_owned(), (name.to_owned(), Writing::Plain)));
        let mut by_property = HashMap::from(always);
        for element in elements {
            let field: WireField = serde_json::from_str(element.get())?;
            // A hidden one is known, and not shown.
            let name = if field.hidden { String::new() } else { field.internal_name.clone() };
            let property = field.entity_property_name.unwrap_or(field.internal_name);
            let (property, writing) = match field.type_as_string.as_str() {
                "Lookup" | "User" => (format!("{property}Id"), Writing::Lookup),
                "LookupMulti" | "UserMulti" => (format!("{property}Id"), Writing::Lookups),
                _ => (property, Writing::Plain),
            };
            by_property.insert(property, (name, writing));
        }
        Ok(Self { by_property })
    }

    /// What has a value in an item and is no column that is known.
    pub(super) fn unknown<'i>(&self, item: &'i Map<String, Value>) -> impl Iterator<Item = &'i str> {
        let unknown = item.iter().filter(|(property, value)| {
            !(value.is_null()
                || property.contains("odata.")
                || NOT_SHOWN.contains(&property.as_str())
                || self.by_property.contains_key(*property))
        });
        unknown.map(|(property, _)| property.as_str())
    }

    /// The values of an item's columns, under the names and in the form that Graph has for them. Graph leaves out what has no value.
    pub(super) fn of(&self, item: &Map<String, Value>) -> Map<String, Value> {
        let shown = item.iter().filter(|(property, value)| {
            !value.is_null() && !property.contains('@') && !NOT_SHOWN.contains(&property.as_str())
        });
        let columns = shown.filter_map(|(property, value)| {
            let (name, writing) = self.by_property.get(property).filter(|(name, _)| !name.is_empty())?;
            match writing {
                Writing::Plain => Some((name.clone(), value.clone())),
                Writing::Lookup => Some((format!("{name}LookupId"), Value::String(text(value)))),
                Writing::Lookups => Some((name.clone(), many(value))),
            }
        });
        columns.collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Of many, only their numbers are told here.
fn many(value: &Value) -> Value {
    let numbers = value.as_array().or_else(|| value.get("results")?.as_array());
    numbers.into_iter().flatten().map(|number| json!({"LookupId": number})).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Columns {
        let fields = json!([
            {"InternalName": "Title", "EntityPropertyName": "Title", "TypeAsString": "Text", "Hidden": false},
            {"InternalName": "_Status", "EntityPropertyName": "OData__Status", "TypeAsString": "Text"},
            {"InternalName": "Owner", "EntityPropertyName": "Owner", "TypeAsString": "User"},
            {"InternalName": "CaseId", "EntityPropertyName": "CaseId", "TypeAsString": "Number"},
            {"InternalName": "Topics", "EntityPropertyName": "Topics", "TypeAsString": "LookupMulti"},
            {"InternalName": "Secret", "EntityPropertyName": "Secret", "TypeAsString": "Text", "Hidden": true},
        ]);
        let elements: Vec<_> = fields
            .as_array()
            .unwrap()
            .iter()
            .map(|one| RawValue::from_string(one.to_string()).unwrap())
            .collect();
        Columns::read(&elements.iter().map(|one| &**one).collect::<Vec<_>>()).unwrap()
    }

    fn item(value: Value) -> Map<String, Value> {
        let Value::Object(item) = value else { panic!("no object") };
        item
    }

    #[test]
    fn columns_have_the_names_and_forms_that_graph_has_for_them() {
        let item = item(json!({
            "odata.etag": "\"x,1\"", "Title": "T", "OData__Status": "S", "OwnerId": 11, "CaseId": 5,
            "TopicsId": [1, 2], "Secret": "s", "OData__UIVersionString": "1.0", "Attachments": false,
            "GUID": "g", "FileRef": "/a", "Notes": null, "Author": {"Title": "A"},
        }));
        let expected = json!({
            "Title": "T", "_Status": "S", "OwnerLookupId": "11", "CaseId": 5,
            "Topics": [{"LookupId": 1}, {"LookupId": 2}], "_UIVersionString": "1.0", "Attachments": false,
        });
        assert_eq!(Value::Object(columns().of(&item)), expected);
        assert_eq!(columns().unknown(&item).count(), 0);
    }

    #[test]
    fn a_column_that_was_made_later_is_noticed_when_it_has_a_value() {
        let unknown = |value| columns().unknown(&item(value)).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(unknown(json!({"Title": "T", "Colour": null})), [""; 0]);
        assert_eq!(unknown(json!({"Title": "T", "Colour": "red"})), ["Colour"]);
    }
}
