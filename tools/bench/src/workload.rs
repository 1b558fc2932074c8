//! Plans the workload: which resources exist, and what the identity provider requests next.
//!
//! ```text
//!  first 8 days     the initial cycle: 80 of 100 users and groups are made, groups are filled
//!  other 82 days    changes of users and memberships, look-ups, renames, people who come and go,
//!                   requests that fail
//! ```
//!
//! Group sizes follow Zipf's law. Requests are planned in steps from one seed. Within a step, requests
//! for one resource stay in order and others may overtake each other, so the state at the end of a step
//! is always the same. Memory grows with the number of resources, not of requests.

use std::collections::HashMap;

use event::Timestamp;
use uuid::Uuid;

use crate::random::Random;

/// When the first request comes.
pub const START: Timestamp = Timestamp(1_772_442_847_000_000); // 2026-03-02T09:14:07Z
/// A day in microseconds.
pub const DAY_US: i64 = 86_400_000_000;
/// How long the workload lasts.
pub const DAYS: i64 = 90;
/// How long the initial cycle lasts.
const INITIAL_DAYS: i64 = 8;
/// The applications, and each one's share of users and groups in twentieths.
pub const APPLICATIONS: [(&str, usize); 4] =
    [("payroll", 12), ("wiki", 5), ("tickets", 2), ("fleet", 1)];
/// The tasks that play requests.
pub const TASKS: usize = 64;
/// Members in one request, at most.
const MEMBERS_MAX: usize = 20;

/// The size of the workload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Size {
    /// Requests in all.
    pub operations: u64,
    /// Users that exist at the end, but for a few.
    pub users: u32,
    /// Groups that exist at the end.
    pub groups: u32,
}

impl Size {
    /// 100,000 users and 5,000 groups from a million requests on, proportionally fewer below.
    pub fn of(operations: u64) -> Size {
        let users = (operations / 10).clamp(200, 100_000) as u32;
        Size { operations, users, groups: (users / 20).max(10) }
    }

    /// How many members the group of a rank should have.
    pub fn target(self, group: u32) -> u32 {
        let zipf = self.users * 36 / 100 / (group + 1);
        let share = APPLICATIONS[usize::from(self.application_of_group(group))].1 as u32;
        zipf.clamp(1, self.users * share / 20 * 6 / 10)
    }

    /// The groups to ask about: the largest, and those of about 700 and of 11 members.
    pub fn asked_groups(self) -> [u32; 3] {
        let rank =
            |members: u32| (self.users * 36 / 100 / members).clamp(2, self.groups * 7 / 10) - 1;
        [0, rank(700), rank(11).max(rank(700) + 1)]
    }

    fn application_of_group(self, group: u32) -> u8 {
        if self.asked_groups().contains(&group) { 0 } else { application_of(group) }
    }
}

/// The application of a user's number.
pub fn application_of(number: u32) -> u8 {
    let mut place = number as usize * 7 % 20; // 7 and 20 share no factor: it mixes them
    for (application, (_, share)) in APPLICATIONS.iter().enumerate() {
        match place.checked_sub(*share) {
            Some(left) => place = left,
            None => return application as u8,
        }
    }
    0
}

/// A resource of the workload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resource {
    /// A user.
    User(u32),
    /// A group.
    Group(u32),
}

/// One kind of request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ask {
    /// `POST /Users`.
    CreateUser(u32),
    /// PATCH of ordinary attributes; the number says which.
    PatchUser(u32, Uuid, usize),
    /// PATCH of `active`.
    SetActive(Uuid, bool),
    /// `DELETE /Users/{id}`.
    DeleteUser(Uuid),
    /// `GET /Users/{id}`.
    GetUser(Uuid),
    /// `GET /Users?filter=userName eq …`.
    FindUser(u32),
    /// `POST /Groups`.
    CreateGroup(u32),
    /// PATCH of `displayName`.
    RenameGroup(u32, Uuid, u32),
    /// PATCH of `members`: added or removed.
    Members(Uuid, bool, Vec<Uuid>),
    /// `GET /Groups/{id}?excludedAttributes=members`.
    GetGroup(Uuid),
    /// `POST /Users` with a userName that is taken.
    Duplicate(u32),
    /// PATCH of an unknown id.
    Unknown(Uuid),
    /// A body that cannot be parsed.
    Broken,
    /// A request with an invalid token.
    Unauthenticated,
}

