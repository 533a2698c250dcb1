use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, named_params, params};

use super::mirror::Asked;
use super::row::{self, micros, to_json};
use super::subscription::{self, leased_until};
use super::told::{Teller, Texts};
use super::writer::Turn;
use super::{SqliteStore, claims, lies_in, mirror, odd, places, told, ways};
use crate::model::{ItemId, Name, Properties, SubscriptionId, Trouble};
use crate::store::{
    Cause, Claim, Committed, Former, Known, Link, PageCommit, Resync, RoundEnd, Rounds, StoreError,
};

#[async_trait]
impl Rounds for SqliteStore {
    async fn claim_round(
        &self,
        full: &[Name],
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<Option<Claim>, StoreError> {
        let full = full.to_vec();
        self.write_noting(move |db, turn| claims::claim(db, turn, &full, now, lease)).await
    }

    async fn inside(
        &self,
        id: SubscriptionId,
        folders: Vec<String>,
        limit: usize,
    ) -> Result<Vec<(ItemId, Properties)>, StoreError> {
        self.read(move |db| lies_in::inside(db, id, &folders, limit)).await
    }

    async fn known(
        &self,
        id: SubscriptionId,
        items: Vec<ItemId>,
    ) -> Result<HashMap<ItemId, Known>, StoreError> {
        let Some(key) = self.key(id).await? else { return Ok(HashMap::new()) };
        // First what is not sorted in, then what is.
        let mut asked: Vec<Asked> = items
            .into_iter()
            .map(|item| {
                let hash = places::hash(&item.0);
                Asked { item, hash, rows: self.places.find(key, hash) }
            })
            .collect();
        asked.sort_unstable_by_key(|asked| asked.hash);
        self.read(move |db| mirror::known(db, key, asked)).await
    }

    async fn commit_page(&self, page: PageCommit) -> Result<Committed, StoreError> {
        let texts = self.pack(&page.claim.subscription, &page.events, &page.rows).await?;
        self.write_noting(move |db, turn| commit(db, turn, page, &texts)).await
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
        self.write(move |db| claims::next(db, &full)).await
    }
}

fn commit(
    db: &Connection,
    turn: &mut Turn<'_>,
    page: PageCommit,
    texts: &Texts,
) -> Result<Committed, StoreError> {
    let Some((key, counter)) = held(db, &page.claim)? else { return Ok(Committed::Lost) };
    let teller = Teller { subscription: &page.claim.subscription, key, counter };
    told::write(db, turn, &teller, (&page.events, &page.rows, texts), page.now)?;
    odd::put_aside(db, key, &page.odd, page.claim.link.as_ref(), page.now)?;
    if page.claim.resync == Resync::Reading {
        mirror::seen(db, &turn.places, key, &page.seen)?;
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
        None => finish(db, key, &page)?,
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

/// Ends a round. The last one on a former way leaves its hints to the first on the other, for whoever waits until all is told.
fn finish(db: &Connection, key: i64, page: &PageCommit) -> Result<Resync, StoreError> {
    let PageCommit { claim, now, .. } = page;
    let through = if claim.former == Former::Last { 0 } else { claim.inbox_through };
    let resync = end(db, key, through, &page.end, *now)?;
    ways::round_ended(db, key, claim.former, *now)?;
    Ok(resync)
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
