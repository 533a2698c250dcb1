use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, named_params, params};
use uuid::Uuid;

use super::row::{self, Fields, micros, to_json};
use super::subscription::{self, leased_until, select_subscription};
use super::writer::Turn;
use super::{SqliteStore, arrival, log, mirror, odd, sweeps};
use crate::model::{ItemId, Name, SubscriptionId, Trouble};
use crate::store::{Cause, Claim, Committed, Known, Link, PageCommit, Resync, RoundEnd, Rounds, StoreError};

#[async_trait]
impl Rounds for SqliteStore {
    async fn claim_round(
        &self,
        full: &[Name],
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<Option<Claim>, StoreError> {
        let full = full.to_vec();
        self.write_noting(move |db, turn| claim(db, turn, &full, now, lease)).await
    }

    async fn known(
        &self,
        id: SubscriptionId,
        items: Vec<ItemId>,
    ) -> Result<HashMap<ItemId, Known>, StoreError> {
        self.read(move |db| mirror::known(db, id, items)).await
    }

    async fn commit_page(&self, page: PageCommit) -> Result<Committed, StoreError> {
        self.write(move |db| commit(db, page)).await
    }

    async fn round_failed(&self, claim: &Claim, trouble: &Trouble) -> Result<(), StoreError> {
        let (id, lease, trouble) = (claim.subscription.id, claim.lease, trouble.clone());
        self.write(move |db| {
            row::execute(
                db,
                "UPDATE subscription
                 SET round_error = ?3, round_attempts = round_attempts + 1, round_not_before = ?4,
                     round_lease = NULL, round_leased_until = NULL
                 WHERE id = ?1 AND round_lease = ?2",
                params![
                    id.to_string(),
                    lease.to_string(),
                    to_json(&trouble)?,
                    trouble.next_attempt_at.map(micros)
                ],
            )?;
            Ok(())
        })
        .await
    }

    async fn release(&self, claim: &Claim) -> Result<(), StoreError> {
        let (id, lease) = (claim.subscription.id, claim.lease);
        self.write(move |db| {
            row::execute(
                db,
                "UPDATE subscription SET round_lease = NULL, round_leased_until = NULL
                 WHERE id = ?1 AND round_lease = ?2",
                params![id.to_string(), lease.to_string()],
            )?;
            Ok(())
        })
        .await
    }

    async fn next_round(&self, full: &[Name]) -> Result<Option<DateTime<Utc>>, StoreError> {
        let full = full.to_vec();
        self.write(move |db| {
            arrival::move_on(db)?;
            let due_at = |row: &Row<'_>| subscription::fields(row).time("due_at");
            if full.is_empty() {
                return row::first(db, NEXT, [], due_at);
            }
            let open = sweeps::tenants(db)?.into_iter().filter(|tenant| !full.contains(tenant));
            let next = open.map(|tenant| row::first(db, NEXT_OF_TENANT, [tenant.as_str()], due_at));
            Ok(next.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().min())
        })
        .await
    }
}

/// When a round can be claimed, by the indexes `subscription_round_ripe` and `subscription_round_ripe_of_tenant`, which
/// have the very same expression.
macro_rules! next {
    ($of:literal) => {
        concat!(
            "SELECT name, max(round_due_at, ifnull(round_not_before, round_due_at),
                              ifnull(round_leased_until, round_due_at)) AS due_at
             FROM subscription
             WHERE round_due_at IS NOT NULL AND started_at IS NOT NULL AND remote_confirmed_at IS NOT NULL ",
            $of,
            " ORDER BY max(round_due_at, ifnull(round_not_before, round_due_at),
                           ifnull(round_leased_until, round_due_at)) LIMIT 1"
        )
    };
}

const NEXT: &str = next!("");
const NEXT_OF_TENANT: &str = next!("AND tenant = ?1");

