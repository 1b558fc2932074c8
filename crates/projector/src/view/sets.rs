//! Reads sets with members over time: the members of a group, the resources that exist, the active users.

use std::ops::Range;

use event::{Application, Number, Seq};
use store::Direction;
use store::key::{self, KeyRange, Set};

use super::View;
use crate::error::ProjectorError;
use crate::set::{self, MemberSince, SetChange, SetSize, Stay};

impl View<'_> {
    /// The members of a set, ascending by number.
    pub fn members(
        &self,
        application: Application,
        set: Set,
        seq: Seq,
    ) -> Result<Vec<MemberSince>, ProjectorError> {
        match self.until(seq) {
            Some(seq) => set::members_at(self.rows, application, set, seq),
            None => Ok(vec![]),
        }
    }

    /// The changes of a set in a range of events, oldest first.
    pub fn set_changes(
        &self,
        application: Application,
        set: Set,
        seqs: Range<Seq>,
    ) -> Result<Vec<SetChange>, ProjectorError> {
        let seqs = self.within(seqs);
        let Some(until) = seqs.end.checked_sub(1).filter(|_| !seqs.is_empty()) else {
            return Ok(vec![]);
        };
        set::changes_in(self.rows, application, set, (seqs.start.checked_sub(1), until))
    }

    /// How many members a set has.
    pub fn set_size(
        &self,
        application: Application,
        set: Set,
        seq: Seq,
    ) -> Result<u64, ProjectorError> {
        Ok(self.last_set_size(application, set, seq)?.map_or(0, |size| size.count))
    }

    /// The size of a set, and the event that last changed it; `None` before its first change.
    pub fn last_set_size(
        &self,
        application: Application,
        set: Set,
        seq: Seq,
    ) -> Result<Option<SetSize>, ProjectorError> {
        match self.until(seq) {
            Some(seq) => set::size_at(self.rows, application, set, seq),
            None => Ok(None),
        }
    }

    /// The size of a set after the first event of a range that changed it.
    pub fn next_set_size(
        &self,
        application: Application,
        set: Set,
        seqs: Range<Seq>,
    ) -> Result<Option<SetSize>, ProjectorError> {
        let seqs = self.within(seqs);
        let Some(until) = seqs.end.checked_sub(1).filter(|_| !seqs.is_empty()) else {
            return Ok(None);
        };
        set::next_size(self.rows, application, set, (seqs.start.checked_sub(1), until))
    }

    /// Whether a set ever had a member.
    pub fn had_members(&self, application: Application, set: Set) -> Result<bool, ProjectorError> {
        let Some(until) = self.until(View::NOW) else { return Ok(false) };
        let changes = key::set_changes(application, set, None, until);
        Ok(self.rows.first(&changes, Direction::Forward)?.is_some())
    }

    /// The stay of a member in a set that covers `seq`.
    pub fn stay(
        &self,
        application: Application,
        set: Set,
        member: Number,
        seq: Seq,
    ) -> Result<Option<Stay>, ProjectorError> {
        match self.until(seq) {
            Some(_) if self.knows_all() => set::stay_at(self.rows, application, set, member, seq),
            Some(seq) => set::stay_at(self.rows, application, set, member, seq),
            None => Ok(None),
        }
    }

    /// All stays of a member in groups, ended ones included; by group, newest first.
    pub fn stays(
        &self,
        application: Application,
        member: Number,
    ) -> Result<Vec<Stay>, ProjectorError> {
        self.known_stays(&key::mirrors(application, member))
    }

    /// All stays of a member in one group, newest first.
    pub fn stays_in(
        &self,
        application: Application,
        member: Number,
        group: Number,
    ) -> Result<Vec<Stay>, ProjectorError> {
        self.known_stays(&key::mirrors_in(application, member, Set::Members(group)))
    }

    fn known_stays(&self, range: &KeyRange) -> Result<Vec<Stay>, ProjectorError> {
        let mut stays = set::stays_in(self.rows, range)?;
        stays.retain(|stay| self.knows(stay.start));
        for stay in &mut stays {
            stay.end = stay.end.filter(|end| self.knows(*end));
        }
        Ok(stays)
    }
}
