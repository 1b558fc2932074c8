//! Entries of the log as `provisioningObjectSummary` of Microsoft Graph v1.0. Every member is present;
//! those that SCIM cannot fill are null.
//!
//! An entry is serialized directly. It becomes a map only when a filter or `$select` needs its members.

use std::borrow::Cow;
use std::collections::BTreeMap;

use event::{Content, Credential, Event, EventId, Observation, Operation, Seq, Status};
use projector::{Identity, status_of};
use scim::ScimType;
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::as_of::identity_at;
use crate::error::Error;
use crate::operation::{Operations, UNAUTHENTICATED};
use crate::shown::{Shown, What};
use crate::values::changed;

/// Shows items of the log as Graph does.
pub(crate) struct Entries<'a> {
    operations: &'a Operations<'a>,
}

/// One entry.
pub(crate) enum Entry {
    /// A recorded operation.
    Recorded(Box<Summary>),
    /// An imported entry, as JSON.
    Imported(Vec<u8>),
}

/// Our own member of an imported entry: what the imported form had around the entry.
const ENVELOPE: &str = "envelope";

impl Entry {
    /// The members, for a filter.
    pub(crate) fn members(&self) -> Result<Map<String, Value>, Error> {
        match self {
            Entry::Recorded(summary) => match serde_json::to_value(summary) {
                Ok(Value::Object(members)) => Ok(members),
                Ok(_) | Err(_) => Err(Error::Defect),
            },
            Entry::Imported(text) => {
                let mut members: Map<String, Value> =
                    serde_json::from_slice(text).map_err(|_| DAMAGED)?;
                members.remove(ENVELOPE);
                Ok(members)
            }
        }
    }
}

const DAMAGED: Error = Error::Damaged("an imported entry");

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Entry::Recorded(summary) => summary.serialize(serializer),
            Entry::Imported(text) => {
                let members = serde_json::from_slice::<BTreeMap<Cow<'_, str>, &RawValue>>(text);
                let mut members = members.map_err(|_| S::Error::custom(DAMAGED))?;
                members.remove(ENVELOPE);
                members.serialize(serializer)
            }
        }
    }
}

