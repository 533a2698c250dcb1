use o365_listener::model::{Hint, HintKind, SubscriptionId};
use o365_listener::store::{InboxDepth, Receipt};
use uuid::Uuid;

use super::{
    Place, at, change, claim, conformance, done, followed, hint, last_page, missed, new, quiet, register,
};

async fn hints_are_receipted_in_order_and_those_of_strangers_are_unknown(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    let stranger = SubscriptionId(Uuid::new_v4());
    let hints = [id, stranger, id].map(|id| hint(id, HintKind::Missed, 1)).to_vec();
    let receipts = store.append(hints).await.unwrap();
    let [Receipt::Stored(first), Receipt::Unknown, Receipt::Stored(second)] = receipts[..] else {
        panic!("{receipts:?}")
    };
    assert!(first < second);
    assert!(store.waits(id, first).await.unwrap());
    assert!(!store.waits(stranger, first).await.unwrap());
    assert!(!store.waits(id, second + 1).await.unwrap());
}

async fn the_depth_counts_what_waits_and_since_when(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    assert_eq!(store.depth().await.unwrap(), InboxDepth::default());
    for second in [5, 6, 7] {
        store.append(missed(id, second)).await.unwrap();
    }
    assert_eq!(store.depth().await.unwrap(), InboxDepth { pending: 3, oldest_at: Some(at(5)) });
}

async fn a_subscription_shows_that_hints_wait_and_when_the_last_notification_came(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    let show = || async { store.subscription(&super::name("files")).await.unwrap().unwrap() };
    assert!(!show().await.pending);
    assert_eq!(show().await.last_notification_at, None);
    store.append(change(id, 5)).await.unwrap();
    store.append(vec![hint(id, HintKind::Request, 6)]).await.unwrap();
    assert!(show().await.pending);
    assert_eq!(show().await.last_notification_at, Some(at(5)));
}

async fn nobody_follows_what_is_being_removed(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    store.append(change(id, 1)).await.unwrap();
    store.remove(&super::name("files"), at(2)).await.unwrap();
    assert_eq!(store.append(change(id, 3)).await.unwrap(), [Receipt::Unknown]);
    assert_eq!(store.depth().await.unwrap(), InboxDepth::default());
}

async fn a_hint_that_overtakes_the_creation_is_stored(place: &dyn Place) {
    let store = place.open().await;
    let id = register(&*store, new("files")).await;
    assert!(matches!(store.append(change(id, 1)).await.unwrap()[..], [Receipt::Stored(_)]));
}

async fn a_removal_by_office_365_makes_the_creation_due_if_it_names_what_is_held(place: &dyn Place) {
    let store = place.open().await;
    let id = followed(&*store, "files").await;
    let mut other = hint(id, HintKind::SubscriptionRemoved, 1);
    other.remote = Some(o365_listener::model::RemoteId("former".to_owned()));
    store.append(vec![other]).await.unwrap();
    assert!(super::claim_due(&*store, 1).await.is_empty());

    store.append(vec![hint(id, HintKind::SubscriptionRemoved, 2)]).await.unwrap();
    let due = super::claim_due(&*store, 2).await;
    assert_eq!(due.iter().map(|it| (it.id, &it.remote)).collect::<Vec<_>>(), [(id, &None)]);
}

async fn a_request_to_reauthorize_makes_the_renewal_due_unless_it_was_just_done(place: &dyn Place) {
    let store = place.open().await;
    let id = followed(&*store, "files").await;
    store.append(vec![hint(id, HintKind::ReauthorizationRequired, 599)]).await.unwrap();
    assert!(super::claim_due(&*store, 599).await.is_empty());
    store.append(vec![hint(id, HintKind::ReauthorizationRequired, 600)]).await.unwrap();
    let due = super::claim_due(&*store, 600).await;
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].remote.as_ref().unwrap().renew_at, at(600));
}

async fn a_request_to_reauthorize_leaves_the_next_attempt_where_it_is(place: &dyn Place) {
    let store = place.open().await;
    let id = followed(&*store, "files").await;
    store.append(vec![hint(id, HintKind::ReauthorizationRequired, 600)]).await.unwrap();
    assert_eq!(super::claim_due(&*store, 600).await.len(), 1);
    store.failed(id, &super::trouble(700)).await.unwrap();
    store.append(vec![hint(id, HintKind::ReauthorizationRequired, 601)]).await.unwrap();
    assert!(super::claim_due(&*store, 699).await.is_empty());
    assert_eq!(super::claim_due(&*store, 700).await.len(), 1);
}

async fn a_request_to_reauthorize_that_comes_during_the_renewal_is_done_with_it(place: &dyn Place) {
    let store = place.open().await;
    let id = followed(&*store, "files").await;
    store.append(vec![hint(id, HintKind::ReauthorizationRequired, 600)]).await.unwrap();
    super::claim_due(&*store, 600).await;
    store.append(vec![hint(id, HintKind::ReauthorizationRequired, 601)]).await.unwrap();
    assert!(super::claim_due(&*store, 601).await.is_empty(), "somebody is at it");
    store.renewed(id, &super::remote("r1", 2000), at(602)).await.unwrap();
    store.append(vec![hint(id, HintKind::ReauthorizationRequired, 603)]).await.unwrap();
    assert_eq!(super::next_due(&*store).await, Some(at(2000)));
}

