//! What is handed to the committer for one event.

use event::{Method, Route};

use crate::context::Context;
use crate::decide::Write;
use crate::list::FailedLookup;
use crate::outcome::Outcome;

/// What is handed to the committer for one event.
pub(super) enum Submission {
    /// Answered already, without reading a resource.
    Answered(Box<Outcome>),
    /// Answered from a snapshot. The committer numbers the name by which a lookup found nobody.
    Read(Box<Outcome>, Option<(Context, FailedLookup)>),
    /// To be decided by the committer.
    Write(Box<Write>),
}

/// Whether a request changes nothing. A search is a read although its method is POST.
pub(super) fn is_read(method: Method, route: Route) -> bool {
    matches!(method, Method::Get | Method::Head) || route == Route::Search
}
