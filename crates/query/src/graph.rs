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

use event::Timestamp;
use scim::CursorKey;
use store::{Snapshot, Store};

use crate::error::Error;
use crate::operation::Operations;
use crate::record::Record;

/// The newest entries that fit a filter, at most `limit`, as a JSON list: what a page holds, without who
/// asks, the record of it and the frame of HTTP. For whoever measures.
///
/// # Errors
/// A sentence, when the filter is none or the store cannot be read.
pub fn newest(
    store: &Store,
    snapshot: &Snapshot<'_>,
    filter: &str,
    limit: usize,
) -> Result<Vec<u8>, String> {
    let page = || -> Result<Vec<u8>, Error> {
        // Nothing is sealed here.
        let key = CursorKey::new([0; 32]);
        let record = Record::new(store, snapshot, Timestamp(0), &key)?;
        let filter = filter::Filter::parse(filter);
        let filter = filter.map_err(|error| Error::Filter(error.to_string()))?;
        let operations = Operations::new(&record)?;
        let asked =
            page::Asked { record: &record, scope: None, filter: Some(&filter), ascending: false };
        let page = asked.page(&entry::Entries::new(&operations), None, limit)?;
        serde_json::to_vec(&page.entries).map_err(|_| Error::Defect)
    };
    page().map_err(|error| error.to_string())
}
