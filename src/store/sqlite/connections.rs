use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection as Db, Row, params};

use super::SqliteStore;
use super::deliveries;
use super::row::{self, Fields, micros};
use crate::model::{Connection, Name};
use crate::store::{Begun, Connected, Connections, Invite, Invited, StoreError, TokenHash, Visit};

/// Connections, and links that may become one: each has a sink of its own at work.
const MOST: usize = 1000;
/// Visits of one invitation that have not ended by their time.
const MOST_VISITS: usize = 50;

const ALL: &str = "SELECT * FROM connection ORDER BY name";
const MADE: &str = "SELECT count(*) FROM connection";
const PAST: &str = "DELETE FROM invite WHERE ends_at < ?1";
const OPEN: &str = "SELECT count(*) FROM invite WHERE ends_at > ?1 AND used_at IS NULL";
const HOLDS: &str = "SELECT count(*) FROM invite WHERE hash = ?1 AND ends_at > ?2 AND used_at IS NULL";
const BY_HASH: &str = "SELECT * FROM visit WHERE hash = ?1";
const UNDER_WAY: &str = "SELECT count(*) FROM visit WHERE invite = ?1 AND ends_at > ?2";
const FORGOTTEN: &str = "DELETE FROM visit WHERE invite = ?1 AND ends_at < ?2";

#[async_trait]
impl Connections for SqliteStore {
    async fn invite(&self, invite: Invite, now: DateTime<Utc>) -> Result<Invited, StoreError> {
        self.write(move |db| keep(db, &invite, now)).await
    }

    async fn invitation(&self, hash: TokenHash) -> Result<Option<Invite>, StoreError> {
        self.read(move |db| row::first(db, "SELECT * FROM invite WHERE hash = ?1", [hash], invite)).await
    }

    async fn begin_visit(&self, visit: Visit, now: DateTime<Utc>) -> Result<Begun, StoreError> {
        self.write(move |db| begin(db, &visit, now)).await
    }

    async fn visit(&self, hash: TokenHash) -> Result<Option<Visit>, StoreError> {
        self.read(move |db| by_hash(db, hash)).await
    }

    async fn end_visit(&self, hash: TokenHash, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.write(move |db| end(db, hash, now).map(|_| ())).await
    }

    async fn connect(
        &self,
        visit: TokenHash,
        connection: Connection,
        now: DateTime<Utc>,
    ) -> Result<Connected, StoreError> {
        self.write(move |db| connect(db, visit, &connection, now)).await
    }

    async fn connections(&self) -> Result<Vec<Connection>, StoreError> {
        self.read(|db| row::all(db, ALL, [], connection)).await
    }

    async fn reseal_connections(&self, sealed: Vec<(Name, Vec<u8>)>) -> Result<(), StoreError> {
        self.write(move |db| {
            for (name, sealed) in &sealed {
                let sql = "UPDATE connection SET sealed_url = ?2 WHERE name = ?1";
                row::execute(db, sql, params![name.as_str(), sealed])?;
            }
            Ok(())
        })
        .await
    }

    async fn greeted(&self, name: &Name) -> Result<(), StoreError> {
        let name = name.clone();
        self.write(move |db| {
            row::execute(db, "UPDATE connection SET greeted = 1 WHERE name = ?1", [name.as_str()])?;
            Ok(())
        })
        .await
    }

    async fn disconnect(&self, name: &Name, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let name = name.clone();
        self.write(move |db| {
            if row::execute(db, "DELETE FROM connection WHERE name = ?1", [name.as_str()])? == 0 {
                return Ok(false);
            }
            deliveries::remove(db, &name, now)?;
            Ok(true)
        })
        .await
    }
}

/// What has ended is of no use to anybody, but for telling whoever comes late; so it is kept for as long again as
/// nobody needs its place.
fn keep(db: &Db, invite: &Invite, now: DateTime<Utc>) -> Result<Invited, StoreError> {
    row::execute(db, PAST, [micros(now - chrono::TimeDelta::days(7))])?;
    if count(db, OPEN, [micros(now)])? + count(db, MADE, [])? >= MOST {
        return Ok(Invited::TooMany(MOST));
    }
    row::execute(
        db,
        "INSERT INTO invite (hash, subscriptions, ends_at) VALUES (?1, ?2, ?3)",
        params![invite.hash, invite.subscriptions, micros(invite.ends_at)],
    )?;
    Ok(Invited::Done)
}

fn begin(db: &Db, visit: &Visit, now: DateTime<Utc>) -> Result<Begun, StoreError> {
    if !holds(db, visit.invite, now)? {
        return Ok(Begun::Over);
    }
    if count(db, UNDER_WAY, params![visit.invite, micros(now)])? >= MOST_VISITS {
        return Ok(Begun::TooMany);
    }
    // A day is enough to tell somebody that their answer came twice.
    let old = micros(now - chrono::TimeDelta::days(1));
    row::execute(db, FORGOTTEN, params![visit.invite, old])?;
    row::execute(
        db,
        "INSERT INTO visit (hash, invite, picks, ends_at) VALUES (?1, ?2, ?3, ?4)",
        params![visit.hash, visit.invite, row::to_json(&visit.picks)?, micros(visit.ends_at)],
    )?;
    Ok(Begun::Done)
}

