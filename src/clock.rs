//! The only reader of system time. Everything else is handed a [`Clock`], so that a test can stand still,
//! step over six months, and still be the same code.

use std::future::Future;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

/// Wall-clock time and waiting. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    /// The machine's, and by how much it was put forward.
    Movable(watch::Sender<TimeDelta>),
    Manual(watch::Sender<DateTime<Utc>>),
}

impl Clock {
    /// The machine's own clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// The machine's own clock, until [`Clock::advance`] puts it forward; it runs on from there. All clones share it.
    pub fn movable() -> Self {
        Self(Source::Movable(watch::Sender::new(TimeDelta::zero())))
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
            Source::Movable(ahead) => Utc::now() + *ahead.borrow(),
            Source::Manual(time) => *time.borrow(),
        }
    }

    /// Moves a clock forward and wakes whoever slept until then; the system clock moves by itself.
    pub fn advance(&self, by: Duration) {
        match &self.0 {
            Source::System => {}
            Source::Movable(ahead) => {
                let by = TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX);
                ahead.send_modify(|ahead| *ahead = ahead.checked_add(&by).unwrap_or(*ahead));
            }
            Source::Manual(time) => time.send_modify(|now| *now += by),
        }
    }

    /// Waits for `duration` of this clock's time.
    pub async fn sleep(&self, duration: Duration) {
        let wake = TimeDelta::from_std(duration).ok().and_then(|it| self.now().checked_add_signed(it));
        self.sleep_until(wake.unwrap_or(DateTime::<Utc>::MAX_UTC)).await;
    }

    /// Waits until this clock reads `wake` or later; not at all, and without letting others go first, if it does by now.
    #[expect(clippy::disallowed_methods, reason = "the one place that waits on the system clock")]
    pub async fn sleep_until(&self, wake: DateTime<Utc>) {
        match &self.0 {
            Source::System => {
                // The timer rounds up to the next millisecond, also what is over.
                if let Some(left) = (wake - Utc::now()).to_std().ok().filter(|left| !left.is_zero()) {
                    tokio::time::sleep(left).await;
                }
            }
            Source::Movable(ahead) => {
                let mut moved = ahead.subscribe();
                while let Ok(left) = (wake - self.now()).to_std() {
                    if left.is_zero() {
                        return;
                    }
                    tokio::select! {
                        () = tokio::time::sleep(left) => {}
                        // The sender lives as long as this clock.
                        _ = moved.changed() => {}
                    }
                }
            }
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

    #[tokio::test]
    async fn a_movable_clock_runs_on_from_where_it_was_put() {
        let (clock, machine) = (Clock::movable(), Clock::system());
        let sleeper = clock.clone();
        let mut sleep = Box::pin(sleeper.sleep(Duration::from_secs(3600)));
        assert!(futures_util::poll!(&mut sleep).is_pending());
        clock.advance(Duration::from_secs(3601));
        sleep.await;
        let ahead = clock.now() - machine.now();
        assert!((3600..=3601).contains(&ahead.num_seconds()), "{ahead}");
        let before = clock.now();
        clock.sleep(Duration::from_millis(5)).await;
        assert!(clock.now() >= before + Duration::from_millis(5));
    }
}
