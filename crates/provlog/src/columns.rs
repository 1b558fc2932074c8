//! Which columns the rows of each question have as CSV, by the names of their members.
//!
//! Files that auditors exchange have the columns of an export's file of the same name; some of those
//! say what the answer is about, and some have nothing in them here. Every other question has the members
//! of its rows, in the order in which the answer is documented.

/// Of users, as `users.csv`.
pub(crate) const USERS: &[&str] = &[
    "at",
    "atSeq",
    "userId",
    "userName",
    "externalId",
    "displayName",
    "active",
    "createdAt",
    "createdSeq",
    "deletedAt",
    "deletedSeq",
];

/// Of members, as `members.csv`.
pub(crate) const MEMBERS: &[&str] = &[
    "at",
    "atSeq",
    "groupId",
    "groupName",
    "userId",
    "memberType",
    "userName",
    "externalId",
    "direct",
    "memberSince",
    "addedBySeq",
    "addedBy",
    "accountActive",
];

/// Of members through other groups too: those of `members.csv`, and the way.
pub(crate) const NESTED_MEMBERS: &[&str] = &[
    "at",
    "atSeq",
    "groupId",
    "groupName",
    "userId",
    "memberType",
    "userName",
    "externalId",
    "direct",
    "memberSince",
    "addedBySeq",
    "addedBy",
    "accountActive",
    "via",
];

/// Of stays in a group, as `intervals.csv`.
pub(crate) const INTERVALS: &[&str] = &[
    "groupId",
    "userId",
    "userName",
    "start",
    "startSeq",
    "end",
    "endSeq",
    "startKnown",
    "endReason",
];

/// Of leavers, as `leavers.csv`.
pub(crate) const LEAVERS: &[&str] = &[
    "subject",
    "userName",
    "terminatedAt",
    "disabledAt",
    "disabledBySeq",
    "lagSeconds",
    "limitSeconds",
    "within",
    "remainingGroups",
    "reactivatedAt",
    "coverage",
];

/// Of operations, as `operations.csv`.
pub(crate) const OPERATIONS: &[&str] = &[
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

pub(crate) const DIFF: &[&str] = &[
    "change",
    "userId",
    "userName",
    "externalId",
    "displayName",
    "memberType",
    "joinedAt",
    "joinedSeq",
    "leftAt",
    "leftSeq",
];

pub(crate) const BLAME: &[&str] = &[
    "path",
    "value",
    "removed",
    "setAt",
    "setSeq",
    "eventId",
    "actorId",
    "sourceIp",
    "operation",
    "requestId",
    "oldValue",
];

pub(crate) const JOINERS: &[&str] = &[
    "application",
    "userId",
    "userName",
    "externalId",
    "displayName",
    "active",
    "createdAt",
    "createdSeq",
    "startKnown",
];

pub(crate) const MOVERS: &[&str] = &[
    "application",
    "userId",
    "userName",
    "externalId",
    "displayName",
    "path",
    "oldValue",
    "newValue",
    "changedAt",
    "changedSeq",
    "heldGroups",
];

pub(crate) const REACTIVATED: &[&str] = &[
    "application",
    "userId",
    "userName",
    "externalId",
    "displayName",
    "kind",
    "disabledAt",
    "disabledSeq",
    "reactivatedAt",
    "reactivatedSeq",
];

pub(crate) const ORPHANS: &[&str] =
    &["application", "userId", "userName", "externalId", "displayName", "createdAt", "createdSeq"];

pub(crate) const OVERLAP: &[&str] = &[
    "application",
    "userId",
    "userName",
    "externalId",
    "displayName",
    "memberType",
    "start",
    "startSeq",
    "end",
    "endSeq",
];

pub(crate) const FAILING: &[&str] = &[
    "application",
    "userId",
    "userName",
    "externalId",
    "displayName",
    "resourceType",
    "failedAt",
    "failedSeq",
    "operation",
    "httpStatus",
    "scimType",
    "reason",
    "failures",
];

pub(crate) const EVIDENCE: &[&str] =
    &["seq", "recordedAt", "actorId", "sourceIp", "kind", "ref", "url", "approvedBy", "approvedAt"];

pub(crate) const COVERAGE: &[&str] = &["application", "from", "to", "reason"];

pub(crate) const ACCESS_LOG: &[&str] = &[
    "seq",
    "recordedAt",
    "application",
    "actorId",
    "role",
    "route",
    "target",
    "status",
    "rows",
    "exported",
    "sawSeq",
    "sourceIp",
    "userAgent",
    "requestId",
];

pub(crate) const REFERENCE_LISTS: &[&str] =
    &["name", "seq", "recordedAt", "actorId", "rows", "sha256"];

pub(crate) const APPLICATIONS: &[&str] =
    &["application", "profile", "tenantUrl", "addedAt", "addedSeq", "upstream"];

pub(crate) const PROFILES: &[&str] = &["profile", "title", "versions"];

pub(crate) const TOKENS: &[&str] =
    &["id", "role", "application", "addedAt", "addedSeq", "revokedSeq"];
