//! The identity provider: each cycle turns the changes since the last one into requests to each
//! application. It needs no answers for that, so all requests are planned in advance.

use std::collections::{BTreeMap, BTreeSet};

use event::Timestamp;

use crate::Plan;
use crate::calendar::{Calendar, Outage};
use crate::company::{App, Group, GroupKind, Matching, Person};
use crate::entra::Cause;
use crate::history::{Change, ChangeKind, History, Trouble, TroubleKind};
use crate::mapping::{self, Attribute, Values, mapped};
use crate::random::Random;

/// A request to be made, in terms of the company.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A connection test: a lookup of a random user name.
    Probe,
    /// The same with a replaced token.
    ProbeRefused,
    /// The lookup before a create, and how many accounts it finds.
    LookupUser {
        by: Matching,
        value: String,
        found: usize,
    },
    CreateUser {
        person: usize,
        values: Values,
    },
    /// A user that is not created.
    CreateRefused {
        person: usize,
        values: Values,
        refusal: Refusal,
    },
    ReadUser {
        person: usize,
    },
    /// A read of a deleted account.
    ReadDeleted {
        person: usize,
    },
    PatchUser {
        person: usize,
        edits: Vec<Edit>,
        /// Why it deactivates the account, if it does; the request does not say.
        cause: Option<Cause>,
    },
    DeleteUser {
        person: usize,
    },
    LookupGroup {
        name: String,
    },
    CreateGroup {
        group: usize,
        name: String,
        external_id: String,
    },
    RenameGroup {
        group: usize,
        name: String,
    },
    ReadGroup {
        group: usize,
    },
    AddMembers {
        group: usize,
        people: Vec<usize>,
    },
    RemoveMembers {
        group: usize,
        people: Vec<usize>,
    },
}

/// Why a create is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// `active` has an invalid value: 400.
    BadValue,
    /// Another account has the user name: 409.
    Taken,
}

/// A change of one attribute of an account.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Edit {
    Active(bool),
    Set(Attribute, String),
}

/// The steps that one cycle adds to each application's queue, in the order of [`App::ALL`].
pub(crate) struct Cycle {
    pub(crate) at: Timestamp,
    pub(crate) steps: [Vec<Step>; 4],
}

/// Plans every cycle of a history.
pub(crate) fn write(plan: &Plan, calendar: &Calendar, history: &History) -> Vec<Cycle> {
    let outages = [calendar.upgrade(), calendar.crash()];
    let mut directory =
        Directory { people: history.people.clone(), groups: history.groups.clone() };
    let mut provisionings = App::ALL.map(|app| Provisioning::new(app, plan.seed));
    let mut changes = history.changes.iter().peekable();
    let mut cycles = Vec::new();
    for place in 0..calendar.workdays.len() {
        for at in calendar.cycles(place) {
            let first = cycles.is_empty();
            for provisioning in &mut provisionings {
                if first {
                    (0..history.groups_at_start)
                        .for_each(|group| provisioning.add_group(&directory, group));
                }
                provisioning.retry(&directory);
            }
            while let Some(change) = changes.next_if(|change| change.at <= at) {
                let before = directory.clone_person(change);
                directory.apply(change);
                for provisioning in &mut provisionings {
                    provisioning.apply(&directory, before.as_ref(), &change.kind);
                }
            }
            let reached = !outages.iter().any(|outage| outage.covers(at));
            let steps = provisionings.each_mut().map(|provisioning| provisioning.cycle(reached));
            cycles.push(Cycle { at, steps });
        }
    }
    cycles
}

