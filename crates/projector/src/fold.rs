//! From an event to row changes: the same function live, at start-up and in a rebuild.
//!
//! The fold applies an event's resolved changes and nothing else: it never reads a body, runs a
//! PATCH or looks at a profile, so that a later correction of such code cannot change the past.
//! It never rejects an event; it fails only when a row cannot be read or decoded.

use std::sync::Arc;

use canonical::Document;
use event::{
    Application, ApplicationAdded, Attribute, Changes, CredentialAdded, CredentialRevoked, Event,
    Fact, IdentitySet, Lifecycle, Mention, MentionedName, Number, Observation, Operation, Part,
    RecorderStarted, ResourceType, Seq, StateCommitted, Timestamp, UpstreamSet, Values,
};
use store::ReadRows;
use store::key::{self, Set};

use crate::asked;
use crate::claim;
use crate::class;
use crate::configuration;
use crate::error::ProjectorError;
use crate::failing;
use crate::listing;
use crate::operation::{OperationSummary, request_id_hash};
use crate::overlay::Overlay;
use crate::privacy;
use crate::resource;
use crate::row::{
    self, ApplicationRow, CredentialRow, Gap, GapReason, Mentioned, Recorder, ResourceHead,
    SignInIdentity, Version,
};
use crate::set;
use crate::text::case_folded;
use crate::unsettled::{fold_doubt, fold_settled};
use crate::view::View;

mod erasure;
mod lookups;

pub use lookups::names_of;

/// Raise this whenever rows, their keys or the fold itself change. A start finds rows of another version
/// and makes them again from the log.
pub(crate) const FOLD_VERSION: u32 = 24;