/// One planned request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// Its place in the plan.
    pub number: u64,
    /// When it comes.
    pub at: Timestamp,
    /// To which application.
    pub application: u8,
    /// What it asks.
    pub ask: Ask,
}

/// Requests that may run side by side: one queue for each task.
pub type Step = Vec<Vec<Request>>;

#[derive(Clone, Default)]
struct User {
    /// `None` before the create is answered, and after the deletion.
    id: Option<Uuid>,
    active: bool,
    /// The last step in which a group's change named it. It is not deleted in that step.
    named_in: u32,
    groups: Vec<u32>,
}

#[derive(Clone, Default)]
struct Group {
    id: Option<Uuid>,
    renamed: u32,
    members: Vec<u32>,
}

/// Plans the requests, step by step.
pub struct Workload {
    size: Size,
    random: Random,
    step: u32,
    planned: u64,
    /// Requests of the initial cycle; an estimate until it is over.
    initial: u64,
    users: Vec<User>,
    groups: Vec<Group>,
    /// The index of a member in its group's list.
    places: HashMap<(u32, u32), u32>,
    /// Users that were created or are being created, by application.
    known: [Vec<u32>; APPLICATIONS.len()],
    users_made: u32,
    groups_made: u32,
    /// Groups that the initial cycle still has to fill.
    unfilled: Vec<u32>,
    disabled: Vec<u32>,
    deleted: Vec<u32>,
}

impl Workload {
    /// Begins the workload of a seed.
    pub fn new(size: Size, seed: u64) -> Workload {
        let first_groups = size.groups * 8 / 10;
        let batches: u64 =
            (0..first_groups).map(|group| u64::from(size.target(group) / 10 + 1)).sum();
        let initial = u64::from(size.users) * 8 / 10 * 2 + u64::from(first_groups) + batches;
        Workload {
            size,
            random: Random::new(seed),
            step: 0,
            planned: 0,
            initial: initial.min(size.operations),
            users: vec![User::default(); size.users as usize],
            groups: vec![Group::default(); size.groups as usize],
            places: HashMap::new(),
            known: Default::default(),
            users_made: 0,
            groups_made: 0,
            unfilled: (0..first_groups).collect(),
            disabled: vec![],
            deleted: vec![],
        }
    }

    /// The time of the last request.
    pub fn end() -> Timestamp {
        Timestamp(START.0 + DAYS * DAY_US)
    }

    /// The id of a resource that exists.
    pub fn id(&self, resource: Resource) -> Option<Uuid> {
        match resource {
            Resource::User(user) => self.users.get(user as usize)?.id,
            Resource::Group(group) => self.groups.get(group as usize)?.id,
        }
    }

    /// How many members a group has.
    pub fn members(&self, group: u32) -> usize {
        self.groups.get(group as usize).map_or(0, |group| group.members.len())
    }

    /// Stores the ids in the answers of a step.
    pub fn made(&mut self, ids: &[(Resource, Uuid)]) {
        for (resource, id) in ids {
            match *resource {
                Resource::User(user) => {
                    let made = &mut self.users[user as usize];
                    (made.id, made.active) = (Some(*id), true);
                }
                Resource::Group(group) => self.groups[group as usize].id = Some(*id),
            }
        }
    }

    /// The next step; `None` when all requests were planned.
    pub fn next(&mut self) -> Option<Step> {
        let left = self.size.operations.checked_sub(self.planned).filter(|left| *left > 0)?;
        let most = (self.size.operations / 100).clamp(256, 8_192).min(left);
        self.step += 1;
        let mut step = vec![Vec::new(); TASKS];
        let end = self.planned + most;
        while self.planned < end {
            let was = self.planned;
            if self.is_initial() {
                self.plan_initial(&mut step);
            } else {
                self.plan_change(&mut step);
            }
            if self.planned == was {
                break; // the next requests need ids of this step
            }
        }
        Some(step)
    }

    fn is_initial(&self) -> bool {
        self.users_made < self.size.users * 8 / 10 || !self.unfilled.is_empty()
    }

