//! Writes that an upstream decided: our state follows what it did, without our own checks.

use event::{
    Attribute, Changes, Content, Effect, Flag, Lifecycle, Number, Part, ResourceType, Seq, Values,
};
use projector::{Doubt, ProjectorError, Stamp, Version, View};
use scim::{MemberOperation, Resource, ScimError, Selection};
use serde_json::{Map, Value};
use store::key::Set;

use super::{Answer, Deciding, Intent, NewResource, Target};
use crate::conditions::Conditions;
use crate::context::Context;
use crate::members::MemberChanges;
use crate::numbers::{Names, Numbers};
use crate::outcome::{Outcome, Reply, Stop};
use crate::proxy::partial;
use crate::proxy::request::UpstreamRequest;

/// Applies a write that an upstream accepted to our state. Nothing is refused except what cannot be
/// applied.
pub(crate) fn apply_assumed(
    context: &Context,
    stored_type: ResourceType,
    intent: Intent,
    view: &View<'_>,
    stamp: Stamp,
) -> Result<Outcome, ProjectorError> {
    decide_upstream(context, stored_type, view, stamp, |deciding| deciding.carry_out(intent))
}

/// Decides a write that an upstream refused: finds its intended subject, and who holds the name that it
/// asks for, as far as we know.
pub(crate) fn record_refusal(
    context: &Context,
    stored_type: ResourceType,
    intent: &Intent,
    error: ScimError,
    view: &View<'_>,
    stamp: Stamp,
) -> Result<Outcome, ProjectorError> {
    decide_upstream(context, stored_type, view, stamp, |deciding| {
        let number = deciding.subject_of_intent(intent)?;
        Err(Stop::Refused(error, number))
    })
}

/// A resource as an upstream shows it.
pub(crate) struct ObservedResource {
    /// Its id at the upstream, which is its id here.
    pub id: String,
    /// Its attributes, and its members if they are shown.
    pub resource: Resource,
    /// Whether those are all of its members; if not, the others stay.
    pub members_are_all: bool,
    /// Flags for what our schema does not allow.
    pub misfits: Vec<Flag>,
    /// Whether attributes that it does not show are absent; if not, they keep their values.
    pub is_whole: bool,
}

impl ObservedResource {
    /// The same as a partial view: what it does not show keeps its value.
    pub(crate) fn into_partial(mut self) -> ObservedResource {
        self.is_whole = false;
        self.resource.members = self.resource.members.filter(|members| !members.is_empty());
        self
    }
}

/// The attributes that a resource should have after a write; `known` are those on record. A PUT
/// replaces them, a POST adds to them, and a request that we cannot read changes none.
pub(crate) fn expected_attributes(
    context: &Context,
    stored_type: ResourceType,
    intent: &Intent,
    known: Option<&Map<String, Value>>,
) -> Map<String, Value> {
    let mut expected = known.cloned().unwrap_or_default();
    expected.remove("id");
    match intent {
        Intent::Create(new) => {
            expected.extend(new.state.to_map().unwrap_or_default());
            // Our generated id: the upstream gives its own.
            expected.remove("id");
        }
        Intent::Replace { resource, .. } => expected.clone_from(&resource.attributes),
        Intent::Patch { operations, .. } => {
            let (registry, settings) = (context.registry(), &context.settings);
            if let Some(resource_type) = context.resource_type(stored_type)
                && let Ok(mut patched) =
                    scim::apply_patch(resource_type, registry, settings, &expected, operations)
            {
                context.resolve_references(resource_type, &mut patched.attributes);
                expected = patched.attributes;
            }
        }
        Intent::Delete { .. } | Intent::Refused { .. } => {}
    }
    expected
}

/// Applies a resource as an upstream shows it to our state: creates it, changes it, or does nothing.
pub(crate) fn apply_observed(
    context: &Context,
    stored_type: ResourceType,
    seen: ObservedResource,
    view: &View<'_>,
    stamp: Stamp,
) -> Result<Outcome, ProjectorError> {
    decide_upstream(context, stored_type, view, stamp, |deciding| deciding.apply_observed(seen))
}

/// The subject of a write whose outcome is in doubt, found by its id, by who holds its name, or by a
/// mention; and the new mentions. Later observations of the subject then get the same number. `id` is
/// that of the address, or the one in the answer to a POST.
pub(crate) fn subject_of(
    context: &Context,
    request: &UpstreamRequest,
    id: Option<&str>,
    view: &View<'_>,
) -> Result<(Number, Vec<Part>), ProjectorError> {
    let (application, stored_type) = (context.application, request.stored_type);
    if let Some(id) = id
        && let Some(number) = view.number_of_id(application, stored_type, id)?
    {
        return Ok((number, vec![]));
    }
    let mut numbers = Numbers::new(view, context, stored_type)?;
    let number = match id {
        None => numbers.intended_subject(&request.names)?.number,
        Some(id) => {
            let Names { name, external_id } = &request.names;
            let own = external_id.as_deref().map(|text| (Attribute::ExternalId, text));
            let name = name.as_ref().map(|(attribute, value)| (*attribute, value.as_str()));
            let names = [(Attribute::Id, id)].into_iter().chain(own).chain(name);
            numbers.mention_all(&names.collect::<Vec<_>>(), external_id)?
        }
    };
    Ok((number, numbers.mentions))
}