/// Applies one event to the rows.
///
/// # Errors
/// When a row that the event builds on cannot be read.
pub(crate) fn fold(rows: &mut Overlay<'_>, event: &Event) -> Result<(), ProjectorError> {
    rows.begin_second(event.header.recorded_at.0.div_euclid(1_000_000), event.seq)?;
    let application = event.header.application;
    let is_indexed = matches!(
        event.header.fact,
        Fact::Operation(_)
            | Fact::Intent(_)
            | Fact::Observation(_)
            | Fact::Unauthenticated(_)
            | Fact::Imported(_)
            | Fact::Access(_)
            | Fact::StateCommitted(_)
    );
    if application != Application::RECORDER && !is_indexed {
        rows.put(key::change(application, event.seq), vec![]);
    }
    configuration::fold_configuration(rows, event)?;
    if event.header.fact.watches() {
        rows.put(key::coverage(), event.seq.to_be_bytes().to_vec());
    }
    match &event.header.fact {
        Fact::Operation(operation) => fold_operation(rows, event, operation)?,
        Fact::Intent(_) => {
            rows.put(key::intent(event.seq), row::encode_number(event.header.application.0));
        }
        Fact::Observation(seen) => fold_observation(rows, event, seen)?,
        Fact::Listed(listed) => listing::fold_listed(rows, event, listed)?,
        Fact::UpstreamSet(set) => fold_upstream(rows, event, set)?,
        Fact::ServicePrincipalSet(set) => {
            change_application(rows, event.header.application, |row| {
                row.service_principal.clone_from(&set.id);
            })?;
        }
        Fact::RecorderStarted(started) => fold_started(rows, event, started)?,
        Fact::RecorderStopped(_) => {
            rows.put(key::recorder(), row::encode("the recorder", &Recorder::Stopped)?);
        }
        Fact::ApplicationAdded(added) => fold_application(rows, event, added)?,
        Fact::CredentialAdded(added) => fold_credential(rows, event, added)?,
        Fact::CredentialRevoked(revoked) => fold_revoked(rows, event, revoked)?,
        Fact::IdentitySet(set) => fold_identity(rows, event, set)?,
        Fact::ResourceTypeAdded(added) => {
            let name = row::encode("a resource type", &added.name)?;
            rows.put(key::resource_type(added.number), name);
        }
        Fact::Unauthenticated(_) => {
            fold_summary(rows, event)?;
        }
        Fact::ConnectionsRefused(refused) => {
            // A gap is half-open, so it must end just after the last refusal.
            let to = Timestamp(refused.last.max(refused.first).0.saturating_add(1));
            let gap = Gap { from: refused.first, to, reason: GapReason::Refused };
            rows.put(key::gap(event.seq), row::encode("a gap", &gap)?);
        }
        Fact::Imported(entry) => {
            claim::fold_imported(rows, event, entry)?;
            fold_changes(rows, event, (entry.number, entry.resource_type))?;
        }
        Fact::ImportBatch(batch) => claim::fold_import(rows, event, batch)?,
        Fact::Access(access) => asked::fold_access(rows, event, access),
        Fact::EvidenceAdded(added) => {
            rows.put(key::evidence(added.operation, event.seq), vec![]);
        }
        Fact::ReviewAdded(_) => rows.put(key::review(application, event.seq), vec![]),
        Fact::ReferenceListAdded(added) => {
            asked::fold_reference_list(rows, event, added)?;
        }
        Fact::ProfileChanged(changed) => {
            change_application(rows, event.header.application, |row| {
                row.profile_sha256 = Some(changed.sha256);
            })?;
        }
        Fact::GroupMarked(marked) => configuration::fold_marked(rows, event, marked),
        Fact::QuestionSaved(saved) => {
            configuration::fold_question(rows, event, &saved.name, true);
        }
        Fact::QuestionRemoved(removed) => {
            configuration::fold_question(rows, event, &removed.name, false);
        }
        Fact::SubjectsErased(erased) => {
            erasure::fold_erased(rows, (application, event.seq), erased)?;
            privacy::fold_erasure(rows, application, event.seq, None);
        }
        Fact::ErasureCompleted(completed) => {
            privacy::fold_erasure(rows, application, completed.erasure, Some(event.seq));
        }
        Fact::LegalHold(hold) => privacy::fold_hold(rows, event, hold),
        Fact::RetentionSet(set) => privacy::fold_retention(rows, application, set)?,
        Fact::SentErased(erased) => privacy::fold_sent_erased(rows, application, erased)?,
        // Changes no state: only where it stands is kept.
        Fact::StateCommitted(committed) => {
            let key = match committed {
                StateCommitted::Secret(_) => key::state_secret(application),
                StateCommitted::Root(root) => key::commitment(application, root.at),
            };
            rows.put(key, event.seq.to_be_bytes().to_vec());
        }
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
        profile_sha256: added.profile_sha256,
        added_at: event.header.recorded_at,
        added_seq: event.seq,
        upstream: None,
        service_principal: None,
        imported_principals: vec![],
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
        added_at: event.header.recorded_at,
        added_seq: event.seq,
        revoked_seq: None,
        name: added.name.clone(),
        expires_at: added.expires_at,
        identity: None,
    };
    rows.put(key::credential(added.number), credential.encode()?);
    rows.put(key::token(&added.sha256), row::encode_number(added.number.0));
    Ok(())
}

fn fold_identity(
    rows: &mut Overlay<'_>,
    event: &Event,
    set: &IdentitySet,
) -> Result<(), ProjectorError> {
    let known = View::new(rows).credential_of(set.number)?;
    let (added_at, added_seq, revoked_seq) = match known {
        Some(known) => (known.added_at, known.added_seq, known.revoked_seq),
        None => (event.header.recorded_at, event.seq, None),
    };
    let credential = CredentialRow {
        number: set.number,
        application: event.header.application,
        role: set.role,
        sha256: set.sha256,
        added_at,
        added_seq,
        revoked_seq,
        name: None,
        expires_at: None,
        identity: Some(SignInIdentity { issuer: set.issuer.clone(), seq: event.seq }),
    };
    rows.put(key::credential(set.number), credential.encode()?);
    rows.put(key::identity(&set.sha256), row::encode_number(set.number.0));
    rows.put(key::identity_role(set.number, event.seq), vec![set.role as u8]);
    Ok(())
}

fn fold_upstream(
    rows: &mut Overlay<'_>,
    event: &Event,
    set: &UpstreamSet,
) -> Result<(), ProjectorError> {
    change_application(rows, event.header.application, |row| row.upstream = Some(set.clone()))
}

/// Changes the row of an application, if there is one.
pub(crate) fn change_application(
    rows: &mut Overlay<'_>,
    application: Application,
    change: impl FnOnce(&mut ApplicationRow),
) -> Result<(), ProjectorError> {
    if let Some(mut row) = View::new(rows).application_of(application)? {
        change(&mut row);
        rows.put(key::application(application), row.encode()?);
    }
    Ok(())
}

