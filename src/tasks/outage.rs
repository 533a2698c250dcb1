use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use chrono::{DateTime, Utc};

/// Tells the first failure of a row from the rest, so that an outage is logged once and not with each attempt.
#[derive(Debug, Clone, Default)]
pub struct Outage(Arc<AtomicBool>);

impl Outage {
    /// It failed; whether it had worked before.
    pub fn begins(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }

    /// It worked; whether it had failed before. Costs one look while all is well.
    pub fn ends(&self) -> bool {
        self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::Relaxed)
    }
}

/// Lets one line a minute through, for what can happen thousands of times a second.
#[derive(Debug, Clone, Default)]
pub struct Seldom(Arc<AtomicI64>);

/// How long it holds back what follows, in seconds.
const SILENCE: i64 = 60;

impl Seldom {
    /// Whether this one, at `now`, goes through.
    pub fn lets_through(&self, now: DateTime<Utc>) -> bool {
        let (now, last) = (now.timestamp(), self.0.load(Ordering::Relaxed));
        // A clock that was set back must not silence it for longer.
        let silent = (last..last.saturating_add(SILENCE)).contains(&now);
        !silent && self.0.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_a_minute_goes_through() {
        let seldom = Seldom::default();
        let at = |seconds| DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap();
        let passed: Vec<i64> = (0..130).filter(|second| seldom.lets_through(at(*second))).collect();
        assert_eq!(passed, [0, 60, 120]);
        assert!(seldom.lets_through(at(-1000)), "the clock was set back");
        assert!(!seldom.lets_through(at(-999)));
    }

    #[test]
    fn each_outage_begins_once_and_ends_once() {
        let outage = Outage::default();
        assert!(!outage.ends(), "nothing had failed");
        for _ in 0..2 {
            assert_eq!([outage.begins(), outage.begins(), outage.begins()], [true, false, false]);
            assert_eq!([outage.ends(), outage.ends()], [true, false]);
        }
    }
}
