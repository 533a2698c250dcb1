use o365_listener::model::{Change, FirstRound, ItemId};
use o365_listener::store::{Cause, Known, Link, PageCommit, RoundEnd};
use serde_json::{Map, json};

use super::{
    LEASE, Place, at, change, claim, conformance, delta, done, event, followed, is_lost, last_page, name,
    new, next, quiet, register, remote, row, trouble,
};

async fn a_subscription_is_claimed_by_one(place: &dyn Place) {
    let store = place.open().await;
    followed(&*store, "files").await;
    let claims = futures_util::future::join_all((0..8).map(|_| claim(&*store, 0))).await;
    assert_eq!(claims.iter().flatten().count(), 1);
    assert_eq!(store.next_round(&[]).await.unwrap(), Some(at(60)), "the claim may never be ended");
}

async fn a_claim_that_ran_out_can_no_longer_change_anything(place: &dyn Place) {
    let store = place.open().await;
    let id = followed(&*store, "files").await;
    let slow = claim(&*store, 0).await.unwrap();
    assert!(claim(&*store, 59).await.is_none());
    let fresh = claim(&*store, 60).await.unwrap();

    let page = PageCommit {
        events: vec![event(Change::Created, "a")],
        rows: vec![row("a", Some(Map::new()))],
        ..last_page(&slow, 61)
    };
    assert!(is_lost(&store.commit_page(page).await.unwrap()));
    store.round_failed(&slow, &trouble(1000)).await.unwrap();
    store.release(&slow).await.unwrap();
    assert!(claim(&*store, 62).await.is_none(), "the later claim holds");
    assert!(store.known(id, vec![ItemId("a".to_owned())]).await.unwrap().is_empty());
    assert_eq!(store.bounds().await.unwrap().latest.number(), 0);
    let shown = store.subscription(&name("files")).await.unwrap().unwrap();
    assert_eq!((shown.fetch_error, shown.events), (None, 0));
    done(store.commit_page(last_page(&fresh, 63)).await.unwrap());
}

async fn a_page_moves_the_link_once(place: &dyn Place) {
    let store = place.open().await;
    followed(&*store, "files").await;
    let at_start = claim(&*store, 0).await.unwrap();
    let first = || PageCommit {
        events: vec![event(Change::Created, "a")],
        link: next("1"),
        ..last_page(&at_start, 1)
    };
    let on = done(store.commit_page(first()).await.unwrap());
    assert_eq!(on.link, Some(next("1")));
    assert!(is_lost(&store.commit_page(first()).await.unwrap()), "the link has moved");
    let ended = done(store.commit_page(last_page(&on, 2)).await.unwrap());
    assert_eq!(ended.link, Some(delta("2")));
    assert!(is_lost(&store.commit_page(last_page(&ended, 3)).await.unwrap()), "the round has ended");
    assert_eq!(store.bounds().await.unwrap().latest.number(), 1);
}

async fn each_page_prolongs_the_claim(place: &dyn Place) {
    let store = place.open().await;
    followed(&*store, "files").await;
    let mut on = claim(&*store, 0).await.unwrap();
    for second in [50, 100, 150] {
        let link = next(&second.to_string());
        on = done(store.commit_page(PageCommit { link, ..last_page(&on, second) }).await.unwrap());
        assert!(claim(&*store, second + 59).await.is_none());
    }
    let next = claim(&*store, 210).await.unwrap();
    assert_eq!(next.link, on.link);
}

async fn a_hint_that_arrives_during_a_round_survives_it(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    store.append(change(id, 1)).await.unwrap();
    store.append(change(id, 2)).await.unwrap();
    let first = claim(&*store, 3).await.unwrap();
    assert_eq!((first.cause, first.hinted_at), (Cause::Hint, Some(at(1))));
    assert!(store.waits(id, first.inbox_through).await.unwrap());
    store.append(change(id, 4)).await.unwrap();
    let end = RoundEnd { next_at: Some(at(9999)), empty_looks: 0, ..RoundEnd::default() };
    done(store.commit_page(PageCommit { end, ..last_page(&first, 5) }).await.unwrap());
    assert!(!store.waits(id, first.inbox_through).await.unwrap());

    let second = claim(&*store, 5).await.unwrap();
    assert_eq!((second.cause, second.hinted_at), (Cause::Hint, Some(at(4))));
    done(store.commit_page(last_page(&second, 6)).await.unwrap());
    assert!(claim(&*store, 9999).await.is_none());
    let shown = store.subscription(&name("files")).await.unwrap().unwrap();
    assert_eq!(shown.last_notification_at, Some(at(4)), "it outlives the hint");
    assert_eq!((shown.last_fetch_at, shown.pending), (Some(at(6)), false));
}

