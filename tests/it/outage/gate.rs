//! A way to the tenant that can be closed: what is sent then waits until it is opened again.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub struct Gate {
    url: String,
    open: watch::Sender<bool>,
}

impl Gate {
    /// An open gate in front of this address.
    #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
    pub async fn to(behind: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let open = watch::Sender::new(true);
        let opened = open.subscribe();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = TcpStream::connect(behind).await.unwrap().into_split();
                tokio::spawn(pass(from_client, to_server, opened.clone()));
                tokio::spawn(pass(from_server, to_client, opened.clone()));
            }
        });
        Self { url, open }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn close(&self) {
        self.open.send_replace(false);
    }

    pub fn open(&self) {
        self.open.send_replace(true);
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut opened: watch::Receiver<bool>) {
    let mut piece = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        if opened.wait_for(|open| *open).await.is_err() || to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
