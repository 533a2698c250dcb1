//! More than there can be. How soon answers come then, `cargo bench --bench ack -- --overload` tells.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use futures_util::future::{Either, join, join_all, select};
use futures_util::pin_mut;

use super::client::{Client, notification, post};
use crate::receive::bench::Bench;

const SENDERS: usize = 300;
const SLOW: usize = 200;
/// What each sender sends, and how much of it over one connection.
const REQUESTS: usize = 40;
const OVER_ONE: usize = 20;

/// Sends one after the other; the answers by status.
async fn sender(address: SocketAddr, request: Vec<u8>) -> BTreeMap<u16, usize> {
    let mut answers = BTreeMap::new();
    let mut client = Client::connect(address).await;
    for number in 1..=REQUESTS {
        let answer = client.ask(&request).await.expect("nobody who is well is cut off");
        *answers.entry(answer.status).or_default() += 1;
        if answer.head.contains("connection: close") || number % OVER_ONE == 0 {
            client = Client::connect(address).await;
        }
    }
    answers
}

/// Holds a connection with as little as possible, and takes another when it is closed.
async fn slow(address: SocketAddr) {
    loop {
        let mut client = Client::connect(address).await;
        client.send("POST /notifications HTTP/1.1\r\nhost: x\r\n").await;
        client.answer().await;
    }
}

/// Shakes hands over new connections all the while.
async fn hands(address: SocketAddr, shaken: &Cell<usize>) {
    loop {
        assert!(Client::connect(address).await.shake().await, "a handshake is answered");
        shaken.set(shaken.get() + 1);
    }
}

#[actix_web::test]
async fn under_more_than_there_can_be_everybody_is_answered_and_what_the_answers_say_is_true() {
    let bench = Bench::new().await;
    let address = bench.serve_with(1000, None);
    let mut states = Vec::new();
    for number in 0..SENDERS {
        states.push(bench.follow(&format!("sender-{number}")).await);
    }
    let senders = join_all(states.iter().map(|state| sender(address, post("", &notification(state)))));
    let shaken = Cell::new(0);
    let others = join(join_all((0..SLOW).map(|_| slow(address))), hands(address, &shaken));
    pin_mut!(senders, others);
    let Either::Left((answers, _)) = select(senders, others).await else { panic!("the others never end") };

    assert!(shaken.get() > 0);
    let mut all = BTreeMap::<u16, usize>::new();
    for (number, answers) in answers.iter().enumerate() {
        for (status, count) in answers {
            *all.entry(*status).or_default() += count;
        }
        if answers.contains_key(&202) {
            let name = format!("sender-{number}").parse().unwrap();
            let subscription = bench.store.subscription(&name).await.unwrap().unwrap();
            assert!(subscription.pending, "{name}: acknowledged, and not in the inbox");
        }
    }
    assert!(all.keys().all(|status| [202, 503].contains(status)), "{all:?}");
    assert!(all.get(&202).is_some_and(|stored| *stored >= SENDERS), "{all:?}");
}
