//! Pages that are asked for before their turn.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Fetcher;
use crate::clock::Stopwatch;
use crate::model::Target;
use crate::office365::{DeltaPage, Failure};
use crate::store::{Claim, Link};

/// Pages that wait for their turn, so many at most, and bytes of items in memory after which no further one is asked for:
/// pages of large items may be of 64 MiB each, and sixteen rounds are under way at once.
const PAGES: usize = 4;
const BYTES: usize = 4 * 1024 * 1024;
/// How long what is there waits for more, to be written together.
const GATHERING: Duration = Duration::from_millis(500);

/// What came of asking for a page before its turn.
pub(super) struct Ahead {
    pub(super) link: Link,
    pub(super) page: Result<DeltaPage, Failure>,
}

/// What has come, in order, and what is asked for just now. That is taken up again by whoever looks next, or is dropped.
pub(super) struct Lookahead<'a> {
    fetcher: &'a Fetcher,
    stop: &'a CancellationToken,
    come: VecDeque<Ahead>,
    asking: Option<Asking<'a>>,
    /// Since the last page had its turn.
    since: Stopwatch,
}

struct Asking<'a> {
    link: Link,
    page: Answer<'a>,
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<DeltaPage, Failure>> + Send + 'a>>;

impl Ahead {
    /// Where it goes on.
    fn next(&self) -> Option<&Link> {
        self.page.as_ref().ok().map(|page| &page.link)
    }

    fn bytes(&self) -> usize {
        self.page.as_ref().map_or(0, bytes)
    }
}

/// Text of the items of a page.
pub(super) fn bytes(page: &DeltaPage) -> usize {
    page.items.iter().map(|item| item.body.get().len()).sum()
}

impl<'a> Lookahead<'a> {
    /// Asks for nothing more after `stop`.
    pub(super) fn new(fetcher: &'a Fetcher, stop: &'a CancellationToken) -> Self {
        let since = fetcher.clock.stopwatch();
        Self { fetcher, stop, come: VecDeque::new(), asking: None, since }
    }

    /// The page at the claim's link, whose turn it is.
    pub(super) async fn page(&mut self, claim: &Claim) -> Result<DeltaPage, Failure> {
        let link = claim.link.as_ref();
        let asking = self.asking.take_if(|asking| self.come.is_empty() && Some(&asking.link) == link);
        let page = match (self.take(|ahead| Some(&ahead.link) == link), asking) {
            (Some(ahead), _) => ahead.page,
            (None, Some(asking)) => asking.page.await,
            (None, None) => {
                self.come.clear();
                self.asking = None;
                ask(self.fetcher, claim, link.cloned()).await
            }
        };
        self.since = self.fetcher.clock.stopwatch();
        page
    }

    /// The next page that has come, if it is such a one.
    pub(super) fn take(&mut self, is_wanted: impl FnOnce(&Ahead) -> bool) -> Option<Ahead> {
        if self.come.front().is_some_and(is_wanted) { self.come.pop_front() } else { None }
    }

    pub(super) fn put_back(&mut self, ahead: Ahead) {
        self.come.push_front(ahead);
    }

    /// Asks for page after page from this link on, while so many bytes are being written.
    pub(super) async fn look(&mut self, claim: &Claim, from: Option<&Link>, written: usize) {
        loop {
            let asking = match &mut self.asking {
                Some(asking) => asking,
                None => match self.wanted(from, written).filter(|_| may_be_read_ahead(claim)) {
                    Some(link) => {
                        let page = ask(self.fetcher, claim, Some(link.clone()));
                        self.asking.insert(Asking { link, page })
                    }
                    None => return,
                },
            };
            // Whoever stops waiting here loses nothing.
            let page = asking.page.as_mut().await;
            self.has_come(page);
        }
    }

    /// Waits for the page that is next, and for others to be written with it: not for long, since that one may have come.
    /// Ends with `stop`, whatever is still to come.
    pub(super) async fn gather(&mut self, claim: &Claim) {
        let (stop, clock) = (self.stop, &self.fetcher.clock);
        let left = GATHERING.saturating_sub(self.since.elapsed());
        let gathered = async {
            if clock.timeout(left, self.look(claim, claim.link.as_ref(), 0)).await.is_err() {
                self.come_at_last().await;
            }
        };
        tokio::select! {
            () = gathered => {}
            () = stop.cancelled() => {}
        }
    }

    /// Waits for what is asked for, if nothing has come.
    async fn come_at_last(&mut self) {
        if let Some(asking) = self.asking.as_mut().filter(|_| self.come.is_empty()) {
            let page = asking.page.as_mut().await;
            self.has_come(page);
        }
    }

    fn has_come(&mut self, page: Result<DeltaPage, Failure>) {
        if let Some(Asking { link, .. }) = self.asking.take() {
            self.come.push_back(Ahead { link, page });
        }
    }

    /// The link to ask for next, if there is one and room for what comes of it.
    fn wanted(&self, from: Option<&Link>, written: usize) -> Option<Link> {
        let bytes = self.come.iter().map(Ahead::bytes).fold(written, usize::saturating_add);
        let has_room = self.come.len() < PAGES && bytes < BYTES;
        let next = self.come.back().map_or(from, Ahead::next);
        let wanted = next.filter(|link| matches!(link, Link::Next(_)));
        wanted.filter(|_| has_room && !self.stop.is_cancelled()).cloned()
    }
}

/// Outlook keeps a few generations of links, and each request makes one: what is stored has to be the newest but one, or a
/// round that goes on there after a crash would begin anew.
fn may_be_read_ahead(claim: &Claim) -> bool {
    !matches!(claim.subscription.target, Some(Target::MailFolder { .. } | Target::Mailbox { .. }))
}

/// Asks for a page. It takes along what it needs of the claim, which is another one once a page is written.
fn ask<'a>(fetcher: &'a Fetcher, claim: &Claim, link: Option<Link>) -> Answer<'a> {
    let reached = fetcher.reach(claim).map(|(tenant, target)| (tenant, target.clone()));
    let select = claim.subscription.wish.select.clone();
    Box::pin(async move {
        let (tenant, target) = reached?;
        tenant.page(&target, &select, link.as_ref()).await
    })
}
