//! The client that waits for an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use incoming::HasLeft;

/// The client that waits for an answer.
pub(super) struct Client {
    /// Set when the connection gives the request up.
    pub(super) is_gone: Arc<AtomicBool>,
    /// Asks the listener, which notices a closed connection earlier.
    pub(super) has_left: Option<HasLeft>,
}

impl Client {
    pub(super) fn has_left(&self) -> bool {
        self.is_gone.load(Ordering::Acquire) || self.has_left.as_ref().is_some_and(HasLeft::by_now)
    }
}
