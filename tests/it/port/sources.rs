use o365_listener::app::{self, App};
use o365_listener::clock::Clock;
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

#[tokio::test(flavor = "multi_thread")]
async fn check_says_so_where_this_machine_may_not_notify() {
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let file = folder.path().join("config.toml");
    let text = format!(
        "public_url = \"http://{port}\"\n[listen]\nnotifications = \"{port}\"\nadmin = \"127.0.0.1:0\"\n\
         allow_from = [\"20.20.32.0/19\"]\n[store]\nurl = \"sqlite:{}\"\n",
        folder.path().join("store.db").display()
    );
    std::fs::write(&file, text).unwrap();
    let config = config::load(&file, []).unwrap();
    let public_url = async || {
        let findings = app::check(&config, &Clock::system()).await;
        let finding = findings.into_iter().find(|finding| finding.subject.starts_with("public URL")).unwrap();
        assert_eq!(finding.problem, None);
        finding.note.unwrap()
    };
    assert!(public_url().await.starts_with("answers the handshake, in "), "which check answers itself");
    let app = App::start(config.clone(), Clock::system()).await.unwrap();
    assert!(public_url().await.starts_with("refuses this machine"), "which the listener does");
    app.stop().await;
}
