//! A restart with 10,000 subscriptions: how soon the listener is ready, and what it asks Office 365 for then.
//!
//! ```text
//! cargo bench --bench restart     # half a minute
//! ```
//!
//! The real app starts, several times, on a store in which all is well and nothing is due, and is ready with the first
//! 200 of `/readyz`. The last start then goes on for as long as Microsoft counts lists. It lists what is held in pages of
//! a hundred, as a tenant that is played by this bench shows them: a hundred requests in all, which may not come in one
//! burst; nothing else may be asked for, since nothing is missing.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a bench stops at the unexpected, prints, and reads the real clock"
)]

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use actix_web::web::{self, Data, Json, Query};
use actix_web::{App as Http, HttpRequest, HttpResponse, HttpServer};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use o365_listener::app::App;
use o365_listener::clock::Clock;
use o365_listener::config;
use o365_listener::model::{Origin, Remote, RemoteId, Start, SubscriptionId, Target, Via, Wish};
use o365_listener::store::{self, Link, NewSubscription, PageCommit, RoundEnd, Store};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MANY: usize = 10_000;
const PAGE: usize = 100;
const STARTS: usize = 5;
/// Microsoft counts lists over this time.
const WINDOW: Duration = Duration::from_secs(20);

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let public = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let tenant = Tenant::start(format!("http://{public}/notifications"));
    let store = folder.path().join("store.db");
    fill(&store, Utc::now()).await;
    let file = folder.path().join("config.toml");
    std::fs::write(&file, configuration(&tenant.url, public, &store)).unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();

    let mut starts = Vec::new();
    for number in 0..STARTS {
        tenant.asked.lock().unwrap().clear();
        let began = Instant::now();
        let config = config::load(&file, std::iter::empty()).unwrap();
        let app = App::start(config, Clock::system()).await.unwrap();
        ready(&http, app.admin_address()).await;
        starts.push(began.elapsed());
        if number == STARTS - 1 {
            tokio::time::sleep(WINDOW + Duration::from_secs(5)).await;
        }
        app.stop().await;
    }
    starts.sort_unstable();
    at_most("restart_10000_ready_ms", starts[STARTS / 2].as_millis(), 2000);
    let asked = tenant.asked.lock().unwrap().clone();
    let lists: Vec<Instant> = asked.iter().filter(|(what, _)| what == LIST).map(|(_, at)| *at).collect();
    let within = |from: &Instant| lists.iter().filter(|at| **at >= *from && **at < *from + WINDOW).count();
    assert!(!lists.is_empty(), "it did not look at what is held");
    let most = lists.iter().map(within).max().unwrap_or_default();
    at_most("restart_10000_lists_in_20_s", u128::try_from(most).unwrap(), 25);
    let others: Vec<&String> =
        asked.iter().map(|(what, _)| what).filter(|what| *what != LIST && *what != TOKEN).collect();
    at_most("restart_10000_other_requests", u128::try_from(others.len()).unwrap(), 0);
}

fn at_most(name: &str, value: u128, goal: u128) {
    println!("{name} {value} goal {goal} {}", if value <= goal { "ok" } else { "short" });
}