impl Outage {
    /// Whether a cycle that begins at `at` reaches no recorder.
    pub(crate) fn covers(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

/// The people and groups as the identity provider has them now.
struct Directory {
    people: Vec<Person>,
    groups: Vec<Group>,
}

impl Directory {
    /// The person of a [`ChangeKind::Become`], as they were before.
    fn clone_person(&self, change: &Change) -> Option<Person> {
        match &change.kind {
            ChangeKind::Become { person, .. } => Some(self.people[*person].clone()),
            _ => None,
        }
    }

    fn apply(&mut self, change: &Change) {
        match &change.kind {
            ChangeKind::Become { person, now } => self.people[*person] = (**now).clone(),
            ChangeKind::RenameGroup { group, name } => {
                (*name).clone_into(&mut self.groups[*group].name)
            }
            ChangeKind::Join { .. }
            | ChangeKind::Leave { .. }
            | ChangeKind::Delete { .. }
            | ChangeKind::Return { .. }
            | ChangeKind::Suspend { .. }
            | ChangeKind::Resume { .. }
            | ChangeKind::Unassign { .. }
            | ChangeKind::Enter { .. }
            | ChangeKind::Exit { .. }
            | ChangeKind::NewGroup { .. }
            | ChangeKind::Look { .. }
            | ChangeKind::TokenLate { .. }
            | ChangeKind::Tidy { .. } => {}
        }
    }

    /// The groups of a person by department and office.
    fn groups_of(&self, person: &Person) -> BTreeSet<usize> {
        let belongs = |group: &Group| match group.kind {
            GroupKind::Department(department) => department == person.department,
            GroupKind::Office(office) => office == person.office,
            GroupKind::Social | GroupKind::Project => false,
        };
        let groups = self.groups.iter().enumerate();
        groups.filter(|(_, group)| belongs(group)).map(|(place, _)| place).collect()
    }
}

/// The provisioning into one application.
struct Provisioning {
    app: App,
    random: Random,
    /// Whether the old mapping still applies.
    with_old: bool,
    /// Who has an account, and whether it is active.
    linked: BTreeMap<usize, bool>,
    /// Who entered which provisioned group, with or without an account.
    entered: BTreeMap<usize, BTreeSet<usize>>,
    /// The members of each group in the application.
    members: BTreeMap<usize, BTreeSet<usize>>,
    /// Accounts that could not be created, with the attempts that will still fail.
    troubles: Vec<(usize, Trouble)>,
    /// Deleted accounts that are read once more (every third one), and after how many cycles.
    reads: Vec<(usize, usize)>,
    deletions: usize,
    /// Cycles for which the token is still the old one.
    token_late: usize,
    users: Vec<Step>,
    groups: Vec<Step>,
    joins: BTreeMap<usize, Vec<usize>>,
    leaves: BTreeMap<usize, Vec<usize>>,
}

/// At most this many members in one request.
const MEMBERS_MAX: usize = 50;
const TOKEN_LATE_CYCLES: usize = 3;

impl Provisioning {
    fn new(app: App, seed: u64) -> Provisioning {
        Provisioning {
            app,
            random: Random::seeded(seed ^ ((app as u64 + 1) << 32)),
            with_old: app == mapping::OLD.0,
            linked: BTreeMap::new(),
            entered: BTreeMap::new(),
            members: BTreeMap::new(),
            troubles: vec![],
            reads: vec![],
            deletions: 0,
            token_late: 0,
            users: vec![],
            groups: vec![],
            joins: BTreeMap::new(),
            leaves: BTreeMap::new(),
        }
    }

    /// Sends the waiting steps, unless the token is wrong or the recorder is down.
    fn cycle(&mut self, reached: bool) -> Vec<Step> {
        for (person, after) in &mut self.reads {
            *after = after.saturating_sub(1);
            if *after == 0 {
                self.users.push(Step::ReadDeleted { person: *person });
            }
        }
        self.reads.retain(|(_, after)| *after > 0);
        if !reached {
            return vec![];
        }
        if self.token_late > 0 {
            self.token_late -= 1;
            return vec![Step::ProbeRefused];
        }
        let mut steps = vec![Step::Probe];
        steps.append(&mut self.users);
        steps.append(&mut self.groups);
        for (group, people) in std::mem::take(&mut self.leaves) {
            steps.push(Step::RemoveMembers { group, people });
        }
        for (group, people) in std::mem::take(&mut self.joins) {
            let chunks = people.chunks(MEMBERS_MAX);
            steps.extend(chunks.map(|people| Step::AddMembers { group, people: people.to_vec() }));
        }
        if self.random.chance(60) && !self.members.is_empty() {
            let groups: Vec<usize> = self.members.keys().copied().collect();
            steps.push(Step::ReadGroup { group: self.random.pick(&groups) });
        }
        steps
    }

    fn apply(&mut self, directory: &Directory, before: Option<&Person>, kind: &ChangeKind) {
        match kind {
            ChangeKind::Join { person, trouble } => match trouble {
                Some(trouble) if self.serves(directory, *person) && self.concerns(trouble) => {
                    self.attempt(directory, *person, trouble.clone());
                }
                _ => self.provision(directory, *person),
            },
            ChangeKind::Become { person, .. } => {
                if let Some(before) = before {
                    self.update(directory, *person, before);
                }
            }
            ChangeKind::Leave { person } => self.switch(*person, Some(Cause::SoftDeleted)),
            ChangeKind::Suspend { person } => self.switch(*person, Some(Cause::DisabledAtSource)),
            ChangeKind::Resume { person } => self.switch(*person, None),
            ChangeKind::Unassign { person, app } => {
                if *app == self.app {
                    self.switch(*person, Some(Cause::Unassigned));
                }
            }
            ChangeKind::Delete { person } => self.delete(*person),
            ChangeKind::Return { person } => self.provision(directory, *person),
            ChangeKind::Enter { person, group } => {
                if self.app.carries(&directory.groups[*group]) {
                    self.entered.entry(*group).or_default().insert(*person);
                    if self.linked.get(person) == Some(&true) {
                        self.add_member(*group, *person);
                    }
                }
            }
            ChangeKind::Exit { person, group } => {
                self.entered.entry(*group).or_default().remove(person);
                self.remove_member(*group, *person);
            }
            ChangeKind::RenameGroup { group, name } => {
                if self.members.contains_key(group) {
                    self.groups.push(Step::RenameGroup { group: *group, name: (*name).to_owned() });
                }
            }
            ChangeKind::NewGroup { group } => self.add_group(directory, *group),
            ChangeKind::Look { person, app } => {
                if *app == self.app && self.linked.contains_key(person) {
                    self.users.push(Step::ReadUser { person: *person });
                }
            }
            ChangeKind::TokenLate { app } => {
                if *app == self.app {
                    self.token_late = TOKEN_LATE_CYCLES;
                }
            }
            ChangeKind::Tidy { app } => {
                if *app == self.app {
                    self.with_old = false;
                }
            }
        }
    }

    fn serves(&self, directory: &Directory, person: usize) -> bool {
        self.app.serves(directory.people[person].department)
    }

    fn concerns(&self, trouble: &Trouble) -> bool {
        match &trouble.kind {
            TroubleKind::BadValue(app) => *app == self.app,
            TroubleKind::Taken { .. } => true,
        }
    }

    fn lookup(&self, user: &Person, found: usize) -> Step {
        let by = self.app.matching();
        let value = match by {
            Matching::UserName => user.user_name(),
            Matching::ExternalId => user.external_id(),
        };
        Step::LookupUser { by, value, found }
    }

    /// Creates an account and its memberships.
    fn provision(&mut self, directory: &Directory, person: usize) {
        if !self.serves(directory, person) || self.linked.contains_key(&person) {
            return;
        }
        let user = &directory.people[person];
        self.users.push(self.lookup(user, 0));
        let values = mapped(self.app, user, self.with_old);
        self.users.push(Step::CreateUser { person, values });
        self.linked.insert(person, true);
        self.add_to_groups(directory, person);
    }

    fn add_to_groups(&mut self, directory: &Directory, person: usize) {
        let groups = directory.groups_of(&directory.people[person]);
        let carried =
            groups.into_iter().filter(|group| self.app.carries(&directory.groups[*group]));
        let entered = self.entered.iter().filter(|(_, people)| people.contains(&person));
        let groups: BTreeSet<usize> = carried.chain(entered.map(|(group, _)| *group)).collect();
        for group in groups {
            self.add_member(group, person);
        }
    }

    /// A failed attempt, repeated in the next cycle.
    fn attempt(&mut self, directory: &Directory, person: usize, mut trouble: Trouble) {
        let mut user = directory.people[person].clone();
        let refusal = match &trouble.kind {
            TroubleKind::BadValue(_) => Some(Refusal::BadValue),
            TroubleKind::Taken { local } => {
                user.local.clone_from(local);
                // Matched by userName, the other's account is found, so there is no create to refuse.
                (self.app.matching() == Matching::ExternalId).then_some(Refusal::Taken)
            }
        };
        self.users.push(self.lookup(&user, usize::from(refusal.is_none())));
        if let Some(refusal) = refusal {
            let values = mapped(self.app, &user, self.with_old);
            self.users.push(Step::CreateRefused { person, values, refusal });
        }
        trouble.attempts -= 1;
        self.troubles.push((person, trouble));
    }

    fn retry(&mut self, directory: &Directory) {
        for (person, trouble) in std::mem::take(&mut self.troubles) {
            if trouble.attempts == 0 {
                self.provision(directory, person);
            } else {
                self.attempt(directory, person, trouble);
            }
        }
    }

    fn update(&mut self, directory: &Directory, person: usize, before: &Person) {
        let now = &directory.people[person];
        let (served, serves) =
            (self.app.serves(before.department), self.app.serves(now.department));
        let linked = self.linked.contains_key(&person);
        if served && serves && linked {
            let edits = self.edits(before, now);
            // Changes of attributes that are not mapped need no request.
            if !edits.is_empty() {
                self.users.push(Step::ReadUser { person });
                self.users.push(Step::PatchUser { person, edits, cause: None });
            }
            self.move_groups(directory, person, before);
        } else if served && linked {
            self.switch(person, Some(Cause::FilteredOut));
            let groups: Vec<usize> = self.members.keys().copied().collect();
            groups.into_iter().for_each(|group| self.remove_member(group, person));
        } else if serves && linked {
            // Also writes what changed while the person was out of scope.
            self.users.push(Step::ReadUser { person });
            let mut edits = vec![Edit::Active(true)];
            edits.extend(self.all_edits(now));
            self.users.push(Step::PatchUser { person, edits, cause: None });
            self.linked.insert(person, true);
            self.add_to_groups(directory, person);
        } else if serves {
            self.provision(directory, person);
        }
    }

    /// All mapped values of a person, as edits.
    fn all_edits(&self, user: &Person) -> Vec<Edit> {
        let values = mapped(self.app, user, self.with_old).into_iter();
        values.map(|(attribute, value)| Edit::Set(attribute, value)).collect()
    }

    /// The edits from one state of a person to another.
    fn edits(&self, before: &Person, now: &Person) -> Vec<Edit> {
        let before = self.all_edits(before);
        self.all_edits(now).into_iter().filter(|edit| !before.contains(edit)).collect()
    }

    fn move_groups(&mut self, directory: &Directory, person: usize, before: &Person) {
        let now = directory.groups_of(&directory.people[person]);
        let before = directory.groups_of(before);
        for group in before.difference(&now) {
            self.remove_member(*group, person);
        }
        for group in now.difference(&before) {
            if self.app.carries(&directory.groups[*group]) {
                self.add_member(*group, person);
            }
        }
    }

    /// Deactivates an account for a cause, or activates it.
    fn switch(&mut self, person: usize, cause: Option<Cause>) {
        let active = cause.is_none();
        let Some(is_active) = self.linked.get_mut(&person) else { return };
        if *is_active != active {
            *is_active = active;
            self.users.push(Step::ReadUser { person });
            let edits = vec![Edit::Active(active)];
            self.users.push(Step::PatchUser { person, edits, cause });
        }
    }

    fn delete(&mut self, person: usize) {
        if self.linked.remove(&person).is_none() {
            return;
        }
        self.users.push(Step::DeleteUser { person });
        for people in self.members.values_mut().chain(self.entered.values_mut()) {
            people.remove(&person);
        }
        for people in self.joins.values_mut().chain(self.leaves.values_mut()) {
            people.retain(|other| *other != person);
        }
        self.joins.retain(|_, people| !people.is_empty());
        self.leaves.retain(|_, people| !people.is_empty());
        self.deletions += 1;
        if self.deletions % 3 == 1 {
            self.reads.push((person, 2 + self.random.below(5)));
        }
    }

    fn add_group(&mut self, directory: &Directory, group: usize) {
        if self.app.carries(&directory.groups[group]) {
            let Group { name, external_id, .. } = directory.groups[group].clone();
            self.groups.push(Step::LookupGroup { name: name.clone() });
            self.groups.push(Step::CreateGroup { group, name, external_id });
            self.members.entry(group).or_default();
        }
    }

    fn add_member(&mut self, group: usize, person: usize) {
        let Some(members) = self.members.get_mut(&group) else { return };
        if members.insert(person) && !cancel(&mut self.leaves, group, person) {
            self.joins.entry(group).or_default().push(person);
        }
    }

    fn remove_member(&mut self, group: usize, person: usize) {
        let Some(members) = self.members.get_mut(&group) else { return };
        if members.remove(&person) && !cancel(&mut self.joins, group, person) {
            self.leaves.entry(group).or_default().push(person);
        }
    }
}

/// Cancels a waiting change; returns whether there was one.
fn cancel(waiting: &mut BTreeMap<usize, Vec<usize>>, group: usize, person: usize) -> bool {
    let Some(people) = waiting.get_mut(&group) else { return false };
    let Some(place) = people.iter().position(|other| *other == person) else { return false };
    people.remove(place);
    if people.is_empty() {
        waiting.remove(&group);
    }
    true
}
