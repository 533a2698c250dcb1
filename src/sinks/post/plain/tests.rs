use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream as Socket};
use std::sync::mpsc::{Receiver, channel};

use super::*;

/// Answers with these one after the other, a connection for each list; what it was asked comes out.
fn neighbour(answers: Vec<Vec<&'static str>>) -> (Neighbour, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Url::parse(&format!("http://{}/hook?key=a%20b", listener.local_addr().unwrap())).unwrap();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for answers in answers {
            let (mut socket, _) = listener.accept().unwrap();
            for answer in answers {
                tell.send(request(&mut socket)).unwrap();
                socket.write_all(answer.as_bytes()).unwrap();
            }
            drop(socket);
            tell.send("left".to_owned()).unwrap();
        }
    });
    (Neighbour::at(&url, (true, 32), Clock::system()).unwrap(), told)
}

/// A request with a body of two bytes.
fn request(socket: &mut Socket) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while !text.ends_with("\r\n\r\n{}") {
        let length = socket.read(&mut buffer).unwrap();
        assert_ne!(length, 0, "it ended in the middle: {text}");
        text.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
    }
    text
}

async fn post(neighbour: &Neighbour) -> Result<(u16, String), Failure> {
    let headers = HeaderMap::from_iter([(reqwest::header::CONTENT_TYPE, HeaderValue::from_static("a/b"))]);
    let exchange = neighbour.post(headers, b"{}".to_vec()).await?;
    let status = exchange.response.status().as_u16();
    let mut body = Vec::new();
    exchange.read(8, &mut body).await;
    Ok((status, String::from_utf8(body).unwrap()))
}

/// Waits until the other side has closed a connection, and the runtime has heard of it.
async fn left(told: &Receiver<String>) {
    while told.recv().unwrap() != "left" {}
    tokio::task::yield_now().await;
}

const EMPTY: &str = "HTTP/1.1 204 No Content\r\n\r\n";
const SHORT: &str = "HTTP/1.1 202 Accepted\r\ncontent-length: 5\r\n\r\nhello";
const CHUNKED: &str = "HTTP/1.1 400 Bad Request\r\ntransfer-encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n";
const LONG: &str = "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n01234567890123456789";

#[tokio::test]
async fn requests_one_after_the_other_share_a_connection() {
    let (neighbour, told) = neighbour(vec![vec![EMPTY, SHORT, CHUNKED, EMPTY]]);
    assert_eq!(post(&neighbour).await.unwrap(), (204, String::new()));
    assert_eq!(post(&neighbour).await.unwrap(), (202, "hello".to_owned()));
    assert_eq!(post(&neighbour).await.unwrap(), (400, "no".to_owned()));
    assert_eq!(post(&neighbour).await.unwrap(), (204, String::new()));
    let first = told.recv().unwrap().to_lowercase();
    assert!(first.starts_with("post /hook?key=a%20b http/1.1\r\n"), "{first}");
    for line in ["content-type: a/b", "content-length: 2", "host: 127.0.0.1:", "user-agent: o365-listener/"] {
        assert!(first.contains(&format!("\r\n{line}")), "{line}: {first}");
    }
}

#[tokio::test]
async fn a_connection_that_the_other_side_left_is_replaced() {
    let (neighbour, told) = neighbour(vec![vec![SHORT], vec![EMPTY], vec![]]);
    assert_eq!(post(&neighbour).await.unwrap().0, 202);
    left(&told).await;
    assert_eq!(post(&neighbour).await.unwrap().0, 204);
    left(&told).await;
    assert!(post(&neighbour).await.is_err(), "a new one that brings nothing is a failure");
}

#[tokio::test]
async fn a_connection_whose_answer_was_not_read_to_its_end_is_not_used_again() {
    let (neighbour, _told) = neighbour(vec![vec![LONG], vec![SHORT]]);
    let (status, body) = post(&neighbour).await.unwrap();
    assert_eq!(status, 200);
    assert!(body.len() >= 8 && LONG.contains(&body), "{body}");
    assert_eq!(post(&neighbour).await.unwrap(), (202, "hello".to_owned()));
}

#[tokio::test]
async fn nobody_there_is_a_failure_that_says_so() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = Url::parse(&format!("http://{free}/")).unwrap();
    let neighbour = Neighbour::at(&url, (true, 32), Clock::system()).unwrap();
    let failure = post(&neighbour).await.unwrap_err().to_string();
    assert!(failure.contains("refused"), "{failure}");
}

#[test]
fn only_what_is_reached_without_tls_is_a_neighbour() {
    let at = |text| Neighbour::at(&Url::parse(text).unwrap(), (true, 1), Clock::system());
    assert!(at("https://a.example/hook").is_none());
    assert!(at("http://a.example/hook").is_some_and(|neighbour| neighbour.port == 80));
    assert!(at("http://[::1]:8080").is_some_and(|neighbour| neighbour.name == "[::1]:8080"));
}
