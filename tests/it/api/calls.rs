use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::bench::{Bench, read};
use o365_listener::model::Trouble;

#[actix_web::test]
async fn a_subscription_reads_as_documented() {
    let bench = Bench::new().await;
    let id = bench.follow("files").await;
    bench.write(id, &["a"]).await;
    let (status, shown) = bench.get("/v1/subscriptions/files").await;
    assert_eq!(status, 200);
    insta::assert_json_snapshot!(shown, @r#"
    {
      "error": null,
      "events": 1,
      "expires_at": "2027-01-18T08:00:00Z",
      "include_resource_data": false,
      "last_event_at": "2027-01-15T08:00:00Z",
      "last_fetch_at": "2027-01-15T08:00:00Z",
      "last_notification_at": "2027-01-15T08:00:00Z",
      "name": "files",
      "pending": false,
      "quarantined": 0,
      "remote_id": "remote-of-files",
      "renew_at": "2027-01-17T08:00:00Z",
      "resource": "drive:files",
      "start": "now",
      "state": "active",
      "tenant": "fabrikam",
      "via": "graph"
    }
    "#);
    let (_, listed) = bench.get("/v1/subscriptions").await;
    assert_eq!(listed, json!({ "subscriptions": [shown] }));
}

#[actix_web::test]
async fn what_is_not_there_is_a_problem() {
    let bench = Bench::new().await;
    for (method, path, status) in [
        (Method::GET, "/", 404),
        (Method::GET, "/v1/plans", 404),
        (Method::POST, "/openapi.json", 405),
        (Method::GET, "/v1/subscriptions/files", 404),
        (Method::GET, "/v1/subscriptions/No%20Name", 404),
        (Method::POST, "/v1/subscriptions/files/resync", 404),
        (Method::POST, "/v1/subscriptions/files/renew", 404),
        (Method::POST, "/v1/subscriptions/files/fetch", 404),
        (Method::DELETE, "/v1/subscriptions/files", 404),
        (Method::PUT, "/v1/subscriptions/files", 405),
        (Method::POST, "/v1/events", 405),
        (Method::POST, "/livez", 405),
    ] {
        let answer = bench.request(method.clone(), path).send().await.unwrap();
        let allow = answer.headers().get("allow").cloned();
        assert_eq!(allow.is_some(), status == 405, "{method} {path}");
        let (found, problem) = read(answer).await;
        assert_eq!(found, status, "{method} {path}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], "about:blank");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    }
}

#[actix_web::test]
async fn a_bad_body_is_a_problem_that_says_what_is_wrong() {
    let bench = Bench::new().await;
    let good = json!({"name": "a", "tenant": "nobody", "resource": "drive:a"}).to_string();
    for (body, status, words) in [
        ("", 400, "there is no body"),
        ("{", 400, "EOF"),
        (r#"{"name":"a","tenant":"b","resource":"drive:a","colour":1}"#, 400, "unknown field `colour`"),
        (r#"{"name":"a","tenant":"b","resource":"tree:a"}"#, 400, "'tree:a' is not a resource address"),
        (&" ".repeat(70_000), 413, "larger than"),
        (&good, 400, "no tenant 'nobody'"),
    ] {
        let request =
            bench.request(Method::POST, "/v1/subscriptions").header("content-type", "application/json");
        let (found, problem) = read(request.body(body.to_owned()).send().await.unwrap()).await;
        assert_eq!(found, status, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
    }
    let plain = bench.request(Method::POST, "/v1/subscriptions").body(good).send().await.unwrap();
    assert_eq!(read(plain).await.0, 415);
}

#[actix_web::test]
async fn a_body_that_never_comes_is_not_waited_for() {
    let json = "content-type: application/json\r\n";
    let length = format!("{json}content-length: 100\r\n\r\n{{\"n");
    let chunks = format!("{json}transfer-encoding: chunked\r\n\r\n3\r\n{{\"n\r\n");
    let keys = Bench::with_keys().await;
    let (call, open) = ("POST /v1/subscriptions", "GET /livez");
    for (bench, call, body, answer) in [
        (&Bench::new().await, call, &length, "408 "),
        (&Bench::new().await, call, &chunks, "408 "),
        (&keys, call, &length, "401 "),
        (&keys, call, &chunks, "401 "),
        (&keys, open, &chunks, "408 "),
    ] {
        let address = bench.url().trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("{call} HTTP/1.1\r\nhost: {address}\r\n{body}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answered = String::new();
        stream.read_to_string(&mut answered).await.unwrap();
        assert!(answered.starts_with(&format!("HTTP/1.1 {answer}")), "{answered}");
    }
}

/// Two are followed, of which one has told of something and then fails.
async fn one_in_trouble(bench: &Bench) {
    let id = bench.follow("files").await;
    bench.follow("letters").await;
    bench.write(id, &["a", "b"]).await;
    let trouble = Trouble {
        code: "Authorization_RequestDenied".into(),
        message: "a permission is missing".into(),
        transient: false,
        next_attempt_at: Some(bench.clock.now()),
    };
    bench.store.failed(id, &trouble).await.unwrap();
}

#[actix_web::test]
async fn the_status_tells_what_a_front_page_needs() {
    let bench = Bench::new().await;
    one_in_trouble(&bench).await;
    bench.clock.advance(std::time::Duration::from_secs(90));
    let (status, document) = bench.get("/v1/status").await;
    assert_eq!(status, 200);
    insta::assert_json_snapshot!(document, @r#"
    {
      "credentials": [],
      "endpoint": {
        "answers": 0,
        "over_10s": 0.0,
        "over_3s": 0.0,
        "state": "good"
      },
      "inbox": {
        "oldest_age_seconds": 0,
        "oldest_at": null,
        "pending": 0
      },
      "log": {
        "events": 2,
        "latest": "00000000000000000002",
        "oldest": "00000000000000000000"
      },
      "sinks": [],
      "started_at": "2027-01-15T08:00:00Z",
      "store": {
        "error": null,
        "failed_commits": 0,
        "writable": true
      },
      "subscriptions": {
        "by_state": {
          "active": 1,
          "creating": 0,
          "expired": 0,
          "failing": 1,
          "paused": 0,
          "removed": 0
        },
        "last_event_at": "2027-01-15T08:00:00Z",
        "last_notification_at": "2027-01-15T08:00:00Z",
        "next_expiry": {
          "expires_at": "2027-01-18T08:00:00Z",
          "subscription": "files"
        },
        "quarantined": 0,
        "reading": [],
        "reading_total": 0,
        "suspicious": 0,
        "total": 2,
        "troubled": [
          {
            "error": {
              "code": "Authorization_RequestDenied",
              "message": "a permission is missing",
              "next_attempt_at": "2027-01-15T08:00:00Z",
              "transient": false
            },
            "name": "files",
            "state": "failing"
          }
        ],
        "troubled_total": 1
      },
      "tenants": [
        "fabrikam"
      ],
      "throttled": [],
      "uptime_seconds": 90,
      "version": "1.2.3"
    }
    "#);
}

#[actix_web::test]
async fn the_metrics_are_read_from_the_store() {
    let bench = Bench::new().await;
    bench.follow("files").await;
    let answer = bench.request(Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text().await.unwrap();
    for line in [
        r#"o365_subscriptions{state="active"} 1"#,
        r#"o365_subscriptions{state="failing"} 0"#,
        r#"o365_subscription_expires_seconds{subscription="files"} 259200.0"#,
        "o365_inbox_pending 0",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
    }
}

#[actix_web::test]
async fn a_listener_that_stops_is_alive_but_not_ready() {
    let bench = Bench::new().await;
    assert_eq!(bench.get("/readyz").await, (200, json!({"status": "ready"})));
    bench.stopping.cancel();
    assert_eq!(bench.get("/livez").await, (200, json!({"status": "live"})));
    assert_eq!(bench.get("/readyz").await.0, 503);
}

#[actix_web::test]
async fn a_listener_whose_store_is_gone_is_not_ready() {
    let bench = Bench::new().await;
    bench.store.close().await;
    assert_eq!(bench.get("/livez").await.0, 200);
    assert_eq!(bench.get("/readyz").await.0, 503);
}
