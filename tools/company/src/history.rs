//! What happens at the company, in order of time: joiners, movers, renames, leavers and returners.
//!
//! Most of it is random. A few people are scripted: the demo's questions are about them.

use std::collections::{BTreeMap, BTreeSet};

use event::Timestamp;

use crate::Plan;
use crate::calendar::{Calendar, HOUR_US, MINUTE_US, SECOND_US, after};
use crate::company::{ALTERNATES, App, Department, Group, GroupKind, OFFICES, Person, groups};
use crate::entra::Cause;
use crate::mapping;
use crate::names::{FAMILY, GIVEN, Name};
use crate::random::Random;

/// A change at the company, and when it happens.
pub(crate) struct Change {
    pub(crate) at: Timestamp,
    pub(crate) kind: ChangeKind,
}

/// A kind of change. People and groups are indexes.
#[derive(Clone)]
pub(crate) enum ChangeKind {
    Join {
        person: usize,
        trouble: Option<Trouble>,
    },
    /// Title, department, office, name or addresses change.
    Become {
        person: usize,
        now: Box<Person>,
    },
    Leave {
        person: usize,
    },
    /// The identity provider deletes a person who left.
    Delete {
        person: usize,
    },
    Return {
        person: usize,
    },
    Suspend {
        person: usize,
    },
    Resume {
        person: usize,
    },
    /// Somebody loses the assignment to one application.
    Unassign {
        person: usize,
        app: App,
    },
    Enter {
        person: usize,
        group: usize,
    },
    Exit {
        person: usize,
        group: usize,
    },
    RenameGroup {
        group: usize,
        name: &'static str,
    },
    NewGroup {
        group: usize,
    },
    /// Somebody reads an account by hand.
    Look {
        person: usize,
        app: App,
    },
    /// An application's token changes before the identity provider's setting does.
    TokenLate {
        app: App,
    },
    /// An old attribute mapping to an application is removed.
    Tidy {
        app: App,
    },
}

/// Why an account cannot be created at first.
#[derive(Clone)]
pub(crate) struct Trouble {
    pub(crate) kind: TroubleKind,
    /// How many cycles fail.
    pub(crate) attempts: usize,
}

#[derive(Clone)]
pub(crate) enum TroubleKind {
    /// The mapping to one application sends an invalid value.
    BadValue(App),
    /// The user name belongs to somebody else.
    Taken { local: String },
}

/// The people and days of the demo's questions.
pub(crate) struct Story {
    pub(crate) approvers: usize,
    pub(crate) approver: usize,
    pub(crate) members_day: Timestamp,
    pub(crate) returner: usize,
    pub(crate) social_leaver: usize,
    pub(crate) left_at: Timestamp,
    pub(crate) day_after: Timestamp,
    /// People whose accounts in [`OFF_APP`] are deactivated within an hour, each for another cause.
    pub(crate) switched_off: Vec<(usize, Cause)>,
    pub(crate) off_at: Timestamp,
}

/// The application in which accounts are deactivated for the four causes.
pub(crate) const OFF_APP: App = App::Jostle;

/// A company's history.
pub(crate) struct History {
    /// Everybody who ever works there, as they joined.
    pub(crate) people: Vec<Person>,
    pub(crate) groups: Vec<Group>,
    /// How many of the groups exist from the beginning; they come first.
    pub(crate) groups_at_start: usize,
    pub(crate) changes: Vec<Change>,
    /// When the old mapping is removed.
    pub(crate) tidied_at: Timestamp,
    pub(crate) story: Story,
}

/// Writes the history of a plan.
pub(crate) fn write(plan: &Plan, calendar: &Calendar) -> History {
    let mut random = Random::seeded(plan.seed);
    let groups = groups(&mut random);
    let writer = Writer {
        random,
        headcount: plan.headcount,
        people: vec![],
        now: vec![],
        groups,
        memberships: BTreeMap::new(),
        locals: BTreeSet::new(),
        available: BTreeMap::new(),
        pending: BTreeMap::new(),
        delete_days: calendar.workdays.len() / 3,
        changes: vec![],
    };
    writer.write(calendar)
}

