//! An event that stands among the operations, taken apart for its row.

use std::collections::BTreeSet;

use answers::row;
use event::{
    Answer, BodyNote, Changes, Content, Detail, Event, Fact, Flag, Header, Imported, Method,
    Number, Observation, Operation, Part, Route, Unauthenticated,
};
use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::type_names::TypeNames;

/// An event that stands among the operations.
pub(crate) struct Shown<'a> {
    pub(crate) event: &'a Event,
    pub(crate) what: What<'a>,
}

/// What such an event is.
#[derive(Clone, Copy)]
pub(crate) enum What<'a> {
    /// One request.
    Request(&'a Operation),
    /// The state of a resource at the upstream.
    Seen(&'a Observation),
    /// Requests without a valid credential that were only counted.
    Counted(&'a Unauthenticated),
    /// An entry of a provider's log.
    Imported(&'a Imported),
}

impl<'a> Shown<'a> {
    /// `None` for an event of another kind.
    pub(crate) fn of(event: &'a Event) -> Option<Shown<'a>> {
        let what = match &event.header.fact {
            Fact::Operation(operation) => What::Request(operation),
            Fact::Observation(seen) => What::Seen(seen),
            Fact::Unauthenticated(requests) => What::Counted(requests),
            Fact::Imported(entry) => What::Imported(entry),
            Fact::Intent(_)
            | Fact::Listed(_)
            | Fact::UpstreamSet(_)
            | Fact::ServicePrincipalSet(_)
            | Fact::RecorderStarted(_)
            | Fact::RecorderStopped(_)
            | Fact::ApplicationAdded(_)
            | Fact::CredentialAdded(_)
            | Fact::CredentialRevoked(_)
            | Fact::ResourceTypeAdded(_)
            | Fact::ConnectionsRefused(_)
            | Fact::ImportBatch(_)
            | Fact::Access(_)
            | Fact::EvidenceAdded(_)
            | Fact::ReferenceListAdded(_) => return None,
        };
        Some(Shown { event, what })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.event.header
    }

    /// The resource that it is about.
    pub(crate) fn number(&self) -> Number {
        match self.what {
            What::Request(operation) => operation.number,
            What::Seen(seen) => seen.number,
            What::Counted(_) => Number::NOBODY,
            What::Imported(entry) => entry.number,
        }
    }

    fn part<T>(&self, pick: impl Fn(&'a Content) -> Option<T>) -> Option<T> {
        self.event.parts.iter().find_map(|part| pick(&part.content))
    }

    pub(crate) fn detail(&self) -> Option<&'a Detail> {
        self.part(|content| if let Content::Detail(detail) = content { Some(detail) } else { None })
    }

    /// What the upstream answered to a forwarded request.
    pub(crate) fn answer(&self) -> Option<&'a Answer> {
        self.part(|content| if let Content::Answer(answer) = content { Some(answer) } else { None })
    }

    /// The imported entry, in the words of Microsoft Graph.
    pub(crate) fn entry(&self) -> Result<Map<String, Value>, Error> {
        let text =
            self.part(|content| if let Content::Entry(text) = content { Some(text) } else { None });
        let entry = text.and_then(|text| serde_json::from_slice(text).ok());
        entry.ok_or(Error::Damaged("an imported entry"))
    }

    /// What the application's profile did not expect.
    pub(crate) fn flags(&self) -> Vec<row::Flag> {
        let flags: Option<&Vec<Flag>> = self
            .part(|content| if let Content::Flags(flags) = content { Some(flags) } else { None });
        let flags = flags.into_iter().flatten();
        let row =
            |flag: &Flag| row::Flag { kind: flag.kind.name().to_owned(), path: flag.path.clone() };
        flags.map(row).collect()
    }

    pub(crate) fn changes(&self) -> impl Iterator<Item = (Number, &'a Changes)> {
        self.event.parts.iter().filter_map(|part| match part {
            Part { subject, content: Content::Changes(changes) } => Some((*subject, changes)),
            Part { .. } => None,
        })
    }

    pub(crate) fn changed_paths(&self) -> BTreeSet<String> {
        let mut paths = BTreeSet::new();
        for (_, changes) in self.changes() {
            paths.extend(changes.values.iter().map(|change| change.path.to_string()));
            if !changes.joined.is_empty() || !changes.left.is_empty() {
                paths.insert("members".to_owned());
            }
        }
        paths
    }

    /// The group that one of some members joined or left.
    pub(crate) fn membership(&self, members: &BTreeSet<Number>) -> Option<(&'static str, Number)> {
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

    /// Method and resource type, or what else the address names.
    pub(crate) fn name(&self, types: &TypeNames) -> String {
        let operation = match self.what {
            What::Request(operation) => operation,
            What::Seen(seen) => return format!("observation ({})", seen.occasion.name()),
            What::Counted(_) => return "unauthenticated requests".to_owned(),
            What::Imported(entry) => return format!("imported entry ({})", entry.source.name()),
        };
        let (route, object) = (operation.route, types.name(operation.resource_type));
        let method = self.method(operation);
        match (route, object) {
            (Route::Search, Some(object)) => format!("{method} {object}/.search"),
            // The address names no type; the type is that of the resource behind it.
            (Route::Root | Route::Bulk | Route::Me, Some(_)) | (_, None) => {
                format!("{method} {}", route_name(route))
            }
            (_, Some(object)) => format!("{method} {object}"),
        }
    }

    fn method(&self, operation: &Operation) -> &'a str {
        let named = self.detail().and_then(|detail| detail.method.as_deref());
        match (operation.method, named) {
            (Method::Other, Some(name)) => name,
            (method, _) => method.name(),
        }
    }

    /// What was received; null for what is no request. `intent` has the body of a request that was sent
    /// on.
    pub(crate) fn request(&self, intent: Option<&Event>) -> Result<Value, Error> {
        let What::Request(operation) = self.what else { return Ok(Value::Null) };
        let (mut target, mut body) = (None, Value::Null);
        let sent = intent.into_iter().flat_map(|intent| &intent.parts);
        let mut note = self.detail().and_then(|detail| detail.body.as_ref());
        for part in self.event.parts.iter().chain(sent) {
            match &part.content {
                Content::Target(text) => target = Some(text),
                Content::Body(bytes) => body = json_value(Some(bytes), "a body")?,
                Content::Detail(detail) => note = note.or(detail.body.as_ref()),
                Content::Changes(_)
                | Content::Flags(_)
                | Content::Answer(_)
                | Content::Entry(_)
                | Content::Note(_) => {}
            }
        }
        let (method, note) = (self.method(operation), note.map(note_json));
        Ok(json!({"method": method, "target": target, "body": body, "bodyNote": note}))
    }

    /// What was answered; null for what is no request.
    pub(crate) fn response(&self) -> Result<Value, Error> {
        let status = match self.what {
            What::Request(operation) => operation.status,
            What::Seen(_) | What::Imported(_) => return Ok(Value::Null),
            What::Counted(_) => crate::operation::UNAUTHENTICATED,
        };
        let error = self.detail().and_then(|detail| detail.error.as_deref());
        let mut response = json!({"status": status, "error": error});
        if let Some(answer) = self.answer() {
            response["body"] = json_value(answer.body.as_deref(), "an answer")?;
            response["bodyNote"] = answer.body_note.as_ref().map(note_json).into();
            response["location"] = answer.location.clone().into();
            response["answeredAfterMs"] = (f64::from(answer.answered_after_us) / 1e3).into();
        }
        Ok(response)
    }
}

fn note_json(note: &BodyNote) -> Value {
    let place = |place: u32| (place > 0).then_some(place);
    json!({
        "reason": note.reason,
        "lengthBytes": note.length_bytes,
        "mediaType": note.media_type,
        "line": place(note.line),
        "column": place(note.column),
    })
}

pub(crate) fn json_value(text: Option<&[u8]>, what: &'static str) -> Result<Value, Error> {
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
