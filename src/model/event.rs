use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::{Cursor, ItemId, Kind, Name};

/// What happened to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is new here.
    Created,
    /// It differs from what was known.
    Updated,
    /// It is gone from here.
    Deleted,
}

impl Change {
    /// The last word of the event's `type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who made a change, where Office 365 says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Id of the user or application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// User or application.
    pub kind: ActorKind,
}

/// The kinds of [`Actor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    /// A person.
    User,
    /// An application.
    Application,
}

/// A classified change before the log has numbered it.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// The kind of item.
    pub kind: Kind,
    /// What happened to it.
    pub change: Change,
    /// The item.
    pub subject: ItemId,
    /// When it happened, as far as Office 365 says.
    pub time: DateTime<Utc>,
    /// `data` of the event: `changed`, `previous`, `resource`, `actor`.
    pub data: Box<RawValue>,
}

/// An event of the log. Its `Serialize` is the CloudEvents 1.0 JSON format.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its place in the log.
    pub cursor: Cursor,
    /// Stable id: the same change has the same id, whoever reads it and how often.
    pub id: String,
    /// The tenant it came from.
    pub tenant: Name,
    /// The subscription it came through.
    pub subscription: Name,
    /// `o365.{listItem,driveItem,message}.{created,updated,deleted}`.
    pub event_type: String,
    /// The item's id at Office 365.
    pub subject: String,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// `changed`, `previous`, `resource` and, where known, `actor`.
    pub data: Box<RawValue>,
}

impl NewEvent {
    /// The event's `type`.
    pub fn event_type(&self) -> String {
        format!("o365.{}.{}", self.kind, self.change)
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut event = serializer.serialize_struct("Event", 11)?;
        event.serialize_field("specversion", "1.0")?;
        event.serialize_field("id", &self.id)?;
        // A text that is made piece by piece would have each piece looked through for what has to be escaped.
        event.serialize_field(
            "source",
            &format!("/tenants/{}/subscriptions/{}", self.tenant, self.subscription),
        )?;
        event.serialize_field("type", &self.event_type)?;
        event.serialize_field("subject", &self.subject)?;
        event.serialize_field("time", &self.time.to_rfc3339_opts(SecondsFormat::AutoSi, true))?;
        event.serialize_field("datacontenttype", "application/json")?;
        event.serialize_field("sequence", &self.cursor)?;
        event.serialize_field("tenant", &self.tenant)?;
        event.serialize_field("subscription", &self.subscription)?;
        event.serialize_field("data", &self.data)?;
        event.end()
    }
}
