use std::net::SocketAddr;
use std::time::Duration;

use o365_listener::clock::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::bench::{BODY_LIMIT, Bench};

#[actix_web::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_sent() {
    let address = Bench::new().await.serve();
    let head =
        format!("POST /notifications HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", BODY_LIMIT + 1);
    assert_eq!(first_line(address, &head).await, "HTTP/1.1 413 Payload Too Large");
}

#[actix_web::test]
async fn a_body_of_unknown_length_is_read_up_to_the_limit() {
    let address = Bench::new().await.serve();
    let chunk = "a".repeat(BODY_LIMIT + 1);
    let request = format!(
        "POST /notifications HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{chunk}\r\n",
        chunk.len()
    );
    assert_eq!(first_line(address, &request).await, "HTTP/1.1 413 Payload Too Large");
}

#[actix_web::test]
async fn a_body_that_does_not_arrive_is_not_waited_for() {
    let address = Bench::new().await.serve();
    let watch = Clock::system().stopwatch();
    let request = "POST /notifications HTTP/1.1\r\nhost: x\r\ncontent-length: 20\r\n\r\n{\"value\":";
    assert_eq!(first_line(address, request).await, "HTTP/1.1 408 Request Timeout");
    assert!(watch.elapsed() < Duration::from_millis(2500), "{:?}", watch.elapsed());
}

#[actix_web::test]
async fn a_handshake_does_not_wait_for_a_body() {
    let address = Bench::new().await.serve();
    let request = "POST /notifications?validationToken=a HTTP/1.1\r\nhost: x\r\ncontent-length: 20\r\n\r\n";
    assert_eq!(first_line(address, request).await, "HTTP/1.1 200 OK");
}

async fn first_line(address: SocketAddr, request: &str) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 200];
    let length = socket.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..length]).lines().next().unwrap().to_owned()
}
