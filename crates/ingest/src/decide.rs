//! The SCIM semantics of a write: what it changes, given the current rows.
//!
//! Decide runs on the committer's thread, one request after the other, so it reads what the request
//! before it wrote: uniqueness, PATCH and membership have no races. It is pure over the view, the
//! stamp and the parsed request, and returns resolved changes; nothing here writes.

use std::collections::BTreeSet;

use canonical::Document;
use event::{
    Attribute, Changes, Content, Effect, Element, Flag, FlagKind, Lifecycle, Number, Part, Path,
    ResourceType, ValueChange, Values,
};
use projector::{ProjectorError, Stamp, Version, View, case_folded};
use scim::{
    Change, Member, MemberOperation, OmittedActive, PatchOperation, PatchResponse, Resource,
    ScimError, Selection,
};
use serde_json::{Map, Value};
use store::key::Set;

use crate::conditions::Conditions;
use crate::context::Context;
use crate::errors::{clock_refusal, no_such};
use crate::members::MemberChanges;
use crate::numbers::{Names, Numbers};
use crate::outcome::{Body, Outcome, Reply, Stop, Written};
use crate::render::etag;

mod members;
mod subject;
mod upstream;

pub(crate) use upstream::{
    ObservedResource, apply_assumed, apply_observed, expected_attributes, record_refusal,
    subject_of,
};

/// A unique value is taken (RFC 7644 §3.12).
const CONFLICT: u16 = 409;

/// A parsed write.
pub(crate) struct Write {
    pub context: Context,
    pub resource_type: ResourceType,
    pub intent: Intent,
    /// Which version the client expects.
    pub conditions: Conditions,
    /// What of the resource the client wants to see in the answer.
    pub selection: Selection,
}

/// What a client wants to happen.
pub(crate) enum Intent {
    /// POST
    Create(Box<NewResource>),
    /// PUT
    Replace { id: String, resource: Resource },
    /// PATCH
    Patch { id: String, operations: Vec<PatchOperation> },
    /// DELETE
    Delete { id: String },
    /// Refused or skipped before it came here; only its subject is still to be found.
    Refused { error: ScimError, effect: Effect, id: Option<String>, names: Names },
}

impl Intent {
    /// A write that was refused when it was read. `names` are those of the resource it was to create.
    pub(crate) fn refused(error: ScimError, id: Option<String>, names: Names) -> Intent {
        Intent::Refused { error, effect: Effect::Rejected, id, names }
    }
}

/// A resource to be created. Whatever follows from the request alone is computed in the request's task,
/// so that the committer's thread need not.
pub(crate) struct NewResource {
    id: String,
    /// All of its attributes, the id among them, as they are stored.
    state: Document,
    /// If nothing in the state is hidden or derived: the value of `schemas` in the answer, as JSON.
    schemas: Option<Vec<u8>>,
    members: Vec<Member>,
    /// Its attributes that are outside the profile or without a schema.
    flags: Vec<Flag>,
}

impl NewResource {
    /// The resource of this id that a request describes.
    pub(crate) fn of(
        context: &Context,
        resource_type: &scim::ResourceType,
        id: String,
        mut resource: Resource,
    ) -> NewResource {
        if context.catalog.stored_type(&resource_type.name) == ResourceType::USER {
            resource.attributes.entry("active").or_insert(Value::Bool(true));
        }
        NewResource::as_observed(context, resource_type, id, resource)
    }

    /// The same without our defaults: a resource as an upstream shows it.
    fn as_observed(
        context: &Context,
        resource_type: &scim::ResourceType,
        id: String,
        resource: Resource,
    ) -> NewResource {
        let mut attributes = resource.attributes;
        attributes.insert("id".to_owned(), Value::String(id.clone()));
        let state = scim::settle(&Map::new(), attributes);
        let changes = scim::diff(&Map::new(), &state);
        let flags = context.flags(resource_type, &changes, resource.unknown);
        let members = resource.members.unwrap_or_default();
        NewResource { id, state: Document::of(&state), schemas: None, members, flags }
    }

