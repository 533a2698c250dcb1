use async_trait::async_trait;
use chrono::TimeDelta;
use rusqlite::{Connection, params};

use super::row::{self, Fields, micros};
use super::writer::Turn;
use super::{SqliteStore, content, renewals};
use crate::model::{Hint, HintKind, SubscriptionId};
use crate::store::{Inbox, InboxDepth, Receipt, StoreError};

/// A remote subscription that was made or renewed this recently is not renewed again because Office 365 asks for
/// it: the lifecycle event crossed the renewal.
const JUST_RENEWED: TimeDelta = TimeDelta::minutes(10);

#[async_trait]
impl Inbox for SqliteStore {
    async fn append(&self, hints: Vec<Hint>) -> Result<Vec<Receipt>, StoreError> {
        let served: Vec<bool> =
            hints.iter().map(|hint| hint.plain && self.waiting.has(hint.subscription)).collect();
        if served.iter().all(|served| *served) {
            return Ok(vec![Receipt::Elided; hints.len()]);
        }
        let append = move |db: &Connection, turn: &mut Turn<'_>| {
            let one = |(hint, served): (&Hint, bool)| {
                if served { Ok(Receipt::Elided) } else { append(db, turn, hint) }
            };
            hints.iter().zip(served).map(one).collect()
        };
        self.writer.run_with_all(append).await
    }

    async fn waits(&self, subscription: SubscriptionId, number: i64) -> Result<bool, StoreError> {
        self.read(move |db| {
            let found: Option<i64> = row::value(
                db,
                "SELECT 1 FROM hint JOIN subscription AS s ON s.key = hint.subscription
                 WHERE s.id = ?1 AND number = ?2",
                params![subscription.to_string(), number],
            )?;
            Ok(found.is_some())
        })
        .await
    }

    async fn depth(&self) -> Result<InboxDepth, StoreError> {
        self.read(|db| {
            let depth = row::first(
                db,
                "SELECT (SELECT count(*) FROM inbox)
                            + (SELECT max(number) - min(number) FROM arrival) AS pending,
                        ifnull((SELECT received_at FROM inbox
                                WHERE subscription NOT IN (SELECT key FROM subscription WHERE paused_at IS NOT NULL)
                                ORDER BY number LIMIT 1),
                               (SELECT hints ->> '$[0][1]' FROM arrival WHERE hints <> '[]' ORDER BY number LIMIT 1))
                            AS oldest_at",
                [],
                |row| {
                    let fields = Fields::new("inbox", "oldest_at", row);
                    Ok(InboxDepth {
                        pending: fields.number("pending")?,
                        oldest_at: fields.optional("oldest_at", Fields::time)?,
                    })
                },
            )?;
            Ok(depth.unwrap_or_default())
        })
        .await
    }
}

fn append(db: &Connection, turn: &mut Turn<'_>, hint: &Hint) -> Result<Receipt, StoreError> {
    let waits = turn.waiting.has(hint.subscription);
    if hint.plain && waits {
        return Ok(Receipt::Elided);
    }
    let Some(number) = turn.arrivals.take(db, hint, !waits)? else { return Ok(Receipt::Unknown) };
    let is_whole = content::append(db, hint)?;
    mark(db, hint)?;
    if !waits {
        turn.waiting.hinted(hint.subscription);
    }
    Ok(if is_whole { Receipt::Stored(number) } else { Receipt::Bare(number) })
}

/// What a request or lifecycle event says beside "look": of the remote subscription only if it names the one that is
/// held now.
fn mark(db: &Connection, hint: &Hint) -> Result<(), StoreError> {
    if hint.kind == HintKind::Request {
        // Somebody has mended something, or wants to know now: the schedule of failed attempts does not apply.
        row::execute(
            db,
            "UPDATE subscription SET round_not_before = NULL WHERE id = ?1",
            [hint.subscription.to_string()],
        )?;
    }
    let Some(remote) = &hint.remote else { return Ok(()) };
    match hint.kind {
        HintKind::SubscriptionRemoved => renewals::lose(db, hint.subscription, Some(remote)),
        HintKind::ReauthorizationRequired => {
            row::execute(
                db,
                "UPDATE subscription
                 SET remote_renew_at = ?3, renewal_due_at = iif(renewal_error IS NULL, ?3, renewal_due_at)
                 WHERE id = ?1 AND remote_id = ?2 COLLATE NOCASE AND remote_confirmed_at <= ?4",
                params![
                    hint.subscription.to_string(),
                    remote.0,
                    micros(hint.received_at),
                    micros(hint.received_at - JUST_RENEWED)
                ],
            )?;
            Ok(())
        }
        HintKind::Change | HintKind::Missed | HintKind::UnknownLifecycle | HintKind::Request => Ok(()),
    }
}
