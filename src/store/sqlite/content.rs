use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, params};

use super::row::{self, Fields, micros};
use super::subscription::leased_until;
use super::told::{Teller, Texts};
use super::writer::Turn;
use super::{SqliteStore, certificates, rounds, told};
use crate::model::{Hint, ItemId, Name, SealedContent, SubscriptionId};
use crate::store::{Aside, Committed, ContentCommit, Contents, Quarantined, StoreError, StoredContent};

/// Contents of one subscription that may wait, each with some kilobytes. More come only while it is paused or fails;
/// what they tell comes by the round then.
const MOST_WAITING: i64 = 1_000;
/// What is kept of that which was put aside, of all subscriptions together: nobody looks at more.
const MOST_ASIDE: i64 = 10_000;

#[async_trait]
impl Contents for SqliteStore {
    async fn contents(&self, id: SubscriptionId, limit: usize) -> Result<Vec<StoredContent>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(move |db| {
            row::all(
                db,
                "SELECT c.id, c.sealed, c.received_at FROM content AS c JOIN subscription AS s ON s.key = c.subscription
                 WHERE s.id = ?1 ORDER BY c.key LIMIT ?2",
                params![id.to_string(), limit],
                read,
            )
        })
        .await
    }

    async fn commit_contents(&self, contents: ContentCommit) -> Result<Committed, StoreError> {
        let texts = self.pack(&contents.claim.subscription, &contents.events, &contents.rows).await?;
        self.write_noting(move |db, turn| commit(db, turn, contents, &texts)).await
    }

    async fn quarantined(
        &self,
        subscription: Option<&Name>,
        limit: usize,
    ) -> Result<Vec<Quarantined>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let name = subscription.map(|name| name.as_str().to_owned());
        self.read(move |db| {
            row::all(
                db,
                "SELECT id, tenant, subscription, reason, explanation, item, cursor, received_at, quarantined_at
                 FROM quarantine
                 WHERE ?1 IS NULL OR subscription = ?1 ORDER BY key DESC LIMIT ?2",
                params![name, limit],
                read_quarantined,
            )
        })
        .await
    }
}

fn read(row: &Row<'_>) -> Result<StoredContent, StoreError> {
    let fields = Fields::new("content", "id", row);
    Ok(StoredContent {
        content: SealedContent { id: fields.parsed("id")?, sealed: fields.get("sealed")? },
        received_at: fields.time("received_at")?,
    })
}

fn read_quarantined(row: &Row<'_>) -> Result<Quarantined, StoreError> {
    let fields = Fields::new("quarantine", "id", row);
    Ok(Quarantined {
        id: fields.parsed("id")?,
        tenant: fields.parsed("tenant")?,
        subscription: fields.parsed("subscription")?,
        reason: fields.get("reason")?,
        explanation: fields.get("explanation")?,
        item: fields.get::<Option<String>>("item")?.map(ItemId),
        cursor: fields.get("cursor")?,
        received_at: fields.time("received_at")?,
        quarantined_at: fields.time("quarantined_at")?,
    })
}

/// Stores what came with a hint, if anything did; false: there was no room for it.
pub(super) fn append(db: &Connection, hint: &Hint) -> Result<bool, StoreError> {
    let Some(content) = &hint.content else { return Ok(true) };
    let kept = row::execute(
        db,
        "INSERT INTO content (id, subscription, received_at, sealed)
         SELECT ?2, s.key, ?3, ?4 FROM subscription AS s WHERE s.id = ?1
            AND NOT EXISTS (SELECT 1 FROM content AS c WHERE c.subscription = s.key LIMIT 1 OFFSET ?5)",
        params![
            hint.subscription.to_string(),
            content.id.to_string(),
            micros(hint.received_at),
            content.sealed,
            MOST_WAITING - 1
        ],
    )?;
    Ok(kept > 0)
}

fn commit(
    db: &Connection,
    turn: &mut Turn<'_>,
    contents: ContentCommit,
    texts: &Texts,
) -> Result<Committed, StoreError> {
    let Some((key, counter)) = rounds::held(db, &contents.claim)? else { return Ok(Committed::Lost) };
    let ContentCommit { claim, events, rows, done, aside, certificates, now, lease } = contents;
    let teller = Teller { subscription: &claim.subscription, key, counter };
    told::write(db, turn, &teller, (&events, &rows, texts), now)?;
    for content in done {
        row::execute(db, "DELETE FROM content WHERE id = ?1", [content.to_string()])?;
    }
    for content in &aside {
        put_aside(db, content, now)?;
    }
    trim_quarantine(db)?;
    for certificate in &certificates {
        certificates::used(db, certificate, now)?;
    }
    let event_at = (!events.is_empty()).then(|| micros(now));
    row::execute(
        db,
        "UPDATE subscription
         SET events = events + ?2, last_event_at = ifnull(?3, last_event_at), quarantined = quarantined + ?4,
             round_leased_until = ?5
         WHERE key = ?1",
        params![key, number(events.len()), event_at, number(aside.len()), leased_until(now, lease)],
    )?;
    Ok(Committed::Done(Box::new(claim)))
}

fn put_aside(db: &Connection, content: &Aside, now: DateTime<Utc>) -> Result<(), StoreError> {
    let id = content.id.to_string();
    row::execute(
        db,
        "INSERT INTO quarantine (id, tenant, subscription, reason, explanation, received_at, quarantined_at, sealed)
         SELECT c.id, s.tenant, s.name, ?2, ?3, c.received_at, ?4, c.sealed
         FROM content AS c JOIN subscription AS s ON s.key = c.subscription WHERE c.id = ?1",
        params![id, content.reason, content.explanation, micros(now)],
    )?;
    row::execute(db, "DELETE FROM content WHERE id = ?1", [id])?;
    Ok(())
}

/// Deletes the oldest of what was put aside, where that is too much.
pub(super) fn trim_quarantine(db: &Connection) -> Result<(), StoreError> {
    let sql = "DELETE FROM quarantine WHERE key <= (SELECT max(key) FROM quarantine) - ?1";
    row::execute(db, sql, [MOST_ASIDE])?;
    Ok(())
}

/// Deletes up to `limit` of what was put aside before `before`, and of what has waited since then: its hint, and with
/// it the change, is still there.
pub(super) fn delete_oldest(db: &Connection, before: DateTime<Utc>, limit: i64) -> Result<usize, StoreError> {
    let aside = row::execute(
        db,
        "DELETE FROM quarantine WHERE key IN
             (SELECT key FROM quarantine WHERE quarantined_at < ?1 ORDER BY quarantined_at LIMIT ?2)",
        params![micros(before), limit],
    )?;
    let waiting = row::execute(
        db,
        "DELETE FROM content WHERE key IN (SELECT key FROM content ORDER BY key LIMIT ?2) AND received_at < ?1",
        params![micros(before), limit],
    )?;
    if waiting > 0 {
        tracing::warn!(
            contents = waiting,
            "Encrypted contents waited longer than the retention and were deleted; their changes come by the round"
        );
    }
    Ok(aside.max(waiting))
}

fn number(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
