use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use super::claims::{Due, lease_round, read_claim};
use super::row::{self, Fields, micros};
use super::subscription::{self, select_subscription};
use super::{SqliteStore, arrival};
use crate::model::Name;
use crate::store::{Claim, StoreError, Sweeps};

/// Where the store remembers when the listener was last there.
const ALIVE: &str = "alive_at";
/// Subscriptions that are made due in one step: some ten milliseconds.
const AT_ONCE: i64 = 1000;

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
            let open = tenants(db)?.into_iter().filter(|tenant| !closed.contains(tenant));
            let next = open.map(|tenant| {
                row::first(db, NEXT, [tenant.as_str()], |row| subscription::fields(row).time("due_at"))
            });
            Ok(next.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().min())
        })
        .await
    }

    async fn alive(
        &self,
        now: DateTime<Utc>,
        longest: Duration,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let Some(since) = self.write(move |db| alive(db, now, longest)).await? else { return Ok(None) };
        // In short steps, since acknowledgements share the writer; what is there is noted last, so that a crash has all
        // of it done again.
        let mut done = 0;
        while let Some(last) = self.write(move |db| sweep_some(db, done, now)).await? {
            done = last;
        }
        self.write(move |db| note_alive(db, now)).await?;
        Ok(Some(since))
    }
}

/// The tenants that something is followed of.
pub(super) fn tenants(db: &Connection) -> Result<Vec<Name>, StoreError> {
    let mut found: Vec<Name> = Vec::new();
    loop {
        let last = found.last().map_or("", Name::as_str);
        match row::first(db, NEXT_TENANT, [last], |row| subscription::fields(row).parsed("tenant"))? {
            Some(tenant) => found.push(tenant),
            None => return Ok(found),
        }
    }
}

const NEXT_TENANT: &str = "SELECT name, tenant FROM subscription WHERE removed_at IS NULL AND tenant > ?1
                           ORDER BY tenant LIMIT 1";

/// When the next sweep of a tenant can be claimed, by the index `subscription_sweep_ripe`.
const NEXT: &str = "
    SELECT name, max(sweep_at, ifnull(round_not_before, sweep_at), ifnull(round_leased_until, sweep_at)) AS due_at
    FROM subscription
    WHERE tenant = ?1 AND sweep_at IS NOT NULL AND removed_at IS NULL AND started_at IS NOT NULL
          AND remote_confirmed_at IS NOT NULL AND paused_at IS NULL
    ORDER BY max(sweep_at, ifnull(round_not_before, sweep_at), ifnull(round_leased_until, sweep_at)) LIMIT 1";

/// The one that can be claimed and has waited longest, by the same.
const RIPEST: &str = select_subscription!(
    "WHERE s.tenant = ?2
           AND max(sweep_at, ifnull(round_not_before, sweep_at), ifnull(round_leased_until, sweep_at)) <= ?1
           AND sweep_at IS NOT NULL AND removed_at IS NULL AND started_at IS NOT NULL
           AND remote_confirmed_at IS NOT NULL AND paused_at IS NULL
     ORDER BY max(sweep_at, ifnull(round_not_before, sweep_at), ifnull(round_leased_until, sweep_at)) LIMIT 1"
);

/// The sweep of a tenant that has been due for longest.
fn due(db: &Connection, tenant: &Name, now: DateTime<Utc>) -> Result<Option<Claim>, StoreError> {
    let params = params![micros(now), tenant.as_str()];
    row::first(db, RIPEST, params, |row| read_claim(row, Due::Sweep, now))
}

/// Notes that the listener is there, unless it was away for longer than `longest`: then since when.
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
    let since = before.and_then(DateTime::from_timestamp_micros);
    let since = since.filter(|since| now - *since > longest_delta(longest));
    if since.is_none() {
        note_alive(db, now)?;
    }
    Ok(since)
}

fn note_alive(db: &Connection, now: DateTime<Utc>) -> Result<(), StoreError> {
    row::execute(
        db,
        "INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        params![ALIVE, micros(now).to_be_bytes()],
    )?;
    sweep_unswept(db, now)
}

/// Makes the sweeps of some subscriptions due, those behind the key `done`; the last of them, if there were any.
fn sweep_some(db: &Connection, done: i64, now: DateTime<Utc>) -> Result<Option<i64>, StoreError> {
    let last = "SELECT max(key) FROM (SELECT key FROM subscription WHERE key > ?1 ORDER BY key LIMIT ?2)";
    let last = row::value::<Option<i64>>(db, last, [done, AT_ONCE])?.flatten();
    if let Some(last) = last {
        row::execute(
            db,
            "UPDATE subscription SET sweep_at = min(ifnull(sweep_at, ?3), ?3), outage_sweep = 1
             WHERE key > ?1 AND key <= ?2 AND removed_at IS NULL AND first_round_open = 0",
            [done, last, micros(now)],
        )?;
    }
    Ok(last)
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

    /// With 1,000,000 subscriptions, walking them takes a second, after each look for work.
    #[test]
    fn what_is_to_be_swept_next_is_found_by_indexes() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = connection::for_writing(&folder.path().join("store.db")).unwrap();
        migrate::to_newest(&mut db, DateTime::UNIX_EPOCH).unwrap();
        for (sql, index) in [
            (NEXT_TENANT, "subscription_follows (tenant>?)"),
            (NEXT, "subscription_sweep_ripe (tenant=?)"),
            (RIPEST, "subscription_sweep_ripe (tenant=? AND <expr><?)"),
        ] {
            let sql = format!("EXPLAIN QUERY PLAN {}", sql.replace("?1", "1").replace("?2", "'contoso'"));
            let plan: Vec<String> = row::all(&db, &sql, [], |row| Ok(row.get(3)?)).unwrap();
            assert!(plan.iter().any(|step| step.contains(index)), "{plan:#?}");
            assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE FOR ORDER BY")), "{plan:#?}");
        }
    }

    /// As many as three steps make due, and one that is removed.
    const MANY: &str = "
        INSERT INTO subscription (id, name, tenant, resource, via, start, selected, origin, first_round_open, sweep_at)
        WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n < 2500)
        SELECT n, n, 'contoso', 'drive:' || n, 'graph', 'now', '[]', 'api', 0, 1000000000000 FROM number;
        UPDATE subscription SET removed_at = 1 WHERE name = '7'";

    #[tokio::test]
    async fn an_absence_has_all_swept_and_is_forgotten_only_then() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let hours = |hours: u64| DateTime::UNIX_EPOCH + Duration::from_secs(hours * 3600);
        let longest = Duration::from_secs(4 * 3600);
        let store = SqliteStore::open(&path, crate::store::Purpose::Work, hours(0)).await.unwrap();
        store.write(|db| Ok(db.execute_batch(MANY)?)).await.unwrap();
        assert_eq!(store.alive(hours(0), longest).await.unwrap(), None);
        // As far as it comes before a crash.
        let away = store.write(move |db| alive(db, hours(5), longest)).await.unwrap();
        assert_eq!(away, Some(hours(0)));
        store.write(move |db| sweep_some(db, 0, hours(5))).await.unwrap();
        assert_eq!(store.alive(hours(5), longest).await.unwrap(), Some(hours(0)), "it is made again");
        let swept = "SELECT count(*) FROM subscription WHERE outage_sweep = 1 AND sweep_at = 18000000000";
        assert_eq!(store.read(|db| row::value::<i64>(db, swept, [])).await.unwrap(), Some(2500));
        assert_eq!(store.alive(hours(9), longest).await.unwrap(), None);
    }
}
