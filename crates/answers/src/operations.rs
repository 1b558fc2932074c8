//! What was asked, and what came of it: the row that all lists of operations have, and the log.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::operation_filter::filtered;
use crate::table::{Column, count, first, number, or_nothing, second, several};
use crate::words::{Present, plain};
use crate::{Lead, Moment, Nothing, Question, Shape, Time};

/// More changed paths, or flags, than these are only counted.
const PATHS_MAX: usize = 12;

filtered! {
    /// Which requests arrived and what came of them, newest first
    Operations {}
}

/// A request, what was seen of an upstream, requests that were only counted, or an entry of an imported
/// log.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// The event that recorded it
    pub seq: u64,
    /// Its UUID, unique over all logs
    pub event_id: String,
    /// When it happened; for an imported entry, according to its source
    pub occurred_at: Moment,
    /// When it was recorded here
    pub recorded_at: Moment,
    /// The provider's tenant, from an imported entry; in an export also from the entry that explains a
    /// request
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Present::read")]
    pub tenant: Option<Option<String>>,
    /// The application's name in addresses; null if the request named none
    pub application: Option<String>,
    /// The provider's job, from an imported entry; in an export and in one whole operation also from the
    /// entry that explains a request
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Present::read")]
    pub job_id: Option<Option<String>>,
    /// The provider's cycle, wherever there is a `jobId`
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Present::read")]
    pub cycle_id: Option<Option<String>>,
    /// The provider's change, wherever there is a `jobId`; in an export `eventId` if there is none
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Present::read")]
    pub change_id: Option<Option<String>>,
    /// What was asked for: `create`, `update`, `disable`, `delete`, `stagedDelete` or `other`
    pub action: String,
    /// Method and resource type, or what kind of event it was
    pub operation: String,
    /// The resource type, such as `User`; null if not known
    pub resource_type: Option<String>,
    /// SCIM id of the resource; null if not known
    pub resource_id: Option<String>,
    /// SCIM `externalId` right after it
    pub external_id: Option<String>,
    /// SCIM `userName` right after it
    pub user_name: Option<String>,
    /// SCIM `displayName` right after it
    pub display_name: Option<String>,
    /// In a timeline the group that the user joined or left; in an export also the group that the
    /// operation was on
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Present::read")]
    pub group_id: Option<Option<String>>,
    /// That group's display name
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Present::read")]
    pub group_name: Option<Option<String>>,
    /// How it ended: `success`, `failure`, `skipped` or `warning`
    pub status: String,
    /// The status of the answer; null if it was no request
    pub http_status: Option<u16>,
    /// SCIM `scimType` of the error
    pub scim_type: Option<String>,
    /// The provider's error code, from an imported entry; in an export also from the entry that explains a
    /// request
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Present::read")]
    pub error_code: Option<Option<String>>,
    /// The category of that error
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Present::read")]
    pub error_category: Option<Option<String>>,
    /// Why it failed or was skipped
    pub reason: Option<String>,
    /// The provider's reason for skipping, from an imported entry
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Present::read")]
    pub skip_reason: Option<Option<String>>,
    /// What it did: `applied`, `no_op`, `read`, `rejected`, `skipped`, `unknown`, `unverified` or
    /// `contradicted`; null if an imported entry does not say
    pub effect: Option<String>,
    /// Who did it: a `token`, `none` without a valid one, or the `provider` of an imported entry
    pub actor_type: String,
    /// The token's id, or the provider's id of who did it
    pub actor_id: Option<String>,
    /// The provider's name for who did it, from an imported entry
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Present::read")]
    pub actor_name: Option<Option<String>>,
    /// The client's address
    pub source_ip: Option<String>,
    /// The client's `User-Agent`
    pub user_agent: Option<String>,
    /// The id of the request
    pub request_id: Option<String>,
    /// Milliseconds until it was decided
    pub duration_ms: Option<Number>,
    /// The paths that it changed
    pub changed_paths: Vec<String>,
    /// The references of its evidence; only in an export
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_refs: Option<Vec<String>>,
    /// The hash of its leaf in the log's tree, in base64; only for one operation and in an export
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_hash: Option<String>,
    /// `recorded` here, or `imported` from a provider's log
    pub source: String,
    /// Its place in a Bulk request, from 0; null if it was no request
    pub index: Option<u32>,
    /// How many resources a read returned
    pub results: Option<u32>,
    /// The last event that a read could see
    pub saw_seq: Option<u64>,
    /// What was unusual about it
    pub flags: Vec<Flag>,
    /// SCIM id of the account that has the requested name; only if the request was refused for that
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Present::read")]
    pub holder_id: Option<Option<String>>,
    /// The name of that account at that time
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Present::read")]
    pub holder_name: Option<Option<String>>,
    /// True if the request was sent on to an upstream
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<bool>,
    /// What was found out later about a request that was sent on; null until then
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Present::read")]
    pub settled: Option<Option<Settled>>,
    /// For an observation: the requests whose outcome it settles
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settles: Option<Vec<u64>>,
    /// What it says of them: `confirmed` or `contradicted`; null if it settles none
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Present::read")]
    pub verdict: Option<Option<String>>,
    /// For a summary: how many requests were counted
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// When the first of them arrived
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_at: Option<Moment>,
    /// When the last of them arrived
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_at: Option<Moment>,
    /// The log of an imported entry: `provisioning` or `directoryAudit`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// The id of an imported entry in its log
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_id: Option<String>,
    /// The id of the token that imported it
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Present::read")]
    pub imported_by: Option<Option<String>>,
    /// In a timeline, whether the user `joined` or `left` the group; null if neither
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Present::read")]
    pub membership: Option<Option<String>>,
}

