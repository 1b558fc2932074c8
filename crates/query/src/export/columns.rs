//! Which columns the rows of each question have as CSV, by the names of their members.
//!
//! Files that auditors exchange have the columns of an export's file of the same name; some of those
//! say what the answer is about, and some have nothing in them here; what we add comes last. Every
//! other question has the members of its rows, in the order in which the answer is documented.

use answers::{Described, Shape};

/// Of operations, as `operations.csv`.
pub const OPERATIONS: &[&str] = &[
    "seq",
    "eventId",
    "occurredAt",
    "recordedAt",
    "tenant",
    "application",
    "jobId",
    "cycleId",
    "changeId",
    "action",
    "operation",
    "resourceType",
    "resourceId",
    "externalId",
    "userName",
    "displayName",
    "groupId",
    "groupName",
    "status",
    "httpStatus",
    "scimType",
    "errorCode",
    "errorCategory",
    "reason",
    "skipReason",
    "effect",
    "actorType",
    "actorId",
    "actorName",
    "sourceIp",
    "userAgent",
    "requestId",
    "durationMs",
    "changedPaths",
    "evidenceRefs",
    "eventHash",
];

/// Of the steps of imported entries, as `steps.csv`.
pub const STEPS: &[&str] =
    &["seq", "changeId", "stepNo", "type", "name", "status", "description", "details"];

/// Of what operations changed, as `changes.csv`; and, last, the resource that it changed in: a deletion
/// ends memberships in others.
pub const CHANGES: &[&str] =
    &["seq", "changeId", "path", "op", "oldValue", "newValue", "redacted", "resourceId"];

/// As what the answer of a question is exported.
#[derive(Clone, Copy, Debug)]
pub struct Exported {
    /// The name of the file that has the rows, without its ending.
    pub name: &'static str,
    /// The columns of that file.
    pub columns: &'static [&'static str],
    /// Whether the rows are operations, whose steps and changes have files of their own beside it.
    pub are_operations: bool,
    /// The question itself, where it is described.
    pub described: Option<&'static Described>,
}

/// As what a question is exported, by its address below `/api/v1`; `None` for what has no rows.
pub fn of_question(path: &str) -> Option<Exported> {
    answers::all().iter().find(|one| is_at(one.path, path)).map_or_else(
        || of_listed(path),
        |one| {
            let are_operations = matches!(one.shape, Shape::Operations { .. });
            let (name, columns) = (one.file()?, &one.columns);
            Some(Exported { name, columns, are_operations, described: Some(one) })
        },
    )
}

/// Whether an address below `/api/v1` is one of a template.
fn is_at(template: &str, path: &str) -> bool {
    let template = template.trim_start_matches("/api/v1/").split('/');
    let mut segments = path.trim_matches('/').split('/');
    template.into_iter().all(|name| match segments.next() {
        Some(segment) => name.starts_with('{') || name == segment,
        None => false,
    }) && segments.next().is_none()
}

fn of_listed(path: &str) -> Option<Exported> {
    let operations =
        |name| Exported { name, columns: OPERATIONS, are_operations: true, described: None };
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    Some(match segments.as_slice() {
        ["apps", _, "groups" | "users", _, "timeline"] => operations("operations"),
        ["reports", "unapproved"] => operations("unapproved"),
        ["reports", "drift"] => operations("drift"),
        _ => return None,
    })
}
