use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::params;

use super::SqliteStore;
use super::row::{self, Fields, micros};
use crate::store::{LifeOf, Lifetimes, StoreError};

/// So long it counts: Microsoft raises limits now and then, and nobody tells.
const KEPT_FOR: TimeDelta = TimeDelta::days(30);

#[async_trait]
impl Lifetimes for SqliteStore {
    async fn longest_life(&self, of: LifeOf, now: DateTime<Utc>) -> Result<Option<Duration>, StoreError> {
        self.read(move |db| {
            row::first(
                db,
                "SELECT tenant, longest FROM lifetime
                 WHERE tenant = ?1 AND kind = ?2 AND content = ?3 AND learned_at > ?4",
                params![of.tenant.as_str(), of.kind.as_str(), of.content, micros(now - KEPT_FOR)],
                |row| Ok(Duration::from_micros(Fields::new("lifetime", "tenant", row).number("longest")?)),
            )
        })
        .await
    }

    async fn learn(&self, of: LifeOf, longest: Duration, now: DateTime<Utc>) -> Result<(), StoreError> {
        let longest = i64::try_from(longest.as_micros()).unwrap_or(i64::MAX);
        self.write(move |db| {
            row::execute(db, "DELETE FROM lifetime WHERE learned_at <= ?1", [micros(now - KEPT_FOR)])?;
            row::execute(
                db,
                "INSERT OR REPLACE INTO lifetime (tenant, kind, content, longest, learned_at) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![of.tenant.as_str(), of.kind.as_str(), of.content, longest, micros(now)],
            )?;
            Ok(())
        })
        .await
    }
}
