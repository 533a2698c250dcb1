//! A round, page by page. Most of its time is spent waiting for Office 365, so the next page is asked for while the present
//! one is written. That is safe: what is asked for too early is only read, and a page is written on condition of the link
//! that it was asked with.

use tokio_util::sync::CancellationToken;

use super::Fetcher;
use super::flight::{Landing, PAGE, last_occurrences, slow, unstored};
use super::odd::{Trail, complete};
use crate::model::ItemId;
use crate::office365::{DeltaPage, Failure, Verdict};
use crate::store::{Claim, Committed, Link, Resync};

/// A round under way, and what it keeps from page to page.
pub(super) struct Pages<'a> {
    fetcher: &'a Fetcher,
    /// Events of the round so far.
    written: u64,
    /// The last item that was told as not seen.
    told: Option<ItemId>,
    trail: Trail,
    ahead: Option<Ahead>,
}

/// What came of asking for a page before its turn.
struct Ahead {
    link: Link,
    page: Result<DeltaPage, Failure>,
}

impl<'a> Pages<'a> {
    /// `written` are events of the round so far.
    pub(super) fn new(fetcher: &'a Fetcher, written: u64) -> Self {
        Self { fetcher, written, told: None, trail: Trail::default(), ahead: None }
    }

    /// Follows the links to the end of the round or to `stop`.
    pub(super) async fn on(mut self, mut claim: Box<Claim>, stop: &CancellationToken) -> Landing {
        loop {
            if stop.is_cancelled() {
                return Landing::Stopped(claim);
            }
            let step = self.fetcher.clock.timeout(PAGE, self.take_step(&claim)).await;
            match step.unwrap_or_else(|_| Err(slow())) {
                Err(failure) => return self.fetcher.failed(claim, &failure),
                Ok((Committed::Lost, _)) => return Landing::Lost,
                Ok((Committed::Done(next), Some(failure))) => return self.fetcher.failed(next, &failure),
                Ok((Committed::Done(next), None)) => match (&next.link, next.resync) {
                    (Some(Link::Delta(_)), Resync::None) => return Landing::Finished,
                    _ => claim = next,
                },
            }
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
            Err(failure) if matches!(failure.verdict, Verdict::Gone { .. }) => {
                self.trail = Trail::default();
                self.fetcher.begin_anew(claim, failure).await
            }
            turned => Ok((turned?, None)),
        }
    }

    /// Takes the page at the claim's link and writes it, while the one after it is asked for.
    async fn turn(&mut self, claim: &Claim) -> Result<Committed, Failure> {
        let link = claim.link.as_ref();
        let page = match self.ahead.take() {
            Some(ahead) if Some(&ahead.link) == link => ahead.page,
            _ => ask(self.fetcher, claim, link).await,
        };
        let page = self.trail.step(link, claim.attempts, page)?;
        let next = Some(page.link.clone()).filter(|link| matches!(link, Link::Next(_)));
        let Self { fetcher, written, .. } = self;
        let ask_ahead = async {
            let Some(link) = next else { return Ok(None) };
            let page = ask(fetcher, claim, Some(&link)).await;
            Ok(Some(Ahead { link, page }))
        };
        let (committed, ahead) = tokio::try_join!(write(fetcher, claim, page, written), ask_ahead)?;
        self.ahead = ahead;
        Ok(committed)
    }
}

async fn ask(fetcher: &Fetcher, claim: &Claim, link: Option<&Link>) -> Result<DeltaPage, Failure> {
    let (tenant, target) = fetcher.reach(claim)?;
    tenant.page(target, &claim.subscription.wish.select, link).await
}

/// Classifies a page and commits it. `written` counts the round's events.
async fn write(
    fetcher: &Fetcher,
    claim: &Claim,
    page: DeltaPage,
    written: &mut u64,
) -> Result<Committed, Failure> {
    let (tenant, target) = fetcher.reach(claim)?;
    let items = last_occurrences(page.items);
    let ids = items.iter().map(|item| item.id.clone()).collect();
    let known = fetcher.store.known(claim.subscription.id, ids).await.map_err(|error| unstored(&error))?;
    let (items, incomplete) = complete(tenant, target, claim, items, &known).await?;
    let odd = page.odd.into_iter().chain(incomplete).collect();
    let findings = fetcher.judge(claim, target.kind(), &known, items, odd)?;
    fetcher.commit(claim, target.kind(), findings, page.link, written).await
}
