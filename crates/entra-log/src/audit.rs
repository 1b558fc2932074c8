//! An entry of the directory audit log, category `ProvisioningManagement`.
//!
//! Only this log has administrators' changes of the scope, the mappings or the credentials. Graph and
//! diagnostic settings export it, and the table `AuditLogs` of Log Analytics has it.

use serde_json::{Map, Value};

use super::dates::DateOrder;
use super::entry::{Action, Entry, Kind, Refused, Source, Status};
use super::forms::Lifted;
use super::provisioning::{MODIFIED, action_of, action_of_event, modified, occurred_at_us, owned};
use super::said::{self, kind_of, objects};
use super::settle::{Claim, keep, settle};
use super::shape::{self, ID_BYTES_MAX, Member, Path, Reading, Shape, member};

pub(super) const CATEGORY: &str = "ProvisioningManagement";
const TARGETS_MAX: usize = 1_000;
const DETAILS_MAX: usize = 1_000;
const MODIFIED_MAX: usize = 10_000;

const RESULTS: &[&str] = &["success", "failure", "timeout"];

const ENTRY: &[Member] = &[
    member("id", Shape::Id(ID_BYTES_MAX)).required(),
    member("activityDateTime", Shape::Instant).readable(),
    member("category", Shape::Text),
    member("correlationId", Shape::Key(ID_BYTES_MAX)),
    member("result", Shape::Word(RESULTS)),
    member("resultReason", Shape::Text),
    member("activityDisplayName", Shape::Text),
    member("loggedByService", Shape::Text),
    member("operationType", Shape::Text).also(&["AADOperationType"]),
    member("initiatedBy", Shape::Object(INITIATOR)),
    member("targetResources", Shape::List(TARGET, TARGETS_MAX)),
    member("additionalDetails", Shape::List(DETAIL, DETAILS_MAX)),
];

const INITIATOR: &[Member] =
    &[member("user", Shape::Object(PERSON)), member("app", Shape::Object(APPLICATION))];

const PERSON: &[Member] = &[
    member("id", Shape::Text),
    member("displayName", Shape::Text),
    member("userPrincipalName", Shape::Text),
    member("ipAddress", Shape::Text),
];

const APPLICATION: &[Member] = &[
    member("appId", Shape::Text),
    member("displayName", Shape::Text),
    member("servicePrincipalId", Shape::Text),
    member("servicePrincipalName", Shape::Text),
];

const TARGET: &[Member] = &[
    member("id", Shape::Text),
    member("displayName", Shape::Text),
    member("type", Shape::Text),
    member("userPrincipalName", Shape::Text),
    member("groupType", Shape::Text),
    member("modifiedProperties", Shape::List(MODIFIED, MODIFIED_MAX)),
];

const DETAIL: &[Member] = &[member("key", Shape::Text), member("value", Shape::AnyText)];

/// Members of the envelope that repeat one of the entry.
const CLAIMS: &[Claim] = &[
    Claim {
        name: "activityDateTime",
        place: "activityDateTime",
        shape: Shape::Instant,
        fills: true,
    },
    Claim { name: "time", place: "activityDateTime", shape: Shape::Instant, fills: true },
    Claim { name: "TimeGenerated", place: "activityDateTime", shape: Shape::Instant, fills: true },
    Claim {
        name: "correlationId",
        place: "correlationId",
        shape: Shape::Key(ID_BYTES_MAX),
        fills: true,
    },
    Claim { name: "operationName", place: "activityDisplayName", shape: Shape::Text, fills: true },
];

/// Whether a column of Log Analytics holds a member of the entry.
pub(super) fn knows(column: &str) -> bool {
    let is = |name: &&str| name.eq_ignore_ascii_case(column);
    ENTRY.iter().any(|member| is(&member.name) || member.also.iter().any(&is))
}

/// The entry; `None` if it is of another category.
pub(super) fn entry(
    mut lifted: Lifted,
    dates: Option<DateOrder>,
) -> Result<Option<Entry>, Refused> {
    let category = shape::text(&lifted.entry, "category");
    if !category.is_some_and(|category| category.eq_ignore_ascii_case(CATEGORY)) {
        return Ok(None);
    }
    let mut reading = Reading::of(dates);
    lifted.normalize(ENTRY, &mut reading)?;
    let (mut body, mut envelope) =
        (std::mem::take(&mut lifted.entry), std::mem::take(&mut lifted.envelope));
    settle(&mut body, &mut envelope, CLAIMS, &reading);
    keep(&mut body, envelope, reading.irregular);
    let entry = typed(&body).map_err(|refused| lifted.placed(refused))?;
    Ok(Some(Entry { body, ..entry }))
}

/// Reads the typed members from the body. Does not store the body itself.
fn typed(body: &Map<String, Value>) -> Result<Entry, Refused> {
    let event = detail(body, "EventName");
    let is_skip = event.is_some_and(|event| event.eq_ignore_ascii_case("EntrySynchronizationSkip"));
    let targets = objects(body, "targetResources");
    let kind_of_target =
        |target: &&Map<String, Value>| shape::text(target, "type").map_or(Kind::Other, kind_of);
    // The application is a target too; the object is the target that is a user or a group.
    let object = targets.clone().find(|target| kind_of_target(target) != Kind::Other);
    let modified: Vec<_> =
        targets.flat_map(|target| objects(target, "modifiedProperties")).map(modified).collect();
    if modified.len() > MODIFIED_MAX {
        let what = format!("expected at most {MODIFIED_MAX} modified properties");
        return Err(Path::Name(&Path::Record, "targetResources").refused(what));
    }
    let of_object = |name: &str| object.and_then(|object| owned(object, name));
    Ok(Entry {
        source: Source::DirectoryAudit,
        id: owned(body, "id").unwrap_or_default(),
        occurred_at_us: occurred_at_us(body)?,
        action: event.map_or(Action::Other, |event| action_of(action_of_event(event))),
        status: match shape::text(body, "result") {
            Some("success") if is_skip => Status::Skipped,
            Some("success") => Status::Success,
            Some("failure" | "timeout") => Status::Failure,
            _ => Status::Warning,
        },
        error_code: detail(body, "ErrorCode").and_then(said::error_code).map(str::to_owned),
        skip_reason: detail(body, "SkipReason").map(str::to_owned),
        step_names: event.map(str::to_owned).into_iter().collect(),
        job_id: None,
        cycle_id: None,
        change_id: owned(body, "correlationId"),
        duration_ms: None,
        kind: object.as_ref().map_or(Kind::Other, kind_of_target),
        source_id: detail(body, "SourceAnchor").map(str::to_owned).or_else(|| of_object("id")),
        source_name: of_object("displayName"),
        user_name: of_object("userPrincipalName"),
        target_id: detail(body, "TargetAnchor").map(str::to_owned),
        modified,
        body: Map::new(),
    })
}

fn detail<'a>(body: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    let is = |detail: &&Map<String, Value>| {
        shape::text(detail, "key").is_some_and(|found| found.eq_ignore_ascii_case(key))
    };
    objects(body, "additionalDetails").find(is).and_then(|detail| shape::text(detail, "value"))
}
