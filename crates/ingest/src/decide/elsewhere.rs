//! What was decided elsewhere: the state follows what an upstream did, and nothing is refused.

use event::{Flag, Number, ResourceType};
use projector::{ProjectorError, Stamp, View};
use scim::{MemberOperation, Resource, ScimError, Selection};
use serde_json::Map;

use super::{Answer, Deciding, Intent, New, Target};
use crate::conditions::Conditions;
use crate::context::Context;
use crate::numbers::Numbers;
use crate::outcome::{Outcome, Stop};

/// What a write that an upstream accepted makes of the state as we know it. Whether it may be is not
/// for us to say, so nothing is refused but what cannot be applied.
pub(crate) fn assume(
    context: &Context,
    stored_type: ResourceType,
    intent: Intent,
    view: &View<'_>,
    stamp: Stamp,
) -> Result<Outcome, ProjectorError> {
    follow(context, stored_type, view, stamp, |deciding| deciding.carry_out(intent))
}

/// What an upstream refused: whom it was meant for, and who bears the name that it asks for, as far as we
/// know.
pub(crate) fn refused(
    context: &Context,
    stored_type: ResourceType,
    intent: &Intent,
    error: ScimError,
    view: &View<'_>,
    stamp: Stamp,
) -> Result<Outcome, ProjectorError> {
    follow(context, stored_type, view, stamp, |deciding| {
        let number = deciding.whom_of(intent)?;
        Err(Stop::Refused(error, number))
    })
}

/// A resource as an upstream shows it.
pub(crate) struct Seen {
    /// Its id there, which is its id here.
    pub id: String,
    /// Its attributes, and its members if they are shown.
    pub resource: Resource,
    /// Whether those are all of its members; else others are as they were.
    pub members_are_all: bool,
    /// What of it our schema does not allow.
    pub misfits: Vec<Flag>,
    /// Whether attributes that it does not show are not there; else they are as they were.
    pub is_whole: bool,
}

/// What a resource that was seen at an upstream makes of the state as we know it: created if we did not
/// know of it, changed to be what was seen, or nothing.
pub(crate) fn take_over(
    context: &Context,
    stored_type: ResourceType,
    seen: Seen,
    view: &View<'_>,
    stamp: Stamp,
) -> Result<Outcome, ProjectorError> {
    follow(context, stored_type, view, stamp, |deciding| deciding.take_over(seen))
}

fn follow(
    context: &Context,
    stored_type: ResourceType,
    view: &View<'_>,
    stamp: Stamp,
    what: impl FnOnce(&mut Deciding<'_>) -> Result<Outcome, Stop>,
) -> Result<Outcome, ProjectorError> {
    let Some(resource_type) = context.catalog.resource_type(stored_type) else {
        let error = ScimError::not_found("no such resource type");
        return Ok(Outcome::refused(error, stored_type, Number::NOBODY));
    };
    let mut deciding = Deciding::elsewhere(context, resource_type, stored_type, view, stamp)?;
    let decided = what(&mut deciding);
    deciding.outcome(decided)
}

impl<'a> Deciding<'a> {
    fn elsewhere(
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
            decided_elsewhere: true,
        })
    }
}

impl Deciding<'_> {
    fn take_over(&mut self, seen: Seen) -> Result<Outcome, Stop> {
        let Seen { id, resource, members_are_all, misfits, is_whole } = seen;
        let application = self.context.application;
        let number = self.view.number_of_id(application, self.stored_type, &id)?;
        let version = match number {
            Some(number) => self.view.version(application, number, View::NOW)?,
            None => None,
        };
        let living = number.zip(version.filter(|version| self.is_living(version)));
        let Some((number, version)) = living else {
            let new = New::as_seen(self.context, self.resource_type, id, resource);
            return Ok(self.create(new)?.flagged(misfits));
        };
        let target = Target::of(number, version);
        let mut attributes = resource.attributes;
        if !is_whole {
            let mut merged = target.attributes.clone();
            merged.append(&mut attributes);
            attributes = merged;
        }
        let operation = match members_are_all {
            true => MemberOperation::Replace,
            false => MemberOperation::Add,
        };
        let members: Vec<_> = resource.members.map(operation).into_iter().collect();
        let sent = scim::diff(&Map::new(), &attributes);
        let flags = self.context.flags(self.resource_type, &sent, resource.unknown);
        let outcome = self.change(target, attributes, &members, Answer::Nothing, |_| flags)?;
        Ok(outcome.flagged(misfits))
    }
}
