//! The way of a hint from its arrival to the inbox.

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::row::{self, micros};
use crate::model::Hint;
use crate::store::StoreError;

/// Hints that may stand in the arrivals: moving them on takes a few milliseconds, and nobody who looks at a
/// subscription has to pass more.
const MOST: i64 = 1024;

/// Writes a hint at the end of the arrivals. Answers with its number; none: nobody follows that.
pub(super) fn write(db: &Connection, hint: &Hint) -> Result<Option<i64>, StoreError> {
    let mut buffer = Uuid::encode_buffer();
    let id = &*hint.subscription.0.simple().encode_lower(&mut buffer);
    let written = row::execute(
        db,
        "INSERT INTO arrival (subscription, kind, received_at)
         SELECT key, ?2, ?3 FROM subscription WHERE id = ?1 AND removed_at IS NULL",
        params![id, hint.kind.as_str(), micros(hint.received_at)],
    )?;
    Ok((written > 0).then(|| db.last_insert_rowid()))
}

/// Moves all that has arrived to the inbox, and makes their rounds due. To be called before the inbox is looked at
/// by whoever decides something.
///
/// Where one of the same kind stands in the inbox that no round has claimed, a hint adds nothing and ends here: so the
/// inbox stays small however long a subscription fails. Of a request, somebody waits for the very number.
pub(super) fn move_on(db: &Connection) -> Result<(), StoreError> {
    if standing(db)? == 0 {
        return Ok(());
    }
    row::execute(
        db,
        "INSERT INTO inbox (number, subscription, kind, received_at)
         SELECT a.number, a.subscription, a.kind, a.received_at
         FROM arrival AS a JOIN subscription AS s ON s.key = a.subscription
         WHERE a.kind = 'request' OR NOT EXISTS
             (SELECT 1 FROM inbox AS i
              WHERE i.subscription = a.subscription AND i.kind = a.kind AND i.number > ifnull(s.round_through, 0))
         ORDER BY a.subscription, a.number",
        [],
    )?;
    row::execute(
        db,
        "UPDATE subscription SET round_due_at = first.received_at
         FROM (SELECT subscription, min(received_at) AS received_at FROM arrival
               WHERE subscription <> 0 GROUP BY subscription) AS first
         WHERE key = first.subscription AND (round_due_at IS NULL OR round_due_at > first.received_at)",
        [],
    )?;
    row::execute(db, "DELETE FROM arrival WHERE number < (SELECT max(number) FROM arrival)", [])?;
    row::execute(db, "UPDATE arrival SET subscription = 0", [])?;
    Ok(())
}

/// The same where more than a few have arrived.
pub(super) fn move_many_on(db: &Connection) -> Result<(), StoreError> {
    if standing(db)? < MOST { Ok(()) } else { move_on(db) }
}

/// How many have arrived since they were last moved on.
fn standing(db: &Connection) -> Result<i64, StoreError> {
    let standing =
        row::value(db, "SELECT (SELECT max(number) FROM arrival) - (SELECT min(number) FROM arrival)", [])?;
    Ok(standing.unwrap_or_default())
}
