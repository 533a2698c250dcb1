use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::certificate::{Contents, Pair, PairError};
use super::tls::Shown;
use crate::clock::Clock;
use crate::config::Tls;
use crate::metrics::Metrics;
use crate::tasks::Task;

/// How often the files are looked at. By content: a time of change says nothing about a link that points elsewhere.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// When to look again at files that are no pair: whoever renews writes one after the other.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Looks whether the files of a port hold another pair, and shows it.
pub struct CertificateRenewal {
    port: &'static str,
    files: Tls,
    shown: Arc<Shown>,
    clock: Clock,
    metrics: Arc<Metrics>,
    seen: Mutex<Seen>,
}

struct Seen {
    /// When the certificate ends that is shown.
    ends: DateTime<Utc>,
    /// What the files held when it was taken from them.
    taken: Option<Contents>,
    /// Why the files held no pair at the last look.
    trouble: Option<PairError>,
    /// The trouble that was told last, since they held one.
    told: Option<PairError>,
}

impl CertificateRenewal {
    /// `pair` is what `files` held, and what `shown` shows; `port` is the label of the metrics.
    pub fn new(
        port: &'static str,
        files: Tls,
        (pair, shown): (&Pair, Arc<Shown>),
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Self {
        let seen = Seen { ends: pair.ends, taken: None, trouble: None, told: None };
        let renewal = Self { port, files, shown, clock, metrics, seen: Mutex::new(seen) };
        renewal.tell_metrics(pair.ends, false);
        renewal
    }

    /// Notes what the files hold; how soon to look again.
    fn look(&self, contents: Result<Contents, PairError>) -> Duration {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let unchanged = contents.as_ref().is_ok_and(|contents| seen.taken.as_ref() == Some(contents));
        let next = if unchanged {
            (seen.trouble, seen.told) = (None, None);
            LOOK_EVERY
        } else {
            let pair = contents.and_then(|contents| {
                let pair = Pair::of(&self.files, &contents)?.lasting(&self.files, self.clock.now())?;
                Ok((pair, contents))
            });
            match pair {
                Ok((pair, contents)) => self.take(&mut seen, &pair, contents),
                Err(trouble) => self.doubt(&mut seen, trouble),
            }
        };
        self.tell_metrics(seen.ends, seen.told.is_some());
        next
    }

    fn take(&self, seen: &mut Seen, pair: &Pair, contents: Contents) -> Duration {
        let first = seen.taken.is_none() && pair.ends == seen.ends;
        self.shown.show(pair);
        *seen = Seen { ends: pair.ends, taken: Some(contents), trouble: None, told: None };
        if !first {
            tracing::info!(port = self.port, ends = %pair.ends, "A new certificate is shown");
        }
        LOOK_EVERY
    }

    /// Keeps what is shown. Each trouble is told once, and not before the second look.
    fn doubt(&self, seen: &mut Seen, trouble: PairError) -> Duration {
        if seen.trouble.as_ref() != Some(&trouble) {
            seen.trouble = Some(trouble);
            return LOOK_AGAIN;
        }
        if seen.told.as_ref() != Some(&trouble) {
            tracing::warn!(port = self.port, reason = %trouble, ends = %seen.ends,
                "The files hold no certificate that can be used; the one from before is shown until they do");
            seen.told = Some(trouble);
        }
        LOOK_EVERY
    }

    fn tell_metrics(&self, ends: DateTime<Utc>, stale: bool) {
        let left = (ends - self.clock.now()).as_seconds_f64();
        self.metrics.port.certificate(self.port, left, stale);
    }
}

#[async_trait]
impl Task for CertificateRenewal {
    async fn work_off(&self, _: &CancellationToken) -> Option<DateTime<Utc>> {
        let files = self.files.clone();
        let contents = tokio::task::spawn_blocking(move || Contents::read(&files)).await.ok()?;
        Some(self.clock.now() + self.look(contents))
    }
}