/// The subscription that can be claimed and has waited longest, by the index `subscription_round_ripe`.
const RIPEST: &str = select_subscription!(
    "WHERE max(round_due_at, ifnull(round_not_before, round_due_at), ifnull(round_leased_until, round_due_at))
               <= ?1
           AND round_due_at IS NOT NULL AND started_at IS NOT NULL AND remote_confirmed_at IS NOT NULL
     ORDER BY max(round_due_at, ifnull(round_not_before, round_due_at),
                  ifnull(round_leased_until, round_due_at)) LIMIT 1"
);

const RIPEST_OF_TENANT: &str = select_subscription!(
    "WHERE s.tenant = ?2
           AND max(round_due_at, ifnull(round_not_before, round_due_at), ifnull(round_leased_until, round_due_at))
               <= ?1
           AND round_due_at IS NOT NULL AND started_at IS NOT NULL AND remote_confirmed_at IS NOT NULL
     ORDER BY max(round_due_at, ifnull(round_not_before, round_due_at),
                  ifnull(round_leased_until, round_due_at)) LIMIT 1"
);

/// The one that has waited longest; where tenants are full, the first of a tenant that is not.
fn claim(
    db: &Connection,
    turn: &mut Turn<'_>,
    full: &[Name],
    now: DateTime<Utc>,
    lease: Duration,
) -> Result<Option<Claim>, StoreError> {
    arrival::move_on(db)?;
    let claim = if full.is_empty() {
        row::first(db, RIPEST, [micros(now)], |row| read_claim(row, Due::Round))?
    } else {
        ripest_of_others(db, full, now)?
    };
    lease_round(db, turn, claim.as_ref(), now, lease)?;
    Ok(claim)
}

fn ripest_of_others(db: &Connection, full: &[Name], now: DateTime<Utc>) -> Result<Option<Claim>, StoreError> {
    for tenant in sweeps::tenants(db)?.into_iter().filter(|tenant| !full.contains(tenant)) {
        let params = params![micros(now), tenant.as_str()];
        let ripest = row::first(db, RIPEST_OF_TENANT, params, |row| read_claim(row, Due::Round))?;
        if ripest.is_some() {
            return Ok(ripest);
        }
    }
    Ok(None)
}

/// What made a round due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Something asked for it.
    Round,
    /// Its sweep.
    Sweep,
}

/// Holds a claim until its lease ends.
pub(super) fn lease_round(
    db: &Connection,
    turn: &mut Turn<'_>,
    claim: Option<&Claim>,
    now: DateTime<Utc>,
    lease: Duration,
) -> Result<(), StoreError> {
    if let Some(claim) = claim {
        let key = row::value(
            db,
            "UPDATE subscription SET round_lease = ?2, round_leased_until = ?3, round_through = ?4 WHERE id = ?1
             RETURNING key",
            params![
                claim.subscription.id.to_string(),
                claim.lease.to_string(),
                leased_until(now, lease),
                claim.inbox_through
            ],
        )?;
        turn.waiting.claimed(claim.subscription.id);
        if let Some(key) = key {
            turn.arrivals.claimed(key);
        }
    }
    Ok(())
}

pub(super) fn read_claim(row: &Row<'_>, due: Due) -> Result<Claim, StoreError> {
    let fields = subscription::fields(row);
    let subscription = subscription::read(&fields)?;
    let empty_looks = fields.number("empty_looks")?;
    let cause = if fields.get("first_round_open")? {
        Cause::First
    } else if subscription.pending {
        Cause::Hint
    } else if empty_looks > 0 {
        Cause::AnotherLook
    } else if due == Due::Round {
        Cause::Anew
    } else if fields.get("outage_sweep")? {
        Cause::OutageSweep
    } else {
        Cause::Sweep
    };
    let link = fields.optional("link", Fields::json)?;
    // A round that is taken up again covers what was there at its first request, not what came since.
    let resync = match fields.get("resync")? {
        0 => Resync::None,
        1 => Resync::Reading,
        2 => Resync::Telling,
        other => return Err(fields.broken("resync", &format!("{other} stands for nothing"))),
    };
    let unfinished = matches!(link, Some(Link::Next(_)))
        || resync == Resync::Telling
        || fields.get("folder_round_open")?;
    let through = if unfinished { "round_through" } else { "inbox_through" };
    Ok(Claim {
        subscription,
        lease: Uuid::new_v4(),
        inbox_through: fields.get::<Option<i64>>(through)?.unwrap_or_default(),
        link,
        hinted_at: fields.optional("hinted_at", Fields::time)?,
        cause,
        attempts: fields.number("round_attempts")?,
        empty_looks,
        resync,
        generation: fields.get("generation")?,
    })
}

