use o365_listener::model::{FirstRound, Origin, State, Subscription, Trouble};
use o365_listener::store::{Brought, Committed, NewSubscription, PageCommit, Store};

use super::{
    Place, at, change, claim, conformance, followed, last_page, name, new, next, register, remote,
    write_events,
};

fn trouble(transient: bool) -> Trouble {
    Trouble { code: "no".to_owned(), message: "no".to_owned(), transient, next_attempt_at: Some(at(9000)) }
}

/// One of each way in which a subscription can stand; more than one state changes with time.
async fn of_all_kinds(store: &dyn Store) {
    register(store, new("new")).await;
    for (it, transient) in [("waits", true), ("hopeless", false)] {
        let id = register(store, new(it)).await;
        store.failed(id, &trouble(transient)).await.unwrap();
    }
    followed(store, "held").await;
    for (it, transient) in [("held-waits", true), ("held-hopeless", false)] {
        let id = followed(store, it).await;
        store.failed(id, &trouble(transient)).await.unwrap();
    }
    let long = followed(store, "held-long").await;
    store.confirmed(long, &remote("r2", 5000), at(0)).await.unwrap();
    store.lost(followed(store, "lost").await).await.unwrap();
    for (it, transient) in [("lost-waits", true), ("lost-hopeless", false)] {
        let id = followed(store, it).await;
        store.lost(id).await.unwrap();
        store.failed(id, &trouble(transient)).await.unwrap();
    }
    // All rounds that are due fail.
    while let Some(round) = claim(store, 0).await {
        store.round_failed(&round, &trouble(true)).await.unwrap();
    }
    for it in ["held", "held-long", "held-hopeless", "lost", "lost-hopeless", "new"] {
        let paused = format!("paused-{it}");
        let id = match it {
            "new" => register(store, new(&paused)).await,
            _ => followed(store, &paused).await,
        };
        if it == "held-long" {
            store.confirmed(id, &remote("r3", 5000), at(0)).await.unwrap();
        }
        if it.starts_with("lost") {
            store.lost(id).await.unwrap();
        }
        if it.ends_with("hopeless") {
            store.failed(id, &trouble(false)).await.unwrap();
        }
        if let Some(round) = claim(store, 0).await {
            store.round_failed(&round, &trouble(true)).await.unwrap();
        }
        store.pause(&name(&paused), at(0)).await.unwrap();
    }
    followed(store, "fine").await;
    let wanted = NewSubscription { wish: wish_of_configuration("gone"), ..new("gone") };
    let gone = register(store, wanted).await;
    store.remove(&name("gone"), at(1)).await.unwrap();
    store.removed(gone).await.unwrap();
    followed(store, "going").await;
    store.remove(&name("going"), at(1)).await.unwrap();
}

fn wish_of_configuration(it: &str) -> o365_listener::model::Wish {
    o365_listener::model::Wish { origin: Origin::Config, ..new(it).wish }
}

fn counted(all: &[Subscription], now: i64) -> Vec<(State, u64)> {
    let number = |state| all.iter().filter(|one| one.state(at(now)) == state).count();
    State::ALL.iter().map(|state| (*state, u64::try_from(number(*state)).unwrap())).collect()
}

async fn states_are_counted_as_each_subscription_says(place: &dyn Place) {
    let store = place.open().await;
    assert_eq!(store.by_state(at(0)).await.unwrap(), counted(&[], 0));
    of_all_kinds(&*store).await;
    let all = store.subscriptions().await.unwrap();
    let mut met = Vec::new();
    for now in [0, 1099, 1100, 5099, 5100, 9000] {
        let by_state = store.by_state(at(now)).await.unwrap();
        assert_eq!(by_state, counted(&all, now), "at {now}");
        met.extend(by_state.into_iter().filter(|(_, number)| *number > 0).map(|(state, _)| state));
    }
    assert!(State::ALL.iter().all(|state| met.contains(state)), "one state was never tried: {met:?}");
}

async fn those_with_an_error_come_by_name_and_are_counted(place: &dyn Place) {
    let store = place.open().await;
    of_all_kinds(&*store).await;
    let all = store.subscriptions().await.unwrap();
    let expected: Vec<_> = all.iter().filter(|one| one.error().is_some()).cloned().collect();
    let number = u64::try_from(expected.len()).unwrap();
    assert!(number >= 8, "{number}");
    assert_eq!(store.troubled(100).await.unwrap(), (expected.clone(), number));
    assert_eq!(store.troubled(2).await.unwrap(), (expected[..2].to_vec(), number));
}

