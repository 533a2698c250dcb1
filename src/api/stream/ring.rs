//! The last part of the log, written down once for everybody who follows it.
//!
//! Pure. It has no gap: whoever stands in it may go on in it, and has then been told all that the log holds up to
//! there. Whoever is before it must read the log, however long that takes; nothing here waits for anybody.

use std::collections::VecDeque;

use bytes::Bytes;

use super::super::reader::Wanted;
use crate::model::{Cursor, Event, Name};
use crate::store::StoreError;

/// A part of the log, up to where it has been read.
#[derive(Debug)]
pub(in super::super) struct Ring {
    /// Of the events after this one none is missing.
    begin: Cursor,
    end: Cursor,
    told: VecDeque<Told>,
    bytes: usize,
    /// Bytes held at most.
    room: usize,
}

/// An event as the stream tells it.
#[derive(Debug)]
struct Told {
    cursor: Cursor,
    subscription: Name,
    event_type: String,
    text: Bytes,
}

/// What comes after a place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// What is wanted of it.
    pub text: Bytes,
    /// The last event in `text`, if there is one.
    pub last: Option<Cursor>,
    /// The last event looked at, wanted or not.
    pub through: Cursor,
}

impl Ring {
    /// Begins with what comes after `place`.
    pub fn after(place: Cursor, room: usize) -> Self {
        Self { begin: place, end: place, told: VecDeque::new(), bytes: 0, room }
    }

    /// Where it ends.
    pub fn end(&self) -> Cursor {
        self.end
    }

    /// Takes in what comes next in the log, up to `end`; the oldest makes room for it.
    pub fn extend(&mut self, events: &[Event], end: Cursor) -> Result<(), StoreError> {
        for event in events {
            let mut text = Vec::new();
            write(event, &mut text)?;
            self.bytes += text.len();
            self.told.push_back(Told {
                cursor: event.cursor,
                subscription: event.subscription.clone(),
                event_type: event.event_type.clone(),
                text: text.into(),
            });
        }
        self.end = self.end.max(end);
        while self.bytes > self.room {
            let Some(oldest) = self.told.pop_front() else { break };
            self.bytes -= oldest.text.len();
            self.begin = oldest.cursor;
        }
        Ok(())
    }

    /// What comes after `place`, joined to about `most` bytes. `None`: the place is not in here.
    pub(super) fn look(&self, place: Cursor, wanted: &Wanted, most: usize) -> Option<Found> {
        if place < self.begin {
            return None;
        }
        let next = self.told.partition_point(|told| told.cursor <= place);
        let mut pending = self.told.range(next..).peekable();
        let mut found = Found { text: Bytes::new(), last: None, through: place };
        let (mut texts, mut bytes) = (Vec::new(), 0);
        while let Some(told) = pending.next_if(|told| bytes == 0 || bytes + told.text.len() <= most) {
            found.through = told.cursor;
            if wanted.fits(told.subscription.as_str(), &told.event_type) {
                found.last = Some(told.cursor);
                bytes += told.text.len();
                texts.push(&told.text);
            }
        }
        if pending.peek().is_none() {
            found.through = found.through.max(self.end);
        }
        found.text = match texts.as_slice() {
            // Shared with everybody else who is told of it.
            [text] => Bytes::clone(text),
            texts => texts.iter().map(AsRef::as_ref).collect::<Vec<&[u8]>>().concat().into(),
        };
        Some(found)
    }
}

/// Writes an event as one of the stream's.
pub(super) fn write(event: &Event, text: &mut Vec<u8>) -> Result<(), StoreError> {
    let mut data = serde_json::to_vec(event).map_err(|error| StoreError::Broken {
        table: "event",
        column: "data",
        row: event.cursor.to_string(),
        reason: error.to_string(),
    })?;
    // Between tokens, a line break would end the field; within a string there is none.
    data.retain(|byte| !matches!(byte, b'\n' | b'\r'));
    text.extend_from_slice(format!("id: {}\ndata: ", event.cursor).as_bytes());
    text.extend_from_slice(&data);
    text.extend_from_slice(b"\n\n");
    Ok(())
}
