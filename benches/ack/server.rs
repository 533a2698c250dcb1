//! The ways of storing, each behind the real receiver.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use o365_listener::clock::Clock;
use o365_listener::metrics::Metrics;
use o365_listener::model::{Hint, Origin, Remote, RemoteId, Start, SubscriptionId, Target, Via, Wish};
use o365_listener::port::{Port, Settings};
use o365_listener::receive::{self, Receiver, Sources, Workload};
use o365_listener::seal::ClientStates;
use o365_listener::store::{
    self, Inbox, InboxDepth, Link, NewSubscription, PageCommit, Receipt, RoundEnd, Store, StoreError,
};
use o365_listener::tasks::{Seldom, Signal};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::{Body, SUBSCRIPTIONS};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rounds claimed and ended in a second.
const CLAIMS: u64 = 2_000;
/// The own file: as long as it stays in the page cache.
const FILE_BYTES: u64 = 64 << 20;
/// What a hint takes in it: its subscription, kind and time, and what a log needs around them.
const RECORD_BYTES: usize = 64;
const BATCH: usize = 4096;

/// Whole requests: `notifications` in a body, in turn of the first `of` subscriptions.
pub(crate) fn bodies(notifications: usize, body: Body) -> Vec<Vec<u8>> {
    let (of, extra) = match body {
        Body::Plain(of) => (of, ""),
        Body::Unlike(of) => (of, r#","notKnownYet":true"#),
    };
    let states = states();
    let element = |number: usize| {
        let id = id(number % of);
        format!(
            r##"{{"subscriptionId":"{}","subscriptionExpirationDateTime":"2026-12-01T08:20:30.0000000+00:00","clientState":"{}","changeType":"created","resource":"Users/4d1e2c3b-0000-4444-8888-1234567890ab/Messages/{item}","resourceData":{{"@odata.type":"#Microsoft.Graph.Message","@odata.id":"Users/4d1e2c3b-0000-4444-8888-1234567890ab/Messages/{item}","@odata.etag":"W/\"DwAAABYAAAB\"","id":"{item}"}},"tenantId":"c0ffee00-1111-4222-8333-444455556666"{extra}}}"##,
            id.0,
            states.of(id),
            item = "AAMkAGUzY2QyN2E0LTc5ZTMtNDAwMi1hYTUxLTYyN2E0NTBhMGQ5MQBGAAAAAAB",
        )
    };
    (0..of)
        .map(|first| {
            let elements: Vec<String> =
                (0..notifications).map(|number| element(first * notifications + number)).collect();
            let body = format!(r#"{{"value":[{}]}}"#, elements.join(","));
            format!(
                "POST /notifications HTTP/1.1\r\nHost: hooks.contoso.com\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes()
        })
        .collect()
}

/// Keys and ids are the same in all processes.
fn states() -> ClientStates {
    ClientStates::new(&[7; o365_listener::seal::KEY_BYTES])
}

pub(crate) fn id(number: usize) -> SubscriptionId {
    // Spread like real ones.
    SubscriptionId(Uuid::from_u128((number as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)))
}

/// Serves one way until standard input ends; a store in `folder` stays there.
pub(crate) fn serve(way: &str, folder: Option<&Path>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let own = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let folder = folder.unwrap_or(own.path());
    let inbox: Arc<dyn Inbox> = match way {
        "empty" | "bare" => Arc::new(Yes),
        "file" => Arc::new(OwnFile::new(&folder.join("own"))),
        _ => {
            let store = runtime.block_on(filled(&folder.join("store.db")));
            if way == "store-claimed" {
                runtime.spawn(claims(store.clone()));
            }
            store
        }
    };
    let address = if way == "empty" { empty(&runtime) } else { receiving(&runtime, receiver(inbox)) };
    println!("{address}");
    let _ = std::io::stdin().read(&mut [0]);
}

/// The HTTP library with its own server and nothing behind it.
fn empty(runtime: &Runtime) -> SocketAddr {
    let answer = || web::post().to(|_: web::Bytes| async { HttpResponse::Accepted().finish() });
    let server = HttpServer::new(move || App::new().route("/notifications", answer()));
    let server = server.workers(2).disable_signals().bind("127.0.0.1:0").unwrap();
    let address = server.addrs()[0];
    runtime.spawn(server.run());
    address
}

/// The notification port, as the listener opens it.
fn receiving(runtime: &Runtime, receiver: Receiver) -> SocketAddr {
    let settings = Settings {
        address: ([127, 0, 0, 1], 0).into(),
        max_connections: 10_000,
        body_limit: receiver.body_limit,
        tls: None,
        clock: receiver.clock.clone(),
        metrics: receiver.metrics.clone(),
        drain_seconds: 1,
    };
    let receiver = Arc::new(receiver);
    let port = Port::open(settings, move |routes| receive::routes(routes, &receiver)).unwrap();
    let address = port.address();
    runtime.spawn(port.run());
    address
}

fn receiver(inbox: Arc<dyn Inbox>) -> Receiver {
    Receiver {
        clock: Clock::system(),
        inbox,
        metrics: Arc::new(Metrics::default()),
        client_states: states(),
        fetch: Signal::default(),
        renew: Signal::default(),
        body_limit: 1 << 20,
        sealer: None,
        sources: Sources::default(),
        workload: Workload::default(),
        unstored: Seldom::default(),
        overfull: Seldom::default(),
        stands_in: false,
    }
}

/// A store in which everything is followed and nothing is due.
async fn filled(path: &Path) -> Arc<dyn Store> {
    let now = Utc::now();
    let store = store::open(&format!("sqlite:{}", path.display()), now).await.unwrap();
    for first in (0..SUBSCRIPTIONS).step_by(1000) {
        let add = |number: usize| {
            let store = store.clone();
            async move {
                store.register(subscription(number, now)).await.unwrap();
                store.begun(id(number), now, Some(link())).await.unwrap();
                let remote = Remote {
                    id: RemoteId(id(number).0.to_string()),
                    expires_at: now + TimeDelta::days(2),
                    renew_at: now + TimeDelta::days(1),
                    certificate: None,
                };
                store.confirmed(id(number), &remote, now).await.unwrap();
            }
        };
        futures_util::future::join_all((first..first + 1000).map(add)).await;
        work_off(&*store, 1000).await;
    }
    store
}

pub(crate) fn name(number: usize) -> String {
    format!("s-{number}")
}

fn subscription(number: usize, now: DateTime<Utc>) -> NewSubscription {
    let drive = format!("b!{number:040}");
    let wish = Wish {
        name: name(number).parse().unwrap(),
        tenant: "contoso".parse().unwrap(),
        resource: format!("drive:{drive}").parse().unwrap(),
        via: Via::Graph,
        start: Start::Now,
        lifetime: None,
        select: Vec::new(),
        include_resource_data: false,
        origin: Origin::Api,
    };
    NewSubscription { id: id(number), wish, target: Some(Target::Drive { drive }), now, lease: None }
}

fn link() -> Link {
    Link::Delta("https://graph.microsoft.com/v1.0/drives/b!0/root/delta?token=0".to_owned())
}

/// Claims and ends up to `most` rounds, all at once.
async fn work_off(store: &dyn Store, most: u64) {
    futures_util::future::join_all((0..most).map(|_| one_round(store))).await;
}

async fn one_round(store: &dyn Store) {
    let now = Utc::now();
    let lease = Duration::from_secs(300);
    let Some(claim) = store.claim_round(&[], now, lease).await.unwrap() else { return };
    let page = PageCommit {
        claim,
        events: Vec::new(),
        rows: Vec::new(),
        link: link(),
        seen: Vec::new(),
        odd: Vec::new(),
        progress: None,
        end: RoundEnd::default(),
        now,
        lease,
    };
    store.commit_page(page).await.unwrap();
}

async fn claims(store: Arc<dyn Store>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    loop {
        ticks.tick().await;
        work_off(&*store, CLAIMS / 100).await;
    }
}

/// No storage.
struct Yes;

#[async_trait]
impl Inbox for Yes {
    async fn append(&self, hints: Vec<Hint>) -> Result<Vec<Receipt>, StoreError> {
        Ok(vec![Receipt::Stored(1); hints.len()])
    }

    async fn waits(&self, _: SubscriptionId, _: i64) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn depth(&self) -> Result<InboxDepth, StoreError> {
        Ok(InboxDepth::default())
    }
}

/// What can be had of this disk: a file of its own that exists already, and one sync for all that wait.
struct OwnFile(Sender<(usize, oneshot::Sender<()>)>);

impl OwnFile {
    fn new(path: &Path) -> Self {
        let mut file = File::create(path).unwrap();
        let chunk = vec![0; 1 << 20];
        (0..FILE_BYTES >> 20).for_each(|_| file.write_all(&chunk).unwrap());
        file.sync_all().unwrap();
        file.rewind().unwrap();
        let (queue, waiting) = channel::<(usize, oneshot::Sender<()>)>();
        std::thread::spawn(move || {
            let mut at = 0;
            while let Ok(first) = waiting.recv() {
                let mut batch = vec![first];
                batch.extend(waiting.try_iter().take(BATCH));
                let records: usize = batch.iter().map(|(hints, _)| hints).sum();
                let bytes = vec![1; records * RECORD_BYTES];
                if at + bytes.len() as u64 > FILE_BYTES {
                    at = 0;
                    file.seek(SeekFrom::Start(0)).unwrap();
                }
                file.write_all(&bytes).unwrap();
                at += bytes.len() as u64;
                file.sync_data().unwrap();
                for (_, reply) in batch {
                    let _ = reply.send(());
                }
            }
        });
        Self(queue)
    }
}

#[async_trait]
impl Inbox for OwnFile {
    async fn append(&self, hints: Vec<Hint>) -> Result<Vec<Receipt>, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.0.send((hints.len(), reply)).unwrap();
        answer.await.unwrap();
        Ok(vec![Receipt::Stored(1); hints.len()])
    }

    async fn waits(&self, _: SubscriptionId, _: i64) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn depth(&self) -> Result<InboxDepth, StoreError> {
        Ok(InboxDepth::default())
    }
}
