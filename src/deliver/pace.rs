//! How often an address may be written to: a pure function of its rates and of when it was.
//!
//! What was sent is known since the start only. So half of the smallest of the slow rates is taken for used then: who is
//! restarted once keeps to all of them, and who is restarted again and again is told by the service itself.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::sinks::Rate;

/// A rate over longer than this outlives a restart.
const SLOW: Duration = Duration::from_secs(60);

/// What is known of an address.
#[derive(Debug)]
pub(super) struct Pace {
    rates: &'static [Rate],
    /// When something was sent, the oldest first; never more than the largest rate counts.
    sent: VecDeque<DateTime<Utc>>,
}

impl Pace {
    /// As it is at the start.
    pub fn new(rates: &'static [Rate], now: DateTime<Utc>) -> Self {
        let slow = rates.iter().filter(|rate| rate.within > SLOW).map(|rate| rate.most).min();
        let before = now - TimeDelta::from_std(SLOW).unwrap_or_default();
        let sent = std::iter::repeat_n(before, slow.unwrap_or_default() / 2).collect();
        Self { rates, sent }
    }

    /// Whether something may be sent; else when to ask again.
    pub fn allows(&self, now: DateTime<Utc>) -> Result<(), DateTime<Utc>> {
        let until = self.rates.iter().filter_map(|rate| {
            // The oldest of so many that one more would be too many.
            let oldest = self.sent.len().checked_sub(rate.most).and_then(|index| self.sent.get(index))?;
            let free = *oldest + TimeDelta::from_std(rate.within).ok()?;
            (free > now).then_some(free)
        });
        until.max().map_or(Ok(()), Err)
    }

    /// Something is sent.
    pub fn sent(&mut self, now: DateTime<Utc>) {
        let most = self.rates.iter().map(|rate| rate.most).max().unwrap_or_default();
        self.sent.push_back(now);
        while self.sent.len() > most {
            self.sent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RATES: &[Rate] = &[
        Rate { most: 4, within: Duration::from_secs(1) },
        Rate { most: 60, within: Duration::from_secs(30) },
        Rate { most: 100, within: Duration::from_secs(3600) },
        Rate { most: 150, within: Duration::from_secs(7200) },
        Rate { most: 1800, within: Duration::from_secs(86_400) },
    ];

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_800_000_000_000 + millis).unwrap()
    }

    /// Sends as soon as it may, so many times; when.
    fn hurried(pace: &mut Pace, count: usize) -> Vec<DateTime<Utc>> {
        let mut now = at(0);
        let mut times = Vec::new();
        while times.len() < count {
            match pace.allows(now) {
                Ok(()) => {
                    pace.sent(now);
                    times.push(now);
                }
                Err(until) => {
                    assert!(until > now, "asked again in the same moment");
                    now = until;
                }
            }
        }
        times
    }

    #[test]
    fn an_address_without_rates_is_written_to_at_any_time() {
        let mut pace = Pace::new(&[], at(0));
        assert!(hurried(&mut pace, 1000).iter().all(|time| *time == at(0)));
        assert!(pace.sent.is_empty());
    }

    #[test]
    fn the_fifth_of_a_second_waits_for_the_next_one() {
        let times = hurried(&mut Pace::new(&RATES[..1], at(0)), 9);
        assert_eq!(times[3..5], [at(0), at(1000)]);
        assert_eq!(times[8], at(2000));
    }

    #[test]
    fn half_an_hours_cards_are_kept_back_at_the_start() {
        let times = hurried(&mut Pace::new(RATES, at(0)), 51);
        assert!(times[49] < at(30_000), "50 go at once: {}", times[49]);
        assert_eq!(times[50], at(3600 * 1000 - 60_000), "and then an hour after the start's are over");
    }

    proptest! {
        #[test]
        fn no_rate_is_ever_exceeded(gaps in proptest::collection::vec(0..400_000_i64, 1..400)) {
            let mut pace = Pace::new(RATES, at(0));
            let (mut now, mut times) = (0, Vec::new());
            for gap in gaps {
                now += gap;
                while pace.allows(at(now)).is_ok() {
                    pace.sent(at(now));
                    times.push(now);
                }
            }
            for rate in RATES {
                let within = i64::try_from(rate.within.as_millis()).unwrap();
                for (index, time) in times.iter().enumerate() {
                    let counted = times[index..].iter().take_while(|later| **later < time + within).count();
                    prop_assert!(counted <= rate.most, "{counted} within {:?}", rate.within);
                }
            }
        }
    }
}
