//! The parts of an event that the list of operations shows.

use std::collections::BTreeSet;

use answers::row;
use event::{
    Action, Answer, BodyNote, Changes, Content, Detail, Event, Fact, Flag, Header, Imported,
    Method, Number, Observation, Operation, Part, Route, Unauthenticated,
};
use projector::ProjectorError;
use serde_json::{Map, Number as JsonNumber, Value, json};

use crate::as_of::ERASED;
use crate::error::Error;
use crate::type_names::TypeNames;
use crate::values::changed;

/// An event that the list of operations shows.
pub(crate) struct Shown<'a> {
    pub(crate) event: &'a Event,
    pub(crate) what: What<'a>,
}

/// The kind of such an event.
#[derive(Clone, Copy)]
pub(crate) enum What<'a> {
    /// One request.
    Request(&'a Operation),
    /// The state of a resource at the upstream.
    Seen(&'a Observation),
    /// Requests without a valid credential, counted instead of recorded one by one.
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
            | Fact::IdentitySet(_)
            | Fact::ResourceTypeAdded(_)
            | Fact::ConnectionsRefused(_)
            | Fact::ImportBatch(_)
            | Fact::Access(_)
            | Fact::EvidenceAdded(_)
            | Fact::ReviewAdded(_)
            | Fact::ReferenceListAdded(_)
            | Fact::ProfileChanged(_)
            | Fact::GroupMarked(_)
            | Fact::QuestionSaved(_)
            | Fact::QuestionRemoved(_)
            | Fact::SubjectsErased(_)
            | Fact::ErasureCompleted(_)
            | Fact::LegalHold(_)
            | Fact::RetentionSet(_)
            | Fact::SentErased(_)
            | Fact::StateCommitted(_) => return None,
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
        if let (None, What::Imported(said)) = (text, self.what)
            && self.is_erased()
        {
            let named = json!({"displayName": ERASED});
            let entry = json!({
                "id": said.entry, "sourceIdentity": named, "targetIdentity": named,
            });
            return entry.as_object().cloned().ok_or(Error::Defect);
        }
        let entry = text.and_then(|text| serde_json::from_slice(text).ok());
        entry.ok_or(Error::Damaged("an imported entry"))
    }

    /// Whether a part of it was erased.
    fn is_erased(&self) -> bool {
        self.part(|content| matches!(content, Content::Unreadable(_)).then_some(())).is_some()
    }

    /// What deviates from the application's profile.
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
            Part { subject, content: Content::Changes(changes), .. } => Some((*subject, changes)),
            Part { .. } => None,
        })
    }

    /// What was asked for, or found to have happened.
    pub(crate) fn action(&self) -> Action {
        self.event.structure.action.unwrap_or(Action::Other)
    }

    pub(crate) fn changed_paths(&self) -> Result<BTreeSet<String>, ProjectorError> {
        let mut paths = BTreeSet::new();
        for (_, changes) in self.changes() {
            paths.extend(changed(&changes.values)?.iter().map(|change| change.path.to_string()));
            if !changes.joined.is_empty() || !changes.left.is_empty() {
                paths.insert("members".to_owned());
            }
        }
        Ok(paths)
    }

    /// The group that one of the given members joined or left.
    pub(crate) fn membership(&self, members: &BTreeSet<Number>) -> Option<(&'static str, Number)> {
        self.changes().find_map(|(group, changes)| {
            // The lists are sorted.
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
            // These addresses name no resource type, so show the address instead.
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
    pub(crate) fn request(&self, intent: Option<&Event>) -> Result<Option<row::Request>, Error> {
        let What::Request(operation) = self.what else { return Ok(None) };
        let (mut target, mut body) = (None, Value::Null);
        let sent = intent.into_iter().flat_map(|intent| &intent.parts);
        let mut note = self.detail().and_then(|detail| detail.body.as_ref());
        for part in self.event.parts.iter().chain(sent) {
            match &part.content {
                Content::Target(text) => target = Some(text.clone()),
                Content::Body(bytes) => body = json_value(Some(bytes), "a body")?,
                Content::Detail(detail) => note = note.or(detail.body.as_ref()),
                Content::Changes(_)
                | Content::Flags(_)
                | Content::Answer(_)
                | Content::Entry(_)
                | Content::Note(_)
                | Content::Unreadable(_) => {}
            }
        }
        let method = self.method(operation).to_owned();
        let mut body_note = note.map(body_note);
        if self.is_erased() && target.is_none() {
            target = Some(ERASED.to_owned());
        }
        if self.is_erased() && body.is_null() && body_note.is_none() {
            body_note = Some(erased_note());
        }
        Ok(Some(row::Request { method, target, body, body_note }))
    }

    /// What was answered; null for what is no request.
    pub(crate) fn response(&self) -> Result<Option<row::Response>, Error> {
        let status = match self.what {
            What::Request(operation) => operation.status,
            What::Seen(_) | What::Imported(_) => return Ok(None),
            What::Counted(_) => crate::operation::UNAUTHENTICATED,
        };
        let mut response = row::Response {
            status,
            error: self.detail().and_then(|detail| detail.error.clone()),
            body: None,
            body_note: None,
            location: None,
            answered_after_ms: None,
        };
        if let Some(answer) = self.answer() {
            let body = answer.body.as_deref().map(|body| json_value(Some(body), "an answer"));
            response.body = Some(body.transpose()?);
            response.body_note = Some(answer.body_note.as_ref().map(body_note));
            response.location = Some(answer.location.clone());
            response.answered_after_ms =
                JsonNumber::from_f64(f64::from(answer.answered_after_us) / 1e3);
        }
        Ok(Some(response))
    }
}

/// Why a body that was erased is not shown.
fn erased_note() -> row::BodyNote {
    body_note(&BodyNote {
        reason: ERASED.to_owned(),
        length_bytes: None,
        media_type: None,
        line: 0,
        column: 0,
    })
}

fn body_note(note: &BodyNote) -> row::BodyNote {
    let place = |place: u32| (place > 0).then_some(place);
    row::BodyNote {
        reason: note.reason.clone(),
        length_bytes: note.length_bytes,
        media_type: note.media_type.clone(),
        line: place(note.line),
        column: place(note.column),
    }
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
