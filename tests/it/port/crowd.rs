use std::net::SocketAddr;
use std::time::Duration;

use o365_listener::clock::Clock;

use super::client::{Client, notification, post};
use super::closed;
use crate::listener::eventually;
use crate::receive::bench::{Bench, Stuck};
use tokio::net::TcpStream;

const MOST: usize = 40;

/// Connections that all have shaken hands and do nothing since.
async fn idle(address: SocketAddr) -> Vec<Client<TcpStream>> {
    let mut clients = Vec::new();
    for _ in 0..MOST {
        let mut client = Client::connect(address).await;
        assert!(client.shake().await);
        clients.push(client);
    }
    clients
}

#[actix_web::test]
async fn idle_connections_make_room_the_longest_first() {
    let bench = Bench::new().await;
    let address = bench.serve_with(MOST, None);
    let mut clients = idle(address).await;
    assert_eq!(bench.count("connections"), 40);
    assert!(clients[0].shake().await, "it is the youngest now");
    for round in 0..10 {
        assert!(Client::connect(address).await.shake().await, "{round}");
    }
    assert!(clients[0].shake().await, "the youngest is still there");
    assert_eq!(clients[1].answer().await, None, "the oldest is not");
    assert!(bench.count("connections") <= 40);
    assert_eq!(bench.count("closed_connections_total{reason=\"turned_away\"}"), 0);
}

#[actix_web::test]
async fn slow_connections_make_room_before_idle_ones() {
    let bench = Bench::new().await;
    let address = bench.serve_with(MOST + 20, None);
    let mut idle = idle(address).await;
    let mut slow = Vec::new();
    for number in 0..20 {
        let mut client = Client::connect(address).await;
        if number % 2 == 0 {
            client.send("POST /notifications HTTP/1.1\r\nhost:").await;
        }
        slow.push(client);
    }
    eventually("all have come", async || bench.count("connections") == 60).await;
    // Whoever is well has sent more by now.
    Clock::system().sleep(Duration::from_millis(700)).await;
    assert!(Client::connect(address).await.shake().await);
    for client in &mut slow {
        assert_eq!(client.answer().await, None);
    }
    for client in &mut idle {
        assert!(client.shake().await, "none of these had to go");
    }
    closed(&bench, "gave_way", 20).await;
}

#[actix_web::test]
async fn where_all_are_being_served_the_next_is_told_to_come_again() {
    let bench = Bench::with_inbox(Stuck).await;
    let address = bench.serve_with(4, None);
    let request = post("", &notification(&bench.client_state()));
    let mut served = Vec::new();
    for _ in 0..4 {
        let mut client = Client::connect(address).await;
        client.send(&request).await;
        served.push(client);
    }
    eventually("all have come", async || bench.count("connections") == 4).await;
    let mut next = Client::connect(address).await;
    let answer = next.ask(&request).await.expect("an answer, at once");
    assert_eq!(answer.status, 503);
    assert!(answer.head.contains("retry-after: 10") && answer.head.contains("connection: close"));
    assert_eq!(next.answer().await, None);
    for client in &mut served {
        let answer = client.answer().await.expect("nobody who is served is cut off");
        assert_eq!(answer.status, 503, "the store does not answer");
    }
    assert!(Client::connect(address).await.shake().await, "now there is room");
}
