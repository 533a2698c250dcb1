use std::net::SocketAddr;

use o365_listener::clock::Clock;
use o365_listener::office365::{Examined, Handshaker};
use rustls::ServerConfig;
use rustls::version::{TLS12, TLS13};

use super::authority::{Authority, Leaf};
use super::examined;
use super::host::{plain, raw, serve};

const HOST: &str = "localhost";

/// What somebody sees who trusts this authority as everybody trusts public ones.
async fn seen(authority: &Authority, tls: ServerConfig) -> Examined {
    let address = serve(Some(tls), |asked| plain(&asked.token())).await;
    seen_at(authority, address).await
}

async fn seen_at(authority: &Authority, address: SocketAddr) -> Examined {
    let handshaker = Handshaker::new(Clock::system()).trusting(authority.roots());
    examined(&handshaker, &format!("https://{HOST}:{}", address.port())).await
}

async fn problem(authority: &Authority, tls: ServerConfig) -> String {
    seen(authority, tls).await.notifications.unwrap_err().problem
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_chain_is_accepted_and_tells_when_it_ends() {
    let authority = Authority::until(2080);
    let leaf = authority.issue(HOST, 2040);
    let seen = seen(&authority, leaf.shown(&[&authority.middle])).await;
    assert!(seen.notifications.unwrap().starts_with("answers the handshake"));
    assert!(seen.lifecycle.unwrap().unwrap().starts_with("answers the handshake"));
    let tls = seen.tls.unwrap();
    assert_eq!((tls.version, tls.only_latest), ("TLS 1.3", false));
    assert_eq!(tls.ends.to_rfc3339(), "2040-01-01T00:00:00+00:00");
    assert!(seen.addresses.iter().any(std::net::IpAddr::is_loopback), "{:?}", seen.addresses);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_version_that_microsoft_may_use_is_tried() {
    let authority = Authority::until(2080);
    let leaf = authority.issue(HOST, 2040);
    let version = async |version| {
        let seen = seen(&authority, leaf.shown_by(&[&authority.middle], &[version])).await;
        seen.notifications.unwrap();
        let tls = seen.tls.unwrap();
        (tls.version, tls.only_latest)
    };
    assert_eq!(version(&TLS12).await, ("TLS 1.2", false));
    assert_eq!(version(&TLS13).await, ("TLS 1.3", true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_microsoft_refuses_is_told_with_why() {
    let authority = Authority::until(2080);
    let leaf = authority.issue(HOST, 2040);
    let (middle, root) = (&authority.middle, &authority.root);

    let said = problem(&authority, leaf.shown(&[])).await;
    assert!(
        said.contains("incomplete: the certificate of") && said.contains("CN=Test Middle is missing"),
        "{said}"
    );
    for own in [Leaf::own(HOST), Leaf::own_authority(HOST)] {
        let said = problem(&authority, own.shown(&[])).await;
        assert!(said.contains("CN=Test Own) is signed by itself"), "{said}");
    }
    let said = problem(&authority, authority.issue(HOST, 2021).shown(&[middle])).await;
    assert!(said.contains("its certificate ended on 2021-01-01"), "{said}");
    let said = problem(&authority, authority.issue("hooks.contoso.com", 2040).shown(&[middle])).await;
    assert!(said.contains("is for hooks.contoso.com and not for localhost"), "{said}");

    let stranger = Authority::until(2080);
    let said = problem(&stranger, leaf.shown(&[middle, root])).await;
    assert!(said.contains("CN=Test Root, whom this machine does not trust"), "{said}");
    let over = Authority::until(2021);
    let said = problem(&over, over.issue(HOST, 2040).shown(&[&over.middle])).await;
    assert!(said.contains("CN=Test Middle, which it sends along, ended on 2021-01-01"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_does_not_speak_tls_as_microsoft_does_is_told() {
    let authority = Authority::until(2080);
    let said = async |address| seen_at(&authority, address).await.notifications.unwrap_err().problem;
    // Fatal alert: protocol_version.
    let refused = said(raw(&[21, 3, 2, 0, 2, 2, 70]).await).await;
    assert!(refused.contains("speaks no TLS 1.2 or later"), "{refused}");
    // A server that chooses TLS 1.1: its ServerHello without extensions.
    let old = said(raw(&HELLO_1_1).await).await;
    assert!(old.contains("speaks no TLS 1.2 or later"), "{old}");
    let spoken = said(raw(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await).await;
    assert!(spoken.contains("speaks no TLS on port"), "{spoken}");
    let silent = said(raw(b"").await).await;
    assert!(silent.contains("closed without an answer"), "{silent}");
}

/// Record, handshake header, version, random, no session, `TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA`, no compression.
const HELLO_1_1: [u8; 47] = {
    let mut hello = [7; 47];
    let begin = [22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
    let mut at = 0;
    while at < begin.len() {
        hello[at] = begin[at];
        at += 1;
    }
    (hello[43], hello[44], hello[45], hello[46]) = (0, 0xc0, 0x13, 0);
    hello
};

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_wants_a_client_certificate_is_told() {
    let authority = Authority::until(2080);
    let leaf = authority.issue(HOST, 2040);
    let said = problem(&authority, leaf.shown_to_known(&[&authority.middle], &authority)).await;
    assert!(said.contains("asks for a client certificate"), "{said}");
}
