use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, params};

use super::SqliteStore;
use super::row::{self, micros};
use crate::model::Name;
use crate::store::{SignIns, StoreError};

#[async_trait]
impl SignIns for SqliteStore {
    async fn sign_in(&self, tenant: &Name) -> Result<Option<Vec<u8>>, StoreError> {
        let tenant = tenant.as_str().to_owned();
        self.read(move |db| {
            let mut query = db.prepare_cached("SELECT sealed FROM sign_in WHERE tenant = ?1")?;
            Ok(query.query_row([tenant], |row| row.get(0)).optional()?)
        })
        .await
    }

    async fn keep_sign_in(
        &self,
        tenant: &Name,
        sealed: Vec<u8>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let tenant = tenant.as_str().to_owned();
        self.write(move |db| {
            row::execute(
                db,
                "INSERT OR REPLACE INTO sign_in (tenant, sealed, kept_at) VALUES (?1, ?2, ?3)",
                params![tenant, sealed, micros(now)],
            )?;
            Ok(())
        })
        .await
    }

    async fn replace_sign_in(
        &self,
        tenant: &Name,
        used: Vec<u8>,
        sealed: Vec<u8>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let tenant = tenant.as_str().to_owned();
        self.write(move |db| {
            let replaced = row::execute(
                db,
                "UPDATE sign_in SET sealed = ?3, kept_at = ?4 WHERE tenant = ?1 AND sealed = ?2",
                params![tenant, used, sealed, micros(now)],
            )?;
            Ok(replaced > 0)
        })
        .await
    }
}
