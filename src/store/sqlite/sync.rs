//! What `waiting.rs` looks things up in; the test that tries all interleavings puts its own in this place.

use super::hash::OurIds;

/// Shared between threads.
pub(super) type Set<T> = dashmap::DashSet<T, OurIds>;
/// Of one thread.
pub(super) type Map<K, V> = std::collections::HashMap<K, V, OurIds>;
