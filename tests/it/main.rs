//! Integration tests: the real app against the stand-in tenant.
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected should panic, and say what it did"
)]

mod api;
mod batches;
mod broken_off;
mod connect;
mod content;
mod crash;
mod doctor;
mod examples;
mod first_round;
mod following;
mod gates;
mod house;
mod lifecycle;
mod listener;
mod mailbox;
mod main_job;
mod monitoring;
mod odd;
mod office365;
mod openapi;
mod outage;
mod pauses;
mod plan;
mod port;
mod receive;
mod receiver;
mod renewals;
mod resync;
mod scenarios;
mod schema;
mod sharepoint;
mod signing_in;
mod simulator;
mod sinks;
mod store;
mod sweeps;
mod tenants;

/// For the one file of the library that is also built into these tests (`store::elision`).
use o365_listener::model;
