//! Graph, as far as following drives needs it: pages that lie ready, compressed.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use actix_web::web::{self, Bytes, Data, Json, Path, Query};
use actix_web::{App, HttpResponse, HttpServer};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use serde_json::{Value, json};

/// Items on a page.
pub const PAGE: usize = 200;

/// A drive that is full of files.
pub struct Drive {
    pub name: String,
    pub pages: usize,
    /// Before each page.
    pub answer_time: Duration,
}

pub struct Graph {
    pub url: String,
}

struct Ready {
    pages: Vec<Bytes>,
    answer_time: Duration,
}

struct State {
    url: String,
    drives: HashMap<String, Ready>,
    subscriptions: Mutex<HashMap<String, Value>>,
}

#[derive(Deserialize)]
struct Place {
    #[serde(default)]
    page: usize,
}

/// Where a page is.
pub fn page_url(graph: &str, drive: &str, page: usize) -> String {
    format!("{graph}/v1.0/drives/{drive}/root/delta?page={page}")
}

impl Graph {
    /// Makes all pages, and serves them from a thread that ends with the process.
    pub fn start(drives: Vec<Drive>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let drives = drives.into_iter().map(|drive| {
            let pages = (0..drive.pages).map(|page| pack(&url, &drive, page)).collect();
            (drive.name, Ready { pages, answer_time: drive.answer_time })
        });
        let data = Data::from(Arc::new(State {
            url: url.clone(),
            drives: drives.collect(),
            subscriptions: Mutex::default(),
        }));
        thread::spawn(move || {
            let app = move || {
                App::new()
                    .app_data(data.clone())
                    .route("/{tenant}/oauth2/v2.0/token", web::post().to(token))
                    .route("/v1.0/drives/{drive}", web::get().to(drive))
                    .route("/v1.0/drives/{drive}/root/delta", web::get().to(delta))
                    .route("/v1.0/subscriptions", web::post().to(subscribe))
                    .route("/v1.0/subscriptions/{id}", web::get().to(subscription))
            };
            let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap();
            actix_web::rt::System::new().block_on(server.run()).unwrap();
        });
        Self { url }
    }
}

async fn token() -> Json<Value> {
    Json(json!({"token_type": "Bearer", "expires_in": 3599, "access_token": "bench"}))
}

async fn drive(name: Path<String>) -> Json<Value> {
    Json(json!({"id": *name}))
}

async fn delta(drive: Path<String>, place: Query<Place>, state: Data<State>) -> HttpResponse {
    let Some(ready) = state.drives.get(drive.as_str()) else { return HttpResponse::NotFound().finish() };
    if !ready.answer_time.is_zero() {
        tokio::time::sleep(ready.answer_time).await;
    }
    match ready.pages.get(place.page) {
        Some(page) => HttpResponse::Ok()
            .content_type("application/json")
            .insert_header(("Content-Encoding", "gzip"))
            .body(page.clone()),
        None => HttpResponse::Ok()
            .json(json!({"value": [], "@odata.deltaLink": page_url(&state.url, &drive, place.page)})),
    }
}

/// The handshake is left out: nothing is notified here.
async fn subscribe(body: Json<Value>, state: Data<State>) -> HttpResponse {
    let mut held = body.into_inner();
    let mut subscriptions = state.subscriptions.lock().unwrap_or_else(PoisonError::into_inner);
    let id = format!("00000000-0000-0000-0000-{:012}", subscriptions.len());
    held["id"] = json!(id);
    subscriptions.insert(id, held.clone());
    HttpResponse::Created().json(held)
}

async fn subscription(id: Path<String>, state: Data<State>) -> HttpResponse {
    let subscriptions = state.subscriptions.lock().unwrap_or_else(PoisonError::into_inner);
    match subscriptions.get(id.as_str()) {
        Some(held) => HttpResponse::Ok().json(held),
        None => HttpResponse::NotFound().finish(),
    }
}

fn pack(url: &str, drive: &Drive, page: usize) -> Bytes {
    let (last, next) = (page + 1 == drive.pages, page_url(url, &drive.name, page + 1));
    let link = if last { "@odata.deltaLink" } else { "@odata.nextLink" };
    let mut text = format!(
        "{{\"@odata.context\":\"{url}/v1.0/$metadata#Collection(driveItem)\",\"{link}\":\"{next}\",\"value\":["
    );
    for number in page * PAGE..(page + 1) * PAGE {
        if number % PAGE > 0 {
            text.push(',');
        }
        write_item(&mut text, &drive.name, number);
    }
    text.push_str("]}");
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(text.as_bytes()).unwrap();
    Bytes::from(encoder.finish().unwrap())
}

/// A file as SharePoint tells it, 1.3 KB.
fn write_item(text: &mut String, drive: &str, number: usize) {
    let (id, hash, parent) =
        (mixed(number), mixed(number + 1_000_000_000), mixed(number / 50 + 2_000_000_000));
    let user = r#"{"user":{"email":"alice.anderson@contoso.onmicrosoft.com","id":"48d31887-5fad-4d73-a9f5-3c356e68a038","displayName":"Alice Anderson"}}"#;
    write!(
        text,
        r##"{{"@odata.type":"#microsoft.graph.driveItem","createdDateTime":"2026-03-14T09:26:53Z","eTag":"\"{{{id:016X}-5FAD-4D73}},{version}\"","id":"01{id:016X}{hash:016X}","lastModifiedDateTime":"2026-03-{day:02}T10:{minute:02}:00Z","name":"Quarterly report {number} of the northern region.docx","webUrl":"https://contoso-my.sharepoint.com/personal/alice_anderson_contoso_onmicrosoft_com/_layouts/15/Doc.aspx?sourcedoc=%7B{id:016X}%7D&file=Quarterly%20report%20{number}%20of%20the%20northern%20region.docx&action=default&mobileredirect=true","cTag":"\"c:{{{id:016X}-5FAD-4D73}},{version}\"","size":{size},"createdBy":{user},"lastModifiedBy":{user},"parentReference":{{"driveType":"business","driveId":"b!{drive}-t18F8ybsHUq1z3LTz8xvZqP8zaSWjkFNhsME-Fepo75dTf9vQKfeRblBZjoSQrd7","id":"01{parent:016X}{parent:016X}","name":"Reports of the year 2026","siteId":"7f8f4ab8-c3c9-4ed4-a70d-7dc4eff4b3cb"}},"file":{{"mimeType":"application/vnd.openxmlformats-officedocument.wordprocessingml.document","hashes":{{"quickXorHash":"{hash:016x}AAA="}}}},"fileSystemInfo":{{"createdDateTime":"2026-03-14T09:26:53Z","lastModifiedDateTime":"2026-03-14T09:26:53Z"}},"shared":{{"scope":"users"}}}}"##,
        version = number % 7 + 1,
        day = number % 28 + 1,
        minute = number % 60,
        size = 10_000 + hash % 900_000,
    )
    .unwrap();
}

/// Numbers that do not compress.
fn mixed(number: usize) -> u64 {
    let mut mixed = (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
