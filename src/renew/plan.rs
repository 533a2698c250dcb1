//! What a subscription's remote side wants done, when, and for how long; and what configuration, store and Office 365
//! differ in. Pure.

mod held;
mod measure;
mod wanted;

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use url::Url;

pub use held::{Held, Ids, Known, Lists, SETTLES, Sight, host, is_ours};
pub(super) use measure::Todo;
pub use measure::{Action, Measure, NotListed, Plan};
pub use wanted::{differences, missing};

use crate::model::{Kind, Subscription, Wish};

/// What is to be done at Office 365 for one subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing is held there: create.
    Create,
    /// It is held and its time has come: renew.
    Renew,
    /// It shall go: delete.
    Delete,
    /// It shall go and nothing is held: forget.
    Forget,
    /// It is held, and its time has not come, but a list did not show it: see that Office 365 still holds it.
    Verify,
    /// It is held, but not as it is wished, and cannot be changed: delete and create.
    Replace,
}

/// All that is to be done so that configuration, store and Office 365 agree at `now`.
pub fn whole(
    configured: &[Wish],
    known: &[Known],
    lists: &Lists,
    notification_url: &Url,
    now: DateTime<Utc>,
) -> Plan {
    let changes = wanted::compared(configured, known.iter().map(|known| &known.subscription));
    let spoken_for: HashSet<_> = changes.iter().filter_map(|change| change.subscription.clone()).collect();
    let mut plan = Plan { changes, ..Plan::default() };
    held::differences(&mut plan, known, &spoken_for, lists, notification_url, now);
    plan
}

/// The next step for `subscription` at `now`.
pub fn plan(subscription: &Subscription, now: DateTime<Utc>) -> Step {
    match &subscription.remote {
        Some(_) if subscription.removed_at.is_some() => Step::Delete,
        None if subscription.removed_at.is_some() => Step::Forget,
        // One that has run out cannot be renewed; should it live on nevertheless, creating says so (409).
        Some(remote) if remote.expires_at <= now => Step::Create,
        // One that could not be renewed by hand is tried again, though its time has not come.
        Some(remote) if remote.renew_at <= now || subscription.renew_error.is_some() => Step::Renew,
        Some(_) => Step::Verify,
        None => Step::Create,
    }
}

/// The longest life that Office 365 grants, less a margin for clocks that differ.
///
/// Drives and lists: 42,300 minutes. Mail: 10,080 on paper, 10,070 in service, so 10,060 are asked for; 1,440 where
/// notifications bring content.
const fn longest_life(kind: Kind, content: bool) -> Duration {
    let minutes = match kind {
        Kind::ListItem | Kind::DriveItem => 42_290,
        Kind::Message if content => 1_430,
        Kind::Message => 10_060,
    };
    Duration::from_secs(minutes * 60)
}

/// A renewal that is due at once again (clocks that differ) must not become a loop.
const SOONEST: Duration = Duration::from_secs(60);

/// The expiry to ask for: what was wished, but never over what the resource allows.
pub fn expiry(kind: Kind, wish: &Wish, now: DateTime<Utc>) -> DateTime<Utc> {
    let longest = longest_life(kind, wish.include_resource_data);
    now + wish.lifetime.unwrap_or(longest).min(longest)
}

/// When to renew what was granted at `now` until `expires_at`: after the share `at` of its life, or up to a tenth
/// of that sooner by `chance` in `[0, 1)`, so that what was made together is not renewed together.
pub fn renew_at(now: DateTime<Utc>, expires_at: DateTime<Utc>, at: f64, chance: f64) -> DateTime<Utc> {
    let life = (expires_at - now).to_std().unwrap_or_default();
    now + life.mul_f64(at * (1.0 - 0.1 * chance)).max(SOONEST)
}

#[cfg(test)]
mod tests;
