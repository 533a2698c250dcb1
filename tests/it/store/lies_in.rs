//! What is known to lie in a folder of a list.

use o365_listener::model::{Change, NewEvent, SubscriptionId, Target};
use o365_listener::store::{MirrorRow, PageCommit, Registered, Store};
use serde_json::value::RawValue;
use serde_json::{Map, json};

use super::{Place, claim, conformance, done, event, followed, last_page, next, row};

/// A list that is followed.
async fn list(store: &dyn Store, name: &str) -> SubscriptionId {
    let id = followed(store, name).await;
    let target = Target::List { site: "s".to_owned(), list: name.to_owned(), web: None };
    assert_eq!(store.resolved(id, &target).await.unwrap(), Registered::Done);
    id
}

/// An item that lies in a folder, with a text that is worth packing.
fn lying(item: &str, folder: &str) -> MirrorRow {
    let body = json!({"id": item, "text": "x".repeat(200), "parentReference": {"siteId": "s", "id": folder}});
    row(item, body.as_object().cloned())
}

/// The event that tells an item, which has its body.
fn telling(item: &str, folder: &str) -> NewEvent {
    let data = json!({"resource": {"parentReference": {"id": folder}}}).to_string();
    NewEvent { data: RawValue::from_string(data).unwrap(), ..event(Change::Created, item) }
}

async fn what_lies_in_a_folder_is_found_where_it_lies_now(place: &dyn Place) {
    let store = place.open().await;
    let other = list(&*store, "other").await;
    let elsewhere = claim(&*store, 0).await.unwrap();
    assert_eq!(elsewhere.subscription.id, other);
    let rows = vec![lying("x", "F-1")];
    done(store.commit_page(PageCommit { rows, ..last_page(&elsewhere, 1) }).await.unwrap());

    let id = list(&*store, "list").await;
    let begun = claim(&*store, 0).await.unwrap();
    let told = MirrorRow { as_told: true, ..lying("told", "F-1") };
    let rows = vec![lying("a", "F-1"), lying("b", "f-1"), lying("c", "F-2"), lying("d", "F-1"), told];
    let events = vec![telling("told", "F-1")];
    let first = PageCommit { events, rows, link: next("1"), ..last_page(&begun, 1) };
    let on = done(store.commit_page(first).await.unwrap());
    let rows = vec![lying("b", "F-2"), row("d", None), row("e", Some(Map::new()))];
    done(store.commit_page(PageCommit { rows, ..last_page(&on, 2) }).await.unwrap());

    let inside = async |folders: &[&str], limit: usize| {
        let folders = folders.iter().map(|folder| (*folder).to_owned()).collect();
        let found = store.inside(id, folders, limit).await.unwrap();
        let mut found: Vec<String> = found.into_iter().map(|(item, _)| item.0).collect();
        found.sort();
        found
    };
    assert_eq!(inside(&["f-1"], 9).await, ["a", "told"], "what is gone or elsewhere is not there");
    assert_eq!(inside(&["F-1", "F-2"], 9).await, ["a", "b", "c", "told"]);
    assert_eq!(inside(&["F-1", "F-2"], 3).await.len(), 3);
    assert_eq!(inside(&["F-3"], 9).await, [""; 0]);
}

conformance![what_lies_in_a_folder_is_found_where_it_lies_now];
