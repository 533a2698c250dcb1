//! The schema's versions. A migration that was released is never edited: its checksum is kept in the database.

use std::cmp::Ordering;
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
    include_str!("migrations/0022_places.sql"),
    include_str!("migrations/0023_connections.sql"),
    include_str!("migrations/0024_streaks.sql"),
    include_str!("migrations/0025_ways.sql"),
    include_str!("migrations/0026_connect_lookups.sql"),
    include_str!("migrations/0027_lies_in.sql"),
];

/// Brings the database to the newest schema, or refuses one that this program does not know.
pub(super) fn to_newest(connection: &mut Connection, now: DateTime<Utc>) -> Result<(), StoreError> {
    apply(connection, MIGRATIONS, now)
}

/// Whether the schema is the newest, without changing anything.
///
/// # Errors
/// Which it is, if it is another one.
pub(super) fn is_newest(connection: &Connection) -> Result<(), StoreError> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let begun = connection.table_exists(None, "migration")?;
    let found = if begun { applied(connection)?.last().map_or(0, |(found, _)| *found) } else { 0 };
    match found.cmp(&known) {
        Ordering::Less => Err(StoreError::Older { found, known }),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(StoreError::TooNew { found, known }),
    }
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
    if let Some((from, _)) = applied.last().filter(|(found, _)| *found < known) {
        tracing::info!(
            from,
            to = known,
            "The store is brought to a newer schema; with much in it, that takes a while"
        );
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
    use super::super::{connection, lies_in, mirror, packed, places};
    use super::*;
    use crate::model::SubscriptionId;

    const FIRST: &str = "CREATE TABLE one (a INTEGER)";
    const SECOND: &str = "ALTER TABLE one ADD COLUMN b INTEGER";

    fn apply_to(connection: &mut Connection, migrations: &[&str]) -> Result<(), StoreError> {
        apply(connection, migrations, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn an_older_schema_is_told_and_left_as_it_is() {
        let mut connection = Connection::open_in_memory().unwrap();
        assert!(matches!(is_newest(&connection), Err(StoreError::Older { found: 0, .. })));
        assert!(!connection.table_exists(None, "migration").unwrap());
        packed::register(&connection).unwrap();
        apply_to(&mut connection, &MIGRATIONS[..2]).unwrap();
        assert!(matches!(is_newest(&connection), Err(StoreError::Older { found: 2, .. })));
        apply_to(&mut connection, MIGRATIONS).unwrap();
        is_newest(&connection).unwrap();
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
    fn a_mirror_whose_places_were_never_kept_is_carried_over() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = connection::for_writing(&folder.path().join("store.db")).unwrap();
        let before = MIGRATIONS.iter().position(|sql| sql.contains("CREATE TABLE place ")).unwrap();
        apply_to(&mut db, &MIGRATIONS[..before]).unwrap();
        db.execute_batch(
            r#"INSERT INTO event (id, tenant, subscription, type, subject, time, written_at, data)
               VALUES ('e', 't', 's', 'x', 'told', 0, 0, '{"resource": {"is": "told"}}');
               INSERT INTO item (subscription, id, generation, told) VALUES (1, 'told', 5, 1);
               INSERT INTO item (subscription, id, properties) VALUES (1, 'here', '{"is": "here"}');
               INSERT INTO item (subscription, id, properties) VALUES (2, 'here', '{"is": "another"}');
               INSERT INTO item (subscription, id, gone_at) VALUES (1, 'gone', 9);
               DELETE FROM item WHERE subscription = 2"#,
        )
        .unwrap();
        apply_to(&mut db, MIGRATIONS).unwrap();
        let found = |id: &str| -> (i64, Option<i64>, i64, Option<String>) {
            let sql = concat!(
                "SELECT i.key, i.gone_at, i.generation, ",
                mirror::properties!(),
                " FROM place AS p JOIN item AS i ON i.key = p.item
                 WHERE p.subscription = 1 AND p.hash = item_hash(?1) AND i.id = ?1"
            );
            db.query_row(sql, [id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap()
        };
        assert_eq!(found("told"), (1, None, 5, Some(r#"{"is":"told"}"#.to_owned())));
        assert_eq!(found("here"), (2, None, 0, Some(r#"{"is": "here"}"#.to_owned())));
        assert_eq!(found("gone"), (4, Some(9), 0, None));
        let next = "INSERT INTO item (subscription, id) VALUES (1, 'new') RETURNING key > (SELECT through FROM placed)";
        assert!(db.query_row(next, [], |row| row.get::<_, bool>(0)).unwrap());
        assert!(!places::Places::load(&db).unwrap().has(2));
    }

    #[test]
    fn what_lay_in_folders_before_they_were_kept_is_found_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = connection::for_writing(&folder.path().join("store.db")).unwrap();
        let before = MIGRATIONS.iter().position(|sql| sql.contains("ADD COLUMN lies_in")).unwrap();
        apply_to(&mut db, &MIGRATIONS[..before]).unwrap();
        let id = SubscriptionId(uuid::Uuid::from_u128(7));
        db.execute_batch(&format!(
            r#"INSERT INTO subscription (id, name, tenant, resource, via, start, selected, origin, target)
               VALUES ('{id}', 'n', 't', 'r', 'graph', 'now', '[]', 'api', '{{"kind": "list"}}');
               INSERT INTO event (id, tenant, subscription, type, subject, time, written_at, data)
               VALUES ('e', 't', 's', 'x', 'told', 0, 0, '{{"resource": {{"parentReference": {{"id": "F-1"}}}}}}');
               INSERT INTO item (subscription, id, told) VALUES (1, 'told', 1);
               INSERT INTO item (subscription, id, properties) VALUES (1, 'here', '{{"parentReference": {{"id": "f-1"}}}}');
               INSERT INTO item (subscription, id, properties) VALUES (1, 'nowhere', '{{}}');
               INSERT INTO item (subscription, id, gone_at) VALUES (1, 'gone', 9)"#,
        ))
        .unwrap();
        let long = |item: u32| {
            let words = "what all of them have in common, ".repeat(20);
            format!(r#"{{"id": "{item}", "words": "{words}", "parentReference": {{"id": "F-1"}}}}"#)
        };
        let dictionary =
            zstd::dict::from_samples(&(0..100).map(long).collect::<Vec<_>>(), 16 * 1024).unwrap();
        db.execute("INSERT INTO dictionary (tenant, kind, text) VALUES ('t', 'list', ?1)", [dictionary])
            .unwrap();
        let text = long(7);
        let dictionary = packed::Dictionary::with_key(&db, Some(1)).unwrap();
        let packed = packed::Packer::new(dictionary.as_ref()).pack(&text).expect("it is packed").1;
        let insert = "INSERT INTO item (subscription, id, dictionary, packed) VALUES (1, 'packed', 1, ?1)";
        db.execute(insert, [packed]).unwrap();
        apply_to(&mut db, MIGRATIONS).unwrap();
        let found = lies_in::inside(&db, id, &["F-1".to_owned()], 9).unwrap();
        assert_eq!(found.into_iter().map(|(item, _)| item.0).collect::<Vec<_>>(), ["told", "here", "packed"]);
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
