use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, params};

use super::row::{self, Fields, micros};
use super::{SqliteStore, log};
use crate::model::{Consumer, Cursor, Name};
use crate::store::{Commit, Consumers, StoreError};

/// Each has a line in the metrics; whoever commits under ever new names shall not fill them.
const MOST: usize = 1000;

#[async_trait]
impl Consumers for SqliteStore {
    async fn consumers(&self) -> Result<Vec<Consumer>, StoreError> {
        self.read(|db| row::all(db, "SELECT * FROM consumer ORDER BY name", [], consumer)).await
    }

    async fn consumer(&self, name: &Name) -> Result<Option<Consumer>, StoreError> {
        let name = name.clone();
        self.read(move |db| by_name(db, &name)).await
    }

    async fn commit(&self, name: &Name, cursor: Cursor, now: DateTime<Utc>) -> Result<Commit, StoreError> {
        let name = name.clone();
        self.write(move |db| commit(db, &name, cursor, now)).await
    }

    async fn forget_consumer(&self, name: &Name) -> Result<bool, StoreError> {
        let name = name.clone();
        self.write(move |db| {
            Ok(row::execute(db, "DELETE FROM consumer WHERE name = ?1", [name.as_str()])? > 0)
        })
        .await
    }
}

fn by_name(db: &Connection, name: &Name) -> Result<Option<Consumer>, StoreError> {
    row::first(db, "SELECT * FROM consumer WHERE name = ?1", [name.as_str()], consumer)
}

fn consumer(row: &Row<'_>) -> Result<Consumer, StoreError> {
    let fields = Fields::new("consumer", "name", row);
    Ok(Consumer {
        name: fields.parsed("name")?,
        cursor: Cursor::at(fields.number("sequence")?),
        committed_at: fields.time("committed_at")?,
    })
}

fn commit(db: &Connection, name: &Name, cursor: Cursor, now: DateTime<Utc>) -> Result<Commit, StoreError> {
    let latest = log::bounds(db)?.latest;
    if cursor > latest {
        return Ok(Commit::Ahead(latest));
    }
    let known = by_name(db, name)?;
    if known.is_none() && number(db)? >= MOST {
        return Ok(Commit::TooMany(MOST));
    }
    let cursor = known.map_or(cursor, |known| known.cursor.max(cursor));
    row::execute(
        db,
        "INSERT OR REPLACE INTO consumer (name, sequence, committed_at) VALUES (?1, ?2, ?3)",
        params![name.as_str(), log::number(cursor), micros(now)],
    )?;
    Ok(Commit::Done(Consumer { name: name.clone(), cursor, committed_at: now }))
}

fn number(db: &Connection) -> Result<usize, StoreError> {
    let number: Option<i64> = row::value(db, "SELECT count(*) FROM consumer", [])?;
    Ok(number.and_then(|number| usize::try_from(number).ok()).unwrap_or_default())
}
