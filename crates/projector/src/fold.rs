//! From an event to row changes: the same function live, at start-up and in a rebuild.
//!
//! The fold applies an event's resolved changes and nothing else: it never reads a body, runs a
//! PATCH or looks at a profile, so that a later correction of such code cannot change the past.
//! It cannot find fault with an event; it fails only when a row cannot be read or decoded.

use std::collections::BTreeSet;

use event::{
    Answer, Application, ApplicationAdded, Attribute, Changes, Content, CredentialAdded,
    CredentialRevoked, Event, Fact, Lifecycle, Mention, Number, Observation, Operation,
    RecorderStarted, ResourceType, Seq, Timestamp, UpstreamSet,
};
use serde_json::{Map, Value};
use store::ReadRows;
use store::key::{self, Class, Set};

use crate::asked;
use crate::claim;
use crate::error::ProjectorError;
use crate::listing;
use crate::operation::OperationSummary;
use crate::overlay::Overlay;
use crate::resource;
use crate::row::{
    self, ApplicationRow, CredentialRow, Gap, GapReason, Mentioned, Places, Recorder, Version,
};
use crate::set;
use crate::text::{LOOKUP_BYTES_MAX, folded};
use crate::unsettled::{fold_doubt, fold_settled};
use crate::view::View;

/// Raised whenever rows, their keys or the fold itself change: rows of another version are made
/// anew at start-up.
pub const FOLD_VERSION: u32 = 10;

