//! Whatever the order of notifications, rounds, failures and crashes: no hint is lost.

use std::sync::Arc;

use o365_listener::store::{Claim, Committed, Link, PageCommit, Receipt, Store};
use proptest::prelude::*;

use super::sqlite::Folder;
use super::{Place, change, claim, delta, last_page, next, quiet, trouble};
use o365_listener::model::SubscriptionId;

#[derive(Debug, Clone, Copy)]
enum Step {
    Append,
    Claim,
    Page,
    LastPage,
    Fail,
    Release,
    /// The lease runs out, and so do all waits.
    Pause,
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    use Step::{Append, Claim, Crash, Fail, LastPage, Page, Pause, Release};
    let step = prop_oneof![
        6 => Just(Append), 6 => Just(Claim), 4 => Just(Page), 4 => Just(LastPage),
        1 => Just(Fail), 1 => Just(Release), 2 => Just(Pause), 1 => Just(Crash),
    ];
    prop::collection::vec(step, 1..40)
}

/// What happened, as somebody tells it who forgets nothing.
struct Story<'a> {
    place: &'a dyn Place,
    store: Arc<dyn Store>,
    id: SubscriptionId,
    now: i64,
    pages: u32,
    /// Claims that a task believes to hold, the latest last.
    claims: Vec<Claim>,
    /// Hints that no finished round has covered.
    open: Vec<i64>,
    /// The last hint there was, and the last there was at the first claim of the round that is under way.
    last: i64,
    covered: i64,
    /// The last there was at the latest claim of all.
    claimed: i64,
}

impl Story<'_> {
    async fn tell(&mut self, step: Step) {
        self.now += 1;
        match step {
            Step::Append => match self.store.append(change(self.id, self.now)).await.unwrap()[..] {
                [Receipt::Stored(number)] => {
                    self.open.push(number);
                    self.last = number;
                }
                // The last one that was stored stands for it: no claim may have covered that yet.
                [Receipt::Elided] => assert!(self.last > self.claimed, "elided by what was claimed"),
                ref other => panic!("{other:?}"),
            },
            Step::Claim => {
                self.claim().await;
            }
            Step::Page => self.commit(false).await,
            Step::LastPage => self.commit(true).await,
            Step::Fail => {
                if let Some(claim) = self.claims.pop() {
                    self.store.round_failed(&claim, &trouble(self.now + 10)).await.unwrap();
                }
            }
            Step::Release => {
                if let Some(claim) = self.claims.pop() {
                    self.store.release(&claim).await.unwrap();
                }
            }
            Step::Pause => self.now += 100,
            Step::Crash => {
                // The other owner is gone before the file is opened again.
                let place = self.place;
                self.store.close().await;
                self.store = place.open().await;
            }
        }
    }

    /// Whether there was something to claim.
    async fn claim(&mut self) -> bool {
        let Some(claim) = claim(&*self.store, self.now).await else { return false };
        if !matches!(claim.link, Some(Link::Next(_))) {
            self.covered = self.last;
        }
        self.claimed = self.last;
        self.claims.push(claim);
        true
    }

    /// Any of the claims may be tried: those that were lost must change nothing.
    async fn commit(&mut self, last: bool) {
        if self.claims.is_empty() {
            return;
        }
        self.pages += 1;
        let index = usize::try_from(self.pages).unwrap() % self.claims.len();
        let claim = self.claims.remove(index);
        let number = self.pages.to_string();
        let link = if last { delta(&number) } else { next(&number) };
        let page = PageCommit { link, ..last_page(&claim, self.now) };
        match self.store.commit_page(page).await.unwrap() {
            Committed::Done(_) if last => self.open.retain(|number| *number > self.covered),
            Committed::Done(on) => self.claims.push(*on),
            Committed::Lost => {}
        }
    }

    /// One hint may stand for several; that none was lost shows when everything has come to rest.
    async fn something_waits(&self) {
        let pending = self.store.depth().await.unwrap().pending;
        assert!(pending > 0 || self.open.is_empty(), "{:?} are lost", self.open);
    }

    /// With time, one round works everything off, and then nothing is due.
    async fn it_comes_to_rest(&mut self) {
        self.claims.clear();
        self.now += 1000;
        while self.claim().await {
            self.commit(true).await;
        }
        assert_eq!(self.open, [0_i64; 0]);
        assert_eq!(self.store.next_round(&[]).await.unwrap(), None);
    }
}

async fn no_hint_is_lost(place: &dyn Place, steps: &[Step]) {
    let store = place.open().await;
    let id = quiet(&*store, "files").await;
    let (claims, open) = (Vec::new(), Vec::new());
    let mut told =
        Story { place, store, id, now: 0, pages: 0, claims, open, last: 0, covered: 0, claimed: 0 };
    for step in steps {
        told.tell(*step).await;
        told.something_waits().await;
    }
    told.it_comes_to_rest().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_interleaving_loses_a_hint_sqlite(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(no_hint_is_lost(&Folder::new(), &steps));
    }
}
