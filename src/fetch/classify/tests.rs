use proptest::prelude::*;

use super::*;
use crate::model::ItemId;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn context(kind: Kind, start: Start, first_round: bool) -> Context {
    Context {
        kind,
        start,
        first_round,
        resync: false,
        started_at: at("2026-11-24T10:00:00Z"),
        now: at("2026-11-24T12:00:00Z"),
    }
}

fn item(properties: Value) -> Item {
    let Value::Object(properties) = properties else { panic!("not an object") };
    let id = properties["id"].as_str().unwrap().to_owned();
    let removed = properties.contains_key("deleted") || properties.contains_key("@removed");
    Item { id: ItemId(id), body: Body::of(&properties).unwrap(), removed, partial: false }
}

fn here(properties: Value) -> Known {
    Known::Here(item(properties).body.properties().unwrap())
}

/// What is told, in one line: change, changed, previous.
fn told(context: &Context, known: Option<&Known>, item: &Item) -> String {
    let outcome = classify(context, known, item).unwrap();
    outcome.event.map_or("nothing".to_owned(), |event| {
        let data: Value = serde_json::from_str(event.data.get()).unwrap();
        format!("{} {} {}", event.change, data["changed"], data["previous"])
    })
}

fn file(name: &str, parent: &str, hash: &str, etag: &str) -> Value {
    json!({"id": "1", "name": name, "eTag": etag, "size": hash.len(), "webUrl": format!("https://x/{parent}/{name}"),
        "createdDateTime": "2026-11-24T09:00:00Z", "lastModifiedDateTime": "2026-11-24T11:00:00Z",
        "parentReference": {"id": parent}, "file": {"mimeType": "text/plain", "hashes": {"quickXorHash": hash}}})
}