    /// The same of a plain body, read in one pass; `None` if it is not plain.
    pub(crate) fn of_plain(
        context: &Context,
        stored_type: ResourceType,
        id: String,
        body: &[u8],
    ) -> Option<NewResource> {
        let active = (stored_type == ResourceType::USER).then_some(true);
        let flat = context.plan(stored_type)?.read(body, Some(&id), active)?;
        let flags = flat.unexpected.into_iter();
        let flags = flags.map(|path| Flag { kind: FlagKind::OutsideProfile, path });
        // A resource without members may have to show that it has none.
        let is_shown_whole = !context.catalog.has_members(stored_type);
        Some(NewResource {
            id,
            state: flat.state,
            schemas: is_shown_whole.then_some(flat.schemas),
            members: flat.members.unwrap_or_default(),
            flags: flags.collect(),
        })
    }
}

/// Decides a write.
pub(crate) fn decide(
    write: Write,
    view: &View<'_>,
    stamp: Stamp,
) -> Result<Outcome, ProjectorError> {
    let Write { context, resource_type: stored_type, intent, conditions, selection } = write;
    let Some(resource_type) = context.resource_type(stored_type) else {
        let error =
            ScimError::not_found("this application has no such resource type; see /ResourceTypes");
        return Ok(Outcome::refused(error, stored_type, Number::NOBODY));
    };
    let numbers = Numbers::new(view, &context, stored_type)?;
    let mut deciding = Deciding {
        view,
        stamp,
        context: &context,
        resource_type,
        stored_type,
        conditions,
        selection,
        numbers,
        holders: vec![],
        refused_as: Effect::Rejected,
        decided_upstream: false,
    };
    let decided = match stamp.clock_fault {
        Some(fault) => deciding.refuse(intent, clock_refusal(fault)),
        None => deciding.carry_out(intent),
    };
    deciding.outcome(decided)
}

impl Deciding<'_> {
    fn outcome(self, decided: Result<Outcome, Stop>) -> Result<Outcome, ProjectorError> {
        let stored_type = self.stored_type;
        match decided {
            Ok(outcome) => Ok(outcome),
            Err(Stop::Refused(error, number)) => {
                let mut outcome = Outcome::refused(error, stored_type, number);
                outcome.effect = self.refused_as;
                // A refused create still mentions its userName. Unknown members of a refused write are
                // not mentioned: none of it happened.
                let mentions = self.numbers.mentions.into_iter();
                outcome.changes = mentions.filter(|part| part.subject == number).collect();
                if outcome.reply.status == CONFLICT {
                    outcome.touches = self.holders;
                    outcome.touches.retain(|holder| *holder != number);
                    outcome.touches.sort_unstable();
                    outcome.touches.dedup();
                }
                Ok(outcome)
            }
            Err(Stop::Failed(error)) => Err(error),
        }
    }
}

/// The answer to a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answer {
    /// 200 and the resource.
    Resource,
    /// 204.
    Nothing,
}

struct Deciding<'a> {
    view: &'a View<'a>,
    stamp: Stamp,
    context: &'a Context,
    resource_type: &'a scim::ResourceType,
    stored_type: ResourceType,
    conditions: Conditions,
    selection: Selection,
    numbers: Numbers<'a>,
    /// Who holds the name that a refused create asked for.
    holders: Vec<Number>,
    /// The effect recorded for a write that is not carried out.
    refused_as: Effect,
    /// The write happened at an upstream, which did the checks; ours are skipped.
    decided_upstream: bool,
}

/// The existing resource that a write is about.
struct Target {
    number: Number,
    version: Version,
    state: Document,
}

impl Target {
    fn of(number: Number, version: Version) -> Target {
        let state = version.state.clone().unwrap_or_default();
        Target { number, version, state }
    }

    /// Its attributes without the id.
    fn attributes(&self) -> Result<Map<String, Value>, ProjectorError> {
        let mut attributes = self.version.attributes()?;
        attributes.remove("id");
        Ok(attributes)
    }
}

/// What a write makes of a state.
struct NewState {
    state: Document,
    /// The difference between the old state and this.
    changes: Vec<Change>,
    members: Vec<MemberOperation>,
}

