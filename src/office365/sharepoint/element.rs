//! Items as SharePoint writes them, one by one: one that cannot be read costs nothing but itself.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use super::listing::whole;
use crate::model::{ItemId, OddItem, Properties};

/// Stands for what was no text.
const DAMAGE: char = '\u{fffd}';

/// A body as text. What is no UTF-8 in it is replaced (the answer is then an owned one).
pub(super) fn body_text(body: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(body)
}

/// Whether something was replaced in a part of a body that is `damaged`.
pub(super) fn is_uncertain(part: &str, damaged: bool) -> bool {
    damaged && part.contains(DAMAGE)
}

/// Reads an item. In a body that is `damaged`, those are odd that hold some of the damage.
pub(super) fn read(element: &RawValue, damaged: bool) -> Result<Properties, OddItem> {
    let text = element.get();
    let odd =
        |reason, explanation: &str| OddItem { id: id(text), reason, explanation: explanation.to_owned() };
    if is_uncertain(text, damaged) {
        return Err(odd(
            "item_damaged",
            "The item holds bytes that are no UTF-8, so that its text is not certain",
        ));
    }
    let item: Properties = serde_json::from_str(text).map_err(|error| {
        if error.is_data() {
            odd("item_malformed", "The page has something there that is no item")
        } else {
            odd(
                "item_unreadable",
                "The item cannot be read as JSON; saving it anew at Office 365 may mend it",
            )
        }
    })?;
    if number(&item).is_none() {
        return Err(odd("item_without_id", "The item has no id, so that nothing can be said of it"));
    }
    Ok(item)
}

fn number(item: &Properties) -> Option<i64> {
    whole(item.get("Id").or_else(|| item.get("ID")))
}

/// The id of what cannot be read otherwise.
fn id(text: &str) -> Option<ItemId> {
    #[derive(serde::Deserialize)]
    struct Identified {
        #[serde(rename = "Id")]
        id: Value,
    }
    let identified: Identified = serde_json::from_str(text).ok()?;
    whole(Some(&identified.id)).map(|id| ItemId(id.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_keeps_its_id_and_says_why() {
        let read = |text: &str, damaged| {
            let element = RawValue::from_string(text.to_owned()).unwrap();
            read(&element, damaged).map(|item| item.len()).map_err(|odd| (odd.id.map(|id| id.0), odd.reason))
        };
        let one = || Some("1".to_owned());
        assert_eq!(read(r#"{"Id": 1, "Title": "x"}"#, true), Ok(2));
        assert_eq!(read(r#"{"Id": "1"}"#, false), Ok(1));
        assert_eq!(read(r#"{"Id": 1, "Title": "\ud800"}"#, false), Err((one(), "item_unreadable")));
        assert_eq!(read("{\"Id\": 1, \"Title\": \"\u{fffd}\"}", true), Err((one(), "item_damaged")));
        assert_eq!(read("{\"Id\": 1, \"Title\": \"\u{fffd}\"}", false), Ok(2));
        assert_eq!(read("5", false), Err((None, "item_malformed")));
        assert_eq!(read(r#"{"Title": "x"}"#, false), Err((None, "item_without_id")));
    }
}
