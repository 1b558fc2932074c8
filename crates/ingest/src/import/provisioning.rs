//! An entry of the provisioning log.

use serde_json::{Map, Value};

use super::entry::{Action, Entry, Kind, Modified, Refused, Source, Status};
use super::forms::Lifted;
use super::settle::{Claim, covers, keep, settle, take};
use super::shape::{self, ID_BYTES_MAX, Member, Path, Shape, member};
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

/// `Name` is the diagnostic stream's word.
const NAME: Member = member("displayName", Shape::Text).also(&["Name"]);

const ENTRY: &[Member] = &[
    member("id", Shape::Key(ID_BYTES_MAX)).required(),
    member("activityDateTime", Shape::Instant).also(&["TimeGenerated"]).required(),
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
    // Of other categories it is a user's name, so it never stands in for the id.
    Claim { name: "identity", place: "id", shape: Shape::Text, fills: false },
    Claim { name: "time", place: "activityDateTime", shape: Shape::Instant, fills: false },
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

pub(super) fn entry(mut lifted: Lifted) -> Result<Entry, Refused> {
    lifted.normalize(ENTRY)?;
    let Lifted { entry: mut body, mut envelope, member } = lifted;
    // In a row of Log Analytics this is the workspace, which says nothing of the entry.
    let workspace = if member.is_none() { take(&mut envelope, "tenantId") } else { None };
    settle_action(&mut body);
    settle_status(&mut body, &mut envelope)?;
    settle(&mut body, &mut envelope, CLAIMS);
    envelope.extend(workspace);
    keep(&mut body, envelope);
    let entry = typed(&body)?;
    Ok(Entry { body, ..entry })
}

/// The old member `action` holds a name such as `Create`, or the name of an event.
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
    // The name of an event says more than the word that was made of it.
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

/// The status is said by `provisioningStatusInfo`, or by the old `statusInfo`, or by the envelope.
fn settle_status(
    body: &mut Map<String, Value>,
    envelope: &mut Map<String, Value>,
) -> Result<(), Refused> {
    let mut place = body.remove("provisioningStatusInfo").unwrap_or_default();
    if let Some((name, given)) = take(body, STATUS_INFO) {
        let claim = old_status(&given, &Path::Name(&Path::Record, &name))?;
        if !covers(&mut place, &claim) {
            body.insert(name, given);
        }
    }
    if let Some((name, given)) = take(envelope, "resultType") {
        let mut word = given.clone();
        let is_read = shape::value(&mut word, &Shape::Word(RESULTS), false, &Path::Record).is_ok();
        if !is_read || !covers(&mut place, &status_info(word, Value::Null)) {
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
        shape::object(&mut error, ERROR, &Path::Record)?;
        if is_said && covers(&mut place, &status_info(Value::Null, Value::Object(error))) {
            let _ = take(envelope, "resultSignature");
            let _ = take(envelope, "resultDescription");
        }
    }
    body.insert("provisioningStatusInfo".to_owned(), place);
    Ok(())
}

/// What the old `statusInfo` says, in the shape of `provisioningStatusInfo`.
fn old_status(given: &Value, path: &Path<'_>) -> Result<Value, Refused> {
    const OLD: &[Member] = &[member("status", Shape::Word(RESULTS))];
    let mut said = given.clone();
    shape::value(&mut said, &Shape::Object(OLD), false, path)?;
    let Value::Object(mut error) = said else {
        return Ok(Value::Null);
    };
    let status = error.remove("status").unwrap_or_default();
    shape::object(&mut error, ERROR, path)?;
    error.retain(|name, _| ERROR.iter().any(|member| member.name == name));
    let is_empty = error.values().all(Value::is_null);
    let error = if is_empty { Value::Null } else { Value::Object(error) };
    Ok(status_info(status, error))
}

fn status_info(status: Value, error: Value) -> Value {
    let members = [("status".to_owned(), status), ("errorInformation".to_owned(), error)];
    Value::Object(Map::from_iter(members))
}

/// Reads the typed members off the body, which itself is left out.
fn typed(body: &Map<String, Value>) -> Result<Entry, Refused> {
    let steps = objects(body, "provisioningSteps");
    let modified: Vec<Modified> = objects(body, "modifiedProperties").map(modified).collect();
    let source = Identity::of(body, "sourceIdentity");
    let target = Identity::of(body, "targetIdentity");
    let status = body.get("provisioningStatusInfo").and_then(Value::as_object);
    let status_word = status.and_then(|status| shape::text(status, "status"));
    let error = status.and_then(|status| status.get("errorInformation")).and_then(Value::as_object);
    let error_code = error.and_then(|error| shape::text(error, "errorCode"));
    let kinds = [source.kind, source.detail("odatatype"), target.kind];
    let kind = kinds.into_iter().flatten().map(kind_of).find(|kind| *kind != Kind::Other);
    let kind = kind.unwrap_or(Kind::Other);
    let imported_id = || detail_of_steps(steps.clone(), "objectId");
    let at = body.get("activityDateTime").and_then(Value::as_str).and_then(time::parse);
    Ok(Entry {
        source: Source::Provisioning,
        id: shape::text(body, "id").unwrap_or_default().to_owned(),
        occurred_at_us: at.ok_or_else(|| Path::Record.refused("expected an instant"))?,
        action: shape::text(body, "provisioningAction").map_or(Action::Other, action_of),
        status: status_word.map_or(Status::Warning, status_of),
        error_code: error_code.filter(|code| *code != "None").map(str::to_owned),
        skip_reason: skip_reason(steps.clone()).map(str::to_owned),
        step_names: steps.clone().map(|step| owned(step, "name").unwrap_or_default()).collect(),
        job_id: owned(body, "jobId"),
        cycle_id: owned(body, "cycleId"),
        change_id: owned(body, "changeId"),
        duration_ms: body.get("durationInMilliseconds").and_then(whole_ms),
        kind,
        source_id: source
            .id
            .or_else(|| source.detail("id"))
            .or_else(imported_id)
            .map(str::to_owned),
        source_name: source.name.or_else(|| source.detail("DisplayName")).map(str::to_owned),
        user_name: user_name(&source, kind, steps.clone(), &modified),
        target_id: target.id.map(str::to_owned),
        modified,
        body: Map::new(),
    })
}

/// The name by which the user signs in.
///
/// First what the source says of the person: the principal name in the identity, else in the import
/// step; it is the same in every form, and it is what an administrator searches by. Then what the
/// application was given as `userName`, which is what its own record knows. `ReportableIdentifier` is
/// last: it is whatever the connector thinks fit to show, which may be an external id.
fn user_name<'a>(
    source: &Identity<'a>,
    kind: Kind,
    steps: impl Iterator<Item = &'a Map<String, Value>> + Clone,
    modified: &[Modified],
) -> Option<String> {
    if let Some(name) = source.detail("UserPrincipalName") {
        return Some(name.to_owned());
    }
    if kind != Kind::User {
        // Of a group these would be the names of the group.
        return None;
    }
    let written = || {
        let mut names = modified.iter().filter(|value| value.path.eq_ignore_ascii_case("userName"));
        names.next().and_then(|value| value.new.as_deref()).filter(|name| !name.is_empty())
    };
    detail_of_steps(steps.clone(), "userPrincipalName")
        .or_else(written)
        .or_else(|| detail_of_steps(steps.clone(), "userName"))
        .or_else(|| detail_of_steps(steps, "ReportableIdentifier"))
        .map(str::to_owned)
}

/// An object in one of the systems.
struct Identity<'a> {
    id: Option<&'a str>,
    name: Option<&'a str>,
    kind: Option<&'a str>,
    details: Option<&'a Map<String, Value>>,
}

