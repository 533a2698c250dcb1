//! Answers that are not Graph's: of gateways, proxies and worse.

use std::io::Write;

use actix_web::{App, HttpResponse, HttpServer, web};
use flate2::Compression;
use flate2::write::GzEncoder;
use o365_listener::model::Target;
use o365_listener::office365::{Failure, Verdict};
use serde_json::json;

use super::Reach;
use crate::simulator::harness::Bench;

/// Something that gives this answer whatever it is asked, in the place of Graph.
#[derive(Debug, Clone, Default)]
struct Canned {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
}

/// What becomes of a page that is answered so.
async fn page(canned: Canned) -> Failure {
    let drive = Target::Drive { drive: "b!x".to_owned() };
    refusal(canned, async |reach| reach.tenant().page(&drive, &[], None).await.map(drop)).await
}

/// How something fails that is answered so.
async fn refusal(canned: Canned, ask: impl AsyncFnOnce(&Reach) -> Result<(), Failure>) -> Failure {
    let data = web::Data::new(canned);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = move || App::new().app_data(data.clone()).default_service(web::to(answer));
    let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap().run();
    let handle = server.handle();
    let reach = Reach::of(Bench::start().await, |tenant| tenant.graph_url = Some(url.parse().unwrap()));
    let outcome = tokio::select! {
        outcome = ask(&reach) => outcome,
        ended = server => panic!("the server ended: {ended:?}"),
    };
    handle.stop(false).await;
    outcome.unwrap_err()
}

async fn answer(canned: web::Data<Canned>) -> HttpResponse {
    let mut response = HttpResponse::build(canned.status.try_into().unwrap());
    for header in &canned.headers {
        response.insert_header(*header);
    }
    response.body(canned.body.clone())
}

#[tokio::test]
async fn an_answer_that_inflates_beyond_measure_is_not_read_to_its_end() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..5 {
        encoder.write_all(&vec![b' '; 1024 * 1024]).unwrap();
    }
    let body = encoder.finish().unwrap();
    assert!(body.len() < 64 * 1024);
    let canned = Canned { status: 200, headers: vec![("content-encoding", "gzip")], body };
    let failure = refusal(canned, async |reach| reach.resolve("drive:b!x").await.map(drop)).await;
    assert_eq!((failure.verdict, failure.code.as_str()), (Verdict::Rejected, "tooLarge"));
}

#[tokio::test]
async fn a_page_that_goes_on_elsewhere_is_refused() {
    let body = json!({"value": [], "@odata.nextLink": "https://graph.microsoft.com.evil.example/v1.0/x"});
    let failure = page(Canned { status: 200, body: body.to_string().into(), ..Canned::default() }).await;
    assert_eq!((failure.verdict, failure.code.as_str()), (Verdict::Rejected, "foreignLink"));
}

#[tokio::test]
async fn a_restart_that_leads_elsewhere_is_none() {
    let headers = vec![("location", "https://evil.example/v1.0/x")];
    let failure = page(Canned { status: 410, headers, ..Canned::default() }).await;
    assert_eq!(failure.verdict, Verdict::Gone { restart: None });
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let headers = vec![("location", "http://127.0.0.1:1/")];
    let failure = page(Canned { status: 302, headers, ..Canned::default() }).await;
    assert_eq!((failure.verdict, failure.code.as_str()), (Verdict::Rejected, "302"));
}

#[tokio::test]
async fn a_gateway_may_answer_in_html() {
    for (status, code) in [(502, "502"), (200, "unreadable")] {
        let body = b"<html>Bad gateway</html>".to_vec();
        let failure = page(Canned { status, body, ..Canned::default() }).await;
        assert_eq!((failure.verdict, failure.code.as_str()), (Verdict::Transient, code));
    }
}
