use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Mutex;

use crate::clock::Clock;

/// Lets so many requests of one kind go in any stretch of time, for a limit that is far below those of all others.
pub(in crate::office365) struct Spacing {
    most: usize,
    within: Duration,
    gone: Mutex<VecDeque<DateTime<Utc>>>,
}

impl Spacing {
    /// At most `most` (one at least) in any `within`.
    pub(in crate::office365) fn new(most: usize, within: Duration) -> Self {
        Self { most: most.max(1), within, gone: Mutex::default() }
    }

    /// Waits for its turn; who comes first goes first.
    pub(in crate::office365) async fn turn(&self, clock: &Clock) {
        let mut gone = self.gone.lock().await;
        if gone.len() >= self.most
            && let Some(first) = gone.front().copied()
        {
            clock.sleep_until(first + self.within).await;
            gone.pop_front();
        }
        gone.push_back(clock.now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::poll;

    #[tokio::test]
    async fn a_few_go_at_once_and_the_next_when_the_first_is_long_enough_ago() {
        let clock = Clock::manual(DateTime::UNIX_EPOCH);
        let spacing = Spacing::new(2, Duration::from_secs(20));
        spacing.turn(&clock).await;
        clock.advance(Duration::from_secs(5));
        spacing.turn(&clock).await;
        let mut third = Box::pin(spacing.turn(&clock));
        assert!(poll!(&mut third).is_pending());
        clock.advance(Duration::from_secs(15));
        third.await;
        let mut fourth = Box::pin(spacing.turn(&clock));
        assert!(poll!(&mut fourth).is_pending());
        clock.advance(Duration::from_secs(5));
        fourth.await;
    }
}
