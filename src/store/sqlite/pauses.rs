use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, Params};

use super::row::{self, micros};
use super::subscription::{self, select_subscription};
use super::{SqliteStore, arrival};
use crate::model::{Name, Subscription};
use crate::store::{Pauses, StoreError};

/// The round that is under way loses its claim, and so can commit nothing more.
const PAUSE: &str = "UPDATE subscription
     SET paused_at = ifnull(paused_at, ?2), round_lease = NULL, round_leased_until = NULL
     WHERE name = ?1 AND removed_at IS NULL";

/// A round is due because it was paused, whether or not a hint came meanwhile: Office 365 may have lost one. It does not wait
/// for the next attempt of one that failed before: whoever resumes may have mended what was wrong.
const RESUME: &str = "UPDATE subscription
     SET paused_at = NULL, round_due_at = min(ifnull(round_due_at, ?2), ?2), round_not_before = NULL
     WHERE name = ?1 AND removed_at IS NULL AND paused_at IS NOT NULL";

#[async_trait]
impl Pauses for SqliteStore {
    async fn pause(&self, name: &Name, now: DateTime<Utc>) -> Result<Option<Subscription>, StoreError> {
        let name = name.clone();
        self.write(move |db| {
            // What a round has claimed and has not worked off stays in the inbox, for the round after the pause.
            arrival::move_on(db)?;
            change(db, PAUSE, (name.as_str(), micros(now)), &name)
        })
        .await
    }

    async fn resume(&self, name: &Name, now: DateTime<Utc>) -> Result<Option<Subscription>, StoreError> {
        let name = name.clone();
        self.write(move |db| change(db, RESUME, (name.as_str(), micros(now)), &name)).await
    }
}

fn change(
    db: &Connection,
    sql: &str,
    params: impl Params,
    name: &Name,
) -> Result<Option<Subscription>, StoreError> {
    row::execute(db, sql, params)?;
    subscription::first(
        db,
        select_subscription!("WHERE s.name = ?1 AND s.removed_at IS NULL"),
        [name.as_str()],
    )
}
