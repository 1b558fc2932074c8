//! Marks the requests of an export and pins them to its first page.

use axum::Router;
use event::{Seq, Timestamp};
use serde_json::{Map, Value};

use crate::instant::{self, Role, Zone};

/// The addresses of all questions, in the extensions of each request: an export asks its pages there.
#[derive(Clone)]
pub(crate) struct Questions(pub(crate) Router);

/// Marks the requests of an export: the export is recorded once, not page by page.
#[derive(Clone, Copy)]
pub(super) struct OfExport {
    /// The state that the first page used; `None` for the first page itself.
    pub(super) first: Option<First>,
}

/// The state that the first page of an export used; the other pages use the same.
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