/// Something unusual.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Flag {
    /// `outsideProfile`, `noSchema`, `notFilterable`, `schemaViolation`, `tooLarge` or `irregular`
    pub kind: String,
    /// The path of the attribute, or of the part of an imported entry
    pub path: String,
}

/// What was found out later about a request.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Settled {
    /// The event that settled it
    pub by_seq: u64,
    /// `confirmed`, `contradicted`, or `none` if it cannot be told
    pub verdict: String,
}

/// The table of every list of operations.
pub(crate) fn columns() -> Vec<Column<Operation>> {
    vec![
        Column::time("Time", &["occurredAt"], |row| second(Some(&row.occurred_at))),
        Column::application(|row: &Operation| or_nothing(row.application.as_ref()))
            .leads(|row| Lead::application(row.application.as_ref())),
        Column::whole("Action", &["action"], |row| plain(&row.action)),
        Column::status("Status", &["status"], |row| row.status.clone()),
        Column::number("HTTP", &["httpStatus"], |row| number(row.http_status)),
        Column::whole("Operation", &["operation"], |row| row.operation.clone()),
        Column::text("Target", &["userName", "displayName", "resourceId"], target).leads(resource),
        Column::text(
            "Reason or change",
            &[
                "count",
                "reason",
                "holderName",
                "membership",
                "groupName",
                "groupId",
                "changedPaths",
                "flags",
            ],
            outcome,
        )
        .leads(other),
        Column::event("Event", &["seq"], |row: &Operation| number(Some(row.seq)))
            .leads(|row| Lead::operation(Some(row.seq))),
    ]
}

const OF_ONE: &str = "`provlog operation` shows it";
pub(crate) const BY_NAME: &str = "the name of the operation says it";

/// What that table does not show.
pub(crate) const NOT_SHOWN: &[(&str, &str)] = &[
    ("eventId", OF_ONE),
    ("recordedAt", OF_ONE),
    ("tenant", OF_ONE),
    ("jobId", OF_ONE),
    ("cycleId", OF_ONE),
    ("changeId", OF_ONE),
    ("resourceType", BY_NAME),
    ("externalId", OF_ONE),
    ("scimType", OF_ONE),
    ("errorCode", OF_ONE),
    ("errorCategory", OF_ONE),
    ("skipReason", OF_ONE),
    ("effect", OF_ONE),
    ("actorType", OF_ONE),
    ("actorId", OF_ONE),
    ("actorName", OF_ONE),
    ("sourceIp", OF_ONE),
    ("userAgent", OF_ONE),
    ("requestId", OF_ONE),
    ("durationMs", OF_ONE),
    ("evidenceRefs", "only an export has it; `provlog operation` shows the evidence"),
    ("eventHash", OF_ONE),
    ("source", BY_NAME),
    ("index", OF_ONE),
    ("results", OF_ONE),
    ("sawSeq", OF_ONE),
    ("holderId", OF_ONE),
    ("forwarded", OF_ONE),
    ("settled", OF_ONE),
    ("settles", OF_ONE),
    ("verdict", OF_ONE),
    ("firstAt", OF_ONE),
    ("lastAt", OF_ONE),
    ("log", BY_NAME),
    ("entryId", OF_ONE),
    ("importedBy", OF_ONE),
];

