use serde::Deserialize;
use serde_json::Value;

use super::super::Failure;
use super::resources::{area, item_path, item_preferences, name_permission, representation};
use super::{Call, Graph};
use crate::model::{Body, Item, ItemId, Kind, Properties, Target};

/// An item as it stands on a page; everything but its id is optional.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct WireItem(Properties);

impl WireItem {
    /// Takes it as the model knows it; nothing where it has no id.
    pub(super) fn into_item(self, kind: Kind) -> Option<Item> {
        let Self(mut properties) = self;
        let id = ItemId(properties.get("id")?.as_str()?.to_owned());
        properties.remove(CONTEXT);
        drop_download_links(&mut properties);
        // They were read from JSON, so that they can be written.
        let body = Body::of(&properties).ok()?;
        Some(item(id, body, kind, |name| properties.contains_key(name)))
    }
}

/// An item that has certain properties. Presence counts: the facet may be empty, and its state may say anything.
pub(super) fn item(id: ItemId, body: Body, kind: Kind, has: impl Fn(&str) -> bool) -> Item {
    let removed = has("deleted") || has("@removed");
    let whole = match kind {
        Kind::ListItem => has("fields"),
        Kind::Message => has("@odata.etag"),
        Kind::DriveItem => true,
    };
    Item { id, body, removed, partial: !removed && !whole }
}

/// Belongs to the answer and not to the item.
pub(super) const CONTEXT: &str = "@odata.context";

/// Links that need no sign-in (`@microsoft.graph.downloadUrl`, `@content.downloadUrl`) are credentials: they are not
/// kept.
pub(super) fn is_download_link(name: &str) -> bool {
    name.starts_with('@') && name.to_lowercase().ends_with("downloadurl")
}

fn drop_download_links(properties: &mut Properties) {
    properties.retain(|name, _| !is_download_link(name));
    properties.values_mut().for_each(drop_nested_links);
}

fn drop_nested_links(value: &mut Value) {
    match value {
        Value::Object(properties) => drop_download_links(properties),
        Value::Array(values) => values.iter_mut().for_each(drop_nested_links),
        _ => {}
    }
}

/// What a message has that was selected for a page and is not empty: content without one of these is not complete.
/// Outlook leaves out what has no value, so that properties which may have none are not among them.
const ALWAYS_THERE: [&str; 9] = [
    "subject",
    "receivedDateTime",
    "createdDateTime",
    "lastModifiedDateTime",
    "isRead",
    "isDraft",
    "hasAttachments",
    "parentFolderId",
    "conversationId",
];

/// Reads the content of a notification as an item, partial where it is not complete; nothing where it has no id.
pub fn read_content(kind: Kind, mut content: Properties) -> Option<Item> {
    // Says what kind of value follows; pages say nothing of the sort.
    content.retain(|name, _| name.starts_with('@') || !name.ends_with("@odata.type"));
    let partial = match kind {
        Kind::Message => !ALWAYS_THERE.iter().all(|name| content.contains_key(*name)),
        // Office 365 sends no content of these.
        Kind::ListItem | Kind::DriveItem => true,
    };
    Some(Item { partial, ..WireItem(content).into_item(kind)? })
}

impl Graph {
    /// One whole item; none if it is gone.
    pub(crate) async fn item(
        &self,
        target: &Target,
        select: &[String],
        id: &ItemId,
    ) -> Result<Option<Item>, Failure> {
        let mut url = self.base.at(item_path(target, &id.0));
        if let Some((option, value)) = representation(target, select) {
            url.query_pairs_mut().append_pair(option, &value);
        }
        let call = Call { prefer: item_preferences(target), ..Call::get("item", url, area(target)) };
        match self.read::<WireItem>(&call).await {
            Ok((item, _)) => {
                let item = item.into_item(target.kind()).map(|item| Item { partial: false, ..item });
                item.map(Some).ok_or_else(|| unreadable("an item without an id"))
            }
            Err(failure) if failure.verdict == super::Verdict::NotFound => Ok(None),
            Err(failure) => Err(name_permission(target, failure)),
        }
    }
}

fn unreadable(what: &str) -> Failure {
    Failure::local(super::Verdict::Transient, "unreadable", format!("Graph's answer is {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn item(kind: Kind, value: Value) -> Option<Item> {
        serde_json::from_value::<WireItem>(value).unwrap().into_item(kind)
    }

    #[test]
    fn removal_and_parts_are_told_by_what_is_there() {
        let (list, drive, mail) = (Kind::ListItem, Kind::DriveItem, Kind::Message);
        for (kind, value, removed, partial) in [
            (drive, json!({"id": "1"}), false, false),
            (drive, json!({"id": "1", "deleted": {}, "file": {}}), true, false),
            (drive, json!({"id": "1", "deleted": {"state": "softDeleted"}}), true, false),
            (list, json!({"id": "1", "fields": {}}), false, false),
            (list, json!({"id": "1", "eTag": "x"}), false, true),
            (list, json!({"id": "1", "deleted": {"state": "deleted"}}), true, false),
            (mail, json!({"id": "1", "@odata.etag": "W/x"}), false, false),
            (mail, json!({"id": "1", "isRead": true}), false, true),
            (mail, json!({"id": "1", "@removed": {"reason": "changed"}}), true, false),
        ] {
            let read = item(kind, value.clone()).unwrap();
            assert_eq!((read.removed, read.partial), (removed, partial), "{value}");
        }
    }

    #[test]
    fn annotations_of_the_answer_and_links_without_sign_in_are_not_kept() {
        let value = json!({
            "@odata.context": "x", "@odata.etag": "W/1", "@microsoft.graph.downloadUrl": "https://secret",
            "id": "1", "root": {}, "remoteItem": {"@content.downloadUrl": "https://secret", "id": "2"},
            "children": [{"@microsoft.graph.downloadUrl": "https://secret"}],
        });
        let kept = item(Kind::DriveItem, value).unwrap().body.properties().unwrap();
        let expected =
            json!({"@odata.etag": "W/1", "id": "1", "root": {}, "remoteItem": {"id": "2"}, "children": [{}]});
        assert_eq!(Value::Object(kept), expected);
    }

    #[test]
    fn what_has_no_id_is_no_item() {
        for value in [json!({}), json!({"id": 17}), json!({"id": null, "name": "x"})] {
            assert_eq!(item(Kind::DriveItem, value.clone()), None, "{value}");
        }
    }
}