async fn ready(http: &reqwest::Client, admin: SocketAddr) {
    for _ in 0..5000 {
        let answer = http.get(format!("http://{admin}/readyz")).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("the listener did not become ready");
}

fn configuration(tenant: &str, public: SocketAddr, store: &Path) -> String {
    format!(
        "public_url = \"http://{public}\"\n[listen]\nnotifications = \"{public}\"\nadmin = \"127.0.0.1:0\"\n\
         [store]\nurl = \"sqlite:{}\"\n[[tenant]]\nname = \"contoso\"\n\
         tenant_id = \"00000000-0000-0000-0000-000000000001\"\n\
         client_id = \"00000000-0000-0000-0000-000000000002\"\nclient_secret = \"bench\"\n\
         login_url = \"{tenant}\"\ngraph_url = \"{tenant}\"\n",
        store.display(),
    )
}

fn id(number: usize) -> SubscriptionId {
    SubscriptionId(Uuid::from_u128(u128::try_from(number + 1).unwrap()))
}

/// A store in which all are followed, nothing is due, and Office 365 has confirmed them long ago.
async fn fill(path: &Path, now: DateTime<Utc>) {
    let store = store::open(&format!("sqlite:{}", path.display()), now).await.unwrap();
    for first in (0..MANY).step_by(1000) {
        join_all((first..first + 1000).map(|number| follow(&*store, number, now))).await;
        join_all((0..1000).map(|_| end_round(&*store, now))).await;
    }
    store.close().await;
}

async fn follow(store: &dyn Store, number: usize, now: DateTime<Utc>) {
    let (id, drive) = (id(number), format!("b!{number:040}"));
    let wish = Wish {
        name: format!("s-{number}").parse().unwrap(),
        tenant: "contoso".parse().unwrap(),
        resource: format!("drive:{drive}").parse().unwrap(),
        via: Via::Graph,
        start: Start::Now,
        lifetime: None,
        select: Vec::new(),
        include_resource_data: false,
        origin: Origin::Api,
    };
    let new = NewSubscription { id, wish, target: Some(Target::Drive { drive }), now, lease: None };
    store.register(new).await.unwrap();
    store.begun(id, now, Some(link())).await.unwrap();
    let remote = Remote {
        id: RemoteId(id.0.to_string()),
        expires_at: now + TimeDelta::days(20),
        renew_at: now + TimeDelta::days(10),
        certificate: None,
    };
    store.confirmed(id, &remote, now - TimeDelta::days(1)).await.unwrap();
}

fn link() -> Link {
    Link::Delta("https://graph.microsoft.com/v1.0/drives/b!0/root/delta?token=0".to_owned())
}

async fn end_round(store: &dyn Store, now: DateTime<Utc>) {
    let lease = Duration::from_secs(300);
    let claim = store.claim_round(&[], now, lease).await.unwrap().unwrap();
    let page = PageCommit {
        claim,
        events: Vec::new(),
        rows: Vec::new(),
        link: link(),
        seen: Vec::new(),
        odd: Vec::new(),
        progress: None,
        end: RoundEnd { next_at: Some(now + TimeDelta::hours(6)), ..RoundEnd::default() },
        now,
        lease,
    };
    store.commit_page(page).await.unwrap();
}

const LIST: &str = "GET /v1.0/subscriptions";
const TOKEN: &str = "token";

/// What was asked for, and when.
type Asked = Arc<Mutex<Vec<(String, Instant)>>>;

/// Graph and sign-in, as far as a listener in which all is well needs them.
struct Tenant {
    url: String,
    asked: Asked,
}

struct Played {
    url: String,
    notification_url: String,
    asked: Asked,
}

#[derive(Deserialize)]
struct Place {
    #[serde(default)]
    page: usize,
}

impl Tenant {
    /// Serves from a thread that ends with the process.
    fn start(notification_url: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Asked::default();
        let played = Data::new(Played { url: url.clone(), notification_url, asked: asked.clone() });
        std::thread::spawn(move || {
            let app = move || {
                Http::new()
                    .app_data(played.clone())
                    .route("/{tenant}/oauth2/v2.0/token", web::post().to(token))
                    .route("/v1.0/subscriptions", web::get().to(list))
                    .default_service(web::to(other))
            };
            let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap();
            actix_web::rt::System::new().block_on(server.run()).unwrap();
        });
        Self { url, asked }
    }
}

impl Played {
    fn note(&self, what: String) {
        self.asked.lock().unwrap().push((what, Instant::now()));
    }
}

async fn token(played: Data<Played>) -> Json<Value> {
    played.note(TOKEN.to_owned());
    Json(json!({"token_type": "Bearer", "expires_in": 3599, "access_token": "bench"}))
}

async fn list(played: Data<Played>, place: Query<Place>) -> Json<Value> {
    played.note(LIST.to_owned());
    let numbers = place.page * PAGE..((place.page + 1) * PAGE).min(MANY);
    let mut page = json!({"value": numbers.map(|number| held(&played, number)).collect::<Vec<_>>()});
    if (place.page + 1) * PAGE < MANY {
        page["@odata.nextLink"] = json!(format!("{}/v1.0/subscriptions?page={}", played.url, place.page + 1));
    }
    Json(page)
}

fn held(played: &Played, number: usize) -> Value {
    json!({
        "id": id(number).0.to_string(),
        "resource": format!("drives/b!{number:040}/root"),
        "changeType": "updated",
        "notificationUrl": played.notification_url,
        "expirationDateTime": (Utc::now() + TimeDelta::days(20)).to_rfc3339(),
    })
}

async fn other(played: Data<Played>, request: HttpRequest) -> HttpResponse {
    played.note(format!("{} {}", request.method(), request.path()));
    HttpResponse::NotFound().finish()
}
