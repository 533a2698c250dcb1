//! Whether a host, or one address at it, is asked at all: after some failures in a row it is left alone for a while, and then one request tries.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::backoff::Schedule;

/// Failures in a row after which a host is left alone.
pub(super) const FAILURES: u32 = 5;
/// For how long: at most 5, 10, 20, 40, then 60 s, so that nobody waits long once it is well again.
const PAUSES: Schedule = Schedule { first: Duration::from_secs(5), cap: Duration::from_secs(60) };
/// How long a request that tries may take before another one may: longer than any time limit.
const TRYING: Duration = Duration::from_secs(90);

/// What is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Circuit {
    /// It is asked; so many failures in a row.
    Closed(u32),
    /// It is left alone until then, for the so-manieth time in a row.
    Open(DateTime<Utc>, u32),
    /// One request tries, until then.
    Trying(DateTime<Utc>, u32),
}

impl Default for Circuit {
    fn default() -> Self {
        Self::Closed(0)
    }
}

impl Circuit {
    /// Whether a request may go; else when to ask again. Who is let through must tell how it went.
    pub fn pass(&mut self, now: DateTime<Utc>) -> Result<(), DateTime<Utc>> {
        if let Some(until) = self.closed_until(now) {
            return Err(until);
        }
        if let Self::Open(_, times) | Self::Trying(_, times) = *self {
            *self = Self::Trying(now + TRYING, times);
        }
        Ok(())
    }

    /// Somebody wants to know now: whatever pause there is, one request may try.
    pub fn hurry(&mut self, now: DateTime<Utc>) {
        if let Self::Open(until, times) = *self {
            *self = Self::Open(until.min(now), times);
        }
    }

    /// Nothing can be said of it after all: whoever is next may try.
    pub fn undecided(&mut self, now: DateTime<Utc>) {
        if let Self::Trying(_, times) = *self {
            *self = Self::Open(now, times);
        }
    }

    /// Until when nothing may go, if that is so.
    pub fn closed_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match *self {
            Self::Open(until, _) | Self::Trying(until, _) if now < until => Some(until),
            _ => None,
        }
    }

    /// A request went well. One that was under way when a pause began does not end that.
    pub fn succeeded(&mut self, now: DateTime<Utc>) {
        if !matches!(*self, Self::Open(until, _) if now < until) {
            *self = Self::Closed(0);
        }
    }

    /// A request failed; `chance` is in `[0, 1)`.
    pub fn failed(&mut self, now: DateTime<Utc>, chance: f64) {
        *self = match *self {
            Self::Closed(failures) if failures + 1 < FAILURES => Self::Closed(failures + 1),
            Self::Closed(_) => Self::Open(now + PAUSES.delay(1, None, chance), 1),
            Self::Trying(_, times) => {
                let times = times.saturating_add(1);
                Self::Open(now + PAUSES.delay(times, None, chance), times)
            }
            // It was under way when the others failed.
            open @ Self::Open(..) => open,
        };
    }

    /// The host wants a pause, or this machine needs one: until then at least. Without a time, as after failures.
    pub fn pause(&mut self, wait: Option<Duration>, now: DateTime<Utc>, chance: f64) {
        let (until, times) = match *self {
            Self::Closed(_) => (now, 1),
            Self::Trying(_, times) => (now, times.saturating_add(1)),
            Self::Open(until, times) => (until, times),
        };
        // No pause at all, or one that is over by now, would have it asked again and again without any.
        let pause = PAUSES.delay(times, wait.filter(|wait| !wait.is_zero()), chance);
        *self = Self::Open(until.max(now + pause), times);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_request_tries() {
        let mut circuit = Circuit::default();
        for _ in 1..FAILURES {
            circuit.failed(at(0), 1.0);
            assert_eq!(circuit.pass(at(0)), Ok(()));
        }
        circuit.failed(at(0), 1.0);
        circuit.failed(at(1), 1.0);
        assert_eq!(circuit.pass(at(4)), Err(at(5)), "one that was under way changes nothing");
        assert_eq!(circuit.pass(at(5)), Ok(()));
        assert!(circuit.pass(at(5)).is_err(), "one tries, the others wait");
        circuit.failed(at(6), 1.0);
        assert_eq!(circuit.pass(at(6)), Err(at(16)), "and longer each time");
        assert_eq!(circuit.pass(at(16)), Ok(()));
        circuit.succeeded(at(16));
        assert_eq!(circuit, Circuit::default());
    }

    #[test]
    fn a_success_in_between_starts_the_count_anew() {
        let mut circuit = Circuit::default();
        for _ in 0..100 {
            circuit.failed(at(0), 0.0);
            circuit.succeeded(at(0));
        }
        assert_eq!(circuit.pass(at(0)), Ok(()));
    }

    #[test]
    fn a_pause_that_was_asked_for_is_kept() {
        let mut circuit = Circuit::default();
        circuit.pause(Some(Duration::from_secs(600)), at(0), 0.0);
        assert_eq!(circuit.pass(at(599)), Err(at(600)));
        circuit.pause(Some(Duration::from_secs(5)), at(10), 0.0);
        assert_eq!(circuit.pass(at(599)), Err(at(600)), "a shorter one does not cut it");
        circuit.succeeded(at(20));
        assert_eq!(circuit.pass(at(599)), Err(at(600)), "nor does one that was under way");
        assert_eq!(circuit.pass(at(600)), Ok(()));
        circuit.succeeded(at(601));
        assert_eq!(circuit, Circuit::default());
    }

    #[test]
    fn who_is_in_a_hurry_has_one_request_try_and_no_more() {
        let mut circuit = Circuit::default();
        circuit.hurry(at(0));
        assert_eq!(circuit, Circuit::default());
        circuit.pause(Some(Duration::from_secs(600)), at(0), 0.0);
        circuit.hurry(at(10));
        assert_eq!(circuit.pass(at(10)), Ok(()));
        circuit.hurry(at(11));
        assert!(circuit.pass(at(11)).is_err(), "one tries already");
        circuit.pause(Some(Duration::from_secs(600)), at(12), 0.0);
        assert_eq!(circuit.pass(at(13)), Err(at(612)), "it asks for a pause again, and has it");
    }

    #[test]
    fn a_pause_of_nothing_is_as_long_as_after_failures() {
        let mut circuit = Circuit::default();
        for (now, until) in [(0, 5), (5, 15), (15, 35), (35, 75), (75, 135), (135, 195)] {
            circuit.pause(Some(Duration::ZERO), at(now), 1.0);
            assert_eq!(circuit.pass(at(now)), Err(at(until)));
            assert_eq!(circuit.pass(at(until)), Ok(()));
        }
    }

    proptest! {
        #[test]
        fn however_it_goes_a_host_is_asked_again_after_a_pause_and_its_limit(
            steps in proptest::collection::vec((0..3_u8, 0..200_i64), 0..60),
        ) {
            let mut circuit = Circuit::default();
            let mut now = 0;
            for (step, seconds) in steps {
                now += seconds;
                if circuit.pass(at(now)).is_ok() {
                    match step {
                        0 => circuit.succeeded(at(now)),
                        1 => circuit.failed(at(now), 0.5),
                        // Nobody tells how it went.
                        _ => {}
                    }
                }
                let mut later = circuit;
                prop_assert!(later.pass(at(now) + TRYING.max(PAUSES.cap)).is_ok());
            }
        }
    }
}
