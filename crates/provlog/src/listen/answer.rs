//! The bodies of a request and its answer, which tell their connection whether a request body is
//! awaited and how much of an answer is unwritten.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use budget::Share;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;

use super::connection::Connection;

/// The most that is handed to a connection at once.
const PIECE_BYTES_MAX: usize = 32 << 10;

/// An answer, from the arrival of its request's head until its last byte is written.
pub(super) struct Answer {
    connection: Arc<Connection>,
    number: u64,
    /// Its share of the memory budget, once it exists.
    share: Mutex<Option<Arc<Share>>>,
}

impl Answer {
    /// Registers a request whose head takes `head_bytes` of memory.
    pub(super) fn begin(connection: &Arc<Connection>, head_bytes: usize) -> Arc<Answer> {
        let number = connection.begin(head_bytes);
        Arc::new(Answer { connection: Arc::clone(connection), number, share: Mutex::default() })
    }

    /// Wraps the body; its share of the memory budget is returned after the last byte is written.
    pub(super) fn body(self: Arc<Self>, body: Body, share: Arc<Share>) -> Body {
        *self.share.lock().unwrap_or_else(PoisonError::into_inner) = Some(share);
        Body::new(AnswerBody { body, rest: Bytes::new(), answer: self })
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.connection.end(self.number);
    }
}

/// The body of an answer, in pieces.
struct AnswerBody {
    body: Body,
    /// What `body` yielded and was not handed over yet.
    rest: Bytes,
    answer: Arc<Answer>,
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => self.rest = bytes,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
            }
        }
        let length = self.rest.len().min(PIECE_BYTES_MAX);
        let piece = Piece::new(self.rest.split_to(length), Arc::clone(&self.answer));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (body, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower() + rest);
        if let Some(upper) = body.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

/// Bytes of an answer; dropped when the last of them is written.
struct Piece {
    bytes: Bytes,
    answer: Arc<Answer>,
}

impl Piece {
    fn new(bytes: Bytes, answer: Arc<Answer>) -> Piece {
        answer.connection.handed(answer.number, bytes.len());
        Piece { bytes, answer }
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.answer.connection.wrote(self.answer.number, self.bytes.len());
    }
}

/// The body of a request, which tells its connection while it waits for the client.
pub(super) struct RequestBody {
    body: Incoming,
    connection: Arc<Connection>,
    is_awaited: bool,
}

impl RequestBody {
    pub(super) fn new(body: Incoming, connection: Arc<Connection>) -> RequestBody {
        RequestBody { body, connection, is_awaited: false }
    }

    fn awaits(&mut self, does: bool) {
        if self.is_awaited != does {
            self.is_awaited = does;
            self.connection.awaits(does);
        }
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        self.awaits(frame.is_pending());
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.awaits(false);
    }
}
