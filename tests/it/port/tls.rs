use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use o365_listener::app::{self, App};
use o365_listener::clock::Clock;
use o365_listener::config::{self, Tls};
use o365_listener::port::{CertificateRenewal, Pair, PairError, Shown, server_config};
use o365_listener::tasks::Task;
use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use super::client::{Client, notification, post};
use super::closed;
use crate::receive::bench::Bench;

/// The files of a port, and what is put there.
struct Files {
    folder: TempDir,
    files: Tls,
}

impl Files {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let files = Tls { certificate: folder.path().join("tls.pem"), key: folder.path().join("tls.key") };
        Self { folder, files }
    }

    fn put(&self, certificate: &str, key: &str) {
        std::fs::write(&self.files.certificate, certificate).unwrap();
        std::fs::write(&self.files.key, key).unwrap();
    }

    /// Puts a new pair that ends in this year there.
    fn renew(&self, year: i32) -> CertificateDer<'static> {
        let (certificate, key) = pair(&rcgen::PKCS_ECDSA_P256_SHA256, year);
        self.put(&certificate.pem(), &key.serialize_pem());
        certificate.der().clone()
    }
}

fn pair(algorithm: &'static rcgen::SignatureAlgorithm, year: i32) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    (params.self_signed(&key).unwrap(), key)
}

async fn connect(
    address: SocketAddr,
    trusted: &CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&str],
) -> std::io::Result<Client<TlsStream<TcpStream>>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let socket = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    Ok(Client::over(TlsConnector::from(Arc::new(config)).connect(name, socket).await?))
}

/// As Office 365 would.
async fn trusting(
    address: SocketAddr,
    trusted: &CertificateDer<'static>,
) -> std::io::Result<Client<TlsStream<TcpStream>>> {
    connect(address, trusted, rustls::ALL_VERSIONS, &["http/1.1"]).await
}

/// The notification port of `bench` with the pair in `files`, and what keeps that fresh.
fn serve(bench: &Bench, files: &Files) -> (SocketAddr, CertificateRenewal) {
    let pair = Pair::read(&files.files).unwrap();
    let shown = Arc::new(Shown::new(&pair));
    let config = server_config(shown.clone()).unwrap();
    let renewal = CertificateRenewal::new(
        "listen",
        files.files.clone(),
        (&pair, shown),
        bench.clock.clone(),
        bench.metrics(),
    );
    (bench.serve_with(100, Some(config)), renewal)
}

async fn look(renewal: &CertificateRenewal) {
    renewal.work_off(&CancellationToken::new()).await.expect("when to look again");
}

#[actix_web::test]
async fn both_versions_are_spoken_and_http_1_1_alone() {
    let (bench, files) = (Bench::new().await, Files::new());
    let trusted = files.renew(2040);
    let (address, _) = serve(&bench, &files);
    let request = post("", &notification(&bench.client_state()));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for alpn in [&["h2", "http/1.1"][..], &["http/1.1"], &[]] {
            let mut client = connect(address, &trusted, &[version], alpn).await.unwrap();
            let chosen = client.stream.get_ref().1.alpn_protocol();
            assert_eq!(chosen, alpn.last().map(|name| name.as_bytes()), "{version:?} {alpn:?}");
            assert!(client.shake().await);
            assert_eq!(client.ask(&request).await.unwrap().status, 202);
        }
    }
    assert!(connect(address, &trusted, rustls::ALL_VERSIONS, &["h2"]).await.is_err());
    let (stranger, _) = pair(&rcgen::PKCS_ECDSA_P256_SHA256, 2040);
    assert!(trusting(address, stranger.der()).await.is_err());
    assert!(
        Client::connect(address).await.ask("GET / HTTP/1.1\r\n\r\n").await.is_none_or(|a| a.status != 200)
    );
    closed(&bench, "tls", 3).await;
}

