use reqwest::Method;

use super::bench::{Bench, READER, WRITER, read};

#[actix_web::test]
async fn every_call_but_health_wants_a_key() {
    let bench = Bench::with_keys().await;
    for path in ["/livez", "/readyz"] {
        assert_eq!(bench.get(path).await.0, 200, "{path}");
    }
    for path in ["/v1/status", "/v1/subscriptions", "/v1/events", "/v1/events/stream", "/metrics", "/nowhere"]
    {
        let answer = bench.request(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        let (status, problem) = read(answer).await;
        assert_eq!((status, problem["title"].as_str()), (401, Some("Unauthorized")), "{path}");
    }
    let answer = bench.request(Method::GET, "/v1/status").bearer_auth("guessed").send().await.unwrap();
    assert_eq!(answer.headers()["www-authenticate"], r#"Bearer error="invalid_token""#);
}

#[actix_web::test]
async fn a_key_for_reading_does_not_write() {
    let bench = Bench::with_keys().await;
    let ask = async |method, path, key| {
        let answer = bench.request(method, path).bearer_auth(key).send().await.unwrap();
        answer.status().as_u16()
    };
    assert_eq!(ask(Method::GET, "/v1/subscriptions", READER).await, 200);
    assert_eq!(ask(Method::GET, "/metrics", READER).await, 200);
    for (method, path) in [
        (Method::DELETE, "/v1/subscriptions/files"),
        (Method::POST, "/v1/subscriptions/files/renew"),
        (Method::POST, "/v1/subscriptions/files/fetch"),
    ] {
        assert_eq!(ask(method.clone(), path, READER).await, 403, "{path}");
        assert_eq!(ask(method, path, WRITER).await, 404, "{path}");
    }
}

#[actix_web::test]
async fn without_keys_other_sites_pages_are_kept_out() {
    let bench = Bench::new().await;
    let status = async |method, path, header: (&str, &str)| {
        let answer = bench.request(method, path).header(header.0, header.1).send().await.unwrap();
        read(answer).await.0
    };
    for (method, path) in [
        (Method::POST, "/v1/apply"),
        (Method::POST, "/v1/subscriptions/files/pause"),
        (Method::GET, "/v1/events"),
    ] {
        for header in [("origin", "https://evil.example"), ("host", "evil.example:8081")] {
            assert_eq!(status(method.clone(), path, header).await, 403, "{path} {header:?}");
        }
    }
    assert_eq!(status(Method::GET, "/livez", ("host", "probe.example")).await, 200);
    assert_eq!(status(Method::GET, "/v1/events", ("host", "localhost:8081")).await, 200);
    let bench = Bench::with_keys().await;
    let request = bench.request(Method::GET, "/v1/events").header("host", "events.contoso.example");
    assert_eq!(request.bearer_auth(READER).send().await.unwrap().status(), 200);
}
