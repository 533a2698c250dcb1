use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use super::SqliteStore;
use super::row::{self, Fields, micros};
use super::subscription::{self, rhythm, select_subscription};
use crate::model::{Name, State, Subscription};
use crate::store::{Brought, Overviews, StoreError};

/// Where subscriptions stand but for their errors; without a remote subscription, there is no end.
const STANDINGS: &str = "SELECT count(*) AS all_of_them, ifnull(sum(removed_at IS NOT NULL), 0) AS removed,
            ifnull(sum(removed_at IS NULL AND remote_expires_at IS NULL), 0) AS not_held,
            ifnull(sum(removed_at IS NULL AND remote_expires_at <= ?1), 0) AS expired
     FROM subscription";
/// Which of those fail: none is created any more, or one is held and has not run out.
const FAILING: &str =
    "SELECT ifnull(sum(removed_at IS NULL AND remote_expires_at IS NULL
                       AND (remote_confirmed_at IS NOT NULL OR renewal_error ->> 'transient' = 0)), 0) AS not_held,
            ifnull(sum(removed_at IS NULL AND remote_expires_at > ?1), 0) AS held
     FROM subscription WHERE (renewal_error IS NOT NULL OR (round_error IS NOT NULL AND paused_at IS NULL))";
/// Which of those are paused: one is held and has not run out, or is made anew.
const PAUSED: &str =
    "SELECT ifnull(sum(removed_at IS NULL AND renewal_error IS NULL AND remote_expires_at IS NULL
                        AND remote_confirmed_at IS NOT NULL), 0) AS not_held,
             ifnull(sum(removed_at IS NULL AND renewal_error IS NULL AND remote_expires_at > ?1), 0) AS held
      FROM subscription WHERE paused_at IS NOT NULL";
const EXPIRIES: &str =
    "SELECT name, remote_expires_at FROM subscription WHERE removed_at IS NULL AND remote_expires_at IS NOT NULL
     ORDER BY remote_expires_at, name LIMIT ?1";
const TROUBLED: &str = select_subscription!(
    "WHERE (s.renewal_error IS NOT NULL OR (s.round_error IS NOT NULL AND s.paused_at IS NULL)) ORDER BY s.name LIMIT ?1"
);
const READING: &str = select_subscription!("WHERE s.first_round IS NOT NULL ORDER BY s.name LIMIT ?1");
const AFTER: &str = select_subscription!("WHERE s.name > ?1 ORDER BY s.name LIMIT ?2");

#[async_trait]
impl Overviews for SqliteStore {
    async fn by_state(&self, now: DateTime<Utc>) -> Result<Vec<(State, u64)>, StoreError> {
        self.read(move |db| by_state(db, now)).await
    }

    async fn expiries(&self, most: usize) -> Result<Vec<(Name, DateTime<Utc>)>, StoreError> {
        self.read(move |db| {
            row::all(db, EXPIRIES, [limit(most)], |row| {
                let fields = subscription::fields(row);
                Ok((fields.parsed("name")?, fields.time("remote_expires_at")?))
            })
        })
        .await
    }

    async fn brought(&self, now: DateTime<Utc>) -> Result<Brought, StoreError> {
        self.read(move |db| brought(db, now)).await
    }

    async fn troubled(&self, most: usize) -> Result<(Vec<Subscription>, u64), StoreError> {
        let count = "SELECT count(*) FROM subscription WHERE (renewal_error IS NOT NULL OR (round_error IS NOT NULL AND paused_at IS NULL))";
        self.read(move |db| first_of(db, TROUBLED, count, most)).await
    }

    async fn reading(&self, most: usize) -> Result<(Vec<Subscription>, u64), StoreError> {
        let count = "SELECT count(*) FROM subscription WHERE first_round IS NOT NULL";
        self.read(move |db| first_of(db, READING, count, most)).await
    }

    async fn subscriptions_after(
        &self,
        after: Option<&Name>,
        most: usize,
    ) -> Result<Vec<Subscription>, StoreError> {
        // No name is empty.
        let after = after.map_or_else(String::new, |name| name.as_str().to_owned());
        self.read(move |db| {
            row::all(db, AFTER, params![after, limit(most)], |row| {
                subscription::read(&subscription::fields(row))
            })
        })
        .await
    }
}

