//! What a request has of the memory that all requests share.

/// What a request has of the memory that all requests share.
#[derive(Default)]
pub(super) struct Shares {
    /// Until it is answered.
    pub(super) body: Option<budget::Work>,
    /// Until its answer is written.
    pub(super) answer: Option<budget::Share>,
}
