//! The clients: all in one thread, each with its own connection and its own count.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use tokio::net::TcpSocket;

/// What the kernel holds for a client, so that one that does not read is soon felt.
const RECEIVED: u32 = 32 * 1024;
/// Of so many events, how far a client is behind is looked at for one.
const LOOKED_AT: u64 = 20;
const REQUEST: &[u8] = b"GET /v1/events/stream?after=latest HTTP/1.1\r\nhost: localhost\r\n\r\n";

pub struct Clients {
    poll: Poll,
    all: Vec<Client>,
    /// Of events, in which order they were written and how long they took, in milliseconds.
    lags: Vec<(u64, f64)>,
}

/// Sorted milliseconds.
pub struct Lags(Vec<f64>);

impl Clients {
    /// Connects them, and waits until each is answered.
    pub fn connect(to: SocketAddr, number: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let poll = Poll::new().unwrap();
        let connect = async || {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_recv_buffer_size(RECEIVED).unwrap();
            socket.connect(to).await.unwrap().into_std().unwrap()
        };
        let clients = (0..number).map(|token| {
            let mut stream = TcpStream::from_std(runtime.block_on(connect()));
            stream.write_all(REQUEST).unwrap();
            poll.registry().register(&mut stream, Token(token), Interest::READABLE).unwrap();
            Client { stream, at: At::Head, line: Vec::new(), seen: None, pieces: 0 }
        });
        let mut all = Self { all: clients.collect(), poll, lags: Vec::new() };
        all.read_while(Duration::from_secs(30), |client| client.seen.is_none());
        all
    }

    /// Reads until everybody has the event with this number.
    pub fn read_until(&mut self, number: u64, patience: Duration) {
        self.read_while(patience, |client| client.seen < Some(number));
    }

    /// How far they were behind with events after this one.
    pub fn lags(&mut self, after: u64) -> Lags {
        let lags = std::mem::take(&mut self.lags).into_iter().filter(|(number, _)| *number > after);
        let mut lags: Vec<f64> = lags.map(|(_, lag)| lag).collect();
        lags.sort_by(f64::total_cmp);
        Lags(lags)
    }

    /// In how many pieces all of them were told what they were told.
    pub fn pieces(&self) -> u64 {
        self.all.iter().map(|client| client.pieces).sum()
    }

    fn read_while(&mut self, patience: Duration, goes_on: impl Fn(&Client) -> bool) {
        let until = Instant::now() + patience;
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; 256 * 1024];
        // What arrived while nobody read is announced no more.
        for client in &mut self.all {
            client.read(&mut buffer, &mut self.lags);
        }
        while self.all.iter().any(&goes_on) {
            assert!(Instant::now() < until, "somebody was not told everything");
            self.poll.poll(&mut events, Some(Duration::from_millis(100))).unwrap();
            for event in &events {
                self.all[event.token().0].read(&mut buffer, &mut self.lags);
            }
        }
    }
}

impl Lags {
    pub fn at(&self, share: f64) -> f64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
        let place = (self.0.len().saturating_sub(1) as f64 * share) as usize;
        self.0[place]
    }
}

struct Client {
    stream: TcpStream,
    at: At,
    /// What does not make a whole line yet.
    line: Vec<u8>,
    /// The last number it was told.
    seen: Option<u64>,
    pieces: u64,
}

/// Where in the answer.
enum At {
    Head,
    Size,
    /// So much of a piece is left.
    Piece(usize),
    /// So much of the line break after one is.
    Break(usize),
}

impl Client {
    fn read(&mut self, buffer: &mut [u8], lags: &mut Vec<(u64, f64)>) {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => panic!("the listener closed a connection"),
                Ok(length) => self.take(&buffer[..length], lags),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("reading: {error}"),
            }
        }
    }

    fn take(&mut self, mut bytes: &[u8], lags: &mut Vec<(u64, f64)>) {
        while !bytes.is_empty() {
            let (taken, next) = match self.at {
                At::Head | At::Size => {
                    let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
                    self.line.extend_from_slice(&bytes[..end]);
                    (end, self.line.ends_with(b"\n").then(|| self.protocol()).flatten())
                }
                At::Piece(left) => {
                    let now = left.min(bytes.len());
                    self.text(&bytes[..now], lags);
                    (now, Some(if now == left { At::Break(2) } else { At::Piece(left - now) }))
                }
                At::Break(left) => {
                    let now = left.min(bytes.len());
                    (now, Some(if now == left { At::Size } else { At::Break(left - now) }))
                }
            };
            bytes = &bytes[taken..];
            self.at = next.unwrap_or_else(|| std::mem::replace(&mut self.at, At::Head));
        }
    }

    /// A line of HTTP's own, and what comes after it, if that is another thing.
    fn protocol(&mut self) -> Option<At> {
        let line = std::mem::take(&mut self.line);
        let line = std::str::from_utf8(&line).unwrap().trim_end();
        match self.at {
            At::Head if line.is_empty() => Some(At::Size),
            At::Head => {
                assert!(!line.starts_with("HTTP/1.1") || line.ends_with("200 OK"), "{line}");
                None
            }
            _ => {
                self.pieces += 1;
                // A piece may end within a line, which goes on in the next.
                Some(At::Piece(usize::from_str_radix(line, 16).unwrap()))
            }
        }
    }

    fn text(&mut self, bytes: &[u8], lags: &mut Vec<(u64, f64)>) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            // Only what is looked at is kept until it is whole.
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.told(&line, lags);
                self.line = line;
                self.line.clear();
            }
        }
    }

    fn told(&mut self, line: &[u8], lags: &mut Vec<(u64, f64)>) {
        if let Some(id) = line.strip_prefix(b"id: ") {
            let id: u64 = std::str::from_utf8(id).unwrap().trim_end().parse().unwrap();
            assert!(self.seen.is_none_or(|seen| id == seen + 1), "{id} after {:?}", self.seen);
            self.seen = Some(id);
        } else if let (Some(data), Some(seen)) = (line.strip_prefix(b"data: "), self.seen)
            && seen.is_multiple_of(LOOKED_AT)
        {
            lags.push((seen, lag(data)));
        }
    }
}

/// Milliseconds since what an event says of its time.
fn lag(data: &[u8]) -> f64 {
    let text = std::str::from_utf8(data).unwrap();
    let (_, time) = text.split_once("\"time\":\"").unwrap();
    let (time, _) = time.split_once('"').unwrap();
    let lag = Utc::now() - time.parse::<DateTime<Utc>>().unwrap();
    lag.num_microseconds().unwrap() as f64 / 1000.0
}
