//! The ledger.

mod asked;
mod claim;
mod row;
mod settle;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::Connection;
use uuid::Uuid;

use super::SqliteStore;
use super::row::{execute, micros, value};
use crate::config::SinkStart;
use crate::model::{Cursor, Delivery, DeliveryState, Event, Name, SinkStanding};
use crate::store::{Deliveries, Settled, Settlement, SinkClaim, StoreError};

#[async_trait]
impl Deliveries for SqliteStore {
    async fn enrol(&self, sinks: Vec<(Name, SinkStart)>, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.write(move |db| claim::enrol(db, &sinks, now)).await
    }

    async fn claim_sink(
        &self,
        sink: &Name,
        mine: Option<Uuid>,
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<Option<SinkClaim>, StoreError> {
        let sink = sink.clone();
        self.write(move |db| claim::claim(db, &sink, mine, now, lease)).await
    }

    async fn due_deliveries(
        &self,
        claim: &SinkClaim,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<(Vec<Delivery>, Option<DateTime<Utc>>), StoreError> {
        let key = claim.key;
        self.read(move |db| claim::due(db, key, now, limit)).await
    }

    async fn settle(&self, settlement: Settlement) -> Result<Settled, StoreError> {
        self.write(move |db| settle::settle(db, &settlement)).await
    }

    async fn sinks(&self) -> Result<Vec<SinkStanding>, StoreError> {
        self.read(asked::standings).await
    }

    async fn deliveries(
        &self,
        sink: &Name,
        states: &[DeliveryState],
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let (sink, states) = (sink.clone(), states.to_vec());
        self.read(move |db| asked::deliveries(db, &sink, &states, before, limit)).await
    }

    async fn retry(
        &self,
        sink: &Name,
        event: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<Option<u64>, StoreError> {
        let mut all = 0;
        loop {
            let (sink, event) = (sink.clone(), event.clone());
            match self.write(move |db| asked::retry(db, &sink, event.as_deref(), now)).await? {
                None => return Ok(None),
                Some(0) => return Ok(Some(all)),
                Some(retried) => all += retried,
            }
        }
    }

    async fn send_late(
        &self,
        sink: &Name,
        events: Vec<Event>,
        now: DateTime<Utc>,
    ) -> Result<Option<u64>, StoreError> {
        let sink = sink.clone();
        self.write(move |db| settle::send_late(db, &sink, &events, now)).await
    }

    async fn replay(&self, sink: &Name, after: Cursor) -> Result<bool, StoreError> {
        let sink = sink.clone();
        self.write(move |db| asked::replay(db, &sink, after)).await
    }

    async fn enable(&self, sink: &Name) -> Result<bool, StoreError> {
        let sink = sink.clone();
        self.write(move |db| asked::enable(db, &sink)).await
    }
}

/// Takes in a sink that begins at the log's end.
pub(super) fn add(db: &Connection, name: &Name) -> Result<(), StoreError> {
    claim::add(db, name, SinkStart::Now)
}

/// Marks a sink as removed; whoever works on it loses its claim.
pub(super) fn remove(db: &Connection, name: &Name, now: DateTime<Utc>) -> Result<(), StoreError> {
    claim::remove(db, name, now)
}

/// What has been over for longest, and since before a time.
macro_rules! over {
    () => {
        "SELECT key, sink, state FROM delivery WHERE settled_at < ?1 ORDER BY settled_at LIMIT ?2"
    };
}

/// What is left of sinks that the configuration has not had since before a time. From the few sinks to their rows: the
/// other way round, all deliveries would be walked through.
macro_rules! left {
    () => {
        "SELECT d.key FROM sink s CROSS JOIN delivery d ON d.sink = s.key WHERE s.removed_at < ?1 LIMIT ?2"
    };
}

/// Voids the claims of a process that is gone.
pub(super) fn void_claims(db: &Connection) -> Result<(), StoreError> {
    execute(db, "UPDATE sink SET lease = NULL, leased_until = NULL WHERE lease IS NOT NULL", [])?;
    Ok(())
}

/// Deletes deliveries that are over since before `before`, and what is left of sinks that the configuration has not had
/// since then; at most `limit` rows. A dead letter that goes was never delivered, and is counted as lost.
pub(super) fn delete_oldest(db: &Connection, before: DateTime<Utc>, limit: i64) -> Result<usize, StoreError> {
    let over = rusqlite::params![micros(before), limit];
    execute(
        db,
        concat!(
            "WITH over AS (",
            over!(),
            "),
                  dead AS (SELECT sink, count(*) AS number FROM over WHERE state = 'dead' GROUP BY sink)
             UPDATE sink SET lost = lost + dead.number FROM dead WHERE dead.sink = sink.key"
        ),
        over,
    )?;
    let deleted =
        execute(db, concat!("DELETE FROM delivery WHERE key IN (SELECT key FROM (", over!(), "))"), over)?;
    let left = execute(db, concat!("DELETE FROM delivery WHERE key IN (", left!(), ")"), over)?;
    let empty: Option<i64> = value(
        db,
        "SELECT key FROM sink WHERE removed_at < ?1
             AND NOT EXISTS (SELECT 1 FROM delivery WHERE sink = sink.key) LIMIT 1",
        [micros(before)],
    )?;
    let sinks = match empty {
        Some(key) => execute(db, "DELETE FROM sink WHERE key = ?1", [key])?,
        None => 0,
    };
    Ok(deleted + left + sinks)
}

#[cfg(test)]
mod plans;
