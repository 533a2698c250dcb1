use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;

use crate::clock::Stopwatch;

/// From the first byte of a request to its answer; also for the first byte after connecting, and TLS's own handshake.
const REQUEST_WITHIN: Duration = Duration::from_secs(5);
/// Between requests: longer than the 60 s for which proxies keep their side by default, so that they are the ones to
/// close.
const IDLE_FOR: Duration = Duration::from_secs(75);

/// One connection to the notification port, as seen by whoever decides how long it stays.
#[derive(Debug)]
pub struct Connection {
    started: Stopwatch,
    /// Milliseconds since `started`, and in the lowest two bits the phase that it has been in since then.
    state: AtomicU64,
    /// Why it is to end, 0 for not at all.
    ending: AtomicU64,
    wake: AtomicWaker,
}

/// What a connection is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing has come yet.
    Fresh,
    /// A request is arriving.
    Receiving,
    /// A request is here, and its answer is ours to give.
    Working,
    /// Its last request is answered.
    Idle,
}

/// Why we end a connection. The gravest reason counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Others needed its place.
    GaveWay,
    /// It was not used.
    Unused,
    /// Its request did not come, or its answer was not taken, in time.
    Slow,
}

impl Connection {
    /// A new one; `started` is where its times count from.
    pub(super) fn new(started: Stopwatch) -> Self {
        let connection =
            Self { started, state: AtomicU64::new(0), ending: AtomicU64::new(0), wake: AtomicWaker::new() };
        connection.enter(Phase::Fresh, connection.now());
        connection
    }

    /// A request has arrived in full. From here on a delay is not its sender's.
    pub fn received(&self) {
        let since = match self.phase() {
            (Phase::Receiving, since) => since,
            _ => self.now(),
        };
        self.enter(Phase::Working, since);
    }

    /// Bytes have arrived.
    pub(super) fn sent_something(&self) {
        if matches!(self.phase().0, Phase::Fresh | Phase::Idle) {
            self.enter(Phase::Receiving, self.now());
        }
    }

    /// An answer was handed over.
    pub(super) fn answered(&self) {
        self.enter(Phase::Idle, self.now());
    }

    /// What it is at, and for how long.
    pub(super) fn age(&self) -> (Phase, Duration) {
        let (phase, since) = self.phase();
        (phase, Duration::from_millis(self.now().saturating_sub(since)))
    }

    /// Ends it: one that is to make room as soon as no answer is owed, any other at once.
    pub(super) fn end(&self, reason: Ending) {
        self.ending.fetch_max(reason.code(), Ordering::AcqRel);
        self.wake.wake();
    }

    /// Ready once it is to end.
    pub(super) fn poll_ending(&self, context: &Context<'_>) -> Poll<Ending> {
        // Registered first: one that is ended in between wakes it.
        self.wake.register(context.waker());
        match Ending::of(self.ending.load(Ordering::Acquire)) {
            // It was idle, and its next request was on the way.
            Some(Ending::GaveWay) if self.phase().0 == Phase::Working => Poll::Pending,
            Some(ending) => Poll::Ready(ending),
            None => Poll::Pending,
        }
    }

    fn now(&self) -> u64 {
        let elapsed = self.started.elapsed();
        elapsed.as_secs() * 1000 + u64::from(elapsed.subsec_millis())
    }

    fn enter(&self, phase: Phase, since: u64) {
        self.state.store((since << 2) | phase.code(), Ordering::Relaxed);
    }

    fn phase(&self) -> (Phase, u64) {
        let state = self.state.load(Ordering::Relaxed);
        (Phase::of(state), state >> 2)
    }
}

impl Phase {
    const fn code(self) -> u64 {
        match self {
            Self::Fresh => 0,
            Self::Receiving => 1,
            Self::Working => 2,
            Self::Idle => 3,
        }
    }

    const fn of(state: u64) -> Self {
        match state & 3 {
            0 => Self::Fresh,
            1 => Self::Receiving,
            2 => Self::Working,
            _ => Self::Idle,
        }
    }

