//! What Microsoft thinks of this endpoint, computed as it does: the shares of answers that took longer than 3 s and
//! longer than 10 s, over ten minutes. Above 10 % of the former it holds every notification back for ten minutes,
//! above 15 % of the latter it drops them, for all subscriptions and tenants of the host.
//!
//! Counted are all answers to handshakes and notifications, a 503 included, from the head of the request to the
//! answer; and requests whose sender gave up after more than 3 s, since nobody waits that long but for an answer.
//! Not counted is what is refused for the sender's own doing (4xx, a body that came too slowly or broke off): Office
//! 365 sends nothing of the kind, and strangers who do shall not dilute the share. The way to Microsoft and back is
//! not in it, nor is the time for which a connection waits to be accepted, so the warning comes early.
//!
//! An answer costs two relaxed additions; the ring is touched once in ten seconds, by slow answers, and by readers.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

/// Time limits of Office 365: of a first attempt, and of a repeated one (`change-notifications-delivery-webhooks`).
const SLOW: Duration = Duration::from_secs(3);
const VERY_SLOW: Duration = Duration::from_secs(10);
/// The window is ten minutes in steps of ten seconds.
const STEP_SECONDS: i64 = 10;
const STEPS: i64 = 60;
/// Percent of slow answers from which on we warn: long before Microsoft acts.
const WARN_PERCENT: u64 = 2;
/// Percent of slow answers above which Microsoft holds notifications back.
const SLOW_PERCENT: u64 = 10;
/// Percent of very slow answers above which Microsoft drops notifications.
const DROP_PERCENT: u64 = 15;

/// Counts answers by how long they took. Shared by all threads that answer.
#[derive(Debug, Default)]
pub struct Reputation {
    answers: AtomicU64,
    over_3s: AtomicU64,
    over_10s: AtomicU64,
    /// The newest step that the ring knows, so that nearly nobody has to look into it.
    step: AtomicI64,
    ring: Mutex<Ring>,
}

/// Where the endpoint stands.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Standing {
    /// Answers in the window.
    pub answers: u64,
    /// Share of those that took longer than 3 s, from 0 to 1; 0 without any answer.
    pub over_3s: f64,
    /// Share of those that took longer than 10 s.
    pub over_10s: f64,
    /// What that means.
    pub state: Grade,
}

/// What the shares mean, in the order of severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// All is well.
    #[default]
    Good,
    /// More than 2 % are slow.
    Warning,
    /// Microsoft holds notifications back.
    Slow,
    /// Microsoft drops notifications.
    Drop,
}

impl Reputation {
    /// Whether an answer after this time is a slow one.
    pub fn is_slow(took: Duration) -> bool {
        took > SLOW
    }

    /// An answer was given at `now` that had taken this long.
    pub fn answered(&self, now: DateTime<Utc>, took: Duration) {
        let step = step_of(now);
        if step != self.step.load(Ordering::Relaxed) {
            self.judge(step);
        }
        self.answers.fetch_add(1, Ordering::Relaxed);
        if took > SLOW {
            self.over_3s.fetch_add(1, Ordering::Relaxed);
            if took > VERY_SLOW {
                self.over_10s.fetch_add(1, Ordering::Relaxed);
            }
            self.judge(step);
        }
    }

    /// Where the endpoint stands at `now`.
    pub fn standing(&self, now: DateTime<Utc>) -> Standing {
        self.judge(step_of(now))
    }

    /// Moves the ring on to this step; a grade that has changed is logged.
    fn judge(&self, step: i64) -> Standing {
        let mut ring = self.ring();
        let total = Counts {
            over_10s: self.over_10s.load(Ordering::Relaxed),
            over_3s: self.over_3s.load(Ordering::Relaxed),
            answers: self.answers.load(Ordering::Relaxed),
        };
        self.step.store(ring.move_to(step, total), Ordering::Relaxed);
        let standing = ring.since_its_beginning(total).standing();
        let before = std::mem::replace(&mut ring.grade, standing.state);
        drop(ring);
        if before != standing.state {
            tell(&standing);
        }
        standing
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn step_of(now: DateTime<Utc>) -> i64 {
    now.timestamp().div_euclid(STEP_SECONDS)
}

fn tell(standing: &Standing) {
    let Standing { answers, over_3s, over_10s, .. } = *standing;
    match standing.state {
        Grade::Good => {
            tracing::info!(answers, over_3s, over_10s, "Answers to Office 365 are fast enough again");
        }
        Grade::Warning => tracing::warn!(
            answers,
            over_3s,
            over_10s,
            "Answers to Office 365 become slow; from 10 % over 3 s on it delays notifications: look for a slow disk under the store, and for too little CPU"
        ),
        Grade::Slow => tracing::error!(
            answers,
            over_3s,
            over_10s,
            "More than 10 % of the answers take longer than 3 s: Office 365 delays notifications by ten minutes"
        ),
        Grade::Drop => tracing::error!(
            answers,
            over_3s,
            over_10s,
            "More than 15 % of the answers take longer than 10 s: Office 365 drops notifications; sweeps find what they would have announced"
        ),
    }
}

/// Answers, and how many of them were slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Counts {
    answers: u64,
    over_3s: u64,
    over_10s: u64,
}

impl Counts {
    fn since(self, earlier: Self) -> Self {
        Self {
            answers: self.answers.saturating_sub(earlier.answers),
            over_3s: self.over_3s.saturating_sub(earlier.over_3s),
            over_10s: self.over_10s.saturating_sub(earlier.over_10s),
        }
    }

    fn standing(self) -> Standing {
        let exceeds =
            |part: u64, percent: u64| part.saturating_mul(100) > self.answers.saturating_mul(percent);
        let state = if exceeds(self.over_10s, DROP_PERCENT) {
            Grade::Drop
        } else if exceeds(self.over_3s, SLOW_PERCENT) {
            Grade::Slow
        } else if exceeds(self.over_3s, WARN_PERCENT) {
            Grade::Warning
        } else {
            Grade::Good
        };
        Standing {
            answers: self.answers,
            over_3s: share(self.over_3s, self.answers),
            over_10s: share(self.over_10s, self.answers),
            state,
        }
    }
}

/// The counters are read one after the other while others count, so a part may be ahead of its whole by a few.
fn share(part: u64, whole: u64) -> f64 {
    let small = |number: u64| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    if whole == 0 { 0.0 } else { small(part.min(whole)) / small(whole) }
}

/// What the counters showed when each step of the window began; steps without an answer are left out.
#[derive(Debug, Default)]
struct Ring {
    starts: VecDeque<(i64, Counts)>,
    grade: Grade,
}

impl Ring {
    /// Begins this step, if it has not begun, and forgets what has left the window; answers with the newest step. A
    /// clock that was set back by less than the window does not begin an old step again.
    fn move_to(&mut self, step: i64, total: Counts) -> i64 {
        let newest = self.starts.back().map(|(newest, _)| *newest);
        if newest.is_some_and(|newest| newest >= step.saturating_add(STEPS)) {
            self.starts.clear();
        }
        let step = self.starts.back().map_or(step, |(newest, _)| step.max(*newest));
        if self.starts.back().is_none_or(|(newest, _)| *newest < step) {
            self.starts.push_back((step, total));
        }
        while self.starts.front().is_some_and(|(start, _)| *start <= step - STEPS) {
            self.starts.pop_front();
        }
        step
    }

    fn since_its_beginning(&self, total: Counts) -> Counts {
        self.starts.front().map_or_else(Counts::default, |(_, start)| total.since(*start))
    }
}

#[cfg(test)]
mod tests;
