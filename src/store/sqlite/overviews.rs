use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use super::SqliteStore;
use super::row::{self, Fields, micros};
use super::subscription::{self, rhythm, select_subscription};
use crate::model::{Name, State, Subscription};
use crate::store::{Brought, Overviews, StoreError};

/// Where subscriptions stand (see the migration that added it), and how many of those have run out.
const STANDINGS: &str =
    "SELECT standing, count(*) AS number, ifnull(sum(remote_expires_at <= ?1), 0) AS expired
                         FROM subscription GROUP BY standing";
/// The standings in which something is held, each in order of their ends.
const EXPIRIES: &str = "SELECT name, remote_expires_at FROM subscription WHERE standing = 'held'
     UNION ALL
     SELECT name, remote_expires_at FROM subscription WHERE standing = 'troubled'
     UNION ALL
     SELECT name, remote_expires_at FROM subscription WHERE standing = 'paused' AND remote_expires_at IS NOT NULL
     ORDER BY remote_expires_at LIMIT ?1";
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

fn by_state(db: &Connection, now: DateTime<Utc>) -> Result<Vec<(State, u64)>, StoreError> {
    let standings = row::all(db, STANDINGS, [micros(now)], |row| {
        let fields = Fields::new("subscription", "standing", row);
        let (number, expired) = (fields.number::<u64>("number")?, fields.number::<u64>("expired")?);
        Ok(match fields.text("standing")? {
            "removed" => [(State::Removed, number), (State::Expired, 0)],
            "creating" => [(State::Creating, number), (State::Expired, 0)],
            "failing" => [(State::Failing, number), (State::Expired, 0)],
            "held" => [(State::Active, number.saturating_sub(expired)), (State::Expired, expired)],
            "paused" => [(State::Paused, number.saturating_sub(expired)), (State::Expired, expired)],
            "troubled" => [(State::Failing, number.saturating_sub(expired)), (State::Expired, expired)],
            _ => return Err(fields.broken("standing", &"it is not known")),
        })
    })?;
    let number = |state| {
        let fitting = standings.iter().flatten().filter(|(standing, _)| *standing == state);
        fitting.map(|(_, number)| number).sum()
    };
    Ok(State::ALL.iter().map(|state| (*state, number(*state))).collect())
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
            (EXPIRIES, "USING COVERING INDEX subscription_standing (standing=?)"),
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
