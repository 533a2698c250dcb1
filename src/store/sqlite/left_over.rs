//! What the process before has left over. Opening the store touches nothing else, however much is followed.

use chrono::{DateTime, Utc};
use rusqlite::Connection;

use super::{deliveries, row};
use crate::store::StoreError;

const ROUNDS: &str = "UPDATE subscription SET round_lease = NULL, round_leased_until = NULL
                      WHERE round_leased_until IS NOT NULL";
const RENEWALS: &str =
    "UPDATE subscription SET renewal_leased_until = NULL WHERE renewal_leased_until IS NOT NULL";
/// As many as tell whether it was mended; all of them, with a process that is started again and again, would be a storm.
const FAILED: &str = "UPDATE subscription SET renewal_due_at = ?1 WHERE key IN (
                          SELECT key FROM subscription WHERE renewal_error IS NOT NULL AND renewal_due_at > ?1
                          ORDER BY renewal_due_at LIMIT 100)";

/// Voids all leases, since nobody holds them any more. Whoever starts again has mended something or was away for a
/// while: some of the renewals that failed are tried at once.
pub(super) fn take_up(db: &Connection, now: DateTime<Utc>) -> Result<(), StoreError> {
    db.execute(ROUNDS, [])?;
    db.execute(RENEWALS, [])?;
    deliveries::void_claims(db)?;
    db.execute(FAILED, [row::micros(now)])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{connection, migrate};
    use super::*;

    /// With 1,000,000 subscriptions, touching all of them takes ten seconds.
    #[test]
    fn opening_walks_through_nothing_but_what_was_left_over() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = connection::for_writing(&folder.path().join("store.db")).unwrap();
        migrate::to_newest(&mut db, DateTime::UNIX_EPOCH).unwrap();
        for (sql, index) in [
            (ROUNDS, "subscription_round_leased"),
            (RENEWALS, "subscription_renewal_leased"),
            (FAILED, "subscription_renewal_failed"),
        ] {
            let sql = format!("EXPLAIN QUERY PLAN {}", sql.replace("?1", "1"));
            let plan: Vec<String> = row::all(&db, &sql, [], |row| Ok(row.get(3)?)).unwrap();
            assert!(plan.iter().any(|step| step.contains(index)), "{plan:#?}");
        }
    }
}
