//! Repeats the fold over the few events of a bundle.

use std::collections::BTreeMap;

use event::{Application, Event, LinkKind, Number, ResourceType, Seq};

use super::derived::{Answer, Step, UserSince};
use super::form::{Kind, List, Question};
use super::refusal::BundleRefusal;
use super::{Events, State};
use crate::entry::Rooted;
use crate::opening::Salt;
use crate::state::{NumberState, SetOf, Since, list_root};

/// What follows from the commitments and the events between.
pub(super) struct Run<'a> {
    pub(super) question: &'a Question,
    pub(super) events: &'a Events,
    pub(super) earlier: Option<&'a State<'a>>,
    pub(super) later: &'a State<'a>,
    pub(super) at: Option<Seq>,
}

impl Run<'_> {
    pub(super) fn answer(&self) -> Result<Answer, BundleRefusal> {
        match self.question.kind {
            Kind::Members => Ok(Answer::Members(self.list(LinkKind::Members)?)),
            Kind::Groups => Ok(Answer::Groups(self.list(LinkKind::Memberships)?)),
            Kind::User => self.user(),
            Kind::Users => self.users(),
            Kind::Why => self.why(),
            Kind::Operation => Err(BundleRefusal::Question { why: "an operation needs no state" }),
        }
    }

    fn number(&self) -> Number {
        Number(self.question.number)
    }

    fn is_after(&self, event: &Event) -> bool {
        self.at.is_none_or(|at| event.seq > at)
    }

    fn changes(
        &self,
        kind: LinkKind,
        number: Number,
        last: impl Fn(&State<'_>) -> Option<Seq>,
    ) -> Result<Vec<&Event>, BundleRefusal> {
        let thing = (Application(self.question.application), kind, number);
        self.events.chain(thing, last(self.later), self.earlier.and_then(last))
    }

    /// The members of a group, or the groups of a member.
    fn list(&self, kind: LinkKind) -> Result<Vec<Since>, BundleRefusal> {
        let is_members = kind == LinkKind::Members;
        let last = |state: &State<'_>| {
            let leaf = state.leaf.as_ref()?;
            if is_members { leaf.members_changed } else { leaf.groups_changed }
        };
        let rooted = |state: &State<'_>| {
            let leaf = state.leaf.as_ref()?;
            Some(if is_members { leaf.members } else { leaf.groups })
        };
        let mut list = match self.earlier {
            Some(earlier) => listed(earlier, 0, rooted(earlier))?,
            None => BTreeMap::new(),
        };
        let mut answer = None;
        for event in self.changes(kind, self.number(), last)? {
            if self.is_after(event) {
                answer.get_or_insert_with(|| list.clone());
            }
            for (number, changes) in crate::state::changes_of(event) {
                let pairs = |all: &[Number]| -> Vec<Number> {
                    match is_members {
                        true if number == self.number() => all.to_vec(),
                        false if all.contains(&self.number()) => vec![number],
                        _ => vec![],
                    }
                };
                for joined in pairs(&changes.joined) {
                    if list.insert(joined, event.seq).is_some() {
                        return Err(BundleRefusal::Fold { seq: event.seq });
                    }
                }
                for left in pairs(&changes.left) {
                    if list.remove(&left).is_none() {
                        return Err(BundleRefusal::Fold { seq: event.seq });
                    }
                }
            }
        }
        ends_as(self.later, 0, rooted(self.later), &list)?;
        Ok(since(&answer.unwrap_or(list)))
    }

    /// The state of a number at the earlier commitment.
    fn before(&self) -> NumberState {
        let leaf = self.earlier.and_then(|earlier| earlier.leaf.as_ref());
        leaf.map_or_else(NumberState::default, |leaf| NumberState {
            resource_type: ResourceType(leaf.resource_type),
            exists: leaf.exists,
            active: leaf.active,
            state: leaf.state,
            ..NumberState::default()
        })
    }

    fn user(&self) -> Result<Answer, BundleRefusal> {
        let (mut state, mut answer) = (self.before(), None);
        let last = |state: &State<'_>| state.leaf.as_ref()?.state;
        for event in self.changes(LinkKind::State, self.number(), last)? {
            if self.is_after(event) {
                answer.get_or_insert_with(|| state.clone());
            }
            let target = crate::state::target(event);
            let target = target.ok_or(BundleRefusal::Fold { seq: event.seq })?;
            for (number, changes) in crate::state::changes_of(event) {
                if number == self.number() {
                    state.apply(number, changes, target);
                }
            }
            state.state = Some(event.seq);
        }
        let shown =
            |state: &NumberState| (state.resource_type.0, state.exists, state.active, state.state);
        let leaf = self.later.leaf.as_ref();
        let claimed = leaf.map_or((0, false, false, None), |leaf| {
            (leaf.resource_type, leaf.exists, leaf.active, leaf.state)
        });
        if shown(&state) != claimed {
            return Err(BundleRefusal::OtherList { at: self.later.top.at });
        }
        let NumberState { resource_type, exists, active, state, .. } = answer.unwrap_or(state);
        Ok(Answer::User { resource_type, exists, active, changed: state })
    }

    fn why(&self) -> Result<Answer, BundleRefusal> {
        if self.earlier.is_some() {
            let why = "its reasons begin with the first event";
            return Err(BundleRefusal::Question { why });
        }
        let last = |state: &State<'_>| state.leaf.as_ref()?.state;
        let steps = self.changes(LinkKind::State, self.number(), last)?;
        let steps = steps.into_iter().filter(|event| !self.is_after(event)).map(Step::of);
        Ok(Answer::Why(steps.collect()))
    }

    fn users(&self) -> Result<Answer, BundleRefusal> {
        let users = SetOf(ResourceType::USER.0);
        let rooted = |state: &State<'_>, set: SetOf| {
            let found = state.top.sets.iter().find(|(one, _)| *one == set);
            found.map(|(_, rooted)| *rooted)
        };
        let (mut exist, mut active) = match self.earlier {
            Some(earlier) => (
                listed(earlier, 0, rooted(earlier, users))?,
                listed(earlier, 1, rooted(earlier, SetOf::ACTIVE))?,
            ),
            None => (BTreeMap::new(), BTreeMap::new()),
        };
        let mut answer = None;
        let told = |exist: &BTreeMap<Number, Seq>, active: &BTreeMap<Number, Seq>| {
            let user = |(number, since): (&Number, &Seq)| UserSince {
                number: *number,
                since: *since,
                active_since: active.get(number).copied(),
            };
            exist.iter().map(user).collect::<Vec<_>>()
        };
        for event in
            self.changes(LinkKind::Population, Number::NOBODY, |state| state.top.population)?
        {
            if self.is_after(event) {
                answer.get_or_insert_with(|| told(&exist, &active));
            }
            let target = crate::state::target(event);
            let target = target.ok_or(BundleRefusal::Fold { seq: event.seq })?;
            for (number, changes) in crate::state::changes_of(event) {
                let mut state = NumberState {
                    exists: exist.contains_key(&number),
                    active: active.contains_key(&number),
                    ..NumberState::default()
                };
                // The type of what exists is known, and what does not exist gets it from its event.
                if state.exists {
                    state.resource_type = ResourceType::USER;
                }
                state.apply(number, changes, target);
                let is_user = state.resource_type == ResourceType::USER;
                keep(&mut exist, number, event.seq, is_user && state.exists);
                keep(&mut active, number, event.seq, is_user && state.exists && state.active);
            }
        }
        ends_as(self.later, 0, rooted(self.later, users), &exist)?;
        ends_as(self.later, 1, rooted(self.later, SetOf::ACTIVE), &active)?;
        Ok(Answer::Users(answer.unwrap_or_else(|| told(&exist, &active))))
    }
}

