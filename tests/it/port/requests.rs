use o365_listener::clock::Clock;
use std::time::Duration;

use super::client::{Client, HANDSHAKE, TOKEN, notification, post};
use crate::receive::bench::Bench;

#[actix_web::test]
async fn requests_that_come_together_are_answered_one_after_the_other() {
    let bench = Bench::new().await;
    let mut client = Client::connect(bench.serve()).await;
    let ours = post("", &notification(&bench.client_state()));
    let other = HANDSHAKE.replace("Validation%3a+1", "2");
    let all =
        [HANDSHAKE.as_bytes(), &ours, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", other.as_bytes(), &ours].concat();
    client.send(all).await;
    let mut answers = Vec::new();
    for _ in 0..5 {
        let answer = client.answer().await.unwrap();
        answers.push((answer.status, answer.body));
    }
    let expected = [(200, TOKEN), (202, ""), (404, ""), (200, "2"), (202, "")];
    assert_eq!(answers, expected.map(|(status, body)| (status, body.to_owned())));
    assert!(client.shake().await, "and the connection goes on");
}

#[actix_web::test]
async fn a_request_may_come_in_any_pieces() {
    let bench = Bench::new().await;
    let mut client = Client::connect(bench.serve()).await;
    let request = post("", &notification(&bench.client_state()));
    for pieces in [1, 7, 40, 150] {
        for piece in request.chunks(pieces) {
            client.send(piece).await;
            if pieces > 1 {
                Clock::system().sleep(Duration::from_millis(2)).await;
            }
        }
        assert_eq!(client.answer().await.unwrap().status, 202, "{pieces}");
    }
}

#[actix_web::test]
async fn a_client_that_asks_whether_to_go_on_is_told_to() {
    let bench = Bench::new().await;
    let mut client = Client::connect(bench.serve()).await;
    let body = notification(&bench.client_state());
    let request = post("expect: 100-continue\r\n", &body);
    let (head, body) = request.split_at(request.len() - body.len());
    assert_eq!(client.ask(head).await.unwrap().status, 100);
    assert_eq!(client.ask(body).await.unwrap().status, 202);
}

#[actix_web::test]
async fn an_endless_head_is_refused() {
    let bench = Bench::new().await;
    let mut client = Client::connect(bench.serve()).await;
    let head = format!("POST /notifications HTTP/1.1\r\nhost: x\r\nx: {}", "a".repeat(200_000));
    let _ = client.stream.try_write(head.as_bytes());
    let rest = tokio::io::AsyncWriteExt::write_all(&mut client.stream, head.as_bytes()).await;
    let answer = client.answer().await;
    assert!(rest.is_err() || answer.is_none_or(|answer| answer.status == 431));
}
