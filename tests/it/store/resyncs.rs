use o365_listener::model::{Change, ItemId};
use o365_listener::store::{Link, PageCommit, Resync};
use serde_json::Map;

use super::{
    LEASE, Place, at, claim, conformance, delta, done, event, followed, is_lost, last_page, next, row,
};

fn ids(names: &[&str]) -> Vec<ItemId> {
    names.iter().map(|name| ItemId((*name).to_owned())).collect()
}

/// A round that leaves three items in the mirror, and the claim of the next one.
async fn three_items(store: &dyn o365_listener::store::Store) -> o365_listener::store::Claim {
    followed(store, "files").await;
    let first = claim(store, 0).await.unwrap();
    let rows = ["a", "b", "c"].map(|id| row(id, Some(Map::new()))).to_vec();
    done(store.commit_page(PageCommit { rows, ..last_page(&first, 1) }).await.unwrap());
    store.ask_resync(first.subscription.id, at(2)).await.unwrap();
    claim(store, 2).await.unwrap()
}

async fn what_no_page_showed_is_unseen_and_a_crash_goes_on_telling(place: &dyn Place) {
    let store = place.open().await;
    let reading = three_items(&*store).await;
    assert_eq!((reading.link.clone(), reading.resync), (None, Resync::Reading));
    let page = PageCommit { seen: ids(&["a"]), link: next("1"), ..last_page(&reading, 3) };
    let on = done(store.commit_page(page).await.unwrap());
    let page = PageCommit { rows: vec![row("d", Some(Map::new()))], ..last_page(&on, 4) };
    let telling = done(store.commit_page(page).await.unwrap());
    assert_eq!((telling.resync, telling.link.clone()), (Resync::Telling, Some(delta("4"))));
    let told = store.unseen(&telling, None, 1).await.unwrap().remove(0).0;
    let rest = store.unseen(&telling, Some(told.clone()), 10).await.unwrap().remove(0).0;
    let mut both = vec![told.clone(), rest.clone()];
    both.sort();
    assert_eq!(both, ids(&["b", "c"]));
    assert!(store.unseen(&telling, Some(rest.clone()), 10).await.unwrap().is_empty());
    let page = PageCommit {
        events: vec![event(Change::Deleted, &told.0)],
        rows: vec![row(&told.0, None)],
        link: delta("4"),
        ..last_page(&telling, 5)
    };
    let telling = done(store.commit_page(page).await.unwrap());
    assert_eq!(telling.resync, Resync::Telling);
    store.close().await;
    drop(store);

    let store = place.open().await;
    let again = claim(&*store, 6).await.unwrap();
    assert_eq!((again.resync, again.link.clone()), (Resync::Telling, Some(delta("4"))));
    let unseen = store.unseen(&again, None, 10).await.unwrap();
    assert_eq!(unseen.into_iter().map(|(id, _)| id).collect::<Vec<_>>(), std::slice::from_ref(&rest));
    let page = PageCommit { rows: vec![row(&rest.0, None)], link: delta("4"), ..last_page(&again, 7) };
    let again = done(store.commit_page(page).await.unwrap());
    let ended =
        done(store.commit_page(PageCommit { link: delta("4"), ..last_page(&again, 8) }).await.unwrap());
    assert_eq!((ended.resync, ended.link), (Resync::None, Some(delta("4"))));
    assert!(claim(&*store, 9).await.is_none());
}

async fn a_round_under_way_is_lost_when_everything_is_to_be_read_anew(place: &dyn Place) {
    let store = place.open().await;
    let id = followed(&*store, "files").await;
    let first = claim(&*store, 0).await.unwrap();
    store.ask_resync(id, at(1)).await.unwrap();
    assert!(is_lost(&store.commit_page(last_page(&first, 1)).await.unwrap()), "its link is the same: none");
    let anew = claim(&*store, 1).await.unwrap();
    assert_eq!((anew.resync, anew.generation), (Resync::Reading, first.generation + 1));
}

async fn a_cursor_that_died_begins_anew_at_the_link_that_came_with_it(place: &dyn Place) {
    let store = place.open().await;
    followed(&*store, "files").await;
    let first = claim(&*store, 0).await.unwrap();
    let restart = Some(Link::Next("restart".to_owned()));
    let begun = done(store.begin_resync(&first, restart.clone(), at(1), LEASE).await.unwrap());
    assert_eq!((begun.link.clone(), begun.resync), (restart, Resync::Reading));
    assert!(is_lost(&store.begin_resync(&first, None, at(1), LEASE).await.unwrap()), "it has begun already");
    done(store.commit_page(last_page(&begun, 2)).await.unwrap());
}

conformance!(
    what_no_page_showed_is_unseen_and_a_crash_goes_on_telling,
    a_round_under_way_is_lost_when_everything_is_to_be_read_anew,
    a_cursor_that_died_begins_anew_at_the_link_that_came_with_it,
);
