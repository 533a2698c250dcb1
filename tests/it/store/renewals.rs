use o365_listener::model::{HintKind, RemoteId, State, Via};
use o365_listener::store::{Holding, Lane, Sight, Sighting};

use super::{
    LEASE, Place, at, claim, conformance, done, followed, hint, last_page, name, new, quiet, register,
    remote, trouble,
};

async fn a_wish_is_due_for_creation_at_once_and_claimed_by_one(place: &dyn Place) {
    let store = place.open().await;
    let id = register(&*store, new("files")).await;
    assert_eq!(super::next_due(&*store).await, Some(at(0)));
    let due = super::claim_due(&*store, 0).await;
    assert_eq!(due.iter().map(|it| it.id).collect::<Vec<_>>(), [id]);
    assert!(super::claim_due(&*store, 0).await.is_empty());
    assert_eq!(store.claim_one(id, at(59), LEASE).await.unwrap(), None);
    assert_eq!(super::next_due(&*store).await, Some(at(60)), "the claim may never be ended");
    assert!(store.claim_one(id, at(60), LEASE).await.unwrap().is_some(), "the lease has run out");
}

async fn claims_are_limited_and_the_longest_due_comes_first(place: &dyn Place) {
    let store = place.open().await;
    for (it, renew_at) in [("late", 30), ("early", 10), ("middle", 20)] {
        let id = register(&*store, new(it)).await;
        store.confirmed(id, &remote(it, renew_at), at(0)).await.unwrap();
    }
    assert_eq!(super::next_due(&*store).await, Some(at(10)));
    let due = store.claim_due(Lane::Renewals, &[], at(30), LEASE, 2).await.unwrap();
    assert_eq!(due.iter().map(|it| it.wish.name.as_str()).collect::<Vec<_>>(), ["early", "middle"]);
}

async fn what_is_confirmed_is_due_again_when_it_is_to_be_renewed(place: &dyn Place) {
    let store = place.open().await;
    let id = register(&*store, new("files")).await;
    store.begun(id, at(0), None).await.unwrap();
    store.failed(id, &trouble(1)).await.unwrap();
    store.confirmed(id, &remote("r1", 1000), at(2)).await.unwrap();
    let shown = store.subscription(&name("files")).await.unwrap().unwrap();
    assert_eq!((shown.state(at(2)), &shown.remote), (State::Active, &Some(remote("r1", 1000))));
    assert_eq!(store.attempts(id).await.unwrap(), 0);
    assert!(super::claim_due(&*store, 999).await.is_empty());
    assert_eq!(super::claim_due(&*store, 1000).await.len(), 1);
}

async fn what_failed_is_tried_again_when_its_time_has_come(place: &dyn Place) {
    let store = place.open().await;
    let id = register(&*store, new("files")).await;
    for attempt in 1..=2 {
        super::claim_due(&*store, 100).await;
        store.failed(id, &trouble(100)).await.unwrap();
        assert_eq!(store.attempts(id).await.unwrap(), attempt);
    }
    assert_eq!(super::next_due(&*store).await, Some(at(100)));
    assert!(super::claim_due(&*store, 99).await.is_empty());
    let due = super::claim_due(&*store, 100).await;
    assert_eq!(due[0].renew_error, Some(trouble(100)));
}

async fn what_is_lost_stays_claimed_and_is_due_when_the_claim_ends(place: &dyn Place) {
    let store = place.open().await;
    let id = followed(&*store, "files").await;
    store.claim_one(id, at(1), LEASE).await.unwrap().unwrap();
    store.lost(id).await.unwrap();
    assert!(super::claim_due(&*store, 2).await.is_empty(), "the claim is kept");
    let due = super::claim_due(&*store, 61).await;
    assert_eq!(due.iter().map(|it| &it.remote).collect::<Vec<_>>(), [&None]);
}