/// A `provisioningObjectSummary`.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    id: String,
    activity_date_time: String,
    tenant_id: (),
    job_id: (),
    cycle_id: (),
    change_id: String,
    provisioning_action: &'static str,
    duration_in_milliseconds: Option<u32>,
    provisioning_status_info: StatusInfo,
    provisioning_steps: [Step; 1],
    modified_properties: Vec<Modified>,
    service_principal: System,
    source_system: DetailedSystem,
    target_system: DetailedSystem,
    initiated_by: Initiator,
    source_identity: ProvisionedIdentity,
    target_identity: ProvisionedIdentity,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusInfo {
    status: &'static str,
    error_information: Option<ErrorInformation>,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorInformation {
    error_code: &'static str,
    error_category: &'static str,
    reason: Option<String>,
    additional_details: Option<&'static str>,
    recommended_action: &'static str,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    name: &'static str,
    provisioning_step_type: &'static str,
    status: &'static str,
    description: String,
    details: Nothing,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Modified {
    display_name: String,
    old_value: Option<String>,
    new_value: Option<String>,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct System {
    id: Option<String>,
    display_name: Option<String>,
}

#[derive(serde::Serialize)]
struct DetailedSystem {
    #[serde(flatten)]
    system: System,
    details: Nothing,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Initiator {
    id: Option<String>,
    display_name: Option<String>,
    initiator_type: &'static str,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct ProvisionedIdentity {
    id: String,
    display_name: String,
    identity_type: Option<String>,
    details: Nothing,
}

/// An object without members.
#[derive(serde::Serialize)]
struct Nothing {}

impl<'a> Entries<'a> {
    pub(crate) fn new(operations: &'a Operations<'a>) -> Entries<'a> {
        Entries { operations }
    }

    /// Reads the events with these seqs, each when it is taken, and makes their entries.
    pub(crate) fn read(&self, seqs: &[Seq]) -> impl Iterator<Item = Result<Entry, Error>> {
        self.operations.record().events(seqs).map(|event| self.entry(event?))
    }

    /// The entry of an event.
    pub(crate) fn entry(&self, mut event: Event) -> Result<Entry, Error> {
        let shown = Shown::of(&event).ok_or(Error::Damaged("an operation"))?;
        let facts = match shown.what {
            What::Request(operation) => Facts::of_request(&shown, operation),
            What::Seen(seen) => Facts::of_look(&shown, seen),
            What::Counted(_) => Facts::of_counted(),
            What::Imported(_) => {
                return imported(&mut event).map(Entry::Imported).ok_or(DAMAGED);
            }
        };
        Ok(Entry::Recorded(Box::new(self.recorded(&shown, &facts)?)))
    }

    fn recorded(&self, shown: &Shown<'_>, facts: &Facts) -> Result<Summary, Error> {
        let record = self.operations.record();
        let (header, seq) = (shown.header(), shown.event.seq);
        let id = EventId::new(record.log(), seq).to_string();
        let application = header.application;
        let identity = identity_at(&record.view, application, shown.number(), seq)?;
        let Identity { id: resource_id, user_name, external_id, display_name } = identity;
        let kind = facts.resource_type.and_then(|kind| self.operations.type_name(kind));
        let origin = header.origin.as_ref();
        let token = origin.map(|origin| origin.credential);
        let token = token.filter(|token| *token != Credential::NONE).map(|token| token.to_string());
        let reason = shown.detail().and_then(|detail| detail.error.clone());
        let status = facts.status.name();
        let target = || System {
            id: Some(application.0.to_string()),
            display_name: self.operations.slug(application).map(str::to_owned),
        };
        Ok(Summary {
            activity_date_time: header.recorded_at.to_string(),
            tenant_id: (),
            job_id: (),
            cycle_id: (),
            change_id: id.clone(),
            id,
            provisioning_action: facts.action,
            duration_in_milliseconds: facts.duration_ms,
            provisioning_status_info: StatusInfo { status, error_information: facts.error(reason) },
            provisioning_steps: [Step {
                name: facts.step,
                provisioning_step_type: facts.step_type,
                status,
                description: self.operations.name(shown),
                details: Nothing {},
            }],
            modified_properties: self.modified(shown)?,
            service_principal: target(),
            source_system: DetailedSystem {
                system: System {
                    id: token.clone(),
                    display_name: Some(origin.map_or("", |origin| &origin.user_agent).to_owned()),
                },
                details: Nothing {},
            },
            target_system: DetailedSystem { system: target(), details: Nothing {} },
            initiated_by: Initiator {
                display_name: token.as_ref().map(|token| format!("token {token}")),
                id: token,
                initiator_type: if facts.is_look { "system" } else { "application" },
            },
            source_identity: ProvisionedIdentity {
                id: external_id.unwrap_or_default(),
                display_name: user_name.or(display_name.clone()).unwrap_or_default(),
                identity_type: kind.map(str::to_owned),
                details: Nothing {},
            },
            target_identity: ProvisionedIdentity {
                id: resource_id.unwrap_or_default(),
                display_name: display_name.unwrap_or_default(),
                identity_type: kind
                    .map(|kind| format!("urn:ietf:params:scim:schemas:core:2.0:{kind}")),
                details: Nothing {},
            },
        })
    }

    /// The changed values as texts, as in Graph.
    fn modified(&self, shown: &Shown<'_>) -> Result<Vec<Modified>, Error> {
        let application = shown.header().application;
        let mut rows = vec![];
        for (_, changes) in shown.changes() {
            for change in changed(&changes.values)?.iter() {
                rows.push(Modified {
                    display_name: change.path.to_string(),
                    old_value: change.old.as_deref().map(text).transpose()?.flatten(),
                    new_value: change.new.as_deref().map(text).transpose()?.flatten(),
                });
            }
            for (members, joined) in [(&changes.joined, true), (&changes.left, false)] {
                for member in members {
                    let id = self.operations.id_of(application, *member)?;
                    let (old_value, new_value) = if joined { (None, id) } else { (id, None) };
                    let display_name = "members".to_owned();
                    rows.push(Modified { display_name, old_value, new_value });
                }
            }
        }
        Ok(rows)
    }
}

/// The JSON of an imported entry.
fn imported(event: &mut Event) -> Option<Vec<u8>> {
    event.parts.iter_mut().find_map(|part| match &mut part.content {
        Content::Entry(text) => Some(std::mem::take(text)),
        _ => None,
    })
}

/// A stored value (canonical JSON) as a text; `None` for null.
fn text(json: &[u8]) -> Result<Option<String>, Error> {
    let damaged = Error::Damaged("a changed value");
    Ok(match json {
        b"null" => None,
        b"true" => Some("True".to_owned()),
        b"false" => Some("False".to_owned()),
        [b'"', ..] => Some(serde_json::from_slice(json).map_err(|_| damaged)?),
        other => Some(std::str::from_utf8(other).map_err(|_| damaged)?.to_owned()),
    })
}

/// Values that each kind of recorded event stores in a different place.
struct Facts {
    action: &'static str,
    status: Status,
    http_status: u16,
    scim_type: Option<&'static str>,
    resource_type: Option<event::ResourceType>,
    duration_ms: Option<u32>,
    step: &'static str,
    step_type: &'static str,
    is_look: bool,
}

impl Facts {
    fn of_request(shown: &Shown<'_>, operation: &Operation) -> Facts {
        let action = shown.action();
        let (step, step_type) = match action {
            event::Action::Create => ("EntryExportAdd", "export"),
            event::Action::Update => ("EntryExportUpdate", "export"),
            event::Action::Disable => ("EntryExportUpdateSoftDelete", "export"),
            event::Action::Delete | event::Action::StagedDelete => ("EntryExportDelete", "export"),
            // A client reads the target in order to match.
            event::Action::Other => ("EntryImport", "matching"),
        };
        Facts {
            action: action.name(),
            status: status_of(operation),
            http_status: operation.status,
            scim_type: ScimType::from_code(operation.scim_type).map(ScimType::as_str),
            resource_type: Some(operation.resource_type),
            duration_ms: Some(operation.decided_after_us / 1_000),
            step,
            step_type,
            is_look: false,
        }
    }

    fn of_look(shown: &Shown<'_>, seen: &Observation) -> Facts {
        Facts {
            action: shown.action().name(),
            status: Status::Success,
            http_status: 0,
            scim_type: None,
            resource_type: Some(seen.resource_type),
            duration_ms: None,
            step: "EntryImport",
            step_type: "import",
            is_look: true,
        }
    }

    fn of_counted() -> Facts {
        Facts {
            action: event::Action::Other.name(),
            status: Status::Failure,
            http_status: UNAUTHENTICATED,
            scim_type: None,
            resource_type: None,
            duration_ms: None,
            step: "EntryImport",
            step_type: "import",
            is_look: false,
        }
    }

    /// The error of a failed operation; else `None`.
    fn error(&self, reason: Option<String>) -> Option<ErrorInformation> {
        let (error_code, recommended_action) = error_code(self.http_status);
        (self.status == Status::Failure).then_some(ErrorInformation {
            error_code,
            error_category: "nonServiceFailure",
            reason,
            additional_details: self.scim_type,
            recommended_action,
        })
    }
}

/// The provider's error code for an HTTP status, and the recommended action.
fn error_code(http_status: u16) -> (&'static str, &'static str) {
    match http_status {
        401 => ("Unauthorized", "Give the provider a valid secret token of the application."),
        403 => ("InsufficientRights", "Use a token that may provision into the application."),
        404 => ("InvalidAnchor", "The object is gone; let the provider match it anew."),
        405 => ("MethodNotAllowed", "Untick that class of call in the provider's mapping."),
        409 | 412 => ("EntryConflict", "Another object has the value; correct it or match by it."),
        413 => ("UnprocessableEntity", "Send less at once."),
        429 => ("TooManyRequests", "Nothing: the provider tries again by itself."),
        501 => ("NotImplemented", "Untick that class of call in the provider's mapping."),
        500.. => ("InternalServerError", "Nothing at first: the provider tries again by itself."),
        _ => ("UnprocessableEntity", "Correct the value or the mapping that the reason names."),
    }
}
