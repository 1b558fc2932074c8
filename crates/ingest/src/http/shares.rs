//! The memory that a request has reserved.

/// The memory that a request has reserved.
#[derive(Default)]
pub(super) struct Shares {
    /// For its body, until it is answered.
    pub(super) body: Option<budget::Work>,
    /// For its answer, until that is sent.
    pub(super) answer: Option<budget::Share>,
}
