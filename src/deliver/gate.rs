//! What a sink is let through by: circuit and pace of its host, which all sinks there share, and a circuit of its own. No connection,
//! no answer in time and a 5xx are the host's trouble; a refusal and a pause that was asked for are the sink's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use super::circuit::Circuit;
use super::pace::Pace;
use crate::model::{Attempt, Outcome};
use crate::sinks::{Rate, Sink, Verdict};

/// All hosts, as long as a sink is at work there.
#[derive(Debug, Default)]
pub(super) struct Gates(Mutex<HashMap<String, Weak<Host>>>);

impl Gates {
    /// A gate for one more sink.
    pub fn of(&self, sink: &dyn Sink, now: DateTime<Utc>) -> Arc<Gate> {
        self.at(sink.gate(), sink.rates(), now)
    }

    fn at(&self, host: &str, rates: &'static [Rate], now: DateTime<Utc>) -> Arc<Gate> {
        let mut hosts = locked(&self.0);
        hosts.retain(|_, host| host.strong_count() > 0);
        let known = hosts.get(host).and_then(Weak::upgrade);
        let shared = known.unwrap_or_else(|| Arc::new(Host::new(Pace::new(rates, now))));
        hosts.insert(host.to_owned(), Arc::downgrade(&shared));
        Arc::new(Gate { host: shared, own: Mutex::default() })
    }
}

/// A host's circuit and pace, with a sign for those who wait for it.
#[derive(Debug)]
struct Host {
    circuit: Mutex<Circuit>,
    pace: Mutex<Pace>,
    changed: watch::Sender<()>,
}

/// What one sink passes.
#[derive(Debug)]
pub(super) struct Gate {
    host: Arc<Host>,
    own: Mutex<Circuit>,
}

impl Gate {
    /// Whether a request may go, which is counted; else when to ask again.
    pub fn pass(&self, now: DateTime<Utc>) -> Result<(), DateTime<Utc>> {
        let mut own = locked(&self.own);
        // Who is not let through must not have taken the one try of the other circuit.
        if let Some(until) = own.closed_until(now) {
            return Err(until);
        }
        let mut pace = locked(&self.host.pace);
        pace.allows(now)?;
        locked(&self.host.circuit).pass(now)?;
        own.pass(now)?;
        pace.sent(now);
        Ok(())
    }

    /// Whether the sink and its host are well again is tried at once. Its pace is kept.
    pub fn hurry(&self, now: DateTime<Utc>) {
        locked(&self.own).hurry(now);
        locked(&self.host.circuit).hurry(now);
    }

    /// A request goes without having asked.
    pub fn passed_by(&self, now: DateTime<Utc>) {
        locked(&self.host.pace).sent(now);
    }

    /// Follows how the host is.
    pub fn follow(&self) -> watch::Receiver<()> {
        self.host.changed.subscribe()
    }

    /// Whether the sink is left alone.
    pub fn is_closed(&self, now: DateTime<Utc>) -> bool {
        let is_closed = |circuit: &Mutex<Circuit>| !matches!(*locked(circuit), Circuit::Closed(_));
        is_closed(&self.own) || is_closed(&self.host.circuit) || locked(&self.host.pace).allows(now).is_err()
    }

    /// What a request says of the host and of the sink.
    pub fn learn(&self, attempt: &Attempt, verdict: Verdict, now: DateTime<Utc>) {
        let chance = rand::random();
        if is_trouble_of_host(attempt, verdict) {
            locked(&self.own).undecided(now);
            locked(&self.host.circuit).failed(now, chance);
            self.host.changed.send_replace(());
            return;
        }
        if attempt.status.is_some() {
            self.host.answered(now);
        }
        let mut own = locked(&self.own);
        match verdict {
            Verdict::Delivered | Verdict::Gone { .. } => own.succeeded(now),
            Verdict::Failed => own.failed(now, chance),
            Verdict::Stalled { wait } => own.pause(wait, now, chance),
        }
    }
}

impl Host {
    fn new(pace: Pace) -> Self {
        Self { circuit: Mutex::default(), pace: Mutex::new(pace), changed: watch::Sender::default() }
    }

    fn answered(&self, now: DateTime<Utc>) {
        let mut circuit = locked(&self.circuit);
        let before = *circuit;
        circuit.succeeded(now);
        let is_better = !matches!(before, Circuit::Closed(_)) && *circuit != before;
        drop(circuit);
        if is_better {
            self.changed.send_replace(());
        }
    }
}

