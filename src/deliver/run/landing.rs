//! What follows from what came of a request.

use std::collections::BTreeMap;

use tokio::task::JoinError;

use super::Run;
use crate::deliver::circuit::FAILURES;
use crate::deliver::fate;
use crate::deliver::flights::Cargo;
use crate::deliver::window::Taken;
use crate::model::{Attempt, Delivery, ItemKey, Outcome};
use crate::sinks::{Report, Verdict};
use crate::store::{Attempted, Fate, Streak};

impl Run<'_> {
    /// Takes in what has landed, with whatever else has by now. `false`: a request broke off.
    pub(super) fn land_all(&mut self, landed: Result<(Cargo, Report), JoinError>) -> bool {
        let (mut next, mut events) = (Some(landed), BTreeMap::new());
        while let Some(Ok((cargo, report))) = next {
            *events.entry(report.attempt.outcome.as_str()).or_default() += cargo.len();
            self.land(cargo, report);
            next = self.flights.landed_too();
        }
        for (outcome, events) in events {
            self.of.metrics.sunk(&self.of.name, outcome, events);
        }
        next.is_none()
    }

    fn land(&mut self, cargo: Cargo, report: Report) {
        let Report { attempt, verdict } = report;
        self.note(&attempt, verdict);
        match cargo {
            Cargo::Fresh(fresh) => self.land_fresh(fresh, &attempt, verdict),
            Cargo::Stored(stored) => self.land_stored(stored, &attempt, verdict),
        }
    }

    /// What it says of the receiver.
    fn note(&mut self, attempt: &Attempt, verdict: Verdict) {
        let name = &self.of.name;
        self.of.gate.learn(attempt, verdict, self.of.clock.now());
        if verdict == Verdict::Delivered {
            let Streak { failures, since } = std::mem::take(&mut self.claim.streak);
            if failures >= FAILURES {
                self.of.failing.ends();
                tracing::info!(sink = %name, "The sink takes events again");
                self.ledger.well_since = since;
            }
            self.ledger.failure = None;
            return;
        }
        if let Verdict::Gone { why } = verdict {
            // Those that were under way with it say the same.
            if self.disable.is_none() {
                tracing::error!(
                    sink = %name, status = attempt.status,
                    "The receiver is gone: the sink is switched off; `sinks enable` switches it on again"
                );
            }
            let status = attempt.status.map(|status| format!(" {status}")).unwrap_or_default();
            self.disable = Some(format!("the receiver answered{status}: {why}"));
        }
        self.ledger.failure = Some(attempt.clone());
        let streak = &mut self.claim.streak;
        streak.since.get_or_insert(attempt.at);
        streak.failures = streak.failures.saturating_add(1);
        // What it was before a restart counts, and is told again after it.
        if streak.failures >= FAILURES && self.of.failing.begins() {
            // What a receiver says is not for the log; what this machine says of a file or a pipe is.
            let error = (attempt.outcome == Outcome::Unwritable).then_some(attempt.excerpt.as_str());
            tracing::warn!(
                sink = %name, outcome = attempt.outcome.as_str(), status = attempt.status, error, since = streak.since.map(tracing::field::display),
                "The sink does not take events; trying again until it does"
            );
        }
    }

    fn land_fresh(&mut self, fresh: Taken, attempt: &Attempt, verdict: Verdict) {
        match verdict {
            Verdict::Delivered => self.window.delivered(&fresh),
            Verdict::Failed => {
                let fate = fate::after(1, self.of.clock.now(), rand::random());
                self.window.failed(fresh, attempt, fate);
            }
            Verdict::Stalled { .. } | Verdict::Gone { .. } => self.window.put_back(fresh),
        }
    }

    fn land_stored(&mut self, stored: Vec<Delivery>, attempt: &Attempt, verdict: Verdict) {
        self.due.landed();
        if matches!(verdict, Verdict::Stalled { .. } | Verdict::Gone { .. }) {
            let keys: Vec<i64> = stored.iter().map(|delivery| delivery.key).collect();
            self.due.written(&keys);
            self.due.look_again();
            return;
        }
        for delivery in stored {
            let fate = if verdict == Verdict::Delivered {
                self.ledger.delivered += 1;
                Fate::Delivered
            } else {
                fate::after(delivery.round.saturating_add(1), self.of.clock.now(), rand::random())
            };
            if fate == Fate::Dead {
                let (sink, event) = (&self.of.name, &delivery.event.id);
                tracing::warn!(%sink, event, "Given up after the last attempt: the event is a dead letter");
                self.of.metrics.sunk(sink, "dead", 1);
            }
            let item = ItemKey::of(&delivery.event);
            self.ledger.attempted.push(Attempted { key: delivery.key, item, attempt: attempt.clone(), fate });
        }
    }
}
