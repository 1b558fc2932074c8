//! What a request brings, read in one way whichever interface it asks: who sends it, and its body. And what is
//! counted and logged once it is answered.
//!
//! The listener, SCIM and the questions each need it. Where they read the same header on their own, they
//! came to different tokens.

#![warn(unreachable_pub)]

mod answered;
mod body;
mod head;

use std::sync::Arc;

use axum::http::Extensions;
use budget::Owner;

pub use self::answered::{Durations, is_notable};
pub use self::body::{Arrived, Missing, RECEIVE_MAX, next_piece, receive};
pub use self::head::{
    Presented, REQUEST_ID, SECURE_SESSION_COOKIE, SESSION_COOKIE, only_cookie, origin,
    presented_texts, request_id, told_by,
};

/// Tells whether the client of a request has left. The listener knows, and puts it into the request's
/// extensions.
#[derive(Clone)]
pub struct HasLeft(Arc<dyn Fn() -> bool + Send + Sync>);

impl HasLeft {
    /// Asks `has_left` whenever somebody wants to know.
    pub fn new(has_left: impl Fn() -> bool + Send + Sync + 'static) -> HasLeft {
        HasLeft(Arc::new(has_left))
    }

    /// Whether it has left by now.
    pub fn by_now(&self) -> bool {
        (self.0)()
    }
}

/// Whose the answer to a request is: what the listener put into the request's extensions.
pub fn owner(extensions: &Extensions) -> Owner {
    extensions.get::<Owner>().copied().unwrap_or_default()
}
