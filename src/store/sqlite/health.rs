//! How writing goes: kept in memory, since it is asked for just when nothing can be written.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::store::{StoreError, StoreHealth};

/// What has become of the commits since the store was opened.
#[derive(Debug, Default)]
pub(super) struct Health {
    failed_commits: AtomicU64,
    failing: AtomicBool,
    trouble: Mutex<Option<String>>,
}

impl Health {
    /// A commit ended. The first that fails is logged, and the first that works again; one that had nothing to write
    /// proves nothing.
    pub(super) fn note<T>(&self, committed: &Result<T, StoreError>, wrote: bool) {
        match committed {
            Ok(_) if wrote && self.failing.load(Ordering::Relaxed) => self.healed(),
            Ok(_) => {}
            Err(error) => self.failed(error),
        }
    }

    pub(super) fn look(&self) -> StoreHealth {
        StoreHealth {
            failed_commits: self.failed_commits.load(Ordering::Relaxed),
            trouble: self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    fn failed(&self, error: &StoreError) {
        self.failed_commits.fetch_add(1, Ordering::Relaxed);
        self.set(Some(error.to_string()));
        if !self.failing.swap(true, Ordering::Relaxed) {
            tracing::error!(%error, "The store cannot be written to; notifications are answered with 503 until it can");
        }
    }

    fn healed(&self) {
        self.set(None);
        if self.failing.swap(false, Ordering::Relaxed) {
            let failed_commits = self.failed_commits.load(Ordering::Relaxed);
            tracing::info!(failed_commits, "The store can be written to again");
        }
    }

    fn set(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_outage_is_logged_once_at_its_beginning_and_once_at_its_end() {
        let lines = Lines::default();
        let writer = lines.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(log, || {
            let health = Health::default();
            let full = || Err::<(), _>(StoreError::Unavailable("the disk is full".to_owned()));
            health.note(&Ok(()), true);
            assert_eq!(health.look(), StoreHealth::default());
            for outage in 1..=2_u64 {
                for failure in 1..=100 {
                    health.note(&full(), failure % 2 == 0);
                    health.note(&Ok(()), false);
                    assert_eq!(health.look().failed_commits, (outage - 1) * 100 + failure);
                }
                assert!(health.look().trouble.unwrap().contains("the disk is full"));
                for _ in 0..100 {
                    health.note(&Ok(()), true);
                }
                assert_eq!(health.look(), StoreHealth { failed_commits: outage * 100, trouble: None });
            }
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 4, "{text}");
    }
}