/// What an operation was about, by the name that it has for people.
pub(crate) fn target(row: &Operation) -> String {
    first(&[&row.user_name, &row.display_name, &row.resource_id])
}

/// The user or group that an operation was about. A refused creation made none, and perhaps nothing ever
/// did; but what happened to it is known.
pub(crate) fn resource(row: &Operation) -> Option<Lead> {
    let application = Some(row.application.as_ref()?);
    let lead = Lead::resource(application, row.resource_type.as_ref(), row.resource_id.as_ref())?;
    let is_refused = row.action == "create" && row.effect.as_deref() == Some("rejected");
    if is_refused { lead.timeline() } else { Some(lead) }
}

/// Whoever has the name for which an operation was refused.
pub(crate) fn holder(row: &Operation) -> Option<Lead> {
    let application = Some(row.application.as_ref()?);
    let id = row.holder_id.as_ref().and_then(Option::as_ref);
    Lead::resource(application, row.resource_type.as_ref(), id)
}

/// Whoever has the name, or else the group that somebody joined or left.
fn other(row: &Operation) -> Option<Lead> {
    holder(row).or_else(|| {
        row.membership.as_ref()?.as_ref()?;
        let (id, name) = (row.group_id.as_ref()?, row.group_name.as_ref()?);
        Lead::group(Some(row.application.as_ref()?), id.as_ref(), name.as_ref())
    })
}

/// Why an operation was refused, which group it let join or leave, or which paths it changed; and what
/// was unusual about it.
fn outcome(row: &Operation) -> String {
    let text = result(row);
    match flags(&row.flags) {
        flags if text.is_empty() || flags.is_empty() => text + &flags,
        flags => format!("{text} {flags}"),
    }
}

/// What was unusual, in words.
pub(crate) fn flags(flags: &[Flag]) -> String {
    let flag = |flag: &Flag| format!("[{}: {}]", flag.path, in_words(flag));
    let mut text: String = flags.iter().take(PATHS_MAX).map(flag).collect();
    if flags.len() > PATHS_MAX {
        text.push_str(&format!(" and {} more", count((flags.len() - PATHS_MAX) as u64)));
    }
    text
}

/// What is unusual about a path.
pub(crate) fn in_words(flag: &Flag) -> &'static str {
    match flag.kind.as_str() {
        "outsideProfile" => "not in the profile",
        "noSchema" => "in no schema",
        "notFilterable" => "not to be filtered by",
        "schemaViolation" => "not as the schema allows",
        "tooLarge" => "too large to keep",
        "irregular" => "not to be read",
        _ => "unexpected",
    }
}

fn result(row: &Operation) -> String {
    if let Some(requests) = row.count {
        return format!("{} requests", count(requests));
    }
    let holder = row.holder_name.as_ref().and_then(Option::as_ref);
    match (&row.reason, holder) {
        (Some(reason), Some(holder)) => return format!("{reason}; the name belongs to {holder}"),
        (Some(reason), None) => return reason.clone(),
        (None, _) => {}
    }
    if let Some(Some(word)) = &row.membership {
        let group = [&row.group_name, &row.group_id].into_iter().flatten().flatten().next();
        return format!("{word} {}", or_nothing(group));
    }
    several(&row.changed_paths, PATHS_MAX)
}

impl Question for Operations {
    type Row = Operation;
    type Beside = Nothing;
    const COMMAND: &'static str = "log";
    const PATH: &'static str = "/api/v1/operations";
    const TIME: Time = Time::Stretch;
    const SHAPE: Shape = Shape::Operations { file: "operations" };
    const ORDER: &'static str = "newest first";
    const NOT_SHOWN: &'static [(&'static str, &'static str)] = NOT_SHOWN;

    fn title(&self, _: &Nothing) -> String {
        format!("Operations{}", self.filters().in_words())
    }