impl Deciding<'_> {
    fn carry_out(&mut self, intent: Intent) -> Result<Outcome, Stop> {
        match intent {
            Intent::Create(new) => self.create(*new),
            Intent::Replace { id, resource } => self.replace(&id, resource),
            Intent::Patch { id, operations } => self.patch(&id, &operations),
            Intent::Delete { id } => self.delete(&id),
            Intent::Refused { error, effect, id, names } => {
                let number = self.subject_of_refused(id.as_deref(), &names)?;
                // The refusal is not about its name.
                self.holders.clear();
                self.refused_as = effect;
                Err(Stop::Refused(error, number))
            }
        }
    }

    fn create(&mut self, new: NewResource) -> Result<Outcome, Stop> {
        let is_unique = self.stored_type == ResourceType::USER && !self.decided_upstream;
        let user_name = new.state.text(Attribute::UserName.name()).filter(|_| is_unique);
        if let Some(user_name) = user_name {
            let taken = self.holders(Attribute::UserName, &user_name)?;
            if let Some(holder) = taken.first() {
                let attributes = new.state.to_map().map_err(ProjectorError::Value)?;
                return match self.reactivation_target(*holder, &attributes)? {
                    Some(target) => self.reactivate(target, attributes, new.flags),
                    None => {
                        let number = self.intended_subject(&self.names_of(&new.state))?;
                        Err(Stop::Refused(user_name_taken(), number))
                    }
                };
            }
        }
        let NewResource { id, state, schemas, members, flags } = new;
        let schemas = schemas.filter(|_| members.is_empty());
        let name = state.text(Attribute::DisplayName.name());
        self.check_group_name(name.as_deref(), None, |deciding| deciding.names_of(&state))?;
        let number = self.number_for(&state)?;
        let location = self.context.location(self.resource_type, &id);
        let mut joined = Vec::new();
        for member in members {
            joined.push(self.member_number(&member)?);
            self.check_unknown(Number::NOBODY)?;
        }
        joined.sort_unstable();
        joined.dedup();

        let headers = vec![("location", location), ("etag", etag(self.stamp.seq))];
        let version = Version {
            seq: self.stamp.seq,
            resource_type: self.stored_type,
            created_seq: self.stamp.seq,
            created_at: self.stamp.recorded_at,
            modified_at: self.stamp.recorded_at,
            active: true,
            state: Some(state.clone()),
        };
        let body = self.written(number, version, schemas);
        let reply = Reply { status: 201, headers, body };
        let lifecycle = Some(Lifecycle::Created(self.stored_type));
        let members = MemberChanges { named: joined.clone(), joined, left: vec![] };
        let values = Values::State(state.shared());
        Ok(self.applied(reply, number, lifecycle, values, members).flagged(flags))
    }

    /// The holder of a taken userName, if a POST reactivates it: the settings allow that, the account
    /// is inactive, and its externalId is the one in the request.
    fn reactivation_target(
        &self,
        holder: Number,
        attributes: &Map<String, Value>,
    ) -> Result<Option<Target>, ProjectorError> {
        if !self.context.settings.reactivate_on_post {
            return Ok(None);
        }
        let version = self.view.version(self.context.application, holder, View::NOW)?;
        let Some(version) = version.filter(|version| self.is_living(version)) else {
            return Ok(None);
        };
        let target = Target::of(holder, version);
        let inactive = !target.version.active;
        let external = |attributes: &Map<String, Value>| {
            text(attributes, Attribute::ExternalId).map(str::to_owned)
        };
        let same = external(&target.attributes()?) == external(attributes);
        Ok((inactive && same).then_some(target))
    }

    fn reactivate(
        &mut self,
        target: Target,
        mut attributes: Map<String, Value>,
        flags: Vec<Flag>,
    ) -> Result<Outcome, Stop> {
        attributes.remove("id"); // the id made for a new account
        self.check_immutable(&target, &attributes)?;
        let id = target.version.id().unwrap_or_default();
        let location = self.context.location(self.resource_type, &id);
        let new = self.replaced(&target, attributes, vec![])?;
        let mut outcome = self.change(target, new, Answer::Resource, flags)?;
        outcome.reply.status = 201;
        outcome.reply.headers.retain(|(name, _)| *name != "location");
        outcome.reply.headers.push(("location", location));
        Ok(outcome)
    }

    fn replace(&mut self, id: &str, resource: Resource) -> Result<Outcome, Stop> {
        let target = self.target(id)?;
        let mut attributes = resource.attributes;
        let sent = scim::diff(&Map::new(), &attributes);
        let flags = self.context.flags(self.resource_type, &sent, resource.unknown);
        if self.stored_type == ResourceType::USER && !attributes.contains_key("active") {
            // A PUT without `active` does not reactivate an account, unless the settings say so.
            let kept = match self.context.settings.omitted_active {
                OmittedActive::Keep => target.state.flag("active").map(Value::Bool),
                OmittedActive::True => Some(Value::Bool(true)),
            };
            attributes.extend(kept.map(|active| ("active".to_owned(), active)));
        }
        self.check_immutable(&target, &attributes)?;
        let members = match resource.members {
            _ if !self.context.catalog.has_members(self.stored_type) => vec![],
            Some(members) => vec![MemberOperation::Replace(members)],
            None => vec![MemberOperation::RemoveAll], // RFC 7644 §3.5.1: what is left out is cleared
        };
        let new = self.replaced(&target, attributes, members)?;
        // RFC 7644 §3.5.1 answers a PUT with the resource, whatever a PATCH is answered with.
        self.change(target, new, Answer::Resource, flags)
    }

    /// The state of a target with other attributes.
    fn replaced(
        &self,
        target: &Target,
        mut attributes: Map<String, Value>,
        members: Vec<MemberOperation>,
    ) -> Result<NewState, ProjectorError> {
        if let Some(id) = target.version.id() {
            attributes.insert("id".to_owned(), Value::String(id.into_owned()));
        }
        let old = target.version.attributes()?;
        let state = scim::settle(&old, attributes);
        let changes = scim::diff(&old, &state);
        Ok(NewState { state: Document::of(&state), changes, members })
    }

    /// Refuses a new state that changes an immutable attribute.
    fn check_immutable(
        &self,
        target: &Target,
        attributes: &Map<String, Value>,
    ) -> Result<(), Stop> {
        if self.decided_upstream {
            return Ok(());
        }
        let registry = self.context.registry();
        scim::check_immutable(self.resource_type, registry, &target.attributes()?, attributes)
            .map_err(|error| Stop::Refused(error, target.number))
    }

    fn patch(&mut self, id: &str, operations: &[PatchOperation]) -> Result<Outcome, Stop> {
        let target = self.target(id)?;
        let (new, unknown) = self.patched(&target, operations)?;
        let required = |state: &Document| self.context.check_required_in(self.resource_type, state);
        // An attribute that was missing before need not be added by this request.
        if !self.decided_upstream && required(&target.state).is_ok() {
            required(&new.state).map_err(|error| Stop::Refused(error, target.number))?;
        }
        let flags = self.context.flags(self.resource_type, &new.changes, unknown);
        self.change(target, new, self.patch_answer(), flags)
    }

    /// The state of a target after a PATCH, and the names that no schema has.
    fn patched(
        &self,
        target: &Target,
        operations: &[PatchOperation],
    ) -> Result<(NewState, BTreeSet<String>), Stop> {
        let (registry, settings) = (self.context.registry(), &self.context.settings);
        let refused = |error| Stop::Refused(error, target.number);
        let damaged = |_| ProjectorError::damaged("a version");
        let Some(plan) = self.context.plan(self.stored_type) else {
            let attributes = target.attributes()?;
            let patched =
                scim::apply_patch(self.resource_type, registry, settings, &attributes, operations);
            let mut patched = patched.map_err(refused)?;
            self.context.resolve_references(self.resource_type, &mut patched.attributes);
            let new = self.replaced(target, patched.attributes, patched.members)?;
            return Ok((new, patched.unknown));
        };
        let patched = plan.patch(registry, settings, &target.state, operations);
        let mut patched = patched.map_err(damaged)?.map_err(refused)?;
        self.context.resolve_references(self.resource_type, &mut patched.after);
        let members = std::mem::take(&mut patched.members);
        let unknown = std::mem::take(&mut patched.unknown);
        let (state, changes) = patched.finish().map_err(damaged)?;
        Ok((NewState { state, changes, members }, unknown))
    }

    /// The common end of PUT and PATCH.
    fn change(
        &mut self,
        target: Target,
        new: NewState,
        answer: Answer,
        flags: Vec<Flag>,
    ) -> Result<Outcome, Stop> {
        let NewState { state, changes, members } = new;
        let user_name = Attribute::UserName.name();
        if let (old, Some(new)) = (target.state.text(user_name), state.text(user_name))
            && old.as_ref() != Some(&new)
            && self.stored_type == ResourceType::USER
            && !self.decided_upstream
        {
            let taken = self.holders(Attribute::UserName, &new)?;
            if taken.iter().any(|holder| *holder != target.number) {
                return Err(Stop::Refused(user_name_taken(), target.number));
            }
        }
        let name = state.text(Attribute::DisplayName.name());
        self.check_group_name(name.as_deref(), Some(target.number), |_| Names::default())?;

        let members = self.resolve(target.number, &members)?;
        let values = Values::from(value_changes(changes));
        let no_op = values.is_none() && members.joined.is_empty() && members.left.is_empty();
        let Target { number, mut version, .. } = target;
        if !no_op {
            version.seq = self.stamp.seq;
            version.modified_at = self.stamp.recorded_at;
        }
        version.state = Some(state);
        let location = self.context.location(self.resource_type, &version.id().unwrap_or_default());
        let headers = vec![("etag", etag(version.seq)), ("location", location)];
        let reply = match answer {
            Answer::Resource => {
                Reply { status: 200, headers, body: self.written(number, version, None) }
            }
            Answer::Nothing => Reply { status: 204, headers, body: Body::Empty },
        };
        let mut outcome = self.applied(reply, number, None, values, members);
        if no_op {
            outcome.effect = Effect::NoOp;
        }
        Ok(outcome.flagged(flags))
    }

    fn delete(&mut self, id: &str) -> Result<Outcome, Stop> {
        let target = self.target(id)?;
        let application = self.context.application;
        let mut ended = Vec::new();
        for stay in self.view.stays(application, target.number)? {
            // A group that is its own member is among `left` below.
            if let (Set::Members(group), None) = (stay.set, stay.end)
                && group != target.number
            {
                ended.push(group);
            }
        }
        let members = self.view.members(application, Set::Members(target.number), View::NOW)?;
        let left = members.into_iter().map(|one| one.member).collect();
        let old = target.version.attributes()?;
        let values = value_changes(scim::diff(&old, &Map::new()));
        let mut outcome = self.applied(
            Reply::empty(204),
            target.number,
            Some(Lifecycle::Deleted),
            values.into(),
            MemberChanges { joined: vec![], left, named: vec![] },
        );
        for group in ended {
            let changes = Changes { left: vec![target.number], ..Changes::default() };
            outcome.changes.push(Part::new(group, Content::Changes(changes)));
            outcome.touches.push(group);
        }
        outcome.touches.sort_unstable();
        outcome.touches.dedup();
        Ok(outcome)
    }

    /// Refuses a write unexamined, and finds its subject.
    fn refuse(&mut self, intent: Intent, error: ScimError) -> Result<Outcome, Stop> {
        let number = self.subject_of_intent(&intent)?;
        Err(Stop::Refused(error, number))
    }

    fn holders(&self, attribute: Attribute, value: &str) -> Result<Vec<Number>, ProjectorError> {
        let case_folded = case_folded(attribute, value);
        self.view.lookup(self.context.application, self.stored_type, attribute, &case_folded)
    }

    fn check_group_name(
        &mut self,
        name: Option<&str>,
        own: Option<Number>,
        names: impl FnOnce(&Self) -> Names,
    ) -> Result<(), Stop> {
        let is_unique = self.context.settings.unique_group_names && !self.decided_upstream;
        if self.stored_type != ResourceType::GROUP || !is_unique {
            return Ok(());
        }
        let Some(name) = name else { return Ok(()) };
        let holders = self.holders(Attribute::DisplayName, name)?;
        if holders.iter().all(|holder| Some(*holder) == own) {
            return Ok(());
        }
        let number = match own {
            Some(own) => own,
            None => self.intended_subject(&names(self))?,
        };
        let detail = "displayName is taken by another group of this application";
        Err(Stop::Refused(ScimError::uniqueness(detail), number))
    }

    fn target(&self, id: &str) -> Result<Target, Stop> {
        let application = self.context.application;
        let number = self.view.number_of_id(application, self.stored_type, id)?;
        let not_found = |number| Stop::Refused(no_such(&self.resource_type.name), number);
        let number = number.ok_or_else(|| not_found(Number::NOBODY))?;
        let version = self.view.version(application, number, View::NOW)?;
        let version =
            version.filter(|version| self.is_living(version)).ok_or_else(|| not_found(number))?;
        self.conditions.check(&etag(version.seq)).map_err(|error| Stop::Refused(error, number))?;
        Ok(Target::of(number, version))
    }

    fn is_living(&self, version: &Version) -> bool {
        version.state.is_some() && version.resource_type == self.stored_type
    }

    /// 200 with the resource or 204 without, as RFC 7644 §3.5.2 leaves it to the server and the
    /// application's settings decide it.
    fn patch_answer(&self) -> Answer {
        let asked = matches!(self.selection, Selection::Only(_));
        let with_body = asked
            || match self.context.settings.patch_response {
                PatchResponse::Auto => self.stored_type != ResourceType::GROUP,
                PatchResponse::Representation => true,
                PatchResponse::Empty => false,
            };
        if with_body { Answer::Resource } else { Answer::Nothing }
    }

    /// The resource right after this event.
    fn written(&self, number: Number, version: Version, schemas: Option<Vec<u8>>) -> Body {
        Body::Written(Box::new(Written {
            context: self.context.clone(),
            number,
            seq: self.stamp.seq,
            version,
            is_new: self.numbers.is_new(number),
            schemas,
            selection: self.selection.clone(),
        }))
    }

    /// The outcome of a write that was accepted.
    fn applied(
        &mut self,
        reply: Reply,
        number: Number,
        lifecycle: Option<Lifecycle>,
        values: Values,
        members: MemberChanges,
    ) -> Outcome {
        let mut touches: Vec<Number> =
            members.joined.iter().chain(&members.left).copied().collect();
        touches.sort_unstable();
        touches.dedup();
        touches.retain(|touched| *touched != number);
        let changes = Changes {
            lifecycle,
            values,
            joined: members.joined,
            left: members.left,
            ..Changes::default()
        };
        let mut flags = Vec::new();
        let unexpected = !changes.joined.is_empty()
            && self.context.profile.members_are_unexpected(self.resource_type);
        if unexpected {
            flags.push(Flag { kind: FlagKind::OutsideProfile, path: "members".to_owned() });
        }
        let mut parts = Vec::new();
        if changes != Changes::default() {
            parts.push(Part::new(number, Content::Changes(changes)));
        }
        parts.append(&mut self.numbers.mentions);
        Outcome {
            reply,
            effect: Effect::Applied,
            resource_type: self.stored_type,
            number,
            touches,
            changes: parts,
            named: members.named,
            error: None,
            flags,
            saw: None,
        }
    }
}

fn user_name_taken() -> ScimError {
    ScimError::uniqueness("userName is taken by another user of this application")
}

fn text(attributes: &Map<String, Value>, attribute: Attribute) -> Option<&str> {
    attributes.get(attribute.name()).and_then(Value::as_str)
}

/// Converts changes to the event's types.
fn value_changes(changes: Vec<Change>) -> Vec<ValueChange> {
    let changes = changes.into_iter().map(|change| ValueChange {
        path: Path {
            schema: change.path.schema,
            attribute: change.path.attribute,
            element: change.path.element.map(|element| match element {
                scim::Element::Type(text) => Element::Type(text),
                scim::Element::Value(text) => Element::Value(text),
            }),
            sub: change.path.sub,
        },
        old: change.old.as_ref().map(canonical::json),
        new: change.new.as_ref().map(canonical::json),
    });
    changes.collect()
}
