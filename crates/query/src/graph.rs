//! The provisioning log in the shape of Microsoft Graph.
//!
//! ```text
//!  $filter ──▶ filter     the OData grammar, and whether an entry fits
//!              push       what of it an index answers
//!  item ─────▶ entry      an operation, or an imported entry, as provisioningObjectSummary
//!              page       the next entries that fit, in the order that is asked for
//! ```

pub(crate) mod entry;
pub(crate) mod filter;
pub(crate) mod page;
mod push;
