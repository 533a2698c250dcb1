//! What `waiting.rs` shares between threads; the test that tries all interleavings puts its own in this place.

pub(super) type Set<T> = dashmap::DashSet<T>;
