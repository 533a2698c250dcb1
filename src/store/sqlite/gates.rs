use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Row, params};

use super::SqliteStore;
use super::row::{self, Fields, micros};
use crate::store::{ClosedGates, StoreError, StoredGate};

/// How long a gate that is open again is remembered: by then its number of requests has grown back.
const KEPT_FOR: TimeDelta = TimeDelta::days(1);

#[async_trait]
impl ClosedGates for SqliteStore {
    async fn gates(&self) -> Result<Vec<StoredGate>, StoreError> {
        self.read(|db| row::all(db, "SELECT * FROM gate ORDER BY tenant, area", [], read)).await
    }

    async fn keep_gate(&self, gate: StoredGate, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.write(move |db| {
            row::execute(db, "DELETE FROM gate WHERE closed_until < ?1", [micros(now - KEPT_FOR)])?;
            row::execute(
                db,
                "INSERT OR REPLACE INTO gate (tenant, area, closed_until, refusals, places) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![gate.tenant.as_str(), gate.area, micros(gate.closed_until), gate.refusals, gate.places],
            )?;
            Ok(())
        })
        .await
    }
}

fn read(row: &Row<'_>) -> Result<StoredGate, StoreError> {
    let fields = Fields::new("gate", "area", row);
    Ok(StoredGate {
        tenant: fields.parsed("tenant")?,
        area: fields.get("area")?,
        closed_until: fields.time("closed_until")?,
        refusals: fields.number("refusals")?,
        places: fields.number("places")?,
    })
}