    /// Puts a request into the queue of its resource.
    fn push(&mut self, step: &mut Step, resource: Resource, application: u8, ask: Ask) {
        let initial_us = INITIAL_DAYS * DAY_US;
        let span_us = DAYS * DAY_US - initial_us;
        let part = |done: u64, of: u64, us: i64| {
            (i128::from(us) * i128::from(done.min(of)) / i128::from(of.max(1))) as i64
        };
        let us = if self.is_initial() {
            part(self.planned, self.initial, initial_us)
        } else {
            let (done, all) = (
                self.planned.saturating_sub(self.initial),
                self.size.operations.saturating_sub(self.initial),
            );
            initial_us + part(done, all, span_us)
        };
        let queue = match resource {
            Resource::User(user) => user as usize % TASKS,
            Resource::Group(group) => (group as usize + 31) % TASKS,
        };
        step[queue].push(Request {
            number: self.planned,
            at: Timestamp(START.0 + us),
            application,
            ask,
        });
        self.planned += 1;
    }

    fn plan_initial(&mut self, step: &mut Step) {
        if self.users_made < self.size.users * 8 / 10 {
            self.make_user(step);
        } else if self.groups_made < self.size.groups * 8 / 10 {
            self.make_group(step);
        } else {
            self.fill(step);
        }
        if !self.is_initial() {
            self.initial = self.planned;
        }
    }

    /// An identity provider looks the user up before it creates one.
    fn make_user(&mut self, step: &mut Step) {
        let user = self.users_made;
        self.users_made += 1;
        let application = application_of(user);
        self.known[usize::from(application)].push(user);
        self.push(step, Resource::User(user), application, Ask::FindUser(user));
        self.push(step, Resource::User(user), application, Ask::CreateUser(user));
    }

    fn make_group(&mut self, step: &mut Step) {
        let group = self.groups_made;
        self.groups_made += 1;
        let application = self.size.application_of_group(group);
        self.push(step, Resource::Group(group), application, Ask::CreateGroup(group));
    }

    /// Adds a batch of members to a group with too few; large groups are chosen more often.
    fn fill(&mut self, step: &mut Step) {
        for _ in 0..200 {
            let rank = self.random.rank(self.unfilled.len());
            let Some(&group) = self.unfilled.get(rank) else { return };
            let target = self.size.target(group) as usize * 97 / 100;
            let missing = target.max(1).saturating_sub(self.members(group));
            if missing == 0 {
                self.unfilled.remove(rank);
                continue;
            }
            let count = (1 + self.random.below(MEMBERS_MAX)).min(missing);
            if self.add_members(step, group, count) {
                return;
            }
        }
    }

    fn plan_change(&mut self, step: &mut Step) {
        let made = |of: u32, planned: u64, size: Size, initial: u64| {
            let progress = planned.saturating_sub(initial) as f64
                / size.operations.saturating_sub(initial).max(1) as f64;
            f64::from(of) * (0.8 + 0.2 * (progress * 1.05).min(1.0))
        };
        if f64::from(self.users_made) < made(self.size.users, self.planned, self.size, self.initial)
        {
            return self.make_user(step);
        }
        if f64::from(self.groups_made)
            < made(self.size.groups, self.planned, self.size, self.initial)
        {
            return self.make_group(step);
        }
        match self.random.below(1_000) {
            0..330 => self.patch(step),
            330..375 => self.disable(step),
            375..415 => self.enable(step),
            415..700 => self.change_members(step),
            700..705 => self.rename(step),
            705..715 => self.delete(step),
            715..725 => self.make_again(step),
            725..825 => self.read(step, |_, id| Ask::GetUser(id)),
            825..945 => self.read(step, |user, _| Ask::FindUser(user)),
            945..965 => self.read_group(step),
            965..980 => self.read(step, |user, _| Ask::Duplicate(user)),
            980..994 => {
                let id = uuid::Builder::from_random_bytes(self.some_bytes()).into_uuid();
                self.ask_any(step, Ask::Unknown(id));
            }
            994..999 => self.ask_any(step, Ask::Broken),
            _ => self.ask_any(step, Ask::Unauthenticated),
        }
    }

    fn some_bytes(&mut self) -> [u8; 16] {
        (u128::from(self.random.next()) << 64 | u128::from(self.random.next())).to_be_bytes()
    }

    /// Any user that exists.
    fn some_user(&mut self) -> Option<(u32, Uuid)> {
        (0..64).find_map(|_| {
            let user = self.random.below(self.users_made as usize) as u32;
            Some((user, self.users[user as usize].id?))
        })
    }

    fn ask_any(&mut self, step: &mut Step, ask: Ask) {
        let user = self.random.below(self.size.users as usize) as u32;
        self.push(step, Resource::User(user), application_of(user), ask);
    }