struct Writer {
    random: Random,
    headcount: usize,
    people: Vec<Person>,
    /// The same people as they are now.
    now: Vec<Person>,
    groups: Vec<Group>,
    /// The members of groups that do not follow from department or office.
    memberships: BTreeMap<usize, BTreeSet<usize>>,
    locals: BTreeSet<String>,
    /// People to whom random changes may happen, and from which working day on.
    available: BTreeMap<usize, usize>,
    /// Planned changes, by working day.
    pending: BTreeMap<usize, Vec<ChangeKind>>,
    /// After how many working days somebody who left is deleted.
    delete_days: usize,
    changes: Vec<Change>,
}

/// Working days between random changes to the same person.
const REST_DAYS: usize = 4;
/// The group that is created later, and the one that is renamed.
const NEW_GROUP: &str = "Project Lanterne";
const OLD_NAME: &str = "Customer Care";
const NEW_NAME: &str = "Customer Success";
/// The last working day on which the old mapping may be removed: before any person changes twice.
const TIDY_PLACE_MAX: usize = 3;

impl Writer {
    fn write(mut self, calendar: &Calendar) -> History {
        let groups_at_start = self.groups.len();
        let new_group = self.groups.len();
        let external_id = self.random.uuid();
        let (name, kind) = (NEW_GROUP.to_owned(), GroupKind::Project);
        self.groups.push(Group { name, kind, external_id });
        let morning = after(calendar.workdays[0], 6 * HOUR_US);
        self.staff(morning);
        let (story, mut planned) = self.story(calendar);
        planned.push((calendar.place(200), 9 * HOUR_US, ChangeKind::NewGroup { group: new_group }));
        if let Some(group) = self.groups.iter().position(|group| group.name == OLD_NAME) {
            let rename = ChangeKind::RenameGroup { group, name: NEW_NAME };
            planned.push((calendar.place(650), 13 * HOUR_US, rename));
        }
        // The old mapping was found by its flags in the log.
        let (tidy_place, tidy_us) = (calendar.place(60).clamp(1, TIDY_PLACE_MAX), 15 * HOUR_US);
        planned.push((tidy_place, tidy_us, ChangeKind::Tidy { app: mapping::OLD.0 }));
        let tidied_at = after(calendar.workdays[tidy_place], tidy_us);
        let planned = planned.into_iter().map(|(place, micros, kind)| Change {
            at: after(calendar.workdays[place], micros),
            kind,
        });
        self.changes.extend(planned);
        for (place, day) in calendar.workdays.iter().enumerate().skip(1) {
            self.day(place, *day);
        }
        let (people, groups, mut changes) = (self.people, self.groups, self.changes);
        changes.sort_by_key(|change| change.at);
        History { people, groups, groups_at_start, changes, tidied_at, story }
    }

    /// Adds the random changes of a working day, spread over its hours.
    fn day(&mut self, place: usize, day: Timestamp) {
        let mut today = self.pending.remove(&place).unwrap_or_default();
        self.by_lot(place, &mut today);
        let mut micros: Vec<i64> =
            today.iter().map(|_| self.random.between(7 * HOUR_US, 18 * HOUR_US)).collect();
        // Keep the order in which they were drawn, so that related changes stay in order.
        micros.sort_unstable();
        let changes = micros.into_iter().zip(today);
        self.changes.extend(changes.map(|(micros, kind)| Change { at: after(day, micros), kind }));
    }

    /// Hires the people who are there from the beginning.
    fn staff(&mut self, at: Timestamp) {
        for department in Department::ALL {
            // At least three, so that a small company has every department.
            for _ in 0..(self.headcount * department.share() / 100).max(3) {
                let person = self.hire(department);
                self.changes.push(Change { at, kind: ChangeKind::Join { person, trouble: None } });
            }
        }
        for person in 0..self.now.len() {
            let at = after(at, SECOND_US);
            if App::Hootsuite.serves(self.now[person].department) {
                let group = self.group_of(GroupKind::Social);
                self.enter(at, person, group);
            }
            if self.random.chance(250) {
                let group = self.group_of(GroupKind::Project);
                self.enter(at, person, group);
            }
        }
    }

