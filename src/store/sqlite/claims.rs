//! How a round is claimed.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::row::{self, Fields, micros};
use super::subscription::{self, leased_until, select_subscription};
use super::writer::Turn;
use super::{arrival, sweeps, ways};
use crate::model::Name;
use crate::store::{Cause, Claim, Link, Resync, StoreError};

/// When a round can be claimed, by the indexes `subscription_round_ripe` and `subscription_round_ripe_of_tenant`, which
/// have the very same expression.
macro_rules! next {
    ($of:literal) => {
        concat!(
            "SELECT name, max(round_due_at, ifnull(round_not_before, round_due_at),
                              ifnull(round_leased_until, round_due_at)) AS due_at
             FROM subscription
             WHERE round_due_at IS NOT NULL AND started_at IS NOT NULL AND remote_confirmed_at IS NOT NULL AND paused_at IS NULL ",
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
           AND round_due_at IS NOT NULL AND started_at IS NOT NULL AND remote_confirmed_at IS NOT NULL AND paused_at IS NULL
     ORDER BY max(round_due_at, ifnull(round_not_before, round_due_at),
                  ifnull(round_leased_until, round_due_at)) LIMIT 1"
);

const RIPEST_OF_TENANT: &str = select_subscription!(
    "WHERE s.tenant = ?2
           AND max(round_due_at, ifnull(round_not_before, round_due_at), ifnull(round_leased_until, round_due_at))
               <= ?1
           AND round_due_at IS NOT NULL AND started_at IS NOT NULL AND remote_confirmed_at IS NOT NULL AND paused_at IS NULL
     ORDER BY max(round_due_at, ifnull(round_not_before, round_due_at),
                  ifnull(round_leased_until, round_due_at)) LIMIT 1"
);

/// The one that has waited longest; where tenants are full, the first of a tenant that is not.
pub(super) fn claim(
    db: &Connection,
    turn: &mut Turn<'_>,
    full: &[Name],
    now: DateTime<Utc>,
    lease: Duration,
) -> Result<Option<Claim>, StoreError> {
    arrival::move_on(db)?;
    let claim = if full.is_empty() {
        row::first(db, RIPEST, [micros(now)], |row| read_claim(row, Due::Round, now))?
    } else {
        ripest_of_others(db, full, now)?
    };
    lease_round(db, turn, claim.as_ref(), now, lease)?;
    Ok(claim)
}

fn ripest_of_others(db: &Connection, full: &[Name], now: DateTime<Utc>) -> Result<Option<Claim>, StoreError> {
    for tenant in sweeps::tenants(db)?.into_iter().filter(|tenant| !full.contains(tenant)) {
        let params = params![micros(now), tenant.as_str()];
        let ripest = row::first(db, RIPEST_OF_TENANT, params, |row| read_claim(row, Due::Round, now))?;
        if ripest.is_some() {
            return Ok(ripest);
        }
    }
    Ok(None)
}

/// When the next round of a tenant that is not among `full` can be claimed.
pub(super) fn next(db: &Connection, full: &[Name]) -> Result<Option<DateTime<Utc>>, StoreError> {
    arrival::move_on(db)?;
    let due_at = |row: &Row<'_>| subscription::fields(row).time("due_at");
    if full.is_empty() {
        return row::first(db, NEXT, [], due_at);
    }
    let open = sweeps::tenants(db)?.into_iter().filter(|tenant| !full.contains(tenant));
    let next = open.map(|tenant| row::first(db, NEXT_OF_TENANT, [tenant.as_str()], due_at));
    Ok(next.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().min())
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

pub(super) fn read_claim(row: &Row<'_>, due: Due, now: DateTime<Utc>) -> Result<Claim, StoreError> {
    let fields = subscription::fields(row);
    let mut subscription = subscription::read(&fields)?;
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
    let resync = resync(&fields)?;
    let unfinished = matches!(link, Some(Link::Next(_)))
        || resync == Resync::Telling
        || fields.get("folder_round_open")?;
    let through = if unfinished { "round_through" } else { "inbox_through" };
    let (former_target, former) = ways::former(&fields, unfinished, now)?;
    subscription.target = former_target.or(subscription.target);
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
        former,
    })
}

fn resync(fields: &Fields<'_, '_>) -> Result<Resync, StoreError> {
    match fields.get("resync")? {
        0 => Ok(Resync::None),
        1 => Ok(Resync::Reading),
        2 => Ok(Resync::Telling),
        other => Err(fields.broken("resync", &format!("{other} stands for nothing"))),
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