async fn another_remote_subscription_makes_a_round_due_and_a_renewal_does_not(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    store.confirmed(id, &remote("r1", 2000), at(1)).await.unwrap();
    assert!(claim(&*store, 1).await.is_none());
    store.lost(id).await.unwrap();
    assert!(claim(&*store, 1).await.is_none());
    store.confirmed(id, &remote("r2", 3000), at(2)).await.unwrap();
    assert_eq!(store.next_round(&[]).await.unwrap(), Some(at(2)));
    let claim = claim(&*store, 2).await.unwrap();
    assert_eq!(claim.link, Some(super::delta("0")), "it goes on from the kept link");
}

async fn a_renewal_that_office_365_has_made_is_followed_by_a_round(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    store.claim_one(id, at(1), LEASE).await.unwrap().unwrap();
    store.renewed(id, &remote("r1", 2000), at(1)).await.unwrap();
    let claim = claim(&*store, 1).await.unwrap();
    assert_eq!(claim.link, Some(super::delta("0")), "it goes on from the kept link");
    assert_eq!(super::next_due(&*store).await, Some(at(2000)));

    store.lost(id).await.unwrap();
    store.renewed(id, &remote("r1", 3000), at(2)).await.unwrap();
    let due = super::claim_due(&*store, 2).await;
    assert_eq!(due[0].remote, None, "it was lost meanwhile");
}

async fn what_is_only_verified_is_no_renewal(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    store.failed(id, &trouble(700)).await.unwrap();
    store.claim_one(id, at(700), LEASE).await.unwrap().unwrap();
    store.verified(id, &remote("r1", 1000)).await.unwrap();
    let shown = store.subscription(&name("files")).await.unwrap().unwrap();
    assert_eq!((shown.confirmed_at, shown.renew_error), (Some(at(0)), None));
    assert_eq!(super::next_due(&*store).await, Some(at(1000)));
    assert!(claim(&*store, 701).await.is_none(), "no round is due");

    // A request to renew it comes while it is being verified.
    store.claim_one(id, at(702), LEASE).await.unwrap().unwrap();
    store.append(vec![hint(id, HintKind::ReauthorizationRequired, 703)]).await.unwrap();
    store.verified(id, &remote("r1", 1000)).await.unwrap();
    assert_eq!(super::claim_due(&*store, 703).await[0].remote.as_ref().unwrap().renew_at, at(703));

    store.lost(id).await.unwrap();
    store.verified(id, &remote("r1", 1000)).await.unwrap();
    assert_eq!(super::claim_due(&*store, 704).await[0].remote, None, "it was lost meanwhile");
}

