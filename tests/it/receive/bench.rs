use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, HttpServer, rt};
use async_trait::async_trait;
use chrono::DateTime;
use o365_listener::clock::Clock;
use o365_listener::metrics::{Metrics, Snapshot};
use o365_listener::model::{Hint, Origin, Start, SubscriptionId, Via, Wish};
use o365_listener::receive::{Receiver, routes};
use o365_listener::reputation::Standing;
use o365_listener::seal::ClientStates;
use o365_listener::store::{self, Inbox, InboxDepth, NewSubscription, Receipt, Store, StoreError};
use o365_listener::tasks::{Seldom, Signal};
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
    _folder: TempDir,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Bench {
    pub async fn new() -> Self {
        Self::start(None).await
    }

    /// The same with another inbox than the store's.
    pub async fn with_inbox(inbox: impl Inbox + 'static) -> Self {
        Self::start(Some(Arc::new(inbox))).await
    }

    async fn start(inbox: Option<Arc<dyn Inbox>>) -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Clock::manual(DateTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let url = format!("sqlite:{}", folder.path().join("store.db").display());
        let store = store::open(&url, clock.now()).await.unwrap();
        let id = SubscriptionId(Uuid::from_u128(42));
        let new = NewSubscription { id, wish: wish(), target: None, now: clock.now() };
        store.register(new).await.unwrap();
        let receiver = Receiver {
            clock: clock.clone(),
            inbox: inbox.unwrap_or_else(|| store.clone()),
            metrics: Arc::new(Metrics::default()),
            client_states: ClientStates::new(&store.client_state_key().await.unwrap()),
            fetch: Signal::default(),
            renew: Signal::default(),
            body_limit: BODY_LIMIT,
            unstored: Seldom::default(),
        };
        Self { clock, store, id, receiver: Arc::new(receiver), _folder: folder }
    }

    pub fn client_state(&self) -> String {
        self.receiver.client_states.of(self.id)
    }

    pub fn client_state_of_a_stranger(&self) -> String {
        self.receiver.client_states.of(SubscriptionId(Uuid::from_u128(43)))
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

    /// Serves on a real socket, as long as the test lasts.
    pub fn serve(&self) -> SocketAddr {
        let receiver = Arc::clone(&self.receiver);
        let server = HttpServer::new(move || App::new().configure(|cfg| routes(cfg, &receiver)))
            .workers(1)
            .disable_signals()
            .bind("127.0.0.1:0")
            .unwrap();
        let address = server.addrs()[0];
        rt::spawn(server.run());
        address
    }

    pub async fn fetch_was_asked(&self) -> bool {
        was_raised(&self.receiver.fetch).await
    }

    pub async fn renewal_was_asked(&self) -> bool {
        was_raised(&self.receiver.renew).await
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
        let text = self.receiver.metrics.observe(&Snapshot::default()).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(&format!("o365_{series} ")));
        value.map_or(0, |value| value.parse().unwrap())
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