#[test]
fn a_drive_item_tells_name_parent_and_content() {
    let context = context(Kind::DriveItem, Start::Now, false);
    let known = here(file("a", "p", "h", "1"));
    for (name, item_now) in [
        ("nothing", file("a", "p", "h", "1")),
        ("updated [] {}", file("a", "p", "h", "2")),
        (r#"updated ["name"] {"name":"a"}"#, file("b", "p", "h", "2")),
        (r#"updated ["parent"] {"parent":"p"}"#, file("a", "q", "h", "2")),
        (r#"updated ["content"] {"content":"h"}"#, file("a", "p", "hh", "2")),
        (
            r#"updated ["name","parent","content"] {"content":"h","name":"a","parent":"p"}"#,
            file("b", "q", "hh", "2"),
        ),
    ] {
        assert_eq!(told(&context, Some(&known), &item(item_now)), name);
    }
}

#[test]
fn what_follows_from_something_else_is_not_told() {
    let context = context(Kind::DriveItem, Start::Now, false);
    let folder = |count: u32, size: u32| {
        json!({"id": "1", "name": "f", "eTag": "1", "cTag": format!("c{count}"), "size": size, "folder": {"childCount": count},
            "fileSystemInfo": {"createdDateTime": "2026-01-01T00:00:00Z", "lastModifiedDateTime": format!("2026-01-0{count}T00:00:00Z")},
            "lastModifiedDateTime": format!("2026-01-0{count}T00:00:00Z"), "lastModifiedBy": {"user": {"id": count.to_string()}}})
    };
    assert_eq!(told(&context, Some(&here(folder(1, 10))), &item(folder(2, 20))), "nothing");
    let root = json!({"id": "1", "name": "root", "root": {}, "folder": {}});
    assert_eq!(told(&context, None, &item(root)), "nothing");
}

#[test]
fn pages_may_leave_properties_out() {
    let context = context(Kind::DriveItem, Start::Now, false);
    let full = json!({"id": "1", "name": "a", "eTag": "1", "webUrl": "https://x/a", "cTag": "c", "description": "d", "file": {}});
    let bare = json!({"id": "1", "name": "a", "eTag": "1"});
    assert_eq!(told(&context, Some(&here(full.clone())), &item(bare.clone())), "nothing");
    assert_eq!(told(&context, Some(&here(bare)), &item(full)), "nothing");
    let shared = json!({"id": "1", "name": "a", "eTag": "1", "shared": {"scope": "users"}});
    let private = json!({"id": "1", "name": "a", "eTag": "2"});
    assert_eq!(
        told(&context, Some(&here(shared.clone())), &item(private.clone())),
        r#"updated ["shared"] {"shared":{"scope":"users"}}"#
    );
    assert_eq!(told(&context, Some(&here(private)), &item(shared)), r#"updated ["shared"] {"shared":null}"#);
}

#[test]
fn a_list_item_tells_its_columns() {
    let context = context(Kind::ListItem, Start::Now, false);
    let row = |etag: &str, fields: Value| json!({"id": "17", "eTag": etag, "fields": fields});
    let known = here(row(
        "g,1",
        json!({"Title": "Ann", "Stage": "New", "Modified": "1", "_UIVersionString": "1.0", "LinkTitle": "Ann", "@odata.etag": "1"}),
    ));
    for (expected, fields) in [
        (
            r#"updated ["fields.Title"] {"fields.Title":"Ann"}"#,
            json!({"Title": "Anna", "Stage": "New", "Modified": "2", "_UIVersionString": "2.0", "LinkTitle": "Anna", "@odata.etag": "2"}),
        ),
        (r#"updated ["fields.Stage"] {"fields.Stage":"New"}"#, json!({"Title": "Ann", "Modified": "2"})),
        (
            r#"updated ["fields.Score"] {"fields.Score":null}"#,
            json!({"Title": "Ann", "Stage": "New", "Score": 3}),
        ),
        ("updated [] {}", json!({"Title": "Ann", "Stage": "New", "Modified": "2"})),
    ] {
        assert_eq!(told(&context, Some(&known), &item(row("g,2", fields))), expected);
    }
    let document = |name: &str| json!({"id": "17", "eTag": name, "fields": {"FileLeafRef": name}});
    assert_eq!(
        told(&context, Some(&here(document("old.docx"))), &item(document("new.docx"))),
        r#"updated ["name"] {"name":"old.docx"}"#
    );
}

#[test]
fn a_partial_message_goes_over_what_is_known() {
    let context = context(Kind::Message, Start::Now, false);
    let whole = json!({"id": "m", "@odata.etag": "1", "subject": "Hi", "isRead": false, "parentFolderId": "in",
        "lastModifiedDateTime": "2026-11-24T11:00:00Z"});
    let known = here(whole.clone());
    let mut read = item(json!({"id": "m", "isRead": true}));
    read.partial = true;
    let outcome = classify(&context, Some(&known), &read).unwrap();
    let data: Value = serde_json::from_str(outcome.event.unwrap().data.get()).unwrap();
    assert_eq!(data["changed"], json!(["isRead"]));
    assert_eq!(data["resource"]["subject"], "Hi");

    // The whole item that follows brings the eTag of the same change: nothing new.
    let after = Known::Here(outcome.row.unwrap().properties.unwrap().properties().unwrap());
    let mut later = whole;
    later["isRead"] = json!(true);
    later["@odata.etag"] = json!("2");
    assert_eq!(told(&context, Some(&after), &item(later)), "nothing");
}

#[test]
fn removals_are_told_once_with_what_was_last_known() {
    let later = context(Kind::Message, Start::Now, false);
    let removed = item(json!({"id": "m", "@removed": {"reason": "deleted"}}));
    let outcome = classify(&later, Some(&here(json!({"id": "m", "subject": "Hi"}))), &removed).unwrap();
    let data: Value = serde_json::from_str(outcome.event.unwrap().data.get()).unwrap();
    assert_eq!(data, json!({"changed": [], "previous": {}, "resource": {"id": "m", "subject": "Hi"}}));
    assert_eq!(outcome.row.unwrap().properties, None);

    assert_eq!(told(&later, Some(&Known::Gone), &removed), "nothing");
    assert_eq!(told(&later, None, &removed), "deleted [] {}");
    let first = context(Kind::Message, Start::Now, true);
    assert_eq!(told(&first, None, &removed), "nothing");
    assert!(
        classify(&first, None, &removed).unwrap().row.is_some(),
        "a repeat after the first round is silent too"
    );
    let back = item(json!({"id": "m", "subject": "Hi", "createdDateTime": "2020-01-01T00:00:00Z"}));
    assert_eq!(told(&later, Some(&Known::Gone), &back), "created [] {}");
}

#[test]
fn an_unknown_item_is_told_by_start_and_age() {
    let dated = |created: &str, modified: &str| {
        item(
            json!({"id": "1", "createdDateTime": format!("2026-11-24T{created}:00Z"), "lastModifiedDateTime": format!("2026-11-24T{modified}:00Z")}),
        )
    };
    let (old, touched, new) = (dated("09:00", "09:00"), dated("09:00", "11:00"), dated("10:00", "11:00"));
    for (kind, start, first_round, expected) in [
        (Kind::DriveItem, Start::Beginning, true, ["created", "created", "created"]),
        (Kind::DriveItem, Start::Baseline, true, ["nothing", "updated", "created"]),
        (Kind::Message, Start::Now, true, ["nothing", "updated", "created"]),
        (Kind::Message, Start::Now, false, ["created", "created", "created"]),
        (Kind::DriveItem, Start::Baseline, false, ["created", "created", "created"]),
        (Kind::DriveItem, Start::Now, false, ["updated", "updated", "created"]),
        (Kind::ListItem, Start::Now, false, ["updated", "updated", "created"]),
    ] {
        let context = context(kind, start, first_round);
        let all = [&old, &touched, &new].map(|item| told(&context, None, item));
        let words = all.each_ref().map(|told| told.split(' ').next().unwrap());
        assert_eq!(words, expected, "{kind} {start} first round: {first_round}");
    }
}

#[test]
fn time_and_actor_are_what_office_365_says() {
    let context = context(Kind::DriveItem, Start::Now, false);
    let mut properties = file("a", "p", "h", "1");
    properties["createdDateTime"] = json!("2026-11-24T10:30:00.1234567+01:00");
    properties["createdBy"] =
        json!({"application": {"id": "app"}, "user": {"displayName": "Ann", "id": "u"}});
    let outcome = classify(&context, Some(&Known::Gone), &item(properties)).unwrap();
    let event = outcome.event.unwrap();
    assert_eq!(event.time, at("2026-11-24T09:30:00.1234567Z"));
    let data: Value = serde_json::from_str(event.data.get()).unwrap();
    assert_eq!(data["actor"], json!({"id": "u", "name": "Ann", "kind": "user"}));

    let dateless = classify(&context, Some(&Known::Gone), &item(json!({"id": "1"}))).unwrap().event.unwrap();
    assert_eq!(dateless.time, context.now);
    assert!(!dateless.data.get().contains("actor"));
}

fn any_item() -> impl Strategy<Value = Item> {
    let text = proptest::option::of("[a-c]{1,2}");
    (text.clone(), text.clone(), text, any::<bool>(), any::<bool>()).prop_map(
        |(name, hash, etag, shared, removed)| {
            let mut properties =
                json!({"id": "1", "file": {"hashes": {"quickXorHash": hash}}, "name": name, "eTag": etag});
            if shared {
                properties["shared"] = json!({});
            }
            let mut item = item(properties);
            item.removed = removed;
            item
        },
    )
}

proptest! {
    #[test]
    fn a_row_that_is_as_told_holds_what_its_event_tells(items in proptest::collection::vec((any_item(), any::<bool>()), 1..6)) {
        let context = context(Kind::DriveItem, Start::Baseline, false);
        let mut known: Option<Known> = None;
        for (mut item, partial) in items {
            item.partial = partial && known.is_some() && !item.removed;
            let outcome = classify(&context, known.as_ref(), &item).unwrap();
            let Some(row) = outcome.row else { continue };
            if let (true, Some(body)) = (row.as_told, &row.properties) {
                let data: Value = serde_json::from_str(outcome.event.unwrap().data.get()).unwrap();
                prop_assert_eq!(&data["resource"], &Value::Object(body.properties().unwrap()));
            } else {
                prop_assert!(!row.as_told, "a tombstone holds nothing");
            }
            known = Some(row.properties.map_or(Known::Gone, |body| Known::Here(body.properties().unwrap())));
        }
    }

    #[test]
    fn whatever_was_told_a_replay_is_silent(items in proptest::collection::vec(any_item(), 1..6), first_round: bool) {
        let context = context(Kind::DriveItem, Start::Baseline, first_round);
        let mut known: Option<Known> = None;
        for item in &items {
            let outcome = classify(&context, known.as_ref(), item).unwrap();
            if let Some(row) = outcome.row {
                known = Some(row.properties.map_or(Known::Gone, |body| Known::Here(body.properties().unwrap())));
            }
            let again = classify(&context, known.as_ref(), item).unwrap();
            prop_assert!(again.event.is_none(), "{:?} told twice", item);
            prop_assert!(again.row.is_none() || item.removed, "{:?} written twice", item);
        }
    }
}
