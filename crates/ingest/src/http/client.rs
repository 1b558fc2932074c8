//! The client that waits for an answer.

use incoming::HasLeft;
use tokio_util::sync::CancellationToken;

/// The client that waits for an answer.
pub(super) struct Client {
    pub(super) gone: CancellationToken,
    pub(super) has_left: Option<HasLeft>,
}

impl Client {
    pub(super) fn has_left(&self) -> bool {
        self.gone.is_cancelled() || self.has_left.as_ref().is_some_and(HasLeft::by_now)
    }
}
