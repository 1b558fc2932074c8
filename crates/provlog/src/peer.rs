//! A connection that can tell, while a request is being answered, whether the client has closed it, and
//! whether the client has sent what nobody has read yet.
//!
//! hyper does not read meanwhile: a request must be recorded even if its client closes the connection
//! right after it. So the readiness of the socket itself is checked.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// The socket of a connection.
pub(crate) struct Stream(Arc<TcpStream>);

/// The other end of a connection.
#[derive(Clone)]
pub(crate) struct Peer(Weak<TcpStream>);

impl Stream {
    pub(crate) fn new(stream: TcpStream) -> (Stream, Peer) {
        let stream = Arc::new(stream);
        let peer = Peer(Arc::downgrade(&stream));
        (Stream(stream), peer)
    }
}

impl Peer {
    /// Whether the connection is closed, or the client has closed its sending half, which looks the
    /// same.
    pub(crate) fn has_left(&self) -> bool {
        let Some(stream) = self.0.upgrade() else { return true };
        let mut context = Context::from_waker(Waker::noop());
        match pin!(stream.ready(Interest::READABLE)).poll(&mut context) {
            Poll::Ready(Ok(ready)) => ready.is_read_closed(),
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        }
    }

    /// Whether bytes of the client have arrived that were not read yet.
    pub(crate) fn has_sent(&self) -> bool {
        let stream = self.0.upgrade();
        stream
            .is_some_and(|stream| rustix::io::ioctl_fionread(&*stream).is_ok_and(|bytes| bytes > 0))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(context))?;
            match self.0.try_read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(context))?;
            match self.0.try_write_vectored(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// A socket has no buffer to flush.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match rustix::net::shutdown(&*self.0, rustix::net::Shutdown::Write) {
            // The connection is closed already.
            Ok(()) | Err(rustix::io::Errno::NOTCONN) => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_client_that_closes_the_connection_has_left_though_nothing_is_read() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut connection, peer) = Stream::new(listener.accept().await.unwrap().0);
        client.write_all(b"ask").await.unwrap();
        let mut heard = [0; 3];
        connection.read_exact(&mut heard).await.unwrap();
        connection.write_all(b"answer").await.unwrap();
        let mut told = [0; 6];
        client.read_exact(&mut told).await.unwrap();
        assert_eq!((&heard, &told), (b"ask", b"answer"));
        client.write_all(b"what is not read yet").await.unwrap();
        assert!(!peer.has_left(), "it still waits");
        while !peer.has_sent() {
            tokio::task::yield_now().await;
        }
        let mut rest = [0; 20];
        connection.read_exact(&mut rest).await.unwrap();
        assert!(!peer.has_sent(), "it was read");
        drop(client);
        while !peer.has_left() {
            tokio::task::yield_now().await;
        }
        drop(connection);
        assert!(peer.has_left(), "the connection is gone");
    }
}
