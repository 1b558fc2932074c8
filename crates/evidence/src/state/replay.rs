//! The state of an application from the structural facts of its events alone: what a commitment claims, made
//! again without rows and without values.

use std::collections::BTreeMap;

use event::{Application, Changes, Event, Fact, Lifecycle, LogId, Number, ResourceType, Seq};
use tlog::Hash;

use super::{Leaf, Salted, Salts, SetOf, Since, Top, list_root, root_over};
use crate::entry::Rooted;

/// One application's state after the events that were applied.
#[derive(Clone, Default, Debug)]
pub struct Replay {
    /// By number. 0 is nobody.
    numbers: Vec<NumberState>,
    population: Option<Seq>,
    sets: BTreeMap<SetOf, BTreeMap<Number, Seq>>,
    /// The hashes of leaves, for the secret that they were made with last.
    hashes: Vec<Hash>,
    /// Numbers whose hash is not the present one.
    changed: Vec<Number>,
}

/// What the events say of one number.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct NumberState {
    /// The type of its resource; [`ResourceType::NONE`] if it never had one.
    pub resource_type: ResourceType,
    /// Whether the resource exists.
    pub exists: bool,
    /// Whether it is active, or was when it last existed.
    pub active: bool,
    /// The event that last changed its values or whether it exists.
    pub state: Option<Seq>,
    /// The event that last changed its members.
    pub members_changed: Option<Seq>,
    /// The event that last changed the groups that it is a member of.
    pub groups_changed: Option<Seq>,
    /// Its members, and since which event.
    pub members: BTreeMap<Number, Seq>,
    /// The groups that it is a member of, and since which event.
    pub groups: BTreeMap<Number, Seq>,
}

impl NumberState {
    /// Applies what an event changes of the number itself; `target` is whom the event is about, and its type.
    pub fn apply(
        &mut self,
        number: Number,
        changes: &Changes,
        (target, kind): (Number, ResourceType),
    ) {
        let members_changed = !changes.joined.is_empty() || !changes.left.is_empty();
        let values_changed = changes.lifecycle.is_some() || !changes.values.is_none();
        // A number belongs to one resource only, so there is nothing before a creation. Where nothing is, only
        // an event about the number itself changes something.
        let existed = self.exists && !matches!(changes.lifecycle, Some(Lifecycle::Created(_)));
        if !(values_changed || members_changed) || (!existed && number != target) {
            return;
        }
        match changes.lifecycle {
            Some(Lifecycle::Created(kind)) => {
                *self = NumberState { resource_type: kind, active: true, ..std::mem::take(self) };
            }
            _ if self.resource_type == ResourceType::NONE => {
                (self.resource_type, self.active) = (kind, true);
            }
            _ => {}
        }
        self.exists = changes.lifecycle != Some(Lifecycle::Deleted);
        self.active = changes.active.unwrap_or(self.active);
    }
}

/// The number that an event is about, and the type; `None` for an event that changes no state.
pub(crate) fn target(event: &Event) -> Option<(Number, ResourceType)> {
    match &event.header.fact {
        Fact::Operation(operation) => Some((operation.number, operation.resource_type)),
        Fact::Observation(seen) => Some((seen.number, seen.resource_type)),
        Fact::Imported(entry) => Some((entry.number, entry.resource_type)),
        _ => None,
    }
}

/// What an event changes, by number; mentions left out.
pub(crate) fn changes_of(event: &Event) -> impl Iterator<Item = (Number, &Changes)> {
    let changes =
        event.parts.iter().filter_map(|part| Some((part.subject, part.content.changes()?)));
    changes.filter(|(_, changes)| changes.mention.is_none())
}

impl Replay {
    /// Applies the next event of the application.
    pub fn apply(&mut self, event: &Event) {
        let Some(target) = target(event) else { return };
        let seq = event.seq;
        for part in &event.parts {
            let Some(changes) = part.content.changes() else { continue };
            let number = part.subject;
            self.reach(number);
            if changes.mention.is_some() {
                continue;
            }
            if changes.lifecycle.is_some() || changes.active.is_some() {
                self.population = Some(seq);
            }
            let own = self.number(number);
            if changes.lifecycle.is_some() || !changes.values.is_none() {
                own.state = Some(seq);
            }
            own.apply(number, changes, target);
            if !changes.joined.is_empty() || !changes.left.is_empty() {
                own.members_changed = Some(seq);
            }
            for member in &changes.joined {
                self.number(number).members.insert(*member, seq);
                self.number(*member).groups.insert(number, seq);
            }
            for member in &changes.left {
                self.number(number).members.remove(member);
                self.number(*member).groups.remove(&number);
            }
            for member in changes.joined.iter().chain(&changes.left) {
                self.number(*member).groups_changed = Some(seq);
            }
            self.keep_sets(number, seq);
        }
    }

