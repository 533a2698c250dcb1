//! The one reader of the log's end, for all who follow it: what they are told is read and written down once.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::ring::Ring;
use crate::store::{All, Log, ReadError};

/// Events in one reading.
const AT_ONCE: usize = 256;
/// Bytes held: seconds of a busy log, so that whoever was held up a little need not go to the store.
const ROOM: usize = 4 * 1024 * 1024;

/// Follows the log's end while somebody wants to know of it.
pub struct Tail {
    log: Arc<dyn Log>,
    ring: watch::Sender<Ring>,
    room: usize,
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tail").field("ring", &self.ring).finish_non_exhaustive()
    }
}

impl Tail {
    /// Begins at the log's end; it is to be run.
    pub fn new(log: Arc<dyn Log>) -> Arc<Self> {
        Self::with_room(log, ROOM)
    }

    fn with_room(log: Arc<dyn Log>, room: usize) -> Arc<Self> {
        let latest = *log.end().borrow();
        Arc::new(Self { log, ring: watch::Sender::new(Ring::after(latest, room)), room })
    }

    /// What is read from now on, and a sign with each change.
    pub(super) fn follow(&self) -> watch::Receiver<Ring> {
        self.ring.subscribe()
    }

    /// Reads until `stop`, or until the store closes.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut end = self.log.end();
        loop {
            // Before reading, so that what is written meanwhile is not missed.
            end.borrow_and_update();
            self.keep_up().await;
            tokio::select! {
                () = stop.cancelled() => return,
                changed = end.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Reads what has come. Where nobody follows, or it cannot be read, it is left out: whoever is before what is held
    /// then reads the log and meets what there is to be met.
    async fn keep_up(&self) {
        if self.ring.receiver_count() == 0 || self.read_on().await.is_err() {
            let latest = *self.log.end().borrow();
            self.ring.send_replace(Ring::after(latest, self.room));
        }
    }

    async fn read_on(&self) -> Result<(), ReadError> {
        let mut at_end = false;
        while !at_end {
            let end = self.ring.borrow().end();
            let page = self.log.read(end, AT_ONCE, Box::new(All)).await?;
            at_end = page.at_end;
            let mut taken = Ok(());
            self.ring.send_modify(|ring| taken = ring.extend(&page.events, page.next));
            taken?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
