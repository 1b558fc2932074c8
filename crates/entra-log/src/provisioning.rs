//! An entry of the provisioning log.

use serde_json::{Map, Value};

use super::dates::DateOrder;
use super::entry::{Action, Entry, Modified, Refused, Source, Status};
use super::forms::Lifted;
use super::said::{self, objects};
use super::settle::{Claim, covers, keep, settle, take};
use super::shape::{self, ID_BYTES_MAX, Member, Path, Reading, Shape, get, member};
use super::time;

const STEPS_MAX: usize = 1_000;
const MODIFIED_MAX: usize = 10_000;
/// An id in a system may be a distinguished name.
const OBJECT_ID_BYTES_MAX: usize = 1_024;

const ACTIONS: &[&str] = &["other", "create", "delete", "disable", "update", "stagedDelete"];
const RESULTS: &[&str] = &["success", "failure", "skipped", "warning"];
const STEP_TYPES: &[&str] =
    &["import", "scoping", "matching", "processing", "referenceResolution", "export"];
const CATEGORIES: &[&str] = &["failure", "nonServiceFailure", "success"];
const INITIATORS: &[&str] = &["user", "application", "system"];

/// The diagnostic stream calls it `Name`.
const NAME: Member = member("displayName", Shape::Text).also(&["Name"]);

const ENTRY: &[Member] = &[
    member("id", Shape::Id(ID_BYTES_MAX)).required(),
    // The envelope may have it instead.
    member("activityDateTime", Shape::Instant).also(&["TimeGenerated"]).readable(),
    member("tenantId", Shape::Text).also(&["AADTenantId"]),
    member("jobId", Shape::Key(ID_BYTES_MAX)),
    member("cycleId", Shape::Key(ID_BYTES_MAX)),
    member("changeId", Shape::Key(ID_BYTES_MAX)),
    member("provisioningAction", Shape::Word(ACTIONS)),
    member("durationInMilliseconds", Shape::Count).also(&["DurationMs"]),
    member("provisioningStatusInfo", Shape::Object(STATUS)),
    member("provisioningSteps", Shape::List(STEP, STEPS_MAX)),
    member("modifiedProperties", Shape::List(MODIFIED, MODIFIED_MAX)),
    member("servicePrincipal", Shape::Object(&[member("id", Shape::Text), NAME])),
    member("sourceSystem", Shape::Object(SYSTEM)),
    member("targetSystem", Shape::Object(SYSTEM)),
    member("initiatedBy", Shape::Object(INITIATOR)),
    member("sourceIdentity", Shape::Object(IDENTITY)),
    member("targetIdentity", Shape::Object(IDENTITY)),
];

const STATUS: &[Member] =
    &[member("status", Shape::Word(RESULTS)), member("errorInformation", Shape::Object(ERROR))];

const ERROR: &[Member] = &[
    member("errorCode", Shape::Text),
    member("reason", Shape::Text),
    member("additionalDetails", Shape::Text),
    member("errorCategory", Shape::Word(CATEGORIES)),
    member("recommendedAction", Shape::Text),
];

const STEP: &[Member] = &[
    member("name", Shape::Text),
    member("provisioningStepType", Shape::Word(STEP_TYPES)),
    member("status", Shape::Word(RESULTS)),
    member("description", Shape::Text),
    member("details", Shape::Free),
];

pub(super) const MODIFIED: &[Member] =
    &[NAME, member("oldValue", Shape::AnyText), member("newValue", Shape::AnyText)];

const SYSTEM: &[Member] = &[member("id", Shape::Text), NAME, member("details", Shape::Free)];

const INITIATOR: &[Member] = &[
    member("id", Shape::Text),
    NAME,
    member("initiatorType", Shape::Word(INITIATORS)).also(&["initiatingType", "Type"]),
];

const IDENTITY: &[Member] = &[
    member("id", Shape::Key(OBJECT_ID_BYTES_MAX)),
    NAME,
    member("identityType", Shape::Text),
    member("details", Shape::Free),
];

const STATUS_INFO: &str = "statusInfo";

/// Members of the envelope that repeat one of the entry.
const CLAIMS: &[Claim] = &[
    // In other categories it is a user's name, so it is never used as the id.
    Claim { name: "identity", place: "id", shape: Shape::Text, fills: false },
    Claim {
        name: "activityDateTime",
        place: "activityDateTime",
        shape: Shape::Instant,
        fills: true,
    },
    Claim { name: "TimeGenerated", place: "activityDateTime", shape: Shape::Instant, fills: true },
    Claim { name: "time", place: "activityDateTime", shape: Shape::Instant, fills: true },
    Claim { name: "tenantId", place: "tenantId", shape: Shape::Text, fills: true },
    Claim {
        name: "correlationId",
        place: "changeId",
        shape: Shape::Key(ID_BYTES_MAX),
        fills: true,
    },
    Claim { name: "durationMs", place: "durationInMilliseconds", shape: Shape::Count, fills: true },
];

