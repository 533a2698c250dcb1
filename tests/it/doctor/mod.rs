//! `check` as a doctor: each thing that can be wrong with a public URL, made wrong for real.

pub mod authority;
pub mod host;
mod listener;
mod tenants;
mod tls;

use std::net::SocketAddr;
use std::time::Duration;

use o365_listener::clock::Clock;
use o365_listener::office365::{Examined, Handshaker, Patience};
use url::Url;

use host::{Asked, PLAIN, Reply, bytes, decoded, http, plain, serve};

fn address(base: &str, path: &str) -> Url {
    format!("{base}/{path}").parse().unwrap()
}

async fn examined(handshaker: &Handshaker, base: &str) -> Examined {
    handshaker.examine(&address(base, "notifications"), &address(base, "lifecycle")).await
}

fn over_http(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// What is said of a host that answers like this.
async fn said(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Result<String, String> {
    let address = serve(None, answer).await;
    let examined = examined(&Handshaker::new(Clock::system()), &over_http(address)).await;
    examined.notifications.map_err(|unshaken| unshaken.problem)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_is_asked_for_as_microsoft_does() {
    let address = serve(None, |asked| {
        let head = asked.head.to_lowercase();
        let right = asked.head.starts_with("POST ")
            && head.contains("content-type: text/plain; charset=utf-8\r\n")
            && head.contains("content-length: 0\r\n")
            && !head.contains("user-agent:")
            && !head.contains("accept-encoding:");
        // The colon and the spaces of a sentence, as .NET writes them.
        let encoded = asked.raw().starts_with("Validation%3a+");
        if right && encoded { plain(&asked.token()) } else { http(400, "", &asked.head) }
    })
    .await;
    let examined = examined(&Handshaker::new(Clock::system()), &over_http(address)).await;
    assert!(examined.notifications.unwrap().starts_with("answers the handshake, in "));
    assert!(examined.lifecycle.unwrap().unwrap().starts_with("answers the handshake, in "));
    assert_eq!(examined.tls, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_that_is_altered_is_told_with_how() {
    let altered = |change: fn(&Asked) -> String| async move {
        said(move |asked| plain(&change(asked))).await.expect_err("it is altered")
    };
    assert!(altered(|asked| format!("\u{feff}{}", asked.token())).await.contains("byte order mark"));
    assert!(altered(|asked| format!("\"{}\"", asked.token())).await.contains("in quotes, as JSON"));
    let surrounded = altered(|asked| format!("{{\"validationToken\": \"{}\"}}", asked.token())).await;
    assert!(surrounded.contains("was put around it"), "{surrounded}");
    assert!(altered(|asked| format!("{}\n", asked.token())).await.contains("a line's end was added"));
    assert!(altered(|asked| asked.raw().to_owned()).await.contains("was not decoded"));
    assert!(altered(|asked| decoded(&asked.token())).await.contains("decoded twice"));
    let spaces_left = altered(|asked| asked.token().replace(' ', "+")).await;
    assert!(spaces_left.contains("+ was left"), "{spaces_left}");
    assert!(altered(|asked| asked.token()[..11].to_owned()).await.contains("cut off"));
    assert!(altered(|_| String::new()).await.contains("the answer is empty"));
    assert!(altered(|_| "welcome".to_owned()).await.contains("something else comes instead"));
    let page = altered(|_| "<!doctype html><form>Sign in <input type=password>".to_owned()).await;
    assert!(page.contains("a page to sign in comes instead") && page.contains("excluded paths"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_before_the_listener_is_told() {
    let status = |status, headers: &'static str| async move {
        said(move |_| http(status, headers, "")).await.expect_err("it is refused")
    };
    assert!(status(401, "www-authenticate: Bearer\r\n").await.contains("a sign-in stands before it"));
    assert!(status(403, "").await.contains("a firewall, a sign-in"));
    assert!(status(404, "").await.contains("a proxy changes the path /notifications"));
    assert!(status(405, "").await.contains("POST is not accepted"));
    assert!(status(502, "").await.contains("does not reach the notification port"));
    let moved = status(301, "location: https://www.contoso.com/x/notifications\r\n").await;
    assert!(
        moved.contains("follows none") && moved.ends_with("public_url to https://www.contoso.com/x"),
        "{moved}"
    );
    let easy = status(302, "location: https://login.windows.net/common/oauth2/authorize?nonce=1\r\n").await;
    assert!(easy.contains("a sign-in stands before it") && !easy.contains("nonce"), "{easy}");
    let json =
        said(|asked| http(200, "content-type: application/json\r\n", &asked.token())).await.unwrap_err();
    assert!(json.contains("as application/json where the handshake wants text/plain"), "{json}");
    let packed = said(|asked| http(200, &format!("{PLAIN}content-encoding: gzip\r\n"), &asked.token())).await;
    assert!(packed.unwrap_err().contains("compresses its answer"));
    let closed = said(|_| Reply::Close).await.unwrap_err();
    assert!(closed.contains("cannot be reached (connection closed before message completed)"), "{closed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firewall_that_dislikes_other_tokens_is_a_warning() {
    let address =
        serve(
            None,
            |asked| {
                if asked.raw().contains("%25") { http(403, "", "") } else { plain(&asked.token()) }
            },
        )
        .await;
    let examined = examined(&Handshaker::new(Clock::system()), &over_http(address)).await;
    let note = examined.notifications.unwrap();
    assert!(note.starts_with("warning: ") && note.contains("is refused (403)"), "{note}");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_addresses_are_tried() {
    let address = serve(None, |asked| {
        if asked.target.starts_with("/lifecycle") { http(404, "", "") } else { plain(&asked.token()) }
    })
    .await;
    let examined = examined(&Handshaker::new(Clock::system()), &over_http(address)).await;
    assert!(examined.notifications.is_ok());
    let unshaken = examined.lifecycle.unwrap().unwrap_err();
    assert_eq!(unshaken.status, Some(404));
    assert!(unshaken.problem.starts_with("answers 404"), "{}", unshaken.problem);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sleeps_while_nobody_calls_is_told_apart_from_what_is_slow() {
    let late = |asked: &Asked| Reply::Late(Duration::from_millis(1500), bytes(200, PLAIN, &asked.token()));
    let patience = Patience { slow: Duration::from_secs(1), limit: Duration::from_secs(4) };
    let said = |answer: Box<dyn Fn(&Asked) -> Reply + Send + Sync>| async move {
        let address = serve(None, answer).await;
        let handshaker = Handshaker::new(Clock::system()).waiting(patience);
        examined(&handshaker, &over_http(address)).await.notifications.map_err(|unshaken| unshaken.problem)
    };
    let (cold, slow, asleep, dead) = tokio::join!(
        said(Box::new(move |asked| if asked.number == 0 { late(asked) } else { plain(&asked.token()) })),
        said(Box::new(late)),
        said(Box::new(|asked| if asked.number == 0 { Reply::Silence } else { plain(&asked.token()) })),
        said(Box::new(|_| Reply::Silence)),
    );
    let cold = cold.unwrap();
    assert!(cold.starts_with("warning: ") && cold.contains("it sleeps while nobody calls"), "{cold}");
    let slow = slow.unwrap();
    assert!(slow.starts_with("warning: ") && slow.contains("look for what is slow"), "{slow}");
    let asleep = asleep.unwrap_err();
    assert!(asleep.contains("within 4 s") && asleep.contains("it sleeps while nobody calls"), "{asleep}");
    let dead = dead.unwrap_err();
    assert!(dead.contains("did not answer within 4 s") && !dead.contains("sleeps"), "{dead}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_address_of_a_name_is_tried_since_microsoft_may_call_any() {
    let here = serve(None, |asked| plain(&asked.token())).await;
    let at = |addresses: &[&str]| {
        let leads = addresses.iter().map(|address| address.parse().unwrap()).collect();
        Handshaker::new(Clock::system()).led_to(leads)
    };
    let url = format!("http://hooks.example:{}", here.port());
    let both = examined(&at(&["127.0.0.1", "127.0.0.2"]), &url).await;
    assert!(both.notifications.is_ok(), "who calls takes the one that answers");
    let [(address, unshaken)] = both.apart.as_slice() else { panic!("{:?}", both.apart) };
    assert_eq!(address.to_string(), "127.0.0.2");
    assert!(unshaken.problem.contains("nobody listens on port"), "{}", unshaken.problem);
    let alone = examined(&at(&["127.0.0.1"]), &url).await;
    assert_eq!((alone.notifications.is_ok(), alone.apart), (true, Vec::new()));
    let beside = examined(&at(&["::1", "127.0.0.1"]), &url).await;
    assert_eq!(beside.apart, Vec::new(), "nobody is called at an IPv6 address");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_there_is_told_by_what_is_missing() {
    let handshaker = Handshaker::new(Clock::system());
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = examined(&handshaker, &over_http(gone)).await;
    let problem = refused.notifications.unwrap_err().problem;
    assert!(problem.contains(&format!("nobody listens on port {}", gone.port())), "{problem}");
    assert_eq!(refused.lifecycle, None, "which would say the same");
    let nowhere = examined(&handshaker, "http://hooks.nowhere.invalid").await;
    let problem = nowhere.notifications.unwrap_err().problem;
    assert!(problem.contains("hooks.nowhere.invalid is not found"), "{problem}");
}
