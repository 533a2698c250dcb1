//! How many requests at once, and how fast: halved by a refusal, grown by one after many answers. Pure.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::asked::{Allowance, LONGEST_WAIT};
use crate::backoff;
use crate::metrics::since;

/// Answers for each place before there is one more: at the limit of 8 that is 32 of them.
const SLOWNESS: usize = 4;

/// What is known of one area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pace {
    /// Requests at once, from 1 to `most`.
    pub(super) places: usize,
    most: usize,
    /// Answers since the last change of `places`.
    good: usize,
    /// Nothing is sent before.
    pub(super) closed_until: DateTime<Utc>,
    /// Refusals in a row, for those that do not say how long.
    pub(super) refusals: u32,
    /// When the next request may go, and how long after it the one after that, until when.
    next_at: DateTime<Utc>,
    every: Duration,
    spread_until: DateTime<Utc>,
}

impl Pace {
    /// With `most` requests at once and nothing to wait for.
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        let long_ago = DateTime::UNIX_EPOCH;
        Self {
            places: most,
            most,
            good: 0,
            closed_until: long_ago,
            refusals: 0,
            next_at: long_ago,
            every: Duration::ZERO,
            spread_until: long_ago,
        }
    }

    /// As it was when the program ended. A time beyond the longest wait was kept by a clock that was wrong.
    pub(super) fn restore(
        &mut self,
        closed_until: DateTime<Utc>,
        refusals: u32,
        places: usize,
        now: DateTime<Utc>,
    ) {
        self.closed_until = self.closed_until.max(closed_until.min(now + LONGEST_WAIT));
        self.refusals = refusals;
        self.places = places.clamp(1, self.most);
    }

    /// How long nothing may be sent yet.
    pub(super) fn left(&self, now: DateTime<Utc>) -> Option<Duration> {
        Some(since(now, self.closed_until)).filter(|left| !left.is_zero())
    }

    /// Office 365 refused: closes for as long as it asked, else for longer each time. What was under way when it closed
    /// is refused with it, and counts once. Returns the time from now and how much of it is new.
    pub(super) fn refused(&mut self, asked: Option<Duration>, now: DateTime<Utc>) -> (Duration, Duration) {
        if self.closed_until <= now {
            self.refusals = self.refusals.saturating_add(1);
            self.places = (self.places / 2).max(1);
            self.good = 0;
        }
        // The whole step: whoever waits stretches it by chance.
        let wait = asked.unwrap_or_else(|| backoff::REQUESTS.delay(self.refusals, None, 1.0));
        self.close(wait.min(LONGEST_WAIT), now)
    }

    fn close(&mut self, wait: Duration, now: DateTime<Utc>) -> (Duration, Duration) {
        let until = self.closed_until.max(now + wait);
        let added = since(self.closed_until.max(now), until);
        self.closed_until = until;
        (since(now, until), added)
    }

    /// An answer that was no refusal. One that comes while the gate is closed was on its way before, and opens nothing.
    /// Whether something changed that has to outlive the program.
    pub(super) fn answered(&mut self, now: DateTime<Utc>) -> bool {
        if self.closed_until > now {
            return false;
        }
        let had_refused = std::mem::take(&mut self.refusals) > 0;
        self.good = self.good.saturating_add(1);
        let grows = self.places < self.most && self.good >= self.places.saturating_mul(SLOWNESS);
        if grows {
            self.places += 1;
            self.good = 0;
        }
        had_refused || grows
    }

    /// An answer told what is left. Returns how much longer than before nothing is sent.
    pub(super) fn allowed(&mut self, allowance: Allowance, now: DateTime<Utc>) -> Duration {
        match allowance {
            Allowance::UsedUp(window) => self.close(window, now).1,
            Allowance::Little { every, window } => {
                self.every = every;
                self.spread_until = now + window;
                self.next_at = self.next_at.max(now);
                Duration::ZERO
            }
        }
    }

    /// When the request may go that has a place: takes its turn, unless that is more than `patience` away, and then
    /// says how far.
    pub(super) fn turn(&mut self, now: DateTime<Utc>, patience: Duration) -> Result<DateTime<Utc>, Duration> {
        if self.spread_until <= now {
            return Ok(now);
        }
        let at = self.next_at.max(now);
        let wait = since(now, at);
        if wait > patience {
            return Err(wait);
        }
        self.next_at = at + self.every;
        Ok(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn refusals_of_what_was_under_way_count_once() {
        let mut pace = Pace::new(8);
        for _ in 0..8 {
            assert_eq!(pace.refused(None, START).0, seconds(2));
        }
        assert_eq!((pace.places, pace.refusals), (4, 1));
        assert_eq!(pace.refused(None, START + seconds(2)).0, seconds(4));
        assert_eq!((pace.places, pace.refusals), (2, 2));
    }

    #[test]
    fn after_a_refusal_it_grows_slowly_back() {
        let mut pace = Pace::new(8);
        pace.refused(Some(seconds(5)), START);
        assert!(!pace.answered(START + seconds(4)), "the gate is closed still");
        let mut answers = Vec::new();
        let mut number = 0;
        while pace.places < 8 {
            let before = pace.places;
            pace.answered(START + seconds(5));
            number += 1;
            if pace.places > before {
                answers.push(number);
            }
        }
        assert_eq!(answers, [16, 36, 60, 88]);
        assert_eq!(pace.refusals, 0);
    }

    #[test]
    fn little_that_is_left_is_spread_and_then_forgotten() {
        let mut pace = Pace::new(8);
        pace.allowed(Allowance::Little { every: seconds(2), window: seconds(20) }, START);
        let turns: Vec<_> =
            (0..4).map(|_| pace.turn(START, seconds(5)).map(|at| since(START, at).as_secs())).collect();
        assert_eq!(turns, [Ok(0), Ok(2), Ok(4), Err(seconds(6))]);
        assert_eq!(pace.turn(START + seconds(20), seconds(5)), Ok(START + seconds(20)));
        assert_eq!(pace.turn(START + seconds(20), seconds(5)), Ok(START + seconds(20)));
    }

    #[test]
    fn a_wait_that_a_wrong_clock_has_kept_is_cut() {
        let mut pace = Pace::new(3);
        pace.restore(START + seconds(900 * 86_400), 4, 99, START);
        assert_eq!(pace.left(START), Some(LONGEST_WAIT));
        assert_eq!((pace.places, pace.refusals), (3, 4));
    }

    #[derive(Debug, Clone)]
    enum Met {
        Answer,
        Refusal(Option<u64>),
        UsedUp(u64),
        Little(u64, u64),
    }

    fn met() -> impl Strategy<Value = Met> {
        prop_oneof![
            6 => Just(Met::Answer),
            2 => proptest::option::of(1_u64..1000).prop_map(Met::Refusal),
            1 => (1_u64..300).prop_map(Met::UsedUp),
            1 => (0_u64..10, 1_u64..300).prop_map(|(every, window)| Met::Little(every, window)),
        ]
    }

    proptest! {
        #[test]
        fn whatever_is_met_nothing_opens_early_and_the_places_stay_within_their_limits(
            most in 1_usize..20,
            all in proptest::collection::vec((met(), 0_u64..100), 1..200),
        ) {
            let (mut pace, mut now) = (Pace::new(most), START);
            for (met, later) in all {
                let before = pace.clone();
                match met {
                    Met::Answer => {
                        pace.answered(now);
                        prop_assert!(pace.places <= before.places + 1, "it grows by one at a time");
                    }
                    Met::Refusal(asked) => {
                        let (wait, added) = pace.refused(asked.map(seconds), now);
                        prop_assert!(wait >= seconds(asked.unwrap_or(2)) && added <= wait);
                        let halved = (before.places / 2).max(1);
                        let expected = if before.closed_until > now { before.places } else { halved };
                        prop_assert_eq!(pace.places, expected);
                    }
                    Met::UsedUp(window) => {
                        pace.allowed(Allowance::UsedUp(seconds(window)), now);
                        prop_assert!(pace.left(now) >= Some(seconds(window)));
                    }
                    Met::Little(every, window) => {
                        pace.allowed(Allowance::Little { every: seconds(every), window: seconds(window) }, now);
                        if let Ok(at) = pace.turn(now, seconds(10)) {
                            prop_assert!(at >= now && at <= now + seconds(10));
                        }
                    }
                }
                prop_assert!(pace.closed_until >= before.closed_until, "nothing opens what is closed");
                prop_assert!((1..=most).contains(&pace.places));
                now += seconds(later);
            }
        }
    }
}