async fn a_round_without_news_is_looked_at_again_and_swept_later(place: &dyn Place) {
    let store = place.open().await;
    quiet(&*store, "files").await;
    let id = store.subscription(&name("files")).await.unwrap().unwrap().id;
    store.append(change(id, 1)).await.unwrap();
    let hinted = claim(&*store, 1).await.unwrap();
    let end = RoundEnd { next_at: Some(at(10)), empty_looks: 1, ..RoundEnd::default() };
    done(store.commit_page(PageCommit { end, ..last_page(&hinted, 2) }).await.unwrap());

    assert_eq!(store.next_round(&[]).await.unwrap(), Some(at(10)));
    assert!(claim(&*store, 9).await.is_none());
    let again = claim(&*store, 10).await.unwrap();
    assert_eq!((again.cause, again.empty_looks), (Cause::AnotherLook, 1));
    let end = RoundEnd { next_at: Some(at(100)), empty_looks: 0, ..RoundEnd::default() };
    done(store.commit_page(PageCommit { end, ..last_page(&again, 11) }).await.unwrap());
    assert_eq!(store.next_round(&[]).await.unwrap(), None, "nothing asks for the sweep");
    assert_eq!(store.next_sweep(vec![]).await.unwrap(), Some(at(100)));
    let sweep = async |now, closed| store.claim_sweep(at(now), LEASE, closed).await.unwrap();
    assert!(claim(&*store, 100).await.is_none() && sweep(99, vec![]).await.is_none());
    let tenant = again.subscription.wish.tenant.clone();
    assert_eq!(store.next_sweep(vec![tenant.clone()]).await.unwrap(), None);
    assert!(sweep(100, vec![tenant]).await.is_none(), "its tenant has been asked often enough");
    assert_eq!(sweep(100, vec![]).await.unwrap().cause, Cause::Sweep);
}

async fn a_failed_round_waits_for_its_next_attempt_and_keeps_link_and_hints(place: &dyn Place) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    store.append(change(id, 1)).await.unwrap();
    let first = claim(&*store, 1).await.unwrap();
    let on = done(store.commit_page(PageCommit { link: next("1"), ..last_page(&first, 2) }).await.unwrap());
    store.round_failed(&on, &trouble(50)).await.unwrap();
    assert_eq!(store.next_round(&[]).await.unwrap(), Some(at(50)));
    store.append(change(id, 3)).await.unwrap();
    assert!(claim(&*store, 49).await.is_none(), "a hint does not cut the wait short");

    let again = claim(&*store, 50).await.unwrap();
    assert_eq!((again.link.clone(), again.attempts, again.cause), (Some(next("1")), 1, Cause::Hint));
    assert_eq!(again.subscription.fetch_error, Some(trouble(50)));
    done(store.commit_page(last_page(&again, 51)).await.unwrap());
    let shown = store.subscription(&name("files")).await.unwrap().unwrap();
    assert_eq!(shown.fetch_error, None);
    assert_eq!(store.depth().await.unwrap().pending, 1, "the hint that came after the round had begun stays");
    assert_eq!(claim(&*store, 52).await.unwrap().cause, Cause::Hint);
}

async fn an_unfinished_round_is_taken_up_where_it_was_released(place: &dyn Place) {
    let store = place.open().await;
    followed(&*store, "files").await;
    let first = claim(&*store, 0).await.unwrap();
    let on = done(store.commit_page(PageCommit { link: next("1"), ..last_page(&first, 1) }).await.unwrap());
    store.release(&on).await.unwrap();
    let again = claim(&*store, 1).await.unwrap();
    assert_eq!((again.link, again.attempts), (Some(next("1")), 0));
}

