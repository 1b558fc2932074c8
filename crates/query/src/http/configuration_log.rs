//! Who changed the configuration.

use std::ops::ControlFlow;

use answers::act::NewEvidence;
use answers::choice::Configured;
use answers::{ConfigurationLog, row};
use data_encoding::HEXLOWER;
use event::{Content, Credential, Event, Fact, Number};
use projector::{ApplicationRow, ConfigurationKind, ConfigurationSummary};
use serde_json::{Map, Value, json};

use super::lists::is_erased;
use super::question::{Answered, Asked};
use crate::answer::Found;
use crate::as_of::ERASED;
use crate::coverage::Coverage;
use crate::error::Error;
use crate::identity::{Said, name_of};
use crate::person::identity;
use crate::record::Record;

type Object = Map<String, Value>;

impl Answered for ConfigurationLog {
    /// Newest first.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<ConfigurationLog>, Error> {
        let reading = asked.reading;
        let application = asked.narrowed_to(self.app.as_ref())?.or(reading.caller.scope());
        let credential = self.credential.map(|id| asked.credential(&id)).transpose()?;
        let kind = self.kind.map(kind_of);
        let stand = asked.standpoint()?;
        let record = &reading.record.limited_to(stand.size);
        let fits = |one: &ConfigurationSummary| {
            application.is_none_or(|wanted| one.application == wanted)
                && credential.is_none_or(|wanted| one.credential == wanted)
                && kind.is_none_or(|wanted| one.kind == wanted)
        };
        let mut found = stand.newest_first();
        record.view.configurations(stand.seqs.clone(), &mut |one| {
            if fits(&one) {
                found.add(one.seq, one);
            }
            ControlFlow::Continue(())
        })?;
        let (page, count, next) = found.cut(&stand);
        let rows = page.iter().map(|one| change(record, one));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let found = Found::new(record, &stand, &Coverage::complete());
        let found = found.about(reading.asked_application(application), Number::NOBODY);
        Ok(found.rows(rows, count, next))
    }
}

fn kind_of(word: Configured) -> ConfigurationKind {
    match word {
        Configured::Application => ConfigurationKind::Application,
        Configured::Upstream => ConfigurationKind::Upstream,
        Configured::ServicePrincipal => ConfigurationKind::ServicePrincipal,
        Configured::Profile => ConfigurationKind::Profile,
        Configured::Token => ConfigurationKind::Token,
        Configured::ResourceType => ConfigurationKind::ResourceType,
        Configured::Evidence => ConfigurationKind::Evidence,
        Configured::ReferenceList => ConfigurationKind::ReferenceList,
        Configured::PrivilegedGroup => ConfigurationKind::PrivilegedGroup,
        Configured::SavedQuestion => ConfigurationKind::SavedQuestion,
        Configured::Erasure => ConfigurationKind::Erasure,
        Configured::LegalHold => ConfigurationKind::LegalHold,
        Configured::Retention => ConfigurationKind::Retention,
    }
}

fn word_of(kind: ConfigurationKind) -> Configured {
    match kind {
        ConfigurationKind::Application => Configured::Application,
        ConfigurationKind::Upstream => Configured::Upstream,
        ConfigurationKind::ServicePrincipal => Configured::ServicePrincipal,
        ConfigurationKind::Profile => Configured::Profile,
        ConfigurationKind::Token => Configured::Token,
        ConfigurationKind::ResourceType => Configured::ResourceType,
        ConfigurationKind::Evidence => Configured::Evidence,
        ConfigurationKind::ReferenceList => Configured::ReferenceList,
        ConfigurationKind::PrivilegedGroup => Configured::PrivilegedGroup,
        ConfigurationKind::SavedQuestion => Configured::SavedQuestion,
        ConfigurationKind::Erasure => Configured::Erasure,
        ConfigurationKind::LegalHold => Configured::LegalHold,
        ConfigurationKind::Retention => Configured::Retention,
    }
}

