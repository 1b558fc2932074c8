//! Who a member's id is, and a group's members while the operations of one request are played over them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use event::{Number, ResourceType};
use projector::{ProjectorError, View};
use scim::{Filter, MemberIds, ScimError};
use store::key::Set;
use uuid::Uuid;

use crate::address::Address;
use crate::context::Context;
use crate::outcome::Stop;

/// Members that the filters and whole replacements of one request look at, all operations together.
pub(crate) const COMPARED_MEMBERS_MAX: usize = 200_000;

/// A UUID in the form in which ids are made, with its hyphens.
const UUID_BYTES: usize = 36;

/// The resource of a member's id, of whatever type, living or deleted.
pub(crate) fn number_of_id(
    view: &View<'_>,
    context: &Context,
    id: &str,
) -> Result<Option<Number>, ProjectorError> {
    for resource_type in context.catalog.known_types() {
        if let Some(number) = view.number_of_id(context.application, resource_type, id)? {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

/// Whether a text is a UUID in the form in which ids are made.
pub(crate) fn is_uuid(id: &str) -> bool {
    id.len() == UUID_BYTES && Uuid::try_parse(id).is_ok()
}

/// A member's id as its resource has it, where it is a UUID that differs from that in case alone, and the
/// settings allow that: what reads UUIDs writes them in its own case (RFC 9562 §4).
pub(crate) fn recorded_spelling<'t>(
    view: &View<'_>,
    context: &Context,
    id: &'t str,
) -> Result<Cow<'t, str>, ProjectorError> {
    if number_of_id(view, context, id)?.is_none() {
        for other in spellings(context, id) {
            if number_of_id(view, context, &other)?.is_some() {
                return Ok(other.into());
            }
        }
    }
    Ok(id.into())
}

/// An id in lower and in upper case.
pub(crate) fn in_other_cases(id: &str) -> [String; 2] {
    [id.to_lowercase(), id.to_uppercase()]
}

/// How else an id may be written that is the same: a UUID in either case, where the settings allow that.
pub(crate) fn spellings(context: &Context, id: &str) -> Vec<String> {
    let in_any_case = context.settings.member_ids == MemberIds::AnyCase && is_uuid(id);
    in_other_cases(id).into_iter().filter(|other| in_any_case && other != id).collect()
}

/// Whether two ids are the same, as [`spellings`] has it.
pub(crate) fn is_same_id(context: &Context, one: &str, other: &str) -> bool {
    let in_any_case = context.settings.member_ids == MemberIds::AnyCase && is_uuid(one);
    one == other || (in_any_case && one.eq_ignore_ascii_case(other))
}

/// Takes the id of an address as the record has it, where it does not have the decoded one: the text as it
/// was sent, or a UUID in another case, as of members.
pub(crate) fn resolve_id(
    context: &Context,
    view: &View<'_>,
    stored_type: ResourceType,
    address: &mut Address,
) {
    let Address { id: Some(id), raw_id, .. } = address else { return };
    let is_known = |id: &str| {
        // Rows that cannot be read are found by whoever decides.
        let number = view.number_of_id(context.application, stored_type, id);
        number.is_ok_and(|number| number.is_some())
    };
    if is_known(id) {
        return;
    }
    let others = spellings(context, id);
    if let Some(other) = raw_id.take().into_iter().chain(others).find(|one| is_known(one)) {
        *id = other;
    }
}

/// What a write makes of the members: who joins, who leaves.
#[derive(Default)]
pub(crate) struct MemberChanges {
    /// Ascending.
    pub joined: Vec<Number>,
    /// Ascending.
    pub left: Vec<Number>,
}

/// A group's members while operations are played: what was looked at, before and after.
pub(crate) struct PendingMembers<'a> {
    view: &'a View<'a>,
    context: &'a Context,
    group: Number,
    looked_at: BTreeMap<Number, (bool, bool)>,
    /// All members were looked at.
    whole: bool,
    walked: usize,
}

impl<'a> PendingMembers<'a> {
    /// Nothing was looked at yet.
    pub(crate) fn new(view: &'a View<'a>, context: &'a Context, group: Number) -> Self {
        let looked_at = BTreeMap::new();
        PendingMembers { view, context, group, looked_at, whole: false, walked: 0 }
    }

    /// Makes somebody a member, or no member.
    pub(crate) fn set(&mut self, number: Number, member: bool) -> Result<(), Stop> {
        match self.looked_at.get_mut(&number) {
            Some((_, after)) => *after = member,
            None => {
                let set = Set::Members(self.group);
                let stay = self.view.stay(self.context.application, set, number, View::NOW)?;
                self.looked_at.insert(number, (stay.is_some(), member));
            }
        }
        Ok(())
    }

    /// Everyone who is a member after the operations so far. A whole group is loaded once; each
    /// further look at all of it counts against the bound.
    pub(crate) fn all(&mut self) -> Result<Vec<Number>, Stop> {
        if self.whole {
            self.walked += self.looked_at.len();
            if self.walked > COMPARED_MEMBERS_MAX {
                return Err(too_many_compared(self.group));
            }
        } else {
            let set = Set::Members(self.group);
            for one in self.view.members(self.context.application, set, View::NOW)? {
                self.looked_at.entry(one.member).or_insert((true, true));
            }
            self.whole = true;
        }
        let after = self.looked_at.iter().filter(|(_, (_, after))| *after);
        Ok(after.map(|(number, _)| *number).collect())
    }

    /// What the operations came to.
    pub(crate) fn changes(self) -> MemberChanges {
        let mut changes = MemberChanges::default();
        for (number, (before, after)) in self.looked_at {
            match (before, after) {
                (false, true) => changes.joined.push(number),
                (true, false) => changes.left.push(number),
                (true, true) | (false, false) => {}
            }
        }
        changes
    }
}

/// How many comparisons a filter makes.
pub(crate) fn comparisons(filter: &Filter) -> usize {
    match filter {
        Filter::And(all) | Filter::Or(all) => all.iter().map(comparisons).sum(),
        Filter::Not(inner) => comparisons(inner),
        Filter::ValuePath { filter, .. } => comparisons(filter),
        Filter::Compare { .. } | Filter::Present(_) => 1,
    }
}

pub(crate) fn too_many_compared(group: Number) -> Stop {
    let detail = format!(
        "the operations look at more than {COMPARED_MEMBERS_MAX} members; name members by their \
         value, or send fewer operations"
    );
    Stop::Refused(ScimError::too_large(detail), group)
}
