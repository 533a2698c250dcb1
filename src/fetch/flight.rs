//! One round: page by page from the link to the next delta link.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::classify::{Context, Outcome, classify};
use super::mailbox::Walk;
use super::odd::Completed;
use super::pages::Pages;
use super::{Ended, Fetcher, LEASE, schedule};
use crate::clock::Stopwatch;
use crate::metrics::{LatencyFrom, since};
use crate::model::{Change, Item, ItemId, Kind, NewEvent, OddItem, Target, Trouble};
use crate::office365::{Failure, Tenant, Verdict};
use crate::store::{Cause, Claim, Committed, Known, Link, MirrorRow, Resync, RoundEnd, StoreError};
use crate::tasks::{self, STORE_RETRY};

/// How long a page may take, the items included that have to be read whole: its claim must outlive it.
pub(super) const PAGE: Duration = Duration::from_secs(240);

/// Steps taken with contents before the pages: what comes faster than this must not keep the round from beginning.
const CONTENTS: usize = 50;

/// What a page leads to.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) events: Vec<NewEvent>,
    pub(super) rows: Vec<MirrorRow>,
    /// The items that it shows.
    pub(super) seen: Vec<ItemId>,
    /// What is put aside.
    pub(super) odd: Vec<OddItem>,
    /// How many pages it was.
    pub(super) pages: u64,
}

/// How a round ended.
pub(super) enum Landing {
    Finished,
    Stopped(Box<Claim>),
    Lost,
    Failed(Box<Claim>, Trouble),
}

impl Fetcher {
    /// Flies the round that was claimed, to its end or to `until`; with `stop` the process ends.
    pub(super) async fn fly(&self, claim: Claim, until: &CancellationToken, stop: &CancellationToken) {
        let subscription = claim.subscription.id;
        let (inbox_through, watch) = (claim.inbox_through, self.clock.stopwatch());
        // A fault of ours fails the round as any other trouble does, so that somebody sees it: where it is, the log says.
        let followed = tasks::whole(self.follow(claim.clone(), until)).await;
        let landing =
            followed.unwrap_or_else(|| self.failed(Box::new(claim), &Failure::broken_off("the round")));
        let trouble = self.land(landing, watch, stop).await;
        // Nobody may be waiting for it.
        let _ = self.ended.send(Ended { subscription, inbox_through, trouble });
    }

    async fn land(&self, landing: Landing, watch: Stopwatch, stop: &CancellationToken) -> Option<Trouble> {
        let recorded = self.record(&landing, stop).await;
        let (result, trouble) = match landing {
            Landing::Finished => ("ok", None),
            Landing::Lost => ("lost", None),
            Landing::Stopped(_) => ("stopped", None),
            Landing::Failed(claim, trouble) => {
                let name = &claim.subscription.wish.name;
                tracing::warn!(subscription = %name, code = trouble.code, error = trouble.logged(),
                    next_attempt_at = trouble.next_attempt_at.map(tracing::field::display), "Fetching did not work");
                let result = if trouble.transient { "transient" } else { "failed" };
                (result, Some(trouble))
            }
        };
        if let Err(error) = recorded {
            tracing::warn!(%error, "Cannot record how a round ended; its claim runs out by itself");
        }
        self.metrics.fetched(result, watch.elapsed());
        trouble
    }

    /// Records how the round ended. A store that does not take part is asked again until the claim has run out by
    /// itself, so that a lock or a full disk that passes does not hold the subscription up for the rest of its lease.
    async fn record(&self, landing: &Landing, stop: &CancellationToken) -> Result<(), StoreError> {
        let lease_ends = self.clock.now() + LEASE;
        loop {
            let recorded = match landing {
                Landing::Finished | Landing::Lost => Ok(()),
                Landing::Stopped(claim) => self.store.release(claim).await,
                Landing::Failed(claim, trouble) => self.store.round_failed(claim, trouble).await,
            };
            let in_vain = stop.is_cancelled() || self.clock.now() >= lease_ends;
            if recorded.is_ok() || in_vain {
                return recorded;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.clock.sleep(STORE_RETRY) => {}
            }
        }
    }

    /// Follows the links.
    async fn follow(&self, claim: Claim, stop: &CancellationToken) -> Landing {
        let mut claim = Box::new(claim);
        let mut written = 0;
        for _ in 0..CONTENTS {
            if stop.is_cancelled() {
                return Landing::Stopped(claim);
            }
            let contents = self.clock.timeout(PAGE, self.open_contents(&claim, &mut written)).await;
            match contents.unwrap_or_else(|_| Err(slow())) {
                Ok(None) => break,
                Ok(Some(Committed::Lost)) => return Landing::Lost,
                Ok(Some(Committed::Done(next))) => claim = next,
                Err(failure) => return self.failed(claim, &failure),
            }
        }
        if let Some(Target::Mailbox { user }) = claim.subscription.target.clone() {
            return Walk::new(self, &user, written).on(claim, stop).await;
        }
        Pages::new(self, written, stop).on(claim).await
    }