fn commit(db: &Connection, page: PageCommit) -> Result<Committed, StoreError> {
    let Some((key, events)) = held(db, &page.claim)? else { return Ok(Committed::Lost) };
    let told = log::append(db, &page.claim.subscription, events, &page.events, page.now)?;
    mirror::write(db, key, &page.rows, &told, page.now)?;
    odd::put_aside(db, key, &page.odd, page.claim.link.as_ref(), page.now)?;
    if page.claim.resync == Resync::Reading {
        mirror::seen(db, key, &page.seen)?;
    }
    let event_at = (!page.events.is_empty()).then(|| micros(page.now));
    row::execute(
        db,
        "UPDATE subscription
         SET link = ?2, events = events + ?3, last_event_at = ifnull(?4, last_event_at) WHERE key = ?1",
        params![key, to_json(&page.link)?, i64::try_from(page.events.len()).unwrap_or(i64::MAX), event_at],
    )?;
    let resync = match after(&page) {
        Some(resync) => go_on(db, key, &page, resync)?,
        None => end(db, key, page.claim.inbox_through, &page.end, page.now)?,
    };
    let attempts = if resync == Resync::None { 0 } else { page.claim.attempts };
    let mut claim = Claim { link: Some(page.link), attempts, resync, ..page.claim };
    let progress = if claim.cause == Cause::First {
        &mut claim.subscription.first_round
    } else {
        &mut claim.subscription.resync
    };
    *progress = page.progress.or_else(|| progress.take());
    Ok(Committed::Done(Box::new(claim)))
}

/// How a resync stands after a page; none: the round has ended.
fn after(page: &PageCommit) -> Option<Resync> {
    match (&page.link, page.claim.resync) {
        (Link::Next(_), resync) => Some(resync),
        (Link::Delta(_), Resync::Reading) => Some(Resync::Telling),
        (Link::Delta(_), Resync::Telling) if !page.rows.is_empty() => Some(Resync::Telling),
        (Link::Delta(_), Resync::None | Resync::Telling) => None,
    }
}

/// The subscription's key and change counter, if the claim holds and the link has not moved.
pub(super) fn held(db: &Connection, claim: &Claim) -> Result<Option<(i64, u64)>, StoreError> {
    row::first(
        db,
        "SELECT name, key, events FROM subscription WHERE id = ?1 AND round_lease = ?2 AND link IS ?3
               AND generation = ?4",
        params![
            claim.subscription.id.to_string(),
            claim.lease.to_string(),
            claim.link.as_ref().map(to_json).transpose()?,
            claim.generation
        ],
        |row| {
            let fields = subscription::fields(row);
            Ok((fields.get("key")?, fields.number("events")?))
        },
    )
}

/// While a resync lasts, attempts stay counted: one that begins again and again does so at growing pauses.
fn go_on(db: &Connection, key: i64, page: &PageCommit, resync: Resync) -> Result<Resync, StoreError> {
    row::execute(
        db,
        "UPDATE subscription
         SET round_leased_until = ?2, first_round = ifnull(?3, first_round), resync = ?4,
             round_attempts = iif(?4 = 0, 0, round_attempts), round_error = NULL
         WHERE key = ?1",
        params![
            key,
            leased_until(page.now, page.lease),
            page.progress.as_ref().map(to_json).transpose()?,
            stored(resync)
        ],
    )?;
    Ok(resync)
}