fn connect(
    db: &Db,
    visit: TokenHash,
    connection: &Connection,
    now: DateTime<Utc>,
) -> Result<Connected, StoreError> {
    let Some(visit) = by_hash(db, visit)? else { return Ok(Connected::Ended) };
    if visit.ends_at <= now || !end(db, visit.hash, now)? {
        return Ok(Connected::Ended);
    }
    if !holds(db, visit.invite, now)? {
        return Ok(Connected::Over);
    }
    row::execute(db, "UPDATE invite SET used_at = ?2 WHERE hash = ?1", params![visit.invite, micros(now)])?;
    row::execute(
        db,
        "INSERT INTO connection (name, group_name, picks, sealed_url, made_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            connection.name.as_str(),
            connection.group,
            row::to_json(&connection.picks)?,
            connection.sealed_url,
            micros(connection.made_at)
        ],
    )?;
    deliveries::add(db, &connection.name)?;
    Ok(Connected::Done)
}

/// Whether it was under way.
fn end(db: &Db, hash: TokenHash, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let sql = "UPDATE visit SET ended_at = ?2 WHERE hash = ?1 AND ended_at IS NULL";
    Ok(row::execute(db, sql, params![hash, micros(now)])? > 0)
}

fn holds(db: &Db, invite: TokenHash, now: DateTime<Utc>) -> Result<bool, StoreError> {
    Ok(count(db, HOLDS, params![invite, micros(now)])? > 0)
}

fn count(db: &Db, sql: &str, params: impl rusqlite::Params) -> Result<usize, StoreError> {
    let number: Option<i64> = row::value(db, sql, params)?;
    Ok(number.and_then(|number| usize::try_from(number).ok()).unwrap_or_default())
}

fn by_hash(db: &Db, hash: TokenHash) -> Result<Option<Visit>, StoreError> {
    row::first(db, BY_HASH, [hash], visit)
}

fn invite(row: &Row<'_>) -> Result<Invite, StoreError> {
    let fields = Fields::new("invite", "ends_at", row);
    Ok(Invite {
        hash: fields.get("hash")?,
        subscriptions: fields.get("subscriptions")?,
        ends_at: fields.time("ends_at")?,
        used: fields.optional("used_at", Fields::time)?.is_some(),
    })
}

fn visit(row: &Row<'_>) -> Result<Visit, StoreError> {
    let fields = Fields::new("visit", "ends_at", row);
    Ok(Visit {
        hash: fields.get("hash")?,
        invite: fields.get("invite")?,
        picks: fields.json("picks")?,
        ends_at: fields.time("ends_at")?,
        ended: fields.optional("ended_at", Fields::time)?.is_some(),
    })
}

fn connection(row: &Row<'_>) -> Result<Connection, StoreError> {
    let fields = Fields::new("connection", "name", row);
    Ok(Connection {
        name: fields.parsed("name")?,
        group: fields.get("group_name")?,
        picks: fields.json("picks")?,
        sealed_url: fields.get("sealed_url")?,
        made_at: fields.time("made_at")?,
        greeted: fields.get("greeted")?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{connection as file, migrate};
    use super::*;

    #[test]
    fn links_and_visits_are_counted_without_walking_through_those_that_are_over() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = file::for_writing(&folder.path().join("store.db")).unwrap();
        migrate::to_newest(&mut db, DateTime::UNIX_EPOCH).unwrap();
        for (sql, step) in [
            (ALL, "connection USING INDEX sqlite_autoindex_connection_1"),
            (PAST, "SEARCH invite USING COVERING INDEX invite_by_end (ends_at<?)"),
            (OPEN, "SEARCH invite USING INDEX invite_open (ends_at>?)"),
            (HOLDS, "SEARCH invite USING INDEX sqlite_autoindex_invite_1 (hash=?)"),
            (UNDER_WAY, "visit_by_invite (invite=? AND ends_at>?)"),
            (FORGOTTEN, "visit_by_invite (invite=? AND ends_at<?)"),
            (BY_HASH, "SEARCH visit USING INDEX sqlite_autoindex_visit_1 (hash=?)"),
        ] {
            let sql = format!("EXPLAIN QUERY PLAN {}", sql.replace("?1", "1").replace("?2", "1"));
            let plan: Vec<String> = row::all(&db, &sql, [], |row| Ok(row.get(3)?)).unwrap();
            assert!(plan.iter().any(|found| found.contains(step)), "{sql}: {plan:#?}");
        }
    }
}
