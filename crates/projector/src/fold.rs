//! From an event to row changes: the same function live, at start-up and in a rebuild.
//!
//! The fold applies an event's resolved changes and nothing else: it never reads a body, runs a
//! PATCH or looks at a profile, so that a later correction of such code cannot change the past.
//! It cannot find fault with an event; it fails only when a row cannot be read or decoded.

use event::{
    Application, ApplicationAdded, Attribute, Changes, Content, CredentialAdded, Event, Fact,
    Lifecycle, Number, Operation, RecorderStarted, ResourceType, Seq,
};
use serde_json::{Map, Value};
use store::ReadRows;
use store::key::{self, Set};

use crate::error::ProjectorError;
use crate::operation::OperationSummary;
use crate::resource;
use crate::row::{
    self, ApplicationRow, CredentialRow, Gap, GapReason, Recorder, StoredMentioned, Version,
};
use crate::set;
use crate::view::{Overlay, View};

/// Raised whenever rows, their keys or the fold itself change: rows of another version are made
/// anew at start-up.
pub const FOLD_VERSION: u32 = 1;

/// Applies one event to the rows.
///
/// # Errors
/// When a row that the event builds on cannot be read.
pub fn fold(rows: &mut Overlay<'_>, event: &Event) -> Result<(), ProjectorError> {
    let second = key::second(event.header.recorded_at.0.div_euclid(1_000_000));
    if rows.get(&second)?.is_none() {
        rows.put(second, event.seq.to_be_bytes().to_vec());
    }
    match &event.header.fact {
        Fact::Operation(operation) => fold_operation(rows, event, operation)?,
        Fact::RecorderStarted(started) => fold_started(rows, event, started)?,
        Fact::RecorderStopped(_) => {
            rows.put(key::recorder(), row::encode("the recorder", &Recorder::Stopped)?);
        }
        Fact::ApplicationAdded(added) => fold_application(rows, event, added)?,
        Fact::CredentialAdded(added) => fold_credential(rows, event, added)?,
        Fact::ResourceTypeAdded(_) | Fact::Unauthenticated(_) => {}
    }
    Ok(())
}

fn fold_started(
    rows: &mut Overlay<'_>,
    event: &Event,
    started: &RecorderStarted,
) -> Result<(), ProjectorError> {
    let before = View::new(rows).recorder()?;
    if let (Some(before), Some(from)) = (before, started.last_alive) {
        let reason = match before {
            Recorder::Stopped => GapReason::Stopped,
            Recorder::Running => GapReason::Killed,
        };
        let gap = Gap { from, to: event.header.recorded_at, reason };
        rows.put(key::gap(event.seq), row::encode("a gap", &gap)?);
    }
    rows.put(key::recorder(), row::encode("the recorder", &Recorder::Running)?);
    Ok(())
}

fn fold_application(
    rows: &mut Overlay<'_>,
    event: &Event,
    added: &ApplicationAdded,
) -> Result<(), ProjectorError> {
    let application = ApplicationRow {
        number: added.number,
        slug: added.slug.clone(),
        profile: added.profile.clone(),
        settings: added.settings.clone(),
        added_at: event.header.recorded_at,
        added_seq: event.seq,
    };
    rows.put(key::application(added.number), application.encode()?);
    rows.put(key::slug(&added.slug), row::encode_number(added.number.0));
    Ok(())
}

fn fold_credential(
    rows: &mut Overlay<'_>,
    event: &Event,
    added: &CredentialAdded,
) -> Result<(), ProjectorError> {
    let credential = CredentialRow {
        number: added.number,
        application: event.header.application,
        role: added.role,
        sha256: added.sha256,
    };
    rows.put(key::credential(added.number), credential.encode()?);
    rows.put(key::token(&added.sha256), row::encode_number(added.number.0));
    Ok(())
}

fn fold_operation(
    rows: &mut Overlay<'_>,
    event: &Event,
    operation: &Operation,
) -> Result<(), ProjectorError> {
    if let Some(summary) = OperationSummary::of(event) {
        rows.put(key::operation(event.seq), summary.encode());
    }
    for part in &event.parts {
        if let Content::Changes(changes) = &part.content {
            let of = Of { event, operation, number: part.subject };
            of.fold(rows, changes)?;
        }
    }
    Ok(())
}

/// The changes of one resource or person by one operation.
struct Of<'a> {
    event: &'a Event,
    operation: &'a Operation,
    number: Number,
}

