//! Connections that read while the writer writes. Reads are short: a long one would keep the write-ahead log from
//! being copied back, and it would grow.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{connection, error};
use crate::store::StoreError;

/// Reads at once; more wait for their turn.
const READERS: usize = 4;

pub(super) struct Readers {
    pool: Arc<Pool>,
    turns: Arc<Semaphore>,
}

struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            pool: Arc::new(Pool { path: path.to_owned(), idle: Mutex::default() }),
            turns: Arc::new(Semaphore::new(READERS)),
        }
    }

    pub(super) async fn run<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| error::closed())?;
        let pool = Arc::clone(&self.pool);
        let read = tokio::task::spawn_blocking(move || {
            let result = pool.read(look);
            drop(turn);
            result
        });
        read.await.map_err(|_| StoreError::Unavailable("a read was broken off".to_owned()))?
    }

    /// Waits for the reads under way and lets the connections go; later reads are refused.
    pub(super) async fn close(&self) {
        let all = u32::try_from(READERS).unwrap_or(u32::MAX);
        // An error says that it is closed already.
        let _ = self.turns.acquire_many(all).await.map(SemaphorePermit::forget);
        self.turns.close();
        self.pool.idle().clear();
    }
}

impl Pool {
    fn read<T, E: From<StoreError>>(&self, look: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E> {
        let idle = self.idle().pop();
        let mut connection = idle.map_or_else(|| connection::for_reading(&self.path), Ok)?;
        let result = match connection.transaction() {
            Ok(transaction) => look(&transaction),
            Err(error) => Err(StoreError::from(error).into()),
        };
        self.idle().push(connection);
        result
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
