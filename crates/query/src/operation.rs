//! An operation as answers show it, and what stands among the operations.

use std::collections::{BTreeMap, BTreeSet};

use event::{
    Application, Changes, Content, Credential, Detail, Effect, Event, EventId, Fact, Header,
    Method, Number, Operation, Part, Route, Seq, Unauthenticated,
};
use projector::{Action, Status};
use scim::ScimType;
use serde_json::{Map, Value, json};

use crate::as_of::{Identity, identity_at, scim_id};
use crate::error::Error;
use crate::record::Record;
use crate::type_names::TypeNames;

/// What every counted request was answered.
const UNAUTHENTICATED: u16 = 401;

/// Shows operations; what they have in common is read once.
pub(crate) struct Operations<'a> {
    record: &'a Record<'a>,
    slugs: BTreeMap<Application, String>,
    types: TypeNames,
}

/// An event that stands among the operations.
pub(crate) enum Shown<'a> {
    /// One request.
    Request(Request<'a>),
    /// Requests without a valid credential that were only counted.
    Counted(&'a Event, &'a Unauthenticated),
}

impl<'a> Shown<'a> {
    /// `None` for an event of another kind.
    pub(crate) fn of(event: &'a Event) -> Option<Shown<'a>> {
        match &event.header.fact {
            Fact::Operation(operation) => Some(Shown::Request(Request { event, operation })),
            Fact::Unauthenticated(requests) => Some(Shown::Counted(event, requests)),
            Fact::RecorderStarted(_)
            | Fact::RecorderStopped(_)
            | Fact::ApplicationAdded(_)
            | Fact::CredentialAdded(_)
            | Fact::CredentialRevoked(_)
            | Fact::ResourceTypeAdded(_) => None,
        }
    }
}

/// An event that is one operation.
pub(crate) struct Request<'a> {
    event: &'a Event,
    operation: &'a Operation,
}