fn keep(list: &mut BTreeMap<Number, Seq>, number: Number, seq: Seq, is_in: bool) {
    match is_in {
        true => {
            list.entry(number).or_insert(seq);
        }
        false => {
            list.remove(&number);
        }
    }
}

fn since(list: &BTreeMap<Number, Seq>) -> Vec<Since> {
    list.iter().map(|(number, since)| Since { number: *number, since: *since }).collect()
}

/// A list of an earlier commitment, which has the root `rooted`.
fn listed(
    state: &State<'_>,
    place: usize,
    rooted: Option<Rooted>,
) -> Result<BTreeMap<Number, Seq>, BundleRefusal> {
    let at = state.top.at;
    let other = || BundleRefusal::OtherList { at };
    let Some(rooted) = rooted else { return Ok(BTreeMap::new()) };
    let shown = state.lists.get(place).ok_or_else(other)?;
    let entries = shown.entries.as_ref().ok_or_else(other)?;
    let entries =
        entries.iter().map(|(number, since)| Since { number: Number(*number), since: *since });
    let entries: Vec<Since> = entries.collect();
    if !entries.is_sorted_by(|one, next| one.number < next.number) {
        return Err(other());
    }
    match list_root(&salt(shown).ok_or_else(other)?, &entries) == rooted {
        true => Ok(entries.into_iter().map(|entry| (entry.number, entry.since)).collect()),
        false => Err(other()),
    }
}

/// Checks that the list of the later commitment is the one that the events lead to.
fn ends_as(
    state: &State<'_>,
    place: usize,
    rooted: Option<Rooted>,
    list: &BTreeMap<Number, Seq>,
) -> Result<(), BundleRefusal> {
    let is_same = match rooted {
        None => list.is_empty(),
        Some(rooted) => {
            let salt = state.lists.get(place).and_then(salt);
            salt.is_some_and(|salt| list_root(&salt, &since(list)) == rooted)
        }
    };
    if is_same { Ok(()) } else { Err(BundleRefusal::OtherList { at: state.top.at }) }
}

fn salt(list: &List) -> Option<Salt> {
    list.salt.0.as_slice().try_into().ok().map(Salt)
}
