//! A way to the tenant that can be closed, to all or to some requests: what is sent then waits until it is opened again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub struct Gate {
    url: String,
    open: watch::Sender<bool>,
    waiting: Arc<AtomicUsize>,
}

/// What waits at a closed gate.
#[derive(Clone)]
struct Guard {
    opened: watch::Receiver<bool>,
    /// What a request begins with, if not all is to wait.
    only: Option<&'static str>,
    waiting: Arc<AtomicUsize>,
}

impl Gate {
    /// An open gate in front of this address.
    pub async fn to(behind: SocketAddr) -> Self {
        Self::of(behind, None).await
    }

    /// As [`Gate::to`], which closes to requests alone that begin like this.
    pub async fn to_some(behind: SocketAddr, only: &'static str) -> Self {
        Self::of(behind, Some(only)).await
    }

    #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
    async fn of(behind: SocketAddr, only: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let open = watch::Sender::new(true);
        let waiting = Arc::new(AtomicUsize::new(0));
        let guard = Guard { opened: open.subscribe(), only, waiting: waiting.clone() };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = TcpStream::connect(behind).await.unwrap().into_split();
                tokio::spawn(pass(from_client, to_server, guard.clone()));
                tokio::spawn(pass(from_server, to_client, guard.clone()));
            }
        });
        Self { url, open, waiting }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// How much waits just now.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    pub fn close(&self) {
        self.open.send_replace(false);
    }

    pub fn open(&self) {
        self.open.send_replace(true);
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut guard: Guard) {
    let mut piece = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        let concerned = guard.only.is_none_or(|only| piece.starts_with(only.as_bytes()));
        if (concerned && !guard.is_passed().await) || to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
    // A server hangs up on who says nothing for some seconds; whoever waits behind the gate does not learn of that.
    if guard.only.is_some() {
        guard.is_open().await;
    }
}

impl Guard {
    async fn is_passed(&mut self) -> bool {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let passed = self.is_open().await;
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        passed
    }

    async fn is_open(&mut self) -> bool {
        self.opened.wait_for(|open| *open).await.is_ok()
    }
}
