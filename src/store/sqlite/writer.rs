//! The one thread that writes.
//!
//! It takes whatever waits in its queue and runs it in one transaction, so that one commit and one sync serve all of
//! them. A step runs in a savepoint of its own and, if it fails, takes back only itself; hints, which come in storms
//! and fail only with the disk, go without one, and take the whole transaction with them. Nobody is answered before
//! the commit. It never lingers for more: while it commits, the next ones queue up by themselves.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{oneshot, watch};

use super::arrival::Arrivals;
use super::health::Health;
use super::places::{self, Places};
use super::waiting::{Batch, Waiting};
use super::{error, log};
use crate::model::{Cursor, SubscriptionId};
use crate::store::{StoreError, StoreHealth};

/// Steps that may wait. When there are more, the disk does not keep up, and a sender is told at once rather than
/// after its patience.
const QUEUE: usize = 4096;
/// Steps in one transaction, so that the first does not wait for a long tail.
const BATCH: usize = 1024;

pub(super) struct Writer {
    queue: SyncSender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
    health: Arc<Health>,
}

enum Message {
    Step(Box<dyn Step>),
    Stop,
}

/// What the steps of one transaction share.
pub(super) struct Turn<'a> {
    /// Which subscriptions wait.
    pub(super) waiting: Batch<'a>,
    /// What arrives.
    pub(super) arrivals: &'a mut Arrivals,
    /// Where the mirror's items stand.
    pub(super) places: places::Batch<'a>,
}

impl Turn<'_> {
    /// The subscription is followed no more, and none of its hints waits.
    pub(super) fn removed(&mut self, subscription: SubscriptionId) {
        self.waiting.claimed(subscription);
        self.arrivals.forget(subscription);
    }
}

/// A step that waits for its turn and, after it, for the commit.
trait Step: Send {
    /// Does the work; `false`: it failed, and what it wrote is to be taken back.
    fn run(&mut self, connection: &Connection, turn: &mut Turn<'_>) -> bool;

    /// Whether it is taken back alone if it fails.
    fn alone(&self) -> bool;

    /// Tells the caller.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Asked<W, T> {
    alone: bool,
    work: Option<W>,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<W, T> Step for Asked<W, T>
where
    W: FnOnce(&Connection, &mut Turn<'_>) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn run(&mut self, connection: &Connection, turn: &mut Turn<'_>) -> bool {
        // A sender of hints who was told to come again need not have them stored now, and the next ones wait.
        if !self.alone && self.reply.is_closed() {
            return true;
        }
        self.outcome = self.work.take().map(|work| work(connection, turn));
        matches!(self.outcome, Some(Ok(_)))
    }

    fn alone(&self) -> bool {
        self.alone
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        // What the step itself says of its failure says more than the commit does.
        let outcome = match (self.outcome, committed) {
            (Some(Err(failure)), _) | (_, Err(failure)) => Err(failure),
            (Some(done), Ok(())) => done,
            (None, Ok(())) => Err(StoreError::Unavailable("a step broke off".to_owned())),
        };
        // Whoever asked may have gone.
        let _ = self.reply.send(outcome);
    }
}

impl Writer {
    /// Starts the thread. It keeps the lock until it has let the database go.
    pub(super) fn start(
        connection: Connection,
        lock: File,
        (waiting, places): (Arc<Waiting>, Arc<Places>),
    ) -> Result<(Self, watch::Receiver<Cursor>), StoreError> {
        let (end, follow) = watch::channel(log::bounds(&connection)?.latest);
        let (queue, messages) = sync_channel(QUEUE);
        let health = Arc::<Health>::default();
        let noted = Arc::clone(&health);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                drain(connection, &messages, (&waiting, &places, &noted), &end);
                drop(lock);
            })
            .map_err(|error| StoreError::Unavailable(format!("its thread cannot be started: {error}")))?;
        Ok((Self { queue, thread: Mutex::new(Some(thread)), health }, follow))
    }

    /// How the commits have gone so far.
    pub(super) fn health(&self) -> StoreHealth {
        self.health.look()
    }

    /// Queues a step and waits until it is committed.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, &mut Turn<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.queue(true, work).await
    }

    /// The same for a step that fails only if the disk does: it costs no savepoint, and its failure is that of all.
    pub(super) async fn run_with_all<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, &mut Turn<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.queue(false, work).await
    }

    async fn queue<T: Send + 'static>(
        &self,
        alone: bool,
        work: impl FnOnce(&Connection, &mut Turn<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let step = Box::new(Asked { alone, work: Some(work), outcome: None, reply });
        self.queue.try_send(Message::Step(step)).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Busy("too many steps wait for the disk".to_owned()),
            TrySendError::Disconnected(_) => error::closed(),
        })?;
        answer.await.map_err(|_| error::closed())?
    }

    /// Finishes what is queued and lets the database go. Blocks.
    pub(super) fn stop(&self) {
        // An error says that the thread has ended already.
        let _ = self.queue.send(Message::Stop);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("The store's writer had broken off");
        }
    }
}

