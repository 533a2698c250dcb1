//! One who follows the log.
//!
//! It has a place in the log and hardly anything else of its own: while that place is in the ring, it is told what
//! everybody is told, and else it reads the log a page at a time until it is there. So one that takes things slowly, or
//! not at all, holds up nobody, and holds no more than one such page.

use bytes::Bytes;
use tokio::sync::watch;

use super::super::reader::Reader;
use super::ring::{self, Ring};
use crate::model::Cursor;
use crate::store::ReadError;

/// Events read from the log at once.
const AT_ONCE: usize = 20;
/// Text of them that is kept, and at least one event; the others are read again.
const HELD: usize = 16 * 1024;
/// What is handed over at once, also of a longer event: beside what the port collects for a client that does not read, it
/// holds one piece.
pub(super) const PIECE: usize = 8 * 1024;

pub(super) struct Follower {
    reader: Reader,
    ring: watch::Receiver<Ring>,
    /// The last cursor that was written.
    told: Cursor,
    /// What is written and not taken yet.
    rest: Bytes,
}

impl Follower {
    /// Begins with the place where it stands and what comes next.
    ///
    /// # Errors
    /// Where what comes next is not kept any more.
    pub async fn begin(reader: Reader, ring: watch::Receiver<Ring>) -> Result<Self, ReadError> {
        let told = reader.position();
        let mut follower = Self { reader, ring, told, rest: Bytes::new() };
        follower.read(place(told)).await?;
        Ok(follower)
    }

    /// A piece of what is written, if there is something.
    pub fn take(&mut self) -> Option<Bytes> {
        let piece = self.rest.split_to(self.rest.len().min(PIECE));
        (!piece.is_empty()).then_some(piece)
    }

    /// Looks at what comes next, or waits until something does. What was written before is to be taken first.
    pub async fn go_on(&mut self) -> Result<(), ReadError> {
        // Seen before it is looked at, so that what comes meanwhile is not missed.
        let found = self.ring.borrow_and_update().look(self.reader.position(), self.reader.wanted(), PIECE);
        let Some(found) = found else { return self.read(Vec::new()).await };
        self.reader.go_to(found.through);
        self.told = found.last.unwrap_or(self.told);
        self.rest = found.text;
        if self.rest.is_empty() {
            // Whoever changes it lives as long as the API.
            let _ = self.ring.changed().await;
        }
        Ok(())
    }

    /// What shows that all is well although there is nothing to tell; its place, if that has changed.
    pub fn heartbeat(&mut self) -> Bytes {
        let position = self.reader.position();
        if std::mem::replace(&mut self.told, position) == position {
            return Bytes::from_static(b":\n\n");
        }
        place(position).into()
    }

    async fn read(&mut self, mut text: Vec<u8>) -> Result<(), ReadError> {
        for event in self.reader.read(AT_ONCE).await? {
            if text.len() >= HELD {
                self.reader.go_to(self.told);
                break;
            }
            ring::write(&event, &mut text)?;
            self.told = event.cursor;
        }
        self.rest = text.into();
        Ok(())
    }
}

fn place(cursor: Cursor) -> Vec<u8> {
    format!("id: {cursor}\n\n").into_bytes()
}
