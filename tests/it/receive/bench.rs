use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, rt};
use async_trait::async_trait;
use chrono::DateTime;
use o365_listener::clock::Clock;
use o365_listener::metrics::{Metrics, Snapshot};
use o365_listener::model::{Hint, Origin, Start, SubscriptionId, Via, Wish};
use o365_listener::port::{Port, Settings};
use o365_listener::receive::{Receiver, Sources, Workload, routes};
use o365_listener::reputation::Standing;
use o365_listener::seal::{ClientStates, Sealer};
use o365_listener::secret::Secret;
use o365_listener::store::{self, Inbox, InboxDepth, NewSubscription, Receipt, Store, StoreError};
use o365_listener::tasks::{Seldom, Signal};
use rustls::ServerConfig;
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

pub const REMOTE: &str = "7b1e9a40-52c8-4d36-8f0b-3a5d2c917e64";
pub const BODY_LIMIT: usize = 64 * 1024;

/// The receiver over a real store that follows one subscription.
pub struct Bench {
    pub clock: Clock,
    pub store: Arc<dyn Store>,
    pub id: SubscriptionId,
    receiver: Arc<Receiver>,
    pub folder: TempDir,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Bench {
    pub async fn new() -> Self {
        Self::start(None, None, Sources::default()).await
    }

    /// The same with a key that seals content.
    pub async fn sealing() -> (Self, Sealer) {
        let sealer =
            || Sealer::new(&[Secret::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]).unwrap().unwrap();
        (Self::start(None, Some(Arc::new(sealer())), Sources::default()).await, sealer())
    }

    /// The same with another inbox than the store's.
    pub async fn with_inbox(inbox: impl Inbox + 'static) -> Self {
        Self::start(Some(Arc::new(inbox)), None, Sources::default()).await
    }

    /// The same with other sources than everywhere.
    pub async fn with_sources(sources: Sources) -> Self {
        Self::start(None, None, sources).await
    }

    /// The same by somebody who can store nothing.
    pub async fn standing_in() -> Self {
        let mut bench = Self::new().await;
        Arc::get_mut(&mut bench.receiver).unwrap().stands_in = true;
        bench
    }

    async fn start(inbox: Option<Arc<dyn Inbox>>, sealer: Option<Arc<Sealer>>, sources: Sources) -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Clock::manual(DateTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let url = format!("sqlite:{}", folder.path().join("store.db").display());
        let store = store::open(&url, clock.now()).await.unwrap();
        let id = SubscriptionId(Uuid::from_u128(42));
        let new = NewSubscription { id, wish: wish(), target: None, now: clock.now(), lease: None };
        store.register(new).await.unwrap();
        let receiver = Receiver {
            clock: clock.clone(),
            inbox: inbox.unwrap_or_else(|| store.clone()),
            metrics: Arc::new(Metrics::default()),
            client_states: ClientStates::new(&store.client_state_key().await.unwrap()),
            sealer,
            fetch: Signal::default(),
            renew: Signal::default(),
            body_limit: BODY_LIMIT,
            workload: Workload::default(),
            sources,
            unstored: Seldom::default(),
            overfull: Seldom::default(),
            stands_in: false,
        };
        Self { clock, store, id, receiver: Arc::new(receiver), folder }
    }

    pub fn client_state(&self) -> String {
        self.receiver.client_states.of(self.id)
    }

    pub fn client_state_of_a_stranger(&self) -> String {
        self.receiver.client_states.of(SubscriptionId(Uuid::from_u128(43)))
    }

    /// The `clientState` of a further subscription that is followed.
    pub async fn follow(&self, name: &str) -> String {
        let id = SubscriptionId(Uuid::new_v4());
        let wish = Wish {
            name: name.parse().unwrap(),
            resource: format!("onedrive:{name}@fabrikam.example").parse().unwrap(),
            ..wish()
        };
        let new = NewSubscription { id, wish, target: None, now: self.clock.now(), lease: None };
        self.store.register(new).await.unwrap();
        self.receiver.client_states.of(id)
    }

    pub async fn post(&self, body: Value) -> Answer {
        self.call(TestRequest::post().uri("/notifications").set_payload(body.to_string())).await
    }

    pub async fn call(&self, request: TestRequest) -> Answer {
        let app = init_service(App::new().configure(|cfg| routes(cfg, &self.receiver))).await;
        let answer = call_service(&app, request.to_request()).await;
        let (status, headers) = (answer.status(), answer.headers().clone());
        Answer { status, headers, body: String::from_utf8(read_body(answer).await.to_vec()).unwrap() }
    }

    /// Serves on a real port, as long as the test lasts.
    pub fn serve(&self) -> SocketAddr {
        self.serve_with(1000, None)
    }

    /// The same with so many connections, and with TLS.
    pub fn serve_with(&self, max_connections: usize, tls: Option<ServerConfig>) -> SocketAddr {
        let settings = Settings {
            address: ([127, 0, 0, 1], 0).into(),
            max_connections,
            body_limit: BODY_LIMIT,
            tls: tls.map(Arc::new),
            clock: self.clock.clone(),
            metrics: Arc::clone(&self.receiver.metrics),
            drain_seconds: 1,
        };
        let receiver = Arc::clone(&self.receiver);
        let port = Port::open(settings, move |cfg| routes(cfg, &receiver)).unwrap();
        let address = port.address();
        rt::spawn(port.run());
        address
    }

    pub async fn fetch_was_asked(&self) -> bool {
        was_raised(&self.receiver.fetch).await
    }

    pub async fn renewal_was_asked(&self) -> bool {
        was_raised(&self.receiver.renew).await
    }

    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.receiver.metrics)
    }

    /// How the endpoint stands with Microsoft.
    pub fn standing(&self) -> Standing {
        self.receiver.metrics.reputation().standing(self.clock.now())
    }

    /// Begins a request, and leaves after this time, before it is answered; nobody gets on meanwhile.
    pub async fn leave(&self, request: TestRequest, after: Duration) {
        let app = init_service(App::new().configure(|cfg| routes(cfg, &self.receiver))).await;
        let mut call = Box::pin(call_service(&app, request.to_request()));
        assert!(futures_util::poll!(&mut call).is_pending());
        std::thread::sleep(after);
    }

    /// How many elements were counted under these labels.
    pub fn counted(&self, kind: &str, result: &str) -> u64 {
        self.count(&format!("notifications_total{{kind=\"{kind}\",result=\"{result}\"}}"))
    }

    /// What `/metrics` would say.
    pub fn count(&self, series: &str) -> u64 {
        self.value(series).map_or(0, |value| value.parse().unwrap())
    }

    /// The same of what is no whole number.
    pub fn gauge(&self, series: &str) -> f64 {
        self.value(series).expect(series).parse().unwrap()
    }

    fn value(&self, series: &str) -> Option<String> {
        let text = self.receiver.metrics.observe(Snapshot::default()).unwrap();
        text.lines().find_map(|line| line.strip_prefix(&format!("o365_{series} ")).map(str::to_owned))
    }
}

