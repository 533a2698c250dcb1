use std::time::Duration;

use o365_listener::model::{Change, Origin, State, Subscription, SubscriptionId, Target, Wish};
use o365_listener::store::{All, Cause, NewSubscription, NewWish, PageCommit, Registered, Rewished};
use uuid::Uuid;

use super::{
    Place, at, change, claim, conformance, done, event, followed, is_lost, last_page, name, new, next, quiet,
    register, remote, write_events,
};

async fn a_wish_is_kept_as_it_was_made(place: &dyn Place) {
    let store = place.open().await;
    let wanted = new("files");
    register(&*store, wanted.clone()).await;
    let kept = store.subscription(&name("files")).await.unwrap().unwrap();
    assert_eq!((kept.id, &kept.wish, &kept.target), (wanted.id, &wanted.wish, &wanted.target));
    assert_eq!(kept.state(at(0)), State::Creating);
    assert_eq!((kept.remote, kept.started_at, kept.events), (None, None, 0));
    assert_eq!(store.subscription(&name("others")).await.unwrap(), None);
}

async fn subscriptions_are_listed_by_name(place: &dyn Place) {
    let store = place.open().await;
    for it in ["mail", "files", "list"] {
        register(&*store, new(it)).await;
    }
    store.remove(&name("list"), at(1)).await.unwrap();
    let listed = store.subscriptions().await.unwrap();
    let names: Vec<_> = listed.iter().map(|it| it.wish.name.as_str()).collect();
    assert_eq!(names, ["files", "list", "mail"]);
}

async fn a_name_or_a_resource_is_taken_once(place: &dyn Place) {
    let store = place.open().await;
    register(&*store, new("files")).await;
    assert_eq!(store.register(new("files")).await.unwrap(), Registered::NameTaken);
    let same = NewSubscription { target: Some(Target::Drive { drive: "FILES".to_owned() }), ..new("again") };
    assert_eq!(store.register(same).await.unwrap(), Registered::FollowedBy(name("files")));
    assert_eq!(store.subscription(&name("again")).await.unwrap(), None);
}

async fn a_resolution_is_kept_unless_somebody_else_follows_that(place: &dyn Place) {
    let store = place.open().await;
    let taken = Target::Drive { drive: "files".to_owned() };
    register(&*store, new("files")).await;
    let id = register(&*store, NewSubscription { target: None, ..new("later") }).await;
    assert_eq!(store.resolved(id, &taken).await.unwrap(), Registered::FollowedBy(name("files")));
    assert_eq!(store.subscription(&name("later")).await.unwrap().unwrap().target, None);

    let free = Target::Drive { drive: "free".to_owned() };
    assert_eq!(store.resolved(id, &free).await.unwrap(), Registered::Done);
    assert_eq!(store.resolved(id, &free).await.unwrap(), Registered::Done);
    assert_eq!(store.subscription(&name("later")).await.unwrap().unwrap().target, Some(free));
}

async fn another_wish_for_the_same_changes_what_may_change(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    let before = store.subscription(&name("files")).await.unwrap().unwrap();
    let wish = Wish {
        lifetime: Some(Duration::from_secs(3600)),
        select: vec!["replyTo".to_owned()],
        include_resource_data: true,
        origin: Origin::Config,
        ..before.wish.clone()
    };
    let elsewhere = Wish { name: name("other"), tenant: name("fabrikam"), ..wish.clone() };
    let new = NewWish { wish: elsewhere, renew: false, replace: false, resync: false };
    assert_eq!(store.rewish(id, new.clone(), at(1)).await.unwrap(), Rewished::Done);
    let after = store.subscription(&name("files")).await.unwrap().unwrap();
    assert_eq!(after, Subscription { wish, ..before }, "neither its name nor its tenant is another one");

    // What follows from it is due with it, so that a crash loses nothing.
    let due = super::next_due(&*store).await;
    assert!(due > Some(at(2)), "{due:?}");
    let anew = NewWish { replace: true, resync: true, ..new.clone() };
    assert_eq!(store.rewish(id, anew, at(2)).await.unwrap(), Rewished::Done);
    let claimed = super::claim_due(&*store, 2).await;
    assert_eq!(claimed.iter().map(|it| it.replace).collect::<Vec<_>>(), [true]);
    assert_eq!(claim(&*store, 2).await.unwrap().link, None, "a round from the beginning");
    let busy = store.rewish(id, NewWish { renew: true, ..new }, at(3)).await.unwrap();
    assert_eq!(busy, Rewished::Busy, "somebody is at it");
}

async fn what_could_not_be_created_leaves_nothing_behind(place: &dyn Place) {
    let store = place.open().await;
    let id = register(&*store, new("files")).await;
    store.append(change(id, 1)).await.unwrap();
    store.forget(id).await.unwrap();
    assert_eq!(store.subscriptions().await.unwrap(), []);
    assert_eq!(store.depth().await.unwrap().pending, 0);
    register(&*store, new("files")).await;
}

async fn one_made_through_the_api_is_gone_after_its_removal_and_its_events_stay(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    write_events(&*store, id, 2, 1).await;
    let removing = store.remove(&name("files"), at(2)).await.unwrap().unwrap();
    assert_eq!((removing.state(at(2)), removing.remote.is_some()), (State::Removed, true));
    store.removed(id).await.unwrap();
    assert_eq!(store.subscription(&name("files")).await.unwrap(), None);
    assert_eq!(store.remove(&name("files"), at(3)).await.unwrap(), None);
    let page = store.read("0".parse().unwrap(), 9, Box::new(All)).await.unwrap();
    assert_eq!(page.events.len(), 2);
}

