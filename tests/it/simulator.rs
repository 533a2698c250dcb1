//! The stand-in tenant answers as Microsoft describes it.

mod batches;
mod chaos;
mod content;
mod delta;
mod faults;
pub mod harness;
mod notifications;
mod page;
mod resolution;
pub mod sharepoint;
mod sign_in;
mod subscriptions;