    pub(super) fn failed(&self, claim: Box<Claim>, failure: &Failure) -> Landing {
        let attempt = claim.attempts.saturating_add(1);
        let trouble = failure.trouble(attempt, self.clock.now(), rand::random());
        Landing::Failed(claim, trouble)
    }

    pub(super) fn reach<'f, 'c>(&'f self, claim: &'c Claim) -> Result<(&'f Tenant, &'c Target), Failure> {
        let wish = &claim.subscription.wish;
        let tenant =
            self.office365.tenant(&wish.tenant).ok_or_else(|| Failure::unknown_tenant(&wish.tenant))?;
        let unresolved =
            || Failure::local(Verdict::Transient, "unresolved", "the resource has not been resolved yet");
        let target = claim.subscription.target.as_ref().ok_or_else(unresolved)?;
        Ok((tenant, target))
    }

    /// What the round knows besides the items.
    pub(super) fn context(&self, claim: &Claim, kind: Kind) -> Context {
        let now = self.clock.now();
        let subscription = &claim.subscription;
        Context {
            kind,
            start: subscription.wish.start,
            first_round: claim.cause == Cause::First,
            resync: claim.resync != Resync::None,
            started_at: subscription.started_at.unwrap_or(now),
            now,
        }
    }

    /// Everything that the page leads to.
    pub(super) fn judge(
        &self,
        claim: &Claim,
        kind: Kind,
        known: &HashMap<ItemId, Known>,
        completed: Completed,
    ) -> Result<Findings, Failure> {
        let context = self.context(claim, kind);
        let (mut events, mut rows) = (Vec::new(), Vec::new());
        let seen = completed.seen();
        let Completed { items, odd, .. } = completed;
        for item in items {
            let Outcome { event, row } =
                classify(&context, known.get(&item.id), &item).map_err(|error| unwritable(&error))?;
            events.extend(event);
            rows.extend(row);
        }
        Ok(Findings { events, rows, seen, odd, pages: 1 })
    }

    /// What comes after a round that ends with this link and has written `total` events.
    pub(super) fn end(&self, claim: &Claim, link: &Link, total: u64) -> RoundEnd {
        let now = self.clock.now();
        match link {
            Link::Next(_) => RoundEnd::default(),
            Link::Delta(_) => self.after(claim, total, now),
        }
    }
}

impl Fetcher {
    /// What comes after the round, which wrote so many events.
    pub(super) fn after(&self, claim: &Claim, events: u64, now: DateTime<Utc>) -> RoundEnd {
        let round = schedule::Round {
            cause: claim.cause,
            events,
            looks: claim.empty_looks,
            rhythm: claim.subscription.rhythm,
            notified_at: claim.subscription.last_notification_at,
        };
        schedule::after(&round, self.settings.sweep_every, now, rand::random())
    }

    pub(super) fn count(&self, claim: &Claim, told: &[(Kind, Change, DateTime<Utc>)]) {
        let now = self.clock.now();
        // Those that stand side by side and are the same are counted at once.
        for same in told.chunk_by(|one, next| (one.0, one.1) == (next.0, next.1)) {
            let number = u64::try_from(same.len()).unwrap_or(u64::MAX);
            same.first().inspect(|(kind, change, _)| self.metrics.events_written(*kind, *change, number));
        }
        for (_, _, time) in told {
            // What a first round tells may be years old.
            if claim.cause != Cause::First {
                self.metrics.event_latency(LatencyFrom::Change, since(*time, now));
            }
            if let Some(hinted_at) = claim.hinted_at {
                self.metrics.event_latency(LatencyFrom::Notification, since(hinted_at, now));
            }
        }
        if matches!(claim.cause, Cause::Sweep | Cause::OutageSweep) {
            self.metrics.recovered_by_sweep(u64::try_from(told.len()).unwrap_or(u64::MAX));
        }
    }
}

pub(super) fn unstored(error: &StoreError) -> Failure {
    Failure::local(Verdict::Transient, "store", format!("the store did not take part: {error}"))
}

pub(super) fn slow() -> Failure {
    Failure::local(Verdict::Transient, "timeout", "a page and the items that came in part took too long")
}

pub(super) fn unwritable(error: &serde_json::Error) -> Failure {
    Failure::local(Verdict::Rejected, "unwritable", format!("an event cannot be written as JSON: {error}"))
}

/// Within a page the last occurrence of an item counts.
pub(super) fn last_occurrences(mut items: Vec<Item>) -> Vec<Item> {
    let mut seen = HashSet::with_capacity(items.len());
    items.reverse();
    items.retain(|item| seen.insert(item.id.clone()));
    items.reverse();
    items
}
