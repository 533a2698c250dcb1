use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use super::row::{self, Fields, micros, to_json};
use super::subscription::leased_until;
use super::{SqliteStore, mirror, rounds};
use crate::model::{ItemId, Properties, SubscriptionId};
use crate::store::{Claim, Committed, Link, Resync, Resyncs, StoreError};

#[async_trait]
impl Resyncs for SqliteStore {
    async fn begin_resync(
        &self,
        claim: &Claim,
        restart: Option<Link>,
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<Committed, StoreError> {
        let claim = claim.clone();
        self.write(move |db| begin(db, claim, restart, leased_until(now, lease))).await
    }

    async fn ask_resync(&self, id: SubscriptionId, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.write(move |db| ask(db, id, now)).await
    }

    async fn unseen(
        &self,
        claim: &Claim,
        after: Option<ItemId>,
        limit: usize,
    ) -> Result<Vec<(ItemId, Properties)>, StoreError> {
        let (id, generation) = (claim.subscription.id, claim.generation);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.sort_in(id).await?;
        let (hash, after) = mirror::after(after);
        self.read(move |db| {
            row::all(
                db,
                concat!(
                    "SELECT i.id, ",
                    mirror::properties!(),
                    " AS properties FROM ",
                    mirror::walk!(),
                    " AND i.generation < ?4 ORDER BY p.hash, i.id LIMIT ?5"
                ),
                params![id.to_string(), hash, after, generation, limit],
                |row| {
                    let fields = Fields::new("item", "id", row);
                    Ok((ItemId(fields.get("id")?), mirror::body(&fields)?))
                },
            )
        })
        .await
    }
}

/// Makes a round from the beginning due. What went over to another way is read on that one.
pub(super) fn ask(db: &Connection, id: SubscriptionId, now: DateTime<Utc>) -> Result<(), StoreError> {
    row::execute(
        db,
        "UPDATE subscription
         SET resync = 1, generation = generation + 1, link = NULL, first_round = NULL,
             former_target = NULL, former_until = NULL, next_link = NULL,
             round_due_at = ?2, round_not_before = NULL, round_lease = NULL, round_leased_until = NULL
         WHERE id = ?1 AND removed_at IS NULL",
        params![id.to_string(), micros(now)],
    )?;
    Ok(())
}

fn begin(
    db: &Connection,
    claim: Claim,
    restart: Option<Link>,
    leased_until: i64,
) -> Result<Committed, StoreError> {
    let Some((key, _)) = rounds::held(db, &claim)? else { return Ok(Committed::Lost) };
    row::execute(
        db,
        "UPDATE subscription
         SET resync = 1, generation = generation + 1, link = ?2, first_round = NULL, round_leased_until = ?3
         WHERE key = ?1",
        params![key, restart.as_ref().map(to_json).transpose()?, leased_until],
    )?;
    let generation = claim.generation.saturating_add(1);
    let mut next = Claim { link: restart, resync: Resync::Reading, generation, ..claim };
    (next.subscription.first_round, next.subscription.resync) = (None, None);
    Ok(Committed::Done(Box::new(next)))
}
