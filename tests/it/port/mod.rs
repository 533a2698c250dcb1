//! The notification port on a real socket, with well-meaning and other clients.

mod client;
mod crowd;
mod overload;
mod packed;
mod requests;
mod slow;
mod sources;
mod tls;

use crate::listener::eventually;
use crate::receive::bench::Bench;

/// Waits until so many connections were closed for this reason: a client sees the end before it is counted.
async fn closed(bench: &Bench, reason: &str, connections: u64) {
    let series = format!("closed_connections_total{{reason=\"{reason}\"}}");
    eventually(&series, async || bench.count(&series) == connections).await;
}
