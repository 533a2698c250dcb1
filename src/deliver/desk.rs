//! Where sinks are taken on and let go, and where people ask about them.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::circuit::FAILURES;
use super::gate::{Gate, Gates};
use super::wanted::{OwnApps, Wanted};
use super::{Deliverer, Outlet};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::model::{Attempt, Cursor, Event, Name, SinkStanding};
use crate::sinks::{Sink, Verdict};
use crate::store::{ReadError, Store, StoreError};
use crate::tasks::{Outage, Seldom, Signal};

/// What the test event says of itself.
const TEST: &str = r#"{"changed":[],"previous":{},"resource":{"id":"test"},"test":true}"#;

/// All sinks that are at work.
pub struct Desk {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Clock,
    metrics: Arc<Metrics>,
    own: OwnApps,
    gates: Gates,
    served: RwLock<BTreeMap<Name, Served>>,
    /// Sinks that nothing can be sent to, and why.
    unusable: RwLock<BTreeMap<Name, String>>,
}

#[derive(Clone)]
struct Served {
    kind: &'static str,
    sink: Arc<dyn Sink>,
    wanted: Arc<Wanted>,
    gate: Arc<Gate>,
    wake: Signal,
}

/// How a sink is.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its kind; `None`: it is not at work any more.
    pub kind: Option<&'static str>,
    /// Whether its host is left alone just now.
    pub waiting: bool,
    /// Why nothing can be sent to it.
    pub unusable: Option<String>,
    /// How it stands in the ledger.
    pub standing: SinkStanding,
}

impl Found {
    /// Since when it takes no events, if that is so: one failure is none yet.
    pub fn failing_since(&self) -> Option<DateTime<Utc>> {
        self.standing.failing_since.filter(|_| self.standing.failures >= FAILURES)
    }

    /// In a word.
    pub fn state(&self) -> &'static str {
        match (self.standing.removed_at, &self.standing.disabled) {
            (Some(_), _) => "removed",
            (None, Some(_)) => "disabled",
            (None, None) if self.unusable.is_some() => "unusable",
            (None, None) if self.waiting => "waiting",
            (None, None) if self.failing_since().is_some() => "failing",
            (None, None) => "active",
        }
    }
}

/// What came of a first card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Greeted {
    /// It was taken, or there is none.
    Taken,
    /// It was not.
    Refused,
    /// There is nobody any more, for this reason.
    Gone(&'static str),
    /// It was not sent: not before then.
    NotYet(DateTime<Utc>),
}

/// What came of a test.
#[derive(Debug, Clone)]
pub struct Tried {
    /// Whether it was taken.
    pub delivered: bool,
    /// The event's id.
    pub event: String,
    /// How it went.
    pub attempt: Attempt,
}

impl Desk {
    /// With no sinks yet.
    pub fn new(store: Arc<dyn Store>, clock: Clock, metrics: Arc<Metrics>, own: OwnApps) -> Self {
        let (served, unusable) = (RwLock::default(), RwLock::default());
        Self { store, clock, metrics, own, gates: Gates::default(), served, unusable }
    }

