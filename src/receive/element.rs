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
        let mut subscription_id = None;
        let (mut client_state, mut lifecycle_event, mut understood) = (None, None, true);
        while let Some(Text(field)) = fields.next_key()? {
            match &*field {
                "subscriptionId" => subscription_id = Some(fields.next_value::<Text<'de>>()?.0),
                "clientState" => client_state = text(&mut fields)?,
                "lifecycleEvent" => lifecycle_event = text(&mut fields)?,
                "changeType" => {
                    understood &= text(&mut fields)?.is_none_or(|change| CHANGES.contains(&&*change));
                }
                field => {
                    fields.next_value::<IgnoredAny>()?;
                    understood &= KNOWN.contains(&field);
                }
            }
        }
        let subscription_id = subscription_id.ok_or_else(|| A::Error::missing_field("subscriptionId"))?;
        Ok(Element { subscription_id, client_state, lifecycle_event, understood })
    }
}

fn text<'de, A: MapAccess<'de>>(fields: &mut A) -> Result<Option<Cow<'de, str>>, A::Error> {
    Ok(fields.next_value::<Option<Text<'de>>>()?.map(|text| text.0))
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
