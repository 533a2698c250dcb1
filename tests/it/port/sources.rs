use o365_listener::config::{self, Listen};
use o365_listener::receive::Sources;

use super::client::{Answer, Client, notification, post};
use crate::receive::bench::Bench;

/// The receiver, as these lines of `[listen]` want it.
async fn bench(lines: &str) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, format!("public_url = \"https://a\"\n[listen]\n{lines}\n")).unwrap();
    let listen: Listen = config::load(&file, []).unwrap().listen;
    Bench::with_sources(Sources::new(&listen)).await
}

/// What a notification and a handshake with these headers are answered.
async fn answers(bench: &Bench, headers: &str) -> (u16, u16) {
    let address = bench.serve();
    let request = post(headers, &notification(&bench.client_state()));
    let notified = Client::connect(address).await.ask(request).await.unwrap().status;
    let handshake = format!("GET /lifecycle?validationToken=a HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
    let Answer { status, body, .. } = Client::connect(address).await.ask(handshake).await.unwrap();
    assert_eq!(body, if status == 200 { "a" } else { "" });
    (notified, status)
}

#[actix_web::test]
async fn without_networks_everybody_may_notify() {
    let bench = bench("").await;
    assert_eq!(answers(&bench, "x-forwarded-for: 192.0.2.1\r\n").await, (202, 200));
}

#[actix_web::test]
async fn who_comes_from_elsewhere_is_refused_and_counted() {
    let bench = bench("allow_from = [\"20.20.32.0/19\"]").await;
    assert_eq!(answers(&bench, "").await, (403, 403));
    assert_eq!(answers(&bench, "x-forwarded-for: 20.20.32.1\r\n").await, (403, 403), "who says so is nobody");
    assert_eq!(bench.count("refused_requests_total{reason=\"source\"}"), 4);
    assert!(!bench.fetch_was_asked().await);
    assert_eq!(bench.store.depth().await.unwrap().pending, 0);
}

#[actix_web::test]
async fn a_trusted_proxy_says_whom_a_request_comes_from() {
    let bench = bench(
        "allow_from = [\"20.20.32.0/19\", \"2001:db8::/32\"]\ntrusted_proxies = [\"127.0.0.0/8\", \"10.0.0.0/8\"]",
    )
    .await;
    for (headers, expected) in [
        ("x-forwarded-for: 20.20.32.1\r\n", (202, 200)),
        ("x-forwarded-for: 20.20.32.1:4711, 10.0.0.1\r\n", (202, 200)),
        ("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 2001:db8::7\r\n", (202, 200)),
        ("x-forwarded-for: 20.20.32.1, 192.0.2.1\r\n", (403, 403)),
        ("x-forwarded-for: 20.20.32.1\r\nx-forwarded-for: 192.0.2.1\r\n", (403, 403)),
        ("x-forwarded-for: 20.20.32.1, unknown\r\n", (403, 403)),
        ("x-forwarded-for: \r\n", (403, 403)),
        ("forwarded: for=20.20.32.1\r\n", (403, 403)),
        ("", (403, 403)),
    ] {
        assert_eq!(answers(&bench, headers).await, expected, "{headers}");
    }
}

#[actix_web::test]
async fn where_it_is_only_reported_everybody_is_served_and_counted() {
    let bench = bench("allow_from = [\"20.20.32.0/19\"]\nallow_mode = \"report\"").await;
    assert_eq!(answers(&bench, "").await, (202, 200));
    assert_eq!(bench.count("refused_requests_total{reason=\"source_reported\"}"), 2);
    assert_eq!(bench.counted("change", "stored"), 1);
}
