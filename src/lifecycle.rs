//! Stopping in two stages: first nothing new is begun and what is under way finishes its step, then the ports close;
//! the store is closed last. The ports come second because a subscription that is just being created has its
//! handshake still to come, and because a notification that arrives meanwhile is stored as ever.

use std::future::Future;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;

/// How long the answers under way may take once nothing new comes in: longer than any answer on the notification
/// port takes.
pub const DRAIN_SECONDS: u64 = 5;

/// How long the tasks may take to finish the step they are at; then they are left: what they were at is not
/// committed, and is done again at the next start.
const STEP: Duration = Duration::from_secs(20);

/// What runs, and how to stop it.
#[derive(Default)]
pub struct Lifecycle {
    stop: CancellationToken,
    tasks: TaskTracker,
    running: Mutex<Vec<AbortHandle>>,
    ports: TaskTracker,
    servers: Vec<ServerHandle>,
}

impl Lifecycle {
    /// Given once the process is to stop.
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts a background task on the current runtime.
    pub fn spawn<F>(&self, task: F)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let running = self.tasks.spawn(task).abort_handle();
        self.running.lock().unwrap_or_else(PoisonError::into_inner).push(running);
    }

    /// Starts to serve on a port, with the handle that stops it.
    pub fn serve(
        &mut self,
        handle: ServerHandle,
        port: impl Future<Output = io::Result<()>> + Send + 'static,
    ) {
        self.servers.push(handle);
        self.ports.spawn(async move {
            if let Err(error) = port.await {
                tracing::error!(%error, "A port is not served any more");
            }
        });
    }

    /// Drops everything where it stands, as if the process had died: no task finishes its step, no answer is given.
    pub async fn abandon(self) {
        let running = self.running.into_inner().unwrap_or_else(PoisonError::into_inner);
        running.iter().for_each(AbortHandle::abort);
        futures_util::future::join_all(self.servers.iter().map(|server| server.stop(false))).await;
        self.tasks.close();
        self.tasks.wait().await;
        self.ports.close();
        self.ports.wait().await;
    }

    /// Stops everything. `true`: all tasks have ended by themselves.
    pub async fn stop(self, clock: &Clock) -> bool {
        self.stop.cancel();
        self.tasks.close();
        let finished = clock.timeout(STEP, self.tasks.wait()).await.is_ok();
        futures_util::future::join_all(self.servers.iter().map(|server| server.stop(true))).await;
        self.ports.close();
        // They have had their time to drain.
        let _ = clock.timeout(STEP, self.ports.wait()).await;
        finished
    }
}