async fn the_first_round_shows_how_far_it_has_come_until_it_ends(place: &dyn Place) {
    let store = place.open().await;
    let id = register(&*store, new("files")).await;
    store.begun(id, at(0), None).await.unwrap();
    store.confirmed(id, &remote("r1", 1000), at(0)).await.unwrap();
    let first = claim(&*store, 0).await.unwrap();
    assert_eq!((first.cause, &first.link), (Cause::First, &None));
    let progress = FirstRound { items: 200, pages: 1, started_at: at(0) };
    let page = PageCommit { link: next("1"), progress: Some(progress.clone()), ..last_page(&first, 1) };
    let on = done(store.commit_page(page).await.unwrap());
    store.release(&on).await.unwrap();

    let on = claim(&*store, 2).await.unwrap();
    assert_eq!((on.cause, on.subscription.first_round.clone()), (Cause::First, Some(progress)));
    done(store.commit_page(last_page(&on, 3)).await.unwrap());
    let shown = store.subscription(&name("files")).await.unwrap().unwrap();
    assert_eq!(shown.first_round, None);
    store.append(change(id, 4)).await.unwrap();
    assert_eq!(claim(&*store, 4).await.unwrap().cause, Cause::Hint);
}

async fn who_has_waited_longest_is_served_first(place: &dyn Place) {
    let store = place.open().await;
    let mut ids = Vec::new();
    for it in ["a", "b", "c"] {
        ids.push(quiet(&*store, it).await);
    }
    for (index, second) in [(1, 1), (2, 2), (0, 3), (1, 4)] {
        store.append(change(ids[index], second)).await.unwrap();
    }
    let mut served = Vec::new();
    while let Some(claim) = claim(&*store, 9).await {
        served.push(claim.subscription.wish.name.as_str().to_owned());
    }
    assert_eq!(served, ["b", "c", "a"]);
}

async fn a_remote_subscription_must_have_been_there_once(place: &dyn Place) {
    let store = place.open().await;
    let id = register(&*store, new("files")).await;
    store.begun(id, at(0), None).await.unwrap();
    store.append(change(id, 1)).await.unwrap();
    assert!(claim(&*store, 1).await.is_none());
    assert_eq!(store.next_round(&[]).await.unwrap(), None);
    store.confirmed(id, &remote("r1", 1000), at(2)).await.unwrap();
    assert!(claim(&*store, 2).await.is_some());
}

async fn the_mirror_remembers_items_and_that_they_are_gone(place: &dyn Place) {
    let store = place.open().await;
    let id = followed(&*store, "files").await;
    let other = followed(&*store, "others").await;
    let claim = claim(&*store, 0).await.unwrap();
    let id_of = |item: &str| ItemId(item.to_owned());
    let Ok(properties) =
        serde_json::from_value::<Map<_, _>>(json!({"name": "ä.docx", "size": 7, "f": {"x": null}}))
    else {
        panic!("an object")
    };
    let rows =
        vec![row("a", Some(properties.clone())), row("A", None), row("b", Some(Map::new())), row("b", None)];
    let link = Link::Next("https://graph.microsoft.com/1".to_owned());
    done(store.commit_page(PageCommit { rows, link, ..last_page(&claim, 1) }).await.unwrap());

    let asked: Vec<_> = ["a", "A", "b", "c"].map(id_of).to_vec();
    let (mine, theirs) = if claim.subscription.id == id { (id, other) } else { (other, id) };
    let known = store.known(mine, asked.clone()).await.unwrap();
    assert_eq!(known.get(&id_of("a")), Some(&Known::Here(properties)));
    assert_eq!(known.get(&id_of("A")), Some(&Known::Gone), "ids are case-sensitive");
    assert_eq!(known.get(&id_of("b")), Some(&Known::Gone), "the last row of a page counts");
    assert_eq!(known.len(), 3);
    assert!(store.known(theirs, asked).await.unwrap().is_empty());
}

