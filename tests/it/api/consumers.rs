//! Named consumers: the listener keeps how far each has read.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::bench::{Bench, READER, WRITER, read};
use super::events::subjects;

impl Bench {
    async fn commit(&self, name: &str, cursor: &Value) -> (u16, Value) {
        let path = format!("/v1/consumers/{name}/commit");
        read(self.request(Method::POST, &path).json(&json!({"cursor": cursor})).send().await.unwrap()).await
    }
}

#[actix_web::test]
async fn what_was_not_committed_is_read_again() {
    let bench = Bench::new().await;
    let id = bench.follow("files").await;
    bench.write(id, &["a", "b", "c"]).await;
    for _ in 0..2 {
        let (status, page) = bench.get("/v1/consumers/bi/events?limit=2").await;
        assert_eq!((status, subjects(&page)), (200, vec!["a".to_owned(), "b".to_owned()]));
    }
    let (_, page) = bench.get("/v1/consumers/bi/events?limit=2").await;
    let (status, mut consumer) = bench.commit("bi", &page["next"]).await;
    assert!(consumer.as_object_mut().unwrap().remove("committed_at").is_some());
    let expected = json!({"name": "bi", "cursor": "00000000000000000002", "lag": 1, "lost": 0});
    assert_eq!((status, &consumer), (200, &expected));
    let (_, page) = bench.get("/v1/consumers/bi/events").await;
    assert_eq!(subjects(&page), ["c"]);
    let (_, other) = bench.get("/v1/consumers/audit/events").await;
    assert_eq!(subjects(&other).len(), 3, "each has a place of its own");
    let metrics = bench.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains(r#"o365_consumer_lag_events{consumer="bi"} 1"#), "{metrics}");
    assert!(!metrics.contains("audit"), "it has not committed anything");
}

#[actix_web::test]
async fn two_readers_of_one_name_lose_nothing() {
    let bench = Bench::new().await;
    let id = bench.follow("files").await;
    bench.write(id, &["a", "b", "c", "d"]).await;
    let (_, slow) = bench.get("/v1/consumers/bi/events?limit=2").await;
    let (_, fast) = bench.get("/v1/consumers/bi/events?limit=4").await;
    bench.commit("bi", &fast["next"]).await;
    let (status, consumer) = bench.commit("bi", &slow["next"]).await;
    assert_eq!((status, &consumer["cursor"]), (200, &json!("00000000000000000004")), "it does not go back");
    let (_, page) = bench.get("/v1/consumers/bi/events").await;
    assert_eq!((subjects(&page).len(), &page["next"]), (0, &json!("00000000000000000004")));
}

#[actix_web::test]
async fn a_consumer_sees_only_what_it_asks_for_and_may_wait_for_it() {
    let bench = Bench::new().await;
    let other = bench.follow("other").await;
    bench.write(other, &["x"]).await;
    let files = bench.follow("files").await;
    let write = bench.write(files, &["a"]);
    let wait = bench.get("/v1/consumers/bi/events?subscription=fil*&type=o365.driveItem.*&wait=30");
    let ((status, page), ()) = tokio::join!(wait, write);
    assert_eq!((status, subjects(&page)), (200, vec!["a".to_owned()]));
}

#[actix_web::test]
async fn who_was_away_for_too_long_is_told_what_it_lost_and_how_to_go_on() {
    let bench = Bench::new().await;
    let id = bench.follow("files").await;
    bench.write(id, &["a", "b"]).await;
    bench.commit("bi", &json!("1")).await;
    bench.write(id, &["c"]).await;
    bench.clock.advance(Duration::from_secs(60));
    bench.write(id, &["d"]).await;
    bench.store.sweep_out(bench.clock.now(), 1000).await.unwrap();
    let (status, problem) = bench.get("/v1/consumers/bi/events").await;
    assert_eq!((status, &problem["lost"]), (410, &json!(2)), "{problem}");
    let (_, listed) = bench.get("/v1/consumers").await;
    let listed = &listed["consumers"][0];
    assert_eq!((&listed["name"], &listed["lag"], &listed["lost"]), (&json!("bi"), &json!(1), &json!(2)));
    assert_eq!(bench.commit("bi", &problem["oldest"]).await.0, 200);
    let (_, page) = bench.get("/v1/consumers/bi/events").await;
    assert_eq!(subjects(&page), ["d"]);
}

#[actix_web::test]
async fn a_commit_of_what_is_not_there_is_refused() {
    let bench = Bench::new().await;
    let (status, problem) = bench.commit("bi", &json!("00000000000000000001")).await;
    assert_eq!((status, &problem["latest"]), (400, &json!("00000000000000000000")), "{problem}");
    for (body, status) in [(json!("yesterday"), 400), (json!(7), 400), (json!("0"), 200)] {
        assert_eq!(bench.commit("bi", &body).await.0, status, "{body}");
    }
    assert_eq!(bench.get("/v1/consumers/Not_a_name/events").await.0, 404);
    assert_eq!(bench.get("/v1/consumers/bi/events?after=1").await.0, 400, "the place is the consumer's");
}

#[actix_web::test]
async fn a_key_for_reading_commits_but_does_not_remove() {
    let bench = Bench::with_keys().await;
    let ask = async |method, path, key| {
        let request = bench.request(method, path).bearer_auth(key).json(&json!({"cursor": "0"}));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask(Method::POST, "/v1/consumers/bi/commit", READER).await, 200);
    assert_eq!(ask(Method::DELETE, "/v1/consumers/bi", READER).await, 403);
    assert_eq!(ask(Method::DELETE, "/v1/consumers/bi", WRITER).await, 204);
    assert_eq!(ask(Method::DELETE, "/v1/consumers/bi", WRITER).await, 404);
    let nobody = bench.request(Method::POST, "/v1/consumers/bi/commit").json(&json!({"cursor": "0"}));
    assert_eq!(nobody.send().await.unwrap().status(), 401);
}

#[actix_web::test]
async fn what_cannot_be_read_is_told_in_plain_words() {
    let bench = Bench::new().await;
    let told = async |path: &str, body: &'static str| {
        let request = bench.request(Method::POST, path).header("content-type", "application/json").body(body);
        let (status, problem) = read(request.send().await.unwrap()).await;
        (status, problem["detail"].as_str().unwrap().to_owned())
    };
    for (path, body, status, detail) in [
        (
            "/v1/consumers/bi/commit",
            r#"{"cursor": "latest"}"#,
            400,
            "'latest' is not a cursor: use the `next` or `sequence` that an earlier answer gave (line 1, column 20 of the body)",
        ),
        ("/v1/subscriptions", "[]", 400, "the body is no JSON object: send one, {…}"),
        ("/v1/subscriptions", "7", 400, "the body is no JSON object: send one, {…}"),
        ("/v1/subscriptions", "", 400, "there is no body: send a JSON object, {…}"),
        ("/v1/sinks/orders/retry", "[]", 400, "the body is no JSON object: send one, {…}"),
        (
            "/v1/consumers/NOPE/commit",
            r#"{"cursor": "1"}"#,
            404,
            "'NOPE' is not a name: use 1 to 63 lower-case letters, digits and '-', beginning with a letter or digit",
        ),
    ] {
        assert_eq!(told(path, body).await, (status, detail.to_owned()), "{path} {body}");
    }
}
