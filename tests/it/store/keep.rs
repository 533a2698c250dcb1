use o365_listener::model::{Change, Cursor, ItemId, NewEvent};
use o365_listener::store::{All, Known, MirrorRow, PageCommit, Store, Swept};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{
    Place, at, claim, conformance, done, event, followed, last_page, missed, name, next, quiet, row,
    write_events,
};

async fn events_go_in_short_chunks_oldest_first(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    write_events(&*store, id, 5, 1).await;
    write_events(&*store, id, 5, 10).await;
    let mut swept = Vec::new();
    loop {
        let chunk = store.sweep_out(at(10), 2).await.unwrap();
        swept.push(chunk.events);
        assert!(swept.len() < 9);
        if !chunk.more {
            break;
        }
    }
    assert_eq!(swept, [2, 2, 1]);
    assert_eq!(store.bounds().await.unwrap().oldest.number(), 5);
    assert_eq!(store.sweep_out(at(10), 2).await.unwrap(), Swept::default());
}

async fn tombstones_go_with_age_and_items_stay(place: &dyn Place) {
    let store = place.open().await;
    let id = followed(&*store, "files").await;
    let items = || ["here", "gone"].map(|item| ItemId(item.to_owned())).to_vec();
    let claim = claim(&*store, 0).await.unwrap();
    let rows = vec![row("here", Some(Map::new())), row("gone", None)];
    done(store.commit_page(PageCommit { rows, ..last_page(&claim, 5) }).await.unwrap());
    assert_eq!(store.sweep_out(at(5), 10).await.unwrap(), Swept::default());
    assert_eq!(store.known(id, items()).await.unwrap().len(), 2);
    assert_eq!(store.sweep_out(at(6), 10).await.unwrap(), Swept { rows: 1, ..Swept::default() });
    let known = store.known(id, items()).await.unwrap();
    assert_eq!(known.into_values().collect::<Vec<_>>(), [Known::Here(Map::new())]);
}

async fn what_many_removed_subscriptions_knew_goes_without_a_pause(place: &dyn Place) {
    let store = place.open().await;
    for subscription in ["one", "two", "three"] {
        let id = followed(&*store, subscription).await;
        let claim = claim(&*store, 0).await.unwrap();
        let rows = vec![row("here", Some(Map::new()))];
        done(store.commit_page(PageCommit { rows, ..last_page(&claim, 5) }).await.unwrap());
        store.forget(id).await.unwrap();
    }
    let (mut rows, mut steps) = (0, 0);
    loop {
        let swept = store.sweep_out(at(5), 10).await.unwrap();
        (rows, steps) = (rows + swept.rows, steps + 1);
        assert!(steps < 9);
        if !swept.more {
            break;
        }
    }
    assert_eq!((rows, steps), (3, 3), "a subscription in each step");
}

async fn what_an_event_has_told_of_an_item_outlives_it(place: &dyn Place) {
    let store = place.open().await;
    let id = followed(&*store, "files").await;
    let first = claim(&*store, 0).await.unwrap();
    let told =
        |item: &str| MirrorRow { as_told: true, ..row(item, json!({"id": item}).as_object().cloned()) };
    let page = PageCommit {
        events: ["told", "changed", "gone"].map(|item| event(Change::Created, item)).to_vec(),
        rows: ["told", "changed", "gone"].map(told).to_vec(),
        link: next("1"),
        ..last_page(&first, 1)
    };
    let on = done(store.commit_page(page).await.unwrap());
    let page =
        PageCommit { rows: vec![row("changed", Some(Map::new())), row("gone", None)], ..last_page(&on, 2) };
    done(store.commit_page(page).await.unwrap());

    let items = || ["told", "changed", "gone"].map(|item| ItemId(item.to_owned())).to_vec();
    let known = store.known(id, items()).await.unwrap();
    let of = |item: &str| known.get(&ItemId(item.to_owned()));
    assert_eq!(of("told"), Some(&Known::Here(json!({"id": "told"}).as_object().cloned().unwrap())));
    assert_eq!((of("changed"), of("gone")), (Some(&Known::Here(Map::new())), Some(&Known::Gone)));
    for _ in 0..3 {
        assert_eq!(store.sweep_out(at(2), 1).await.unwrap().events, 1);
        assert_eq!(store.known(id, items()).await.unwrap(), known);
    }
}

