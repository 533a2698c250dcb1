use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::Connection;

use super::log::Portion;
use super::writer::Turn;
use super::{SqliteStore, content, deliveries, departed, log, row};
use crate::store::{Keep, StoreError, StoreHealth, Swept};

/// Text of events in one transaction, which the mirror may need: some milliseconds of the writer.
const BYTES: i64 = 1024 * 1024;
/// The same while there is next to no room. A single item may be larger, but hardly larger than the reserve.
const LITTLE: Portion = Portion { rows: 50, bytes: 128 * 1024 };

#[async_trait]
impl Keep for SqliteStore {
    async fn sweep_out(&self, before: DateTime<Utc>, limit: usize) -> Result<Swept, StoreError> {
        let reserve = Arc::clone(&self.reserve);
        let portion = Portion { rows: limit, bytes: BYTES };
        let swept = self.write_noting(move |db, turn| {
            let swept = delete(db, turn, before, portion)?;
            if !swept.more {
                reserve.take_again();
            }
            Ok(swept)
        });
        match swept.await {
            Err(StoreError::Unavailable(_)) => self.sweep_out_little(before, limit).await,
            swept => swept,
        }
    }

    async fn writable(&self) -> Result<(), StoreError> {
        self.write(|db| {
            row::execute(db, "INSERT OR REPLACE INTO setting (name, value) VALUES ('probe', x'00')", [])?;
            row::execute(db, "DELETE FROM setting WHERE name = 'probe'", [])?;
            Ok(())
        })
        .await
    }

    fn health(&self) -> StoreHealth {
        self.writer.health()
    }

    async fn close(&self) {
        self.readers.close().await;
        let writer = Arc::clone(&self.writer);
        // An error would say that stopping panicked, and it logs that itself.
        let reserve = Arc::clone(&self.reserve);
        let stop = move || {
            writer.stop();
            // What is left after a stop is the database alone, and room for the next start.
            reserve.give_up();
        };
        let _ = tokio::task::spawn_blocking(stop).await;
    }
}

impl SqliteStore {
    /// Deletes little, with the room that was kept back for it, if it still is; what was deleted before may have made
    /// enough.
    async fn sweep_out_little(&self, before: DateTime<Utc>, limit: usize) -> Result<Swept, StoreError> {
        let reserve = Arc::clone(&self.reserve);
        self.write_noting(move |db, turn| {
            if reserve.give_up() {
                tracing::warn!("The disk is full; the store gives up the room that it had kept back to delete what is too old");
            }
            let portion = Portion { rows: limit.min(LITTLE.rows), ..LITTLE };
            let swept = delete(db, turn, before, portion)?;
            Ok(Swept { more: true, ..swept })
        })
        .await
    }
}

/// One step of the housekeeping.
fn delete(
    db: &Connection,
    turn: &mut Turn<'_>,
    before: DateTime<Utc>,
    portion: Portion,
) -> Result<Swept, StoreError> {
    let most = i64::try_from(portion.rows).unwrap_or(i64::MAX);
    let (events, more) = log::delete_oldest(db, before, portion)?;
    let tombstones = departed::delete_tombstones(db, &mut turn.places, before, portion.rows)?;
    let (abandoned, more_abandoned) = departed::delete_abandoned(db, &mut turn.places, portion.rows)?;
    let contents = content::delete_oldest(db, before, most)?;
    let deliveries = deliveries::delete_oldest(db, before, most)?;
    Ok(Swept {
        events: count(events),
        rows: count(tombstones + abandoned + contents + deliveries),
        more: more
            || more_abandoned
            || [tombstones, contents, deliveries].iter().any(|deleted| *deleted >= portion.rows),
    })
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}
