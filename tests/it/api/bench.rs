use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, rt};
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use o365_listener::api::{Api, Keys, Tail, routes};
use o365_listener::clock::Clock;
use o365_listener::config::{self, ApiKey, Role};
use o365_listener::deliver::{Desk, OwnApps};
use o365_listener::fetch::Fetcher;
use o365_listener::metrics::Metrics;
use o365_listener::model::{
    Change, Hint, HintKind, ItemId, Kind, NewEvent, Origin, Remote, RemoteId, Start, SubscriptionId, Via,
    Wish,
};
use o365_listener::office365::Office365;
use o365_listener::renew::{Keyring, Parts, Renewer};
use o365_listener::seal::ClientStates;
use o365_listener::secret::Secret;
use o365_listener::store::{self, Claim, Committed, Link, NewSubscription, PageCommit, RoundEnd, Store};
use o365_listener::tasks::Signal;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use serde_json::value::RawValue;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub const WRITER: &str = "may-write";
pub const READER: &str = "may-read";
const LEASE: Duration = Duration::from_secs(60);

/// The admin port on a real socket over a real store.
pub struct Bench {
    pub clock: Clock,
    pub store: Arc<dyn Store>,
    pub stopping: CancellationToken,
    client: Client,
    url: String,
    server: ServerHandle,
    _folder: TempDir,
}

impl Bench {
    /// Without API keys.
    pub async fn new() -> Self {
        Self::start(&[], 1000).await
    }

    /// With one key of each role.
    pub async fn with_keys() -> Self {
        let key =
            |name: &str, key: &str, role| ApiKey { name: name.parse().unwrap(), key: Secret::new(key), role };
        Self::start(&[key("ops", WRITER, Role::Write), key("bi", READER, Role::Read)], 1000).await
    }

    /// With room for this many streams.
    pub async fn with_streams(streams: usize) -> Self {
        Self::start(&[], streams).await
    }

    async fn start(keys: &[ApiKey], streams: usize) -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Clock::manual(DateTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let url = format!("sqlite:{}", folder.path().join("store.db").display());
        let store = store::open(&url, clock.now()).await.unwrap();
        let stopping = CancellationToken::new();
        let metrics = Arc::new(Metrics::default());
        let (renewer, fetcher) = loops(&store, &clock, &metrics);
        let tail = Tail::new(store.clone());
        rt::spawn(tail.clone().run(stopping.clone()));
        let api = Arc::new(Api {
            clock: clock.clone(),
            store: store.clone(),
            metrics: metrics.clone(),
            renewer: Arc::new(renewer),
            fetcher: Arc::new(fetcher),
            desk: Arc::new(Desk::new(store.clone(), clock.clone(), metrics.clone(), OwnApps::default())),
            connector: None,
            joined: Signal::default(),
            configured: Arc::new(|| Ok(vec![])),
            keys: Keys::new(keys),
            tenants: vec!["fabrikam".parse().unwrap()],
            sign_ins: Arc::new(Vec::new),
            version: "1.2.3",
            started_at: clock.now(),
            stopping: stopping.clone(),
            streams: Arc::new(Semaphore::new(streams)),
            tail,
            runtime: tokio::runtime::Handle::current(),
        });
        let server = HttpServer::new(move || App::new().configure(|cfg| routes(cfg, &api)))
            .workers(1)
            .h1_allow_half_closed(false)
            .disable_signals()
            .bind("127.0.0.1:0")
            .unwrap();
        let url = format!("http://{}", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        rt::spawn(server);
        let client = Client::builder().no_proxy().build().unwrap();
        Self { clock, store, stopping, client, url, server: handle, _folder: folder }
    }

    /// Where it answers.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        read(self.request(Method::GET, path).send().await.unwrap()).await
    }

    pub async fn stream(&self, path: &str) -> Stream {
        Stream::of(self.request(Method::GET, path).send().await.unwrap())
    }

    /// Follows a resource, as far as the store is concerned: Office 365 holds it, and its first round is due.
    pub async fn follow(&self, name: &str) -> SubscriptionId {
        let (id, now) = (SubscriptionId(Uuid::now_v7()), self.clock.now());
        let new = NewSubscription { id, wish: wish(name), target: None, now, lease: None };
        self.store.register(new).await.unwrap();
        let link = Link::Delta("https://graph.example/delta?token=1".to_owned());
        self.store.begun(id, now, Some(link)).await.unwrap();
        let remote = Remote {
            id: RemoteId(format!("remote-of-{name}")),
            expires_at: now + Duration::from_secs(3 * 86_400),
            renew_at: now + Duration::from_secs(2 * 86_400),
            certificate: None,
        };
        self.store.confirmed(id, &remote, now).await.unwrap();
        id
    }