fn fold_revoked(
    rows: &mut Overlay<'_>,
    event: &Event,
    revoked: &CredentialRevoked,
) -> Result<(), ProjectorError> {
    // Decide revokes only credentials that were issued.
    if let Some(mut credential) = View::new(rows).credential_of(revoked.number)? {
        credential.revoked_seq = Some(event.seq);
        rows.put(key::credential(credential.number), credential.encode()?);
    }
    Ok(())
}

fn fold_operation(
    rows: &mut Overlay<'_>,
    event: &Event,
    operation: &Operation,
) -> Result<(), ProjectorError> {
    let target = (operation.number, operation.resource_type);
    fold_target(rows, event, target, &operation.touches)?;
    if let Some(intent) = event.structure.intent {
        rows.delete(key::intent(intent));
    }
    fold_doubt(rows, event, operation);
    Ok(())
}

fn fold_observation(
    rows: &mut Overlay<'_>,
    event: &Event,
    seen: &Observation,
) -> Result<(), ProjectorError> {
    fold_target(rows, event, (seen.number, seen.resource_type), &seen.touches)?;
    fold_settled(rows, event, seen)
}

/// What operations and observations share: their summary, the resource's index, and their changes.
fn fold_target(
    rows: &mut Overlay<'_>,
    event: &Event,
    (target, resource_type): (Number, ResourceType),
    touches: &[Number],
) -> Result<(), ProjectorError> {
    let summary = fold_summary(rows, event)?;
    let failed = summary.and_then(|summary| summary.write_failed());
    let (application, seq) = (event.header.application, event.seq);
    let mut concerned: Vec<Number> = touches.iter().copied().chain([target]).collect();
    concerned.sort_unstable();
    concerned.dedup();
    // Before the event that gives a number there is nothing about it.
    let next = rows.next_number(application)?;
    let is_given = |part: &Part| part.content.changes().is_some();
    let is_new = |number| {
        number >= next && event.parts.iter().any(|part| part.subject == number && is_given(part))
    };
    let mut heads = HeadsByNumber::with_capacity(concerned.len() + 1);
    for number in concerned.into_iter().filter(|number| *number != Number::NOBODY) {
        let mut head = match is_new(number) {
            true => ResourceHead::default(),
            false => rows.resource_head(application, number)?,
        };
        head.counts = head.counts.with(number == target);
        if let Some(failed) = failed.filter(|_| number == target) {
            head.failures =
                failing::record(rows, (application, number), (seq, failed), head.failures);
        }
        rows.put(key::by_resource(application, number, seq), head.counts.encode());
        heads.push((number, head));
    }
    // A row of its own: finding the last entry of the index takes much longer.
    for (number, head) in changed_heads(rows, event, heads)? {
        rows.put_resource_head(application, number, head);
    }
    fold_changes(rows, event, (target, resource_type))
}

/// Heads by number, ascending. Nearly always there are one or two.
type HeadsByNumber = Vec<(Number, ResourceHead)>;

/// The heads of all that an event concerns, and of what else it changes, after it.
fn changed_heads(
    rows: &Overlay<'_>,
    event: &Event,
    mut heads: HeadsByNumber,
) -> Result<HeadsByNumber, ProjectorError> {
    let (application, seq) = (event.header.application, event.seq);
    let changes = || {
        let parts = event.parts.iter().filter_map(|part| Some((part, part.content.changes()?)));
        parts.filter(|(_, changes)| changes.mention.is_none())
    };
    // First all heads, so that a long list of members is sorted once.
    let known = heads.len();
    let mut missing: Vec<Number> = vec![];
    for (part, changes) in changes().filter(|(_, changes)| changes.changes_resource()) {
        let changed = changes.joined.iter().chain(&changes.left).chain([&part.subject]);
        let is_missing =
            |number: &Number| heads.binary_search_by_key(number, |(known, _)| *known).is_err();
        missing.extend(changed.copied().filter(is_missing));
    }
    missing.sort_unstable();
    missing.dedup();
    for number in missing {
        heads.push((number, rows.resource_head(application, number)?));
    }
    if heads.len() > known {
        heads.sort_unstable_by_key(|(number, _)| *number);
    }
    let mut change = |number: Number, change: &dyn Fn(&mut ResourceHead)| {
        if let Ok(place) = heads.binary_search_by_key(&number, |(known, _)| *known) {
            change(&mut heads[place].1);
        }
    };
    for (part, changes) in changes() {
        if changes.lifecycle.is_some() || !changes.values.is_none() {
            change(part.subject, &|head| head.state = Some(seq));
        }
        if !changes.joined.is_empty() || !changes.left.is_empty() {
            change(part.subject, &|head| head.members = Some(seq));
        }
        for member in changes.joined.iter().chain(&changes.left) {
            change(*member, &|head| head.memberships = Some(seq));
        }
    }
    Ok(heads)
}