    /// Takes a sink on that the ledger knows; the deliverer is to be run.
    pub fn take_on(&self, Outlet { configured, sink }: Outlet) -> Deliverer {
        let served = Served {
            kind: configured.kind.as_str(),
            gate: self.gates.of(&*sink, self.clock.now()),
            wanted: Arc::new(Wanted::of(&configured, &self.own)),
            wake: Signal::default(),
            sink,
        };
        let (name, Served { sink, wanted, gate, wake, .. }) = (configured.name, served.clone());
        self.served.write().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), served);
        // An increase is only seen of a counter that was there before it.
        for watched in ["dead", "lost"] {
            self.metrics.sunk(&name, watched, 0);
        }
        Deliverer {
            name,
            sink,
            wanted,
            gate,
            wake,
            store: self.store.clone(),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            outage: Outage::default(),
            failing: Outage::default(),
            unsure: Seldom::default(),
        }
    }

    /// Keeps in mind why a sink of the ledger's is not taken on; whether that is news.
    pub fn set_aside(&self, name: &Name, why: String) -> bool {
        let before = self.unusable.write().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), why);
        before.is_none()
    }

    /// Lets a sink go; whoever runs its deliverer stops it.
    pub fn let_go(&self, name: &Name) {
        self.served.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    fn served(&self, name: &Name) -> Option<Served> {
        self.served.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// All sinks that the ledger knows, by name.
    pub async fn sinks(&self) -> Result<Vec<Found>, StoreError> {
        let standings = self.store.sinks().await?.into_iter();
        Ok(standings.map(|standing| self.found(standing)).collect())
    }

    /// One of them.
    pub async fn sink(&self, name: &Name) -> Result<Option<Found>, StoreError> {
        Ok(self.sinks().await?.into_iter().find(|found| found.standing.name == *name))
    }

    fn found(&self, standing: SinkStanding) -> Found {
        let served = self.served(&standing.name);
        let unusable = self.unusable.read().unwrap_or_else(PoisonError::into_inner);
        Found {
            kind: served.as_ref().map(|served| served.kind),
            unusable: unusable.get(&standing.name).cloned(),
            waiting: served.is_some_and(|served| served.gate.is_closed(self.clock.now())),
            standing,
        }
    }

    /// Sends dead letters and what waits for its next attempt, or that of one event; how many. If the sink is left alone
    /// just now, one request tries at once, and what comes of it decides on the rest.
    pub async fn retry(&self, name: &Name, event: Option<String>) -> Result<Option<u64>, StoreError> {
        let all = event.is_none();
        let retried = self.store.retry(name, event, self.clock.now()).await?;
        // An event that is not there is no reason to end a pause.
        if let Some(served) = self.served(name).filter(|_| all || retried > Some(0)) {
            served.gate.hurry(self.clock.now());
            served.wake.raise();
        }
        Ok(retried)
    }

    /// Sends everything after this event again. Whether there is such a sink.
    ///
    /// # Errors
    /// Where that is no longer kept.
    pub async fn replay(&self, name: &Name, after: Cursor) -> Result<bool, ReadError> {
        let bounds = self.store.bounds().await?;
        if after < bounds.oldest {
            return Err(ReadError::Expired { after, oldest: bounds.oldest });
        }
        let there = self.store.replay(name, after.min(bounds.latest)).await?;
        self.wake(name);
        Ok(there)
    }

    /// Switches it on again. Whether there is such a sink.
    pub async fn enable(&self, name: &Name) -> Result<bool, StoreError> {
        let there = self.store.enable(name).await?;
        self.wake(name);
        Ok(there)
    }

    /// Sends an event that tells of nothing, past the ledger. `None`: no such sink is at work.
    pub async fn test(&self, name: &Name) -> Option<Tried> {
        let Served { sink, gate, .. } = self.served(name)?;
        let event = self.test_event(name)?;
        gate.passed_by(self.clock.now());
        let report = sink.deliver(std::slice::from_ref(&event)).await;
        let delivered = report.verdict == Verdict::Delivered;
        Some(Tried { delivered, event: event.id, attempt: report.attempt })
    }

    /// Sends the first card, past the ledger, but when the sink's pace allows it. `None`: no such sink is at work.
    pub async fn greet(&self, name: &Name, title: &str, text: &str) -> Option<Greeted> {
        let Served { sink, gate, .. } = self.served(name)?;
        if let Err(until) = gate.pass(self.clock.now()) {
            return Some(Greeted::NotYet(until));
        }
        let Some(report) = sink.greet(title, text).await else { return Some(Greeted::Taken) };
        gate.learn(&report.attempt, report.verdict, self.clock.now());
        Some(match report.verdict {
            Verdict::Delivered => Greeted::Taken,
            Verdict::Gone { why } => Greeted::Gone(why),
            Verdict::Failed | Verdict::Stalled { .. } => Greeted::Refused,
        })
    }

    fn test_event(&self, name: &Name) -> Option<Event> {
        Some(Event {
            cursor: Cursor::START,
            id: format!("test-{}", Uuid::new_v4().simple()),
            tenant: "test".parse().ok()?,
            subscription: name.clone(),
            event_type: "o365.test".to_owned(),
            subject: "test".to_owned(),
            time: self.clock.now(),
            data: RawValue::from_string(TEST.to_owned()).ok()?,
        })
    }

    /// What would be sent for the first event after this one that the sink wants, or for a test. `None`: the configuration
    /// has no such sink.
    ///
    /// # Errors
    /// Where that is no longer kept.
    pub async fn preview(
        &self,
        name: &Name,
        after: Option<Cursor>,
    ) -> Result<Option<(Event, String)>, ReadError> {
        let Some(served) = self.served(name) else { return Ok(None) };
        let read = match after {
            Some(after) => {
                let page = self.store.read(after, 1, Box::new(served.wanted.clone())).await?;
                served.wanted.choose(page.events).await?.events.pop()
            }
            None => None,
        };
        let Some(event) = read.or_else(|| self.test_event(name)) else { return Ok(None) };
        let text = served.sink.preview(std::slice::from_ref(&event));
        Ok(Some((event, text)))
    }

    /// Which events a sink wants.
    pub(super) fn wanted(&self, name: &Name) -> Option<Arc<Wanted>> {
        self.served(name).map(|served| served.wanted)
    }

    pub(super) fn wake(&self, name: &Name) {
        if let Some(served) = self.served(name) {
            served.wake.raise();
        }
    }
}
