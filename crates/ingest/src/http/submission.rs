//! What a request asks for.

use event::{Method, Route};

use crate::context::Context;
use crate::decide::Write;
use crate::list::FailedLookup;
use crate::outcome::Outcome;

/// What a request asks for, once it was understood.
pub(super) enum Submission {
    /// Answered already, without looking at any resource.
    Answered(Box<Outcome>),
    /// Answered from a snapshot; the name that a lookup missed is numbered by the committer.
    Read(Box<Outcome>, Option<(Context, FailedLookup)>),
    /// To be decided by the committer.
    Write(Box<Write>),
}

/// Whether a request changes nothing: a search is a read, for all its method.
pub(super) fn is_read(method: Method, route: Route) -> bool {
    matches!(method, Method::Get | Method::Head) || route == Route::Search
}
