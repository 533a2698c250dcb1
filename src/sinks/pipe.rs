//! A JSON line for each event, on standard output.
//!
//! Whoever reads a pipe may stop reading, and then writing stops, too. So it is done by a thread of its own, which a stop
//! does not wait for.

use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use tokio::sync::oneshot;

use super::{Manner, Report, Sink, lines, shown, written};
use crate::clock::Clock;
use crate::model::{Event, Name};

/// Events written together.
const BATCH: usize = 100;
/// How long a reader of the pipe may rest before that is told. What it was being told goes on.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// The writing end of a pipe.
pub(super) struct PipeSink {
    gate: String,
    clock: Clock,
    lines: SyncSender<Job>,
}

struct Job {
    text: Vec<u8>,
    done: oneshot::Sender<std::io::Result<()>>,
}

impl PipeSink {
    pub fn new(name: &Name, writer: Box<dyn Write + Send>, clock: Clock) -> anyhow::Result<Self> {
        let (lines, jobs) = sync_channel(1);
        std::thread::Builder::new()
            .name("sink-stdout".to_owned())
            .spawn(move || write(writer, &jobs))
            .context("cannot start a thread")?;
        Ok(Self { gate: format!("sink:{name}"), clock, lines })
    }

    async fn write(&self, events: &[Event]) -> Result<(), String> {
        let text = lines(events).map_err(|error| error.to_string())?;
        let (done, written) = oneshot::channel();
        self.lines.try_send(Job { text, done }).map_err(|_| "nobody reads it".to_owned())?;
        let written =
            self.clock.timeout(PATIENCE, written).await.map_err(|_| "nobody reads it".to_owned())?;
        written.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }
}

fn write(mut writer: Box<dyn Write + Send>, jobs: &Receiver<Job>) {
    while let Ok(job) = jobs.recv() {
        let written = writer.write_all(&job.text).and_then(|()| writer.flush());
        // Whoever asked may have gone.
        let _ = job.done.send(written);
    }
}

#[async_trait]
impl Sink for PipeSink {
    fn gate(&self) -> &str {
        &self.gate
    }

    fn manner(&self) -> Manner {
        Manner { at_once: 1, batch: BATCH, strict: true, joined: true }
    }

    async fn deliver(&self, events: &[Event]) -> Report {
        let write = async {
            self.write(events).await.map_err(|error| format!("cannot write to standard output: {error}"))
        };
        written(&self.clock, write).await
    }

    async fn check(&self) -> Result<(), String> {
        Ok(())
    }

    fn preview(&self, events: &[Event]) -> String {
        shown(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cursor, Outcome};
    use crate::sinks::Verdict;
    use serde_json::value::RawValue;
    use std::io;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(text)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn event(id: &str) -> Event {
        Event {
            cursor: Cursor::at(1),
            id: id.to_owned(),
            tenant: "contoso".parse().unwrap(),
            subscription: "hr".parse().unwrap(),
            event_type: "o365.listItem.updated".to_owned(),
            subject: "17".to_owned(),
            time: chrono::DateTime::UNIX_EPOCH,
            data: RawValue::from_string("{}".to_owned()).unwrap(),
        }
    }

    fn sink(writer: impl Write + Send + 'static) -> PipeSink {
        PipeSink::new(&"pipe".parse().unwrap(), Box::new(writer), Clock::system()).unwrap()
    }

    #[tokio::test]
    async fn each_event_is_a_line() {
        let written = Shared::default();
        let sink = sink(written.clone());
        assert_eq!(sink.deliver(&[event("a"), event("b")]).await.verdict, Verdict::Delivered);
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let ids =
            text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].clone());
        assert_eq!(ids.collect::<Vec<_>>(), ["a", "b"]);
    }

    #[tokio::test]
    async fn a_pipe_that_was_closed_holds_up_and_gives_nothing_up() {
        let report = sink(Closed).deliver(&[event("a")]).await;
        assert_eq!(
            (report.verdict, report.attempt.outcome),
            (Verdict::Stalled { wait: None }, Outcome::Unwritable)
        );
    }
}
