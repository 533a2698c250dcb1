//! Items that can be kept as they came. A look over one is as strict as taking it apart, since what is kept has to be
//! readable later, but builds nothing, and costs a quarter.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::items::{CONTEXT, is_download_link, item};
use crate::model::{Body, Item, ItemId, Kind, Marks};

/// Brackets that may be open in a value that is noted.
const NOT_DEEP: usize = 32;

/// The item, if nothing of it has to be left out and its text can go into a line; none: it has to be taken apart.
///
/// # Errors
/// What taking it apart would fail with.
pub(super) fn read(element: &RawValue, kind: Kind) -> Result<Option<Item>, serde_json::Error> {
    let text = element.get();
    let Sight { id, names, plain, noted } = serde_json::from_str(text)?;
    let in_a_line = !text.as_bytes().contains(&b'\n') && !text.as_bytes().contains(&b'\r');
    let id = id.filter(|_| plain && in_a_line);
    let has = |name: &str| names.iter().any(|one| one == name);
    Ok(id.map(|id| item(id, Body::as_it_came(element, noted.marks(text, has("root"))), kind, has)))
}

/// What a look over an item shows.
struct Sight<'a> {
    id: Option<ItemId>,
    names: Vec<Cow<'a, str>>,
    plain: bool,
    noted: Noted<'a>,
}

/// The values that are looked at of every item.
#[derive(Default)]
struct Noted<'a> {
    created_date_time: Option<&'a RawValue>,
    last_modified_date_time: Option<&'a RawValue>,
    created_by: Option<&'a RawValue>,
    last_modified_by: Option<&'a RawValue>,
}

impl<'a> Noted<'a> {
    /// Where a value with this name is noted.
    fn place(&mut self, name: &str) -> Option<&mut Option<&'a RawValue>> {
        match name {
            "createdDateTime" => Some(&mut self.created_date_time),
            "lastModifiedDateTime" => Some(&mut self.last_modified_date_time),
            "createdBy" => Some(&mut self.created_by),
            "lastModifiedBy" => Some(&mut self.last_modified_by),
            _ => None,
        }
    }

    fn marks(&self, text: &str, root: bool) -> Marks {
        let mark = |value: Option<&RawValue>| {
            let value = value.map(RawValue::get).filter(|value| *value != "null")?;
            let start = value.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
            Some(start..start + value.len())
        };
        Marks {
            root,
            created_date_time: mark(self.created_date_time),
            last_modified_date_time: mark(self.last_modified_date_time),
            created_by: mark(self.created_by),
            last_modified_by: mark(self.last_modified_by),
        }
    }
}

/// A property's name, without a copy where that is possible.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Sight<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Top)
    }
}

struct Top;

impl<'de> Visitor<'de> for Top {
    type Value = Sight<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an item")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Sight<'de>, A::Error> {
        let (names, noted) = (Vec::with_capacity(32), Noted::default());
        let mut sight = Sight { id: None, names, plain: true, noted };
        while let Some(Name(name)) = map.next_key()? {
            // Of a property that comes twice the last counts, and whoever reads the text may see it otherwise.
            sight.plain &= name != CONTEXT && !is_download_link(&name) && !sight.names.contains(&name);
            if name == "id" {
                sight.id = map.next_value::<Value>()?.as_str().map(|id| ItemId(id.to_owned()));
            } else if let Some(place) = sight.noted.place(&name) {
                let value: &'de RawValue = map.next_value()?;
                sight.plain &= is_plain(value);
                *place = Some(value);
            } else {
                map.next_value_seed(Inside(&mut sight.plain))?;
            }
            sight.names.push(name);
        }
        Ok(sight)
    }
}

/// Whether a value that is noted can be kept as it came. One that is wrong, or so deep that it may be too deep for its
/// place, is left to taking it apart, which says so.
fn is_plain(value: &RawValue) -> bool {
    let opened = value.get().bytes().filter(|byte| matches!(byte, b'{' | b'[')).count();
    if opened > NOT_DEEP {
        return false;
    }
    let mut plain = true;
    let walked = Inside(&mut plain).deserialize(&mut serde_json::Deserializer::from_str(value.get()));
    walked.is_ok() && plain
}

/// Walks through a value.
struct Inside<'a>(&'a mut bool);

