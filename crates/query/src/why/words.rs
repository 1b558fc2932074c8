//! What skip reasons and error codes mean, and what to do about them.

use super::evidence;
use crate::entry::Entry;

/// The role that providers once took for no entitlement.
const DEFAULT_ACCESS: &str = "Default Access";

/// Whether the person had the role Default Access alone, which entitled to nothing until 2020.
fn is_default_access(entry: &Entry) -> bool {
    let role = entry.detail("appRoleAssignments");
    let has_it = role.is_some_and(|role| role.trim().eq_ignore_ascii_case(DEFAULT_ACCESS));
    has_it && entry.check(evidence::ROLE) != Some(true)
}

/// Why somebody was passed over, as a sentence.
pub(super) fn sentence_for_skip(reason: Option<&str>, entry: &Entry) -> String {
    match reason {
        Some("NotEffectivelyEntitled") => entitlement(entry),
        Some("AttributeValidationFailed") => match entry.detail("PropertyName") {
            Some(property) => format!(
                "The provider passed the person over: `{property}` is required by the application and \
                 has no valid value."
            ),
            None => "The provider passed the person over: a required attribute has no valid value."
                .to_owned(),
        },
        Some("RedundantExport") => {
            "The provider wrote nothing, for it took the account to be as it should be.".to_owned()
        }
        Some("JoinNotFound") => {
            "The provider was to delete somebody whom it did not find in the application."
                .to_owned()
        }
        Some(other) => format!("The provider passed the person over, with the reason {other}."),
        None => "The provider passed the person over, and did not say why.".to_owned(),
    }
}

fn entitlement(entry: &Entry) -> String {
    if is_default_access(entry) {
        return format!(
            "The provider passed the person over: they had the role {DEFAULT_ACCESS} alone, which it \
             did not take for an entitlement until July 2020."
        );
    }
    let told = [
        (evidence::ACTIVE, "they were not active in the source"),
        (evidence::ASSIGNED, "they were not assigned to the application"),
        (evidence::ROLE, "they had no role that entitles to an account"),
        (evidence::SCOPE, "a scoping filter kept them out"),
    ];
    let failed = told.into_iter().filter(|(names, _)| entry.check(names) == Some(false));
    let failed: Vec<&str> = failed.map(|(_, words)| words).collect();
    match failed.as_slice() {
        [] => {
            "The provider passed the person over as not entitled, and its log names no check that \
               failed."
                .to_owned()
        }
        failed => format!("The provider passed the person over: {}.", failed.join(", and ")),
    }
}

/// What would have to change.
pub(super) fn advice_for_skip(reason: Option<&str>, entry: &Entry) -> String {
    match reason {
        Some("NotEffectivelyEntitled") if is_default_access(entry) => {
            "Assign a role other than Default Access; or, since it counts like any role now, restart \
             provisioning so that the person is evaluated again."
                .to_owned()
        }
        Some("NotEffectivelyEntitled") => {
            let told = [
                (evidence::ACTIVE, "switch the person's account at the source on"),
                (evidence::ASSIGNED, "assign the person, or a group of theirs, to the application"),
                (evidence::ROLE, "assign a role that entitles to an account"),
                (evidence::SCOPE, "correct the filter, or the attribute that it asks for"),
            ];
            let failed = told.into_iter().filter(|(names, _)| entry.check(names) == Some(false));
            let failed: Vec<&str> = failed.map(|(_, words)| words).collect();
            match failed.as_slice() {
                [] => "Unassign the person and assign them again; the assignment may be damaged."
                    .to_owned(),
                failed => format!("To do: {}.", failed.join("; ")),
            }
        }
        Some("AttributeValidationFailed") => {
            "Give the attribute a valid value at the source, or correct its mapping.".to_owned()
        }
        Some("RedundantExport") => {
            "If the account is not as it should be, restart provisioning: the provider may judge by \
             what it remembers."
                .to_owned()
        }
        Some("JoinNotFound") => "Nothing: there was nothing to delete.".to_owned(),
        _ => "Open the entry's steps: the one that was passed over says what was looked at.".to_owned(),
    }
}

/// What to do about an error code of a provider.
#[must_use]
pub fn advice_for_error(code: &str) -> &'static str {
    match code {
        "Conflict" | "EntryConflict" | "DuplicateTargetEntries" | "DuplicateSourceEntries" => {
            "Correct the value that clashes, or what accounts are matched by."
        }
        "TooManyRequests"
        | "InternalServerError"
        | "InternalError"
        | "Timeout"
        | "WebExceptionProtocolError"
        | "EndpointUnavailable" => {
            "Nothing at first: the provider tries again by itself, about every 40 minutes."
        }
        "InsufficientRights" | "MethodNotAllowed" | "NotPermitted" | "Unauthorized" => {
            "Give the provider's token the rights that it needs in the application."
        }
        "InvalidAnchor" => {
            "Restore the account in the application, or restart provisioning so that it is matched again."
        }
        "MandatoryFieldsMissing" | "MissingValues" | "ImportSkipped" => {
            "Give the person the values at the source that the application requires."
        }
        "SchemaAttributeNotFound" | "SchemaPropertyCanOnlyAcceptValue" => "Correct the mapping.",
        "InvalidDomain" => "Correct the value, or allow its domain in the application.",
        "LicenseLimitExceeded" => "Buy licences in the application, or narrow the scope.",
        "UnableToResolveReferenceAttributeValue" => {
            "Provision the member or manager that is referred to first."
        }
        "UnprocessableEntity" | "NotImplemented" => {
            "See what the application answers: it does not take what the provider sends."
        }
        _ => "See the reason; the provider tries again by itself.",
    }
}
