//! How the ledger's statements find their rows.

use super::super::{connection, migrate, row};
use super::claim::{DUE, HELD, NEXT, PENDING};
use super::settle::{DEAD, FIRST};
use chrono::DateTime;

/// Ten thousand deliveries may be pending, and a dead letter for each event that was ever sent.
#[test]
fn what_is_due_is_found_without_walking_through_what_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut db = connection::for_writing(&folder.path().join("store.db")).unwrap();
    migrate::to_newest(&mut db, DateTime::UNIX_EPOCH).unwrap();
    for (sql, index) in [
        (DUE, "delivery_due (sink=? AND due_at<?)"),
        (NEXT, "delivery_due (sink=? AND due_at>?)"),
        (PENDING, "SEARCH delivery USING"),
        (HELD, "SEARCH delivery USING"),
        (FIRST, "delivery_item (sink=? AND subscription=? AND subject=?)"),
        (DEAD, "delivery_state (sink=? AND state=? AND sequence>? AND sequence<?)"),
        (over!(), "delivery_settled (settled_at<?)"),
        (left!(), "SEARCH d USING"),
    ] {
        let numbered = ["?1", "?2", "?3"].iter().fold(sql.to_owned(), |sql, name| sql.replace(name, "1"));
        let sql = format!("EXPLAIN QUERY PLAN {numbered}");
        let plan: Vec<String> = row::all(&db, &sql, [], |row| Ok(row.get(3)?)).unwrap();
        assert!(plan.iter().any(|step| step.contains(index)), "{sql}: {plan:#?}");
    }
}
