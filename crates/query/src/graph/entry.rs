//! What stands among the operations, as a `provisioningObjectSummary` of Microsoft Graph v1.0. Every
//! member is there; what SCIM does not tell is null.

use event::{Credential, EventId, Observation, Operation, Seq, Status};
use projector::{action_of, action_seen, status_of};
use scim::ScimType;
use serde_json::{Map, Value, json};

use crate::as_of::{Identity, identity_at};
use crate::error::Error;
use crate::operation::{Operations, UNAUTHENTICATED};
use crate::person::object;
use crate::shown::{Shown, What};

/// Shows items of the log as Graph does.
pub(crate) struct Entries<'a> {
    operations: &'a Operations<'a>,
}

impl<'a> Entries<'a> {
    pub(crate) fn new(operations: &'a Operations<'a>) -> Entries<'a> {
        Entries { operations }
    }

    /// The entry of the event at `seq`.
    pub(crate) fn entry(&self, seq: Seq) -> Result<Map<String, Value>, Error> {
        let event = self.operations.record().event(seq)?;
        let shown = Shown::of(&event).ok_or(Error::Damaged("an operation"))?;
        match shown.what {
            What::Imported(_) => {
                let mut entry = shown.entry()?;
                entry.remove("envelope");
                Ok(entry)
            }
            What::Request(operation) => {
                let facts = Facts::of_request(&shown, operation);
                self.recorded(&shown, &facts)
            }
            What::Seen(seen) => self.recorded(&shown, &Facts::of_look(&shown, seen)),
            What::Counted(_) => self.recorded(&shown, &Facts::of_counted()),
        }
    }

    fn recorded(&self, shown: &Shown<'_>, facts: &Facts) -> Result<Map<String, Value>, Error> {
        let record = self.operations.record();
        let (header, seq) = (shown.header(), shown.event.seq);
        let id = EventId::new(record.log(), seq).to_string();
        let application = header.application;
        let identity = identity_at(&record.view, application, shown.number(), seq)?;
        let slug = self.operations.slug(application);
        let kind = facts.resource_type.and_then(|kind| self.operations.type_name(kind));
        let origin = header.origin.clone().unwrap_or_default();
        let token = (origin.credential != Credential::NONE).then(|| origin.credential.to_string());
        let reason = shown.detail().and_then(|detail| detail.error.as_deref());
        let name = identity.user_name.as_deref().or(identity.display_name.as_deref());
        let step = json!({
            "name": facts.step,
            "provisioningStepType": facts.step_type,
            "status": facts.status.name(),
            "description": self.operations.name(shown),
            "details": {},
        });
        Ok(object(json!({
            "id": id,
            "activityDateTime": header.recorded_at.to_string(),
            "tenantId": null,
            "jobId": null,
            "cycleId": null,
            "changeId": id,
            "provisioningAction": facts.action,
            "durationInMilliseconds": facts.duration_ms,
            "provisioningStatusInfo": {
                "status": facts.status.name(),
                "errorInformation": facts.error(reason),
            },
            "provisioningSteps": [step],
            "modifiedProperties": self.modified(shown)?,
            "servicePrincipal": {"id": application.0.to_string(), "displayName": slug},
            "sourceSystem": {"id": token, "displayName": origin.user_agent, "details": {}},
            "targetSystem": {"id": application.0.to_string(), "displayName": slug, "details": {}},
            "initiatedBy": {
                "id": token,
                "displayName": token.as_ref().map(|token| format!("token {token}")),
                "initiatorType": if facts.is_look { "system" } else { "application" },
            },
            "sourceIdentity": source_identity(&identity, name, kind),
            "targetIdentity": {
                "id": identity.id.as_deref().unwrap_or_default(),
                "displayName": identity.display_name.as_deref().unwrap_or_default(),
                "identityType":
                    kind.map(|kind| format!("urn:ietf:params:scim:schemas:core:2.0:{kind}")),
                "details": {},
            },
        })))
    }

    /// What changed, as texts: that is how Graph has it.
    fn modified(&self, shown: &Shown<'_>) -> Result<Vec<Value>, Error> {
        let text = |value: &Value| match value {
            Value::Null => Value::Null,
            Value::Bool(true) => "True".into(),
            Value::Bool(false) => "False".into(),
            Value::String(text) => text.as_str().into(),
            other => other.to_string().into(),
        };
        let rows = self.operations.changes(shown)?.into_iter().map(|change| {
            json!({
                "displayName": change["path"],
                "oldValue": text(&change["oldValue"]),
                "newValue": text(&change["newValue"]),
            })
        });
        Ok(rows.collect())
    }
}

fn source_identity(identity: &Identity, name: Option<&str>, kind: Option<&str>) -> Value {
    json!({
        "id": identity.external_id.as_deref().unwrap_or_default(),
        "displayName": name.unwrap_or_default(),
        "identityType": kind,
        "details": {},
    })
}

/// What the kinds of recorded events tell in different places.
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
        let action = action_of(operation, &shown.event.parts);
        let (step, step_type) = match action {
            event::Action::Create => ("EntryExportAdd", "export"),
            event::Action::Update => ("EntryExportUpdate", "export"),
            event::Action::Disable => ("EntryExportUpdateSoftDelete", "export"),
            event::Action::Delete | event::Action::StagedDelete => ("EntryExportDelete", "export"),
            // What a client reads of the target, it reads to match.
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
            action: action_seen(seen, &shown.event.parts).name(),
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

    /// Null unless it failed.
    fn error(&self, reason: Option<&str>) -> Value {
        if self.status != Status::Failure {
            return Value::Null;
        }
        let (code, advice) = error_code(self.http_status);
        json!({
            "errorCode": code,
            "errorCategory": "nonServiceFailure",
            "reason": reason,
            "additionalDetails": self.scim_type,
            "recommendedAction": advice,
        })
    }
}

/// The code that a provider gives for an answered status, and what to do about it.
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