/// Whether a column of Log Analytics holds a member of the entry.
pub(super) fn knows(column: &str) -> bool {
    let is = |name: &str| name.eq_ignore_ascii_case(column);
    ENTRY.iter().any(|member| is(member.name) || member.also.iter().any(|also| is(also)))
        || is("action")
        || is(STATUS_INFO)
}

/// Members that entries of this log have, and no records of the sign-in or audit logs.
const MARKS: [&str; 8] = [
    "provisioningAction",
    "provisioningSteps",
    "provisioningStatusInfo",
    STATUS_INFO,
    "changeId",
    "cycleId",
    "sourceIdentity",
    "targetIdentity",
];

/// Whether a record without an envelope looks like an entry of this log: one of the members above is not
/// empty. In a table of several logs each row has all columns, most of them empty.
pub(super) fn is_like(members: &Map<String, Value>) -> bool {
    let says = |name: &str| match get(members, name) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.trim().is_empty(),
        Some(_) => true,
    };
    // Older entries only have `action`, and their time.
    let is_action = |text: &str| {
        ACTIONS.iter().any(|word| word.eq_ignore_ascii_case(text)) || text.starts_with("Entry")
    };
    let acts = || shape::text(members, "action").is_some_and(is_action) && says("activityDateTime");
    MARKS.iter().any(|mark| says(mark)) || acts()
}

pub(super) fn entry(mut lifted: Lifted, dates: Option<DateOrder>) -> Result<Entry, Refused> {
    let mut reading = Reading::of(dates);
    lifted.normalize(ENTRY, &mut reading)?;
    let mut body = std::mem::take(&mut lifted.entry);
    let mut envelope = std::mem::take(&mut lifted.envelope);
    // In a row of Log Analytics this is the workspace, not a fact of the entry.
    let workspace = if lifted.member.is_none() { take(&mut envelope, "tenantId") } else { None };
    settle_action(&mut body);
    settle_status(&mut body, &mut envelope, &mut reading)?;
    settle(&mut body, &mut envelope, CLAIMS, &reading);
    envelope.extend(workspace);
    keep(&mut body, envelope, reading.irregular);
    let entry = typed(&body).map_err(|refused| lifted.placed(refused))?;
    Ok(Entry { body, ..entry })
}

/// Moves the old member `action`, which holds a word such as `Create` or the name of an event.
fn settle_action(body: &mut Map<String, Value>) {
    let Some((name, given)) = take(body, "action") else { return };
    let word = given.as_str().map(|text| {
        let known = ACTIONS.iter().find(|word| word.eq_ignore_ascii_case(text));
        known.map_or_else(|| Value::from(action_of_event(text)), |word| Value::from(*word))
    });
    let place = body.entry("provisioningAction").or_insert(Value::Null);
    if place.is_null()
        && let Some(word) = &word
    {
        place.clone_from(word);
    }
    // Keep the name of an event, which says more than the word made from it.
    let says_no_more = given.as_str().zip(place.as_str());
    if !says_no_more.is_some_and(|(text, word)| word.eq_ignore_ascii_case(text)) && !given.is_null()
    {
        body.insert(name, given);
    }
}

/// The action that an event such as `EntryExportUpdate` means.
pub(super) fn action_of_event(event: &str) -> &'static str {
    let ends = |end: &str| event.to_ascii_lowercase().ends_with(end);
    if ends("softdelete") {
        "disable"
    } else if ends("delete") {
        "delete"
    } else if ends("add") {
        "create"
    } else if ends("update") {
        "update"
    } else {
        "other"
    }
}

/// Reads the status from `provisioningStatusInfo`, the old `statusInfo` or the envelope.
fn settle_status(
    body: &mut Map<String, Value>,
    envelope: &mut Map<String, Value>,
    reading: &mut Reading,
) -> Result<(), Refused> {
    let mut place = body.remove("provisioningStatusInfo").unwrap_or_default();
    if let Some((name, given)) = take(body, STATUS_INFO) {
        let claim = old_status(&given, &Path::Name(&Path::Record, &name), reading);
        if !claim.is_some_and(|claim| covers(&mut place, &claim)) {
            body.insert(name, given);
        }
    }
    if let Some((name, given)) = take(envelope, "resultType") {
        let mut word = given.clone();
        let words = Shape::Word(RESULTS);
        let read = shape::value(&mut word, &words, false, &Path::Record, reading);
        if read.is_err() || !covers(&mut place, &status_info(word, Value::Null)) {
            envelope.insert(name, given);
        }
    }
    if place.get("status").and_then(Value::as_str).is_some_and(|status| status != "success") {
        let said = |name: &str| shape::text(envelope, name).filter(|text| *text != "None");
        let (code, reason) = (said("resultSignature"), said("resultDescription"));
        let mut error = Map::new();
        error.insert("errorCode".to_owned(), code.into());
        error.insert("reason".to_owned(), reason.into());
        let is_said = code.is_some() || reason.is_some();
        shape::object(&mut error, ERROR, &Path::Record, reading)?;
        if is_said && covers(&mut place, &status_info(Value::Null, Value::Object(error))) {
            let _ = take(envelope, "resultSignature");
            let _ = take(envelope, "resultDescription");
        }
    }
    body.insert("provisioningStatusInfo".to_owned(), place);
    Ok(())
}