fn change(
    record: &Record<'_>,
    one: &ConfigurationSummary,
) -> Result<row::ConfigurationChange, Error> {
    let event = record.event(one.seq)?;
    let application = record.view.application_of(one.application)?;
    let (subject, subject_name) = subject(record, &event)?;
    let new_value = shown(record, value(&event)?);
    let old_value = before(record, one, application.as_ref())?;
    let change = match (&old_value, &new_value) {
        (None, Some(_)) => "added",
        (Some(_), Some(_)) => "changed",
        (_, None) => "removed",
    };
    let origin = event.header.origin;
    let actor = origin.as_ref().map(|origin| origin.credential);
    let actor = actor.filter(|number| *number != Credential::NONE);
    let credential = actor.map(|number| record.view.credential_of(number)).transpose()?.flatten();
    Ok(row::ConfigurationChange {
        seq: one.seq,
        recorded_at: event.header.recorded_at.to_string().into(),
        kind: answers::table::word(&word_of(one.kind)),
        change: change.to_owned(),
        application: application.map(|row| row.slug),
        subject,
        subject_name,
        old_value,
        new_value,
        actor_id: actor.map(|number| number.to_string()),
        // A caller limited to one application is not shown the names of other tokens.
        actor_name: match credential {
            Some(row) if record.scope.is_none_or(|scope| scope == row.application) => {
                name_of(record, &row)?
            }
            _ => None,
        },
        source_ip: origin.as_ref().and_then(|one| one.client).map(|client| client.to_string()),
        user_agent: origin.as_ref().map(|origin| origin.user_agent.clone()),
        request_id: origin.map(|origin| origin.request_id),
    })
}

/// The value before the change, as far as the question may know it.
fn before(
    record: &Record<'_>,
    one: &ConfigurationSummary,
    application: Option<&ApplicationRow>,
) -> Result<Option<Object>, Error> {
    let seq = match (one.kind, one.before, application) {
        // The first profile was set when the application was added.
        (ConfigurationKind::Profile, None, Some(row)) => row.added_seq,
        (_, Some(seq), _) => seq,
        (_, None, _) => return Ok(None),
    };
    let event = record.event(seq)?;
    if record.scope.is_some_and(|scope| scope != event.header.application) {
        return Ok(None);
    }
    match (one.kind, &event.header.fact) {
        (ConfigurationKind::Profile, Fact::ApplicationAdded(added)) => {
            Ok(added.profile_sha256.map(|sha256| profile(&sha256)))
        }
        _ => Ok(shown(record, value(&event)?)),
    }
}

/// Removes the paths of files on the server for an auditor of one application.
fn shown(record: &Record<'_>, value: Option<Object>) -> Option<Object> {
    let mut value = value?;
    if record.scope.is_some() {
        value.retain(|name, _| !["tokenFile", "caFile"].contains(&name.as_str()));
    }
    Some(value)
}

/// The id and the name of what was changed.
fn subject(record: &Record<'_>, event: &Event) -> Result<(Option<String>, Option<String>), Error> {
    let token = |number: Credential| -> Result<_, Error> {
        let row = record.view.credential_of(number)?;
        let name = row.map(|row| name_of(record, &row)).transpose()?.flatten();
        Ok((Some(number.to_string()), name))
    };
    match &event.header.fact {
        Fact::CredentialAdded(added) => token(added.number),
        Fact::CredentialRevoked(revoked) => token(revoked.number),
        Fact::IdentitySet(set) => Ok((Some(set.number.to_string()), Said::of(event).called())),
        Fact::ResourceTypeAdded(added) => Ok((Some(added.name.clone()), None)),
        Fact::EvidenceAdded(added) => Ok((Some(added.operation.to_string()), None)),
        Fact::ReferenceListAdded(added) => Ok((Some(added.name.clone()), None)),
        Fact::QuestionSaved(saved) => Ok((Some(saved.name.clone()), None)),
        Fact::QuestionRemoved(removed) => Ok((Some(removed.name.clone()), None)),
        Fact::GroupMarked(marked) => {
            let application = event.header.application;
            let group = identity(record, application, marked.number, Some(event.seq))?;
            Ok((group.id, group.display_name))
        }
        _ => Ok((None, None)),
    }
}