fn fold_changes(
    rows: &mut Overlay<'_>,
    event: &Event,
    (target, resource_type): (Number, ResourceType),
) -> Result<(), ProjectorError> {
    let mut population = false;
    for part in &event.parts {
        let Some(changes) = part.content.changes() else { continue };
        population |= changes.lifecycle.is_some() || changes.active.is_some();
        ResourceFold { event, target, resource_type, number: part.subject }.fold(rows, changes)?;
    }
    if population {
        let seq = event.seq.to_be_bytes().to_vec();
        rows.put(key::population(event.header.application), seq);
    }
    Ok(())
}

fn fold_summary(
    rows: &mut Overlay<'_>,
    event: &Event,
) -> Result<Option<OperationSummary>, ProjectorError> {
    let Some(summary) = OperationSummary::of(event, 0) else { return Ok(None) };
    let summary = OperationSummary { ordinal: class::count(rows)?, ..summary };
    class::record(rows, summary.class(), event.seq)?;
    rows.put(key::operation(event.seq), summary.encode());
    let hash = event.structure.request_hash.unwrap_or_else(|| request_id_hash(""));
    rows.put(key::by_request(hash, event.seq), vec![]);
    Ok(Some(summary))
}

/// Folds the changes that one event makes to one resource or person.
struct ResourceFold<'a> {
    event: &'a Event,
    /// The resource or person that the event is about, and its type.
    target: Number,
    resource_type: ResourceType,
    /// The resource or person that these changes are about.
    number: Number,
}

