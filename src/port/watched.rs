use std::io::{self, Error, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::connection::Connection;
use super::connections::Connections;

/// A stream whose reading and writing tell where its connection is.
pub(super) struct Watched {
    transport: Transport,
    pub connection: Arc<Connection>,
    connections: Arc<Connections>,
    /// Bytes received since the last answer.
    held: usize,
    answering: bool,
}

pub(super) enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Watched {
    pub fn new(transport: Transport, connection: Arc<Connection>, connections: Arc<Connections>) -> Self {
        Self { transport, connection, connections, held: 0, answering: false }
    }

    fn received(&mut self, bytes: usize) -> io::Result<()> {
        self.connection.sent_something();
        self.held += bytes;
        if self.connections.receive(bytes, self.held) {
            return Ok(());
        }
        self.connections.closed("memory");
        Err(Error::new(ErrorKind::QuotaExceeded, "too many bytes wait for an answer"))
    }

    fn let_go(&mut self) {
        self.connections.let_go(std::mem::take(&mut self.held));
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Transport::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        })?;
        match buffer.filled().len() - before {
            0 => Poll::Ready(Ok(())),
            bytes => Poll::Ready(self.received(bytes)),
        }
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.answering = true;
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Transport::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(context),
            Transport::Tls(stream) => Pin::new(stream).poll_flush(context),
        })?;
        if std::mem::take(&mut self.answering) {
            self.connection.answered();
            self.let_go();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.let_go();
    }
}
