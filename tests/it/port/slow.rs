use std::time::Duration;

use futures_util::FutureExt as _;
use o365_listener::clock::Clock;

use super::client::{Client, HANDSHAKE, notification, post};
use super::closed;
use crate::receive::bench::Bench;

/// The port ends after 5 s what is not there by then. A loaded machine may be late.
const PATIENCE: Duration = Duration::from_secs(20);

#[actix_web::test]
async fn whoever_is_slow_loses_the_connection_and_nobody_else_does() {
    let bench = Bench::new().await;
    let address = bench.serve();
    let request = post("", &notification(&bench.client_state()));
    let head = format!("POST /notifications HTTP/1.1\r\nhost: x\r\nx: {}", "a".repeat(1000));

    let silent = async {
        let mut client = Client::connect(address).await;
        assert_eq!(client.answer().await, None, "nothing was sent");
    };
    let first_head = async {
        let mut client = Client::connect(address).await;
        assert_eq!(client.trickle(head.as_bytes()).await, None, "the first head");
    };
    let second_head = async {
        let mut client = Client::connect(address).await;
        assert!(client.shake().await);
        assert_eq!(client.trickle(head.as_bytes()).await, None, "the second head");
    };
    let together = async {
        let mut client = Client::connect(address).await;
        let answer = client.ask([HANDSHAKE.as_bytes(), b"POST /not"].concat()).await.unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(
            client.trickle(&head.as_bytes()[9..]).await,
            None,
            "a head that began with the request before"
        );
    };
    let body = async {
        let mut client = Client::connect(address).await;
        client.send(&request[..request.len() - 60]).await;
        let answer = client.trickle(&[b' '; 1000]).await.unwrap();
        assert_eq!(answer.status, 408, "a body gets an answer");
        assert!(answer.head.contains("connection: close"));
        assert_eq!(client.answer().await, None);
    };
    let chunks = async {
        let mut client = Client::connect(address).await;
        client.send("POST /notifications HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").await;
        let answer = client.trickle(&b"1\r\n \r\n".repeat(100)).await.unwrap();
        assert_eq!(answer.status, 408, "a body in pieces");
    };
    let well = async {
        let clock = Clock::system();
        let mut client = Client::connect(address).await;
        assert_eq!(client.ask(&request).await.unwrap().status, 202);
        // Longer than a request may take: between requests there is more time.
        clock.sleep(Duration::from_secs(6)).await;
        assert_eq!(client.ask(&request).await.unwrap().status, 202);
        assert!(client.shake().await);
    };
    let all = [
        silent.boxed_local(),
        first_head.boxed_local(),
        second_head.boxed_local(),
        together.boxed_local(),
        body.boxed_local(),
        chunks.boxed_local(),
    ];
    let clock = Clock::system();
    let slow = clock.timeout(PATIENCE, futures_util::future::join_all(all));
    let (slow, ()) = futures_util::join!(slow, well);
    slow.expect("all of them are ended");
    closed(&bench, "slow", 4).await;
}