async fn one_of_the_configuration_stays_as_removed_until_it_is_wanted_again(place: &dyn Place) {
    let store = place.open().await;
    let mut wanted = new("files");
    wanted.wish.origin = Origin::Config;
    let id = register(&*store, wanted.clone()).await;
    store.begun(id, at(0), None).await.unwrap();
    store.confirmed(id, &remote("r1", 1000), at(0)).await.unwrap();
    store.remove(&name("files"), at(1)).await.unwrap();
    assert_eq!(store.register(wanted.clone()).await.unwrap(), Registered::NameTaken);
    store.removed(id).await.unwrap();

    let stays = store.subscription(&name("files")).await.unwrap().unwrap();
    assert_eq!((stays.state(at(1)), stays.remote), (State::Removed, None));
    assert!(super::claim_due(&*store, 9999).await.is_empty());
    assert!(claim(&*store, 9999).await.is_none());
    store.remove(&name("files"), at(2)).await.unwrap();
    assert!(super::claim_due(&*store, 9999).await.is_empty(), "it is removed for good");

    wanted.id = SubscriptionId(Uuid::new_v4());
    let again = register(&*store, wanted).await;
    assert_ne!(again, id);
    let shown = store.subscription(&name("files")).await.unwrap().unwrap();
    assert_eq!((shown.id, shown.removed_at), (again, None));
}

async fn a_name_used_again_has_other_event_ids_and_an_empty_mirror(place: &dyn Place) {
    let store = place.open().await;
    let mut ids = Vec::new();
    for round in 0..2 {
        let id = followed(&*store, "files").await;
        assert!(store.known(id, vec![super::row("a", None).item]).await.unwrap().is_empty());
        let claim = claim(&*store, 0).await.unwrap();
        let page = PageCommit {
            events: vec![event(Change::Created, "a")],
            rows: vec![super::row("a", Some(serde_json::Map::new()))],
            ..last_page(&claim, round)
        };
        done(store.commit_page(page).await.unwrap());
        store.remove(&name("files"), at(1)).await.unwrap();
        store.removed(id).await.unwrap();
        ids.push(format!("{id}-1"));
    }
    let page = store.read("0".parse().unwrap(), 9, Box::new(All)).await.unwrap();
    assert_eq!(page.events.iter().map(|event| event.id.clone()).collect::<Vec<_>>(), ids);
}

async fn a_removal_ends_the_round_under_way(place: &dyn Place) {
    let store = place.open().await;
    followed(&*store, "files").await;
    let claim = claim(&*store, 0).await.unwrap();
    store.remove(&name("files"), at(1)).await.unwrap();
    let page = PageCommit { events: vec![event(Change::Created, "a")], ..last_page(&claim, 1) };
    assert!(is_lost(&store.commit_page(page).await.unwrap()));
    assert_eq!(store.bounds().await.unwrap().latest.number(), 0);
}

async fn a_start_with_a_link_has_no_first_round_and_one_without_has(place: &dyn Place) {
    let store = place.open().await;
    for (it, link) in [("with", Some(super::delta("start"))), ("without", None)] {
        let id = register(&*store, new(it)).await;
        store.begun(id, at(7), link.clone()).await.unwrap();
        assert!(claim(&*store, 9).await.is_none(), "it has no remote subscription yet");
        store.confirmed(id, &remote(it, 1000), at(8)).await.unwrap();
        let claim = claim(&*store, 9).await.unwrap();
        let first = link.is_none();
        assert_eq!((claim.cause == Cause::First, claim.link.clone()), (first, link));
        assert_eq!(claim.subscription.started_at, Some(at(7)));
    }
}

async fn what_has_begun_is_not_begun_again(place: &dyn Place) {
    let store = place.open().await;
    let id = followed(&*store, "files").await;
    let claim = claim(&*store, 0).await.unwrap();
    store.begun(id, at(1), Some(next("again"))).await.unwrap();
    assert!(!is_lost(&store.commit_page(last_page(&claim, 1)).await.unwrap()));
}

async fn the_key_is_made_once(place: &dyn Place) {
    let key = place.open().await.client_state_key().await.unwrap();
    assert_ne!(key, [0; 32]);
    assert_eq!(place.open().await.client_state_key().await.unwrap(), key);
}

conformance![
    a_wish_is_kept_as_it_was_made,
    subscriptions_are_listed_by_name,
    a_name_or_a_resource_is_taken_once,
    a_resolution_is_kept_unless_somebody_else_follows_that,
    another_wish_for_the_same_changes_what_may_change,
    what_could_not_be_created_leaves_nothing_behind,
    one_made_through_the_api_is_gone_after_its_removal_and_its_events_stay,
    one_of_the_configuration_stays_as_removed_until_it_is_wanted_again,
    a_name_used_again_has_other_event_ids_and_an_empty_mirror,
    a_removal_ends_the_round_under_way,
    a_start_with_a_link_has_no_first_round_and_one_without_has,
    what_has_begun_is_not_begun_again,
    the_key_is_made_once,
];
