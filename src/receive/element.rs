//! One element of a notification body, read without copying.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// What every kind of element has, and what tells them apart: Graph's changes, its lifecycle events, SharePoint's
/// changes, the older bodies of a personal OneDrive. A hint needs no more; of everything else it only matters
/// whether we know what it is.
pub(super) struct Element<'a> {
    pub subscription_id: Cow<'a, str>,
    pub client_state: Option<Cow<'a, str>>,
    pub lifecycle_event: Option<Cow<'a, str>>,
    /// Nothing is in it that this version does not know, so that it means no more than it did yesterday.
    pub understood: bool,
}

/// Fields that may be missing, are spelled in several ways, and say nothing that a hint needs.
const KNOWN: &[&str] = &[
    "@odata.type",
    "expirationDateTime",
    "id",
    "organizationId",
    "resource",
    "resourceData",
    "sequenceNumber",
    "siteUrl",
    "subscriptionExpirationDateTime",
    "tenantId",
    "webId",
];

/// Ways in which an item changes.
const CHANGES: &[&str] = &["created", "deleted", "updated"];

impl<'de> Deserialize<'de> for Element<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Element<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a notification")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let (mut id, mut state, mut event, mut change) =
            (Once::default(), Once::default(), Once::default(), Once::default());
        let mut understood = true;
        while let Some(Text(field)) = fields.next_key()? {
            match &*field {
                "subscriptionId" => id.read("subscriptionId", &mut fields)?,
                "clientState" => state.read("clientState", &mut fields)?,
                "lifecycleEvent" => event.read("lifecycleEvent", &mut fields)?,
                "changeType" => change.read("changeType", &mut fields)?,
                field => {
                    fields.next_value::<IgnoredAny>()?;
                    understood &= KNOWN.contains(&field);
                }
            }
        }
        Ok(Element {
            subscription_id: id.text.ok_or_else(|| A::Error::missing_field("subscriptionId"))?,
            client_state: state.text,
            lifecycle_event: event.text,
            understood: understood && change.text.is_none_or(|change| CHANGES.contains(&&*change)),
        })
    }
}

/// A field that holds a text or null, or is not there; there twice, it says nothing.
#[derive(Default)]
struct Once<'a> {
    seen: bool,
    text: Option<Cow<'a, str>>,
}

impl<'de> Once<'de> {
    fn read<A: MapAccess<'de>>(&mut self, name: &'static str, fields: &mut A) -> Result<(), A::Error> {
        if std::mem::replace(&mut self.seen, true) {
            return Err(A::Error::duplicate_field(name));
        }
        self.text = fields.next_value::<Option<Text<'de>>>()?.map(|text| text.0);
        Ok(())
    }
}

/// Borrowed where no escape is in it; a bare `Cow` in an `Option` would always be copied.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn understood(field: &str, value: Value) -> bool {
        let mut element = json!({"subscriptionId": "a"});
        element[field] = value;
        serde_json::from_str::<Element<'_>>(&element.to_string()).unwrap().understood
    }

    #[test]
    fn only_what_holds_nothing_new_is_understood() {
        assert!(understood("resourceData", json!({"id": "1", "whatever": [1]})));
        assert!(understood("changeType", json!("updated")));
        assert!(understood("changeType", Value::Null));
        assert!(!understood("changeType", json!("moved")));
        assert!(!understood("encryptedContent", json!({"data": "…"})));
        assert!(!understood("new", Value::Null));
    }

    #[test]
    fn escapes_are_read_and_other_types_refused() {
        let element: Element<'_> =
            serde_json::from_str(r#"{"subscription\u0049d":"\u0061","clientState":null}"#).unwrap();
        assert_eq!((&*element.subscription_id, element.client_state), ("a", None));
        for text in [
            r#"{"subscriptionId":7}"#,
            r#"{"clientState":"a"}"#,
            r#"{"subscriptionId":"a","clientState":{}}"#,
        ] {
            assert!(serde_json::from_str::<Element<'_>>(text).is_err(), "{text}");
        }
    }
}
