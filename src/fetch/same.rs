//! When two values say the same though they are not written alike: a list may be followed over Graph today and over
//! SharePoint's own service tomorrow, and that is no change of its items. Pure.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// Columns that only one of the two ways shows, so that their absence says nothing.
const SHOWN_BY_ONE: [&str; 6] = [
    "AppAuthorLookupId",
    "ComplianceAssetId",
    "ParentLeafNameLookupId",
    "ParentVersionStringLookupId",
    "_ColorTag",
    "_VirusStatus",
];

/// Whether a column is compared only where both sides have it.
pub(super) fn may_be_left_out(column: &str) -> bool {
    SHOWN_BY_ONE.contains(&column) || column.starts_with("_Compliance")
}

/// Whether two values of this property say the same.
pub(super) fn is_same(property: &str, before: &Value, after: &Value) -> bool {
    before == after
        || match property {
            "createdBy" => identities(before, after),
            "webUrl" => addresses(before, after),
            "contentType" => agree(before, after),
            _ if property.starts_with("fields.") => values(before, after),
            _ => false,
        }
}

/// Whether two eTags name one version.
pub(super) fn is_same_etag(before: &Value, after: &Value) -> bool {
    let (Some(one), Some(other)) = (before.as_str(), after.as_str()) else { return before == after };
    one == other || version(one) == version(other)
}

/// An eTag without what is written in one place and not in another: that it is a weak one, quotes, braces, letter case.
fn version(etag: &str) -> String {
    let etag = etag.strip_prefix("W/").unwrap_or(etag);
    etag.chars().filter(|letter| !"\"{}".contains(*letter)).collect::<String>().to_lowercase()
}

/// One of them may tell less of somebody, and then they are compared by what both tell.
fn identities(before: &Value, after: &Value) -> bool {
    let (Some(before), Some(after)) = (before.as_object(), after.as_object()) else { return false };
    before.iter().all(|(kind, identity)| after.get(kind).is_none_or(|other| agree(identity, other)))
}

/// Whether two objects agree in what both have.
fn agree(one: &Value, other: &Value) -> bool {
    let (Some(one), Some(other)) = (one.as_object(), other.as_object()) else { return one == other };
    one.iter().all(|(name, value)| {
        other.get(name).is_none_or(|theirs| match (value.as_str(), theirs.as_str()) {
            (Some(value), Some(theirs)) => value.to_lowercase() == theirs.to_lowercase(),
            _ => value == theirs,
        })
    })
}

fn addresses(before: &Value, after: &Value) -> bool {
    let decoded =
        |value| -> Option<Cow<'_, str>> { percent_decode_str(Value::as_str(value)?).decode_utf8().ok() };
    decoded(before).is_some_and(|address| decoded(after) == Some(address))
}

/// Values of a column: whole numbers may be written as fractions, and of what lies in another list only the number is of this
/// item.
fn values(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Number(one), Value::Number(other)) => {
            let alike = one.as_f64().zip(other.as_f64());
            one.is_f64() != other.is_f64()
                && alike.is_some_and(|(one, other)| one.to_bits() == other.to_bits())
        }
        (Value::Array(one), Value::Array(other)) => {
            let number = |value: &Value| value.get("LookupId").cloned();
            let numbers = |values: &[Value]| values.iter().map(number).collect::<Option<Vec<_>>>();
            numbers(one).is_some_and(|one| Some(one) == numbers(other))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_same_in_other_words_is_no_change() {
        let alice = json!({"user": {"displayName": "Alice", "email": "alice@contoso.com"}});
        let with_id = json!({"user": {"id": "1", "displayName": "Alice", "email": "Alice@contoso.com"}});
        for (property, before, after) in [
            ("createdBy", &alice, &with_id),
            ("createdBy", &json!({"application": {"id": "1"}}), &alice),
            ("webUrl", &json!("https://h/Gr%C3%BC%C3%9Fe%20a"), &json!("https://h/Grüße a")),
            ("contentType", &json!({"id": "0x01AB", "name": "Item"}), &json!({"id": "0x01ab"})),
            ("fields.Score", &json!(3), &json!(3.0)),
            ("fields.Topics", &json!([{"LookupId": 1, "LookupValue": "a"}]), &json!([{"LookupId": 1}])),
        ] {
            assert!(
                is_same(property, before, after) && is_same(property, after, before),
                "{property}: {after}"
            );
        }
    }

    #[test]
    fn a_change_is_a_change() {
        let user = |name: &str| json!({"user": {"displayName": name}});
        for (property, before, after) in [
            ("createdBy", &user("Alice"), &user("Bob")),
            ("createdBy", &user("Alice"), &json!("Alice")),
            ("webUrl", &json!("https://h/a"), &json!("https://h/A")),
            ("webUrl", &json!("https://h/%ff"), &json!("https://h/%fe")),
            ("contentType", &json!({"id": "0x01"}), &json!({"id": "0x0102"})),
            ("fields.Score", &json!(3), &json!(3.5)),
            ("fields.Score", &json!(3), &json!("3")),
            ("fields.Topics", &json!([{"LookupId": 1}]), &json!([{"LookupId": 2}])),
            ("fields.Tags", &json!(["a"]), &json!(["b"])),
            ("size", &json!(3), &json!(3.0)),
        ] {
            assert!(!is_same(property, before, after), "{property}: {after}");
        }
    }

    #[test]
    fn an_etag_names_a_version_however_it_is_written() {
        let same = |one: &str, other: &str| is_same_etag(&json!(one), &json!(other));
        assert!(same("\"{A1B2},4\"", "\"a1b2,4\"") && same("W/\"a,4\"", "\"a,4\""));
        assert!(!same("\"a1b2,4\"", "\"a1b2,5\""));
    }
}