/// As [`Subscription::state`] says of each.
fn by_state(db: &Connection, now: DateTime<Utc>) -> Result<Vec<(State, u64)>, StoreError> {
    let [all, removed, not_held, expired] =
        counted(db, STANDINGS, now, ["all_of_them", "removed", "not_held", "expired"])?;
    let [failing_not_held, failing_held] = counted(db, FAILING, now, ["not_held", "held"])?;
    let [paused_not_held, paused_held] = counted(db, PAUSED, now, ["not_held", "held"])?;
    let number = |state| match state {
        State::Creating => not_held.saturating_sub(failing_not_held + paused_not_held),
        State::Active => all.saturating_sub(removed + not_held + expired + failing_held + paused_held),
        State::Paused => paused_not_held + paused_held,
        State::Failing => failing_not_held + failing_held,
        State::Expired => expired,
        State::Removed => removed,
    };
    Ok(State::ALL.iter().map(|state| (*state, number(*state))).collect())
}

fn counted<const N: usize>(
    db: &Connection,
    sql: &str,
    now: DateTime<Utc>,
    columns: [&'static str; N],
) -> Result<[u64; N], StoreError> {
    let counted = row::first(db, sql, [micros(now)], |row| {
        let fields = subscription::fields(row);
        let mut numbers = [0; N];
        for (number, column) in numbers.iter_mut().zip(columns) {
            *number = fields.number(column)?;
        }
        Ok(numbers)
    })?;
    Ok(counted.unwrap_or([0; N]))
}

/// Walks all rows, but makes nothing of them: whether one is suspicious is not SQL's to say.
fn brought(db: &Connection, now: DateTime<Utc>) -> Result<Brought, StoreError> {
    let arrived: Option<Option<i64>> = row::value(
        db,
        "SELECT max(at) FROM (SELECT max(received_at) AS at FROM inbox WHERE kind = 'change'
                              UNION ALL SELECT max(received_at) FROM arrived WHERE kind = 'change')",
        [],
    )?;
    let mut brought = Brought {
        last_notification_at: arrived.flatten().and_then(DateTime::from_timestamp_micros),
        ..Brought::default()
    };
    let mut all = db.prepare_cached(
        "SELECT name, removed_at, events, quarantined, last_notification_at, last_event_at,
                alive_at, usual_gap, gaps, quiet_sweeps, haste FROM subscription",
    )?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let fields = subscription::fields(row);
        let followed = fields.get::<Option<i64>>("removed_at")?.is_none();
        brought.events = brought.events.saturating_add(fields.number("events")?);
        brought.quarantined = brought.quarantined.saturating_add(fields.number("quarantined")?);
        brought.suspicious += u64::from(followed && rhythm(&fields)?.suspicion(now).is_some());
        let notified = fields.optional("last_notification_at", Fields::time)?;
        brought.last_notification_at = brought.last_notification_at.max(notified);
        brought.last_event_at = brought.last_event_at.max(fields.optional("last_event_at", Fields::time)?);
    }
    Ok(brought)
}

fn first_of(
    db: &Connection,
    sql: &str,
    count: &str,
    most: usize,
) -> Result<(Vec<Subscription>, u64), StoreError> {
    let first = row::all(db, sql, [limit(most)], |row| subscription::read(&subscription::fields(row)))?;
    let number: Option<i64> = row::value(db, count, [])?;
    Ok((first, u64::try_from(number.unwrap_or_default()).unwrap_or_default()))
}

fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::{connection, migrate};
    use super::*;

    #[test]
    fn only_what_is_asked_for_is_walked() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = connection::for_writing(&folder.path().join("store.db")).unwrap();
        migrate::to_newest(&mut db, DateTime::UNIX_EPOCH).unwrap();
        for (sql, index) in [
            (STANDINGS, "USING COVERING INDEX subscription_standing"),
            (FAILING, "USING INDEX subscription_with_error"),
            (PAUSED, "USING INDEX subscription_paused"),
            (EXPIRIES, "USING COVERING INDEX subscription_standing"),
            (TROUBLED, "USING INDEX subscription_with_error"),
            (READING, "USING INDEX subscription_reading"),
            (AFTER, "(name>?)"),
        ] {
            let sql = sql.replace("?1", "1").replace("?2", "1");
            let plan =
                row::all(&db, &format!("EXPLAIN QUERY PLAN {sql}"), [], |row| Ok(row.get::<_, String>(3)?));
            let plan = plan.unwrap();
            assert!(plan.iter().any(|step| step.contains(index)), "{sql}\n{plan:#?}");
            // The arrivals are few.
            let sorted = plan.iter().any(|step| step == "USE TEMP B-TREE FOR ORDER BY");
            assert!(!sorted, "{sql}\n{plan:#?}");
        }
    }
}