    fn read(&mut self, step: &mut Step, ask: impl FnOnce(u32, Uuid) -> Ask) {
        if let Some((user, id)) = self.some_user() {
            self.push(step, Resource::User(user), application_of(user), ask(user, id));
        }
    }

    fn patch(&mut self, step: &mut Step) {
        let variant = self.random.below(8 * 1_000);
        self.read(step, |user, id| Ask::PatchUser(user, id, variant));
    }

    fn disable(&mut self, step: &mut Step) {
        let Some((user, id)) = self.some_user() else { return };
        if std::mem::take(&mut self.users[user as usize].active) {
            self.disabled.push(user);
        }
        self.push(step, Resource::User(user), application_of(user), Ask::SetActive(id, false));
    }

    fn enable(&mut self, step: &mut Step) {
        let place = self.random.below(self.disabled.len());
        if place >= self.disabled.len() {
            return self.patch(step);
        }
        let user = self.disabled.swap_remove(place);
        match self.users[user as usize].id {
            Some(id) => {
                self.users[user as usize].active = true;
                let ask = Ask::SetActive(id, true);
                self.push(step, Resource::User(user), application_of(user), ask);
            }
            None => self.patch(step), // deleted while it was inactive
        }
    }

    fn delete(&mut self, step: &mut Step) {
        let Some((user, id)) = self.some_user() else { return };
        if self.users[user as usize].named_in == self.step {
            return self.patch(step);
        }
        self.users[user as usize].id = None;
        for group in std::mem::take(&mut self.users[user as usize].groups) {
            self.take_out(group, user);
        }
        self.deleted.push(user);
        self.push(step, Resource::User(user), application_of(user), Ask::DeleteUser(id));
    }

    fn make_again(&mut self, step: &mut Step) {
        let place = self.random.below(self.deleted.len());
        if place >= self.deleted.len() {
            return self.patch(step);
        }
        let user = self.deleted.swap_remove(place);
        self.push(step, Resource::User(user), application_of(user), Ask::CreateUser(user));
    }

    fn some_group(&mut self) -> Option<(u32, Uuid)> {
        (0..64).find_map(|_| {
            let group = self.random.rank(self.groups_made as usize) as u32;
            Some((group, self.groups[group as usize].id?))
        })
    }

    fn rename(&mut self, step: &mut Step) {
        let Some((group, id)) = self.some_group() else { return };
        self.groups[group as usize].renamed += 1;
        let ask = Ask::RenameGroup(group, id, self.groups[group as usize].renamed);
        self.push(step, Resource::Group(group), self.size.application_of_group(group), ask);
    }

    fn read_group(&mut self, step: &mut Step) {
        let Some((group, id)) = self.some_group() else { return };
        let application = self.size.application_of_group(group);
        self.push(step, Resource::Group(group), application, Ask::GetGroup(id));
    }

    /// Sizes stay near their target: the further away, the likelier a change back.
    fn change_members(&mut self, step: &mut Step) {
        let Some((group, _)) = self.some_group() else { return };
        let (target, now) = (f64::from(self.size.target(group)), self.members(group) as f64);
        let add = 0.5 + ((target - now) / (target * 0.04).max(3.0)).clamp(-0.45, 0.45);
        let count = match self.random.below(20) {
            0..14 => 1,
            14..19 => 2 + self.random.below(4),
            _ => 6 + self.random.below(MEMBERS_MAX - 5),
        };
        let count = count.min(target as usize / 2 + 1);
        let changed = if self.random.unit() < add {
            self.add_members(step, group, count)
        } else {
            self.remove_members(step, group, count)
        };
        if !changed {
            self.patch(step);
        }
    }

    /// Adds random members; returns whether there was any to add.
    fn add_members(&mut self, step: &mut Step, group: u32, count: usize) -> bool {
        let Some(id) = self.groups[group as usize].id else { return false };
        let application = self.size.application_of_group(group);
        let mut ids = Vec::with_capacity(count);
        for _ in 0..count * 8 {
            let Some(&user) = self.random.pick(&self.known[usize::from(application)]) else {
                break;
            };
            let Some(user_id) = self.users[user as usize].id else { continue };
            if ids.len() == count || self.places.contains_key(&(group, user)) {
                continue;
            }
            let members = &mut self.groups[group as usize].members;
            self.places.insert((group, user), members.len() as u32);
            members.push(user);
            self.users[user as usize].groups.push(group);
            self.users[user as usize].named_in = self.step;
            ids.push(user_id);
        }
        let changed = !ids.is_empty();
        if changed {
            self.push(step, Resource::Group(group), application, Ask::Members(id, true, ids));
        }
        changed
    }