impl ResourceFold<'_> {
    fn application(&self) -> Application {
        self.event.header.application
    }

    fn seq(&self) -> Seq {
        self.event.seq
    }

    fn fold(&self, rows: &mut Overlay<'_>, changes: &Changes) -> Result<(), ProjectorError> {
        let application = self.application();
        if rows.next_number(application)? <= self.number {
            rows.put_last_number(application, self.number);
        }
        if let Some(mention) = &changes.mention {
            // A number that is only mentioned has no resource, and so no versions.
            return match &mention.name {
                Some(name) => self.fold_mention(rows, mention, name),
                None => Ok(()),
            };
        }
        let members = Set::Members(self.number);
        set::record(rows, application, members, self.seq(), &changes.joined, &changes.left)?;

        // A deleted member's departure changes the group too, and so its ETag (RFC 7644 §3.14).
        let members_changed = !changes.joined.is_empty() || !changes.left.is_empty();
        if changes.lifecycle.is_some() || !changes.values.is_none() || members_changed {
            self.fold_version(rows, changes)?;
        }
        Ok(())
    }

    fn fold_mention(
        &self,
        rows: &mut Overlay<'_>,
        mention: &Mention,
        name: &MentionedName,
    ) -> Result<(), ProjectorError> {
        let (application, attribute) = (self.application(), mention.attribute);
        let case_folded = &case_folded(attribute, &name.value);
        // A provider's log says which type an id is of; a group's list of members does not.
        let is_untyped =
            attribute == Attribute::Id && !matches!(self.event.header.fact, Fact::Imported(_));
        let kind = if is_untyped { ResourceType::NONE } else { self.resource_type };
        let key = key::mention(application, kind, attribute, case_folded);
        rows.put(key::mention_name(application, self.number, &key), vec![]);
        let before = rows.get(&key)?.map(|value| row::decode_holder(&value)).transpose()?;
        // Mentioning the same number again does not change since when it has the name.
        if before.is_none_or(|(number, _)| number != self.number) {
            rows.put(key, row::encode_holder(self.number, self.seq()));
            if let Some((number, since)) = before {
                let key = key::mention_before(application, kind, attribute, case_folded, since);
                rows.put(key, row::encode_number(number.0));
            }
        }
        // A provider's own id is not a name that a SCIM client gave.
        if attribute == Attribute::SourceId {
            return Ok(());
        }
        self.fold_mentioned(rows, mention, name)
    }

    /// Keeps the first mention of a number, and the first externalId it was mentioned by.
    fn fold_mentioned(
        &self,
        rows: &mut Overlay<'_>,
        mention: &Mention,
        name: &MentionedName,
    ) -> Result<(), ProjectorError> {
        let key = key::mentioned(self.application(), self.number);
        let before = rows.get(&key)?.map(|value| Mentioned::decode(&value)).transpose()?;
        let is_own_name = mention.attribute == Attribute::ExternalId;
        let external_id = is_own_name.then(|| (name.value.clone(), self.seq()));
        let (mentioned, since) = match before {
            Some((before, _)) if external_id.is_none() || before.external_id.is_some() => {
                return Ok(());
            }
            Some((before, since)) => (Mentioned { external_id, ..before }, since),
            None => {
                let mentioned = Mentioned {
                    attribute: mention.attribute,
                    value: name.value.clone(),
                    resource_type: mention.resource_type,
                    display: name.display.clone(),
                    external_id,
                };
                (mentioned, self.seq())
            }
        };
        rows.put(key, mentioned.encode(since)?);
        Ok(())
    }

    fn fold_version(
        &self,
        rows: &mut Overlay<'_>,
        changes: &Changes,
    ) -> Result<(), ProjectorError> {
        let (application, now) = (self.application(), self.event.header.recorded_at);
        // A number belongs to one resource only, so there is nothing before its creation. A restored
        // resource keeps its creation; the changes hold its whole state.
        let before = match changes.lifecycle {
            Some(Lifecycle::Created(_)) => None,
            Some(Lifecycle::Deleted | Lifecycle::Restored) | None => {
                View::new(rows).version(application, self.number, View::NOW)?
            }
        };
        let old = before.as_ref().and_then(|version| version.state.as_ref());
        if old.is_none() && self.number != self.target {
            return Ok(()); // deleting another resource changes nothing in one that does not exist
        }
        let new = match (changes.lifecycle, &changes.values) {
            (Some(Lifecycle::Deleted), _) => None,
            (_, Values::State(state)) => Some(Document::from(Arc::clone(state))),
            (_, Values::Changed(changed)) => {
                Some(resource::changed(&old.cloned().unwrap_or_default(), changed)?)
            }
            // What is structural is folded all the same.
            (_, Values::None | Values::Unreadable) => Some(old.cloned().unwrap_or_default()),
        };

        let (resource_type, created_seq, created_at) = match (changes.lifecycle, &before) {
            (Some(Lifecycle::Created(resource_type)), _) => (resource_type, self.seq(), now),
            (_, Some(before)) => (before.resource_type, before.created_seq, before.created_at),
            (_, None) => (self.resource_type, self.seq(), now),
        };
        let was_active = before.as_ref().is_none_or(|before| before.active);
        let active = changes.active.unwrap_or(was_active);
        // Of a resource whose members alone change all this stays as it is.
        if old.is_none() || changes.lifecycle.is_some() || !changes.values.is_none() {
            self.fold_lookups(rows, resource_type, old, new.as_ref())?;
            let existing = Set::Existing(resource_type);
            self.fold_existence(rows, existing, old.is_some(), new.is_some())?;
            if resource_type == ResourceType::USER {
                let (was, is) = (old.is_some() && was_active, new.is_some() && active);
                self.fold_existence(rows, Set::Active, was, is)?;
            }
        }
        let version = Version {
            seq: self.seq(),
            resource_type,
            created_seq,
            created_at,
            modified_at: now,
            active,
            state: new,
        };
        rows.put(key::version(application, self.number, self.seq()), version.encode()?);
        Ok(())
    }

    fn fold_existence(
        &self,
        rows: &mut Overlay<'_>,
        set: Set,
        was: bool,
        is: bool,
    ) -> Result<(), ProjectorError> {
        let number = [self.number];
        let (joined, left): (&[Number], &[Number]) = match (was, is) {
            (false, true) => (&number, &[]),
            (true, false) => (&[], &number),
            (true, true) | (false, false) => return Ok(()),
        };
        set::record(rows, self.application(), set, self.seq(), joined, left)
    }
}

#[cfg(test)]
mod tests;
