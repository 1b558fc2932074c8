//! How large an export may be.

/// Files of one export, without the manifest.
pub const FILES_MAX: usize = 100;
/// Bytes to buffer before they are hashed and written.
pub(super) const BUFFER_BYTES: usize = 64 << 10;
/// Most files of a folder or zip that a check reads.
pub(super) const ENTRIES_MAX: usize = 1000;
