//! What a subscription's remote side wants done, when, and for how long; and what configuration, store and Office 365
//! differ in. Pure.

mod held;
mod measure;
mod remote;
mod wanted;

use foldhash::HashSet;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};
use url::Url;

pub use held::{Held, Ids, Known, Lists, Look, SETTLES, is_ours, notifies, origin};
pub(super) use measure::Todo;
pub use measure::{Action, Measure, NotListed, Plan};
pub use wanted::{differences, missing, too_late};

use crate::model::{Subscription, SubscriptionId, Wish};

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
    let is_known = |tenant: &_| lists.contains_key(tenant);
    let changes = changes.into_iter().map(|change| change.where_tenants_are(is_known)).collect();
    let left_alone = wanted::too_late(configured, known.iter().map(|known| &known.subscription));
    let mut plan = Plan { changes, left_alone, ..Plan::default() };
    remote::differences(&mut plan, known, &spoken_for, lists, notification_url, now);
    plan
}

/// The next step for `subscription` at `now`.
pub fn plan(subscription: &Subscription, now: DateTime<Utc>) -> Step {
    match &subscription.remote {
        Some(_) if subscription.removed_at.is_some() => Step::Delete,
        None if subscription.removed_at.is_some() => Step::Forget,
        Some(remote) if subscription.replace && remote.expires_at > now => Step::Replace,
        // One that has run out cannot be renewed; should it live on nevertheless, creating says so (409).
        Some(remote) if remote.expires_at <= now => Step::Create,
        // One that could not be renewed by hand is tried again, though its time has not come.
        Some(remote) if remote.renew_at <= now || subscription.renew_error.is_some() => Step::Renew,
        Some(_) => Step::Verify,
        None => Step::Create,
    }
}

/// A renewal that is due at once again (clocks that differ) must not become a loop.
const SOONEST: Duration = Duration::from_secs(60);

/// The share of the time until a renewal by which it may come sooner.
const SOONER: f64 = 0.2;

/// When to renew what was granted at `now` until `expires_at`: after the share `at` of its life, or up to a fifth
/// of that sooner by `chance` in `[0, 1)`, so that what was made together is not renewed together.
pub fn renew_at(now: DateTime<Utc>, expires_at: DateTime<Utc>, at: f64, chance: f64) -> DateTime<Utc> {
    let life = (expires_at - now).to_std().unwrap_or_default();
    now + life.mul_f64(at * (1.0 - SOONER * chance)).max(SOONEST)
}

/// A number in `[0, 1)` that is another for each subscription and each of its lives, and always the same for the same.
pub fn spread(id: SubscriptionId, expires_at: DateTime<Utc>) -> f64 {
    let mut text = id.0.as_bytes().to_vec();
    text.extend(expires_at.timestamp_micros().to_be_bytes());
    let digest = digest(&SHA256, &text);
    let first = digest.as_ref().first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    f64::from(first) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests;
