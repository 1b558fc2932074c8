//! Answers that go on: server-sent events, and how many of them there may be at once.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use http_body::Frame;
use query::visit::Refusal;
use tokio::sync::mpsc::Receiver;

/// nginx would collect events before it passes them on.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// Tails of the server, and of one token, at once.
const ALL_MAX: usize = 64;
const OF_ONE_MAX: usize = 8;

/// Counts the tails that go on, by the tokens of their readers.
#[derive(Clone, Default)]
pub(crate) struct Tails(Arc<Mutex<HashMap<String, usize>>>);

/// A tail that is counted until it ends.
pub(crate) struct Counted {
    tails: Tails,
    token: String,
}

impl Tails {
    fn with<T>(&self, change: impl FnOnce(&mut HashMap<String, usize>) -> T) -> T {
        // A panic under this lock leaves no half-made state.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts one more of a token.
    ///
    /// # Errors
    /// When there are too many.
    pub(crate) fn count(&self, token: String) -> Result<Counted, Refusal> {
        self.with(|held| {
            if held.get(&token).is_some_and(|own| *own >= OF_ONE_MAX) {
                return Err(Refusal::too_many_tails(true));
            }
            if held.values().sum::<usize>() >= ALL_MAX {
                return Err(Refusal::too_many_tails(false));
            }
            *held.entry(token.clone()).or_default() += 1;
            Ok(())
        })?;
        Ok(Counted { tails: self.clone(), token })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.tails.with(|held| {
            if let Some(own) = held.get_mut(&self.token) {
                *own -= 1;
                if *own == 0 {
                    held.remove(&self.token);
                }
            }
        });
    }
}

/// The events of a channel as an answer.
pub(crate) fn streamed(receiver: Receiver<Bytes>) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
        (X_ACCEL_BUFFERING, "no"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, Body::new(Stream(receiver))).into_response()
}

/// The lines of an event's text, and its end.
pub(crate) fn data(text: &str) -> String {
    let mut lines: String =
        text.split(['\n', '\r']).map(|line| format!("data: {line}\n")).collect();
    lines.push('\n');
    lines
}

/// The texts of a channel as a body.
struct Stream(Receiver<Bytes>);

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_of_one_reader_and_of_all_are_bounded() {
        let tails = Tails::default();
        let count = |token: &str| tails.count(token.to_owned());
        let mut own: Vec<Counted> = (0..OF_ONE_MAX).map(|_| count("1").unwrap()).collect();
        assert_eq!(count("1").err().map(|refusal| refusal.status().as_u16()), Some(429));
        drop(own.pop());
        own.push(count("1").unwrap());
        let others = (OF_ONE_MAX..ALL_MAX).map(|place| count(&place.to_string()).unwrap());
        let others: Vec<Counted> = others.collect();
        assert_eq!(count("x").err().map(|refusal| refusal.status().as_u16()), Some(503));
        drop((own, others));
        assert!(tails.with(|held| held.is_empty()));
    }
}
