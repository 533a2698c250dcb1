//! The web server: takes requests apart, keeps them for inspection, lets queued faults answer first, and hands
//! the rest to sign-in, Graph, SharePoint's sites or `/_control`.

use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::body::SizedStream;
use actix_web::dev::Server;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::control::{Break, Strike, Struck};
use super::error::GraphError;
use super::wire::{Answer, Body, Call, Outcome, segments};
use super::world::{World, graph_time};
use super::{Options, cards, connect, control, entra, graph, page, rich, sharepoint, url_of};
use crate::clock::Clock;

/// The largest body taken: a file of this size in one upload.
const BODY_LIMIT: usize = 64 << 20;
const JSON: &str =
    "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";
/// Headers worth keeping of a request; credentials are not.
const KEPT_HEADERS: [&str; 9] = [
    "accept",
    "client-request-id",
    "content-type",
    "deltaexcludeparent",
    "host",
    "if-match",
    "prefer",
    "user-agent",
    "x-http-method",
];

/// What the server's workers and the sender share.
#[derive(Debug)]
pub(crate) struct Shared {
    world: Mutex<World>,
    pub(crate) clock: Clock,
    /// Wakes the sender.
    pub(crate) ring: Notify,
    /// For handshakes. The sender has a client of its own, since connections belong to the thread that made them.
    pub(crate) handshakes: reqwest::Client,
}