/// Applies one event to the rows.
///
/// # Errors
/// When a row that the event builds on cannot be read.
pub fn fold(rows: &mut Overlay<'_>, event: &Event) -> Result<(), ProjectorError> {
    let second = key::second(event.header.recorded_at.0.div_euclid(1_000_000));
    if rows.get(&second)?.is_none() {
        rows.put(second, event.seq.to_be_bytes().to_vec());
    }
    let application = event.header.application;
    let is_indexed = matches!(
        event.header.fact,
        Fact::Operation(_)
            | Fact::Intent(_)
            | Fact::Observation(_)
            | Fact::Unauthenticated(_)
            | Fact::Imported(_)
            | Fact::Access(_)
    );
    if application != Application::RECORDER && !is_indexed {
        rows.put(key::change(application, event.seq), vec![]);
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
        Fact::ResourceTypeAdded(added) => {
            let name = row::encode("a resource type", &added.name)?;
            rows.put(key::resource_type(added.number), name);
        }
        Fact::Unauthenticated(_) => fold_summary(rows, event)?,
        Fact::ConnectionsRefused(refused) => {
            // The last one was refused at that instant, so the stretch holds it.
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
        Fact::ReferenceListAdded(added) => {
            asked::fold_reference_list(rows, event, added);
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
    };
    rows.put(key::credential(added.number), credential.encode()?);
    rows.put(key::token(&added.sha256), row::encode_number(added.number.0));
    Ok(())
}

fn fold_upstream(
    rows: &mut Overlay<'_>,
    event: &Event,
    set: &UpstreamSet,
) -> Result<(), ProjectorError> {
    change_application(rows, event.header.application, |row| row.upstream = Some(set.clone()))
}

/// Changes what is configured of an application that was added.
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
    // Decide names only what was issued.
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
    for part in &event.parts {
        if let Content::Answer(Answer { intent: Some(intent), .. }) = &part.content {
            rows.delete(key::intent(*intent));
        }
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

/// What operations and observations have in common: their place in the indexes, and their changes.
fn fold_target(
    rows: &mut Overlay<'_>,
    event: &Event,
    (target, resource_type): (Number, ResourceType),
    touches: &[Number],
) -> Result<(), ProjectorError> {
    fold_summary(rows, event)?;
    let (application, seq) = (event.header.application, event.seq);
    let concerned: BTreeSet<Number> = touches.iter().copied().chain([target]).collect();
    for number in concerned.into_iter().filter(|number| *number != Number::NOBODY) {
        // Of its own, for looking for the last entry of the index takes much longer.
        let last = key::resource_places(application, number);
        let before = rows.get(&last)?.map(|places| Places::decode(&places)).transpose()?;
        let places = before.unwrap_or_default().with(number == target).encode();
        rows.put(last, places.clone());
        rows.put(key::by_resource(application, number, seq), places);
    }
    fold_changes(rows, event, (target, resource_type))
}

fn fold_changes(
    rows: &mut Overlay<'_>,
    event: &Event,
    (target, resource_type): (Number, ResourceType),
) -> Result<(), ProjectorError> {
    for part in &event.parts {
        if let Content::Changes(changes) = &part.content {
            Of { event, target, resource_type, number: part.subject }.fold(rows, changes)?;
        }
    }
    Ok(())
}

fn fold_summary(rows: &mut Overlay<'_>, event: &Event) -> Result<(), ProjectorError> {
    let ordinal = View::new(rows).class_count(Class::ALL)? + 1;
    let Some(summary) = OperationSummary::of(event, ordinal) else { return Ok(()) };
    let class = summary.class();
    let place = View::new(rows).class_count(class)? + 1;
    rows.put(key::operation(event.seq), summary.encode());
    rows.put(key::class(Class::ALL), ordinal.to_be_bytes().to_vec());
    rows.put(key::class(class), place.to_be_bytes().to_vec());
    rows.put(key::by_class(class, event.seq), place.to_be_bytes().to_vec());
    rows.put(key::by_request(summary.request_id_hash, event.seq), vec![]);
    Ok(())
}

/// The changes of one resource or person by one operation.
struct Of<'a> {
    event: &'a Event,
    /// What the event is about, and the type that it has.
    target: Number,
    resource_type: ResourceType,
    /// Whose changes these are.
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
            let attribute = mention.attribute;
            // Not the form that stands in the event: how names are compared has changed since some.
            let folded = &folded(attribute, &mention.value);
            // A provider's log says of what an id is; a group's list of members does not.
            let is_untyped =
                attribute == Attribute::Id && !matches!(self.event.header.fact, Fact::Imported(_));
            let kind = if is_untyped { ResourceType::NONE } else { self.resource_type };
            let key = key::mention(application, kind, attribute, folded);
            let before = rows.get(&key)?.map(|value| row::decode_holder(&value)).transpose()?;
            // Since when somebody is known by a name does not change when the name is said again.
            if before.is_none_or(|(number, _)| number != self.number) {
                rows.put(key, row::encode_holder(self.number, self.seq()));
                if let Some((number, since)) = before {
                    let key = key::mention_before(application, kind, attribute, folded, since);
                    rows.put(key, row::encode_number(number.0));
                }
            }
            if mention.attribute == Attribute::SourceId {
                // What a provider calls somebody in its logs is no name that a client gave.
                return Ok(());
            }
            // Whoever is only mentioned has no resource, and so no versions.
            return self.fold_mentioned(rows, mention, said_name(changes));
        }
        let members = Set::Members(self.number);
        set::record(rows, application, members, self.seq(), &changes.joined, &changes.left)?;

        // The departure of a deleted member is a change of the group too (RFC 7644 §3.14).
        let members_changed = !changes.joined.is_empty() || !changes.left.is_empty();
        if changes.lifecycle.is_some() || !changes.values.is_empty() || members_changed {
            self.fold_version(rows, changes)?;
        }
        Ok(())
    }

    /// By what somebody was first mentioned stays, and so does the first externalId.
    fn fold_mentioned(
        &self,
        rows: &mut Overlay<'_>,
        mention: &Mention,
        display: Option<String>,
    ) -> Result<(), ProjectorError> {
        let key = key::mentioned(self.application(), self.number);
        let before = rows.get(&key)?.map(|value| Mentioned::decode(&value)).transpose()?;
        let is_own_name = mention.attribute == Attribute::ExternalId;
        let external_id = is_own_name.then(|| (mention.value.clone(), self.seq()));
        let (mentioned, since) = match before {
            Some((before, _)) if external_id.is_none() || before.external_id.is_some() => {
                return Ok(());
            }
            Some((before, since)) => (Mentioned { external_id, ..before }, since),
            None => {
                let mentioned = Mentioned {
                    attribute: mention.attribute,
                    value: mention.value.clone(),
                    resource_type: mention.resource_type,
                    display,
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
        // A number belongs to one resource ever, so there is nothing before its creation. One that is
        // there again is the same resource: created when it was, and from its whole state on.
        let before = match changes.lifecycle {
            Some(Lifecycle::Created(_)) => None,
            Some(Lifecycle::Deleted | Lifecycle::Restored) | None => {
                View::new(rows).version(application, self.number, View::NOW)?
            }
        };
        let old = before.as_ref().and_then(|version| version.state.clone());
        if old.is_none() && self.number != self.target {
            return Ok(()); // what does not exist has no state that another's deletion could change
        }
        let mut new = old.clone().unwrap_or_default();
        resource::apply(&mut new, &changes.values)?;
        let new = (changes.lifecycle != Some(Lifecycle::Deleted)).then_some(new);

        let (resource_type, created_seq, created_at) = match (changes.lifecycle, &before) {
            (Some(Lifecycle::Created(resource_type)), _) => (resource_type, self.seq(), now),
            (_, Some(before)) => (before.resource_type, before.created_seq, before.created_at),
            (_, None) => (self.resource_type, self.seq(), now),
        };
        let was_active = before.as_ref().is_none_or(|before| before.active);
        let active = new.as_ref().and_then(active).unwrap_or(was_active);
        self.fold_lookups(rows, resource_type, old.as_ref(), new.as_ref())?;
        let existing = Set::Existing(resource_type);
        self.fold_existence(rows, existing, old.is_some(), new.is_some())?;
        if resource_type == ResourceType::USER {
            let (was, is) = (old.is_some() && was_active, new.is_some() && active);
            self.fold_existence(rows, Set::Active, was, is)?;
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

    fn fold_lookups(
        &self,
        rows: &mut Overlay<'_>,
        resource_type: ResourceType,
        old: Option<&Map<String, Value>>,
        new: Option<&Map<String, Value>>,
    ) -> Result<(), ProjectorError> {
        let application = self.application();
        if let Some(id) = new.and_then(|state| text(state, Attribute::Id)) {
            // Stays for ever: an id is never given again, and a deleted one still has a history.
            let key = key::id(application, resource_type, id);
            rows.put(key, row::encode_number(self.number.0));
        }
        for (attribute, holder) in LOOKED_UP {
            if old.and_then(|state| state.get(holder)) == new.and_then(|state| state.get(holder)) {
                continue;
            }
            let (was, is) = (lookup_values(old, attribute), lookup_values(new, attribute));
            let name = |value| Name { application, resource_type, attribute, value };
            for gone in was.difference(&is) {
                if let Some(since) = name(gone).release(rows, self.number)? {
                    let stay = (self.number, since);
                    let key = key::named(application, resource_type, attribute, gone, stay);
                    rows.put(key, self.seq().to_be_bytes().to_vec());
                }
            }
            for come in is.difference(&was) {
                name(come).take(rows, self.number, self.seq())?;
            }
        }
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

/// A value by which resources are looked up, folded.
struct Name<'a> {
    application: Application,
    resource_type: ResourceType,
    attribute: Attribute,
    value: &'a str,
}

impl Name<'_> {
    fn unique_key(&self) -> Option<Vec<u8>> {
        let Name { application, resource_type, attribute, value } = *self;
        let is_unique = unique(resource_type, attribute);
        is_unique.then(|| key::unique(application, resource_type, attribute, value))
    }

    fn lookup_key(&self, number: Number) -> Vec<u8> {
        let Name { application, resource_type, attribute, value } = *self;
        key::lookup(application, resource_type, attribute, value, number)
    }

    /// Notes that a resource has the value. Of those of which there is one it is the first who has the
    /// row: others came by it at an upstream, or before names were compared as they are now.
    fn take(&self, rows: &mut Overlay<'_>, number: Number, seq: Seq) -> Result<(), ProjectorError> {
        match self.unique_key() {
            Some(row) if rows.get(&row)?.is_none() => {
                rows.put(row, row::encode_holder(number, seq));
            }
            Some(_) | None => rows.put(self.lookup_key(number), seq.to_be_bytes().to_vec()),
        }
        Ok(())
    }

    /// Notes that a resource has the value no more; gives since when it had it. Who else has it, and
    /// had it first of those, is the holder now.
    fn release(
        &self,
        rows: &mut Overlay<'_>,
        number: Number,
    ) -> Result<Option<Seq>, ProjectorError> {
        if let Some(row) = self.unique_key()
            && let Some(held) = rows.get(&row)?
            && let (holder, since) = row::decode_holder(&held)?
            && holder == number
        {
            rows.delete(row.clone());
            let Name { application, resource_type, attribute, value } = *self;
            let others = View::new(rows).sharers(application, resource_type, attribute, value)?;
            if let Some((next, since)) = others.into_iter().min_by_key(|(_, since)| *since) {
                rows.delete(self.lookup_key(next));
                rows.put(row, row::encode_holder(next, since));
            }
            return Ok(Some(since));
        }
        let row = self.lookup_key(number);
        let since = rows.get(&row)?.map(|value| row::decode_seq("a lookup", &value)).transpose()?;
        rows.delete(row);
        Ok(since)
    }
}

/// The name for people by which somebody was mentioned.
fn said_name(changes: &Changes) -> Option<String> {
    let display = changes.values.iter().find(|change| change.path.attribute == "display")?;
    serde_json::from_slice(display.new.as_deref()?).ok()
}

/// Whether a state says that its user is active. One that does not say so leaves a user as it was, and
/// a new one active: every identity provider means it so, and taking the value away is no wish to
/// switch an account on.
fn active(state: &Map<String, Value>) -> Option<bool> {
    state.get("active").and_then(Value::as_bool)
}

fn text(state: &Map<String, Value>, attribute: Attribute) -> Option<&str> {
    state.get(attribute.name()).and_then(Value::as_str)
}

/// Whether no two living resources have the same value, because decide sees to it. Where an upstream
/// decides, two may.
pub(crate) fn unique(resource_type: ResourceType, attribute: Attribute) -> bool {
    resource_type == ResourceType::USER && attribute == Attribute::UserName
}

/// What has lookup rows, and the attribute of the state that holds its values.
const LOOKED_UP: [(Attribute, &str); 4] = [
    (Attribute::UserName, "userName"),
    (Attribute::ExternalId, "externalId"),
    (Attribute::DisplayName, "displayName"),
    (Attribute::Email, "emails"),
];

/// The values of a state that have lookup rows, folded, each once.
fn lookup_values(state: Option<&Map<String, Value>>, attribute: Attribute) -> BTreeSet<String> {
    let Some(state) = state else { return BTreeSet::new() };
    let values: Vec<&str> = match attribute {
        Attribute::Email => {
            let emails = state.get("emails").and_then(Value::as_array).into_iter().flatten();
            emails.filter_map(|email| email.get("value")?.as_str()).collect()
        }
        Attribute::Id | Attribute::UserName | Attribute::ExternalId | Attribute::DisplayName => {
            text(state, attribute).into_iter().collect()
        }
        Attribute::SourceId => vec![],
    };
    let folded = values.into_iter().map(|value| folded(attribute, value));
    folded.filter(|value| value.len() <= LOOKUP_BYTES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use event::{
        ConnectionsRefused, Effect, Header, Method, Part, Path, ResourceTypeAdded, Route,
        Unauthenticated, ValueChange,
    };
    use serde_json::json;
    use store::Direction;
    use store::key::KeyRange;

    use super::*;
    use crate::overlay::tests::MapRows;

    const APP: Application = Application(3);
    const WHO: Number = Number(9);

    fn event_of(seq: Seq, application: Application, fact: Fact, parts: Vec<Part>) -> Event {
        let recorded_at = Timestamp(seq as i64);
        let header =
            Header { application, recorded_at, raw_clock: recorded_at, origin: None, fact };
        Event { seq, header, parts }
    }

    /// Sets one attribute of a user, or with a lifecycle creates or deletes the user.
    fn changed(
        seq: Seq,
        attribute: &str,
        new: Option<Value>,
        lifecycle: Option<Lifecycle>,
    ) -> Event {
        changed_of(WHO, seq, attribute, new, lifecycle)
    }

    fn changed_of(
        number: Number,
        seq: Seq,
        attribute: &str,
        new: Option<Value>,
        lifecycle: Option<Lifecycle>,
    ) -> Event {
        let operation = Operation {
            route: Route::Resource,
            method: Method::Patch,
            resource_type: ResourceType::USER,
            number,
            touches: vec![],
            status: 200,
            scim_type: 0,
            effect: Effect::Applied,
            index: 0,
            saw_seq: None,
            results: None,
            decided_after_us: 0,
        };
        let path = Path { schema: None, attribute: attribute.into(), element: None, sub: None };
        let new = new.map(|value| serde_json::to_vec(&value).unwrap());
        let values = vec![ValueChange { path, old: None, new }];
        let changes = Changes { lifecycle, values, ..Changes::default() };
        let part = Part { subject: number, content: Content::Changes(changes) };
        event_of(seq, APP, Fact::Operation(operation), vec![part])
    }

    /// In a log that is older than the way in which names are compared, or where an upstream decided.
    #[test]
    fn the_first_holder_of_a_name_keeps_it_and_the_next_one_follows() {
        let base = MapRows::default();
        let mut rows = Overlay::new(&base);
        let name = folded(Attribute::UserName, "j\u{fc}rgen");
        let [first, second, third] = [4, 2, 3].map(Number);
        let created = Some(Lifecycle::Created(ResourceType::USER));
        let deleted = Some(Lifecycle::Deleted);
        let mut seq = 0;
        let mut check = |number, user_name: Option<&str>, lifecycle, expected: &[Number]| {
            let new = user_name.map(Value::from);
            fold(&mut rows, &changed_of(number, seq, "userName", new, lifecycle)).unwrap();
            seq += 1;
            let view = View::new(&rows);
            let (kind, attribute) = (ResourceType::USER, Attribute::UserName);
            assert_eq!(view.lookup(APP, kind, attribute, &name).unwrap(), expected, "{seq}");
            let bearers = view.bearers(APP, kind, attribute, &name).unwrap();
            let mut lasting = bearers.iter().filter(|bearer| bearer.until.is_none());
            assert!(lasting.by_ref().map(|bearer| bearer.number).eq(expected.iter().copied()));
            let keys = lookups(&rows).len();
            assert_eq!(keys, expected.len().saturating_sub(1), "one row each");
            let mut sharing = view.sharing_a_name(APP).unwrap();
            let mut others = expected.get(1..).unwrap_or_default().to_vec();
            sharing.sort_unstable();
            others.sort_unstable();
            assert_eq!(sharing, others, "all but the holder");
            bearers.into_iter().map(|one| (one.number, one.since, one.until)).collect::<Vec<_>>()
        };
        check(first, Some("J\u{dc}RGEN"), created, &[first]);
        check(second, Some("ju\u{308}rgen"), created, &[first, second]);
        check(third, Some("j\u{fc}rgen"), created, &[first, second, third]);
        // The same name in another form is no other name.
        check(first, Some("ju\u{308}rgen"), None, &[first, second, third]);
        check(second, Some("mira"), None, &[first, third]);
        check(first, None, deleted, &[third]);
        check(second, Some("J\u{fc}rgen"), None, &[third, second]);
        check(third, Some("ole"), None, &[second]);
        let mut ever = check(second, None, deleted, &[]);
        ever.sort_unstable_by_key(|(_, since, _)| *since);
        let expected =
            [(first, 0, Some(5)), (second, 1, Some(4)), (third, 2, Some(7)), (second, 6, Some(8))];
        assert_eq!(ever, expected);
    }

    #[test]
    fn the_departure_of_a_deleted_member_is_a_version_of_its_group() {
        let base = MapRows::default();
        let mut rows = Overlay::new(&base);
        let (group, gone) = (Number(2), Number(3));
        let created = |number, seq, attribute, kind| {
            let lifecycle = Some(Lifecycle::Created(kind));
            changed_of(number, seq, attribute, Some(json!("x")), lifecycle)
        };
        let with = |mut event: Event, joined: &[Number], left: &[Number]| {
            let (joined, left) = (joined.to_vec(), left.to_vec());
            let changes = Changes { joined, left, ..Changes::default() };
            event.parts.push(Part { subject: group, content: Content::Changes(changes) });
            event
        };
        fold(&mut rows, &created(gone, 0, "userName", ResourceType::USER)).unwrap();
        let crew = created(group, 1, "displayName", ResourceType::GROUP);
        fold(&mut rows, &with(crew, &[gone], &[])).unwrap();
        let deletion = changed_of(gone, 2, "userName", None, Some(Lifecycle::Deleted));
        fold(&mut rows, &with(deletion, &[], &[gone])).unwrap();
        let view = View::new(&rows);
        let version = |number, seq| view.version(APP, number, seq).unwrap();
        let (before, after) = (version(group, 1).unwrap(), version(group, 2).unwrap());
        assert_eq!((before.seq, after.seq, after.modified_at), (1, 2, Timestamp(2)));
        assert_eq!((after.state, after.created_seq), (before.state, before.created_seq));
        assert_eq!(after.resource_type, before.resource_type);
        assert!(view.members(APP, Set::Members(group), View::NOW).unwrap().is_empty());
    }

    fn found(rows: &dyn ReadRows, attribute: Attribute, value: &str) -> bool {
        let folded = folded(attribute, value);
        let numbers = View::new(rows).lookup(APP, ResourceType::USER, attribute, &folded).unwrap();
        assert!(numbers.is_empty() || numbers == [WHO], "once each: {numbers:?}");
        !numbers.is_empty()
    }

    /// Every lookup row, as the key's bytes.
    fn lookups(rows: &dyn ReadRows) -> Vec<Vec<u8>> {
        let kind = key::lookup(APP, ResourceType::USER, Attribute::Email, "", WHO)[0];
        let mut keys = vec![];
        let range = KeyRange { from: vec![kind], to: vec![kind + 1] };
        rows.scan(&range, Direction::Forward, &mut |key, _| {
            keys.push(key.to_vec());
            ControlFlow::Continue(())
        })
        .unwrap();
        keys
    }

    #[test]
    fn e_mail_values_are_looked_up_as_long_as_the_resource_has_them() {
        let base = MapRows::default();
        let mut rows = Overlay::new(&base);
        let mut seq = 0;
        let mut check = |event: Event, expected: &[&str]| {
            fold(&mut rows, &event).unwrap();
            let all = ["mira@fjord.test", "MIRA@boat.test", "straße@fjord.test", "ole@fjord.test"];
            for value in all {
                let is_found = found(&rows, Attribute::Email, value);
                assert_eq!(is_found, expected.contains(&value), "{value} at {}", event.seq);
            }
            assert_eq!(lookups(&rows).len(), expected.len(), "nothing else is there");
        };
        let mut set = |emails: Value, expected: &[&str]| {
            let created = (seq == 0).then_some(Lifecycle::Created(ResourceType::USER));
            check(changed(seq, "emails", Some(emails), created), expected);
            seq += 1;
        };
        set(
            json!([
                {"type": "work", "value": "Mira@Fjord.test"},
                {"type": "home", "value": "mira@fjord.TEST"},
                {"type": "other", "value": "mira@boat.test"},
                {"type": "odd"}, {"value": 7}, "x", null,
            ]),
            &["mira@fjord.test", "MIRA@boat.test"],
        );
        // The case alone changes, one goes, one comes.
        set(
            json!([{"value": "MIRA@FJORD.TEST"}, {"value": "STRASSE@fjord.test"}]),
            &["mira@fjord.test", "straße@fjord.test"],
        );
        // No list of objects: nothing to look up by.
        set(json!("mira@fjord.test"), &[]);
        set(json!([{"value": "ole@fjord.test"}]), &["ole@fjord.test"]);
        // Another attribute changes.
        check(changed(5, "title", Some(json!("Clerk")), None), &["ole@fjord.test"]);
        check(changed(6, "title", None, Some(Lifecycle::Deleted)), &[]);
    }

    #[test]
    fn a_value_is_looked_up_by_the_length_of_its_folded_form() {
        let base = MapRows::default();
        for (text, expected) in [
            ("x".repeat(LOOKUP_BYTES_MAX), true),
            ("x".repeat(LOOKUP_BYTES_MAX + 1), false),
            ("\u{1d160}".repeat(256), true),
            ("\u{1d160}".repeat(257), false),
            ("x".repeat(70_000), false),
        ] {
            let mut rows = Overlay::new(&base);
            let created = Some(Lifecycle::Created(ResourceType::USER));
            let emails = json!([{"value": text}]);
            fold(&mut rows, &changed(0, "emails", Some(emails), created)).unwrap();
            fold(&mut rows, &changed(1, "displayName", Some(json!(text)), None)).unwrap();
            assert_eq!(found(&rows, Attribute::Email, &text), expected, "{}", text.len());
            assert_eq!(found(&rows, Attribute::DisplayName, &text), expected, "{}", text.len());
            assert_eq!(lookups(&rows).len(), if expected { 2 } else { 0 });
            fold(&mut rows, &changed(2, "title", None, Some(Lifecycle::Deleted))).unwrap();
            assert_eq!(lookups(&rows).len(), 0);
        }
    }

    /// Creates, renames or deletes a user at an upstream, which keeps no name unique.
    fn called(seq: Seq, number: u32, name: Option<&str>, lifecycle: Option<Lifecycle>) -> Event {
        let mut event = changed(seq, "userName", name.map(Value::from), lifecycle);
        event.parts[0].subject = Number(number);
        if let Fact::Operation(operation) = &mut event.header.fact {
            operation.number = Number(number);
        }
        event
    }

    #[test]
    fn a_name_is_taken_away_from_its_own_holder_alone() {
        let base = MapRows::default();
        let mut rows = Overlay::new(&base);
        let created = Some(Lifecycle::Created(ResourceType::USER));
        let deleted = Some(Lifecycle::Deleted);
        let mut check = |event: Event, bo: &[u32], li: &[u32]| {
            fold(&mut rows, &event).unwrap();
            for (name, expected) in [("bo", bo), ("li", li)] {
                let view = View::new(&rows);
                let kind = (ResourceType::USER, Attribute::UserName);
                let found = view.lookup(APP, kind.0, kind.1, name).unwrap();
                let found: Vec<u32> = found.into_iter().map(|number| number.0).collect();
                assert_eq!(found, expected, "{name} at {}", event.seq);
            }
        };
        check(called(0, 1, Some("Bo"), created), &[1], &[]);
        // Gone unseen, and there again as another.
        check(called(1, 2, Some("bo"), created), &[1, 2], &[]);
        check(called(2, 1, None, deleted), &[2], &[]);
        check(called(3, 3, Some("BO"), created), &[2, 3], &[]);
        check(called(4, 4, Some("li"), created), &[2, 3], &[4]);
        check(called(5, 4, Some("bo"), None), &[2, 3, 4], &[]);
        check(called(6, 4, Some("li"), None), &[2, 3], &[4]);
        check(called(7, 2, None, deleted), &[3], &[4]);
        check(called(8, 3, None, deleted), &[], &[4]);

        let view = View::new(&rows);
        let bearers = view.bearers(APP, ResourceType::USER, Attribute::UserName, "bo").unwrap();
        let mut stays: Vec<_> =
            bearers.into_iter().map(|one| (one.number.0, one.since, one.until)).collect();
        stays.sort_unstable();
        let expected = [(1, 0, Some(2)), (2, 1, Some(7)), (3, 3, Some(8)), (4, 5, Some(6))];
        assert_eq!(stays, expected);
        assert_eq!(lookups(&rows), Vec::<Vec<u8>>::new(), "no row is left behind");
    }

    #[test]
    fn resource_types_have_their_names() {
        let base = MapRows::default();
        let mut rows = Overlay::new(&base);
        assert_eq!(View::new(&rows).resource_types().unwrap(), []);
        for (seq, number, name) in [(0, 4, "Berth"), (1, 3, "Boat"), (2, 255, "Överlast")] {
            let number = ResourceType(number);
            let fact = Fact::ResourceTypeAdded(ResourceTypeAdded { number, name: name.into() });
            fold(&mut rows, &event_of(seq, Application::RECORDER, fact, vec![])).unwrap();
        }
        let expected = [(3, "Boat"), (4, "Berth"), (255, "Överlast")];
        let expected = expected.map(|(number, name)| (ResourceType(number), name.to_owned()));
        assert_eq!(View::new(&rows).resource_types().unwrap(), expected);
    }

    #[test]
    fn refused_connections_are_a_gap() {
        let base = MapRows::default();
        let mut rows = Overlay::new(&base);
        for (seq, first, last) in [(3, 100, 200), (4, 300, 300), (5, 500, 400)] {
            let (first, last) = (Timestamp(first), Timestamp(last));
            let fact = Fact::ConnectionsRefused(ConnectionsRefused { count: 7, first, last });
            fold(&mut rows, &event_of(seq, Application::RECORDER, fact, vec![])).unwrap();
        }
        let gaps = View::new(&rows).gaps(View::NOW).unwrap();
        let gaps: Vec<_> = gaps.iter().map(|gap| (gap.from.0, gap.to.0, gap.reason)).collect();
        let refused = GapReason::Refused;
        assert_eq!(gaps, [(100, 201, refused), (300, 301, refused), (500, 501, refused)]);
        assert_eq!(View::new(&rows).gaps(3).unwrap().len(), 1, "known from its event on");
    }

    #[test]
    fn counted_requests_stand_among_the_operations() {
        let base = MapRows::default();
        let mut rows = Overlay::new(&base);
        for (seq, count) in [(0, 70_000), (1, u64::MAX)] {
            let fact = Fact::Unauthenticated(Unauthenticated {
                count,
                first: Timestamp(-5),
                last: Timestamp(5),
            });
            fold(&mut rows, &event_of(seq, APP, fact, vec![])).unwrap();
        }
        fold(&mut rows, &changed(2, "title", None, None)).unwrap();
        let mut seen = vec![];
        View::new(&rows)
            .operations(0..9, &mut |summary| {
                seen.push((summary.ordinal, summary.http_status, summary.count));
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(seen, [(3, 200, 1), (2, 401, u32::MAX), (1, 401, 70_000)]);
    }
}
