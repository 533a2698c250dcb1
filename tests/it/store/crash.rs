//! A crash: the store is dropped in the middle and opened anew.

use o365_listener::model::Change;
use o365_listener::store::{All, Cause, PageCommit};

use super::{
    Place, at, change, claim, conformance, done, event, followed, last_page, missed, name, next, quiet,
    register,
};

async fn what_was_acknowledged_is_there(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    store.append(change(id, 1)).await.unwrap();
    let on = claim(&*store, 1).await.unwrap();
    let page = PageCommit { events: vec![event(Change::Created, "a")], link: next("1"), ..last_page(&on, 1) };
    done(store.commit_page(page).await.unwrap());
    let before = store.subscription(&name("files")).await.unwrap();
    drop(store);

    let store = place.open().await;
    assert_eq!(store.subscription(&name("files")).await.unwrap(), before);
    assert_eq!(store.depth().await.unwrap().pending, 1);
    let page = store.read("0".parse().unwrap(), 9, Box::new(All)).await.unwrap();
    assert_eq!(page.events.len(), 1);
}

async fn a_round_goes_on_from_its_last_page_and_its_former_claim_is_void(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    store.append(change(id, 1)).await.unwrap();
    let first = claim(&*store, 1).await.unwrap();
    let on = done(store.commit_page(PageCommit { link: next("1"), ..last_page(&first, 1) }).await.unwrap());
    drop(store);

    let store = place.open().await;
    let again = claim(&*store, 1).await.unwrap();
    assert_eq!((again.link.clone(), again.cause), (Some(next("1")), Cause::Hint));
    assert!(super::is_lost(&store.commit_page(last_page(&on, 2)).await.unwrap()));
    done(store.commit_page(last_page(&again, 2)).await.unwrap());
    assert_eq!(store.depth().await.unwrap().pending, 0);
}

async fn a_creation_under_way_is_due_again(place: &dyn Place) {
    let store = place.open().await;
    let id = register(&*store, super::new("files")).await;
    assert_eq!(super::claim_due(&*store, 0).await.len(), 1);
    drop(store);
    let store = place.open().await;
    let due = super::claim_due(&*store, 0).await;
    assert_eq!(due.iter().map(|it| it.id).collect::<Vec<_>>(), [id]);
}

async fn what_failed_is_tried_at_once_and_what_is_held_is_left_alone(place: &dyn Place) {
    let store = place.open().await;
    let failed = followed(&*store, "failed").await;
    store.failed(failed, &super::trouble(900)).await.unwrap();
    followed(&*store, "held").await;
    assert_eq!(super::next_due(&*store).await, Some(at(900)));
    drop(store);
    let store = place.open().await;
    let due = super::claim_due(&*store, 0).await;
    assert_eq!(due.iter().map(|it| it.id).collect::<Vec<_>>(), [failed]);
    assert_eq!(super::next_due(&*store).await, Some(at(60)), "the end of that claim");
}

async fn a_caller_that_went_away_does_no_harm(place: &dyn Place) {
    let store = place.open().await;
    let id = followed(&*store, "files").await;
    for _ in 0..20 {
        let mut append = Box::pin(store.append(missed(id, 1)));
        assert!(futures_util::poll!(&mut append).is_pending());
    }
    store.writable().await.unwrap();
    // Who was told nothing sends them again: they need not be there.
    assert!(store.depth().await.unwrap().pending <= 20);
    store.append(missed(id, 2)).await.unwrap();
    assert!(store.depth().await.unwrap().pending >= 1);
}

conformance![
    what_was_acknowledged_is_there,
    a_round_goes_on_from_its_last_page_and_its_former_claim_is_void,
    a_creation_under_way_is_due_again,
    what_failed_is_tried_at_once_and_what_is_held_is_left_alone,
    a_caller_that_went_away_does_no_harm,
];