async fn ends_come_in_their_order(place: &dyn Place) {
    let store = place.open().await;
    of_all_kinds(&*store).await;
    let all = store.subscriptions().await.unwrap();
    let followed = all.iter().filter(|one| one.removed_at.is_none());
    let mut expected: Vec<_> =
        followed.filter_map(|one| Some((one.remote.as_ref()?.expires_at, one.wish.name.clone()))).collect();
    expected.sort();
    let mut ends: Vec<_> = store.expiries(usize::MAX).await.unwrap();
    assert!(ends.is_sorted_by_key(|(_, at)| *at), "{ends:?}");
    let soonest = store.expiries(1).await.unwrap();
    assert_eq!((soonest.len(), soonest[0].1), (1, expected[0].0));
    ends.sort_by_key(|(name, at)| (*at, name.clone()));
    assert_eq!(ends.into_iter().map(|(name, at)| (at, name)).collect::<Vec<_>>(), expected);
}

async fn what_all_have_brought_is_told_together(place: &dyn Place) {
    let store = place.open().await;
    assert_eq!(store.brought(at(0)).await.unwrap(), Brought::default());
    for (it, events, now) in [("files", 2, 10), ("mail", 3, 20)] {
        let id = followed(&*store, it).await;
        // The round that each begins with.
        let first = claim(&*store, now).await.unwrap();
        assert!(matches!(store.commit_page(last_page(&first, now)).await.unwrap(), Committed::Done(_)));
        write_events(&*store, id, events, now).await;
    }
    let told = Brought {
        events: 5,
        last_notification_at: Some(at(20)),
        last_event_at: Some(at(20)),
        ..Brought::default()
    };
    assert_eq!(store.brought(at(20)).await.unwrap(), told);
    let files = store.subscription(&name("files")).await.unwrap().unwrap();
    store.append(change(files.id, 30)).await.unwrap();
    assert_eq!(store.brought(at(30)).await.unwrap().last_notification_at, Some(at(30)));
}

async fn one_of_which_everything_is_read_is_among_those_that_are_read(place: &dyn Place) {
    let store = place.open().await;
    let id = register(&*store, new("files")).await;
    store.begun(id, at(0), None).await.unwrap();
    store.confirmed(id, &remote("r1", 1000), at(0)).await.unwrap();
    followed(&*store, "mail").await;
    assert_eq!(store.reading(9).await.unwrap(), (vec![], 0));
    let first = loop {
        let round = claim(&*store, 0).await.unwrap();
        if round.subscription.id == id {
            break round;
        }
    };
    let progress = Some(FirstRound { items: 7, pages: 1, started_at: at(0) });
    let page = PageCommit { link: next("1"), progress, ..last_page(&first, 0) };
    assert!(matches!(store.commit_page(page).await.unwrap(), Committed::Done(_)));
    let (reading, number) = store.reading(9).await.unwrap();
    assert_eq!((reading.len(), number), (1, 1));
    assert_eq!(reading[0].first_round.as_ref().map(|round| round.items), Some(7));
}

async fn pages_of_subscriptions_leave_none_out(place: &dyn Place) {
    let store = place.open().await;
    for number in [3, 1, 4, 15, 9, 2, 6] {
        register(&*store, new(&format!("s-{number}"))).await;
    }
    store.remove(&name("s-4"), at(1)).await.unwrap();
    let all = store.subscriptions().await.unwrap();
    for most in [1, 3, 7, 100] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = store.subscriptions_after(after.as_ref(), most).await.unwrap();
            assert!(page.len() <= most);
            let Some(last) = page.last() else { break };
            after = Some(last.wish.name.clone());
            found.extend(page);
        }
        assert_eq!(found, all, "by {most}");
    }
}

conformance![
    states_are_counted_as_each_subscription_says,
    those_with_an_error_come_by_name_and_are_counted,
    ends_come_in_their_order,
    what_all_have_brought_is_told_together,
    one_of_which_everything_is_read_is_among_those_that_are_read,
    pages_of_subscriptions_leave_none_out,
];
