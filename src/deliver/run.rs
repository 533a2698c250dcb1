//! The work under one claim of a sink.

mod due;
mod landing;

use std::future::pending;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Deliverer;
use super::flights::{Cargo, Flights};
use super::ledger::Ledger;
use super::window::Window;
use crate::model::Cursor;
use crate::sinks::Manner;
use crate::store::{ReadError, Settled, SinkClaim, StoreError};
use crate::tasks;
use due::Due;

/// How long a claim holds without anything being written.
pub(super) const LEASE: Duration = Duration::from_secs(300);
/// For how long requests are begun under it: none may last beyond its end.
const TRUSTED: Duration = Duration::from_secs(210);
/// Events and text in memory at which no more is read; one read adds as many at most. More events, where more go
/// together.
const WINDOW_EVENTS: usize = 256;
const WINDOW_BYTES: usize = 2 * 1024 * 1024;
/// Reads after which it is looked at what else there is to do.
const READS: usize = 4;
/// Pending deliveries at which the log has to wait, so that a receiver that refuses much does not fill the store.
const MOST_PENDING: u64 = 10_000;
/// How far the position moves before it is written, and how long it waits for that, while others are still under way:
/// a sync for each event would cost more than sending it. A crash has so many sent again, with their ids.
const GATHERED: usize = 100;
const GATHERING: Duration = Duration::from_millis(50);

/// Why the work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The program stops.
    Stopped,
    /// The claim is void: it has to be claimed anew.
    Lost,
    /// A request broke off, and with it what it carried.
    Broken,
    /// The sink is switched off.
    Disabled,
}

/// A settlement that is being written, and which stored deliveries it has.
struct Writing {
    written: BoxFuture<'static, Result<Settled, StoreError>>,
    keys: Vec<i64>,
    /// What was tried in vain becomes due with it.
    releases: bool,
    last: Option<Ended>,
}

pub(super) struct Run<'d> {
    of: &'d Deliverer,
    claim: SinkClaim,
    manner: Manner,
    window: Window,
    flights: Flights,
    ledger: Ledger,
    due: Due,
    /// Why the sink is to be switched off.
    disable: Option<String>,
    /// How many deliveries are pending.
    pending: u64,
    at_end: bool,
    /// Somebody has asked for something: the claim may be void.
    asked: bool,
    end: watch::Receiver<Cursor>,
    host: watch::Receiver<()>,
    /// When the claim was prolonged last.
    held_since: DateTime<Utc>,
}

impl<'d> Run<'d> {
    pub fn new(of: &'d Deliverer, claim: SinkClaim) -> Self {
        let manner = of.sink.manner();
        Self {
            window: Window::new(claim.position, claim.held.clone(), manner.strict),
            flights: Flights::new(manner.at_once),
            ledger: Ledger::default(),
            due: Due::default(),
            disable: None,
            pending: claim.pending,
            at_end: false,
            asked: false,
            end: of.store.end(),
            host: of.gate.follow(),
            held_since: of.clock.now(),
            of,
            claim,
            manner,
        }
    }

    /// Delivers for as long as the claim lasts.
    pub async fn work(mut self, stop: &CancellationToken) -> Result<Ended, StoreError> {
        let ended = self.deliver(stop).await;
        // What is under way goes on at the receiver's in any case; the next claim begins after it.
        self.flights.ended().await;
        ended
    }

    async fn deliver(&mut self, stop: &CancellationToken) -> Result<Ended, StoreError> {
        let mut writing: Option<Writing> = None;
        loop {
            let stopping = stop.is_cancelled();
            let again = if stopping || self.disable.is_some() {
                tasks::pause(&self.of.clock, None)
            } else {
                self.launch().await?
            };
            let gathers = self.gathers();
            if writing.is_none() && !gathers {
                writing = self.write(stopping);
            }
            tokio::select! {
                landed = self.flights.landed() => if !self.land_all(landed) {
                    return Ok(Ended::Broken);
                },
                settled = written(&mut writing) => {
                    let written = writing.take();
                    if !self.settled(settled?, written.as_ref()) {
                        return Ok(Ended::Lost);
                    }
                    if let Some(ended) = written.and_then(|written| written.last) {
                        return Ok(ended);
                    }
                }
                // An error would say that the store is closing, and so does the next read.
                _ = self.end.changed(), if self.at_end => self.at_end = false,
                _ = self.host.changed() => {}
                () = self.of.wake.raised() => {
                    self.asked = true;
                    self.due.look_again();
                }
                () = self.of.clock.sleep_until(self.held_since + GATHERING), if gathers => {}
                () = self.of.clock.sleep_until(again), if !gathers => self.due.look_again(),
                () = stop.cancelled(), if !stopping => {}
            }
        }
    }

