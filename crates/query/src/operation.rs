//! An operation as answers show it.

use std::collections::{BTreeMap, BTreeSet};

use event::{
    Application, Changes, Content, Credential, Detail, Effect, Event, EventId, Header, Method,
    Number, Operation, Part, ResourceType, Route,
};
use scim::ScimType;
use serde_json::{Map, Value, json};

use crate::as_of::scim_id;
use crate::error::Error;
use crate::record::Record;

/// Shows operations; what they have in common is read once.
pub(crate) struct Operations<'a> {
    record: &'a Record<'a>,
    slugs: BTreeMap<Application, String>,
}

/// An event that is an operation.
pub(crate) struct Shown<'a> {
    pub(crate) event: &'a Event,
    pub(crate) operation: &'a Operation,
}

impl Shown<'_> {
    fn header(&self) -> &Header {
        &self.event.header
    }

    fn detail(&self) -> Option<&Detail> {
        self.event.parts.iter().find_map(|part| match &part.content {
            Content::Detail(detail) => Some(detail),
            Content::Target(_) | Content::Body(_) | Content::Changes(_) => None,
        })
    }

    fn changes(&self) -> impl Iterator<Item = (Number, &Changes)> {
        self.event.parts.iter().filter_map(|part| match part {
            Part { subject, content: Content::Changes(changes) } => Some((*subject, changes)),
            Part { .. } => None,
        })
    }

    fn method(&self) -> &str {
        let named = self.detail().and_then(|detail| detail.method.as_deref());
        match (self.operation.method, named) {
            (Method::Other, Some(name)) => name,
            (method, _) => method.name(),
        }
    }

    /// Method and resource type, or what else the address names.
    fn name(&self) -> String {
        let object = type_name(self.operation.resource_type);
        format!("{} {}", self.method(), object.unwrap_or(route_name(self.operation.route)))
    }

    /// Microsoft Graph's word for what was asked.
    fn action(&self) -> &'static str {
        let operation = self.operation;
        let on_resources = matches!(operation.route, Route::Collection | Route::Resource);
        if !on_resources || operation.effect == Effect::Read {
            return "other";
        }
        match operation.method {
            Method::Post => "create",
            Method::Put | Method::Patch if self.disables() => "disable",
            Method::Put | Method::Patch => "update",
            Method::Delete => "delete",
            Method::Get | Method::Head | Method::Other => "other",
        }
    }

    fn disables(&self) -> bool {
        let own = self.changes().filter(|(subject, _)| *subject == self.operation.number);
        let mut values = own.flat_map(|(_, changes)| &changes.values);
        values.any(|change| {
            change.path.schema.is_none()
                && change.path.attribute == "active"
                && change.old.as_deref() != Some(b"false")
                && change.new.as_deref() == Some(b"false")
        })
    }

    /// Microsoft Graph's word for how it ended.
    fn status(&self) -> &'static str {
        match (self.operation.effect, self.operation.status) {
            (Effect::Skipped, _) => "skipped",
            (_, ..400) => "success",
            (_, _) => "failure",
        }
    }

    fn changed_paths(&self) -> BTreeSet<String> {
        let mut paths = BTreeSet::new();
        for (_, changes) in self.changes() {
            paths.extend(changes.values.iter().map(|change| change.path.to_string()));
            if !changes.joined.is_empty() || !changes.left.is_empty() {
                paths.insert("members".to_owned());
            }
        }
        paths
    }

    fn request(&self) -> Result<Value, Error> {
        let (mut target, mut body) = (None, Value::Null);
        for part in &self.event.parts {
            match &part.content {
                Content::Target(text) => target = Some(text),
                Content::Body(bytes) => body = json_value(Some(bytes), "a body")?,
                Content::Changes(_) | Content::Detail(_) => {}
            }
        }
        let note = self.detail().and_then(|detail| detail.body.as_ref()).map(|note| {
            let place = |place: u32| (place > 0).then_some(place);
            json!({
                "reason": note.reason,
                "lengthBytes": note.length_bytes,
                "mediaType": note.media_type,
                "line": place(note.line),
                "column": place(note.column),
            })
        });
        Ok(json!({"method": self.method(), "target": target, "body": body, "bodyNote": note}))
    }
}

