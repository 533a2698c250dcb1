//! An endpoint that keeps what it is sent, and answers as it is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::Value;

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Received {
    pub path: String,
    pub query: String,
    pub user_agent: Option<String>,
    pub content_type: Option<String>,
    pub content_length: Option<String>,
    pub client_state: Option<String>,
    pub body: Value,
}

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// As the protocol wants.
    Right,
    /// Handshakes with another text.
    WrongToken,
    /// Everything with this status.
    Status(u16),
}

#[derive(Debug)]
struct State {
    received: Mutex<Vec<Received>>,
    manner: Mutex<Manner>,
}

/// A listening endpoint.
#[derive(Debug)]
pub struct Receiver {
    pub url: String,
    state: Arc<State>,
}

impl Receiver {
    pub fn start() -> Self {
        let state = Arc::new(State { received: Mutex::default(), manner: Mutex::new(Manner::Right) });
        let data = web::Data::from(Arc::clone(&state));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = move || App::new().app_data(data.clone()).default_service(web::to(take));
        let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap().run();
        spawn(server);
        Self { url, state }
    }

    pub fn answer(&self, manner: Manner) {
        *self.state.manner.lock().unwrap() = manner;
    }

    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    /// Notifications of all POSTs so far, and how many POSTs there were.
    pub fn notifications(&self) -> (Vec<Value>, usize) {
        let posts: Vec<Value> =
            self.received().into_iter().map(|one| one.body).filter(|body| !body.is_null()).collect();
        (posts.iter().flat_map(|body| body["value"].as_array().unwrap().clone()).collect(), posts.len())
    }

    /// Waits until so many POSTs with notifications have come.
    pub async fn wait_for_posts(&self, count: usize) -> Vec<Value> {
        for _ in 0..500 {
            let (notifications, posts) = self.notifications();
            if posts >= count {
                return notifications;
            }
            pause(Duration::from_millis(10)).await;
        }
        panic!("{count} POSTs were awaited, but: {:#?}", self.received());
    }
}

/// Waits in real time: for another thread, never for logic.
#[expect(clippy::disallowed_methods, reason = "what is waited for happens in real time")]
pub async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

#[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
fn spawn(server: actix_web::dev::Server) {
    tokio::spawn(server);
}

async fn take(request: HttpRequest, body: web::Bytes, state: web::Data<State>) -> HttpResponse {
    let header =
        |name: &str| request.headers().get(name).and_then(|value| Some(value.to_str().ok()?.to_owned()));
    state.received.lock().unwrap().push(Received {
        path: request.path().to_owned(),
        query: request.query_string().to_owned(),
        user_agent: header("user-agent"),
        content_type: header("content-type"),
        content_length: header("content-length"),
        client_state: header("clientstate"),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    });
    let manner = *state.manner.lock().unwrap();
    let token = url::form_urlencoded::parse(request.query_string().as_bytes())
        .find(|(name, _)| name.eq_ignore_ascii_case("validationtoken"))
        .map(|(_, token)| token.into_owned());
    match (manner, token) {
        (Manner::Status(status), _) => HttpResponse::build(status.try_into().unwrap()).finish(),
        (Manner::WrongToken, Some(_)) => HttpResponse::Ok().content_type("text/plain").body("something else"),
        (_, Some(token)) => HttpResponse::Ok().content_type("text/plain").body(token),
        (_, None) => HttpResponse::Accepted().finish(),
    }
}
