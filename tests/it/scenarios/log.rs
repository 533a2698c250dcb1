//! The log, replayed: what somebody knows who has read nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// Items by subscription and id.
pub type Items = BTreeMap<(String, String), Value>;

/// What was there before anything was told.
#[derive(Default)]
pub struct Before {
    pub items: Items,
    /// Those of which the listener knows nothing: what is first told of them is told without a difference.
    pub unseen: BTreeSet<(String, String)>,
}

/// What somebody knows in the end.
pub struct Replayed {
    pub items: Items,
    /// Those that nothing was ever told of, and that the listener does not know.
    pub unseen: BTreeSet<(String, String)>,
}

/// Replays a log over what was there before; or the first event that is not legal.
pub fn replay(before: &Before, events: &[Value]) -> Result<Replayed, String> {
    let (mut items, mut ids, mut last) = (before.items.clone(), BTreeSet::new(), String::new());
    let (mut unseen, mut gone) = (before.unseen.clone(), BTreeSet::new());
    for event in events {
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        if !ids.insert(text("id")) {
            return Err(format!("an id twice: {event}"));
        }
        if text("sequence") <= last {
            return Err(format!("the sequence does not increase: {event}"));
        }
        last = text("sequence");
        let (key, resource) = ((text("subscription"), text("subject")), &event["data"]["resource"]);
        let is_first = unseen.remove(&key);
        match (text("type").rsplit('.').next().unwrap_or_default(), items.get(&key)) {
            // Reading everything anew after a dead cursor makes it known without a word.
            ("updated", Some(_)) if is_first && event["data"]["changed"] == json!([]) => {}
            ("updated", Some(before)) => differs(before, event)?,
            ("created", None) | ("deleted", Some(_)) => {}
            // It came and went between two rounds: told once, by its id alone.
            ("deleted", None) if *resource == json!({"id": key.1}) && !gone.contains(&key) => {}
            (_, known) => return Err(format!("known before: {}; {event}", known.is_some())),
        }
        if text("type").ends_with("deleted") {
            items.remove(&key);
            gone.insert(key);
        } else {
            items.insert(key, resource.clone());
        }
    }
    Ok(Replayed { items, unseen })
}

/// An update tells a difference: of what is compared here, or of the eTag.
fn differs(before: &Value, event: &Value) -> Result<(), String> {
    let data = &event["data"];
    let etag = |item: &Value| [item["eTag"].clone(), item["@odata.etag"].clone()];
    if data["changed"] == Value::Array(Vec::new()) && etag(before) == etag(&data["resource"]) {
        return Err(format!("an update without a difference: {event}"));
    }
    let old = &data["previous"]["name"];
    if !old.is_null() && (*old != before["name"] || *old == data["resource"]["name"]) {
        return Err(format!("the old name was {}: {event}", before["name"]));
    }
    Ok(())
}

/// What of an item must be the same in log and truth.
pub fn essence(item: &Value) -> Value {
    let paths = [
        "/name",
        "/parentReference/id",
        "/size",
        "/file/hashes/quickXorHash",
        "/fields/Title",
        "/fields/Stage",
        "/fields/Score",
        "/subject",
        "/isRead",
        "/importance",
        "/parentFolderId",
    ];
    let known = paths.iter().filter_map(|path| Some(((*path).to_owned(), item.pointer(path)?.clone())));
    // A folder's size follows from what is in it, and is not told.
    let folder = item.get("folder").is_some();
    Value::Object(known.filter(|(path, _)| !(folder && path == "/size")).collect::<Map<_, _>>())
}