async fn was_raised(signal: &Signal) -> bool {
    futures_util::poll!(Box::pin(signal.raised())).is_ready()
}

fn wish() -> Wish {
    Wish {
        name: "files".parse().unwrap(),
        tenant: "fabrikam".parse().unwrap(),
        resource: "onedrive:erika@fabrikam.example".parse().unwrap(),
        via: Via::Graph,
        start: Start::Now,
        lifetime: None,
        select: Vec::new(),
        include_resource_data: false,
        origin: Origin::Api,
    }
}

/// Longer than Microsoft waits.
pub const TOO_LONG: Duration = Duration::from_millis(3_050);

/// An inbox that fails.
pub struct Broken;

/// An inbox that never answers.
pub struct Stuck;

/// An inbox that holds the whole thread up for too long, as a machine without CPU does.
pub struct Starved;

/// An inbox that takes everything.
pub struct Recording(Arc<Mutex<Vec<Hint>>>);

pub fn recording() -> (Recording, Arc<Mutex<Vec<Hint>>>) {
    let hints = Arc::default();
    (Recording(Arc::clone(&hints)), hints)
}

macro_rules! inbox {
    ($name:ty, |$self:ident, $hints:ident| $append:expr) => {
        #[async_trait]
        impl Inbox for $name {
            async fn append(&$self, $hints: Vec<Hint>) -> Result<Vec<Receipt>, StoreError> {
                $append
            }

            async fn waits(&self, _: SubscriptionId, _: i64) -> Result<bool, StoreError> {
                Ok(false)
            }

            async fn depth(&self) -> Result<InboxDepth, StoreError> {
                Ok(InboxDepth::default())
            }
        }
    };
}

inbox!(Broken, |self, _hints| Err(StoreError::Unavailable("the disk is full".to_owned())));
inbox!(Stuck, |self, _hints| std::future::pending().await);
inbox!(Starved, |self, _hints| {
    std::thread::sleep(TOO_LONG);
    std::future::pending().await
});
inbox!(Recording, |self, hints| {
    let receipts = (1..).zip(&hints).map(|(number, _)| Receipt::Stored(number)).collect();
    self.0.lock().unwrap().extend(hints);
    Ok(receipts)
});
