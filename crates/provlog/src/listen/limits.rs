//! The limits of a connection's memory and silence.

use std::time::Duration;

/// A connection without a request is closed after this time. So a request's head must arrive within it,
/// and the first one within it from the connection's start, TLS handshake included.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(60);
/// A connection is cut if its client reads nothing of an answer for this long.
pub(super) const UNREAD_MAX: Duration = Duration::from_secs(30);
/// The memory that the heads of one connection's requests may take together, not counting the first
/// [`HEAD_BYTES_FREE`] of each.
pub(super) const HEADS_BYTES_MAX: usize = 256 << 10;
pub(super) const HEAD_BYTES_FREE: usize = 4 << 10;
