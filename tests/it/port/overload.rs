use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, join_all};
use o365_listener::clock::{Clock, Stopwatch};

use super::client::{Client, notification, post};
use crate::receive::bench::Bench;

/// How long it lasts.
const LASTS: Duration = Duration::from_secs(4);
/// What is promised: an answer in less than Office 365's three seconds.
const PROMISED: Duration = Duration::from_secs(3);

const SENDERS: usize = 300;
const SLOW: usize = 200;

/// What a sender has seen: answers by status, and the slowest.
#[derive(Default)]
struct Seen {
    answers: BTreeMap<u16, usize>,
    slowest: Duration,
}

/// Sends one after the other, over a new connection now and then.
async fn sender(address: SocketAddr, request: Vec<u8>, running: Stopwatch) -> Seen {
    let clock = Clock::system();
    let mut seen = Seen::default();
    let mut client = Client::connect(address).await;
    while running.elapsed() < LASTS {
        let watch = clock.stopwatch();
        let answer = client.ask(&request).await.expect("nobody who is well is cut off");
        seen.slowest = seen.slowest.max(watch.elapsed());
        let number = seen.answers.entry(answer.status).or_default();
        *number += 1;
        if answer.head.contains("connection: close") || *number % 20 == 0 {
            client = Client::connect(address).await;
        }
    }
    seen
}

/// Holds a connection with as little as possible, and takes another when it is closed.
async fn slow(address: SocketAddr, running: Stopwatch) {
    let clock = Clock::system();
    while running.elapsed() < LASTS {
        let mut client = Client::connect(address).await;
        client.send("POST /notifications HTTP/1.1\r\nhost: x\r\n").await;
        let left = LASTS.saturating_sub(running.elapsed());
        let _ = clock.timeout(left, client.answer()).await;
    }
}

/// Shakes hands over new connections all the while; the slowest.
async fn hands(address: SocketAddr, running: Stopwatch) -> Duration {
    let clock = Clock::system();
    let mut slowest = Duration::ZERO;
    while running.elapsed() < LASTS {
        let watch = clock.stopwatch();
        assert!(Client::connect(address).await.shake().await, "a handshake is answered");
        slowest = slowest.max(watch.elapsed());
        clock.sleep(Duration::from_millis(50)).await;
    }
    slowest
}

#[actix_web::test]
async fn under_more_than_there_can_be_all_answers_are_prompt_and_what_they_say_is_true() {
    let bench = Bench::new().await;
    let address = bench.serve_with(1000, None);
    let mut states = Vec::new();
    for number in 0..SENDERS {
        states.push(bench.follow(&format!("sender-{number}")).await);
    }
    let running = Clock::system().stopwatch();
    let senders = states.iter().map(|state| sender(address, post("", &notification(state)), running));
    let slow: Vec<LocalBoxFuture<'_, ()>> = (0..SLOW).map(|_| slow(address, running).boxed_local()).collect();
    let (seen, _, handshake) =
        futures_util::join!(join_all(senders), join_all(slow), hands(address, running));

    assert!(handshake < PROMISED, "a handshake took {handshake:?}");
    let mut all = BTreeMap::<u16, usize>::new();
    for (number, seen) in seen.iter().enumerate() {
        assert!(seen.slowest < PROMISED, "an answer took {:?}", seen.slowest);
        for (status, count) in &seen.answers {
            *all.entry(*status).or_default() += count;
        }
        if seen.answers.contains_key(&202) {
            let name = format!("sender-{number}").parse().unwrap();
            let subscription = bench.store.subscription(&name).await.unwrap().unwrap();
            assert!(subscription.pending, "{name}: acknowledged, and not in the inbox");
        }
    }
    assert!(all.keys().all(|status| [202, 503].contains(status)), "{all:?}");
    assert!(all.get(&202).is_some_and(|stored| *stored >= SENDERS), "{all:?}");
    println!("{all:?}, slowest handshake {handshake:?}");
}
