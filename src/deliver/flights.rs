//! Requests under way.

use std::borrow::Cow;
use std::sync::Arc;

use tokio::task::{JoinError, JoinSet};

use super::window::Taken;
use crate::model::{Delivery, Event};
use crate::sinks::{Report, Sink};

/// What a request carries.
#[derive(Debug)]
pub(super) enum Cargo {
    /// Events from the log.
    Fresh(Taken),
    /// Stored deliveries.
    Stored(Vec<Delivery>),
}

impl Cargo {
    fn events(&self) -> Cow<'_, [Event]> {
        match self {
            Self::Fresh(fresh) => Cow::Borrowed(&fresh.events),
            // There are few of them, and what is known of each stays with it.
            Self::Stored(stored) => stored.iter().map(|one| one.event.clone()).collect(),
        }
    }

    pub fn len(&self) -> u64 {
        let number = match self {
            Self::Fresh(fresh) => fresh.events.len(),
            Self::Stored(stored) => stored.len(),
        };
        u64::try_from(number).unwrap_or(u64::MAX)
    }
}

/// The requests of one sink.
pub(super) struct Flights {
    running: JoinSet<(Cargo, Report)>,
    places: usize,
}

impl Flights {
    pub fn new(places: usize) -> Self {
        Self { running: JoinSet::new(), places }
    }

    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    pub fn has_room(&self) -> bool {
        self.running.len() < self.places
    }

    pub fn begin(&mut self, sink: &Arc<dyn Sink>, cargo: Cargo) {
        let sink = Arc::clone(sink);
        self.running.spawn(async move {
            let report = sink.deliver(&cargo.events()).await;
            (cargo, report)
        });
    }

    /// Waits for one to end; for ever, where there is none. An error: one broke off, and with it what it carried.
    pub async fn landed(&mut self) -> Result<(Cargo, Report), JoinError> {
        match self.running.join_next().await {
            Some(landed) => landed,
            None => std::future::pending().await,
        }
    }

    /// One more that has ended by now, if there is one, and likewise.
    pub fn landed_too(&mut self) -> Option<Result<(Cargo, Report), JoinError>> {
        self.running.try_join_next()
    }

    /// Waits until all have ended; what came of them is not told.
    pub async fn ended(&mut self) {
        while self.running.join_next().await.is_some() {}
    }
}