    /// Removes random members; returns whether there was any to remove.
    fn remove_members(&mut self, step: &mut Step, group: u32, count: usize) -> bool {
        let Some(id) = self.groups[group as usize].id else { return false };
        let mut ids = Vec::with_capacity(count);
        for _ in 0..count {
            let Some(&user) = self.random.pick(&self.groups[group as usize].members) else { break };
            let Some(user_id) = self.users[user as usize].id else { continue };
            self.take_out(group, user);
            let leaving = &mut self.users[user as usize];
            leaving.groups.retain(|other| *other != group);
            leaving.named_in = self.step;
            ids.push(user_id);
        }
        let changed = !ids.is_empty();
        if changed {
            let application = self.size.application_of_group(group);
            self.push(step, Resource::Group(group), application, Ask::Members(id, false, ids));
        }
        changed
    }

    fn take_out(&mut self, group: u32, user: u32) {
        let Some(place) = self.places.remove(&(group, user)) else { return };
        let members = &mut self.groups[group as usize].members;
        members.swap_remove(place as usize);
        if let Some(moved) = members.get(place as usize) {
            self.places.insert((group, *moved), place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays the plan without a server: every create gets an id.
    fn played(operations: u64, seed: u64) -> (Workload, Vec<Request>) {
        let mut workload = Workload::new(Size::of(operations), seed);
        let (mut all, mut next_id) = (vec![], 0_u128);
        while let Some(step) = workload.next() {
            let mut ids = vec![];
            for request in step.iter().flatten() {
                next_id += 1;
                match request.ask {
                    Ask::CreateUser(user) => {
                        ids.push((Resource::User(user), Uuid::from_u128(next_id)));
                    }
                    Ask::CreateGroup(group) => {
                        ids.push((Resource::Group(group), Uuid::from_u128(next_id)));
                    }
                    _ => {}
                }
            }
            workload.made(&ids);
            all.extend(step.into_iter().flatten());
        }
        (workload, all)
    }

    #[test]
    fn the_same_seed_asks_the_same() {
        let (_, first) = played(20_000, 7);
        assert_eq!(first, played(20_000, 7).1);
        assert_ne!(first, played(20_000, 8).1);
    }

    #[test]
    fn the_workload_has_every_kind_of_request() {
        let (workload, all) = played(100_000, 7);
        assert!((100_000..100_002).contains(&all.len()), "{}", all.len());
        let count = |wanted: &dyn Fn(&Ask) -> bool| all.iter().filter(|r| wanted(&r.ask)).count();
        assert!(count(&|ask| matches!(ask, Ask::CreateUser(_))) >= 10_000);
        assert_eq!(count(&|ask| matches!(ask, Ask::CreateGroup(_))), 500);
        assert!(count(&|ask| matches!(ask, Ask::Members(_, false, _))) > 5_000);
        assert!(count(&|ask| matches!(ask, Ask::DeleteUser(_))) > 300);
        assert!(count(&|ask| matches!(ask, Ask::Unauthenticated)) > 20);
        for group in workload.size.asked_groups() {
            let (members, target) = (workload.members(group), workload.size.target(group));
            let near = f64::from(target) * 0.9..f64::from(target) * 1.1 + 3.0;
            assert!(near.contains(&(members as f64)), "{group}: {members} of {target}");
            assert_eq!(workload.size.application_of_group(group), 0);
        }
        let mut places = 0;
        for (group, made) in workload.groups.iter().enumerate() {
            for (place, user) in made.members.iter().enumerate() {
                assert_eq!(workload.places[&(group as u32, *user)], place as u32);
                assert!(workload.users[*user as usize].groups.contains(&(group as u32)));
                places += 1;
            }
        }
        assert_eq!(places, workload.places.len());
    }

    #[test]
    fn the_groups_to_ask_about_have_the_sizes_of_the_full_workload() {
        let size = Size::of(1_000_000);
        assert_eq!((size.users, size.groups), (100_000, 5_000));
        assert_eq!(size.asked_groups().map(|group| size.target(group)), [36_000, 705, 11]);
    }
}