impl Shared {
    /// The state, locked. Never held over an await.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client as Office 365 is one: no redirects, no `User-Agent`.
pub(crate) fn http_client() -> std::io::Result<reqwest::Client> {
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    builder.pool_idle_timeout(Duration::from_secs(20)).build().map_err(std::io::Error::other)
}

/// Binds the address and makes the server, which answers once it is polled.
pub(crate) fn bind(options: &Options) -> std::io::Result<(Arc<Shared>, Server)> {
    let listener = TcpListener::bind(options.listen)?;
    let url = url_of(listener.local_addr()?);
    let shared = Arc::new(Shared {
        world: Mutex::new(World::new(options, &url)),
        clock: options.clock.clone(),
        ring: Notify::new(),
        handshakes: http_client()?,
    });
    let data = web::Data::from(Arc::clone(&shared));
    let app = move || {
        App::new()
            .app_data(data.clone())
            .app_data(web::PayloadConfig::new(BODY_LIMIT))
            .default_service(web::to(answer))
    };
    let server =
        HttpServer::new(app).workers(2).disable_signals().shutdown_timeout(1).listen(listener)?.run();
    Ok((shared, server))
}

async fn answer(request: HttpRequest, body: Bytes, shared: web::Data<Shared>) -> HttpResponse {
    let shared = shared.into_inner();
    let call = take_apart(&request, body);
    let path = request.uri().path().to_owned();
    if page::has(&path) {
        return page::answer(&mut shared.world(), &call);
    }
    if path == connect::PATH {
        return connect::answer(&mut shared.world(), &call);
    }
    if path == "/_control" || path.starts_with("/_control/") {
        let answer = control::answer(&mut shared.world(), &call);
        shared.ring.notify_one();
        return respond(&shared, &call, answer);
    }
    let (arrived, _answering) = (shared.clock.now(), Answering::begin(&shared));
    let Strike { delay, struck } = control::take_fault(&mut shared.world(), &call, &path);
    if !delay.is_zero() {
        // In real time: that is what callers lose patience by.
        let _ = shared.clock.timeout(delay, std::future::pending::<()>()).await;
    }
    let (outcome, broken) = match struck {
        Some(Struck::Refused(error)) => (Err(error), None),
        Some(Struck::Broken(Break::Before)) => (Ok(Answer::empty(204)), Some(Break::Before)),
        Some(Struck::Broken(broken)) => (dispatch(&shared, &call).await, Some(broken)),
        None => (dispatch(&shared, &call).await, None),
    };
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    let outcome = outcome.map(|answer| control::make_odd(&mut shared.world(), &call, target, answer));
    shared.ring.notify_one();
    keep(&shared, (&request, &call), &outcome, arrived);
    let response = respond(&shared, &call, outcome);
    match broken {
        Some(broken) => broken_off(response, broken).await,
        None => response,
    }
}

/// A request that is being answered, however that ends.
struct Answering(Arc<Shared>);

impl Answering {
    fn begin(shared: &Arc<Shared>) -> Self {
        shared.world().answering += 1;
        Self(Arc::clone(shared))
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let mut world = self.0.world();
        world.answering = world.answering.saturating_sub(1);
    }
}

/// The same answer on a connection that breaks before it, or in the middle of it.
async fn broken_off(response: HttpResponse, broken: Break) -> HttpResponse {
    let (head, body) = response.into_parts();
    let whole = actix_web::body::to_bytes(body).await.unwrap_or_default();
    let length = u64::try_from(whole.len()).unwrap_or(u64::MAX).max(1);
    let sent = if broken == Break::Truncated { whole.slice(..whole.len() / 2) } else { Bytes::new() };
    let first = futures_util::stream::iter((!sent.is_empty()).then_some(Ok(sent)));
    // What was sent has to leave before the connection ends, so the end comes in a later turn.
    let end = futures_util::stream::once(async move {
        if broken == Break::Truncated {
            tokio::task::yield_now().await;
        }
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
    });
    let stream = futures_util::StreamExt::chain(first, end);
    head.set_body(SizedStream::new(length, Box::pin(stream))).map_into_boxed_body()
}

/// The addresses outside Graph: sites, sign-in, managed identities and pre-authorised downloads.
async fn dispatch(shared: &Arc<Shared>, call: &Call) -> Outcome {
    let path: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    if call.is_to_site() {
        return sharepoint::answer(shared, call).await;
    }
    match (call.method.as_str(), path.as_slice()) {
        ("POST", [tenant, "oauth2", "v2.0", "token"]) => Ok(entra::token(&mut shared.world(), tenant, call)),
        ("POST", [tenant, "oauth2", "v2.0", "devicecode"]) => {
            Ok(entra::device_code(&mut shared.world(), tenant, call))
        }
        ("GET", ["metadata", "identity", "oauth2", "token"]) => entra::metadata(&mut shared.world(), call),
        ("GET", ["msi", "token"]) => Ok(entra::app_service(&mut shared.world(), call)),
        ("GET", [tenant, rest @ ("v2.0" | ".well-known"), ..])
            if path.ends_with(&["openid-configuration"]) =>
        {
            rich::discovery(&shared.world(), &call.origin, tenant, *rest == "v2.0")
        }
        ("GET", [_, "discovery", "keys"] | [_, "discovery", "v2.0", "keys"]) => {
            Ok(rich::signing_keys(&mut shared.world()))
        }
        ("POST", ["webhookb2", ..]) => Ok(cards::post_to_connector(&mut shared.world(), call)),
        ("POST", ["workflows", ..]) => Ok(cards::post_to_flow(&mut shared.world(), call)),
        ("GET", ["_content", list, item]) => graph::download(&shared.world(), list, item),
        (_, ["v1.0" | "beta", rest @ ..]) => {
            let version = call.segments.first().cloned().unwrap_or_default();
            let segments = rest.iter().map(|part| (*part).to_owned()).collect();
            graph::answer(shared, &Call { version, segments, ..call.clone() }).await
        }
        (_, path) => Err(GraphError::segment(path.first().unwrap_or(&""))),
    }
}

/// The address that the caller used: behind a proxy that ends TLS, that is the proxy's.
fn origin(request: &HttpRequest) -> String {
    let connection = request.connection_info();
    format!("{}://{}", connection.scheme(), connection.host())
}

fn take_apart(request: &HttpRequest, body: Bytes) -> Call {
    let (segments, arguments) = segments(request.uri().path());
    let mut query: Vec<(String, String)> = arguments;
    query.extend(url::form_urlencoded::parse(request.query_string().as_bytes()).into_owned());
    let headers = request.headers().iter();
    Call {
        method: request.method().clone(),
        origin: origin(request),
        version: "v1.0".to_owned(),
        segments,
        path: request.uri().path().to_owned(),
        query,
        headers: headers
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect(),
        body,
        user: None,
    }
}

/// Keeps what a client sent, without its credentials.
fn keep(shared: &Shared, (request, call): (&HttpRequest, &Call), outcome: &Outcome, arrived: DateTime<Utc>) {
    let status = outcome.as_ref().map_or_else(|error| error.status, |answer| answer.status);
    let refused = outcome.as_ref().err().map(|error| error.headers.as_slice()).unwrap_or_default();
    let retry_after = refused.iter().find(|(name, _)| *name == "Retry-After").map(|(_, value)| value);
    let headers: serde_json::Map<String, Value> = call
        .headers
        .iter()
        .filter(|(name, _)| KEPT_HEADERS.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), Value::from(value.clone())))
        .collect();
    let sign_in = request.uri().path().ends_with("/token");
    let body = if call.body.is_empty() || sign_in {
        Value::Null
    } else {
        let text = || Value::from(String::from_utf8_lossy(&call.body).into_owned());
        serde_json::from_slice(&call.body).unwrap_or_else(|_| text())
    };
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    let mut world = shared.world();
    let at = graph_time(world.clock.now());
    world.record(json!({
        "at": at, "method": call.method.as_str(), "url": target, "headers": headers, "body": body,
        "status": status, "arrived_micros": arrived.timestamp_micros(), "retry_after": retry_after,
    }));
}

fn respond(shared: &Shared, call: &Call, outcome: Outcome) -> HttpResponse {
    let (now, request_id) = {
        let mut world = shared.world();
        (world.clock.now(), world.random.uuid().to_string())
    };
    let client_request_id = call.header("client-request-id").unwrap_or(&request_id).to_owned();
    let answer = outcome.unwrap_or_else(|error| {
        if call.is_to_site() {
            return sharepoint::refused(call, error);
        }
        let date = now.format("%Y-%m-%dT%H:%M:%S").to_string();
        let body = error.body(&date, &request_id, &client_request_id);
        Answer { status: error.status, headers: error.headers, body: Body::Json(body) }
    });
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    let common = [
        ("date", now.format("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        (if call.is_to_site() { "sprequestguid" } else { "request-id" }, request_id),
        ("client-request-id", client_request_id),
        ("x-ms-ags-diagnostic", r#"{"ServerInfo":{"DataCenter":"Simulated"}}"#.to_owned()),
    ];
    for (name, value) in common.into_iter().chain(answer.headers) {
        let name = HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
            response.insert_header((name, value));
        }
    }
    match answer.body {
        Body::Empty => response.finish(),
        Body::Json(body) => response.content_type(JSON).body(body.to_string()),
        Body::Bytes { content_type, bytes } => response.content_type(content_type).body(bytes),
    }
}