async fn a_storm_after_a_claim_asks_for_another_round(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    // As many as the store moves on by itself, of a kind that is always written.
    let many = |second| vec![Hint { plain: false, ..hint(id, HintKind::Change, second) }; 9000];
    for second in [1, 2] {
        store.append(many(second)).await.unwrap();
    }
    for second in [3, 4] {
        let claim = claim(&*store, second).await.expect("a round is due");
        store.append(many(second)).await.unwrap();
        done(store.commit_page(last_page(&claim, second)).await.unwrap());
    }
    let last = claim(&*store, 5).await.expect("what came during the second round is not covered by it");
    done(store.commit_page(last_page(&last, 5)).await.unwrap());
    assert!(claim(&*store, 6).await.is_none());
    assert_eq!(store.depth().await.unwrap(), InboxDepth::default());
}

async fn many_hints_at_once_are_all_stored(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    let appends = (0..500).map(|_| {
        let store = store.clone();
        async move { store.append(missed(id, 1)).await.unwrap() }
    });
    let mut numbers: Vec<i64> = futures_util::future::join_all(appends)
        .await
        .into_iter()
        .flatten()
        .map(|receipt| match receipt {
            Receipt::Stored(number) => number,
            other => panic!("{other:?}"),
        })
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 500);
    assert_eq!(store.depth().await.unwrap().pending, 500);
}

/// Where a store elides at all, it does so only while what was stored before has not been claimed.
async fn a_plain_hint_is_elided_only_while_another_waits_unclaimed(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    let stored = |receipts: &[Receipt]| matches!(receipts, [Receipt::Stored(_)]);
    assert!(stored(&store.append(change(id, 1)).await.unwrap()));
    assert_eq!(store.append(change(id, 2)).await.unwrap(), [Receipt::Elided]);
    let other = store.append(missed(id, 2)).await.unwrap();
    assert!(stored(&other), "a lifecycle event is never elided");

    let claim = super::claim(&*store, 3).await.unwrap();
    assert!(stored(&store.append(change(id, 4)).await.unwrap()), "the round may have asked already");
    assert_eq!(store.append(change(id, 4)).await.unwrap(), [Receipt::Elided]);
    store.commit_page(super::last_page(&claim, 5)).await.unwrap();
    assert_eq!(store.append(change(id, 6)).await.unwrap(), [Receipt::Elided]);
    assert_eq!(store.depth().await.unwrap(), InboxDepth { pending: 1, oldest_at: Some(at(4)) });

    let claim = super::claim(&*store, 7).await.unwrap();
    store.commit_page(super::last_page(&claim, 8)).await.unwrap();
    assert!(stored(&store.append(change(id, 9)).await.unwrap()));
}

async fn what_is_stored_within_a_batch_of_hints_is_elided_there_too(place: &dyn Place) {
    let store = place.open().await;
    let (id, other) = (quiet(&*store, "files").await, quiet(&*store, "others").await);
    let hints = [id, other, id, other, id].map(|id| hint(id, HintKind::Change, 1)).to_vec();
    let receipts = store.append(hints).await.unwrap();
    assert!(matches!(receipts[..2], [Receipt::Stored(_), Receipt::Stored(_)]), "{receipts:?}");
    assert_eq!(receipts[2..], [Receipt::Elided; 3]);
    assert_eq!(store.depth().await.unwrap().pending, 2);
}

async fn a_hint_that_waited_when_the_store_was_opened_is_not_relied_on(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    store.append(change(id, 1)).await.unwrap();
    store.close().await;
    let store = place.open().await;
    assert!(matches!(store.append(change(id, 2)).await.unwrap()[..], [Receipt::Stored(_)]));
}

async fn while_rounds_fail_the_inbox_stays_small(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    for second in 1..50 {
        store.append(change(id, second)).await.unwrap();
        store.append(missed(id, second)).await.unwrap();
        assert!(store.next_round(&[]).await.unwrap().is_some());
    }
    assert_eq!(store.depth().await.unwrap().pending, 2, "one of each kind");
    let number = match store.append(vec![hint(id, HintKind::Request, 50)]).await.unwrap()[..] {
        [Receipt::Stored(number)] => number,
        ref other => panic!("{other:?}"),
    };
    let claim = super::claim(&*store, 60).await.unwrap();
    store.append(missed(id, 61)).await.unwrap();
    assert!(store.waits(id, number).await.unwrap());
    store.commit_page(super::last_page(&claim, 62)).await.unwrap();
    assert!(!store.waits(id, number).await.unwrap());
    assert_eq!(
        store.next_round(&[]).await.unwrap(),
        Some(at(61)),
        "what came after the claim is still to be done"
    );
}

conformance![
    hints_are_receipted_in_order_and_those_of_strangers_are_unknown,
    the_depth_counts_what_waits_and_since_when,
    a_subscription_shows_that_hints_wait_and_when_the_last_notification_came,
    nobody_follows_what_is_being_removed,
    a_hint_that_overtakes_the_creation_is_stored,
    a_removal_by_office_365_makes_the_creation_due_if_it_names_what_is_held,
    a_request_to_reauthorize_makes_the_renewal_due_unless_it_was_just_done,
    a_request_to_reauthorize_leaves_the_next_attempt_where_it_is,
    a_request_to_reauthorize_that_comes_during_the_renewal_is_done_with_it,
    a_storm_after_a_claim_asks_for_another_round,
    many_hints_at_once_are_all_stored,
    a_plain_hint_is_elided_only_while_another_waits_unclaimed,
    what_is_stored_within_a_batch_of_hints_is_elided_there_too,
    a_hint_that_waited_when_the_store_was_opened_is_not_relied_on,
    while_rounds_fail_the_inbox_stays_small,
];