/// The value that an event sets; `None` if it removes it.
fn value(event: &Event) -> Result<Option<Object>, Error> {
    let value = match &event.header.fact {
        Fact::ApplicationAdded(added) => {
            let settings: Value = serde_json::from_slice(&added.settings).unwrap_or_default();
            let sha256 = added.profile_sha256.map(|sha256| HEXLOWER.encode(&sha256));
            json!({"profile": added.profile, "profileSha256": sha256, "settings": settings})
        }
        Fact::UpstreamSet(set) => json!({
            "url": set.url,
            "tokenFile": set.token_file,
            "caFile": set.ca_file,
            "rewritesLocations": set.rewrites_locations,
            "showsMembers": set.shows_members,
        }),
        Fact::ServicePrincipalSet(set) => match &set.id {
            Some(id) => json!({"servicePrincipal": id}),
            None => return Ok(None),
        },
        Fact::ProfileChanged(changed) => return Ok(Some(profile(&changed.sha256))),
        Fact::CredentialAdded(added) => json!({
            "role": added.role.name(),
            "name": added.name,
            "expiresAt": added.expires_at.map(|end| end.to_string()),
        }),
        Fact::IdentitySet(set) => json!({"role": set.role.name(), "issuer": set.issuer}),
        Fact::ResourceTypeAdded(added) => json!({"number": added.number.0}),
        Fact::EvidenceAdded(_) if is_erased(event) => json!({"kind": ERASED}),
        Fact::EvidenceAdded(_) => {
            let said: NewEvidence = note(event)
                .and_then(|note| serde_json::from_slice(note).ok())
                .ok_or(Error::Damaged("evidence"))?;
            serde_json::to_value(said).map_err(|_| Error::Defect)?
        }
        Fact::ReferenceListAdded(added) => {
            json!({"rows": added.rows, "sha256": HEXLOWER.encode(&added.sha256)})
        }
        Fact::GroupMarked(marked) if marked.privileged => json!({"privileged": true}),
        Fact::QuestionSaved(_) => {
            json!({"question": question_of(event)?})
        }
        Fact::SubjectsErased(erased) => json!({"subjects": erased.numbers.len()}),
        Fact::LegalHold(hold) => json!({"held": hold.held, "subjects": hold.numbers.len()}),
        Fact::RetentionSet(set) => match set.months {
            Some(months) => json!({"months": months}),
            None => return Ok(None),
        },
        Fact::SentErased(erased) => json!({"erasedThrough": month_of(erased.through)}),
        // Removals have no value; other kinds do not configure.
        _ => return Ok(None),
    };
    match value {
        Value::Object(object) => Ok(Some(object)),
        _ => Err(Error::Defect),
    }
}

/// A month, counted from January 1970 as 0.
fn month_of(month: u32) -> String {
    format!("{}-{:02}", 1970 + month / 12, month % 12 + 1)
}

fn profile(sha256: &[u8; 32]) -> Object {
    let digest = Value::String(HEXLOWER.encode(sha256));
    [("profileSha256".to_owned(), digest)].into_iter().collect()
}

/// The note of an event.
fn note(event: &Event) -> Option<&Vec<u8>> {
    event.parts.iter().find_map(|part| match &part.content {
        Content::Note(note) => Some(note),
        _ => None,
    })
}

/// The address of a saved question.
pub(super) fn question_of(event: &Event) -> Result<String, Error> {
    let question = note(event).and_then(|note| serde_json::from_slice(note).ok());
    question.ok_or(Error::Damaged("a saved question"))
}