impl<'de> DeserializeSeed<'de> for Inside<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Inside<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            *self.0 &= !is_download_link(&name);
            map.next_value_seed(Inside(&mut *self.0))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        while values.next_element_seed(Inside(&mut *self.0))?.is_some() {}
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn look(text: &str) -> Result<Option<Item>, serde_json::Error> {
        let element: Box<RawValue> = serde_json::from_str(text).unwrap();
        read(&element, Kind::DriveItem)
    }

    #[test]
    fn an_item_is_kept_as_it_came_unless_something_has_to_be_left_out() {
        for text in [
            r#"{"id":"1"}"#,
            r#"{"name": "x", "id": "1", "size": 1.50, "file": {"hashes": [null, true, -5]}}"#,
            r#"{"id":"1","n\u0061me":"\u00e4 \ud83d\ude00"}"#,
        ] {
            let item = look(text).unwrap().unwrap();
            assert_eq!((item.id.0.as_str(), item.body.get()), ("1", text));
        }
        for text in [
            r#"{"name":"x"}"#,
            r#"{"id":17}"#,
            r#"{"id":"1","@odata.context":"x"}"#,
            r#"{"id":"1","@microsoft.graph.downloadUrl":"x"}"#,
            r#"{"id":"1","a":[{"b":{"@content.downloadURL":"x"}}]}"#,
            r#"{"id":"1","n\u0061me":"x","name":"y"}"#,
            "{\"id\":\"1\",\r\n\"name\":\"x\"}",
        ] {
            assert_eq!(look(text).unwrap(), None, "{text}");
        }
    }

    fn any_value() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            "-?[0-9]{1,3}(\\.[0-9]{1,2})?(e[0-9]{1,3})?",
            r#""[a-z@.]{0,3}(\\[nu"]|\\ud8[0-3]d|\\u00e4)?""#,
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(|of| format!("[{}]", of.join(","))),
                proptest::collection::vec(("[a-z@]{1,2}|@x.downloadUrl", inner), 0..4).prop_map(|of| {
                    let pairs = of.iter().map(|(name, value)| format!("\"{name}\":{value}"));
                    format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_look_is_as_strict_as_taking_apart_and_keeps_what_that_would_keep(value in any_value(), deep in 0..140_usize) {
            let value = format!("{}{value}{}", "[".repeat(deep), "]".repeat(deep));
            let text = format!(r#"{{"id":"1","x":{value}}}"#);
            let Ok(element) = serde_json::from_str::<&RawValue>(&text) else { return Ok(()) };
            let apart = serde_json::from_str::<super::super::items::WireItem>(&text);
            match (read(element, Kind::DriveItem), apart) {
                (Err(ours), Err(theirs)) => prop_assert_eq!(ours.classify(), theirs.classify()),
                (Ok(None), Ok(_)) => {}
                (Ok(Some(kept)), Ok(apart)) => {
                    let apart = apart.into_item(Kind::DriveItem).unwrap();
                    let same = kept.body.properties().unwrap() == apart.body.properties().unwrap();
                    prop_assert!(same && kept.id == apart.id, "{}", text);
                }
                (ours, theirs) => prop_assert!(false, "{text}: {ours:?}, apart: {}", theirs.is_ok()),
            }
        }
    }

    /// The texts of the marks of an item that is kept.
    fn marked(item: &Item) -> [Option<&str>; 4] {
        let marks = item.body.marks().unwrap();
        [&marks.created_date_time, &marks.last_modified_date_time, &marks.created_by, &marks.last_modified_by]
            .map(|mark| mark.clone().map(|mark| &item.body.get()[mark]))
    }

    #[test]
    fn what_is_looked_at_of_every_item_is_marked() {
        let text = r#"{"createdBy": {"user": {}} ,"id":"1","created\u0044ateTime":"x","lastModifiedBy":null,"root":null,
                      "y":{"lastModifiedDateTime":"no"}}"#
            .replace('\n', "");
        let item = look(&text).unwrap().unwrap();
        assert_eq!(marked(&item), [Some(r#""x""#), None, Some(r#"{"user": {}}"#), None]);
        assert!(item.body.marks().unwrap().root);
        assert!(!look(r#"{"id":"1","x":{"root":{}}}"#).unwrap().unwrap().body.marks().unwrap().root);
    }

    proptest! {
        #[test]
        fn what_is_marked_is_looked_at_as_strictly(value in any_value(), deep in 0..140_usize, name in 0..4_usize) {
            let name = ["createdDateTime", "lastModifiedDateTime", "createdBy", "lastModifiedBy"][name];
            let value = format!("{}{value}{}", "[".repeat(deep), "]".repeat(deep));
            let text = format!(r#"{{"id":"1","{name}":{value}}}"#);
            let Ok(element) = serde_json::from_str::<&RawValue>(&text) else { return Ok(()) };
            let apart = serde_json::from_str::<super::super::items::WireItem>(&text);
            if let Ok(Some(kept)) = read(element, Kind::DriveItem) {
                let apart = apart.unwrap().into_item(Kind::DriveItem).unwrap();
                let same = kept.body.properties().unwrap() == apart.body.properties().unwrap();
                prop_assert!(same && kept.id == apart.id, "{}", text);
                let marked: Vec<&str> = marked(&kept).into_iter().flatten().collect();
                prop_assert_eq!(marked, if value == "null" { vec![] } else { vec![value.as_str()] });
            } else {
                prop_assert!(deep > NOT_DEEP || text.contains('@') || value.contains('[') || apart.is_err(), "{}", text);
            }
        }
    }

    #[test]
    fn what_is_no_item_is_refused() {
        for text in ["5", "null", "[]", r#"{"id":"1","x":1e999}"#, r#"{"id":"1","x":"\ud800"}"#] {
            assert!(look(text).is_err(), "{text}");
        }
        let told = |text| look(&serde_json::to_string(&text).unwrap()).unwrap().unwrap();
        let removed = told(json!({"id": "1", "deleted": {}}));
        assert!(removed.removed && !told(json!({"id": "1"})).removed);
    }
}