impl<'a> Identity<'a> {
    fn of(body: &'a Map<String, Value>, name: &str) -> Identity<'a> {
        let members = body.get(name).and_then(Value::as_object);
        let text = |name: &str| members.and_then(|members| shape::text(members, name));
        Identity {
            id: text("id"),
            name: text("displayName"),
            kind: text("identityType"),
            details: details(members),
        }
    }

    fn detail(&self, name: &str) -> Option<&'a str> {
        self.details.and_then(|details| shape::text(details, name))
    }
}

fn details(members: Option<&Map<String, Value>>) -> Option<&Map<String, Value>> {
    members?.get("details")?.as_object()
}

/// The first that a step says under this name.
fn detail_of_steps<'a>(
    mut steps: impl Iterator<Item = &'a Map<String, Value>>,
    name: &str,
) -> Option<&'a str> {
    steps.find_map(|step| details(Some(step)).and_then(|details| shape::text(details, name)))
}

/// A decision to do nothing is explained in its own step only.
fn skip_reason<'a>(steps: impl Iterator<Item = &'a Map<String, Value>> + Clone) -> Option<&'a str> {
    let is_skip = |step: &&Map<String, Value>| {
        shape::text(step, "name").is_some_and(|name| name == "EntrySynchronizationSkip")
    };
    detail_of_steps(steps.clone().filter(is_skip), "SkipReason")
        .or_else(|| detail_of_steps(steps, "SkipReason"))
}

pub(super) fn objects<'a>(
    body: &'a Map<String, Value>,
    name: &str,
) -> impl Iterator<Item = &'a Map<String, Value>> + Clone + use<'a> {
    let items = body.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    items.iter().filter_map(Value::as_object)
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

/// A negative number stands for an unknown duration.
fn whole_ms(value: &Value) -> Option<u32> {
    let whole = value.as_u64().or_else(|| {
        let number =
            value.as_f64().filter(|number| *number >= 0.0 && *number <= f64::from(u32::MAX));
        // In range, so nothing is cut but the fraction.
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

/// `User`, `Group`, or a schema address that ends in one of these.
pub(super) fn kind_of(text: &str) -> Kind {
    let last = text.rsplit([':', '.']).next().unwrap_or(text);
    if last.eq_ignore_ascii_case("user") {
        Kind::User
    } else if last.eq_ignore_ascii_case("group") {
        Kind::Group
    } else {
        Kind::Other
    }
}
