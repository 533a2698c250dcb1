use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{SqliteStore, log, mirror, row};
use crate::store::{Keep, StoreError, StoreHealth, Swept};

#[async_trait]
impl Keep for SqliteStore {
    async fn sweep_out(&self, before: DateTime<Utc>, limit: usize) -> Result<Swept, StoreError> {
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        self.write(move |db| {
            let events = log::delete_oldest(db, before, most)?;
            let tombstones = mirror::delete_tombstones(db, before, most)?;
            let abandoned = mirror::delete_abandoned(db, most)?;
            Ok(Swept {
                events: count(events),
                rows: count(tombstones + abandoned),
                more: [events, tombstones, abandoned].iter().any(|deleted| *deleted >= limit),
            })
        })
        .await
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
        let _ = tokio::task::spawn_blocking(move || writer.stop()).await;
    }
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}