    fn enter(&mut self, at: Timestamp, person: usize, group: usize) {
        if self.memberships.entry(group).or_default().insert(person) {
            self.changes.push(Change { at, kind: ChangeKind::Enter { person, group } });
        }
    }

    fn group_of(&mut self, kind: GroupKind) -> usize {
        let groups = self.groups.iter().enumerate();
        let places: Vec<usize> = groups
            .filter(|(_, group)| group.kind == kind && group.name != NEW_GROUP)
            .map(|(place, _)| place)
            .collect();
        self.random.pick(&places)
    }

    /// The index of a group that exists.
    fn group_named(&self, name: &str) -> usize {
        self.groups.iter().position(|group| group.name == name).unwrap_or_default()
    }

    /// A new person in a department.
    fn hire(&mut self, department: Department) -> usize {
        let given = self.random.pick(&GIVEN);
        let family = self.random.pick(&FAMILY);
        self.hire_named(department, given, family)
    }

    fn hire_named(&mut self, department: Department, given: Name, family: Name) -> usize {
        let title = self.random.pick(&department.titles()).to_owned();
        let office = self.random.below(OFFICES.len());
        let language = if self.random.chance(250) { "en-GB" } else { OFFICES[office].language };
        let (has_mobile, has_personal_email) = (self.random.chance(600), self.random.chance(300));
        let local = self.free_local(&format!("{}.{}", given.1, family.1));
        let person = self.people.len();
        self.people.push(Person {
            given: given.0.to_owned(),
            family: family.0.to_owned(),
            local,
            department,
            title,
            office,
            employee_number: 10_200 + 7 * person,
            language,
            has_mobile,
            has_personal_email,
            alternates: vec![],
        });
        if self.random.chance(150) {
            let alternate = self.random.below(ALTERNATES.len());
            self.people[person].alternates.push(alternate);
        }
        self.now.push(self.people[person].clone());
        self.available.insert(person, 1);
        person
    }

    /// The wanted part of a user name, with a number appended if it is taken.
    fn free_local(&mut self, wanted: &str) -> String {
        let numbered = (2..).map(|number| format!("{wanted}{number}"));
        let mut locals = std::iter::once(wanted.to_owned()).chain(numbered);
        let free = locals.find(|local| !self.locals.contains(local)).unwrap_or_default();
        self.locals.insert(free.clone());
        free
    }

    /// A random person who may change now; they rest for some days afterwards.
    fn somebody(&mut self, place: usize) -> Option<usize> {
        let ready = self.available.iter().filter(|(_, from)| **from <= place);
        let ready: Vec<usize> = ready.map(|(person, _)| *person).collect();
        if ready.is_empty() {
            return None;
        }
        let person = self.random.pick(&ready);
        self.available.insert(person, place + REST_DAYS);
        Some(person)
    }

    fn later(&mut self, place: usize, days: usize, kind: ChangeKind) {
        self.pending.entry(place + days).or_default().push(kind);
    }

