//! Resolves members' ids, and tracks a group's members while the operations of one request are applied.

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

/// At most this many members are read for the filters and whole replacements of one request.
pub(crate) const COMPARED_MEMBERS_MAX: usize = 200_000;

/// A UUID in the form in which ids are made, with its hyphens.
const UUID_BYTES: usize = 36;

/// The resource with a member's id: of any type, existing or deleted.
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

/// A member's id in the spelling on record: a UUID may differ in letter case if the settings allow it,
/// since programs that parse UUIDs write them in their own case (RFC 9562 §4).
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

/// The other spellings of an id: a UUID in either letter case, if the settings allow that.
pub(crate) fn spellings(context: &Context, id: &str) -> Vec<String> {
    let in_any_case = context.settings.member_ids == MemberIds::AnyCase && is_uuid(id);
    in_other_cases(id).into_iter().filter(|other| in_any_case && other != id).collect()
}

/// Whether two ids are the same, as [`spellings`] has it.
pub(crate) fn is_same_id(context: &Context, one: &str, other: &str) -> bool {
    let in_any_case = context.settings.member_ids == MemberIds::AnyCase && is_uuid(one);
    one == other || (in_any_case && one.eq_ignore_ascii_case(other))
}

/// Replaces the id of an address by one that is on record, if the decoded id is not: the id as it was
/// sent, or a UUID in another letter case.
pub(crate) fn resolve_id(
    context: &Context,
    view: &View<'_>,
    stored_type: ResourceType,
    address: &mut Address,
) {
    let Address { id: Some(id), raw_id, .. } = address else { return };
    let is_known = |id: &str| {
        // If rows cannot be read, the decision reports it.
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

/// Which members a write adds and removes.
#[derive(Default)]
pub(crate) struct MemberChanges {
    /// Ascending.
    pub joined: Vec<Number>,
    /// Ascending.
    pub left: Vec<Number>,
    /// Whom the write names, whether or not they were members before.
    pub named: Vec<Number>,
}

/// A group's members while operations are applied: those read so far, before and after.
pub(crate) struct PendingMembers<'a> {
    view: &'a View<'a>,
    context: &'a Context,
    group: Number,
    looked_at: BTreeMap<Number, (bool, bool)>,
    /// All members were read.
    whole: bool,
    walked: usize,
}

impl<'a> PendingMembers<'a> {
    /// No member is read yet.
    pub(crate) fn new(view: &'a View<'a>, context: &'a Context, group: Number) -> Self {
        let looked_at = BTreeMap::new();
        PendingMembers { view, context, group, looked_at, whole: false, walked: 0 }
    }

    /// Makes a number a member, or not a member.
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

    /// All members after the operations so far. The group is loaded once; each further walk over it
    /// counts against the bound.
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

    /// The result of the operations.
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
