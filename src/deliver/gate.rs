use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use dashmap::DashMap;
use tokio::sync::watch;

use super::circuit::Circuit;
use super::pace::Pace;
use crate::sinks::Sink;

/// The gates of all hosts; sinks that name the same one share it.
#[derive(Debug, Default)]
pub(super) struct Gates(DashMap<String, Arc<Gate>>);

impl Gates {
    /// The one of this sink.
    pub fn of(&self, sink: &dyn Sink, now: DateTime<Utc>) -> Arc<Gate> {
        let new = || Arc::new(Gate::new(Pace::new(sink.rates(), now)));
        Arc::clone(&self.0.entry(sink.gate().to_owned()).or_insert_with(new))
    }
}

/// A host's circuit and pace, with a sign for those who wait for it.
#[derive(Debug)]
pub(super) struct Gate {
    circuit: Mutex<Circuit>,
    pace: Mutex<Pace>,
    changed: watch::Sender<()>,
}

impl Gate {
    fn new(pace: Pace) -> Self {
        Self { circuit: Mutex::default(), pace: Mutex::new(pace), changed: watch::Sender::default() }
    }

    /// Whether a request may go, which is counted; else when to ask again.
    pub fn pass(&self, now: DateTime<Utc>) -> Result<(), DateTime<Utc>> {
        let mut pace = self.pace();
        pace.allows(now)?;
        self.circuit().pass(now)?;
        pace.sent(now);
        Ok(())
    }

    /// A request goes without having asked.
    pub fn passed_by(&self, now: DateTime<Utc>) {
        self.pace().sent(now);
    }

    /// Follows how the host is.
    pub fn follow(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Whether the host is left alone.
    pub fn is_closed(&self, now: DateTime<Utc>) -> bool {
        !matches!(*self.circuit(), Circuit::Closed(_)) || self.pace().allows(now).is_err()
    }

    pub fn succeeded(&self, now: DateTime<Utc>) {
        let mut circuit = self.circuit();
        let before = *circuit;
        circuit.succeeded(now);
        let is_better = !matches!(before, Circuit::Closed(_)) && *circuit != before;
        drop(circuit);
        if is_better {
            self.changed.send_replace(());
        }
    }

    pub fn failed(&self, now: DateTime<Utc>) {
        self.circuit().failed(now, rand::random());
        self.changed.send_replace(());
    }

    pub fn pause(&self, wait: Option<Duration>, now: DateTime<Utc>) {
        self.circuit().pause(wait, now, rand::random());
        self.changed.send_replace(());
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
