use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::Signal;
use crate::clock::Clock;

/// How long a task sleeps at most, so that a lost wake-up costs a minute.
const PERIOD: Duration = Duration::from_secs(60);

/// How long a task sleeps at least, so that work which is due but cannot be claimed does not keep it spinning.
const PAUSE: Duration = Duration::from_millis(50);

/// When to look again after the store did not take part: soon enough that nobody waits long once it does, and seldom
/// enough for a disk that is full.
pub const STORE_RETRY: Duration = Duration::from_secs(5);

/// Work that is found in the store, and done whenever there is some.
#[async_trait]
pub trait Task: Send + Sync {
    /// Does all that is due; once `stop` is given, only finishes the step it is at. Returns when the next thing
    /// is due, if that is known. Idempotent: calling it again finds nothing left to do.
    async fn work_off(&self, stop: &CancellationToken) -> Option<DateTime<Utc>>;
}

/// Runs a task until `stop`.
pub async fn run(task: impl Task, clock: Clock, wake: Signal, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let next = task.work_off(&stop).await;
        let wait = pause(&clock, next);
        tokio::select! {
            () = stop.cancelled() => {}
            () = wake.raised() => {}
            () = clock.sleep_until(wait) => {}
        }
    }
}

/// When to look again if the next thing is due at `next`: neither at once nor later than in a minute.
pub fn pause(clock: &Clock, next: Option<DateTime<Utc>>) -> DateTime<Utc> {
    let now = clock.now();
    let (soonest, latest) = (now + PAUSE, now + PERIOD);
    next.map_or(latest, |due| due.clamp(soonest, latest))
}
