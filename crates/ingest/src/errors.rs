//! Errors that are the server's own, or that several modules answer.

use projector::{ClockFault, CommitError};
use scim::ScimError;

pub(crate) fn defect() -> ScimError {
    ScimError::new(500, None, "the server failed because of a defect; its log says more")
}

pub(crate) fn revoked() -> ScimError {
    let detail = "the secret token was revoked while the request was being handled; nothing was \
                  carried out";
    ScimError::new(401, None, detail)
}

/// The answer to a write while the clock is wrong.
pub(crate) fn clock_refusal(fault: ClockFault) -> ScimError {
    ScimError::new(503, None, fault.to_string())
}

pub(crate) fn disk_full() -> ScimError {
    let detail = "the server's disk is almost full; nothing is carried out until there is room";
    ScimError::new(503, None, detail)
}

pub(crate) fn unavailable(error: CommitError) -> ScimError {
    let detail = match error {
        CommitError::Poisoned => {
            "the request could not be recorded, so it was not carried out; restart the \
             server"
        }
        CommitError::LogDamaged => {
            "the request could not be recorded, so it was not carried out: the server's log is damaged"
        }
        CommitError::RowsDamaged => {
            "the request could not be decided, so it was not carried out: the server's rows are \
             damaged; stop it and run `provlog rebuild`"
        }
        CommitError::Defect => "the request could not be decided because of a defect",
        CommitError::Stopped => "the server is stopping; ask again later",
    };
    ScimError::new(503, None, detail)
}

/// 404 for a resource type's name.
pub(crate) fn no_such(name: &str) -> ScimError {
    let name = name.to_lowercase();
    ScimError::not_found(format!("no {name} with this id exists in this application"))
}
