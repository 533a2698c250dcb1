//! A round, page by page. Most of its time is spent waiting for Office 365, so the next pages are asked for while one is
//! written, and those that have come are then written together: they share the sync of the disk, and the
//! mirror's index. That is safe: what is asked for too early is only read, and what is written is written on condition of
//! the link that its first page was asked with.

use tokio_util::sync::CancellationToken;

use super::Fetcher;
use super::ahead::{Ahead, Lookahead, bytes};
use super::flight::{Findings, Landing, PAGE, last_occurrences, slow, unstored};
use super::inside::looks_inside;
use super::odd::{Trail, complete};
use super::resync::{is_dead, leads_nowhere};
use super::stack::Stack;
use crate::model::ItemId;
use crate::office365::{DeltaPage, Failure};
use crate::store::{Claim, Committed, Former, Link, Resync};

/// A round under way, and what it keeps from page to page.
pub(super) struct Pages<'a> {
    fetcher: &'a Fetcher,
    /// Given when it has to end.
    stop: &'a CancellationToken,
    /// Events of the round so far.
    written: u64,
    /// The last item that was told as not seen.
    told: Option<ItemId>,
    trail: Trail,
    ahead: Lookahead<'a>,
}

impl<'a> Pages<'a> {
    /// `written` are events of the round so far.
    pub(super) fn new(fetcher: &'a Fetcher, written: u64, stop: &'a CancellationToken) -> Self {
        let ahead = Lookahead::new(fetcher, stop);
        Self { fetcher, stop, written, told: None, trail: Trail::default(), ahead }
    }

    /// Follows the links to the end of the round or to `stop`.
    pub(super) async fn on(mut self, mut claim: Box<Claim>) -> Landing {
        loop {
            if self.stop.is_cancelled() {
                return Landing::Stopped(claim);
            }
            // A step holds much while it waits: kept apart, so that a flight stays small.
            let taken = self.fetcher.clock.timeout(PAGE, Box::pin(self.take_step(&claim))).await;
            match taken.unwrap_or_else(|_| Err(slow())) {
                Err(failure) => return self.fetcher.failed(claim, &failure),
                Ok((Committed::Lost, _)) => return Landing::Lost,
                Ok((Committed::Done(next), Some(failure))) => return self.fetcher.failed(next, &failure),
                Ok((Committed::Done(next), None)) => match (&next.link, next.resync) {
                    (Some(Link::Delta(_)), Resync::None) => {
                        if claim.former == Former::Last {
                            tracing::info!(subscription = %claim.subscription.wish.name,
                                "The former way is read to its end; the other one begins");
                        }
                        return Landing::Finished;
                    }
                    _ => claim = next,
                },
            }
            // Outside of the step, which is done. What never comes is the next step's failure.
            let _ = self.fetcher.clock.timeout(PAGE, Box::pin(self.ahead.gather(&claim))).await;
        }
    }

    /// Turns a page, begins anew where the cursor is dead, or tells what was not seen. A failure beside what was
    /// committed ends the flight.
    async fn take_step(&mut self, claim: &Claim) -> Result<(Committed, Option<Failure>), Failure> {
        if claim.resync == Resync::Telling {
            let told = self.fetcher.tell_unseen(claim, &mut self.told, &mut self.written).await?;
            return Ok((told, None));
        }
        match self.turn(claim).await {
            Err(failure) if leads_nowhere(claim, &failure) => {
                Ok((self.fetcher.leave(claim, &failure).await?, None))
            }
            Err(failure) if is_dead(claim, &failure) => {
                self.trail = Trail::default();
                self.fetcher.begin_anew(claim, failure).await
            }
            turned => Ok((turned?, None)),
        }
    }

    /// Writes the page at the claim's link, and those after it that are there, while the next ones are asked for.
    async fn turn(&mut self, claim: &Claim) -> Result<Committed, Failure> {
        let page = self.ahead.page(claim).await;
        let page = self.trail.step(claim.link.as_ref(), claim.attempts, page)?;
        let stack = self.stack(claim, page);
        let (next, bytes) = (stack.page.link.clone(), bytes(&stack.page));
        let Self { fetcher, written, ahead, .. } = self;
        let mut write = std::pin::pin!(write(fetcher, claim, stack, written));
        tokio::select! {
            written = &mut write => written,
            () = ahead.look(claim, Some(&next), bytes) => write.await,
        }
    }

    /// Puts the pages that are there upon this one, as long as they show other items: of one that comes on two pages,
    /// each page may be a change of its own.
    fn stack(&mut self, claim: &Claim, page: DeltaPage) -> Stack {
        let looks_inside = claim.subscription.target.as_ref().is_some_and(looks_inside);
        let mut stack = Stack { page, pages: 1, looks_inside };
        while let Some(Ahead { link, page }) = self.ahead.take(|ahead| stack.takes(ahead)) {
            match self.trail.step(Some(&link), 0, page) {
                Ok(page) => stack.put(page),
                Err(failure) => {
                    self.ahead.put_back(Ahead { link, page: Err(failure) });
                    break;
                }
            }
        }
        stack
    }
}

/// Classifies pages and commits them. `written` counts the round's events.
async fn write(
    fetcher: &Fetcher,
    claim: &Claim,
    Stack { page, pages, .. }: Stack,
    written: &mut u64,
) -> Result<Committed, Failure> {
    let (tenant, target) = fetcher.reach(claim)?;
    let items = last_occurrences(page.items);
    let ids = items.iter().map(|item| item.id.clone()).collect();
    let mut known =
        fetcher.store.known(claim.subscription.id, ids).await.map_err(|error| unstored(&error))?;
    let items = fetcher.with_contents(claim, (items, page.ahead_of_log), &mut known).await?;
    let mut completed = complete(tenant, target, claim, items, &known).await?;
    completed.odd.splice(..0, page.odd);
    let findings = Findings { pages, ..fetcher.judge(claim, target.kind(), &known, completed)? };
    fetcher.commit(claim, target.kind(), findings, page.link, written).await
}
