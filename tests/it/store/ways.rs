//! Going over to another way of following.

use o365_listener::model::{SubscriptionId, Target, Via, Wish};
use o365_listener::store::{
    Former, Link, NewSubscription, NewWish, PageCommit, Registered, Resync, Rewished, Store, Switch,
};

use super::{
    Place, at, change, claim, conformance, delta, done, is_lost, last_page, name, new, next, quiet, register,
};

/// A list, as Graph or as SharePoint knows it.
fn list(web: Option<&str>) -> Target {
    Target::List {
        site: "contoso.sharepoint.com,a,b".to_owned(),
        list: "l".to_owned(),
        web: web.map(str::to_owned),
    }
}

fn over_graph() -> Target {
    list(None)
}

fn over_sharepoint() -> Target {
    list(Some("https://contoso.sharepoint.com/sites/hr"))
}

/// A list that is followed over Graph, and of which nothing is due.
async fn over_graph_so_far(store: &dyn Store) -> SubscriptionId {
    let id = quiet(store, "candidates").await;
    assert_eq!(store.resolved(id, &over_graph()).await.unwrap(), Registered::Done);
    assert!(claim(store, 1).await.is_none());
    id
}

fn switch(target: Target, link: Link, until: i64) -> Switch {
    Switch { target, link: Some(link), until: at(until) }
}

async fn to_sharepoint(store: &dyn Store, id: SubscriptionId) {
    let switch = switch(over_sharepoint(), delta("from now"), 120);
    assert_eq!(store.switched(id, switch).await.unwrap(), Registered::Done);
}

async fn target(store: &dyn Store) -> Option<Target> {
    store.subscription(&name("candidates")).await.unwrap().unwrap().target
}

async fn the_former_way_is_read_until_a_round_of_it_began_late_enough(place: &dyn Place) {
    let store = place.open().await;
    let id = over_graph_so_far(&*store).await;
    to_sharepoint(&*store, id).await;
    assert_eq!(target(&*store).await, Some(over_sharepoint()), "it is the one that is renewed");
    assert_eq!(store.next_round(&[]).await.unwrap(), Some(at(120)));

    store.append(change(id, 5)).await.unwrap();
    let round = claim(&*store, 5).await.unwrap();
    assert_eq!((round.subscription.target.clone(), round.former), (Some(over_graph()), Former::Yes));
    assert_eq!(round.link, Some(delta("0")));
    done(store.commit_page(last_page(&round, 119)).await.unwrap());
    assert_eq!(store.next_round(&[]).await.unwrap(), Some(at(120)), "its hint is worked off");

    // A crash goes on with it.
    drop(store);
    let store = place.open().await;
    store.append(change(id, 120)).await.unwrap();
    let round = claim(&*store, 120).await.unwrap();
    assert_eq!((round.link.clone(), round.former), (Some(delta("119")), Former::Last));
    done(store.commit_page(last_page(&round, 121)).await.unwrap());

    let round = claim(&*store, 121).await.unwrap();
    assert_eq!((round.subscription.target.clone(), round.former), (Some(over_sharepoint()), Former::No));
    assert_eq!((round.link.clone(), round.resync), (Some(delta("from now")), Resync::None));
    assert!(round.subscription.pending, "who asked for a round waits for this one");
    done(store.commit_page(last_page(&round, 122)).await.unwrap());
    assert_eq!(store.next_round(&[]).await.unwrap(), None);
}

async fn a_round_that_began_before_is_not_the_last_however_late_it_ends(place: &dyn Place) {
    let store = place.open().await;
    let id = over_graph_so_far(&*store).await;
    store.append(change(id, 2)).await.unwrap();
    let under_way = claim(&*store, 2).await.unwrap();
    to_sharepoint(&*store, id).await;
    assert!(is_lost(&store.commit_page(last_page(&under_way, 3)).await.unwrap()), "it leads elsewhere now");

    let round = claim(&*store, 3).await.unwrap();
    let first = PageCommit { link: next("2"), ..last_page(&round, 4) };
    done(store.commit_page(first).await.unwrap());
    store.release(&round).await.unwrap();
    let goes_on = claim(&*store, 500).await.unwrap();
    assert_eq!((goes_on.link.clone(), goes_on.former), (Some(next("2")), Former::Yes));
    done(store.commit_page(last_page(&goes_on, 501)).await.unwrap());
    let round = claim(&*store, 501).await.unwrap();
    assert_eq!((round.link, round.former), (Some(delta("501")), Former::Last), "it is due at once");
}

async fn who_goes_back_reads_to_its_end_what_it_came_from(place: &dyn Place) {
    let store = place.open().await;
    let id = over_graph_so_far(&*store).await;
    to_sharepoint(&*store, id).await;
    let back = switch(over_graph(), delta("from then"), 240);
    assert_eq!(store.switched(id, back).await.unwrap(), Registered::Done);
    let round = claim(&*store, 130).await.unwrap();
    assert_eq!((round.subscription.target.clone(), round.former), (Some(over_graph()), Former::Yes));
    assert_eq!(round.link, Some(delta("0")));
    done(store.commit_page(last_page(&round, 131)).await.unwrap());
    let round = claim(&*store, 240).await.unwrap();
    done(store.commit_page(last_page(&round, 241)).await.unwrap());
    let round = claim(&*store, 241).await.unwrap();
    assert_eq!((round.link, round.former), (Some(delta("from then")), Former::No));
}

async fn what_is_read_anew_is_read_the_new_way(place: &dyn Place) {
    let store = place.open().await;
    let id = over_graph_so_far(&*store).await;
    to_sharepoint(&*store, id).await;
    store.ask_resync(id, at(3)).await.unwrap();
    let round = claim(&*store, 3).await.unwrap();
    assert_eq!((round.link.clone(), round.former), (None, Former::No));
    assert_eq!((round.subscription.target, round.resync), (Some(over_sharepoint()), Resync::Reading));
}

async fn a_way_is_gone_by_one_alone(place: &dyn Place) {
    let store = place.open().await;
    let id = over_graph_so_far(&*store).await;
    let before = store.subscription(&name("candidates")).await.unwrap().unwrap();
    let wish = Wish { via: Via::SharePoint, ..before.wish.clone() };
    let wished = NewWish { wish, renew: false, replace: true, resync: false };
    assert_eq!(store.rewish(id, wished.clone(), at(2)).await.unwrap(), Rewished::Done);
    assert!(claim(&*store, 2).await.is_none(), "so far it is followed as before");
    to_sharepoint(&*store, id).await;

    let other = NewSubscription { target: Some(over_graph()), ..new("other") };
    register(&*store, other).await;
    let back = NewWish { wish: before.wish, ..wished };
    let refused = store.rewish(id, back, at(4)).await.unwrap();
    assert_eq!(refused, Rewished::FollowedBy(name("other")));
    let another = register(&*store, NewSubscription { target: None, ..new("another") }).await;
    let refused = store.switched(another, switch(over_graph(), delta("x"), 5)).await.unwrap();
    assert_eq!(refused, Registered::FollowedBy(name("other")));
}

conformance![
    the_former_way_is_read_until_a_round_of_it_began_late_enough,
    a_round_that_began_before_is_not_the_last_however_late_it_ends,
    who_goes_back_reads_to_its_end_what_it_came_from,
    what_is_read_anew_is_read_the_new_way,
    a_way_is_gone_by_one_alone,
];
