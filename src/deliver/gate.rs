use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use dashmap::DashMap;
use tokio::sync::watch;

use super::circuit::Circuit;

/// The gates of all hosts; sinks with the same host share one.
#[derive(Debug, Default)]
pub(super) struct Gates(DashMap<String, Arc<Gate>>);

impl Gates {
    /// The one of this host.
    pub fn of(&self, host: &str) -> Arc<Gate> {
        Arc::clone(&self.0.entry(host.to_owned()).or_default())
    }
}

/// A host's circuit, with a sign for those who wait for it.
#[derive(Debug, Default)]
pub(super) struct Gate {
    circuit: Mutex<Circuit>,
    changed: watch::Sender<()>,
}

impl Gate {
    /// Whether a request may go; else when to ask again.
    pub fn pass(&self, now: DateTime<Utc>) -> Result<(), DateTime<Utc>> {
        self.circuit().pass(now)
    }

    /// Follows how the host is.
    pub fn follow(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Whether the host is left alone.
    pub fn is_closed(&self) -> bool {
        !matches!(*self.circuit(), Circuit::Closed(_))
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

    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
