//! Whoever waits for the answer to a request.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

/// Whether the client of a connection has left. The listener puts it into the request's extensions.
pub(super) type HasLeft = Arc<dyn Fn() -> bool + Send + Sync>;

/// Whoever waits for the answer to a request.
pub(super) struct Client {
    pub(super) gone: CancellationToken,
    pub(super) has_left: Option<HasLeft>,
}

impl Client {
    pub(super) fn has_left(&self) -> bool {
        self.gone.is_cancelled() || self.has_left.as_ref().is_some_and(|has_left| has_left())
    }
}
