//! The notification port on a real socket, with well-meaning and other clients.

mod client;
mod crowd;
mod overload;
mod packed;
mod requests;
mod slow;
mod sources;
mod tls;
