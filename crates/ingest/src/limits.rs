//! How large a request may be.

/// A larger body is refused.
pub(crate) const BODY_BYTES_MAX: usize = 8 << 20;
/// A PATCH with more operations is refused.
pub(crate) const OPERATIONS_MAX: usize = 10_000;
/// A Bulk request with more operations is refused.
pub(crate) const BULK_OPERATIONS_MAX: usize = 1_000;
/// A longer path and query is stored cut.
pub(crate) const TARGET_BYTES_MAX: usize = 8 << 10;