fn is_trouble_of_host(attempt: &Attempt, verdict: Verdict) -> bool {
    verdict == Verdict::Failed
        && (matches!(attempt.outcome, Outcome::TimedOut | Outcome::Unreachable)
            || attempt.status.is_some_and(|status| status >= 500))
}

fn locked<T>(part: &Mutex<T>) -> MutexGuard<'_, T> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::circuit::FAILURES;
    use std::time::Duration;

    fn learn(gate: &Gate, outcome: Outcome, status: Option<u16>, verdict: Verdict, second: i64) {
        let (duration, excerpt) = (Duration::ZERO, String::new());
        let attempt = Attempt { at: at(second), outcome, status, duration, excerpt };
        gate.learn(&attempt, verdict, at(second));
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn pair() -> [Arc<Gate>; 2] {
        let gates = Gates::default();
        [(); 2].map(|()| gates.at("https://a.example", &[], at(0)))
    }

    #[test]
    fn what_is_the_hosts_trouble_closes_all_its_sinks_and_what_is_a_sinks_own_only_that() {
        let pause = Verdict::Stalled { wait: Some(Duration::from_secs(60)) };
        for (outcome, status, verdict, shared) in [
            (Outcome::Unreachable, None, Verdict::Failed, true),
            (Outcome::TimedOut, None, Verdict::Failed, true),
            (Outcome::Refused, Some(500), Verdict::Failed, true),
            (Outcome::Refused, Some(503), Verdict::Failed, true),
            (Outcome::Refused, Some(404), Verdict::Failed, false),
            (Outcome::Refused, Some(302), Verdict::Failed, false),
            (Outcome::Forbidden, None, Verdict::Failed, false),
            (Outcome::Throttled, Some(429), pause, false),
            (Outcome::Throttled, Some(503), pause, false),
        ] {
            let [one, other] = pair();
            for _ in 0..FAILURES {
                learn(&one, outcome, status, verdict, 0);
            }
            assert!(one.pass(at(0)).is_err() && one.is_closed(at(0)), "{outcome:?} {status:?}");
            assert_eq!(other.pass(at(0)).is_err(), shared, "{outcome:?} {status:?}");
        }
    }

    #[test]
    fn a_host_is_known_for_as_long_as_a_sink_is_there() {
        let gates = Gates::default();
        let [one, other] = [(); 2].map(|()| gates.at("https://a.example", &[], at(0)));
        for _ in 0..FAILURES {
            learn(&one, Outcome::TimedOut, None, Verdict::Failed, 0);
        }
        drop(one);
        assert!(
            gates.at("https://a.example", &[], at(0)).pass(at(0)).is_err(),
            "the other one is still there"
        );
        drop(other);
        for number in 0..100 {
            gates.at(&format!("https://{number}.example"), &[], at(0));
        }
        assert_eq!(locked(&gates.0).len(), 1, "the last one");
        assert!(gates.at("https://a.example", &[], at(0)).pass(at(0)).is_ok());
    }

    #[test]
    fn a_refusal_shows_that_the_host_is_well() {
        let [one, other] = pair();
        for _ in 0..FAILURES {
            learn(&one, Outcome::TimedOut, None, Verdict::Failed, 0);
        }
        let changes = other.follow();
        assert!(one.pass(at(60)).is_ok() && other.pass(at(60)).is_err(), "one tries for all");
        learn(&one, Outcome::Refused, Some(400), Verdict::Failed, 61);
        assert!(changes.has_changed().unwrap() && other.pass(at(61)).is_ok());
    }

    #[test]
    fn who_hurries_while_the_host_cannot_be_reached_can_do_so_again() {
        let [one, other] = pair();
        for _ in 0..FAILURES {
            learn(&one, Outcome::Refused, Some(400), Verdict::Failed, 0);
        }
        one.hurry(at(1));
        assert!(one.pass(at(1)).is_ok());
        learn(&one, Outcome::Unreachable, None, Verdict::Failed, 2);
        assert!(other.pass(at(2)).is_ok(), "one failure is none yet of the host's");
        one.hurry(at(3));
        assert!(one.pass(at(3)).is_ok(), "what the first try came to said nothing of the sink");
    }

    #[test]
    fn a_sink_that_is_paused_does_not_take_the_try_of_its_host() {
        let [one, other] = pair();
        learn(
            &one,
            Outcome::Throttled,
            Some(429),
            Verdict::Stalled { wait: Some(Duration::from_secs(600)) },
            0,
        );
        for _ in 0..FAILURES {
            learn(&other, Outcome::TimedOut, None, Verdict::Failed, 0);
        }
        assert!(one.pass(at(60)).is_err_and(|until| until >= at(600)));
        assert!(other.pass(at(60)).is_ok());
    }
}