    /// Draws the random changes of a working day.
    fn by_lot(&mut self, place: usize, today: &mut Vec<ChangeKind>) {
        // Rates per day for 230 people, in thousandths.
        let rate = |per_thousand: usize| per_thousand * self.headcount / 230;
        let [joins, leaves, moves, titles, marriages, addresses, enters, exits, breaks, looks] =
            [1200, 700, 900, 800, 250, 300, 1800, 1300, 250, 6000].map(rate);
        for _ in 0..self.random.times(joins) {
            let join = self.join(place);
            if let ChangeKind::Join { person, .. } = join {
                today.push(join);
                today.extend(self.socialise(person));
            }
        }
        for _ in 0..self.random.times(leaves) {
            let Some(person) = self.somebody(place) else { continue };
            self.available.remove(&person);
            today.push(ChangeKind::Leave { person });
            self.later(place, self.delete_days, ChangeKind::Delete { person });
            if self.random.chance(120) {
                self.later(place, self.delete_days + 4, ChangeKind::Return { person });
            }
        }
        for _ in 0..self.random.times(moves) {
            let Some(person) = self.somebody(place) else { continue };
            let department = self.random.pick(&Department::ALL);
            let now = &mut self.now[person];
            now.title = self.random.pick(&department.titles()).to_owned();
            now.department = department;
            if self.random.chance(300) {
                now.office = self.random.below(OFFICES.len());
            }
            today.push(ChangeKind::Become { person, now: Box::new(now.clone()) });
            today.extend(self.socialise(person));
        }
        for _ in 0..self.random.times(titles) {
            let Some(person) = self.somebody(place) else { continue };
            let now = &mut self.now[person];
            now.title = format!("Senior {}", self.random.pick(&now.department.titles()));
            today.push(ChangeKind::Become { person, now: Box::new(now.clone()) });
        }
        for _ in 0..self.random.times(marriages) {
            let Some(person) = self.somebody(place) else { continue };
            let family = self.random.pick(&FAMILY);
            today.push(self.rename(person, family));
        }
        for _ in 0..self.random.times(addresses) {
            let Some(person) = self.somebody(place) else { continue };
            let alternate = self.random.below(ALTERNATES.len());
            let now = &mut self.now[person];
            // Jostle has two attributes for them.
            if now.alternates.len() < 2 && !now.alternates.contains(&alternate) {
                now.alternates.push(alternate);
                today.push(ChangeKind::Become { person, now: Box::new(now.clone()) });
            }
        }
        for _ in 0..self.random.times(enters) {
            let Some(person) = self.somebody(place) else { continue };
            let group = self.group_of(GroupKind::Project);
            if self.memberships.entry(group).or_default().insert(person) {
                today.push(ChangeKind::Enter { person, group });
            }
        }
        for _ in 0..self.random.times(exits) {
            let is_social = self.random.chance(200);
            let kind = if is_social { GroupKind::Social } else { GroupKind::Project };
            let group = self.group_of(kind);
            let members = self.memberships.get(&group).into_iter().flatten();
            let ready =
                |person: &&usize| self.available.get(person).is_some_and(|from| *from <= place);
            let members: Vec<usize> = members.filter(ready).copied().collect();
            if members.is_empty() {
                continue;
            }
            let person = self.random.pick(&members);
            self.available.insert(person, place + REST_DAYS);
            self.memberships.entry(group).or_default().remove(&person);
            today.push(ChangeKind::Exit { person, group });
        }
        for _ in 0..self.random.times(breaks) {
            let Some(person) = self.somebody(place) else { continue };
            self.available.insert(person, place + 6 + REST_DAYS);
            today.push(ChangeKind::Suspend { person });
            self.later(place, 6, ChangeKind::Resume { person });
        }
        for _ in 0..self.random.times(looks) {
            let ready: Vec<usize> = self.available.keys().copied().collect();
            let (person, app) = (self.random.pick(&ready), self.random.pick(&App::ALL));
            today.push(ChangeKind::Look { person, app });
        }
        if place % 11 == 3 {
            let app = self.random.pick(&App::ALL);
            today.push(ChangeKind::TokenLate { app });
        }
    }

    /// Adds somebody who works with social media to one of its groups.
    fn socialise(&mut self, person: usize) -> Option<ChangeKind> {
        let is_social = App::Hootsuite.serves(self.now[person].department);
        let group = is_social.then(|| self.group_of(GroupKind::Social))?;
        let is_new = self.memberships.entry(group).or_default().insert(person);
        is_new.then_some(ChangeKind::Enter { person, group })
    }