/// Works the claimed hints off and sets when the next round is due: at once if others have come meanwhile.
pub(super) fn end(
    db: &Connection,
    key: i64,
    through: i64,
    end: &RoundEnd,
    now: DateTime<Utc>,
) -> Result<Resync, StoreError> {
    let notified_at: Option<i64> = row::value(
        db,
        "SELECT received_at FROM inbox WHERE subscription = ?1 AND number <= ?2 AND kind = 'change'
         ORDER BY number DESC LIMIT 1",
        params![key, through],
    )?;
    row::execute(db, "DELETE FROM inbox WHERE subscription = ?1 AND number <= ?2", params![key, through])?;
    let RoundEnd { next_at, empty_looks, rhythm } = end;
    let (look_at, sweep_at) = if *empty_looks > 0 { (*next_at, None) } else { (None, *next_at) };
    let waiting: Option<i64> = row::value(
        db,
        "SELECT received_at FROM inbox WHERE subscription = ?1 ORDER BY number LIMIT 1",
        [key],
    )?;
    row::execute(
        db,
        "UPDATE subscription
         SET round_due_at = :due_at, sweep_at = :sweep_at, outage_sweep = 0, alive_at = :alive_at,
             usual_gap = :usual_gap, gaps = :gaps, quiet_sweeps = :quiet_sweeps, haste = :haste,
             round_not_before = NULL, round_lease = NULL, round_leased_until = NULL,
             round_attempts = 0, round_error = NULL, empty_looks = :empty_looks,
             first_round_open = 0, first_round = NULL, resync = 0, last_fetch_at = :now,
             last_notification_at = ifnull(:notified_at, last_notification_at)
         WHERE key = :key",
        named_params! {
            ":key": key,
            ":due_at": look_at.map(micros).into_iter().chain(waiting).min(),
            ":sweep_at": sweep_at.map(micros),
            ":alive_at": rhythm.alive_at.map(micros),
            ":usual_gap": rhythm.usual_gap.map(|gap| i64::try_from(gap.as_micros()).unwrap_or(i64::MAX)),
            ":gaps": rhythm.gaps,
            ":quiet_sweeps": rhythm.quiet_sweeps,
            ":haste": rhythm.haste,
            ":empty_looks": empty_looks,
            ":now": micros(now),
            ":notified_at": notified_at,
        },
    )?;
    Ok(Resync::None)
}

const fn stored(resync: Resync) -> i64 {
    match resync {
        Resync::None => 0,
        Resync::Reading => 1,
        Resync::Telling => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{connection, migrate};
    use super::*;

    /// With 100,000 rounds that wait for a closed gate, walking through them takes a tenth of a second, in the writer.
    #[test]
    fn a_claim_walks_through_nothing_that_cannot_be_claimed() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = connection::for_writing(&folder.path().join("store.db")).unwrap();
        migrate::to_newest(&mut db, DateTime::UNIX_EPOCH).unwrap();
        for (sql, index) in [
            (RIPEST, "SEARCH s USING INDEX subscription_round_ripe (<expr><?)"),
            (
                RIPEST_OF_TENANT,
                "SEARCH s USING INDEX subscription_round_ripe_of_tenant (tenant=? AND <expr><?)",
            ),
            (NEXT, "USING INDEX subscription_round_ripe"),
            (NEXT_OF_TENANT, "USING INDEX subscription_round_ripe_of_tenant (tenant=?)"),
        ] {
            let sql = format!("EXPLAIN QUERY PLAN {}", sql.replace("?1", "1").replace("?2", "'contoso'"));
            let plan: Vec<String> = row::all(&db, &sql, [], |row| Ok(row.get(3)?)).unwrap();
            assert!(plan.iter().any(|step| step.contains(index)), "{plan:#?}");
            assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE FOR ORDER BY")), "{plan:#?}");
        }
    }
}
