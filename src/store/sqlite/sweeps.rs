use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use super::rounds::{Due, lease_round, read_claim};
use super::row::{self, Fields, micros, to_json};
use super::subscription::{self, select_subscription};
use super::{SqliteStore, arrival};
use crate::model::Name;
use crate::store::{Claim, StoreError, Sweeps};

/// Where the store remembers when the listener was last there.
const ALIVE: &str = "alive_at";

#[async_trait]
impl Sweeps for SqliteStore {
    async fn claim_sweep(
        &self,
        now: DateTime<Utc>,
        lease: Duration,
        closed: Vec<Name>,
    ) -> Result<Option<Claim>, StoreError> {
        self.write_noting(move |db, turn| {
            arrival::move_on(db)?;
            let mut claim = None;
            for tenant in tenants(db)?.into_iter().filter(|tenant| !closed.contains(tenant)) {
                claim = due(db, &tenant, now)?;
                if claim.is_some() {
                    break;
                }
            }
            lease_round(db, turn, claim.as_ref(), now, lease)?;
            Ok(claim)
        })
        .await
    }

    async fn next_sweep(&self, closed: Vec<Name>) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.read(move |db| {
            row::first(
                db,
                "SELECT name, max(sweep_at, ifnull(round_not_before, sweep_at),
                                  ifnull(round_leased_until, sweep_at)) AS due_at
                 FROM subscription
                 WHERE sweep_at IS NOT NULL AND removed_at IS NULL AND started_at IS NOT NULL
                       AND remote_confirmed_at IS NOT NULL
                       AND tenant NOT IN (SELECT value FROM json_each(?1))
                 ORDER BY due_at LIMIT 1",
                [to_json(&closed)?],
                |row| subscription::fields(row).time("due_at"),
            )
        })
        .await
    }

    async fn alive(
        &self,
        now: DateTime<Utc>,
        longest: Duration,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.write(move |db| alive(db, now, longest)).await
    }
}

/// The tenants that something is followed of.
fn tenants(db: &Connection) -> Result<Vec<Name>, StoreError> {
    let mut found: Vec<Name> = Vec::new();
    loop {
        let last = found.last().map_or("", Name::as_str);
        let sql = "SELECT name, tenant FROM subscription WHERE tenant > ?1 ORDER BY tenant LIMIT 1";
        match row::first(db, sql, [last], |row| subscription::fields(row).parsed("tenant"))? {
            Some(tenant) => found.push(tenant),
            None => return Ok(found),
        }
    }
}

/// The sweep of a tenant that has been due for longest.
fn due(db: &Connection, tenant: &Name, now: DateTime<Utc>) -> Result<Option<Claim>, StoreError> {
    row::first(
        db,
        select_subscription!(
            "WHERE s.tenant = ?2 AND sweep_at <= ?1 AND removed_at IS NULL AND started_at IS NOT NULL
                   AND remote_confirmed_at IS NOT NULL
                   AND (round_leased_until IS NULL OR round_leased_until <= ?1)
                   AND (round_not_before IS NULL OR round_not_before <= ?1)
             ORDER BY sweep_at LIMIT 1"
        ),
        params![micros(now), tenant.as_str()],
        |row| read_claim(row, Due::Sweep),
    )
}

fn alive(
    db: &Connection,
    now: DateTime<Utc>,
    longest: Duration,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let before: Option<i64> =
        row::first(db, "SELECT name, value FROM setting WHERE name = ?1", [ALIVE], |row| {
            let fields = Fields::new("setting", "name", row);
            let bytes: [u8; 8] = fields.get("value")?;
            Ok(i64::from_be_bytes(bytes))
        })?;
    row::execute(
        db,
        "INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        params![ALIVE, micros(now).to_be_bytes()],
    )?;
    sweep_unswept(db, now)?;
    let since = before.and_then(DateTime::from_timestamp_micros);
    let Some(since) = since.filter(|since| now - *since > longest_delta(longest)) else { return Ok(None) };
    row::execute(
        db,
        "UPDATE subscription SET sweep_at = min(ifnull(sweep_at, ?1), ?1), outage_sweep = 1
         WHERE removed_at IS NULL AND first_round_open = 0",
        [micros(now)],
    )?;
    Ok(Some(since))
}

/// What ended its last round while sweeps were off is due. What such a sweep finds makes nobody suspicious.
fn sweep_unswept(db: &Connection, now: DateTime<Utc>) -> Result<(), StoreError> {
    row::execute(db, UNSWEPT, [micros(now)])?;
    Ok(())
}

const UNSWEPT: &str = "UPDATE subscription SET sweep_at = ?1, outage_sweep = 1
     WHERE sweep_at IS NULL AND round_due_at IS NULL AND removed_at IS NULL AND first_round_open = 0";

fn longest_delta(longest: Duration) -> chrono::TimeDelta {
    chrono::TimeDelta::from_std(longest).unwrap_or(chrono::TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::{connection, migrate};
    use super::*;

    /// It is done once a minute, in the writer.
    #[test]
    fn what_has_no_time_for_its_sweep_is_found_without_walking_through_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = connection::for_writing(&folder.path().join("store.db")).unwrap();
        migrate::to_newest(&mut db, DateTime::UNIX_EPOCH).unwrap();
        let plan: Vec<String> =
            row::all(&db, &format!("EXPLAIN QUERY PLAN {UNSWEPT}"), [1], |row| Ok(row.get(3)?)).unwrap();
        let found = |step: &String| step.contains("subscription USING INDEX subscription_unswept");
        assert!(plan.iter().all(found), "{plan:#?}");
    }
}
