//! How far a round has come that reads everything: the first one, or a resync. It may take hours.

use chrono::{DateTime, Utc};

use crate::model::FirstRound;
use crate::store::Claim;

/// Pages between two lines of the log.
const PAGES: u64 = 250;

/// How far it has come with so many pages more, which have so many items.
pub(super) fn after(claim: &Claim, (pages, items): (u64, usize), now: DateTime<Utc>) -> FirstRound {
    let before = before(claim).cloned().unwrap_or(FirstRound { items: 0, pages: 0, started_at: now });
    FirstRound {
        items: before.items.saturating_add(u64::try_from(items).unwrap_or(u64::MAX)),
        pages: before.pages.saturating_add(pages),
        started_at: before.started_at,
    }
}

fn before(claim: &Claim) -> Option<&FirstRound> {
    claim.subscription.first_round.as_ref().or(claim.subscription.resync.as_ref())
}

/// Says now and then how far it has come, and at the end that it is over.
pub(super) fn log(claim: &Claim, round: &FirstRound, is_over: bool, now: DateTime<Utc>) {
    let FirstRound { items, pages, started_at } = *round;
    let (name, rate) = (&claim.subscription.wish.name, round.rate(now));
    if is_over {
        tracing::info!(subscription = %name, items, pages, %started_at, items_per_second = rate,
            "Everything that is there has been read");
    } else if before(claim).map_or(0, |before| before.pages / PAGES) < pages / PAGES {
        tracing::info!(subscription = %name, items, pages, %started_at, items_per_second = rate,
            "Everything that is there is being read");
    }
}
