//! The one thread that writes.
//!
//! It takes whatever waits in its queue and runs it in one transaction, each step in a savepoint of its own, so
//! that one commit and one sync serve all of them and a step that fails takes back only itself. Nobody is answered
//! before the commit. It never lingers for more: while it commits, the next ones queue up by themselves.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{oneshot, watch};

use super::{error, log};
use crate::model::Cursor;
use crate::store::StoreError;

/// Steps that may wait. When there are more, the disk does not keep up, and a sender is told at once rather than
/// after its patience.
const QUEUE: usize = 4096;
/// Steps in one transaction, so that the first does not wait for a long tail.
const BATCH: usize = 1024;

pub(super) struct Writer {
    queue: SyncSender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

enum Message {
    Step(Box<dyn Step>),
    Stop,
}

/// A step that waits for its turn and, after it, for the commit.
trait Step: Send {
    /// Does the work; `false`: it failed, and what it wrote is to be taken back.
    fn run(&mut self, connection: &Connection) -> bool;

    /// Tells the caller.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Asked<W, T> {
    work: Option<W>,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<W, T> Step for Asked<W, T>
where
    W: FnOnce(&Connection) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn run(&mut self, connection: &Connection) -> bool {
        self.outcome = self.work.take().map(|work| work(connection));
        matches!(self.outcome, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let outcome =
            self.outcome.unwrap_or_else(|| Err(StoreError::Unavailable("a step broke off".to_owned())));
        // Whoever asked may have gone.
        let _ = self.reply.send(committed.and(outcome));
    }
}

impl Writer {
    /// Starts the thread. It keeps the lock until it has let the database go.
    pub(super) fn start(
        connection: Connection,
        lock: File,
    ) -> Result<(Self, watch::Receiver<Cursor>), StoreError> {
        let (end, follow) = watch::channel(log::bounds(&connection)?.latest);
        let (queue, messages) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                drain(connection, &messages, &end);
                drop(lock);
            })
            .map_err(|error| StoreError::Unavailable(format!("its thread cannot be started: {error}")))?;
        Ok((Self { queue, thread: Mutex::new(Some(thread)) }, follow))
    }

    /// Queues a step and waits until it is committed.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let step = Box::new(Asked { work: Some(work), outcome: None, reply });
        self.queue.try_send(Message::Step(step)).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Unavailable("too many steps wait for the disk".to_owned()),
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

fn drain(mut connection: Connection, messages: &Receiver<Message>, end: &watch::Sender<Cursor>) {
    while let Ok(Message::Step(first)) = messages.recv() {
        let mut batch = vec![first];
        let mut last = false;
        while batch.len() < BATCH && !last {
            match messages.try_recv() {
                Ok(Message::Step(step)) => batch.push(step),
                Ok(Message::Stop) => last = true,
                Err(_) => break,
            }
        }
        let committed = commit(&mut connection, &mut batch).map(|latest| {
            end.send_if_modified(|end| std::mem::replace(end, latest) != latest);
        });
        for step in batch {
            step.answer(committed.clone());
        }
        if last {
            break;
        }
    }
}

/// Runs the steps in one transaction; answers with the log's end after it.
fn commit(connection: &mut Connection, batch: &mut [Box<dyn Step>]) -> Result<Cursor, StoreError> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in batch {
        let savepoint = transaction.savepoint()?;
        let done = catch_unwind(AssertUnwindSafe(|| step.run(&savepoint))).unwrap_or_else(|_| {
            tracing::error!("A step of the store broke off and was taken back");
            false
        });
        if done {
            savepoint.commit()?;
        } else {
            savepoint.finish()?;
        }
        if transaction.is_autocommit() {
            // A full disk ends the whole transaction, whatever the savepoint.
            return Err(StoreError::Unavailable(
                "SQLite gave the transaction up; the disk may be full".to_owned(),
            ));
        }
    }
    let latest = log::bounds(&transaction)?.latest;
    transaction.commit()?;
    Ok(latest)
}
