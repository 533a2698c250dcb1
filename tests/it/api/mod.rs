//! The admin port over HTTP, with a real store.

mod bench;
mod calls;
mod events;
mod keys;
mod listing;
mod streams;