/// An item as one of many that look alike.
fn alike(number: usize) -> Map<String, Value> {
    let properties = json!({
        "id": number.to_string(), "name": format!("Report {number} – äöü.docx"), "fields": "the same ".repeat(50 + number % 7),
    });
    properties.as_object().cloned().unwrap()
}

async fn many_items_that_look_alike_are_read_as_they_were_written(place: &dyn Place) {
    let store = place.open().await;
    let id = followed(&*store, "files").await;
    let told = |number: usize| {
        let data = json!({"changed": [], "previous": {}, "resource": alike(number)}).to_string();
        NewEvent { data: RawValue::from_string(data).unwrap(), ..event(Change::Created, &number.to_string()) }
    };
    let first = claim(&*store, 0).await.unwrap();
    let page = PageCommit {
        events: (0..100).map(told).collect(),
        rows: (0..200)
            .map(|n| MirrorRow { as_told: n < 100, ..row(&n.to_string(), Some(alike(n))) })
            .collect(),
        ..last_page(&first, 1)
    };
    done(store.commit_page(page).await.unwrap());

    let read = store.read(Cursor::default(), 200, Box::new(All)).await.unwrap().events;
    let resource = |data: &str| serde_json::from_str::<Value>(data).unwrap()["resource"].clone();
    let resources: Vec<Value> = read.iter().map(|event| resource(event.data.get())).collect();
    assert_eq!(resources, (0..100).map(|n| Value::Object(alike(n))).collect::<Vec<_>>());
    let items = || (0..200).map(|n: usize| ItemId(n.to_string())).collect();
    for _ in 0..11 {
        let known = store.known(id, items()).await.unwrap();
        for n in 0..200 {
            assert_eq!(known[&ItemId(n.to_string())], Known::Here(alike(n)), "{n}");
        }
        store.sweep_out(at(2), 10).await.unwrap();
    }
    assert_eq!(store.bounds().await.unwrap().oldest.number(), 100, "all events are deleted");
}

/// Writes five items for each of the subscriptions.
async fn write_items(store: &dyn Store) {
    while let Some(claim) = claim(store, 0).await {
        let rows = (0..5).map(|n| row(&n.to_string(), Some(Map::new()))).collect();
        done(store.commit_page(PageCommit { rows, ..last_page(&claim, 0) }).await.unwrap());
    }
}

async fn items_of_subscriptions_that_are_gone_go_too(place: &dyn Place) {
    let store = place.open().await;
    let stays = followed(&*store, "stays").await;
    let goes = followed(&*store, "goes").await;
    write_items(&*store).await;
    store.remove(&name("goes"), at(1)).await.unwrap();
    assert_eq!(store.sweep_out(at(0), 9).await.unwrap(), Swept::default(), "its removal is not done yet");
    store.removed(goes).await.unwrap();
    let mut swept = Vec::new();
    loop {
        let chunk = store.sweep_out(at(0), 2).await.unwrap();
        swept.push(chunk.rows);
        if !chunk.more {
            break;
        }
    }
    assert_eq!(swept, [2, 2, 1]);
    let items = (0..5).map(|n: i32| ItemId(n.to_string())).collect();
    assert_eq!(store.known(stays, items).await.unwrap().len(), 5);
}

async fn a_store_that_works_can_be_written_to(place: &dyn Place) {
    let store = place.open().await;
    store.writable().await.unwrap();
    store.writable().await.unwrap();
}

async fn closing_finishes_what_is_under_way(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    let appends = (0..50).map(|_| store.append(missed(id, 1)));
    let (appended, ()) = tokio::join!(futures_util::future::join_all(appends), store.close());
    let stored = appended.into_iter().flatten().count();
    assert_eq!(place.open().await.depth().await.unwrap().pending, u64::try_from(stored).unwrap());
}

conformance![
    what_many_removed_subscriptions_knew_goes_without_a_pause,
    events_go_in_short_chunks_oldest_first,
    what_an_event_has_told_of_an_item_outlives_it,
    many_items_that_look_alike_are_read_as_they_were_written,
    tombstones_go_with_age_and_items_stay,
    items_of_subscriptions_that_are_gone_go_too,
    a_store_that_works_can_be_written_to,
    closing_finishes_what_is_under_way,
];
