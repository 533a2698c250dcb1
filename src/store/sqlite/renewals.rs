mod remote;
mod ripe;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::params;

use super::SqliteStore;
use super::row::{self, micros, to_json};
use super::subscription::{self, select_subscription};
use crate::model::{Name, Remote, RemoteId, Subscription, SubscriptionId, Trouble, Via};
use crate::store::{Holding, Lane, Renewals, Sighting, StoreError};
pub(super) use remote::lose;
use remote::{confirmed, look_at_once, sighted};
use ripe::{RIPE, claim, number, release, soonest};

/// What is made anew because renewing it is forbidden is not made anew again before: it may be forbidden for good.
const REMADE_AFTER: TimeDelta = TimeDelta::days(1);

#[async_trait]
impl Renewals for SqliteStore {
    async fn claim_due(
        &self,
        lane: Lane,
        busy: &[Name],
        now: DateTime<Utc>,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<Subscription>, StoreError> {
        // Mostly nothing is due, which the writer, shared with acknowledgements, need not be asked.
        let busy = busy.to_vec();
        let soonest = self.read(move |db| soonest(db, lane, &busy)).await?;
        let Some((_, tenant)) = soonest.filter(|(ripe_at, _)| *ripe_at <= now) else { return Ok(Vec::new()) };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.write(move |db| {
            let due =
                row::all(db, RIPE, params![number(lane), tenant.as_str(), micros(now), limit], |row| {
                    subscription::read(&subscription::fields(row))
                })?;
            due.iter().try_for_each(|due| claim(db, due.id, now, lease))?;
            Ok(due)
        })
        .await
    }

    async fn claim_one(
        &self,
        id: SubscriptionId,
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<Option<Subscription>, StoreError> {
        self.write(move |db| {
            let free = subscription::first(
                db,
                select_subscription!(
                    "WHERE s.id = ?1 AND (renewal_leased_until IS NULL OR renewal_leased_until <= ?2)"
                ),
                params![id.to_string(), micros(now)],
            )?;
            free.iter().try_for_each(|free| claim(db, free.id, now, lease))?;
            Ok(free)
        })
        .await
    }

    async fn put_back(&self, ids: &[SubscriptionId]) -> Result<(), StoreError> {
        let ids = ids.to_vec();
        self.write(move |db| ids.iter().try_for_each(|id| release(db, *id))).await
    }

    async fn hand_over(&self, ids: &[SubscriptionId]) -> Result<(), StoreError> {
        let ids = ids.to_vec();
        let sql = "UPDATE subscription SET renewal_apart = 1 WHERE id = ?1";
        self.write(move |db| {
            ids.iter().try_for_each(|id| {
                row::execute(db, sql, [id.to_string()])?;
                release(db, *id)
            })
        })
        .await
    }

    async fn confirmed(
        &self,
        id: SubscriptionId,
        remote: &Remote,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let remote = remote.clone();
        self.write(move |db| confirmed(db, id, &remote, now)).await
    }

    async fn renewed(
        &self,
        id: SubscriptionId,
        remote: &Remote,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let remote = remote.clone();
        self.write(move |db| {
            let held: Option<i64> = row::value(
                db,
                "SELECT 1 FROM subscription WHERE id = ?1 AND remote_id = ?2",
                params![id.to_string(), remote.id.0],
            )?;
            match held {
                Some(_) => confirmed(db, id, &remote, now).and_then(|()| look_at_once(db, id, now)),
                None => release(db, id),
            }
        })
        .await
    }

    async fn verified(&self, id: SubscriptionId, remote: &Remote) -> Result<(), StoreError> {
        let (id, remote) = (id.to_string(), remote.clone());
        self.write(move |db| {
            row::execute(
                db,
                "UPDATE subscription
                 SET remote_expires_at = iif(remote_id IS ?2, ?3, remote_expires_at),
                     renewal_due_at = iif(removed_at IS NULL AND remote_id IS ?2, remote_renew_at, renewal_due_at),
                     renewal_leased_until = NULL, renewal_apart = 0, renewal_attempts = 0, renewal_error = NULL
                 WHERE id = ?1",
                params![id, remote.id.0, micros(remote.expires_at)],
            )?;
            Ok(())
        })
        .await
    }

    async fn holdings(
        &self,
        tenant: &Name,
        via: Via,
        after: Option<SubscriptionId>,
        limit: usize,
    ) -> Result<Vec<Holding>, StoreError> {
        let (tenant, limit) = (tenant.clone(), i64::try_from(limit).unwrap_or(i64::MAX));
        let after = after.map_or_else(String::new, |id| id.to_string());
        self.read(move |db| {
            row::all(
                db,
                "SELECT id, name, remote_id, remote_expires_at, remote_confirmed_at FROM subscription
                 WHERE id > ?1 AND tenant = ?2 AND remote_id IS NOT NULL AND removed_at IS NULL
                       AND (target ->> '$.web' IS NOT NULL) = ?4
                 ORDER BY id LIMIT ?3",
                params![after, tenant.as_str(), limit, via == Via::SharePoint],
                |row| {
                    let fields = subscription::fields(row);
                    Ok(Holding {
                        id: fields.parsed("id").map(SubscriptionId)?,
                        remote: RemoteId(fields.get("remote_id")?),
                        expires_at: fields.time("remote_expires_at")?,
                        confirmed_at: fields.time("remote_confirmed_at")?,
                    })
                },
            )
        })
        .await
    }

    async fn sighted(&self, sightings: Vec<Sighting>, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.write(move |db| sightings.iter().try_for_each(|sighting| sighted(db, sighting, now))).await
    }

    async fn lost(&self, id: SubscriptionId) -> Result<(), StoreError> {
        self.write(move |db| lose(db, id, None)).await
    }

    async fn failed(&self, id: SubscriptionId, trouble: &Trouble) -> Result<(), StoreError> {
        let trouble = trouble.clone();
        self.write(move |db| {
            row::execute(
                db,
                "UPDATE subscription
                 SET renewal_error = ?2, renewal_attempts = renewal_attempts + 1, renewal_leased_until = NULL,
                     renewal_apart = 0, renewal_due_at = ifnull(?3, renewal_due_at)
                 WHERE id = ?1",
                params![id.to_string(), to_json(&trouble)?, trouble.next_attempt_at.map(micros)],
            )?;
            Ok(())
        })
        .await
    }

    async fn attempts(&self, id: SubscriptionId) -> Result<u32, StoreError> {
        self.read(move |db| {
            let sql = "SELECT renewal_attempts FROM subscription WHERE id = ?1";
            Ok(row::value(db, sql, [id.to_string()])?.unwrap_or_default())
        })
        .await
    }

    async fn has_held(&self, id: SubscriptionId, remote: &RemoteId) -> Result<bool, StoreError> {
        let remote = remote.0.clone();
        self.read(move |db| {
            let sql = "SELECT 1 FROM subscription
                       WHERE id = ?1 AND (remote_id = ?2 COLLATE NOCASE OR former_remote_id = ?2 COLLATE NOCASE)";
            let found: Option<i64> = row::value(db, sql, params![id.to_string(), remote])?;
            Ok(found.is_some())
        })
        .await
    }

    async fn holder(&self, remote: &RemoteId) -> Result<Option<Name>, StoreError> {
        let remote = remote.0.clone();
        self.read(move |db| {
            row::first(
                db,
                "SELECT name FROM subscription WHERE remote_id = ?1 COLLATE NOCASE AND removed_at IS NULL",
                [remote],
                |row| subscription::fields(row).parsed("name"),
            )
        })
        .await
    }

    async fn remade_lately(&self, id: SubscriptionId, now: DateTime<Utc>) -> Result<bool, StoreError> {
        self.read(move |db| {
            let sql = "SELECT 1 FROM subscription WHERE id = ?1 AND remade_at > ?2";
            let found: Option<i64> =
                row::value(db, sql, params![id.to_string(), micros(now - REMADE_AFTER)])?;
            Ok(found.is_some())
        })
        .await
    }

    async fn remade(&self, id: SubscriptionId, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.write(move |db| {
            let sql = "UPDATE subscription SET remade_at = ?2 WHERE id = ?1";
            row::execute(db, sql, params![id.to_string(), micros(now)])?;
            Ok(())
        })
        .await
    }

    async fn next_due(&self, lane: Lane, busy: &[Name]) -> Result<Option<DateTime<Utc>>, StoreError> {
        let busy = busy.to_vec();
        self.read(move |db| Ok(soonest(db, lane, &busy)?.map(|(ripe_at, _)| ripe_at))).await
    }
}
