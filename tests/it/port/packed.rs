use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::future::join_all;

use super::client::{Client, notification, post};
use crate::receive::bench::{BODY_LIMIT, Bench};

fn packed(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[actix_web::test]
async fn a_packed_notification_is_stored() {
    let bench = Bench::new().await;
    let mut client = Client::connect(bench.serve()).await;
    let body = packed(&notification(&bench.client_state()));
    assert_eq!(client.ask(post("content-encoding: gzip\r\n", &body)).await.unwrap().status, 202);
    assert_eq!(bench.counted("change", "stored"), 1);
    assert!(bench.store.subscription(&"files".parse().unwrap()).await.unwrap().unwrap().pending);
    for (encoding, status) in [("br", 415), ("deflate", 415), ("gzip, br", 415)] {
        let mut client = Client::connect(bench.serve()).await;
        let request = post(&format!("content-encoding: {encoding}\r\n"), &body);
        assert_eq!(client.ask(request).await.unwrap().status, status, "{encoding}");
    }
}

#[actix_web::test]
async fn bodies_that_would_unpack_to_hundreds_of_megabytes_cost_next_to_nothing() {
    let bench = Bench::new().await;
    let address = bench.serve();
    let bomb = packed(&vec![0; 16 << 20]);
    assert!(bomb.len() < BODY_LIMIT);
    let request = post("content-encoding: gzip\r\n", &bomb);
    let before = most_memory();
    let attempts =
        (0..32).map(|_| async { Client::connect(address).await.ask(&request).await.unwrap().status });
    assert!(join_all(attempts).await.into_iter().all(|status| status == 413));
    let grown = most_memory() - before;
    assert!(grown < 24 << 10, "{grown} KiB for what would be 512 MiB");
    assert_eq!(bench.counted("unknown", "malformed"), 32);
}

/// The most memory that this process has had so far, in KiB.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
