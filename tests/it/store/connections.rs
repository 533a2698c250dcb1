//! The Connect button's part: links, visits at Office 365, and the connections that come of them.

use o365_listener::model::{Change, Connection, Picks};
use o365_listener::store::{Begun, Connected, Invite, Invited, Store, TokenHash, Visit};

use super::{Place, at, conformance, name};

/// The hash of a token; here, a number is one.
fn hash(number: u16) -> TokenHash {
    let mut hash = [0; 32];
    hash[..2].copy_from_slice(&number.to_be_bytes());
    hash
}

fn picks() -> Picks {
    Picks { subscriptions: vec![name("files")], changes: vec![Change::Created] }
}

async fn invite(store: &dyn Store, number: u16, seconds: i64) -> Invited {
    let invite =
        Invite { hash: hash(number), subscriptions: "*".to_owned(), ends_at: at(seconds + 700), used: false };
    store.invite(invite, at(seconds)).await.unwrap()
}

async fn visit(store: &dyn Store, number: u16, invite: u16, seconds: i64) -> Begun {
    let ends_at = at(seconds + 600);
    let visit = Visit { hash: hash(number), invite: hash(invite), picks: picks(), ends_at, ended: false };
    store.begin_visit(visit, at(seconds)).await.unwrap()
}

async fn connect(store: &dyn Store, visit: u16, sink: &str, seconds: i64) -> Connected {
    let connection = Connection {
        name: name(sink),
        group: None,
        picks: picks(),
        sealed_url: b"sealed".to_vec(),
        made_at: at(seconds),
        greeted: false,
    };
    store.connect(hash(visit), connection, at(seconds)).await.unwrap()
}

async fn a_link_makes_one_connection_and_an_answer_is_taken_once(place: &dyn Place) {
    let store = place.open().await;
    assert_eq!(invite(&*store, 1, 0).await, Invited::Done);
    assert_eq!(visit(&*store, 10, 1, 0).await, Begun::Done);
    assert_eq!(visit(&*store, 11, 1, 0).await, Begun::Done);
    assert_eq!(connect(&*store, 10, "one", 1).await, Connected::Done);
    assert_eq!(connect(&*store, 10, "two", 1).await, Connected::Ended);
    assert_eq!(connect(&*store, 11, "two", 1).await, Connected::Over, "the other visit of the same link");
    assert_eq!(visit(&*store, 12, 1, 2).await, Begun::Over);
    assert_eq!(invite(&*store, 2, 3).await, Invited::Done);
    assert_eq!(visit(&*store, 20, 2, 3).await, Begun::Done);
    assert_eq!(connect(&*store, 20, "late", 603).await, Connected::Ended);
    assert_eq!(connect(&*store, 99, "none", 3).await, Connected::Ended);
    drop(store);
    let connections = place.open().await.connections().await.unwrap();
    assert_eq!(connections.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["one"]);
}

async fn there_is_an_end_to_visits_of_one_link(place: &dyn Place) {
    let store = place.open().await;
    for number in [1, 2] {
        invite(&*store, number, 0).await;
    }
    for number in 0..50 {
        assert_eq!(visit(&*store, 100 + number, 1, 0).await, Begun::Done);
    }
    assert_eq!(visit(&*store, 200, 1, 599).await, Begun::TooMany);
    assert_eq!(visit(&*store, 200, 2, 599).await, Begun::Done, "another link has its own");
    assert_eq!(visit(&*store, 201, 1, 600).await, Begun::Done, "those have ended");
}

async fn there_is_an_end_to_connections_and_links_together(place: &dyn Place) {
    let store = place.open().await;
    for number in 0..1000 {
        assert_eq!(invite(&*store, number, 0).await, Invited::Done);
    }
    assert_eq!(invite(&*store, 1000, 0).await, Invited::TooMany(1000));
    visit(&*store, 2000, 0, 0).await;
    assert_eq!(connect(&*store, 2000, "one", 1).await, Connected::Done);
    assert_eq!(invite(&*store, 1000, 1).await, Invited::TooMany(1000), "a used link has become a connection");
    assert!(store.disconnect(&name("one"), at(2)).await.unwrap());
    assert!(!store.disconnect(&name("one"), at(2)).await.unwrap());
    assert_eq!(invite(&*store, 1000, 2).await, Invited::Done);
    assert_eq!(invite(&*store, 1001, 701).await, Invited::Done, "the others have ended");
}

async fn addresses_are_sealed_anew_and_a_first_card_is_the_first_for_ever(place: &dyn Place) {
    let store = place.open().await;
    invite(&*store, 1, 0).await;
    visit(&*store, 10, 1, 0).await;
    connect(&*store, 10, "one", 1).await;
    let anew = |sink: &str| (name(sink), b"anew".to_vec());
    store.reseal_connections(vec![anew("gone"), anew("one")]).await.unwrap();
    store.greeted(&name("one")).await.unwrap();
    drop(store);
    let connections = place.open().await.connections().await.unwrap();
    assert_eq!(connections.len(), 1);
    assert_eq!((&*connections[0].sealed_url, connections[0].greeted), (&b"anew"[..], true));
}

conformance!(
    a_link_makes_one_connection_and_an_answer_is_taken_once,
    there_is_an_end_to_visits_of_one_link,
    there_is_an_end_to_connections_and_links_together,
    addresses_are_sealed_anew_and_a_first_card_is_the_first_for_ever,
);
