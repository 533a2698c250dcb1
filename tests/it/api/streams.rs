use std::time::Duration;

use reqwest::Method;

use super::bench::{Bench, Block};

fn place(number: u64) -> Block {
    Block { id: Some(format!("{number:020}")), data: None }
}

#[actix_web::test]
async fn a_stream_tells_what_is_there_and_then_what_comes() {
    let bench = Bench::new().await;
    let id = bench.follow("files").await;
    bench.write(id, &["a", "b"]).await;
    let mut stream = bench.stream("/v1/events/stream").await;
    assert_eq!(stream.next().await, Some(place(0)));
    assert_eq!([stream.subject().await, stream.subject().await], ["a", "b"]);
    bench.write(id, &["c"]).await;
    bench.write(id, &["d"]).await;
    assert_eq!([stream.subject().await, stream.subject().await], ["c", "d"]);
}

#[actix_web::test]
async fn a_stream_from_latest_begins_with_its_place() {
    let bench = Bench::new().await;
    let id = bench.follow("files").await;
    bench.write(id, &["a", "b"]).await;
    let mut stream = bench.stream("/v1/events/stream?after=latest").await;
    assert_eq!(stream.next().await, Some(place(2)));
    bench.write(id, &["c"]).await;
    assert_eq!(stream.subject().await, "c");
}

#[actix_web::test]
async fn a_client_that_comes_back_goes_on_after_its_last_event() {
    let bench = Bench::new().await;
    let id = bench.follow("files").await;
    bench.write(id, &["a", "b", "c"]).await;
    let request = bench.request(Method::GET, "/v1/events/stream?after=latest");
    let answer = request.header("last-event-id", "00000000000000000001").send().await.unwrap();
    let mut stream = super::bench::Stream::of(answer);
    assert_eq!(stream.next().await, Some(place(1)));
    assert_eq!([stream.subject().await, stream.subject().await], ["b", "c"]);
    let request = bench.request(Method::GET, "/v1/events/stream").header("last-event-id", "nonsense");
    assert_eq!(request.send().await.unwrap().status(), 400);
}

#[actix_web::test]
async fn more_than_one_reading_holds_arrives_whole_and_in_order() {
    let bench = Bench::new().await;
    let id = bench.follow("files").await;
    let subjects: Vec<String> = (0..250).map(|number| number.to_string()).collect();
    bench.write(id, &subjects.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut stream = bench.stream("/v1/events/stream").await;
    for subject in subjects {
        assert_eq!(stream.subject().await, subject);
    }
}

#[actix_web::test]
async fn a_quiet_stream_beats_and_tells_what_it_passed_over() {
    let bench = Bench::new().await;
    let id = bench.follow("files").await;
    let mut stream = bench.stream("/v1/events/stream?type=*.created").await;
    assert_eq!(stream.next().await, Some(place(0)));
    assert_eq!(bench.while_time_passes(stream.next()).await, Some(Block::default()));
    bench.write(id, &["unwanted"]).await;
    let mut beats = Vec::new();
    while beats.last() != Some(&place(1)) {
        beats.extend(bench.while_time_passes(stream.next()).await);
        assert!(beats.len() < 10, "{beats:?}");
    }
    bench.write(id, &["new"]).await;
    assert_eq!(stream.subject().await, "new");
}

#[actix_web::test]
async fn streams_end_when_the_program_stops() {
    let bench = Bench::new().await;
    let mut stream = bench.stream("/v1/events/stream").await;
    assert_eq!(stream.next().await, Some(place(0)));
    bench.stop().await;
    assert_eq!(stream.next().await, None);
}

#[actix_web::test]
async fn a_stream_too_many_is_refused_until_one_has_ended() {
    let bench = Bench::with_streams(1).await;
    let mut first = bench.stream("/v1/events/stream").await;
    assert_eq!(first.next().await, Some(place(0)));
    let second = bench.request(Method::GET, "/v1/events/stream").send().await.unwrap();
    assert_eq!(second.status(), 503);
    assert!(second.headers().contains_key("retry-after"));
    drop(first);
    let freed = async {
        while bench.request(Method::GET, "/v1/events/stream").send().await.unwrap().status() != 200 {}
    };
    bench.clock.timeout(Duration::from_secs(5), freed).await.expect("a client that left is noticed");
}