    fn columns(&self) -> Vec<Column<Operation>> {
        columns()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn text(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn an_operation_tells_why_not_or_what_changed() {
        let some = |text: &str| Some(text.to_owned());
        let empty = Operation::default;
        let check = |row: Operation, expected: &str| assert_eq!(outcome(&row), expected);
        check(Operation { changed_paths: text(&["active", "title"]), ..empty() }, "active, title");
        check(Operation { reason: some("no\nsuch group"), ..empty() }, "no\nsuch group");
        check(Operation { count: Some(1_200), ..empty() }, "1,200 requests");
        let paths: Vec<String> = (0..1_014).map(|place| format!("a{place}")).collect();
        let all = outcome(&Operation { changed_paths: paths, ..empty() });
        assert!(all.ends_with("a10, a11 and 1,002 more"), "{all}");
        let joined = Operation {
            membership: Some(some("joined")),
            group_name: Some(some("Crew")),
            changed_paths: text(&["members"]),
            ..empty()
        };
        check(joined, "joined Crew");
        let left = Operation {
            membership: Some(some("left")),
            group_name: Some(None),
            group_id: Some(some("7")),
            ..empty()
        };
        check(left, "left 7");
        let flag = |kind: &str| Flag { kind: kind.to_owned(), path: "shoe".to_owned() };
        let flagged = Operation {
            reason: some("refused"),
            flags: vec![flag("noSchema"), flag("irregular")],
            ..empty()
        };
        check(flagged, "refused [shoe: in no schema][shoe: not to be read]");
        let many = Operation { flags: vec![flag("tooLarge"); 14], ..empty() };
        let all = outcome(&many);
        assert!(all.starts_with("[shoe: too large to keep]["), "{all}");
        assert!(all.ends_with("] and 2 more"), "{all}");
    }

    #[test]
    fn words_of_json_are_told_in_plain_words() {
        let asked = json!({"action": "stagedDelete", "log": "directoryAudit"});
        let asked: Operations = serde_json::from_value(asked).unwrap();
        let title = asked.title(&Nothing {});
        assert_eq!(title, "Operations with action staged delete of log directory audit");
        let row = Operation { action: "stagedDelete".to_owned(), ..Operation::default() };
        let cells: Vec<String> = columns().iter().map(|one| one.cell(&row).text).collect();
        assert_eq!(cells[2], "staged delete");
    }

    #[test]
    fn an_operation_leads_to_whom_and_what_it_names() {
        let text = str::to_owned;
        let some = |text: &str| Some(text.to_owned());
        let row = Operation {
            application: some("kite"),
            resource_type: some("User"),
            resource_id: some("26"),
            ..Operation::default()
        };
        let address = |lead: Option<Lead>| lead.and_then(|lead| lead.address(None));
        assert_eq!(address(resource(&row)).as_deref(), Some("/apps/kite/users/26"));
        assert_eq!(other(&row), None);
        let made = Operation { action: text("create"), effect: some("applied"), ..row.clone() };
        assert_eq!(address(resource(&made)).as_deref(), Some("/apps/kite/users/26"));
        let none = Operation { effect: some("rejected"), ..made };
        assert_eq!(address(resource(&none)).as_deref(), Some("/apps/kite/users/26/timeline"));
        let none = Operation { resource_type: some("Group"), ..none };
        assert_eq!(address(resource(&none)).as_deref(), Some("/apps/kite/groups/26/timeline"));
        let refused = Operation { holder_id: Some(some("27")), ..row.clone() };
        assert_eq!(address(other(&refused)).as_deref(), Some("/apps/kite/users/27"));
        let joined = Operation {
            membership: Some(some("joined")),
            group_id: Some(some("7")),
            group_name: Some(some("Crew")),
            ..row
        };
        assert_eq!(address(other(&joined)).as_deref(), Some("/apps/kite/groups/7"));
    }

    #[test]
    fn an_operation_is_about_whoever_it_names_best() {
        let some = |text: &str| Some(text.to_owned());
        let row = |user_name, display_name, resource_id| Operation {
            user_name,
            display_name,
            resource_id,
            ..Operation::default()
        };
        assert_eq!(target(&row(some("mira"), some("M"), some("26"))), "mira");
        assert_eq!(target(&row(None, some("Crew"), some("7"))), "Crew");
        assert_eq!(target(&row(None, None, some("26"))), "26");
        assert_eq!(target(&row(None, None, None)), "");
    }

    #[test]
    fn what_is_null_and_what_is_not_there_stay_apart() {
        let mut row = serde_json::to_value(Operation::default()).unwrap();
        for name in ["tenant", "settled", "membership", "evidenceRefs", "count"] {
            assert!(row.get(name).is_none(), "{name}");
        }
        for name in ["application", "httpStatus", "durationMs", "effect"] {
            assert_eq!(row[name], Value::Null, "{name}");
        }
        row["settled"] = json!(null);
        row["tenant"] = json!("fjord");
        row["durationMs"] = json!(2.0);
        row["isNewer"] = json!(true);
        let read: Operation = serde_json::from_value(row.clone()).unwrap();
        row.as_object_mut().unwrap().remove("isNewer");
        assert_eq!(serde_json::to_value(read).unwrap(), row);
    }
}
