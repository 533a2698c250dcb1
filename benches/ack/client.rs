//! The load: as many requests as come back, one at a time on each connection.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

const THREADS: usize = 2;

/// Whom to load with what.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    /// Whole requests, sent in turn.
    pub(crate) bodies: Arc<Vec<Vec<u8>>>,
}

/// What came back.
pub(crate) struct Burst {
    lasted: Duration,
    /// Microseconds from request to answer, sorted.
    latencies: Vec<u32>,
}

impl Burst {
    pub(crate) fn requests(&self) -> usize {
        self.latencies.len()
    }

    /// Requests in a second.
    pub(crate) fn rate(&self) -> f64 {
        self.requests() as f64 / self.lasted.as_secs_f64()
    }

    pub(crate) fn percentile(&self, share: f64) -> u32 {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get((last as f64 * share) as usize).copied().unwrap_or_default()
    }
}

impl Load {
    pub(crate) fn run(&self, lasts: Duration) -> Burst {
        let began = Instant::now();
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let load = self.clone();
                std::thread::spawn(move || load.one_thread(thread, began + lasts))
            })
            .collect();
        let mut latencies: Vec<u32> =
            threads.into_iter().flat_map(|thread| thread.join().expect("a client thread")).collect();
        latencies.sort_unstable();
        Burst { lasted: began.elapsed(), latencies }
    }

    fn one_thread(&self, thread: usize, until: Instant) -> Vec<u32> {
        let mut poll = Poll::new().unwrap();
        let mut connections: Vec<Connection> =
            (0..self.connections / THREADS).map(|_| Connection::open(self.address)).collect();
        let mut next = thread * self.bodies.len() / THREADS;
        for (index, connection) in connections.iter_mut().enumerate() {
            poll.registry().register(&mut connection.stream, Token(index), Interest::READABLE).unwrap();
            connection.send(&self.bodies[next % self.bodies.len()]);
            next += 1;
        }
        let (mut events, mut latencies) = (Events::with_capacity(256), Vec::with_capacity(1 << 19));
        loop {
            poll.poll(&mut events, Some(Duration::from_millis(100))).unwrap();
            let now = Instant::now();
            if now >= until {
                return latencies;
            }
            for event in &events {
                let connection = &mut connections[event.token().0];
                if connection.answered() {
                    latencies.push(u32::try_from(connection.sent_at.elapsed().as_micros()).unwrap());
                    connection.send(&self.bodies[next % self.bodies.len()]);
                    next += 1;
                }
            }
        }
    }
}

struct Connection {
    stream: TcpStream,
    sent_at: Instant,
    read: Vec<u8>,
}

impl Connection {
    fn open(address: SocketAddr) -> Self {
        let stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self { stream: TcpStream::from_std(stream), sent_at: Instant::now(), read: Vec::with_capacity(512) }
    }

    fn send(&mut self, request: &[u8]) {
        self.sent_at = Instant::now();
        let mut left = request;
        while !left.is_empty() {
            match self.stream.write(left) {
                Ok(written) => left = &left[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                Err(error) => panic!("sending: {error}"),
            }
        }
    }

    /// Whether the whole answer is there; it has no body and must say 202.
    fn answered(&mut self) -> bool {
        let mut buffer = [0; 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => panic!("the server closed the connection"),
                Ok(length) => self.read.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("receiving: {error}"),
            }
        }
        let whole = self.read.ends_with(b"\r\n\r\n");
        if whole {
            assert_eq!(&self.read[9..12], b"202", "{}", String::from_utf8_lossy(&self.read));
            self.read.clear();
        }
        whole
    }
}
