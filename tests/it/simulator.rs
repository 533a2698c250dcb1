//! The stand-in tenant answers as Microsoft describes it.

mod batches;
mod content;
mod delta;
pub mod harness;
mod notifications;
mod resolution;
pub mod sharepoint;
mod sign_in;
mod subscriptions;