fn decide_upstream(
    context: &Context,
    stored_type: ResourceType,
    view: &View<'_>,
    stamp: Stamp,
    what: impl FnOnce(&mut Deciding<'_>) -> Result<Outcome, Stop>,
) -> Result<Outcome, ProjectorError> {
    let Some(resource_type) = context.catalog.resource_type(stored_type) else {
        let error =
            ScimError::not_found("this application has no such resource type; see /ResourceTypes");
        return Ok(Outcome::refused(error, stored_type, Number::NOBODY));
    };
    let mut deciding = Deciding::upstream(context, resource_type, stored_type, view, stamp)?;
    let decided = what(&mut deciding);
    deciding.outcome(decided)
}

impl<'a> Deciding<'a> {
    fn upstream(
        context: &'a Context,
        resource_type: &'a scim::ResourceType,
        stored_type: ResourceType,
        view: &'a View<'a>,
        stamp: Stamp,
    ) -> Result<Deciding<'a>, ProjectorError> {
        Ok(Deciding {
            view,
            stamp,
            context,
            resource_type,
            stored_type,
            conditions: Conditions::default(),
            selection: Selection::Default,
            numbers: Numbers::new(view, context, stored_type)?,
            holders: vec![],
            refused_as: Effect::Rejected,
            decided_upstream: true,
        })
    }
}

impl Deciding<'_> {
    fn apply_observed(&mut self, seen: ObservedResource) -> Result<Outcome, Stop> {
        let ObservedResource { id, mut resource, members_are_all, misfits, is_whole } = seen;
        let application = self.context.application;
        let number = self.view.number_of_id(application, self.stored_type, &id)?;
        let version = match number {
            Some(number) => self.view.version(application, number, View::NOW)?,
            None => None,
        };
        let own = |version: &Version| version.resource_type == self.stored_type;
        let Some((number, version)) = number.zip(version.filter(own)) else {
            let new = NewResource::as_observed(self.context, self.resource_type, id, resource);
            return Ok(self.create(new)?.flagged(misfits));
        };
        if version.state.is_none() {
            if !is_whole && let Some(before) = partial::known(self.view, application, number)? {
                resource.attributes = partial::merge(&before, resource.attributes);
            }
            let new = NewResource::as_observed(self.context, self.resource_type, id, resource);
            return Ok(self.restore(number, version.seq, new)?.flagged(misfits));
        }
        let target = Target::of(number, version);
        let known = target.attributes()?;
        let mut attributes = resource.attributes;
        if !is_whole {
            attributes = partial::merge(&known, attributes);
        }
        // An answer without `active` does not say whether the account is active, so its value stays.
        if self.stored_type == ResourceType::USER
            && let (false, Some(active)) = (attributes.contains_key("active"), known.get("active"))
        {
            attributes.insert("active".to_owned(), active.clone());
        }
        let operation = match members_are_all {
            true => MemberOperation::Replace,
            false => MemberOperation::Add,
        };
        let members: Vec<_> = resource.members.map(operation).into_iter().collect();
        let sent = scim::diff(&Map::new(), &attributes);
        let flags = self.context.flags(self.resource_type, &sent, resource.unknown);
        let new = self.replaced(&target, attributes, members)?;
        let outcome = self.change(target, new, Answer::Nothing, flags)?;
        Ok(outcome.flagged(misfits))
    }

    /// Restores a resource that exists although the event at `deleted` recorded its deletion. It keeps
    /// its number: an id is never given to another resource (RFC 7643 §3.1).
    fn restore(&mut self, number: Number, deleted: Seq, new: NewResource) -> Result<Outcome, Stop> {
        let NewResource { state, members, flags, .. } = new;
        let application = self.context.application;
        let shows_members = !members.is_empty();
        let mut joined = vec![];
        for member in members {
            joined.push(self.member_number(&member)?);
        }
        let mut groups = vec![];
        let doubts = self.view.unsettled(application, number)?;
        if doubts.iter().any(|doubt: &Doubt| doubt.seq == deleted) {
            // The acknowledged deletion did not happen, so its memberships did not end either.
            for stay in self.view.stays(application, number)? {
                if let (Set::Members(group), Some(end)) = (stay.set, stay.end)
                    && end == deleted
                    && group != number
                    && self.exists(group)?
                {
                    groups.push(group);
                }
            }
            let before = deleted.checked_sub(1);
            if let (false, Some(before)) = (shows_members, before) {
                for one in self.view.members(application, Set::Members(number), before)? {
                    let member = self.view.version(application, one.member, View::NOW)?;
                    if member.is_none_or(|version| version.state.is_some()) {
                        joined.push(one.member);
                    }
                }
            }
        }
        joined.sort_unstable();
        joined.dedup();
        let members = MemberChanges { named: joined.clone(), joined, left: vec![] };
        let values = Values::State(state.shared());
        let lifecycle = Some(Lifecycle::Restored);
        let mut outcome =
            self.applied(Reply::empty(200), number, lifecycle, values, members).flagged(flags);
        for group in groups {
            let changes = Changes { joined: vec![number], ..Changes::default() };
            outcome.changes.push(Part::new(group, Content::Changes(changes)));
            outcome.touches.push(group);
        }
        outcome.touches.sort_unstable();
        outcome.touches.dedup();
        Ok(outcome)
    }

    fn exists(&self, number: Number) -> Result<bool, ProjectorError> {
        let version = self.view.version(self.context.application, number, View::NOW)?;
        Ok(version.is_some_and(|version| version.state.is_some()))
    }
}
