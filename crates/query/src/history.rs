//! Memberships over time: differences between two instants, intervals, nested groups. Pure over the rows.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

use event::{Application, Number, ResourceType, Seq};
use projector::{MemberSince, ProjectorError, View};
use store::key::Set;

/// How a membership differs between the beginning and the end of a stretch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// Only a member at the end.
    Added,
    /// Only a member at the beginning.
    Removed,
    /// A member at both, but not all the time between.
    Returned,
    /// A member at neither, but some time between.
    Passed,
}

impl Change {
    /// The word in answers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Change::Added => "added",
            Change::Removed => "removed",
            Change::Returned => "returned",
            Change::Passed => "passed",
        }
    }
}

/// A member whose membership changed in a stretch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Difference {
    /// The member.
    pub member: Number,
    /// How the membership changed.
    pub change: Change,
    /// The last event of the stretch that added the member.
    pub joined: Option<Seq>,
    /// The last event of the stretch that removed the member.
    pub left: Option<Seq>,
}

/// The memberships of a group that changed in a range of events, by member.
///
/// # Errors
/// Here and below, when the rows cannot be read.
pub(crate) fn differences(
    view: &View<'_>,
    application: Application,
    group: Number,
    seqs: Range<Seq>,
) -> Result<Vec<Difference>, ProjectorError> {
    let mut first = BTreeMap::<Number, (bool, Difference)>::new();
    for change in view.set_changes(application, Set::Members(group), seqs)? {
        // Joining and leaving alternate, so the first change says how it was before.
        let (_, one) = first.entry(change.member).or_insert_with(|| {
            let member = change.member;
            let none = Difference { member, change: Change::Passed, joined: None, left: None };
            (!change.joined, none)
        });
        match change.joined {
            true => one.joined = Some(change.seq),
            false => one.left = Some(change.seq),
        }
    }
    let differences = first.into_values().map(|(was_member, one)| {
        let is_member = one.joined > one.left;
        let change = match (was_member, is_member) {
            (false, true) => Change::Added,
            (true, false) => Change::Removed,
            (true, true) => Change::Returned,
            (false, false) => Change::Passed,
        };
        Difference { change, ..one }
    });
    Ok(differences.collect())
}

/// One stay of a member in a group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Interval {
    /// The member.
    pub member: Number,
    /// The group.
    pub group: Number,
    /// The event that added the member.
    pub start: Seq,
    /// The event that removed the member; `None` while it is one.
    pub end: Option<Seq>,
}

impl Interval {
    /// Whether the member was in the group right after some event of a range, or right before the range.
    fn meets(&self, seqs: &Range<Seq>) -> bool {
        self.start < seqs.end && self.end.is_none_or(|end| end >= seqs.start)
    }
}

/// The stays in a group that meet a range of events, by member and start.
pub(crate) fn intervals_of_group(
    view: &View<'_>,
    application: Application,
    group: Number,
    seqs: &Range<Seq>,
) -> Result<Vec<Interval>, ProjectorError> {
    let mut intervals = vec![];
    let mut open = BTreeMap::<Number, Seq>::new();
    for change in view.set_changes(application, Set::Members(group), 0..Seq::MAX)? {
        let member = change.member;
        if change.joined {
            open.insert(member, change.seq);
        } else if let Some(start) = open.remove(&member) {
            intervals.push(Interval { member, group, start, end: Some(change.seq) });
        }
    }
    let lasting = open.into_iter();
    intervals.extend(lasting.map(|(member, start)| Interval { member, group, start, end: None }));
    intervals.retain(|interval| interval.meets(seqs));
    intervals.sort_unstable_by_key(|interval| (interval.member, interval.start));
    Ok(intervals)
}

