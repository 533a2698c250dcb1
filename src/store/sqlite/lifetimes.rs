use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, named_params, params};

use super::SqliteStore;
use super::row::{self, Fields, micros};
use crate::model::SubscriptionId;
use crate::store::{Lesson, LifeOf, Lifetimes, StoreError};

/// So long it counts: Microsoft raises limits now and then, and nobody tells.
const KEPT_FOR: TimeDelta = TimeDelta::days(30);

#[async_trait]
impl Lifetimes for SqliteStore {
    async fn longest_life(
        &self,
        id: SubscriptionId,
        of: LifeOf,
        now: DateTime<Utc>,
    ) -> Result<Option<Duration>, StoreError> {
        self.read(move |db| {
            let known = row::all(
                db,
                "SELECT subscription, longest FROM lesson
                 WHERE subscription = (SELECT key FROM subscription WHERE id = ?5)
                       AND kind = ?2 AND content = ?3 AND learned_at > ?4
                 UNION ALL
                 SELECT tenant, longest FROM lifetime
                 WHERE tenant = ?1 AND kind = ?2 AND content = ?3 AND learned_at > ?4",
                params![
                    of.tenant.as_str(),
                    of.kind.as_str(),
                    of.content,
                    micros(now - KEPT_FOR),
                    id.to_string()
                ],
                |row| {
                    let longest = Fields::new("lifetime", "subscription", row).number("longest")?;
                    Ok(Duration::from_micros(longest))
                },
            )?;
            Ok(known.into_iter().min())
        })
        .await
    }

    async fn learn(
        &self,
        id: SubscriptionId,
        of: LifeOf,
        lesson: Lesson,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.write(move |db| {
            for sql in
                ["DELETE FROM lifetime WHERE learned_at <= ?1", "DELETE FROM lesson WHERE learned_at <= ?1"]
            {
                row::execute(db, sql, [micros(now - KEPT_FOR)])?;
            }
            let longest = i64::try_from(lesson.longest.as_micros()).unwrap_or(i64::MAX);
            row::execute(
                db,
                "INSERT OR REPLACE INTO lesson (subscription, kind, content, longest, told, learned_at)
                 SELECT key, ?2, ?3, ?4, ?5, ?6 FROM subscription WHERE id = ?1",
                params![id.to_string(), of.kind.as_str(), of.content, longest, lesson.told, micros(now)],
            )?;
            if lesson.told { generalise(db, id, &of, longest, now) } else { Ok(()) }
        })
        .await
    }
}

/// Keeps for all that are alike what one was told, if one that follows another resource was told the same.
fn generalise(
    db: &Connection,
    id: SubscriptionId,
    of: &LifeOf,
    longest: i64,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    row::execute(
        db,
        "INSERT OR REPLACE INTO lifetime (tenant, kind, content, longest, learned_at)
         SELECT :tenant, :kind, :content, :longest, :now
         WHERE EXISTS (
             SELECT 1 FROM lesson JOIN subscription ON key = subscription
             WHERE told = 1 AND kind = :kind AND content = :content AND longest = :longest AND tenant = :tenant
                   AND target_key <> (SELECT target_key FROM subscription WHERE id = :id))",
        named_params! {
            ":id": id.to_string(),
            ":tenant": of.tenant.as_str(),
            ":kind": of.kind.as_str(),
            ":content": of.content,
            ":longest": longest,
            ":now": micros(now),
        },
    )?;
    Ok(())
}
