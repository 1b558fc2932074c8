//! Resolves member operations into who joins and who leaves.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use event::{Attribute, Number};
use projector::{ProjectorError, View};
use scim::{Filter, Member, MemberId, MemberOperation, ScimError};

use super::Deciding;
use crate::address::percent_decode_path;
use crate::members::{
    COMPARED_MEMBERS_MAX, MemberChanges, PendingMembers, comparisons, number_of_id,
    recorded_spelling, too_many_compared,
};
use crate::numbers::MentionDetails;
use crate::outcome::Stop;
use crate::render::Renderer;

/// At most this many unknown members in one request.
const UNKNOWN_MEMBERS_MAX: usize = 1_000;

impl Deciding<'_> {
    /// The number of a member; an id that no resource has becomes a mention.
    pub(super) fn member_number(&mut self, member: &Member) -> Result<Number, Stop> {
        let id = self.member_id(&member.value)?;
        match self.known_member(&id)? {
            Some(number) => Ok(number),
            None => {
                let name = member.kind.as_deref().unwrap_or_default();
                let details = MentionDetails {
                    resource_type: self.context.catalog.stored_type(name),
                    display: member.display.as_deref(),
                };
                Ok(self.numbers.mention(Attribute::Id, &id, &details)?)
            }
        }
    }

    /// The id in a member's value, which may be an address below our base or the upstream's.
    fn member_id<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, ScimError> {
        match self.context.member_id(text) {
            MemberId::Id(id) if self.decided_upstream => Ok(id.into()),
            MemberId::Id(id) => scim::check_member_id(id).map(|()| id.into()),
            MemberId::Addressed(id) => {
                let id = percent_decode_path(id);
                scim::check_member_id(&id)?;
                Ok(id.into())
            }
            MemberId::Elsewhere if self.decided_upstream => Ok(text.into()),
            MemberId::Elsewhere => {
                let detail =
                    "a member's value must be its id, or its address below this application's base";
                Err(ScimError::invalid_value(detail))
            }
        }
    }

    /// Bounds how many new numbers one request can create.
    pub(super) fn check_unknown(&self, group: Number) -> Result<(), Stop> {
        if self.decided_upstream || self.numbers.mentions.len() <= UNKNOWN_MEMBERS_MAX {
            return Ok(());
        }
        let detail = format!(
            "more than {UNKNOWN_MEMBERS_MAX} members are unknown: create their resources \
             first, or send fewer at once"
        );
        Err(Stop::Refused(ScimError::too_large(detail), group))
    }

    fn known_member(&self, id: &str) -> Result<Option<Number>, ProjectorError> {
        let id_there = recorded_spelling(self.view, self.context, id)?;
        match number_of_id(self.view, self.context, &id_there)? {
            Some(number) => Ok(Some(number)),
            None => self.numbers.mentioned_member(id),
        }
    }

    /// The filter with member ids in the spelling that is on record.
    fn filter_by_ids(&self, filter: &Filter) -> Result<Filter, Stop> {
        let mut stop = None;
        let filter = filter.with_member_ids(&mut |text| {
            let id = self.member_id(text).map_err(Stop::from);
            let id =
                id.and_then(|id| Ok(recorded_spelling(self.view, self.context, &id)?.into_owned()));
            id.map_err(|error| stop.get_or_insert(error)).ok()
        });
        stop.map_or(Ok(filter), Err)
    }

    /// Applies member operations in order to the current members. Adding or removing a few reads only
    /// those few, never the whole group.
    pub(super) fn resolve(
        &mut self,
        group: Number,
        operations: &[MemberOperation],
    ) -> Result<MemberChanges, Stop> {
        let mut pending = PendingMembers::new(self.view, self.context, group);
        let mut known: BTreeMap<Number, Member> = BTreeMap::new();
        let renderer = Renderer { view: self.view, context: self.context, seq: View::NOW };
        let mut compared = 0;
        let mut named = vec![];
        // A refusal because of a member concerns the group.
        let at = |stop: Stop| match stop {
            Stop::Refused(error, _) => Stop::Refused(error, group),
            failed @ Stop::Failed(_) => failed,
        };
        for operation in operations {
            match operation {
                MemberOperation::Add(members) => {
                    for member in members {
                        let number = self.member_number(member).map_err(at)?;
                        self.check_unknown(group)?;
                        named.push(number);
                        pending.set(number, true)?;
                    }
                }
                MemberOperation::Remove(ids) => {
                    for id in ids {
                        let id = self.member_id(id).map_err(|error| at(error.into()))?;
                        if let Some(number) = self.known_member(&id)? {
                            named.push(number);
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
                        let number = self.member_number(member).map_err(at)?;
                        self.check_unknown(group)?;
                        named.push(number);
                        pending.set(number, true)?;
                    }
                }
                MemberOperation::RemoveMatching(filter) => {
                    let filter = &self.filter_by_ids(filter).map_err(at)?;
                    let all = pending.all()?;
                    compared += all.len().saturating_mul(comparisons(filter));
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
        Ok(MemberChanges { named, ..pending.changes() })
    }
}
