//! The notification port below HTTP: who may stay connected, and for how long; and TLS for both ports.
//!
//! What this room guarantees of the notification port:
//! * From the first byte of a request to its answer there are 5 s, for the first request of a connection and for
//!   every later one, however slowly head or body come. A connection that sends nothing has 5 s too, and between
//!   requests 75 s. Then it is closed.
//! * Accepting never stops. At the limit of connections the slow ones make room at once, then those that have been
//!   idle for longest; only when all others are being served is a new one turned away, with 503 (with TLS: without a word).
//! * What strangers can make us hold is bounded: what was received and not answered yet has one limit for all
//!   connections together, and whoever goes beyond it with a large request loses the connection.
//! * A new certificate is shown from the first connection after it was found; one that cannot be used changes
//!   nothing but a metric and the log.
//!
//! What it does not: judge requests. A connection knows only whether it owes us bytes or we owe it an answer.
//!
//! Why it is not the server library's own: that one's time limit covers the first head of a connection only, and at
//! its connection limit it stops accepting, handshakes included.
//!
//! Races, and the decision on each:
//! * *A client sends its next request while its idle connection is being closed.* If it has arrived in full, it is
//!   still answered. Otherwise the client sees the connection end and sends again, as after any lost answer.
//! * *The answer is on its way when the time is up.* Answers are given within half of it; who does not take them is
//!   slow as well.
//! * *Connections that must make way have not gone yet when others take their place.* There are a few more than the
//!   limit for as long as a thread takes to come round to them.

mod certificate;
mod connection;
mod connections;
mod descriptors;
mod renewal;
mod server;
mod tls;
mod watched;

pub use certificate::{Pair, PairError};
pub use connection::Connection;
pub use descriptors::within_limits;
pub use renewal::CertificateRenewal;
pub use server::{Port, Settings};
pub use tls::{Shown, server_config};
