//! A receiver that costs as little as can be: it finds where requests end, and answers.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const ANSWER: &[u8] = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";
const LISTENER: Token = Token(usize::MAX);

/// The process; it ends with ours.
pub struct Receiver {
    pub address: SocketAddr,
    child: Child,
}

impl Receiver {
    pub fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("--receive")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the bench starts itself");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { address: line.trim().parse().unwrap(), child }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Answers everybody until standard input ends.
pub fn serve() {
    let mut listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    println!("{}", listener.local_addr().unwrap());
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    let mut poll = Poll::new().unwrap();
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE).unwrap();
    let (mut events, mut connections) = (Events::with_capacity(64), Vec::<Option<Connection>>::new());
    loop {
        poll.poll(&mut events, None).unwrap();
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true).unwrap();
                    let token = Token(connections.len());
                    poll.registry().register(&mut stream, token, Interest::READABLE).unwrap();
                    connections.push(Some(Connection { stream, read: Vec::with_capacity(4096) }));
                }
            } else if let Some(connection) = &mut connections[event.token().0]
                && !connection.serve()
            {
                connections[event.token().0] = None;
            }
        }
    }
}

struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    /// Whether it goes on.
    fn serve(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return false,
                Ok(length) => self.read.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => return false,
            }
            while let Some(length) = whole(&self.read) {
                self.read.drain(..length);
                // So short an answer always fits.
                self.stream.write_all(ANSWER).unwrap();
            }
        }
    }
}

/// How long the first request is, once it is all there.
fn whole(read: &[u8]) -> Option<usize> {
    let head = read.windows(4).position(|part| part == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&read[..head]).unwrap();
    let mut lines = text.split("\r\n").filter_map(|line| line.split_once(": "));
    let (_, body) = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length")).expect("a length");
    let length = head + body.parse::<usize>().unwrap();
    (read.len() >= length).then_some(length)
}