/// Whoever drops the store may open it again at once.
impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn drain(
    mut connection: Connection,
    messages: &Receiver<Message>,
    (waiting, places, health): (&Waiting, &Places, &Health),
    end: &watch::Sender<Cursor>,
) {
    let mut arrivals = Arrivals::default();
    while let Ok(Message::Step(first)) = messages.recv() {
        let mut steps = vec![first];
        let mut last = false;
        while steps.len() < BATCH && !last {
            match messages.try_recv() {
                Ok(Message::Step(step)) => steps.push(step),
                Ok(Message::Stop) => last = true,
                Err(_) => break,
            }
        }
        let changes = connection.total_changes();
        arrivals.begin();
        let mut turn = Turn { waiting: waiting.batch(), arrivals: &mut arrivals, places: places.batch() };
        let committed = commit(&mut connection, &mut steps, &mut turn).map(|latest| {
            turn.waiting.committed();
            turn.arrivals.committed();
            turn.places.committed();
            end.send_if_modified(|end| latest.is_some_and(|latest| std::mem::replace(end, latest) != latest));
        });
        health.note(&committed, connection.total_changes() != changes);
        for step in steps {
            step.answer(committed.clone());
        }
        if last {
            break;
        }
    }
}

/// Runs the steps in one transaction; answers with the log's end after it, where it may have moved.
fn commit(
    connection: &mut Connection,
    steps: &mut [Box<dyn Step>],
    turn: &mut Turn<'_>,
) -> Result<Option<Cursor>, StoreError> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in &mut *steps {
        if step.alone() {
            turn.arrivals.write(&transaction)?;
            let savepoint = transaction.savepoint()?;
            let begun = turn.places.mark();
            if run(step.as_mut(), &savepoint, turn) {
                savepoint.commit()?;
            } else {
                savepoint.finish()?;
                turn.places.take_back(begun);
            }
        } else if !run(step.as_mut(), &transaction, turn) {
            return Err(StoreError::Unavailable(
                "a hint in the same transaction could not be written".to_owned(),
            ));
        }
        if transaction.is_autocommit() {
            // A full disk ends the whole transaction, whatever the savepoint.
            return Err(StoreError::Unavailable(
                "SQLite gave the transaction up; the disk may be full".to_owned(),
            ));
        }
    }
    turn.arrivals.write(&transaction)?;
    turn.arrivals.move_many_on(&transaction)?;
    // Hints write no events.
    let wrote = steps.iter().any(|step| step.alone());
    turn.places.sort_in(&transaction)?;
    let latest = wrote.then(|| log::bounds(&transaction)).transpose()?.map(|bounds| bounds.latest);
    transaction.commit()?;
    Ok(latest)
}

fn run(step: &mut dyn Step, connection: &Connection, turn: &mut Turn<'_>) -> bool {
    catch_unwind(AssertUnwindSafe(|| step.run(connection, turn))).unwrap_or_else(|_| {
        tracing::error!("A step of the store broke off and was taken back");
        false
    })
}

#[cfg(test)]
mod tests;
