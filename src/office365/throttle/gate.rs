//! One gate: its places, handed out in the order in which they were asked for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::pace::Pace;

/// Who waits for a place at most; more than fetches, renewals and callers of the API are at once.
const MOST_WAITING: usize = 512;

/// The gate of one area.
pub(super) struct Gate {
    semaphore: Arc<Semaphore>,
    waiting: AtomicUsize,
    inner: Mutex<Inner>,
}

struct Inner {
    pace: Pace,
    /// Places that the semaphore hands out, those included that are taken.
    issued: usize,
}

/// A place in a gate; given back when it is dropped.
pub(in crate::office365) struct Place {
    gate: Arc<Gate>,
    permit: Option<OwnedSemaphorePermit>,
}

/// Takes part in the count of those who wait, also when the wait is given up.
struct Waiter<'a>(&'a AtomicUsize);

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate {
    pub(super) fn new(most: usize) -> Self {
        let pace = Pace::new(most);
        let issued = pace.places;
        Self {
            semaphore: Arc::new(Semaphore::new(issued)),
            waiting: AtomicUsize::new(0),
            inner: Mutex::new(Inner { pace, issued }),
        }
    }

    /// Waits for a place; none: too many wait already.
    pub(super) async fn place(self: Arc<Self>) -> Option<Place> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiter = Waiter(&self.waiting);
        if before >= MOST_WAITING {
            return None;
        }
        // It is never closed.
        let permit = Arc::clone(&self.semaphore).acquire_owned().await.ok()?;
        Some(Place { gate: Arc::clone(&self), permit: Some(permit) })
    }

    /// Looks at the pace, or changes it; the number of places follows.
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut Pace) -> T) -> T {
        let mut inner = self.lock();
        let looked = look(&mut inner.pace);
        let places = inner.pace.places;
        if places > inner.issued {
            self.semaphore.add_permits(places - inner.issued);
            inner.issued = places;
        } else if places < inner.issued {
            // Those that are taken go when they are given back.
            inner.issued -= self.semaphore.forget_permits(inner.issued - places);
        }
        looked
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(permit) = self.permit.take() else { return };
        let mut inner = self.gate.lock();
        if inner.issued > inner.pace.places {
            permit.forget();
            inner.issued -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use futures_util::poll;

    #[tokio::test]
    async fn places_are_taken_away_and_given_back_while_they_are_in_use() {
        let gate = Arc::new(Gate::new(4));
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(Arc::clone(&gate).place().await.unwrap());
        }
        gate.with(|pace| pace.refused(None, DateTime::UNIX_EPOCH));
        held.truncate(2);
        let mut next = Box::pin(Arc::clone(&gate).place());
        assert!(poll!(&mut next).is_pending(), "two are left, and both are taken");
        held.clear();
        let _third = next.await.unwrap();
        let _fourth = Arc::clone(&gate).place().await.unwrap();
        let mut fifth = Box::pin(Arc::clone(&gate).place());
        assert!(poll!(&mut fifth).is_pending());
        let later = DateTime::UNIX_EPOCH + std::time::Duration::from_secs(60);
        for _ in 0..8 {
            gate.with(|pace| pace.answered(later));
        }
        assert!(poll!(&mut fifth).is_ready(), "eight answers make one more");
    }

    #[tokio::test]
    async fn a_queue_has_an_end_and_who_goes_away_leaves_room() {
        let gate = Arc::new(Gate::new(1));
        let _held = Arc::clone(&gate).place().await.unwrap();
        let mut queue: Vec<_> = (0..MOST_WAITING).map(|_| Box::pin(Arc::clone(&gate).place())).collect();
        for waiter in &mut queue {
            assert!(poll!(waiter).is_pending());
        }
        assert!(Arc::clone(&gate).place().await.is_none());
        queue.pop();
        let mut next = Box::pin(Arc::clone(&gate).place());
        assert!(poll!(&mut next).is_pending());
    }
}
