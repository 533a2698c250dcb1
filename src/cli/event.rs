//! An event on one line.

use std::collections::HashMap;

use chrono::{DateTime, Local, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::output::Look;
use super::readable::plain;
use crate::model::{Actor, Cursor};

/// Longest name, and longest value of a changed property, that is shown.
const LONGEST: usize = 40;

/// What a line shows of an event.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    /// Its place in the log.
    pub sequence: Cursor,
    r#type: String,
    subscription: String,
    /// The item's id.
    pub subject: String,
    time: DateTime<Utc>,
    data: Data,
}

#[derive(Debug, Deserialize)]
struct Data {
    changed: Vec<String>,
    previous: Map<String, Value>,
    resource: Map<String, Value>,
    actor: Option<Actor>,
}

/// Names of folders, by id.
pub(super) type Folders = HashMap<String, String>;

impl Event {
    /// The event's type without the prefix that all have.
    pub fn short_type(&self) -> &str {
        self.r#type.strip_prefix("o365.").unwrap_or(&self.r#type)
    }

    /// Cells of a table: place, time, type, subscription, item, what changed, who.
    pub fn cells(&self) -> [String; 7] {
        let actor = self.data.actor.as_ref().and_then(|actor| actor.name.as_deref());
        [
            self.sequence.number().to_string(),
            self.time.with_timezone(&Local).format("%F %T").to_string(),
            plain(self.short_type(), LONGEST),
            plain(&self.subscription, LONGEST),
            self.item(),
            self.changes(&Folders::new()),
            plain(actor.unwrap_or("-"), LONGEST),
        ]
    }

    /// A line of aligned fields: type, subscription, item, what changed.
    pub fn line(&self, folders: &Folders) -> String {
        let (kind, subscription, item) = (plain(self.short_type(), LONGEST), &self.subscription, self.item());
        let line = format!("{kind:<17}  {subscription:<12}  {item:<20}  {}", self.changes(folders));
        line.trim_end().to_owned()
    }

    /// When it happened, as on a clock on the wall.
    pub fn clock(&self) -> String {
        self.time.with_timezone(&Local).format("%T").to_string()
    }

    /// What people call the item.
    fn item(&self) -> String {
        let resource = &self.data.resource;
        let field = |name: &str| resource.get("fields").and_then(|fields| fields.get(name));
        let names = [resource.get("name"), field("FileLeafRef"), field("Title"), resource.get("subject")];
        let name = names.into_iter().flatten().find_map(Value::as_str);
        plain(name.unwrap_or(&self.subject), LONGEST)
    }

    /// `name: old → new` of each changed property.
    fn changes(&self, folders: &Folders) -> String {
        let told = self.data.changed.iter().map(|key| {
            let show = |value: Option<&Value>| value.and_then(|value| short(value, folders));
            let label = key.strip_prefix("fields.").unwrap_or(key);
            match (show(self.previous(key)), show(self.current(key))) {
                (Some(old), Some(new)) => format!("{label}: {old} → {new}"),
                (None, Some(new)) => format!("{label}: {new}"),
                (Some(old), None) => format!("{label}: was {old}"),
                (None, None) => label.to_owned(),
            }
        });
        plain(&told.collect::<Vec<_>>().join(", "), 4 * LONGEST)
    }

    /// The former value of a changed property, where it is known and one that people can read.
    fn previous(&self, key: &str) -> Option<&Value> {
        // Of content, only a hash is known.
        self.data.previous.get(key).filter(|_| key != "content")
    }

    /// The present value of a changed property, where it is one that people can read.
    fn current(&self, key: &str) -> Option<&Value> {
        let resource = &self.data.resource;
        let field = |name: &str| resource.get("fields")?.get(name);
        match key {
            "name" => resource.get("name").or_else(|| field("FileLeafRef")),
            "parent" => resource
                .get("parentFolderId")
                .or_else(|| resource.get("parentReference").and_then(|parent| parent.get("id"))),
            "content" => None,
            _ => match key.strip_prefix("fields.") {
                Some(column) => field(column),
                None => resource.get(key),
            },
        }
    }
}

/// A value where it is short enough for a line; a folder by its name.
fn short(value: &Value, folders: &Folders) -> Option<String> {
    match value {
        Value::String(text) => Some(plain(folders.get(text).unwrap_or(text), LONGEST)),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// A line of its own, with the time it happened at.
pub(super) fn live(event: &Event) -> String {
    format!("{}  {}", Look::Faint.on(event.clock()), event.line(&Folders::new()))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    pub(in super::super) fn event(kind: &str, data: &Value) -> Event {
        let event = json!({
            "specversion": "1.0", "id": "x", "source": "/tenants/contoso/subscriptions/files",
            "type": format!("o365.{kind}"), "subject": "17", "time": "2026-11-23T10:00:00Z",
            "datacontenttype": "application/json", "sequence": "00000000000000000042",
            "tenant": "contoso", "subscription": "files", "data": data,
        });
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn a_line_tells_what_changed_with_old_and_new_value() {
        let folders = Folders::from([
            ("F1".to_owned(), "OneDrive".to_owned()),
            ("F2".to_owned(), "Archive".to_owned()),
        ]);
        let events = [
            event(
                "driveItem.created",
                &json!({"changed": [], "previous": {}, "resource": {"name": "plan.docx"}}),
            ),
            event(
                "driveItem.updated",
                &json!({"changed": ["name"], "previous": {"name": "plan.docx"}, "resource": {"name": "plan-v2.docx"}}),
            ),
            event(
                "driveItem.updated",
                &json!({"changed": ["parent", "content"], "previous": {"parent": "F1", "content": "kY2hs="},
                    "resource": {"name": "plan.docx", "parentReference": {"id": "F2"}}}),
            ),
            event(
                "listItem.updated",
                &json!({"changed": ["fields.Stage", "fields.Score"], "previous": {"fields.Stage": "Applied"},
                    "resource": {"fields": {"Title": "Ada", "Stage": "Offer", "Score": 7}}}),
            ),
            event(
                "message.updated",
                &json!({"changed": ["isRead"], "previous": {"isRead": false},
                "resource": {"subject": "Hi\x1b[2J", "isRead": true}}),
            ),
            event("listItem.deleted", &json!({"changed": [], "previous": {}, "resource": {"id": "17"}})),
        ];
        let lines = events.iter().map(|event| event.line(&folders)).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(lines, @r"
        driveItem.created  files         plan.docx
        driveItem.updated  files         plan-v2.docx          name: plan.docx → plan-v2.docx
        driveItem.updated  files         plan.docx             parent: OneDrive → Archive, content
        listItem.updated   files         Ada                   Stage: Applied → Offer, Score: 7
        message.updated    files         Hi [2J                isRead: false → true
        listItem.deleted   files         17
        ");
    }
}
