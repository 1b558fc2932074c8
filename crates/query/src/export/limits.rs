//! How large an export may be.

/// Files of one export, without the manifest.
pub const FILES_MAX: usize = 100;
/// What is gathered before it is hashed and handed on.
pub(super) const BUFFER_BYTES: usize = 64 << 10;
/// Files in a folder or zip that are looked at.
pub(super) const ENTRIES_MAX: usize = 1000;