/// The old `statusInfo` in the shape of `provisioningStatusInfo`; `None` if it cannot be read.
fn old_status(given: &Value, path: &Path<'_>, reading: &mut Reading) -> Option<Value> {
    const OLD: &[Member] = &[
        member("status", Shape::Word(RESULTS)),
        member("errorCode", Shape::Text),
        member("reason", Shape::Text),
        member("additionalDetails", Shape::Text),
        member("errorCategory", Shape::Word(CATEGORIES)),
        member("recommendedAction", Shape::Text),
    ];
    let mut said = given.clone();
    shape::value(&mut said, &Shape::Object(OLD), false, path, reading).ok()?;
    let Value::Object(mut error) = said else {
        return Some(Value::Null);
    };
    let status = error.remove("status").unwrap_or_default();
    error.retain(|name, _| ERROR.iter().any(|member| member.name == name));
    let is_empty = error.values().all(Value::is_null);
    let error = if is_empty { Value::Null } else { Value::Object(error) };
    Some(status_info(status, error))
}

fn status_info(status: Value, error: Value) -> Value {
    let members = [("status".to_owned(), status), ("errorInformation".to_owned(), error)];
    Value::Object(Map::from_iter(members))
}

/// Reads the typed members from the body. Does not store the body itself.
fn typed(body: &Map<String, Value>) -> Result<Entry, Refused> {
    let status = body.get("provisioningStatusInfo").and_then(Value::as_object);
    let status_word = status.and_then(|status| shape::text(status, "status"));
    let error = status.and_then(|status| status.get("errorInformation")).and_then(Value::as_object);
    let error_code = error.and_then(|error| shape::text(error, "errorCode"));
    let steps = objects(body, "provisioningSteps");
    Ok(Entry {
        source: Source::Provisioning,
        id: shape::text(body, "id").unwrap_or_default().to_owned(),
        occurred_at_us: occurred_at_us(body)?,
        action: shape::text(body, "provisioningAction").map_or(Action::Other, action_of),
        status: status_word.map_or(Status::Warning, status_of),
        error_code: error_code.and_then(said::error_code).map(str::to_owned),
        skip_reason: said::skip_reason(body).map(str::to_owned),
        step_names: steps.map(|step| owned(step, "name").unwrap_or_default()).collect(),
        job_id: owned(body, "jobId"),
        cycle_id: owned(body, "cycleId"),
        change_id: owned(body, "changeId"),
        duration_ms: body.get("durationInMilliseconds").and_then(whole_ms),
        kind: said::kind(body),
        source_id: said::source_id(body).map(str::to_owned),
        source_name: said::source_name(body).map(str::to_owned),
        user_name: said::user_name(body).map(str::to_owned),
        target_id: said::target_id(body).map(str::to_owned),
        modified: objects(body, "modifiedProperties").map(modified).collect(),
        body: Map::new(),
    })
}

/// The time of an entry, from a normalised body.
pub(super) fn occurred_at_us(body: &Map<String, Value>) -> Result<i64, Refused> {
    let at = body.get("activityDateTime").and_then(Value::as_str);
    let path = Path::Name(&Path::Record, "activityDateTime");
    let at = at.ok_or_else(|| path.refused("is missing"))?;
    time::parse(at, None).map_err(|error| path.refused(error.text()))
}

pub(super) fn modified(members: &Map<String, Value>) -> Modified {
    let value = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
    Modified {
        path: value("displayName").unwrap_or_default(),
        old: value("oldValue"),
        new: value("newValue"),
    }
}

pub(super) fn owned(members: &Map<String, Value>, name: &str) -> Option<String> {
    shape::text(members, name).map(str::to_owned)
}

/// Whole milliseconds; `None` for a negative number, which means unknown.
fn whole_ms(value: &Value) -> Option<u32> {
    let whole = value.as_u64().or_else(|| {
        let number =
            value.as_f64().filter(|number| *number >= 0.0 && *number <= f64::from(u32::MAX));
        // In range, so only the fraction is lost.
        number.map(|number| number as u64)
    });
    whole.and_then(|ms| u32::try_from(ms).ok())
}

pub(super) fn action_of(word: &str) -> Action {
    match word {
        "create" => Action::Create,
        "update" => Action::Update,
        "disable" => Action::Disable,
        "delete" => Action::Delete,
        "stagedDelete" => Action::StagedDelete,
        _ => Action::Other,
    }
}

fn status_of(word: &str) -> Status {
    match word {
        "success" => Status::Success,
        "failure" => Status::Failure,
        "skipped" => Status::Skipped,
        _ => Status::Warning,
    }
}