    /// A new person. Sometimes the account cannot be created at once.
    fn join(&mut self, place: usize) -> ChangeKind {
        let attempts = 2 + self.random.below(4);
        let lot = self.random.below(100);
        // A consultant with the same name as an employee.
        let namesake = if lot < 12 { self.namesake(place) } else { None };
        if let Some(other) = namesake {
            let kind = self.join_namesake(other, attempts);
            if let ChangeKind::Join { person, .. } = &kind {
                self.available.insert(*person, place + 2 * REST_DAYS);
            }
            return kind;
        }
        let everybody = (0..100).collect::<Vec<usize>>();
        let mut share = self.random.pick(&everybody);
        let department = Department::ALL.into_iter().find(|department| {
            let found = share < department.share();
            share = share.saturating_sub(department.share());
            found
        });
        let person = self.hire(department.unwrap_or(Department::Engineering));
        self.available.insert(person, place + 2 * REST_DAYS);
        let trouble = (lot >= 85).then(|| {
            let served = App::ALL.into_iter();
            let served = served.filter(|app| app.serves(self.people[person].department));
            let app = self.random.pick(&served.collect::<Vec<App>>());
            Trouble { kind: TroubleKind::BadValue(app), attempts }
        });
        ChangeKind::Join { person, trouble }
    }

    /// A random person with an account in the application that consultants get.
    fn namesake(&mut self, place: usize) -> Option<usize> {
        let serves = |person: &usize| App::Howspace.serves(self.now[*person].department);
        let ready = self.available.iter().filter(|(_, from)| **from <= place);
        let others: Vec<usize> = ready.map(|(person, _)| *person).filter(serves).collect();
        if others.is_empty() {
            return None;
        }
        let other = self.random.pick(&others);
        self.available.insert(other, place + REST_DAYS);
        Some(other)
    }

    /// A consultant whose account is first requested with the user name of an employee.
    fn join_namesake(&mut self, other: usize, attempts: usize) -> ChangeKind {
        let other = self.now[other].clone();
        let person = self.hire(Department::Consultants);
        self.available.remove(&person);
        let local = self.free_local(&format!("{}.ext", other.local));
        let new = &mut self.people[person];
        (new.given, new.family, new.local) = (other.given, other.family, local);
        self.now[person] = new.clone();
        let kind = TroubleKind::Taken { local: other.local };
        ChangeKind::Join { person, trouble: Some(Trouble { kind, attempts }) }
    }

    fn rename(&mut self, person: usize, family: Name) -> ChangeKind {
        let given = self.now[person].local.split('.').next().unwrap_or_default().to_owned();
        let local = self.free_local(&format!("{given}.{}", family.1));
        let now = &mut self.now[person];
        now.family = family.0.to_owned();
        now.local = local;
        ChangeKind::Become { person, now: Box::new(now.clone()) }
    }