async fn items_whose_ids_have_the_same_hash_are_told_apart(place: &dyn Place) {
    let store = place.open().await;
    let id = followed(&*store, "files").await;
    // Of these, the 64-bit FNV-1a is the same.
    let ids = ["8yn0iYCKYHlIj4-BwPqk", "GReLUrM4wMqfg9yzV3KQ"];
    let asked = || ids.map(|item| ItemId(item.to_owned())).to_vec();
    let is = |item: &str| json!({"is": item}).as_object().cloned();
    let first = claim(&*store, 0).await.unwrap();
    let page = PageCommit { rows: vec![row(ids[0], is("first"))], link: next("1"), ..last_page(&first, 1) };
    let on = done(store.commit_page(page).await.unwrap());
    assert_eq!(store.known(id, asked()).await.unwrap().len(), 1);
    let page = PageCommit {
        rows: vec![row(ids[1], is("second")), row(ids[0], None), row(ids[1], is("third"))],
        ..last_page(&on, 2)
    };
    done(store.commit_page(page).await.unwrap());
    store.ask_resync(id, at(3)).await.unwrap();
    let resync = claim(&*store, 3).await.unwrap();
    for sorted_in in [false, true] {
        let known = store.known(id, asked()).await.unwrap();
        assert_eq!(known.get(&asked()[0]), Some(&Known::Gone), "{sorted_in}");
        assert_eq!(known.get(&asked()[1]), Some(&Known::Here(is("third").unwrap())), "{sorted_in}");
        // Looking at all of them has them sorted in.
        let unseen = store.unseen(&resync, None, 9).await.unwrap();
        assert_eq!(unseen, [(asked()[1].clone(), is("third").unwrap())]);
    }
    let page = PageCommit { rows: vec![row(ids[0], is("fourth"))], seen: asked(), ..last_page(&resync, 4) };
    let telling = done(store.commit_page(page).await.unwrap());
    assert!(store.unseen(&telling, None, 9).await.unwrap().is_empty());
    assert_eq!(store.known(id, asked()).await.unwrap()[&asked()[0]], Known::Here(is("fourth").unwrap()));
}

async fn events_count_their_changes_over_pages(place: &dyn Place) {
    let store = place.open().await;
    let id = followed(&*store, "files").await;
    let first = claim(&*store, 0).await.unwrap();
    let events = || vec![event(Change::Created, "a"), event(Change::Deleted, "a")];
    let page = PageCommit { events: events(), link: next("1"), ..last_page(&first, 1) };
    let on = done(store.commit_page(page).await.unwrap());
    done(store.commit_page(PageCommit { events: events(), ..last_page(&on, 2) }).await.unwrap());
    let read = store.read("0".parse().unwrap(), 9, Box::new(o365_listener::store::All)).await.unwrap();
    let ids: Vec<_> = read.events.iter().map(|event| event.id.clone()).collect();
    assert_eq!(ids, (1..=4).map(|n| format!("{id}-{n}")).collect::<Vec<_>>());
    let shown = store.subscription(&name("files")).await.unwrap().unwrap();
    assert_eq!((shown.events, shown.last_event_at), (4, Some(at(2))));
}

async fn a_claim_holds_for_one_subscription_at_a_time_but_others_go_on(place: &dyn Place) {
    let store = place.open().await;
    followed(&*store, "a").await;
    followed(&*store, "b").await;
    let first = claim(&*store, 0).await.unwrap();
    let second = store.claim_round(&[], at(0), LEASE).await.unwrap().unwrap();
    assert_ne!(first.subscription.id, second.subscription.id);
    assert!(claim(&*store, 0).await.is_none());
}

conformance![
    a_subscription_is_claimed_by_one,
    a_claim_that_ran_out_can_no_longer_change_anything,
    a_page_moves_the_link_once,
    each_page_prolongs_the_claim,
    a_hint_that_arrives_during_a_round_survives_it,
    a_round_without_news_is_looked_at_again_and_swept_later,
    a_failed_round_waits_for_its_next_attempt_and_keeps_link_and_hints,
    an_unfinished_round_is_taken_up_where_it_was_released,
    the_first_round_shows_how_far_it_has_come_until_it_ends,
    who_has_waited_longest_is_served_first,
    a_remote_subscription_must_have_been_there_once,
    the_mirror_remembers_items_and_that_they_are_gone,
    items_whose_ids_have_the_same_hash_are_told_apart,
    events_count_their_changes_over_pages,
    a_claim_holds_for_one_subscription_at_a_time_but_others_go_on,
];