async fn what_a_list_shows_is_kept_where_it_is_news(place: &dyn Place) {
    let store = place.open().await;
    let [first, second, gone] =
        [quiet(&*store, "a").await, quiet(&*store, "b").await, quiet(&*store, "c").await];
    for (id, remote_id) in [(first, "r1"), (second, "r2"), (gone, "r3")] {
        store.confirmed(id, &remote(remote_id, 1000), at(1)).await.unwrap();
    }
    store.remove(&name("c"), at(2)).await.unwrap();
    let tenant = name("contoso");
    let mut held = Vec::new();
    while let page @ [_, ..] = store
        .holdings(&tenant, Via::Graph, held.last().map(|it: &Holding| it.id), 1)
        .await
        .unwrap()
        .as_slice()
    {
        held.extend_from_slice(page);
    }
    let mut ids: Vec<_> = held.iter().map(|it| (it.id, it.remote.0.as_str(), it.confirmed_at)).collect();
    ids.sort_by_key(|(_, remote, _)| *remote);
    assert_eq!(
        ids,
        [(first, "r1", at(1)), (second, "r2", at(1))],
        "page by page, without what is being removed"
    );
    assert_eq!(store.holdings(&name("fabrikam"), Via::Graph, None, 9).await.unwrap(), []);

    let sighting = |id, remote: &str, found| Sighting { id, remote: RemoteId(remote.into()), found };
    // The same id, an end that is later, one that is nearer than the renewal, none at all.
    let shown = async |found| {
        store.sighted(vec![sighting(first, "r1", found)], at(10)).await.unwrap();
        (
            super::next_due(&*store).await,
            store.subscription(&name("a")).await.unwrap().unwrap().remote.unwrap(),
        )
    };
    let (due, remote) = shown(Sight::Held(at(9000))).await;
    assert_eq!((due, remote.expires_at, remote.renew_at), (Some(at(2)), at(9000), at(1000)));
    store.removed(gone).await.unwrap();
    assert_eq!(super::next_due(&*store).await, Some(at(1000)));
    let (due, remote) = shown(Sight::Missing).await;
    assert_eq!(
        (due, remote.expires_at, remote.renew_at),
        (Some(at(10)), at(9000), at(1000)),
        "to be verified"
    );
    let (due, remote) = shown(Sight::Held(at(900))).await;
    assert_eq!((due, remote.expires_at, remote.renew_at), (Some(at(10)), at(900), at(10)), "to be renewed");

    store.sighted(vec![sighting(second, "former", Sight::Missing)], at(11)).await.unwrap();
    let due = super::claim_due(&*store, 11).await;
    assert_eq!(due.iter().map(|it| it.id).collect::<Vec<_>>(), [first], "it is another one by now");

    store.sighted(vec![sighting(second, "r2", Sight::Elsewhere)], at(12)).await.unwrap();
    let due = super::claim_due(&*store, 12).await;
    assert_eq!(due.iter().map(|it| (it.id, it.replace)).collect::<Vec<_>>(), [(second, true)]);
    store.renewed(second, &super::remote("r2", 2000), at(13)).await.unwrap();
    let kept = async || store.subscription(&name("b")).await.unwrap().unwrap().replace;
    assert!(kept().await, "a renewal makes nothing anew");
    store.confirmed(second, &super::remote("r4", 2000), at(14)).await.unwrap();
    assert!(!kept().await);
}

async fn a_lost_remote_subscription_does_not_stop_the_rounds(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    store.lost(id).await.unwrap();
    store.append(super::change(id, 1)).await.unwrap();
    let claim = claim(&*store, 1).await.unwrap();
    done(store.commit_page(last_page(&claim, 1)).await.unwrap());
}

async fn a_removal_is_due_until_it_is_done_even_if_the_creation_crosses_it(place: &dyn Place) {
    let store = place.open().await;
    let id = register(&*store, new("files")).await;
    super::claim_due(&*store, 0).await;
    store.remove(&name("files"), at(1)).await.unwrap();
    store.confirmed(id, &remote("r1", 1000), at(2)).await.unwrap();
    let due = super::claim_due(&*store, 2).await;
    assert_eq!(due[0].remote, Some(remote("r1", 1000)));
    store.failed(id, &trouble(5)).await.unwrap();
    assert!(super::claim_due(&*store, 4).await.is_empty());
    assert_eq!(super::claim_due(&*store, 5).await.len(), 1);
    store.removed(id).await.unwrap();
    assert_eq!(super::next_due(&*store).await, None);
}

conformance![
    a_wish_is_due_for_creation_at_once_and_claimed_by_one,
    claims_are_limited_and_the_longest_due_comes_first,
    what_is_confirmed_is_due_again_when_it_is_to_be_renewed,
    what_failed_is_tried_again_when_its_time_has_come,
    what_is_lost_stays_claimed_and_is_due_when_the_claim_ends,
    another_remote_subscription_makes_a_round_due_and_a_renewal_does_not,
    a_renewal_that_office_365_has_made_is_followed_by_a_round,
    what_is_only_verified_is_no_renewal,
    what_a_list_shows_is_kept_where_it_is_news,
    a_lost_remote_subscription_does_not_stop_the_rounds,
    a_removal_is_due_until_it_is_done_even_if_the_creation_crosses_it,
];