    /// Why a connection ends that has been in this phase for so long.
    pub fn ending_after(self, age: Duration) -> Option<Ending> {
        match self {
            Self::Fresh | Self::Receiving | Self::Working => (age >= REQUEST_WITHIN).then_some(Ending::Slow),
            Self::Idle => (age >= IDLE_FOR).then_some(Ending::Unused),
        }
    }
}

impl Ending {
    const ALL: [Self; 3] = [Self::GaveWay, Self::Unused, Self::Slow];

    /// The label `reason` of `o365_closed_connections_total`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::GaveWay => "gave_way",
            Self::Unused => "unused",
            Self::Slow => "slow",
        }
    }

    const fn code(self) -> u64 {
        match self {
            Self::GaveWay => 1,
            Self::Unused => 2,
            Self::Slow => 3,
        }
    }

    fn of(code: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|ending| ending.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn connection() -> Connection {
        Connection::new(Clock::system().stopwatch())
    }

    #[test]
    fn a_connection_goes_from_phase_to_phase() {
        let connection = connection();
        let phase = || connection.age().0;
        assert_eq!(phase(), Phase::Fresh);
        connection.sent_something();
        assert_eq!(phase(), Phase::Receiving);
        connection.sent_something();
        assert_eq!(phase(), Phase::Receiving);
        connection.received();
        assert_eq!(phase(), Phase::Working);
        connection.sent_something();
        assert_eq!(phase(), Phase::Working, "what comes after a request waits for its answer");
        connection.answered();
        assert_eq!(phase(), Phase::Idle);
        connection.received();
        assert_eq!(phase(), Phase::Working, "a request that came together with the one before");
    }

    #[test]
    fn more_bytes_do_not_win_time_for_a_request() {
        let connection = connection();
        connection.enter(Phase::Receiving, 7);
        connection.sent_something();
        assert_eq!(connection.phase(), (Phase::Receiving, 7));
        connection.received();
        assert_eq!(connection.phase(), (Phase::Working, 7));
    }

    #[test]
    fn every_phase_ends() {
        for (phase, seconds, ending) in [
            (Phase::Fresh, 4, None),
            (Phase::Fresh, 5, Some(Ending::Slow)),
            (Phase::Receiving, 4, None),
            (Phase::Receiving, 5, Some(Ending::Slow)),
            (Phase::Working, 4, None),
            (Phase::Working, 5, Some(Ending::Slow)),
            (Phase::Idle, 74, None),
            (Phase::Idle, 75, Some(Ending::Unused)),
        ] {
            assert_eq!(phase.ending_after(Duration::from_secs(seconds)), ending, "{phase:?} for {seconds} s");
        }
    }

    /// Why it ends, when it is looked at once.
    fn ending(connection: &Connection) -> Option<Ending> {
        match connection.poll_ending(&Context::from_waker(std::task::Waker::noop())) {
            Poll::Ready(ending) => Some(ending),
            Poll::Pending => None,
        }
    }

    #[test]
    fn whoever_makes_room_is_given_the_answer_that_is_owed_but_not_for_ever() {
        let connection = connection();
        connection.received();
        connection.end(Ending::GaveWay);
        assert_eq!(ending(&connection), None);
        connection.answered();
        assert_eq!(ending(&connection), Some(Ending::GaveWay));
        connection.sent_something();
        assert_eq!(
            ending(&connection),
            Some(Ending::GaveWay),
            "a request that is not here yet is not owed one"
        );
        connection.received();
        connection.end(Ending::Slow);
        connection.end(Ending::GaveWay);
        assert_eq!(ending(&connection), Some(Ending::Slow));
    }

    #[tokio::test]
    async fn ending_it_wakes_whoever_serves_it() {
        let connection = std::sync::Arc::new(connection());
        let other = connection.clone();
        let ending = std::future::poll_fn(move |context| other.poll_ending(context));
        // It is polled once before.
        let (ending, ()) = tokio::join!(ending, async { connection.end(Ending::Unused) });
        assert_eq!(ending, Ending::Unused);
    }
}
