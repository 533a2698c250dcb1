//! The store in one SQLite file, for one process.
//!
//! *Guarantees.* What was answered is on the disk (`synchronous=FULL`), also after a power cut. All writing goes
//! through one thread that commits whatever waits in one transaction, so a thousand callers share one sync, and
//! events get their numbers in the order in which readers meet them.
//!
//! *Not guaranteed.* That a step whose caller went away was not done: it may have been.
//!
//! *Races.* A second process is refused by a lock file, so all leases found on opening are left-overs of a process
//! that is gone, and void. Claims cannot race: each is a step of the one writer.

mod arrival;
mod certificates;
mod claims;
mod connection;
mod connections;
mod consumers;
mod content;
mod deliveries;
mod departed;
mod error;
mod gates;
mod hash;
mod health;
mod inbox;
mod keep;
mod left_over;
mod lies_in;
mod lifetimes;
mod log;
mod mailboxes;
mod migrate;
mod mirror;
mod odd;
mod overviews;
mod packed;
mod pauses;
mod places;
mod readers;
mod registry;
mod renewals;
mod reserve;
mod resyncs;
mod rounds;
mod row;
mod runs;
mod sign_ins;
mod subscription;
mod sweeps;
mod sync;
mod told;
mod waiting;
mod ways;
mod writer;

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rusqlite::Connection;
use tokio::sync::watch;

use super::{Purpose, StoreError};
use crate::model::Cursor;
use packed::Dictionaries;
use places::Places;
use readers::Readers;
use reserve::Reserve;
use waiting::Waiting;
use writer::{Turn, Writer};

/// The store.
pub(super) struct SqliteStore {
    writer: Arc<Writer>,
    waiting: Arc<Waiting>,
    places: Arc<Places>,
    dictionaries: Dictionaries,
    readers: Readers,
    end: watch::Receiver<Cursor>,
    reserve: Arc<Reserve>,
}

impl SqliteStore {
    /// Opens the file, or makes it, and brings it to the newest schema.
    pub(super) async fn open(path: &Path, purpose: Purpose, now: DateTime<Utc>) -> Result<Self, StoreError> {
        let path = std::path::absolute(path).map_err(|error| error::system(path, &error))?;
        tokio::task::spawn_blocking(move || Self::open_now(&path, purpose, now))
            .await
            .map_err(|_| StoreError::Unavailable("opening it was broken off".to_owned()))?
    }

    fn open_now(path: &Path, purpose: Purpose, now: DateTime<Utc>) -> Result<Self, StoreError> {
        let lock = connection::lock(path)?;
        let reserve = Reserve::of(path);
        let prepared = match Self::prepare(path, purpose, now) {
            // One that a crash has left: it is for this day.
            Err(StoreError::Unavailable(_)) if purpose == Purpose::Work && reserve.give_up() => {
                Self::prepare(path, purpose, now)
            }
            prepared => prepared,
        };
        let connection = prepared?;
        let (waiting, places) = (Arc::new(Waiting::default()), Arc::new(Places::load(&connection)?));
        let (writer, end) = Writer::start(connection, lock, (Arc::clone(&waiting), Arc::clone(&places)))?;
        if purpose == Purpose::Work {
            reserve.take();
        }
        let (writer, reserve) = (Arc::new(writer), Arc::new(reserve));
        let (dictionaries, readers) = (Dictionaries::default(), Readers::new(path));
        Ok(Self { writer, waiting, places, dictionaries, readers, end, reserve })
    }

    /// The connection that writes, to a database of the newest schema in which nobody holds a lease.
    fn prepare(path: &Path, purpose: Purpose, now: DateTime<Utc>) -> Result<Connection, StoreError> {
        let mut connection = connection::for_writing(path)?;
        if purpose == Purpose::Look {
            migrate::is_newest(&connection)?;
            return Ok(connection);
        }
        migrate::to_newest(&mut connection, now)?;
        registry::ensure_client_state_key(&connection)?;
        left_over::take_up(&connection, now)?;
        // A migration may leave a log as large as the store. That it cannot be cut now is no reason not to begin.
        let _ = connection.pragma(None, "wal_checkpoint", "TRUNCATE", |_| Ok(()));
        Ok(connection)
    }

    /// Does a step that writes: all of it or nothing, and durably once this returns `Ok`.
    async fn write<T: Send + 'static>(
        &self,
        step: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.run(move |db, _| step(db)).await
    }

    /// The same for a step after which hints wait, or wait no more.
    async fn write_noting<T: Send + 'static>(
        &self,
        step: impl FnOnce(&Connection, &mut Turn<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.run(step).await
    }

    /// Reads from one state of the database.
    async fn read<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        self.readers.run(look).await
    }
}