impl Of<'_> {
    fn application(&self) -> Application {
        self.event.header.application
    }

    fn seq(&self) -> Seq {
        self.event.seq
    }

    fn fold(&self, rows: &mut Overlay<'_>, changes: &Changes) -> Result<(), ProjectorError> {
        let application = self.application();
        if View::new(rows).next_number(application)? <= self.number {
            rows.put(key::numbers(application), row::encode_number(self.number.0));
        }
        if let Some(mention) = &changes.mention {
            let key = key::mention(
                application,
                self.operation.resource_type,
                mention.attribute,
                &mention.folded,
            );
            rows.put(key, row::encode_number(self.number.0));
            let stored = StoredMentioned {
                attribute: mention.attribute as u8,
                value: mention.value.clone(),
            };
            let key = key::mentioned(application, self.number);
            rows.put(key, row::encode("a mention", &stored)?);
        }
        let members = Set::Members(self.number);
        set::record(rows, application, members, self.seq(), &changes.joined, &changes.left)?;

        // A resource whose members changed because one of them was deleted gets no version of its
        // own: nobody changed it.
        let is_target = self.number == self.operation.number;
        let members_changed = !changes.joined.is_empty() || !changes.left.is_empty();
        if changes.lifecycle.is_some()
            || !changes.values.is_empty()
            || (members_changed && is_target)
        {
            self.fold_version(rows, changes)?;
        }
        Ok(())
    }

    fn fold_version(
        &self,
        rows: &mut Overlay<'_>,
        changes: &Changes,
    ) -> Result<(), ProjectorError> {
        let (application, now) = (self.application(), self.event.header.recorded_at);
        let before = View::new(rows).version(application, self.number, View::NOW)?;
        let old = before.as_ref().and_then(|version| version.state.clone());
        let mut new = old.clone().unwrap_or_default();
        resource::apply(&mut new, &changes.values)?;
        let new = (changes.lifecycle != Some(Lifecycle::Deleted)).then_some(new);

        let (resource_type, created_seq, created_at) = match (changes.lifecycle, &before) {
            (Some(Lifecycle::Created(resource_type)), _) => (resource_type, self.seq(), now),
            (_, Some(before)) => (before.resource_type, before.created_seq, before.created_at),
            (_, None) => (self.operation.resource_type, self.seq(), now),
        };
        self.fold_lookups(rows, resource_type, old.as_ref(), new.as_ref());
        self.fold_existence(rows, resource_type, old.as_ref(), new.as_ref())?;
        let version = Version {
            seq: self.seq(),
            resource_type,
            created_seq,
            created_at,
            modified_at: now,
            state: new,
        };
        rows.put(key::version(application, self.number, self.seq()), version.encode()?);
        Ok(())
    }

    fn fold_lookups(
        &self,
        rows: &mut Overlay<'_>,
        resource_type: ResourceType,
        old: Option<&Map<String, Value>>,
        new: Option<&Map<String, Value>>,
    ) {
        let application = self.application();
        if let Some(id) = new.and_then(|state| text(state, Attribute::Id)) {
            // Stays for ever: an id is never given again, and a deleted one still has a history.
            let key = key::id(application, resource_type, id);
            rows.put(key, row::encode_number(self.number.0));
        }
        for attribute in [Attribute::UserName, Attribute::ExternalId, Attribute::DisplayName] {
            let was = old.and_then(|state| text(state, attribute));
            let is = new.and_then(|state| text(state, attribute));
            if was == is {
                continue;
            }
            let key = |value: &str| {
                let folded = folded(attribute, value);
                key::lookup(application, resource_type, attribute, &folded, self.number)
            };
            if let Some(was) = was {
                rows.delete(key(was));
            }
            if let Some(is) = is {
                rows.put(key(is), vec![]);
            }
        }
    }

    fn fold_existence(
        &self,
        rows: &mut Overlay<'_>,
        resource_type: ResourceType,
        old: Option<&Map<String, Value>>,
        new: Option<&Map<String, Value>>,
    ) -> Result<(), ProjectorError> {
        let mut set = |set, was: bool, is: bool| {
            let number = [self.number];
            let (joined, left): (&[Number], &[Number]) = match (was, is) {
                (false, true) => (&number, &[]),
                (true, false) => (&[], &number),
                (true, true) | (false, false) => return Ok(()),
            };
            set::record(rows, self.application(), set, self.seq(), joined, left)
        };
        set(Set::Existing(resource_type), old.is_some(), new.is_some())?;
        if resource_type == ResourceType::USER {
            set(Set::Active, old.is_some_and(is_active), new.is_some_and(is_active))?;
        }
        Ok(())
    }
}

/// Without a value a user is active: every identity provider means it so.
fn is_active(state: &Map<String, Value>) -> bool {
    state.get("active") != Some(&Value::Bool(false))
}

fn text(state: &Map<String, Value>, attribute: Attribute) -> Option<&str> {
    state.get(attribute.name()).and_then(Value::as_str)
}

/// A looked-up value as it is compared: ids exactly, names without regard to case (RFC 7643 §3.1,
/// §8.7.1).
pub fn folded(attribute: Attribute, value: &str) -> String {
    match attribute {
        Attribute::Id | Attribute::ExternalId => value.to_owned(),
        Attribute::UserName | Attribute::DisplayName => without_case(value),
    }
}

/// A text as texts are compared without regard to case: letter by letter to lower, upper and lower
/// case, so that every pair of letters that are one another's other case comes together (ẞ, ß and
/// SS, ς and Σ).
pub(crate) fn without_case(text: &str) -> String {
    text.chars()
        .flat_map(char::to_lowercase)
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}
