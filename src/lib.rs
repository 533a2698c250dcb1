//! `o365-listener` follows SharePoint lists, OneDrive and mailboxes of Microsoft 365 and keeps a durable,
//! ordered log of what changed in them.
//!
//! A webhook is a doorbell, the delta cursor is the truth, the event log is the product. `ARCHITECTURE.md`
//! walks through the house; the rooms in reading order:

pub mod api;
pub mod app;
pub mod backoff;
pub mod cli;
pub mod clock;
pub mod config;
pub mod connect;
pub mod deliver;
pub mod fetch;
pub mod lifecycle;
pub mod metrics;
pub mod model;
pub mod office365;
pub mod port;
pub mod receive;
pub mod renew;
pub mod reputation;
pub mod retain;
pub mod seal;
pub mod secret;
pub mod simulator;
pub mod sinks;
pub mod store;
pub mod tasks;
pub mod telemetry;
