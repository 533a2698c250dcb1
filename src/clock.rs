//! The only reader of system time. Everything else is handed a [`Clock`], so that a test can stand still,
//! step over six months, and still be the same code.

use std::future::Future;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::watch;

/// Wall-clock time and waiting. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(watch::Sender<DateTime<Utc>>),
}

impl Clock {
    /// The machine's own clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `start` until [`Clock::advance`] moves it. All clones share it.
    pub fn manual(start: DateTime<Utc>) -> Self {
        Self(Source::Manual(watch::Sender::new(start)))
    }

    /// Now, in UTC.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            Source::System => Utc::now(),
            Source::Manual(time) => *time.borrow(),
        }
    }

    /// Moves a manual clock forward and wakes whoever slept until then; the system clock moves by itself.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(time) = &self.0 {
            time.send_modify(|now| *now += by);
        }
    }

    /// Waits for `duration` of this clock's time.
    pub async fn sleep(&self, duration: Duration) {
        let wake = self.now() + duration;
        self.sleep_until(wake).await;
    }

    /// Waits until this clock reads `wake` or later.
    #[expect(clippy::disallowed_methods, reason = "the one place that waits on the system clock")]
    pub async fn sleep_until(&self, wake: DateTime<Utc>) {
        match &self.0 {
            Source::System => tokio::time::sleep((wake - Utc::now()).to_std().unwrap_or_default()).await,
            Source::Manual(time) => {
                // The sender lives as long as this clock, so the wait cannot fail.
                let _ = time.subscribe().wait_for(|now| *now >= wake).await;
            }
        }
    }

    /// Runs `work` for at most `limit` of *real* time, whatever this clock says: limits guard against a peer or
    /// a disk that does not answer, and those live in real time even in a test.
    ///
    /// # Errors
    /// [`TimedOut`] when the limit ran out first; `work` is dropped then.
    #[expect(clippy::disallowed_methods, reason = "the one place that sets time limits")]
    pub async fn timeout<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Result<T, TimedOut> {
        tokio::time::timeout(limit, work).await.map_err(|_| TimedOut)
    }

    /// Starts measuring how long something takes, in real time.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    pub fn stopwatch(&self) -> Stopwatch {
        Stopwatch(Instant::now())
    }
}

/// A time limit ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time limit ran out")]
pub struct TimedOut;

/// Measures a duration.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Real time since it was started.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_moves_only_when_told() {
        let clock = Clock::manual(DateTime::UNIX_EPOCH);
        let sleeper = clock.clone();
        let mut sleep = Box::pin(sleeper.sleep(Duration::from_secs(60)));
        assert!(futures_util::poll!(&mut sleep).is_pending());
        clock.advance(Duration::from_secs(59));
        assert!(futures_util::poll!(&mut sleep).is_pending());
        clock.advance(Duration::from_secs(1));
        sleep.await;
        assert_eq!(clock.now(), DateTime::UNIX_EPOCH + Duration::from_secs(60));
    }
}