impl Request<'_> {
    fn header(&self) -> &Header {
        &self.event.header
    }

    fn detail(&self) -> Option<&Detail> {
        self.event.parts.iter().find_map(|part| match &part.content {
            Content::Detail(detail) => Some(detail),
            Content::Target(_) | Content::Body(_) | Content::Changes(_) | Content::Flags(_) => None,
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
    fn name(&self, types: &TypeNames) -> String {
        let (route, object) = (self.operation.route, types.name(self.operation.resource_type));
        let method = self.method();
        match (route, object) {
            (Route::Search, Some(object)) => format!("{method} {object}/.search"),
            // The address names no type; the type is that of the resource behind it.
            (Route::Root | Route::Bulk | Route::Me, Some(_)) | (_, None) => {
                format!("{method} {}", route_name(route))
            }
            (_, Some(object)) => format!("{method} {object}"),
        }
    }

    /// The group that one of some members joined or left.
    fn membership(&self, members: &BTreeSet<Number>) -> Option<(&'static str, Number)> {
        self.changes().find_map(|(group, changes)| {
            // The lists are ascending.
            let holds =
                |list: &[Number]| members.iter().any(|member| list.binary_search(member).is_ok());
            if holds(&changes.joined) {
                Some(("joined", group))
            } else if holds(&changes.left) {
                Some(("left", group))
            } else {
                None
            }
        })
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

    /// What the application's profile did not expect.
    fn flags(&self) -> Vec<Value> {
        let flags = self.event.parts.iter().filter_map(|part| match &part.content {
            Content::Flags(flags) => Some(flags),
            Content::Target(_) | Content::Body(_) | Content::Changes(_) | Content::Detail(_) => {
                None
            }
        });
        flags.flatten().map(|flag| json!({"kind": flag.kind.name(), "path": flag.path})).collect()
    }

    fn request(&self) -> Result<Value, Error> {
        let (mut target, mut body) = (None, Value::Null);
        for part in &self.event.parts {
            match &part.content {
                Content::Target(text) => target = Some(text),
                Content::Body(bytes) => body = json_value(Some(bytes), "a body")?,
                Content::Changes(_) | Content::Detail(_) | Content::Flags(_) => {}
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
        let types = TypeNames::read(&record.view)?;
        Ok(Operations { record, slugs: slugs.collect(), types })
    }

    /// The rows of the operations at these places.
    pub(crate) fn rows(&self, seqs: impl Iterator<Item = Seq>) -> Result<Vec<Value>, Error> {
        let rows = seqs.map(|seq| {
            let event = self.record.event(seq)?;
            let shown = Shown::of(&event).ok_or(Error::Damaged("an operation"))?;
            Ok(self.row(&shown)?.into())
        });
        rows.collect()
    }

    /// The rows of the operations at these places, in the timeline of a user or group: each says too
    /// which group it joined or left by it.
    pub(crate) fn rows_about(
        &self,
        numbers: &BTreeSet<Number>,
        seqs: impl Iterator<Item = Seq>,
    ) -> Result<Vec<Value>, Error> {
        let rows = seqs.map(|seq| {
            let event = self.record.event(seq)?;
            let shown = Shown::of(&event).ok_or(Error::Damaged("an operation"))?;
            let mut row = self.row(&shown)?;
            let membership = match &shown {
                Shown::Request(request) => request.membership(numbers),
                Shown::Counted(..) => None,
            };
            let (word, group) = match membership {
                Some((word, group)) => {
                    let application = event.header.application;
                    (Some(word), identity_at(&self.record.view, application, group, seq)?)
                }
                None => (None, Identity::default()),
            };
            row.insert("membership".into(), word.into());
            row.insert("groupId".into(), group.id.into());
            row.insert("groupName".into(), group.display_name.into());
            Ok(row.into())
        });
        rows.collect()
    }

    /// The row of an operation.
    pub(crate) fn row(&self, shown: &Shown<'_>) -> Result<Map<String, Value>, Error> {
        let row = match shown {
            Shown::Request(request) => self.request_row(request)?,
            Shown::Counted(event, requests) => self.counted_row(event, requests),
        };
        match row {
            Value::Object(row) => Ok(row),
            _ => Err(Error::Defect),
        }
    }

    fn request_row(&self, request: &Request<'_>) -> Result<Value, Error> {
        let (header, operation) = (request.header(), request.operation);
        let recorded_at = header.recorded_at.to_string();
        let origin = header.origin.clone().unwrap_or_default();
        let identity = identity_at(
            &self.record.view,
            header.application,
            operation.number,
            request.event.seq,
        )?;
        let token = (origin.credential != Credential::NONE).then_some(origin.credential);
        Ok(json!({
            "seq": request.event.seq,
            "eventId": EventId::new(self.record.log(), request.event.seq).to_string(),
            // What we record is what we saw happen.
            "occurredAt": recorded_at,
            "recordedAt": recorded_at,
            "application": self.slugs.get(&header.application),
            "action": Action::of(operation, &request.event.parts).name(),
            "operation": request.name(&self.types),
            "resourceType": self.types.name(operation.resource_type),
            "resourceId": identity.id,
            "userName": identity.user_name,
            "externalId": identity.external_id,
            "displayName": identity.display_name,
            "status": Status::of(operation).name(),
            "httpStatus": operation.status,
            "scimType": ScimType::from_code(operation.scim_type).map(ScimType::as_str),
            "reason": request.detail().and_then(|detail| detail.error.as_deref()),
            "effect": operation.effect.name(),
            "actorType": if token.is_some() { "token" } else { "none" },
            "actorId": token.map(|credential| credential.to_string()),
            "sourceIp": origin.client.map(|client| client.to_string()),
            "userAgent": origin.user_agent,
            "requestId": origin.request_id,
            "index": operation.index,
            "durationMs": f64::from(operation.decided_after_us) / 1e3,
            "results": operation.results,
            "sawSeq": operation.saw_seq,
            "changedPaths": request.changed_paths(),
            "flags": request.flags(),
        }))
    }

    /// The members of a request's row, without what only one request has, and how many there were.
    fn counted_row(&self, event: &Event, requests: &Unauthenticated) -> Value {
        let recorded_at = event.header.recorded_at.to_string();
        json!({
            "seq": event.seq,
            "eventId": EventId::new(self.record.log(), event.seq).to_string(),
            "occurredAt": recorded_at,
            "recordedAt": recorded_at,
            "application": self.slugs.get(&event.header.application),
            "action": Action::Other.name(),
            "operation": "unauthenticated requests",
            "resourceType": null,
            "resourceId": null,
            "userName": null,
            "externalId": null,
            "displayName": null,
            "status": Status::Failure.name(),
            "httpStatus": UNAUTHENTICATED,
            "scimType": null,
            "reason": null,
            "effect": Effect::Rejected.name(),
            "actorType": "none",
            "actorId": null,
            "sourceIp": null,
            "userAgent": null,
            "requestId": null,
            "index": null,
            "durationMs": null,
            "results": null,
            "sawSeq": null,
            "changedPaths": [],
            "flags": [],
            "count": requests.count,
            "firstAt": requests.first.to_string(),
            "lastAt": requests.last.to_string(),
        })
    }

    /// The row of an operation with all that belongs to it.
    pub(crate) fn whole(&self, shown: &Shown<'_>) -> Result<Map<String, Value>, Error> {
        let mut row = self.row(shown)?;
        let (changes, request, response) = match shown {
            Shown::Request(request) => {
                let error = request.detail().and_then(|detail| detail.error.as_deref());
                let response = json!({"status": request.operation.status, "error": error});
                (self.changes(request)?, request.request()?, response)
            }
            Shown::Counted(..) => {
                (vec![], Value::Null, json!({"status": UNAUTHENTICATED, "error": null}))
            }
        };
        row.insert("changes".into(), changes.into());
        // A request tells nothing of the steps before it; imported entries do.
        row.insert("steps".into(), json!([]));
        row.insert("request".into(), request);
        row.insert("response".into(), response);
        Ok(row)
    }

    fn changes(&self, request: &Request<'_>) -> Result<Vec<Value>, Error> {
        let application = request.header().application;
        let mut rows = vec![];
        for (subject, changes) in request.changes() {
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
            if subject != request.operation.number && !own.is_empty() {
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