#[actix_web::test]
async fn slow_senders_are_ended_within_tls_too() {
    let (bench, files) = (Bench::new().await, Files::new());
    let trusted = files.renew(2040);
    let (address, _) = serve(&bench, &files);
    let head = format!("POST /notifications HTTP/1.1\r\nhost: x\r\nx: {}", "a".repeat(1000));
    // The beginning of a TLS handshake that does not go on.
    let handshake = async { Client::connect(address).await.ask([0x16, 3, 1, 2, 0, 1]).await };
    let silent = async { Client::connect(address).await.answer().await };
    let first_head = async { trusting(address, &trusted).await.unwrap().trickle(head.as_bytes()).await };
    let second_head = async {
        let mut client = trusting(address, &trusted).await.unwrap();
        assert!(client.shake().await);
        client.trickle(head.as_bytes()).await
    };
    let clock = Clock::system();
    let all =
        [silent.boxed_local(), handshake.boxed_local(), first_head.boxed_local(), second_head.boxed_local()];
    let answers = clock.timeout(Duration::from_secs(20), join_all(all)).await.expect("all of them are ended");
    assert_eq!(answers, [None, None, None, None]);
    closed(&bench, "slow", 4).await;
}

#[actix_web::test]
async fn a_renewed_pair_is_shown_without_a_restart() {
    let (bench, files) = (Bench::new().await, Files::new());
    let old = files.renew(2040);
    let (address, renewal) = serve(&bench, &files);
    look(&renewal).await;
    let mut before = trusting(address, &old).await.unwrap();

    let new = files.renew(2041);
    look(&renewal).await;
    assert!(trusting(address, &new).await.unwrap().shake().await);
    assert!(trusting(address, &old).await.is_err());
    assert!(before.shake().await, "who is connected stays so");

    let (certificate, key) = pair(&rcgen::PKCS_RSA_SHA256, 2042);
    files.put(&certificate.pem(), &key.serialize_pem());
    look(&renewal).await;
    assert!(trusting(address, certificate.der()).await.unwrap().shake().await, "of another kind, too");
    let left = bench.gauge("tls_certificate_expires_seconds{port=\"listen\"}");
    let end = chrono::DateTime::parse_from_rfc3339("2042-01-01T00:00:00Z").unwrap();
    assert!((left - (end.to_utc() - bench.clock.now()).as_seconds_f64()).abs() < 1.0, "{left}");
}

#[actix_web::test]
async fn what_cannot_be_used_changes_nothing_but_the_metric() {
    let (bench, files) = (Bench::new().await, Files::new());
    let good = files.renew(2040);
    let (address, renewal) = serve(&bench, &files);
    let (certificate, key) =
        (std::fs::read(&files.files.certificate).unwrap(), std::fs::read(&files.files.key).unwrap());
    let stale = || bench.gauge("tls_certificate_stale{port=\"listen\"}");
    let (other, other_key) = pair(&rcgen::PKCS_ECDSA_P256_SHA256, 2041);
    let (ended, ended_key) = pair(&rcgen::PKCS_ECDSA_P256_SHA256, 2021);
    files.put(&other.pem(), &String::from_utf8(key.clone()).unwrap());
    look(&renewal).await;
    assert!(stale() < 0.5, "one of the two may just be being written");
    for (certificate, key) in [
        (other.pem(), String::from_utf8(key.clone()).unwrap()),
        (String::from_utf8(certificate.clone()).unwrap(), other_key.serialize_pem()),
        ("nonsense".to_owned(), other_key.serialize_pem()),
        (other.pem(), String::new()),
        (ended.pem(), ended_key.serialize_pem()),
    ] {
        files.put(&certificate, &key);
        look(&renewal).await;
        look(&renewal).await;
        assert!(stale() > 0.5, "{certificate}{key}");
        assert!(trusting(address, &good).await.unwrap().shake().await);
    }
    std::fs::remove_file(&files.files.key).unwrap();
    look(&renewal).await;
    look(&renewal).await;
    assert!(stale() > 0.5, "the file has gone");
    assert!(trusting(address, &good).await.unwrap().shake().await);
    std::fs::write(&files.files.certificate, certificate).unwrap();
    std::fs::write(&files.files.key, key).unwrap();
    look(&renewal).await;
    assert!(stale() < 0.5, "the one that is shown is back");
    assert!(trusting(address, &good).await.unwrap().shake().await);
}

