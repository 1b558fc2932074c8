//! What users did with the record: evidence that they added, and questions that they asked.

use event::{Access, Application, Content, Event, Fact, Seq};
use serde_json::{Map, Value, json};

use super::imports::imported_of;
use super::known::Known;
use super::operations::{observation_of, operation_of};
use super::questions::{Expected, Parameters};

/// The operation and content of an evidence event.
fn evidence_of(event: &Event) -> Option<(Seq, Map<String, Value>)> {
    let Fact::EvidenceAdded(added) = &event.header.fact else { return None };
    let note = event.parts.iter().find_map(|part| match &part.content {
        Content::Note(note) => Some(note),
        _ => None,
    });
    let said = serde_json::from_slice(note.expect("evidence says something")).expect("JSON");
    Some((added.operation, said))
}

/// `GET /operations/{id}/evidence`
pub fn evidence(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let operation = known.events().get(parameters.event as usize).filter(|event| {
        operation_of(event).is_some()
            || imported_of(event).is_some()
            || observation_of(event).is_some()
    });
    let Some(operation) = operation else { return Expected::not_found() };
    let mut rows = vec![];
    for event in known.events() {
        let Some((about, mut row)) = evidence_of(event) else { continue };
        if about != operation.seq {
            continue;
        }
        let origin = event.header.origin.as_ref().expect("somebody added it");
        row.insert("seq".into(), event.seq.into());
        row.insert("recordedAt".into(), known.time(event.seq).into());
        row.insert("actorId".into(), origin.credential.to_string().into());
        row.insert("sourceIp".into(), origin.client.map(|client| client.to_string()).into());
        rows.push(row.into());
    }
    Expected::rows(rows).with("operationSeq", operation.seq)
}

/// The question of an event.
pub fn access_of(event: &Event) -> Option<&Access> {
    match &event.header.fact {
        Fact::Access(access) => Some(access),
        _ => None,
    }
}

/// The address of a question.
pub fn target_of(event: &Event) -> Option<&str> {
    event.parts.iter().find_map(|part| match &part.content {
        Content::Target(target) => Some(target.as_str()),
        _ => None,
    })
}

/// `GET /access-log`
pub fn accesses(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let (start, end) = parameters.stretch(known);
    let wanted = parameters.app.map(|slug| known.application(slug));
    let mut rows = vec![];
    for event in known.events()[start..end].iter().rev() {
        let Some(access) = access_of(event) else { continue };
        let (application, origin) = (event.header.application, event.header.origin.as_ref());
        let origin = origin.expect("somebody parameters");
        let credential = origin.credential.to_string();
        let is_by = parameters.credential.as_ref().is_none_or(|wanted| *wanted == credential);
        let is_shown = |wanted: Application| {
            let was_there = known.events()[..event.seq as usize].iter().any(|event| {
                matches!(&event.header.fact, Fact::ApplicationAdded(added) if added.number == wanted)
            });
            wanted == application || (access.all_applications && was_there)
        };
        if !wanted.is_none_or(is_shown) || !is_by {
            continue;
        }
        let role = known.events().iter().find_map(|event| match &event.header.fact {
            Fact::CredentialAdded(added) if added.number == origin.credential => Some(added.role),
            _ => None,
        });
        let slugs = known.applications(None);
        let slug = slugs.contains(&application).then(|| known.slug(application));
        rows.push(json!({
            "seq": event.seq,
            "recordedAt": known.time(event.seq),
            "application": slug,
            "allApplications": access.all_applications,
            "actorId": credential,
            "role": role.map(|role| role.name()),
            "route": access.route,
            "target": target_of(event),
            "status": access.status,
            "rows": access.rows,
            "exported": access.exported,
            "sawSeq": access.saw_seq,
            "sourceIp": origin.client.map(|client| client.to_string()),
            "userAgent": origin.user_agent,
            "requestId": origin.request_id,
        }));
    }
    Expected::rows(rows)
}