    /// Plans the people of the demo's questions, and one with a namesake: (working day, time of day,
    /// change).
    fn story(&mut self, calendar: &Calendar) -> (Story, Vec<(usize, i64, ChangeKind)>) {
        let reserved = |writer: &mut Writer, department, given, family| {
            let person = writer.hire_named(department, given, family);
            writer.available.remove(&person);
            person
        };
        let morning = after(calendar.workdays[0], 6 * HOUR_US);
        let from_start = |writer: &mut Writer, person| {
            writer
                .changes
                .push(Change { at: morning, kind: ChangeKind::Join { person, trouble: None } });
        };
        let mut planned = Vec::new();

        // Was an approver, and left.
        let (given, family) = (("Mireille", "mireille"), ("Okonkwo", "okonkwo"));
        let approver = reserved(self, Department::Communications, given, family);
        from_start(self, approver);
        let approvers = self.group_named("Approvers");
        self.enter(morning, approver, approvers);
        planned.push((calendar.place(580), 9 * HOUR_US, ChangeKind::Leave { person: approver }));
        planned.push((calendar.place(900), 10 * HOUR_US, ChangeKind::Delete { person: approver }));

        // Refused, created, renamed, deactivated, deleted, and created again.
        let returner =
            reserved(self, Department::Care, ("Zoë", "zoe"), ("Brandstätter", "brandstatter"));
        let trouble = Trouble { kind: TroubleKind::BadValue(App::Howspace), attempts: 2 };
        let join = ChangeKind::Join { person: returner, trouble: Some(trouble) };
        planned.push((calendar.place(120), 8 * HOUR_US, join));
        let rename = self.rename(returner, ("Łukasiewicz", "lukasiewicz"));
        planned.push((calendar.place(400), 11 * HOUR_US, rename));
        planned.push((calendar.place(750), 15 * HOUR_US, ChangeKind::Leave { person: returner }));
        planned.push((calendar.place(870), 9 * HOUR_US, ChangeKind::Delete { person: returner }));
        planned.push((calendar.place(1000), 10 * HOUR_US, ChangeKind::Return { person: returner }));

        // Always has a namesake.
        let engineer =
            reserved(self, Department::Engineering, ("Łukasz", "lukasz"), ("Weiß", "weiss"));
        from_start(self, engineer);
        let namesake = self.join_namesake(engineer, 3);
        planned.push((calendar.place(680), 9 * HOUR_US, namesake));

        // Leaves in the hour in which the recorder is killed.
        let social_leaver =
            reserved(self, Department::Marketing, ("Håkon", "hakon"), ("Väisänen", "vaisanen"));
        from_start(self, social_leaver);
        let publishers = self.group_named("Publishers");
        self.enter(morning, social_leaver, publishers);
        // Changes title while the old mapping is in place.
        "Senior Brand Manager".clone_into(&mut self.now[social_leaver].title);
        let promoted = Box::new(self.now[social_leaver].clone());
        planned.push((
            1,
            10 * HOUR_US,
            ChangeKind::Become { person: social_leaver, now: promoted },
        ));
        let place = calendar.crash_place();
        let left_us = 16 * HOUR_US + 45 * MINUTE_US;
        planned.push((place, left_us, ChangeKind::Leave { person: social_leaver }));

        let (off_place, off_us) = (calendar.place(870), 12 * HOUR_US + 50 * MINUTE_US);
        let switched_off = self.switched_off(morning);
        for (person, cause) in &switched_off {
            planned.push((off_place, off_us, self.switch_off(*person, *cause)));
        }

        let story = Story {
            approvers,
            approver,
            // Before the crash, even in a short history.
            members_day: calendar.workdays[calendar.place(330).min(place - 1)],
            returner,
            social_leaver,
            left_at: after(calendar.workdays[place], left_us),
            day_after: after(calendar.workdays[place], crate::calendar::DAY_US),
            switched_off,
            off_at: after(calendar.workdays[off_place], off_us),
        };
        (story, planned)
    }

    /// Four people from the beginning, one for each cause of a deactivation.
    fn switched_off(&mut self, morning: Timestamp) -> Vec<(usize, Cause)> {
        let names = [
            (("Ottilie", "ottilie"), ("Ferreira", "ferreira")),
            (("Bram", "bram"), ("Szymański", "szymanski")),
            (("Noor", "noor"), ("Hallgrímsdóttir", "hallgrimsdottir")),
            (("Ciarán", "ciaran"), ("Nyström", "nystrom")),
        ];
        let mut people = vec![];
        for ((given, family), cause) in names.into_iter().zip(Cause::ALL) {
            let person = self.hire_named(Department::Logistics, given, family);
            self.available.remove(&person);
            let join = ChangeKind::Join { person, trouble: None };
            self.changes.push(Change { at: morning, kind: join });
            people.push((person, cause));
        }
        people
    }

    /// The change that deactivates somebody's account in [`OFF_APP`] for a cause.
    fn switch_off(&mut self, person: usize, cause: Cause) -> ChangeKind {
        match cause {
            Cause::Unassigned => ChangeKind::Unassign { person, app: OFF_APP },
            Cause::FilteredOut => {
                let now = &mut self.now[person];
                now.department = Department::Consultants;
                "Contractor".clone_into(&mut now.title);
                ChangeKind::Become { person, now: Box::new(now.clone()) }
            }
            Cause::SoftDeleted => ChangeKind::Leave { person },
            Cause::DisabledAtSource => ChangeKind::Suspend { person },
        }
    }
}
