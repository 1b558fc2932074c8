//! What a request has of the memory that all requests share.

use budget::Owner;

/// What a request has of the memory that all requests share.
#[derive(Default)]
pub(super) struct Shares {
    /// Until it is answered.
    pub(super) body: Option<budget::Work>,
    /// Until its answer is written.
    pub(super) answer: Option<budget::Share>,
}

/// Whose the answer to a request is.
pub(super) fn owner(parts: &axum::http::request::Parts) -> Owner {
    parts.extensions.get::<Owner>().copied().unwrap_or_default()
}