    /// What is known of a number.
    #[must_use]
    pub fn of(&self, number: Number) -> Option<&NumberState> {
        self.numbers.get(number.0 as usize)
    }

    /// Who is in a set, ascending.
    #[must_use]
    pub fn set(&self, set: SetOf) -> Vec<Since> {
        self.sets.get(&set).map(list).unwrap_or_default()
    }

    fn reach(&mut self, number: Number) {
        let needed = number.0 as usize + 1;
        if self.numbers.len() < needed {
            self.numbers.resize_with(needed, NumberState::default);
        }
    }

    fn number(&mut self, number: Number) -> &mut NumberState {
        self.reach(number);
        self.changed.push(number);
        &mut self.numbers[number.0 as usize]
    }

    fn keep_sets(&mut self, number: Number, seq: Seq) {
        let state = &self.numbers[number.0 as usize];
        let is_user = state.resource_type == ResourceType::USER;
        let is_in = [
            (SetOf(state.resource_type.0), state.exists),
            (SetOf::ACTIVE, state.exists && state.active && is_user),
        ];
        for (set, is_in) in is_in {
            let members = self.sets.entry(set).or_default();
            match is_in {
                true => {
                    members.entry(number).or_insert(seq);
                }
                false => {
                    members.remove(&number);
                }
            }
        }
    }

    /// The top of the state right after `at`, the last event of the log that was seen. All calls have the salts
    /// of one secret: leaves that did not change are not hashed again.
    pub fn top(
        &mut self,
        salts: &Salts,
        log: LogId,
        application: Application,
        (at, recorder): (Seq, Option<Seq>),
    ) -> Top {
        self.reach(Number::NOBODY);
        for number in self.hashes.len()..self.numbers.len() {
            // There are fewer than 2^32 numbers.
            self.changed.push(Number(number as u32));
        }
        self.hashes.resize(self.numbers.len(), Hash::EMPTY_TREE);
        self.changed.sort_unstable();
        self.changed.dedup();
        for number in std::mem::take(&mut self.changed) {
            let state = &self.numbers[number.0 as usize];
            self.hashes[number.0 as usize] = leaf_of(salts, number, state).hash();
        }
        let numbers = Rooted { count: self.hashes.len() as u32, root: root_over(&self.hashes) };
        let sets = self.sets.iter().filter(|(_, members)| !members.is_empty());
        let sets = sets
            .map(|(set, members)| (*set, list_root(&salts.salt(Salted::Set(*set)), &list(members))))
            .collect();
        let population = self.population;
        Top { log, application, at, numbers, population, recorder, sets }
    }

    /// The hashes of the leaves, by number, as the last [`top`](Self::top) made them.
    #[must_use]
    pub fn into_hashes(self) -> Vec<Hash> {
        self.hashes
    }

    /// Forgets the hashes of leaves, for another secret.
    pub fn forget_hashes(&mut self) {
        self.hashes.clear();
    }
}

fn list(members: &BTreeMap<Number, Seq>) -> Vec<Since> {
    members.iter().map(|(number, since)| Since { number: *number, since: *since }).collect()
}

/// The leaf of a number.
fn leaf_of(salts: &Salts, number: Number, state: &NumberState) -> Leaf {
    let NumberState { resource_type, exists, active, members, groups, .. } = state;
    Leaf {
        salt: salts.salt(Salted::Leaf(number)),
        resource_type: resource_type.0,
        exists: *exists,
        active: *active,
        state: state.state,
        members_changed: state.members_changed,
        groups_changed: state.groups_changed,
        members: list_root(&salts.salt(Salted::Members(number)), &list(members)),
        groups: list_root(&salts.salt(Salted::Groups(number)), &list(groups)),
    }
}
