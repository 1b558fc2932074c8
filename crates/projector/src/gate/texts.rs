//! Visits every text of an event.
//!
//! All kinds of fact and all fields of those with texts are spelled out, so that a new field or kind does
//! not compile until somebody decides here what it holds.

use std::sync::Arc;

use event::{
    Access, Answer, ApplicationAdded, BodyNote, Changes, Content, CredentialAdded, Detail, Element,
    Fact, Flag, IdentitySet, Imported, Mention, MentionedName, Origin, Path, QuestionRemoved,
    QuestionSaved, RecorderStarted, ReferenceListAdded, ResourceTypeAdded, ServicePrincipalSet,
    UpstreamSet, ValueChange, Values,
};

/// Changes the texts of an event, each by what it holds.
pub(super) trait Visit {
    /// A text from outside.
    fn text(&self, text: &mut String);
    /// A name that we made or validated, by which something is found again.
    fn name(&self, name: &mut String);
    /// An address: path and query.
    fn address(&self, address: &mut String);
    /// A JSON body from which the values of secret attributes were cut before.
    fn body(&self, json: &mut Vec<u8>);
    /// A JSON text.
    fn json(&self, json: &mut Vec<u8>);
}

pub(super) fn of_origin(origin: &mut Origin, visit: &impl Visit) {
    let Origin { credential: _, client: _, user_agent, request_id } = origin;
    visit.text(user_agent);
    visit.text(request_id);
}

pub(super) fn of_fact(fact: &mut Fact, visit: &impl Visit) {
    match fact {
        Fact::Access(access) => {
            let Access {
                route,
                exported: _,
                status: _,
                rows: _,
                saw_seq: _,
                number: _,
                all_applications: _,
            } = access;
            visit.address(route);
            visit.text(route);
        }
        Fact::Imported(imported) => {
            let Imported {
                source: _,
                occurred_at: _,
                resource_type: _,
                number: _,
                action: _,
                status: _,
                entry,
                codes,
            } = imported;
            visit.text(entry);
            codes.iter_mut().for_each(|(_, code)| visit.text(code));
        }
        Fact::ServicePrincipalSet(ServicePrincipalSet { id }) => {
            id.iter_mut().for_each(|id| visit.text(id));
        }
        Fact::ReferenceListAdded(ReferenceListAdded { name, rows: _, sha256: _ }) => {
            visit.text(name);
        }
        Fact::ApplicationAdded(added) => {
            let ApplicationAdded { number: _, slug, profile, settings, profile_sha256: _ } = added;
            visit.name(slug);
            visit.name(profile);
            visit.json(settings);
        }
        Fact::UpstreamSet(set) => {
            let UpstreamSet { url, token_file, ca_file, rewrites_locations: _, shows_members: _ } =
                set;
            visit.text(url);
            visit.text(token_file);
            ca_file.iter_mut().for_each(|file| visit.text(file));
        }
        Fact::ResourceTypeAdded(ResourceTypeAdded { number: _, name }) => visit.name(name),
        Fact::RecorderStarted(RecorderStarted { log: _, version, last_alive: _ }) => {
            visit.name(version);
        }
        Fact::CredentialAdded(added) => {
            let CredentialAdded { number: _, role: _, sha256: _, name, expires_at: _ } = added;
            name.iter_mut().for_each(|name| visit.text(name));
        }
        Fact::IdentitySet(IdentitySet { number: _, role: _, sha256: _, issuer }) => {
            visit.text(issuer);
        }
        Fact::QuestionSaved(QuestionSaved { name })
        | Fact::QuestionRemoved(QuestionRemoved { name }) => visit.text(name),
        // Only numbers, codes and times.
        Fact::Operation(_)
        | Fact::Intent(_)
        | Fact::Observation(_)
        | Fact::Listed(_)
        | Fact::RecorderStopped(_)
        | Fact::CredentialRevoked(_)
        | Fact::ProfileChanged(_)
        | Fact::GroupMarked(_)
        | Fact::Unauthenticated(_)
        | Fact::ConnectionsRefused(_)
        | Fact::ImportBatch(_)
        | Fact::EvidenceAdded(_)
        | Fact::ReviewAdded(_)
        | Fact::SubjectsErased(_)
        | Fact::ErasureCompleted(_)
        | Fact::LegalHold(_)
        | Fact::RetentionSet(_)
        | Fact::SentErased(_)
        | Fact::StateCommitted(_) => {}
    }
}

pub(super) fn of_content(content: &mut Content, visit: &impl Visit) {
    match content {
        Content::Target(target) => visit.address(target),
        Content::Body(json) => visit.body(json),
        Content::Changes(changes) => {
            let Changes { lifecycle: _, mention, active: _, values, joined: _, left: _, links: _ } =
                changes;
            if let Some(Mention { attribute: _, resource_type: _, name: Some(name) }) = mention {
                let MentionedName { value, display } = name;
                visit.text(value);
                display.iter_mut().for_each(|display| visit.text(display));
            }
            match values {
                Values::None | Values::Unreadable => {}
                Values::State(state) => visit.json(Arc::make_mut(state)),
                Values::Changed(changed) => {
                    for ValueChange { path, old, new } in changed {
                        of_path(path, visit);
                        old.iter_mut().chain(new).for_each(|value| visit.json(value));
                    }
                }
            }
        }
        Content::Detail(Detail { error, method, body }) => {
            error.iter_mut().chain(method).for_each(|text| visit.text(text));
            body.iter_mut().for_each(|note| of_note(note, visit));
        }
        Content::Flags(flags) => {
            for Flag { kind: _, path } in flags {
                visit.text(path);
            }
        }
        Content::Answer(answer) => {
            let Answer { intent: _, body, body_note, location, answered_after_us: _ } = answer;
            body.iter_mut().for_each(|body| visit.body(body));
            body_note.iter_mut().for_each(|note| of_note(note, visit));
            location.iter_mut().for_each(|location| visit.address(location));
        }
        Content::Entry(json) | Content::Note(json) => visit.json(json),
        Content::Unreadable(_) => {}
    }
}

fn of_path(path: &mut Path, visit: &impl Visit) {
    let Path { schema, attribute, element, sub } = path;
    visit.text(attribute);
    schema.iter_mut().chain(sub).for_each(|text| visit.text(text));
    if let Some(Element::Type(text) | Element::Value(text)) = element {
        visit.text(text);
    }
}

fn of_note(note: &mut BodyNote, visit: &impl Visit) {
    let BodyNote { reason, length_bytes: _, media_type, line: _, column: _ } = note;
    visit.text(reason);
    media_type.iter_mut().for_each(|text| visit.text(text));
}
