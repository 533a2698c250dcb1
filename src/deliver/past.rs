//! What the log has of a time: which of it a sink would be sent, and sending that again.
//!
//! What is sent again goes into the ledger as a delivery of its own, with the event's id and outside of its item's order;
//! the sink's position stays, so that nothing else is sent twice.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::desk::Desk;
use super::wanted::{Chosen, Wanted};
use crate::config::Globs;
use crate::model::{Cursor, Event, Name};
use crate::store::ReadError;

/// Events that one question looks at.
const LOOKED_AT: u64 = 100_000;
/// Events that it shows.
const SHOWN: usize = 100;
/// Deliveries of a sink that may wait: beyond that it would be sent nothing new.
const WAITING: u64 = 10_000;
/// Events in a step.
const STEP: usize = 256;

/// A part of the log.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// What comes after this event.
    pub after: Option<Cursor>,
    /// What was written then or later.
    pub since: Option<DateTime<Utc>>,
    /// What was written before.
    pub until: Option<DateTime<Utc>>,
    /// Of these subscriptions.
    pub subscriptions: Globs,
}

/// What a sink would be sent of a part.
#[derive(Debug, Default)]
pub struct Looked {
    /// Events that were looked at.
    pub looked_at: u64,
    /// How many of them it would be sent.
    pub wanted: u64,
    /// How many of these only because its filter cannot be evaluated for them, and why of the first.
    pub unsure: u64,
    /// Why, of the first of those.
    pub why: Option<String>,
    /// The first of those that it would be sent.
    pub events: Vec<Event>,
    /// Where there is more to look at.
    pub next: Option<Cursor>,
}

/// What came of sending a part again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Again {
    /// So many events are sent again.
    pub replayed: u64,
    /// Where to go on, once these have gone, if not everything was looked at.
    pub next: Option<Cursor>,
}

impl Desk {
    /// What a sink would be sent of a part, if it were new; nothing is sent. `None`: the configuration has no such sink.
    ///
    /// # Errors
    /// Where the part is no longer kept.
    pub async fn look_back(&self, name: &Name, part: &Part) -> Result<Option<Looked>, ReadError> {
        let Some(wanted) = self.wanted(name) else { return Ok(None) };
        let mut reading = self.reading(&wanted, part).await?;
        let mut looked = Looked::default();
        while !reading.is_over() {
            if reading.looked_at() >= LOOKED_AT {
                looked.next = Some(reading.after);
                break;
            }
            let Chosen { events, unsure, why } = self.step(&mut reading).await?;
            looked.wanted += count(&events);
            looked.unsure += unsure;
            looked.why = looked.why.or(why);
            looked.events.extend(events.into_iter().take(SHOWN.saturating_sub(looked.events.len())));
        }
        looked.looked_at = reading.looked_at();
        Ok(Some(looked))
    }

    /// Sends what a sink wants of a part once more. `None`: the configuration has no such sink.
    ///
    /// # Errors
    /// Where the part is no longer kept.
    pub async fn send_again(&self, name: &Name, part: &Part) -> Result<Option<Again>, ReadError> {
        let (Some(wanted), Some(found)) = (self.wanted(name), self.sink(name).await?) else {
            return Ok(None);
        };
        let mut reading = self.reading(&wanted, part).await?;
        let (mut again, mut waiting) = (Again::default(), found.standing.pending);
        while !reading.is_over() {
            if waiting >= WAITING || reading.looked_at() >= LOOKED_AT {
                again.next = Some(reading.after);
                break;
            }
            let events = self.step(&mut reading).await?.events;
            let stored = self.store.send_late(name, events, self.clock.now()).await?.unwrap_or_default();
            again.replayed += stored;
            waiting += stored;
        }
        self.wake(name);
        Ok(Some(again))
    }

    async fn reading<'w>(&self, wanted: &'w Arc<Wanted>, part: &Part) -> Result<Reading<'w>, ReadError> {
        let bounds = self.store.bounds().await?;
        let since = match part.since {
            Some(since) => Some(self.store.written_since(since).await?),
            None => None,
        };
        let through = match part.until {
            Some(until) => self.store.written_since(until).await?,
            None => bounds.latest,
        };
        let after = part.after.max(since).unwrap_or(bounds.oldest);
        Ok(Reading { wanted, subscriptions: part.subscriptions.clone(), begun: after, after, through })
    }

    /// Reads on a step.
    async fn step(&self, reading: &mut Reading<'_>) -> Result<Chosen, ReadError> {
        let page = self.store.read(reading.after, STEP, Box::new(reading.wanted.clone())).await?;
        reading.after = if page.at_end { reading.through } else { page.next };
        let meant = page.events.into_iter().filter(|event| {
            event.cursor <= reading.through && reading.subscriptions.want(event.subscription.as_str())
        });
        Ok(reading.wanted.choose(meant.collect()).await?)
    }
}

/// How far a part has been read.
struct Reading<'w> {
    wanted: &'w Arc<Wanted>,
    subscriptions: Globs,
    begun: Cursor,
    after: Cursor,
    through: Cursor,
}

impl Reading<'_> {
    /// How many events were looked at.
    fn looked_at(&self) -> u64 {
        self.after.number().saturating_sub(self.begun.number())
    }

    fn is_over(&self) -> bool {
        self.after >= self.through
    }
}

fn count(events: &[Event]) -> u64 {
    u64::try_from(events.len()).unwrap_or(u64::MAX)
}
