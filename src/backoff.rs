//! How long to wait before the next attempt: a pure function of schedule, attempt, hint and chance.

use std::time::Duration;

/// Waiting times that double from `first` to `cap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// The longest wait before the second attempt.
    pub first: Duration,
    /// The longest wait of all.
    pub cap: Duration,
}

/// Requests to Office 365 that failed in passing: at most 2, 4, 8, … 256, then 300 s. Microsoft's advice is to
/// begin at one to two seconds, double, and stop at five minutes.
pub const REQUESTS: Schedule = Schedule { first: Duration::from_secs(2), cap: Duration::from_secs(300) };

/// What only a person can mend (a wrong secret, a missing permission, a resource that is gone): at most 60, 120, …
/// 3,600 s, so that it is seen when it has been mended, and nothing is hammered.
pub const HOPELESS: Schedule = Schedule { first: Duration::from_secs(60), cap: Duration::from_secs(3600) };

impl Schedule {
    /// The wait before the attempt that follows failed attempt number `attempt` (the first is 1).
    ///
    /// `chance` is a random number in `[0, 1)`. Without a `hint` it spreads the wait over the whole of the schedule's
    /// step, but for half of the first one, since "at once" is no waiting; a hint (`Retry-After`) is never cut short, only stretched by up to a tenth, so that many
    /// who were told the same do not come back in the same moment.
    pub fn delay(self, attempt: u32, hint: Option<Duration>, chance: f64) -> Duration {
        let chance = chance.clamp(0.0, 1.0);
        if let Some(hint) = hint {
            return hint.saturating_add(hint.mul_f64(0.1 * chance));
        }
        let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1).min(31));
        let step = self.first.saturating_mul(doubled).min(self.cap);
        let least = self.first / 2;
        least + step.saturating_sub(least).mul_f64(chance)
    }
}

/// Waiting times that are given one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps(&'static [Duration]);

/// Deliveries that failed: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h and 10 h, as Standard Webhooks proposes; given up after
/// the eighth attempt, some 28 hours after the first.
pub const DELIVERIES: Steps = Steps(&[
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(5 * 3600),
    Duration::from_secs(10 * 3600),
    Duration::from_secs(10 * 3600),
]);

impl Steps {
    /// The wait after failed attempt number `attempt` (the first is 1), longer by up to a tenth by `chance`, which is in
    /// `[0, 1)`; none when there is no further attempt.
    pub fn delay(self, attempt: u32, chance: f64) -> Option<Duration> {
        let step = usize::try_from(attempt.checked_sub(1)?).ok().and_then(|index| self.0.get(index))?;
        Some(step.saturating_add(step.mul_f64(0.1 * chance.clamp(0.0, 1.0))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn waits_double_up_to_the_cap() {
        let longest: Vec<u64> = (1..=10).map(|n| REQUESTS.delay(n, None, 1.0).as_secs()).collect();
        assert_eq!(longest, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        for attempt in [1, 5, 10] {
            assert_eq!(
                REQUESTS.delay(attempt, None, 0.0),
                Duration::from_secs(1),
                "the jitter is a full one"
            );
        }
    }

    #[test]
    fn a_delivery_is_tried_eight_times_over_a_day() {
        let waits: Vec<_> = (0..=8).map(|n| DELIVERIES.delay(n, 0.0).map(|wait| wait.as_secs())).collect();
        let hours = |n: u64| Some(n * 3600);
        let expected = [None, Some(5), Some(300), Some(1800), hours(2), hours(5), hours(10), hours(10), None];
        assert_eq!(waits, expected);
        assert_eq!(DELIVERIES.delay(2, 1.0), Some(Duration::from_secs(330)));
    }

    proptest! {
        #[test]
        fn no_wait_is_shorter_than_the_hint_or_longer_than_it_may_be(attempt: u32, hint in 0_u64..100_000, chance in 0.0..1.0_f64) {
            let hint = Duration::from_secs(hint);
            let hinted = REQUESTS.delay(attempt, Some(hint), chance);
            prop_assert!(hinted >= hint && hinted <= hint.mul_f64(1.1));
            let plain = REQUESTS.delay(attempt, None, chance);
            prop_assert!(plain >= Duration::from_secs(1) && plain <= REQUESTS.cap);
        }
    }
}
