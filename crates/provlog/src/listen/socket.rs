//! A socket that tells its connection when bytes are read or written.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::connection::Connection;
use crate::peer::{Peer, Stream};

/// The kernel's send buffer of one connection: it holds what the client does not read. The socket is
/// writable again only once a third of it is free, so a client that reads less than that makes no
/// visible progress.
const SEND_BYTES_MAX: usize = 128 << 10;

/// The most that is read at once. hyper's buffer begins with 8 KiB and doubles whenever a read fills
/// it, up to the largest head: every connection with pipelined requests would hold that much.
const READ_BYTES_MAX: usize = (8 << 10) - 1;

/// The socket of a connection.
pub(super) struct Socket {
    stream: Stream,
    connection: Arc<Connection>,
}

impl Socket {
    /// The socket, and its other end.
    pub(super) fn new(stream: TcpStream, connection: Arc<Connection>) -> (Socket, Peer) {
        // Answers are small and written at once, so Nagle's algorithm would only delay them.
        let _ = stream.set_nodelay(true);
        let _ = rustix::net::sockopt::set_socket_send_buffer_size(&stream, SEND_BYTES_MAX);
        let (stream, peer) = Stream::new(stream);
        connection.opened_by(peer.clone());
        (Socket { stream, connection }, peer)
    }

    fn report(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => self.connection.blocked(),
            Poll::Ready(Ok(bytes)) if bytes > 0 => self.connection.sent(),
            Poll::Ready(_) => {}
        }
        written
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buffer.remaining().min(READ_BYTES_MAX);
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(room));
        let read = Pin::new(&mut self.stream).poll_read(context, &mut part);
        let bytes = part.filled().len();
        buffer.advance(bytes);
        if bytes > 0 {
            self.connection.received();
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.report(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.report(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
