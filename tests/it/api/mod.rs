//! The admin port over HTTP, with a real store.

pub mod bench;
mod calls;
mod consumers;
mod description;
mod events;
mod keys;
mod listing;
mod streams;
