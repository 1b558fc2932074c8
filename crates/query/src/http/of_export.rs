//! What marks the requests of an export, and on what they stand.

use event::{Seq, Timestamp};
use serde_json::{Map, Value};

use crate::instant::{self, Role, Zone};

/// Marks the requests of an export: the export is recorded once, not page by page.
#[derive(Clone, Copy)]
pub(super) struct OfExport {
    /// On what the first page stood; `None` for the first itself.
    pub(super) first: Option<First>,
}

/// On what the first page of an export stood, and all others do.
#[derive(Clone, Copy)]
pub(super) struct First {
    /// How many events there were.
    pub(super) size: Seq,
    /// When it was made.
    pub(super) now: Timestamp,
}

impl First {
    pub(super) fn of(page: &Map<String, Value>, size: Seq) -> Option<First> {
        let now = page.get("generatedAt")?.as_str()?;
        let now = instant::parse(now, Role::At, Timestamp(0), Zone::UTC)?;
        Some(First { size, now })
    }
}