impl<'a> Operations<'a> {
    pub(crate) fn new(record: &'a Record<'a>) -> Result<Operations<'a>, Error> {
        let applications = record.view.applications()?.into_iter();
        let slugs = applications.map(|application| (application.number, application.slug));
        Ok(Operations { record, slugs: slugs.collect() })
    }

    /// The row of an operation.
    pub(crate) fn row(&self, shown: &Shown<'_>) -> Result<Map<String, Value>, Error> {
        let (header, operation) = (shown.header(), shown.operation);
        let recorded_at = header.recorded_at.to_string();
        let origin = header.origin.clone().unwrap_or_default();
        let token = (origin.credential != Credential::NONE).then_some(origin.credential);
        let row = json!({
            "seq": shown.event.seq,
            "eventId": EventId::new(self.record.log(), shown.event.seq).to_string(),
            // What we record is what we saw happen.
            "occurredAt": recorded_at,
            "recordedAt": recorded_at,
            "application": self.slugs.get(&header.application),
            "action": shown.action(),
            "operation": shown.name(),
            "resourceType": type_name(operation.resource_type),
            "resourceId": self.id_of(header.application, operation.number)?,
            "status": shown.status(),
            "httpStatus": operation.status,
            "scimType": ScimType::from_code(operation.scim_type).map(ScimType::as_str),
            "reason": shown.detail().and_then(|detail| detail.error.as_deref()),
            "effect": operation.effect.name(),
            "actorType": if token.is_some() { "token" } else { "none" },
            "actorId": token.map(|credential| credential.to_string()),
            "sourceIp": origin.client.map(|client| client.to_string()),
            "userAgent": origin.user_agent,
            "requestId": origin.request_id,
            "durationMs": f64::from(operation.decided_after_us) / 1e3,
            "results": operation.results,
            "sawSeq": operation.saw_seq,
            "changedPaths": shown.changed_paths(),
        });
        match row {
            Value::Object(row) => Ok(row),
            _ => Err(Error::Defect),
        }
    }

    /// The row of an operation with all that belongs to it.
    pub(crate) fn whole(&self, shown: &Shown<'_>) -> Result<Map<String, Value>, Error> {
        let mut row = self.row(shown)?;
        row.insert("changes".into(), self.changes(shown)?.into());
        // A request tells nothing of the steps before it; imported entries do.
        row.insert("steps".into(), json!([]));
        row.insert("request".into(), shown.request()?);
        let error = shown.detail().and_then(|detail| detail.error.as_deref());
        let response = json!({"status": shown.operation.status, "error": error});
        row.insert("response".into(), response);
        Ok(row)
    }

    fn changes(&self, shown: &Shown<'_>) -> Result<Vec<Value>, Error> {
        let application = shown.header().application;
        let mut rows = vec![];
        for (subject, changes) in shown.changes() {
            let mut own = vec![];
            for change in &changes.values {
                let what = "a changed value";
                let op = match (&change.old, &change.new) {
                    (None, _) => "add",
                    (Some(_), None) => "remove",
                    (Some(_), Some(_)) => "replace",
                };
                let old = json_value(change.old.as_deref(), what)?;
                let new = json_value(change.new.as_deref(), what)?;
                own.push(change_row(&change.path.to_string(), op, old, new));
            }
            for member in &changes.joined {
                let id = self.id_of(application, *member)?.into();
                own.push(change_row("members", "add", Value::Null, id));
            }
            for member in &changes.left {
                let id = self.id_of(application, *member)?.into();
                own.push(change_row("members", "remove", id, Value::Null));
            }
            if subject != shown.operation.number && !own.is_empty() {
                let id = Value::from(self.id_of(application, subject)?);
                for row in &mut own {
                    row["resourceId"] = id.clone();
                }
            }
            rows.append(&mut own);
        }
        Ok(rows)
    }

    fn id_of(&self, application: Application, number: Number) -> Result<Option<String>, Error> {
        if number == Number::NOBODY {
            return Ok(None);
        }
        Ok(scim_id(&self.record.view, application, number)?)
    }
}

fn change_row(path: &str, op: &str, old: Value, new: Value) -> Value {
    json!({"path": path, "op": op, "oldValue": old, "newValue": new})
}

fn json_value(text: Option<&[u8]>, what: &'static str) -> Result<Value, Error> {
    match text {
        Some(text) => serde_json::from_slice(text).map_err(|_| Error::Damaged(what)),
        None => Ok(Value::Null),
    }
}

/// A resource type's name.
pub(crate) fn type_name(resource_type: ResourceType) -> Option<&'static str> {
    match resource_type {
        ResourceType::USER => Some("User"),
        ResourceType::GROUP => Some("Group"),
        _ => None,
    }
}

fn route_name(route: Route) -> &'static str {
    match route {
        Route::Unknown => "Unknown",
        Route::Collection => "Collection",
        Route::Resource => "Resource",
        Route::ServiceProviderConfig => "ServiceProviderConfig",
        Route::ResourceTypes => "ResourceTypes",
        Route::Schemas => "Schemas",
        Route::Root => "/",
        Route::Search => ".search",
        Route::Bulk => "Bulk",
        Route::Me => "Me",
    }
}