    /// Begins whatever may go now; answers with when to look again.
    async fn launch(&mut self) -> Result<DateTime<Utc>, StoreError> {
        let more = self.fill().await?;
        self.look_for_due().await?;
        let now = self.of.clock.now();
        let mut again = if more { Some(now) } else { self.due.next() };
        while self.flights.has_room() && self.has_work() && now < self.held_since + TRUSTED {
            if let Err(until) = self.of.gate.pass(now) {
                again = Some(again.map_or(until, |other| other.min(until)));
                break;
            }
            let cargo = match self.due.take(self.manner) {
                Some(stored) => Cargo::Stored(stored),
                None => Cargo::Fresh(self.window.take(self.manner.batch)),
            };
            self.flights.begin(&self.of.sink, cargo);
        }
        Ok(tasks::pause(&self.of.clock, again))
    }

    fn has_work(&self) -> bool {
        self.due.may_go(self.manner) || self.window.has_ready()
    }

    fn has_room(&self) -> bool {
        let events = WINDOW_EVENTS.max(self.manner.batch);
        self.window.len() < events && self.window.bytes() < WINDOW_BYTES && self.pending < MOST_PENDING
    }

    /// Reads on in the log as long as there is room, but not for long where nothing is wanted. Whether there is more.
    async fn fill(&mut self) -> Result<bool, StoreError> {
        for _ in 0..READS {
            if self.at_end || !self.has_room() {
                return Ok(false);
            }
            // Before reading, so that what is written meanwhile is not missed.
            self.end.borrow_and_update();
            let after = self.window.read_through();
            let read = self.of.store.read(after, WINDOW_EVENTS, Box::new(self.of.wanted.clone())).await;
            match read {
                Ok(page) => {
                    let chosen = self.of.wanted.choose(page.events).await?;
                    self.of.doubt(chosen.unsure, chosen.why.as_deref());
                    chosen.events.into_iter().for_each(|event| self.window.push(event));
                    self.window.advance(page.next);
                    self.at_end = page.at_end;
                }
                Err(ReadError::Expired { oldest, .. }) => self.lose(after, oldest),
                Err(ReadError::Store(error)) => return Err(error),
            }
        }
        Ok(!self.at_end && self.has_room())
    }

    /// The retention has deleted what comes next.
    fn lose(&mut self, after: Cursor, oldest: Cursor) {
        let events = oldest.number().saturating_sub(after.number());
        tracing::error!(
            sink = %self.of.name, events,
            "The retention deleted events before the sink had them; `sinks list` counts them"
        );
        self.of.metrics.sunk(&self.of.name, "lost", events);
        self.ledger.lost += events;
        self.window.advance(oldest);
    }

    /// Whether what there is to write is to become more first.
    fn gathers(&self) -> bool {
        let soon = self.of.clock.now() < self.held_since + GATHERING;
        soon && self.ledger.is_empty() && !self.flights.is_empty() && self.window.settled(GATHERED) < GATHERED
    }

    /// Begins to write what there is to write.
    fn write(&mut self, stopping: bool) -> Option<Writing> {
        let now = self.of.clock.now();
        let portion = self.window.settle();
        let over = self.flights.is_empty();
        let disable = if over { self.disable.clone() } else { None };
        let last = match disable {
            Some(_) => Some(Ended::Disabled),
            None => (stopping && over).then_some(Ended::Stopped),
        };
        let old = now >= self.held_since + LEASE / 2 && (!over || self.has_work());
        let prolong = std::mem::take(&mut self.asked) || old;
        if portion.is_none() && self.ledger.is_empty() && last.is_none() && !prolong {
            return None;
        }
        // Who stops gives the claim back.
        let lease = if stopping && over { Duration::ZERO } else { LEASE };
        let keys = self.ledger.attempted.iter().map(|one| one.key).collect();
        let releases = self.ledger.well_since.is_some();
        let position = (portion, self.window.position());
        let settlement = self.ledger.settle(&self.claim, position, disable, (now, lease));
        self.held_since = now;
        let store = self.of.store.clone();
        Some(Writing {
            written: Box::pin(async move { store.settle(settlement).await }),
            keys,
            releases,
            last,
        })
    }

    /// Takes in what was written; whether the claim still holds.
    fn settled(&mut self, settled: Settled, written: Option<&Writing>) -> bool {
        let (Settled::Done { held, pending }, Some(written)) = (settled, written) else { return false };
        if self.of.outage.ends() {
            tracing::info!(sink = %self.of.name, "What is delivered can be written down again");
        }
        self.pending = pending.unwrap_or(self.pending);
        if !held.is_empty() || written.releases {
            self.due.look_again();
        }
        self.due.written(&written.keys);
        self.window.confirm(held);
        true
    }
}

async fn written(writing: &mut Option<Writing>) -> Result<Settled, StoreError> {
    match writing {
        Some(writing) => writing.written.as_mut().await,
        None => pending().await,
    }
}
