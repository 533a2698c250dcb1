//! What is odd about pages: elements that cannot be read, bodies that are none, links that name no place.

use std::borrow::Cow;

use serde_json::error::Category;
use serde_json::value::RawValue;
use url::Url;

use super::super::{Failure, Verdict};
use super::items::WireItem;
use super::{Identified, plain};
use crate::model::{Item, ItemId, Kind, OddItem};

/// Stands for what was no text.
const DAMAGE: char = '\u{fffd}';

/// A body as text. What is no UTF-8 in it is replaced (the answer is then an owned one).
pub(super) fn text(body: &[u8]) -> Cow<'_, str> {
    // Replacing looks at each byte, also where there is nothing to replace.
    std::str::from_utf8(body).map_or_else(|_| String::from_utf8_lossy(body), Cow::Borrowed)
}

/// Reads an element of a page. In a body that is `damaged`, those are odd that hold some of the damage.
pub(super) fn read_element(element: &RawValue, kind: Kind, damaged: bool) -> Result<Item, OddItem> {
    let text = element.get();
    let odd = |reason, explanation: String| OddItem { id: id(text), reason, explanation };
    if damaged && text.contains(DAMAGE) {
        let explanation = "The item holds bytes that are no UTF-8, so that its text is not certain. Mend it at Office 365 \
                           (saving it anew may be enough): it is told with its next change";
        return Err(odd("item_damaged", explanation.to_owned()));
    }
    let item = plain::read(element, kind).and_then(|item| match item {
        Some(item) => Ok(Some(item)),
        None => Ok(serde_json::from_str::<WireItem>(text)?.into_item(kind)),
    });
    let item = item.map_err(|error| match error.classify() {
        // The text of other errors would tell what stands there.
        Category::Data => odd("item_malformed", "The page has something there that is no item".to_owned()),
        Category::Syntax | Category::Eof | Category::Io => odd(
            "item_unreadable",
            format!(
                "The item cannot be read as JSON ({error}). Mend it at Office 365 (saving it anew may be enough): it is \
                 told with its next change"
            ),
        ),
    })?;
    let nameless =
        || odd("item_without_id", "The item has no id, so that nothing can be said of it".to_owned());
    item.ok_or_else(nameless)
}

/// The id of what cannot be read otherwise.
fn id(element: &str) -> Option<ItemId> {
    serde_json::from_str::<Identified>(element).ok().map(|identified| ItemId(identified.id))
}

/// Whether a link says "from now on" instead of naming a place. Links are opaque: this is all that is read in one.
pub(super) fn says_latest(link: &str) -> bool {
    let Ok(url) = Url::parse(link) else { return false };
    let is_latest = |text: &str| text.trim_matches('\'').eq_ignore_ascii_case("latest");
    let argument =
        url.path().rsplit('/').next().and_then(|last| last.strip_suffix(')')?.rsplit_once("token="));
    argument.is_some_and(|(_, token)| is_latest(&token.replace("%27", "'")))
        || url.query_pairs().any(|(name, value)| {
            let name = name.trim_start_matches('$');
            (name.eq_ignore_ascii_case("token") || name.eq_ignore_ascii_case("deltatoken"))
                && is_latest(&value)
        })
}

/// A body that is no page.
pub(super) fn unreadable(body: &str, error: &serde_json::Error) -> Failure {
    let message = if body.trim_start().starts_with('<') {
        "The answer is HTML or XML instead of a page of changes, as a proxy or a sign-in page in between answers: requests \
         to Office 365 have to pass it unchanged"
            .to_owned()
    } else {
        format!("Graph's answer (delta page) cannot be read: {error}")
    };
    Failure::local(Verdict::Transient, "unreadable", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(element: &str) -> Result<Item, OddItem> {
        read_element(&RawValue::from_string(element.to_owned()).unwrap(), Kind::DriveItem, false)
    }

    #[test]
    fn what_cannot_be_read_keeps_its_id() {
        let deep = format!(r#"{{"id": "1", "x": {}1{}}}"#, "[".repeat(200), "]".repeat(200));
        for element in [r#"{"id": "1", "name": "\ud800"}"#, r#"{"name": 1e999, "id": "1"}"#, &deep] {
            let odd = read(element).unwrap_err();
            assert_eq!((odd.id, odd.reason), (Some(ItemId("1".to_owned())), "item_unreadable"), "{element}");
        }
    }

    #[test]
    fn an_explanation_tells_nothing_of_what_stands_there() {
        for element in [r#""secret""#, r#"["secret"]"#, r#"{"secret": 5}"#, r#"{"name": "secret\ud800"}"#] {
            let odd = read(element).unwrap_err();
            assert!(!odd.explanation.contains("secret"), "{}", odd.explanation);
        }
    }

    #[test]
    fn in_a_damaged_body_only_what_is_damaged_is_odd() {
        let body = b"[{\"id\": \"1\", \"name\": \"\xff\"}, {\"id\": \"2\"}]";
        let body = text(body);
        let elements: Vec<&RawValue> = serde_json::from_str(&body).unwrap();
        let read = |one: &&RawValue| read_element(one, Kind::DriveItem, true).map(|item| item.id.0);
        let read: Vec<_> = elements.iter().map(read).map(|one| one.map_err(|odd| odd.reason)).collect();
        assert_eq!(read, [Err("item_damaged"), Ok("2".to_owned())]);
    }

    #[test]
    fn a_link_that_says_latest_is_known_in_all_its_forms() {
        for link in [
            "https://g/v1.0/drives/d/root/delta?token=latest",
            "https://g/v1.0/drives/d/root/delta?$select=id&token=Latest",
            "https://g/v1.0/drives/d/root/delta(token='latest')",
            "https://g/v1.0/drives/d/root/delta(token=%27latest%27)?$select=id",
            "https://g/v1.0/users/delta?$deltatoken=latest",
        ] {
            assert!(says_latest(link), "{link}");
        }
        for link in [
            "https://g/v1.0/drives/d/root/delta?token=latestA",
            "https://g/v1.0/drives/latest/root/delta(token='abc')",
            "https://g/v1.0/drives/d/root/delta?name=latest",
            "latest",
        ] {
            assert!(!says_latest(link), "{link}");
        }
    }
}
