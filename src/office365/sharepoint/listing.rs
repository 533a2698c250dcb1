//! Answers that hold many things, in the forms in which SharePoint writes them.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// Many things, each still to be read, and where there are more.
#[derive(Debug)]
pub(super) struct Listing<'a> {
    pub(super) elements: Vec<&'a RawValue>,
    pub(super) next: Option<String>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    value: Option<Vec<&'a RawValue>>,
    #[serde(rename = "odata.nextLink", alias = "@odata.nextLink")]
    next: Option<String>,
    #[serde(borrow)]
    d: Option<Verbose<'a>>,
}

#[derive(Deserialize)]
struct Verbose<'a> {
    #[serde(borrow)]
    results: Vec<&'a RawValue>,
    #[serde(rename = "__next")]
    next: Option<String>,
}

impl<'a> Listing<'a> {
    /// Reads an answer. One without a list in it is refused: nothing is not the same as an empty list, which ends a round.
    pub(super) fn read(text: &'a str) -> Result<Self, serde_json::Error> {
        let wire: Wire<'a> = serde_json::from_str(text)?;
        match (wire.value, wire.d) {
            (Some(elements), _) => Ok(Self { elements, next: wire.next }),
            (None, Some(Verbose { results, next })) => Ok(Self { elements: results, next }),
            (None, None) => Err(serde::de::Error::missing_field("value")),
        }
    }
}

/// A whole number, which some forms write as a text.
pub(super) fn whole(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::String(text) => text.parse().ok(),
        number => number.as_i64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_forms_are_read_and_an_answer_without_a_list_is_refused() {
        let read = |value: Value| {
            let text = value.to_string();
            let listing = Listing::read(&text).map_err(|_| ())?;
            Ok((listing.elements.len(), listing.next))
        };
        let next = || Some("n".to_owned());
        assert_eq!(read(json!({"value": [1, 2], "odata.nextLink": "n"})), Ok((2, next())));
        assert_eq!(read(json!({"odata.metadata": "m", "value": []})), Ok((0, None)));
        assert_eq!(read(json!({"d": {"results": [1], "__next": "n"}})), Ok((1, next())));
        for other in [json!({}), json!({"d": {}}), json!({"value": null}), json!([]), json!({"value": {}})] {
            assert_eq!(read(other.clone()), Err(()), "{other}");
        }
    }

    #[test]
    fn a_number_may_come_as_a_text() {
        for (value, expected) in
            [(json!(7), Some(7)), (json!("7"), Some(7)), (json!("x"), None), (json!(null), None)]
        {
            assert_eq!(whole(Some(&value)), expected, "{value}");
        }
        assert_eq!(whole(None), None);
    }
}
