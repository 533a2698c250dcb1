//! What is odd and must not hold a subscription up: chains of links that come back to themselves, and items that cannot be
//! read.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use super::Fetcher;
use crate::model::{Item, ItemId, OddItem, Target};
use crate::office365::{DeltaPage, Failure, REPEATED_LINK, Tenant, UNREADABLE_FOLDER, Verdict};
use crate::store::{Claim, Known, Link};

/// What fails as often in a row is not expected to pass by itself: a link that leads to itself is given up, and so is an
/// item that cannot be read.
pub(super) const PATIENCE: u32 = 3;

/// The links of one flight, eight bytes for each.
#[derive(Default)]
pub(super) struct Trail {
    hasher: RandomState,
    passed: HashSet<u64>,
}

impl Trail {
    /// Passes a page on unless it leads back to where the flight has been: then the chain is as dead as a cursor that
    /// Office 365 gives up itself. `asked` is the link of the page.
    pub(super) fn step(
        &mut self,
        asked: Option<&Link>,
        attempts: u32,
        page: Result<DeltaPage, Failure>,
    ) -> Result<DeltaPage, Failure> {
        if let Some(Link::Next(link)) = asked {
            self.passed.insert(self.hasher.hash_one(link));
        }
        match page {
            Ok(DeltaPage { link: Link::Next(next), .. })
                if self.passed.contains(&self.hasher.hash_one(&next)) =>
            {
                Err(endless(
                    "The pages' links lead back to a page that was read before: the round would never end",
                ))
            }
            Err(failure) if attempts >= PATIENCE && is_dead_end(&failure) => {
                Err(Failure::local(Verdict::Gone { restart: None }, &failure.code, failure.message))
            }
            page => page,
        }
    }
}

/// Whether asking for the same page again and again may never help, and reading everything anew does.
fn is_dead_end(failure: &Failure) -> bool {
    [REPEATED_LINK, UNREADABLE_FOLDER].contains(&failure.code.as_str())
}

fn endless(message: &str) -> Failure {
    Failure::local(Verdict::Gone { restart: None }, REPEATED_LINK, message)
}

/// The items of a page, whole.
#[derive(Default)]
pub(super) struct Completed {
    pub(super) items: Vec<Item>,
    /// Those that cannot be read.
    pub(super) odd: Vec<OddItem>,
    /// Those that the page shows and that were not found.
    pub(super) not_found: Vec<ItemId>,
}

impl Completed {
    /// Everything that the page shows: what cannot be understood or found was there nevertheless. Has it been removed
    /// since, then changes after this page say so; it is not for a resync to conclude.
    pub(super) fn seen(&self) -> Vec<ItemId> {
        let odd = self.odd.iter().filter_map(|odd| odd.id.as_ref());
        odd.chain(self.items.iter().map(|item| &item.id)).chain(&self.not_found).cloned().collect()
    }
}

/// Reads the items whole that came in part and cannot be understood so: a list item without its columns, and a
/// message of which nothing is known. One that is gone meanwhile makes no event: its removal will be told. One that
/// cannot be read, attempt after attempt, is odd.
pub(super) async fn complete(
    tenant: &Tenant,
    target: &Target,
    claim: &Claim,
    items: Vec<Item>,
    known: &HashMap<ItemId, Known>,
) -> Result<Completed, Failure> {
    let select = &claim.subscription.wish.select;
    let mut completed = Completed { items: Vec::with_capacity(items.len()), ..Completed::default() };
    for item in items {
        let understood = match target {
            Target::MailFolder { .. } | Target::Mailbox { .. } => {
                matches!(known.get(&item.id), Some(Known::Here(_)))
            }
            Target::List { .. } | Target::Drive { .. } => false,
        };
        if item.removed || !item.partial || understood {
            completed.items.push(item);
            continue;
        }
        match tenant.item(target, select, &item.id).await {
            Ok(Some(found)) => completed.items.push(found),
            Ok(None) => completed.not_found.push(item.id),
            Err(failure) if claim.attempts >= PATIENCE && is_its_own(&failure) => {
                completed.odd.push(unreadable(item.id, &failure));
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(completed)
}

fn unreadable(item: ItemId, failure: &Failure) -> OddItem {
    let explanation = format!("The item came in part and cannot be read whole. {}", failure.message);
    OddItem { id: Some(item), reason: "item_unreadable", explanation }
}

/// Whether a failure says something of the item rather than of the way to it: its page could be read, so what is forbidden
/// is the item.
fn is_its_own(failure: &Failure) -> bool {
    matches!(failure.verdict, Verdict::Rejected | Verdict::Forbidden) || failure.code == "unreadable"
}

impl Fetcher {
    /// Says that items were put aside.
    pub(super) fn put_aside(&self, claim: &Claim, reasons: &[&'static str]) {
        if !reasons.is_empty() {
            self.metrics.items_put_aside(reasons);
            tracing::warn!(subscription = %claim.subscription.wish.name, items = reasons.len(), ?reasons,
                "Items of a page cannot be understood and were put aside; GET /v1/quarantine says more");
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn next(number: u32) -> Link {
        Link::Next(number.to_string())
    }

    #[expect(clippy::unnecessary_wraps, reason = "it stands for an answer")]
    fn page(link: Link) -> Result<DeltaPage, Failure> {
        Ok(DeltaPage {
            items: Vec::new(),
            odd: Vec::new(),
            link,
            at: DateTime::UNIX_EPOCH,
            ahead_of_log: false,
        })
    }

    #[test]
    fn a_chain_of_links_may_be_long_but_not_come_back() {
        let mut trail = Trail::default();
        assert!(trail.step(None, 0, page(next(0))).is_ok());
        for number in 0..1000 {
            assert!(trail.step(Some(&next(number)), 0, page(next(number + 1))).is_ok(), "{number}");
        }
        // A page whose answer was lost is asked for again.
        assert!(trail.step(Some(&next(999)), 1, page(next(1001))).is_ok());
        assert!(trail.step(Some(&next(1001)), 0, page(Link::Delta("500".to_owned()))).is_ok());
        let back = trail.step(Some(&next(1001)), 0, page(next(500))).unwrap_err();
        assert_eq!(back.verdict, Verdict::Gone { restart: None });
    }

    #[test]
    fn a_page_that_leads_nowhere_may_come_right_and_is_given_up_in_the_end() {
        let judged = |code, attempts| {
            let page = Err(Failure::local(Verdict::Transient, code, "why"));
            Trail::default().step(Some(&next(1)), attempts, page).unwrap_err()
        };
        for code in [REPEATED_LINK, UNREADABLE_FOLDER] {
            assert!(judged(code, 0).is_transient() && judged(code, 2).is_transient());
            let given_up = judged(code, 3);
            assert_eq!((given_up.verdict, given_up.code.as_str()), (Verdict::Gone { restart: None }, code));
        }
        assert!(judged("timeout", 3).is_transient(), "what has nothing to do with the page");
    }
}
