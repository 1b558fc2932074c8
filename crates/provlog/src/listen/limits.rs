//! What a connection may hold, and for how long it may say nothing.

use std::time::Duration;

/// A connection without a request under way is closed after this: the head of a request has so long to
/// arrive, that of the first from the beginning of its connection on, TLS included.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(60);
/// An answer of which its client reads nothing for so long is cut, and its connection with it.
pub(super) const UNREAD_MAX: Duration = Duration::from_secs(30);
/// The heads of requests that are under way on one connection may take together so much memory beside
/// this for each.
pub(super) const HEADS_BYTES_MAX: usize = 256 << 10;
pub(super) const HEAD_BYTES_FREE: usize = 4 << 10;