#[test]
fn what_is_no_pair_is_told_with_its_file() {
    let files = Files::new();
    let name = |file: &PathBuf| file.display().to_string();
    let said = || Pair::read(&files.files).unwrap_err().to_string();
    assert!(said().starts_with(&format!("{} cannot be read", name(&files.files.certificate))), "{}", said());
    let (one, key) = pair(&rcgen::PKCS_ECDSA_P256_SHA256, 2040);
    let (_, other) = pair(&rcgen::PKCS_RSA_SHA256, 2040);
    files.put("", &key.serialize_pem());
    assert!(said().starts_with(&format!("{} holds no usable certificate", name(&files.files.certificate))));
    files.put(&one.pem(), "");
    assert!(said().starts_with(&format!("{} holds no usable private key", name(&files.files.key))));
    files.put(&one.pem(), &other.serialize_pem());
    assert!(matches!(Pair::read(&files.files), Err(PairError::Apart { .. })), "{}", said());
    drop(files.folder);
}

/// A configuration with both ports in TLS; what it follows is nothing.
fn configuration(files: &Files) -> config::Config {
    let pair = format!(
        "certificate = \"{}\"\nkey = \"{}\"\n",
        files.files.certificate.display(),
        files.files.key.display()
    );
    let text = format!(
        "public_url = \"https://localhost\"\n[listen]\nnotifications = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n[listen.tls]\n{pair}\
         [admin.tls]\n{pair}[store]\nurl = \"sqlite:{}\"\n",
        files.folder.path().join("store.db").display()
    );
    let file = files.folder.path().join("config.toml");
    std::fs::write(&file, text).unwrap();
    config::load(&file, []).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_listener_speaks_tls_on_both_ports_and_takes_a_new_certificate() {
    let files = Files::new();
    let old = files.renew(2040);
    let clock = Clock::manual(Clock::system().now());
    let app = App::start(configuration(&files), clock.clone()).await.unwrap();
    let live = "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n";
    assert!(trusting(app.notifications_address(), &old).await.unwrap().shake().await);
    assert_eq!(trusting(app.admin_address(), &old).await.unwrap().ask(live).await.unwrap().status, 200);
    let new = files.renew(2041);
    crate::listener::eventually("the new one is shown on both ports", async || {
        clock.advance(Duration::from_secs(10));
        trusting(app.notifications_address(), &new).await.is_ok()
            && trusting(app.admin_address(), &new).await.is_ok()
    })
    .await;
    let metrics = "GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let metrics = trusting(app.admin_address(), &new).await.unwrap().ask(metrics).await.unwrap().body;
    for port in ["listen", "admin"] {
        assert!(metrics.contains(&format!("o365_tls_certificate_stale{{port=\"{port}\"}} 0")), "{metrics}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_without_a_usable_pair_does_not_start_and_says_why() {
    let files = Files::new();
    let error = App::start(configuration(&files), Clock::system()).await.err().expect("no files");
    let said = format!("{error:#}");
    assert!(
        said.starts_with("[listen.tls] cannot be used: ") && said.contains("tls.pem cannot be read"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn check_looks_at_the_pairs() {
    let files = Files::new();
    files.renew(2040);
    let found = async || {
        let findings = app::check(&configuration(&files), &Clock::system()).await;
        let finding =
            findings.into_iter().find(|finding| finding.subject.starts_with("[admin.tls]")).unwrap();
        (finding.problem, finding.note)
    };
    assert_eq!(found().await, (None, Some("ends on 2040-01-01".to_owned())));
    files.renew(2021);
    let (problem, _) = found().await;
    assert!(problem.unwrap().ends_with("ended on 2021-01-01: renew it"));
    files.put("", "");
    assert!(found().await.0.unwrap().contains("holds no usable certificate"));
}
