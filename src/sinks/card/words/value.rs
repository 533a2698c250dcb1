//! Values of Office 365 as a person reads them.

use serde_json::Value;

/// What an empty value is called.
const EMPTY: &str = "(empty)";
/// Where a complex value has a name for people.
const NAMES: [&str; 5] =
    ["/LookupValue", "/displayName", "/emailAddress/name", "/emailAddress/address", "/Label"];

/// What a property is called; of a column without its encoding (`Start_x0020_date`).
pub(super) fn name(key: &str) -> String {
    match key {
        "name" => "Name".to_owned(),
        "parent" => "Folder".to_owned(),
        "content" => "Content".to_owned(),
        key => decoded(key.strip_prefix("fields.").unwrap_or(key)),
    }
}

/// SharePoint writes what may not stand in a column's name as `_xHHHH_`.
fn decoded(name: &str) -> String {
    let mut parts = name.split("_x");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..4).filter(|_| part.get(4..5) == Some("_"));
        let letter = code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
        match letter {
            Some(letter) => text.extend([letter.to_string().as_str(), part.get(5..).unwrap_or_default()]),
            None => text.extend(["_x", part]),
        }
    }
    text
}

/// What it was before; empty, where that is not known or says nothing to a person.
pub(super) fn old(data: &Value, key: &str) -> String {
    match key {
        // Ids and hashes.
        "parent" | "content" => String::new(),
        key => data.get("previous").and_then(|previous| previous.get(key)).map(text).unwrap_or_default(),
    }
}

/// What it is now; empty, where that says nothing to a person.
pub(super) fn new(data: &Value, key: &str) -> String {
    let Some(resource) = data.get("resource") else { return String::new() };
    let now = match key {
        "content" => return "changed".to_owned(),
        "parent" => {
            let path = resource.pointer("/parentReference/path").and_then(Value::as_str);
            let folder = path.and_then(|path| path.split_once("root:")).map(|(_, folder)| folder);
            return folder.map_or_else(
                || "another one".to_owned(),
                |folder| format!("/{}", folder.trim_start_matches('/')),
            );
        }
        "name" => resource.get("name").or_else(|| resource.pointer("/fields/FileLeafRef")),
        key => match key.split_once('.') {
            Some(("fields", column)) => resource.get("fields").and_then(|fields| fields.get(column)),
            _ => resource.get(key),
        },
    };
    now.map_or_else(|| EMPTY.to_owned(), text)
}

fn text(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Array(list) => list.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Object(_) => {
            let name = NAMES.iter().find_map(|path| value.pointer(path).and_then(Value::as_str));
            name.map_or_else(|| value.to_string(), str::to_owned)
        }
        Value::Number(number) => number.to_string(),
    };
    if text.trim().is_empty() { EMPTY.to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_have_the_names_that_people_gave_them() {
        for (key, shown) in [
            ("fields.Start_x0020_date", "Start date"),
            ("fields.Gr_x00f6__x00df_e", "Größe"),
            ("fields._x0031_", "1"),
            ("fields.a_xyz", "a_xyz"),
            ("fields.a_xd800_b", "a_xd800_b"),
            ("fields._xä00ff_", "_xä00ff_"),
            ("isRead", "isRead"),
            ("name", "Name"),
        ] {
            assert_eq!(name(key), shown);
        }
    }

    #[test]
    fn values_are_told_as_people_say_them() {
        let data = json!({
            "changed": ["fields.Owner"],
            "previous": {"fields.Owner": {"LookupId": 7, "LookupValue": "Ada"}, "fields.Tags": [], "name": "a.txt"},
            "resource": {"name": "b.txt", "fields": {"Owner": "Bob", "Done": true, "Tags": ["x", "y"]},
                         "parentReference": {"path": "/drives/b!1/root:/Reports/2026"}},
        });
        for (key, before, now) in [
            ("fields.Owner", "Ada", "Bob"),
            ("fields.Done", "", "yes"),
            ("fields.Tags", "(empty)", "x, y"),
            ("fields.Missing", "", "(empty)"),
            ("name", "a.txt", "b.txt"),
            ("parent", "", "/Reports/2026"),
            ("content", "", "changed"),
        ] {
            assert_eq!((old(&data, key), new(&data, key)), (before.to_owned(), now.to_owned()), "{key}");
        }
    }
}
