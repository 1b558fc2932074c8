//! Cursors: where the next page of a list begins, and which events the first page used.
//!
//! ```text
//! | version 3 | binding u64 | time i64 | now i64 | size u64 | after u64 | after time i64 |
//! ```
//!
//! A cursor is bound to its question by a digest of the list and all filters. It pins the instant and
//! the events of the first page, so that pages do not shift while new events arrive. It is sealed, so
//! that nobody can forge one that hides a gap. It grants no access: every page checks the caller again.

use event::{LogId, Seq, Timestamp};
use scim::CursorKey;
use sha2::{Digest, Sha256};

const VERSION: u8 = 3;

/// A place in a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cursor {
    /// The question's digest.
    pub(crate) binding: u64,
    /// The instant that the question asks about.
    pub(crate) time: Timestamp,
    /// When the first page was made.
    pub(crate) now: Timestamp,
    /// How many events the first page used.
    pub(crate) size: Seq,
    /// The row after which the page begins.
    pub(crate) after: u64,
    /// The time of that row in a list ordered by time; else 0.
    pub(crate) after_time: Timestamp,
}

impl Cursor {
    pub(crate) fn seal(&self, key: &CursorKey) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.binding.to_be_bytes());
        bytes.extend_from_slice(&self.time.0.to_be_bytes());
        bytes.extend_from_slice(&self.now.0.to_be_bytes());
        bytes.extend_from_slice(&self.size.to_be_bytes());
        bytes.extend_from_slice(&self.after.to_be_bytes());
        bytes.extend_from_slice(&self.after_time.0.to_be_bytes());
        key.seal(&bytes)
    }

    /// Opens a sealed cursor; `None` if we did not make it.
    pub(crate) fn open(text: &str, key: &CursorKey) -> Option<Cursor> {
        let bytes = key.open(text)?;
        let [VERSION, rest @ ..] = bytes.as_slice() else { return None };
        let ([binding, time, now, size, after, after_time], []) = rest.as_chunks::<8>() else {
            return None;
        };
        Some(Cursor {
            binding: u64::from_be_bytes(*binding),
            time: Timestamp(i64::from_be_bytes(*time)),
            now: Timestamp(i64::from_be_bytes(*now)),
            size: Seq::from_be_bytes(*size),
            after: u64::from_be_bytes(*after),
            after_time: Timestamp(i64::from_be_bytes(*after_time)),
        })
    }
}

/// The digest that binds a cursor to its question: the log, and names and values in order.
pub(crate) fn binding(log: LogId, parts: &[(&str, &str)]) -> u64 {
    let mut hash = Sha256::new();
    hash.update(log.get().to_be_bytes());
    for text in parts.iter().flat_map(|(name, value)| [name, value]) {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(hash.finalize());
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nothing_else_does() {
        let cursor = Cursor {
            binding: 7,
            time: Timestamp(-1),
            now: Timestamp(2),
            size: 3,
            after: u64::MAX,
            after_time: Timestamp(-4),
        };
        let key = CursorKey::new([5; 32]);
        let text = cursor.seal(&key);
        assert_eq!(Cursor::open(&text, &key), Some(cursor));
        assert_eq!(Cursor::open(&text, &CursorKey::new([6; 32])), None, "another server's");
        assert_eq!(Cursor::open("", &key), None);
        let content = key.open(&text).unwrap();
        for other in [&content[..content.len() - 1], &[&content[..], &[0]].concat()] {
            assert_eq!(Cursor::open(&key.seal(other), &key), None, "another length");
        }
        let newer = [&[VERSION + 1], &content[1..]].concat();
        assert_eq!(Cursor::open(&key.seal(&newer), &key), None, "another version");
    }

    #[test]
    fn questions_bind_differently() {
        let log = LogId::from_random(1);
        let one = binding(log, &[("app", "paperboat"), ("at", "-1d")]);
        assert_eq!(one, binding(log, &[("app", "paperboat"), ("at", "-1d")]));
        assert_ne!(one, binding(log, &[("app", "paperboat"), ("at", "-2d")]));
        assert_ne!(one, binding(log, &[("app", "paperboatat"), ("", "-1d")]));
        assert_ne!(one, binding(LogId::from_random(2), &[("app", "paperboat"), ("at", "-1d")]));
    }
}