/// The stays of a member in one group, or in all, that meet a range of events, by group and start.
pub(crate) fn intervals_of_member(
    view: &View<'_>,
    application: Application,
    member: Number,
    group: Option<Number>,
    seqs: &Range<Seq>,
) -> Result<Vec<Interval>, ProjectorError> {
    let stays = match group {
        Some(group) => view.stays_in(application, member, group)?,
        None => view.stays(application, member)?,
    };
    let intervals = stays.into_iter().filter_map(|stay| match stay.set {
        Set::Members(group) => Some(Interval { member, group, start: stay.start, end: stay.end }),
        Set::Existing(_) | Set::Active => None,
    });
    let mut intervals: Vec<Interval> = intervals.filter(|one| one.meets(seqs)).collect();
    intervals.sort_unstable_by_key(|interval| (interval.group, interval.start));
    Ok(intervals)
}

/// A member of a group, or a group of a member, with the groups between them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Reached {
    /// The member or group.
    pub number: Number,
    /// The event with which the last of the memberships began.
    pub since: Seq,
    /// The groups between, in order; empty for a direct membership.
    pub via: Vec<Number>,
}

/// The direct and nested members of a group, by number: each once, by the shortest way. A group that
/// contains itself is visited once.
pub(crate) fn nested_members(
    view: &View<'_>,
    application: Application,
    group: Number,
    at: Seq,
) -> Result<Vec<Reached>, ProjectorError> {
    let groups = view.members(application, Set::Existing(ResourceType::GROUP), at)?;
    nested_members_among(view, application, group, at, &groups)
}

/// The same for somebody who knows which groups existed, ascending.
pub(crate) fn nested_members_among(
    view: &View<'_>,
    application: Application,
    group: Number,
    at: Seq,
    groups: &[MemberSince],
) -> Result<Vec<Reached>, ProjectorError> {
    walk(group, |number, is_root| {
        // Most members are users; reading the version of each would take long.
        let is_group = groups.binary_search_by_key(&number, |one| one.member).is_ok();
        match is_root || is_group {
            true => view.members(application, Set::Members(number), at),
            false => Ok(vec![]),
        }
    })
}

/// The groups that somebody was a direct or nested member of, by number; each with the way that
/// [`nested_members`] of that group gives.
pub(crate) fn nested_groups(
    view: &View<'_>,
    application: Application,
    member: Number,
    at: Seq,
) -> Result<Vec<Reached>, ProjectorError> {
    let above = walk(member, |number, _| groups_of(view, application, number, at))?;
    let mut reached = vec![];
    for group in above {
        if group.via.is_empty() {
            reached.push(group);
            continue;
        }
        let members = nested_members(view, application, group.number, at)?;
        let own = members.into_iter().find(|one| one.number == member);
        reached.extend(own.map(|own| Reached { number: group.number, ..own }));
    }
    Ok(reached)
}

/// The groups that somebody was a direct member of, by number.
pub(crate) fn groups_of(
    view: &View<'_>,
    application: Application,
    member: Number,
    at: Seq,
) -> Result<Vec<MemberSince>, ProjectorError> {
    let stays = view.stays(application, member)?.into_iter().filter(|stay| stay.covers(at));
    let groups = stays.filter_map(|stay| match stay.set {
        Set::Members(group) => Some(MemberSince { member: group, since: stay.start }),
        Set::Existing(_) | Set::Active => None,
    });
    let mut groups: Vec<MemberSince> = groups.collect();
    groups.sort_unstable_by_key(|standing| standing.member);
    Ok(groups)
}

/// Everything that can be reached from `root`, by a breadth-first search, so by the shortest way.
fn walk(
    root: Number,
    next: impl Fn(Number, bool) -> Result<Vec<MemberSince>, ProjectorError>,
) -> Result<Vec<Reached>, ProjectorError> {
    let mut seen = BTreeSet::from([root]);
    let mut reached = vec![];
    let mut ahead = VecDeque::from([(root, vec![])]);
    while let Some((number, via)) = ahead.pop_front() {
        for MemberSince { member, since } in next(number, number == root)? {
            // The root is only reported if it is its own direct member.
            let is_own = member == root && via.is_empty();
            if !is_own && !seen.insert(member) {
                continue;
            }
            reached.push(Reached { number: member, since, via: via.clone() });
            if is_own {
                continue;
            }
            let mut beyond = via.clone();
            beyond.push(member);
            ahead.push_back((member, beyond));
        }
    }
    reached.sort_unstable_by_key(|one| one.number);
    Ok(reached)
}
