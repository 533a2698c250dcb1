//! The schema's versions. A migration that was released is never edited: its checksum is kept in the database.

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};
use rusqlite::{Connection, TransactionBehavior, params};

use crate::store::StoreError;

/// Migration 1 first.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_start.sql"),
    include_str!("migrations/0002_content.sql"),
    include_str!("migrations/0003_arrival.sql"),
    include_str!("migrations/0004_packed.sql"),
    include_str!("migrations/0005_resync.sql"),
    include_str!("migrations/0006_gates.sql"),
    include_str!("migrations/0007_folders.sql"),
    include_str!("migrations/0008_odd_items.sql"),
    include_str!("migrations/0009_due.sql"),
    include_str!("migrations/0010_lifetimes.sql"),
    include_str!("migrations/0011_many.sql"),
    include_str!("migrations/0012_folders_and_sweeps.sql"),
    include_str!("migrations/0013_told.sql"),
    include_str!("migrations/0014_sign_in.sql"),
    include_str!("migrations/0015_replace.sql"),
    include_str!("migrations/0016_rounds_of_tenants.sql"),
    include_str!("migrations/0017_lanes_and_lessons.sql"),
    include_str!("migrations/0018_consumers.sql"),
    include_str!("migrations/0019_pauses.sql"),
    include_str!("migrations/0020_arrivals_and_standings.sql"),
    include_str!("migrations/0021_sinks.sql"),
];

/// Brings the database to the newest schema, or refuses one that this program does not know.
pub(super) fn to_newest(connection: &mut Connection, now: DateTime<Utc>) -> Result<(), StoreError> {
    apply(connection, MIGRATIONS, now)
}

fn apply(connection: &mut Connection, migrations: &[&str], now: DateTime<Utc>) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS migration (
             version    INTEGER PRIMARY KEY,
             checksum   TEXT NOT NULL,
             applied_at INTEGER NOT NULL
         ) STRICT",
    )?;
    let applied = applied(&transaction)?;
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    if let Some((found, _)) = applied.last().filter(|(found, _)| *found > known) {
        return Err(StoreError::TooNew { found: *found, known });
    }
    for (version, sql) in (1_i64..).zip(migrations) {
        let checksum = checksum(sql);
        match applied.iter().find(|(found, _)| *found == version) {
            Some((_, found)) if *found == checksum => {}
            Some(_) => return Err(edited(version)),
            None => {
                transaction.execute_batch(sql)?;
                transaction.execute(
                    "INSERT INTO migration (version, checksum, applied_at) VALUES (?1, ?2, ?3)",
                    params![version, checksum, now.timestamp_micros()],
                )?;
            }
        }
    }
    transaction.commit()?;
    Ok(())
}

fn applied(connection: &Connection) -> Result<Vec<(i64, String)>, StoreError> {
    let mut statement = connection.prepare("SELECT version, checksum FROM migration ORDER BY version")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn edited(version: i64) -> StoreError {
    StoreError::Broken {
        table: "migration",
        column: "checksum",
        row: version.to_string(),
        reason: "it was made by a program whose schema differs; use that program, or another store"
            .to_owned(),
    }
}

fn checksum(sql: &str) -> String {
    digest(&SHA256, sql.as_bytes()).as_ref().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "CREATE TABLE one (a INTEGER)";
    const SECOND: &str = "ALTER TABLE one ADD COLUMN b INTEGER";

    fn apply_to(connection: &mut Connection, migrations: &[&str]) -> Result<(), StoreError> {
        apply(connection, migrations, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn each_migration_runs_once_and_in_order() {
        let mut connection = Connection::open_in_memory().unwrap();
        apply_to(&mut connection, &[FIRST]).unwrap();
        apply_to(&mut connection, &[FIRST, SECOND]).unwrap();
        apply_to(&mut connection, &[FIRST, SECOND]).unwrap();
        connection.execute("INSERT INTO one (a, b) VALUES (1, 2)", []).unwrap();
    }

    #[test]
    fn a_schema_from_a_later_program_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        apply_to(&mut connection, &[FIRST, SECOND]).unwrap();
        let refused = apply_to(&mut connection, &[FIRST]);
        assert!(matches!(refused, Err(StoreError::TooNew { found: 2, known: 1 })), "{refused:?}");
    }

    #[test]
    fn a_migration_that_was_edited_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        apply_to(&mut connection, &[FIRST]).unwrap();
        let refused = apply_to(&mut connection, &["CREATE TABLE one (a TEXT)"]);
        assert!(matches!(refused, Err(StoreError::Broken { table: "migration", .. })), "{refused:?}");
    }

    #[test]
    fn a_migration_that_fails_leaves_nothing_behind() {
        let mut connection = Connection::open_in_memory().unwrap();
        assert!(apply_to(&mut connection, &[FIRST, "not SQL"]).is_err());
        apply_to(&mut connection, &[FIRST]).unwrap();
    }
}
