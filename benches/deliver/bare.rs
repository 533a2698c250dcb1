//! What can be had: requests that are ready, on sockets of their own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use o365_listener::model::Cursor;
use o365_listener::store::{All, Store};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Requests under way.
const SOCKETS: usize = 32;

/// What the sink sends for each event of the log; the signature is not one, but as long.
pub async fn requests(store: &dyn Store, to: SocketAddr) -> Arc<Vec<Vec<u8>>> {
    let (mut requests, mut after) = (Vec::new(), Cursor::START);
    loop {
        let page = store.read(after, 1000, Box::new(All)).await.unwrap();
        after = page.next;
        requests.extend(page.events.iter().map(|event| {
            let body = serde_json::to_vec(event).unwrap();
            let mut request = format!(
                "POST /hook HTTP/1.1\r\ncontent-type: application/cloudevents+json\r\nwebhook-id: {}\r\n\
                 webhook-timestamp: 1800000000\r\nwebhook-signature: v1,{}\r\nuser-agent: o365-listener/0.1.0\r\n\
                 accept: */*\r\nhost: {to}\r\ncontent-length: {}\r\n\r\n",
                event.id,
                "x".repeat(44),
                body.len()
            )
            .into_bytes();
            request.extend(body);
            request
        }));
        if page.at_end {
            return Arc::new(requests);
        }
    }
}

/// Posts all of them.
pub async fn post(requests: &Arc<Vec<Vec<u8>>>, to: SocketAddr) {
    let next = Arc::new(AtomicUsize::new(0));
    let sockets = (0..SOCKETS).map(|_| tokio::spawn(one_socket(requests.clone(), next.clone(), to)));
    for socket in sockets.collect::<Vec<_>>() {
        socket.await.unwrap();
    }
}

async fn one_socket(requests: Arc<Vec<Vec<u8>>>, next: Arc<AtomicUsize>, to: SocketAddr) {
    let mut socket = TcpStream::connect(to).await.unwrap();
    socket.set_nodelay(true).unwrap();
    let mut answer = Vec::with_capacity(1024);
    while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
        socket.write_all(request).await.unwrap();
        answer.clear();
        while !answer.ends_with(b"\r\n\r\n") {
            assert_ne!(socket.read_buf(&mut answer).await.unwrap(), 0, "the receiver closed the connection");
        }
        assert_eq!(&answer[9..12], b"202");
    }
}
