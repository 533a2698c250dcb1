//! A delta cursor that is dead: everything is read anew, page by page, and compared with the mirror as ever, so that
//! only differences are told; then what the mirror has and no page showed is told as deleted, a few at a time.

use std::collections::HashMap;

use super::flight::{Findings, unstored, unwritable};
use super::odd::PATIENCE;
use super::{Fetcher, LEASE, progress};
use crate::fetch::classify::{Outcome, classify};
use crate::model::{Body, Item, ItemId, Kind, Properties};
use crate::office365::{Failure, Verdict};
use crate::store::{Claim, Committed, Former, Known, Link, PageCommit, Resync};

/// Items told as deleted in one step.
const AT_ONCE: usize = 200;

/// What says nothing about a link: the token, the time it took, a lock, the number of requests.
const NOT_OF_THE_LINK: [u16; 4] = [401, 408, 423, 429];

/// Whether everything has to be read anew. Where Office 365 names a link to begin again with and then does not take it,
/// nothing but the beginning is left; a link of a page that was read is another matter, since "not found" passes there.
pub(super) fn is_dead(claim: &Claim, failure: &Failure) -> bool {
    let subscription = &claim.subscription;
    let nothing_read = subscription.first_round.is_none() && subscription.resync.is_none();
    let restarts = claim.resync == Resync::Reading && claim.link.is_some() && nothing_read;
    let refused = |status: u16| (400..500).contains(&status) && !NOT_OF_THE_LINK.contains(&status);
    matches!(failure.verdict, Verdict::Gone { .. }) || restarts && failure.status.is_some_and(refused)
}

/// Whether the way that a subscription was followed before does not lead on. What fails for a while is no reason to leave it.
pub(super) fn leads_nowhere(claim: &Claim, failure: &Failure) -> bool {
    // Something on the way may say "not found", too, for a while.
    let may_pass = failure.verdict == Verdict::NotFound && claim.attempts < PATIENCE;
    claim.former != Former::No && (is_dead(claim, failure) || !failure.is_transient() && !may_pass)
}

impl Fetcher {
    /// Leaves it before its time: everything is read the way that is wished.
    pub(super) async fn leave(&self, claim: &Claim, failure: &Failure) -> Result<Committed, Failure> {
        let name = &claim.subscription.wish.name;
        tracing::warn!(subscription = %name, code = failure.code,
            "It goes over to another way and can no longer be read the former one; everything is read anew, and what differs is told");
        let asked = self.store.ask_resync(claim.subscription.id, self.clock.now()).await;
        asked.map_err(|error| unstored(&error))?;
        Ok(Committed::Lost)
    }

    /// Begins to read everything anew. A cursor that dies while that lasts makes it begin once more, but after a pause
    /// that grows: the failure comes back.
    pub(super) async fn begin_anew(
        &self,
        claim: &Claim,
        failure: Failure,
    ) -> Result<(Committed, Option<Failure>), Failure> {
        let again = claim.resync != Resync::None;
        let name = &claim.subscription.wish.name;
        tracing::warn!(subscription = %name, code = failure.code, again,
            "The delta cursor is dead; everything is read anew, and what differs is told");
        let restart = match &failure.verdict {
            Verdict::Gone { restart: Some(restart) } if !again => Some(Link::Next(restart.clone())),
            _ => None,
        };
        let begun = self.store.begin_resync(claim, restart, self.clock.now(), LEASE).await;
        let begun = begun.map_err(|error| unstored(&error))?;
        let paused = again.then(|| Failure {
            verdict: Verdict::Transient,
            message: format!(
                "The delta cursor died again while everything was read anew. {}",
                failure.message
            ),
            ..failure
        });
        Ok((begun, paused))
    }

    /// Tells some of what was not seen, or ends the round. `after` is the last item that was told.
    pub(super) async fn tell_unseen(
        &self,
        claim: &Claim,
        after: &mut Option<ItemId>,
        written: &mut u64,
    ) -> Result<Committed, Failure> {
        let (_, target) = self.reach(claim)?;
        let unseen = self.store.unseen(claim, after.clone(), AT_ONCE).await;
        let unseen = unseen.map_err(|error| unstored(&error))?;
        *after = unseen.last().map(|(item, _)| item.clone());
        let context = self.context(claim, target.kind());
        let known: HashMap<_, _> =
            unseen.iter().map(|(id, properties)| (id.clone(), Known::Here(properties.clone()))).collect();
        let (mut events, mut rows) = (Vec::new(), Vec::new());
        let nothing = Body::of(&Properties::new()).map_err(|error| unwritable(&error))?;
        for (id, _) in unseen {
            let before = known.get(&id);
            let gone = Item { id, body: nothing.clone(), removed: true, partial: false };
            let Outcome { event, row } =
                classify(&context, before, &gone).map_err(|error| unwritable(&error))?;
            events.extend(event);
            rows.extend(row);
        }
        let link = claim.link.clone().ok_or_else(|| unstored(&crate::store::StoreError::Unsupported))?;
        let findings = Findings { events, rows, ..Findings::default() };
        self.commit(claim, target.kind(), findings, link, written).await
    }

    /// Commits a page, or some; `written` counts the round's events.
    pub(super) async fn commit(
        &self,
        claim: &Claim,
        kind: Kind,
        Findings { events, rows, seen, odd, pages }: Findings,
        link: Link,
        written: &mut u64,
    ) -> Result<Committed, Failure> {
        let context = self.context(claim, kind);
        let told: Vec<_> = events.iter().map(|event| (event.kind, event.change, event.time)).collect();
        let reasons: Vec<_> = odd.iter().map(|odd| odd.reason).collect();
        let total = written.saturating_add(u64::try_from(events.len()).unwrap_or(u64::MAX));
        let is_over = matches!(link, Link::Delta(_));
        let reads_everything =
            claim.resync == Resync::Reading || context.first_round && claim.resync == Resync::None;
        let progress = reads_everything.then(|| progress::after(claim, (pages, seen.len()), context.now));
        let reached = progress.clone();
        let page = PageCommit {
            claim: claim.clone(),
            end: self.end(claim, &link, total),
            events,
            rows,
            seen,
            odd,
            link,
            progress,
            now: context.now,
            lease: LEASE,
        };
        let committed = self.store.commit_page(page).await.map_err(|error| unstored(&error))?;
        if matches!(committed, Committed::Done(_)) {
            *written = total;
            self.count(claim, &told);
            self.put_aside(claim, &reasons);
            if let Some(round) = reached {
                progress::log(claim, &round, is_over, context.now);
            }
        }
        Ok(committed)
    }
}