    /// Writes an event for each subject.
    pub async fn write(&self, id: SubscriptionId, subjects: &[&str]) {
        let now = self.clock.now();
        let hint = Hint {
            subscription: id,
            remote: None,
            kind: HintKind::Change,
            plain: true,
            received_at: now,
            content: None,
        };
        self.store.append(vec![hint]).await.unwrap();
        let claim: Claim = self.store.claim_round(&[], now, LEASE).await.unwrap().expect("a round is due");
        assert_eq!(claim.subscription.id, id);
        let page = PageCommit {
            claim,
            events: subjects.iter().map(|subject| event(subject, now)).collect(),
            rows: Vec::new(),
            link: Link::Delta("https://graph.example/delta?token=2".to_owned()),
            seen: Vec::new(),
            odd: Vec::new(),
            progress: None,
            end: RoundEnd::default(),
            now,
            lease: LEASE,
        };
        assert!(matches!(self.store.commit_page(page).await.unwrap(), Committed::Done(_)));
    }

    /// Waits for something while time passes.
    pub async fn while_time_passes<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let real = Clock::system();
        loop {
            if let Ok(done) = real.timeout(Duration::from_millis(20), &mut work).await {
                return done;
            }
            self.clock.advance(Duration::from_secs(1));
        }
    }

    pub async fn stop(&self) {
        self.stopping.cancel();
        self.server.stop(true).await;
    }
}

pub async fn read(answer: Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(kind, if status < 400 { "application/json" } else { "application/problem+json" });
    (status, answer.json().await.unwrap())
}

fn wish(name: &str) -> Wish {
    Wish {
        name: name.parse().unwrap(),
        tenant: "fabrikam".parse().unwrap(),
        resource: format!("drive:{name}").parse().unwrap(),
        via: Via::Graph,
        start: Start::Now,
        lifetime: None,
        select: Vec::new(),
        include_resource_data: false,
        origin: Origin::Api,
    }
}

fn event(subject: &str, now: DateTime<Utc>) -> NewEvent {
    let change = if subject.starts_with("new") { Change::Created } else { Change::Updated };
    // With a line break between tokens, as a page may have it.
    let data = format!("{{\"changed\":[],\n\"previous\":{{}},\"resource\":{{\"id\":\"{subject}\"}}}}");
    NewEvent {
        kind: Kind::DriveItem,
        change,
        subject: ItemId(subject.to_owned()),
        time: now,
        data: RawValue::from_string(data).unwrap(),
    }
}

/// A stream of Server-Sent Events, block by block.
pub struct Stream {
    body: futures_util::stream::BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    text: String,
}

/// One block of a stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Block {
    pub id: Option<String>,
    pub data: Option<Value>,
}

impl Stream {
    pub fn of(answer: Response) -> Self {
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        Self { body: answer.bytes_stream().boxed(), text: String::new() }
    }

    /// The next block; none: the stream has ended.
    pub async fn next(&mut self) -> Option<Block> {
        while !self.text.contains("\n\n") {
            self.text.push_str(std::str::from_utf8(&self.body.next().await?.unwrap()).unwrap());
        }
        let end = self.text.find("\n\n").unwrap();
        let block: String = self.text.drain(..end + 2).collect();
        let field = |name| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        let data = field("data: ").map(|data| serde_json::from_str(&data).unwrap());
        Some(Block { id: field("id: "), data })
    }

    /// The subject of the next event.
    pub async fn subject(&mut self) -> String {
        loop {
            let block = self.next().await.expect("the stream goes on");
            if let Some(data) = block.data {
                assert_eq!(data["sequence"], block.id.unwrap());
                return data["subject"].as_str().unwrap().to_owned();
            }
        }
    }
}

/// Renewal and fetching without a tenant: nothing here reaches Office 365.
fn loops(store: &Arc<dyn Store>, clock: &Clock, metrics: &Arc<Metrics>) -> (Renewer, Fetcher) {
    let office365 = Arc::new(Office365::new(&[], clock.clone(), metrics.clone()).unwrap());
    let renewer = Renewer::new(Parts {
        store: store.clone(),
        office365: office365.clone(),
        clock: clock.clone(),
        metrics: metrics.clone(),
        settings: config::Renewal { at: 0.67 },
        client_states: ClientStates::new(&[7; 32]),
        keyring: Arc::new(Keyring::new(store.clone(), clock.clone(), None)),
        notification_url: "http://127.0.0.1/notifications".parse().unwrap(),
        lifecycle_url: "http://127.0.0.1/lifecycle".parse().unwrap(),
        wake: Signal::default(),
        fetch: Signal::default(),
    });
    let settings = config::Fetch { concurrency: 1, sweep_every: None, ..config::Fetch::default() };
    let fetcher = Fetcher::new(
        store.clone(),
        office365,
        clock.clone(),
        metrics.clone(),
        settings,
        Signal::default(),
        None,
    );
    (renewer, fetcher)
}
