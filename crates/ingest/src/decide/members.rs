//! Whom a write makes members, and whom no longer.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use event::{Attribute, Number};
use projector::{ProjectorError, View};
use scim::{Member, MemberOperation, ScimError};

use super::Deciding;
use crate::members::{
    COMPARED_MEMBERS_MAX, MemberChanges, PendingMembers, terms, too_many_compared,
};
use crate::numbers::Said;
use crate::outcome::Stop;
use crate::render::Renderer;

/// Members of one request that no resource has.
const UNKNOWN_MEMBERS_MAX: usize = 1_000;

impl Deciding<'_> {
    /// The number of a member's id; an id that no resource has is a mention.
    pub(super) fn member_number(&mut self, member: &Member) -> Result<Number, ProjectorError> {
        match self.known_member(&member.value)? {
            Some(number) => Ok(number),
            None => {
                let name = member.kind.as_deref().unwrap_or_default();
                let said = Said {
                    resource_type: self.context.catalog.stored_type(name),
                    display: member.display.as_deref(),
                };
                self.numbers.mention(Attribute::Id, &member.value, &said)
            }
        }
    }

    /// A request cannot make up numbers without end.
    pub(super) fn check_unknown(&self, group: Number) -> Result<(), Stop> {
        if self.decided_elsewhere || self.numbers.mentions.len() <= UNKNOWN_MEMBERS_MAX {
            return Ok(());
        }
        let detail = format!("more than {UNKNOWN_MEMBERS_MAX} members are no known resources");
        Err(Stop::Refused(ScimError::too_large(detail), group))
    }

    fn known_member(&self, id: &str) -> Result<Option<Number>, ProjectorError> {
        for resource_type in self.context.catalog.known_types() {
            let application = self.context.application;
            if let Some(number) = self.view.number_of_id(application, resource_type, id)? {
                return Ok(Some(number));
            }
        }
        self.numbers.unborn(Attribute::Id, id)
    }

    /// Plays member operations in their order over the members as they are now. A change of a few
    /// members looks at those few and never at the whole group.
    pub(super) fn resolve(
        &mut self,
        group: Number,
        operations: &[MemberOperation],
    ) -> Result<MemberChanges, Stop> {
        let mut pending = PendingMembers::new(self.view, self.context, group);
        let mut known: BTreeMap<Number, Member> = BTreeMap::new();
        let renderer = Renderer { view: self.view, context: self.context, seq: View::NOW };
        let mut compared = 0;
        for operation in operations {
            match operation {
                MemberOperation::Add(members) => {
                    for member in members {
                        let number = self.member_number(member)?;
                        self.check_unknown(group)?;
                        pending.set(number, true)?;
                    }
                }
                MemberOperation::Remove(ids) => {
                    for id in ids {
                        if let Some(number) = self.known_member(id)? {
                            pending.set(number, false)?;
                        }
                    }
                }
                MemberOperation::RemoveAll => {
                    for number in pending.all()? {
                        pending.set(number, false)?;
                    }
                }
                MemberOperation::Replace(members) => {
                    for number in pending.all()? {
                        pending.set(number, false)?;
                    }
                    for member in members {
                        let number = self.member_number(member)?;
                        self.check_unknown(group)?;
                        pending.set(number, true)?;
                    }
                }
                MemberOperation::RemoveMatching(filter) => {
                    let all = pending.all()?;
                    compared += all.len().saturating_mul(terms(filter));
                    if compared > COMPARED_MEMBERS_MAX {
                        return Err(too_many_compared(group));
                    }
                    for number in all {
                        let member: &Member = match known.entry(number) {
                            Entry::Occupied(entry) => entry.into_mut(),
                            Entry::Vacant(entry) => {
                                entry.insert(renderer.member_of(number, &self.numbers.mentions)?)
                            }
                        };
                        let registry = self.context.registry();
                        if filter.matches_member(self.resource_type, registry, member) {
                            pending.set(number, false)?;
                        }
                    }
                }
            }
        }
        Ok(pending.changes())
    }
}
