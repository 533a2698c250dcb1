//! Where named readers are: their place is kept, and moves only forwards.

use o365_listener::model::{Consumer, Cursor};
use o365_listener::store::Commit;

use super::{Place, at, conformance, name, quiet, write_events};

fn consumer(text: &str, cursor: u64, seconds: i64) -> Consumer {
    Consumer { name: name(text), cursor: Cursor::at(cursor), committed_at: at(seconds) }
}

async fn a_committed_place_survives_and_never_moves_back(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    write_events(&*store, id, 5, 1).await;
    let bi = name("bi");
    assert_eq!(store.consumer(&bi).await.unwrap(), None);
    let first = store.commit(&bi, Cursor::at(3), at(1)).await.unwrap();
    assert_eq!(first, Commit::Done(consumer("bi", 3, 1)));
    let slower = store.commit(&bi, Cursor::at(2), at(2)).await.unwrap();
    assert_eq!(slower, Commit::Done(consumer("bi", 3, 2)), "the slower of two readers undoes nothing");
    store.commit(&name("audit"), Cursor::START, at(3)).await.unwrap();
    drop(store);
    let store = place.open().await;
    let all = store.consumers().await.unwrap();
    assert_eq!(all, [consumer("audit", 0, 3), consumer("bi", 3, 2)]);
    assert!(store.forget_consumer(&bi).await.unwrap());
    assert!(!store.forget_consumer(&bi).await.unwrap());
    let again = store.commit(&bi, Cursor::at(1), at(4)).await.unwrap();
    assert_eq!(again, Commit::Done(consumer("bi", 1, 4)), "who begins anew may begin earlier");
}

async fn nobody_commits_what_is_not_there_yet(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    write_events(&*store, id, 2, 1).await;
    let ahead = store.commit(&name("bi"), Cursor::at(3), at(1)).await.unwrap();
    assert_eq!(ahead, Commit::Ahead(Cursor::at(2)));
    assert_eq!(store.consumers().await.unwrap(), []);
}

async fn there_is_an_end_to_new_names(place: &dyn Place) {
    let store = place.open().await;
    for number in 0..1000 {
        store.commit(&name(&format!("c-{number}")), Cursor::START, at(1)).await.unwrap();
    }
    assert_eq!(store.commit(&name("one-more"), Cursor::START, at(1)).await.unwrap(), Commit::TooMany(1000));
    let known = store.commit(&name("c-7"), Cursor::START, at(2)).await.unwrap();
    assert_eq!(known, Commit::Done(consumer("c-7", 0, 2)), "those that are there go on");
}

conformance!(
    a_committed_place_survives_and_never_moves_back,
    nobody_commits_what_is_not_there_yet,
    there_is_an_end_to_new_names,
);
