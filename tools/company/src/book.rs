//! The identity provider's own memory of every acknowledged request. Expected answers come from here,
//! never from the recorder.

use std::collections::{BTreeMap, BTreeSet};

use event::{Flag, Timestamp};

/// The memory of one application.
#[derive(Default)]
pub(crate) struct Book {
    accounts: Vec<Account>,
    /// The account that a person has now.
    current: BTreeMap<usize, usize>,
    /// The last account of a person that was deleted.
    deleted: BTreeMap<usize, usize>,
    groups: BTreeMap<usize, Members>,
    pub(crate) operations: Vec<Operation>,
}

/// A request that was answered.
#[derive(Clone, PartialEq, Debug)]
pub struct Operation {
    /// When it was made.
    pub at: Timestamp,
    /// Method and resource type: `PATCH User`.
    pub name: &'static str,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The flags that the application's profile should give it.
    pub flags: Vec<Flag>,
    /// Its subject.
    pub(crate) person: Option<usize>,
}

struct Account {
    id: String,
    user_names: Vec<(Timestamp, String)>,
    active: Vec<(Timestamp, bool)>,
    deleted_at: Option<Timestamp>,
}

struct Members {
    id: String,
    stays: Vec<Stay>,
}

struct Stay {
    account: usize,
    from: Timestamp,
    to: Option<Timestamp>,
}

impl Book {
    pub(crate) fn user_id(&self, person: usize) -> Option<&str> {
        self.current.get(&person).map(|place| self.accounts[*place].id.as_str())
    }

    pub(crate) fn deleted_id(&self, person: usize) -> Option<&str> {
        self.deleted.get(&person).map(|place| self.accounts[*place].id.as_str())
    }

    pub(crate) fn group_id(&self, group: usize) -> Option<&str> {
        self.groups.get(&group).map(|members| members.id.as_str())
    }

    pub(crate) fn user_created(
        &mut self,
        person: usize,
        id: &str,
        user_name: String,
        at: Timestamp,
    ) {
        self.current.insert(person, self.accounts.len());
        self.accounts.push(Account {
            id: id.to_owned(),
            user_names: vec![(at, user_name)],
            active: vec![(at, true)],
            deleted_at: None,
        });
    }

    pub(crate) fn user_renamed(&mut self, person: usize, user_name: String, at: Timestamp) {
        if let Some(place) = self.current.get(&person) {
            self.accounts[*place].user_names.push((at, user_name));
        }
    }

    pub(crate) fn user_switched(&mut self, person: usize, active: bool, at: Timestamp) {
        if let Some(place) = self.current.get(&person) {
            self.accounts[*place].active.push((at, active));
        }
    }

    /// Deleting a user ends the memberships.
    pub(crate) fn user_deleted(&mut self, person: usize, at: Timestamp) {
        let Some(place) = self.current.remove(&person) else { return };
        self.accounts[place].deleted_at = Some(at);
        self.deleted.insert(person, place);
        for members in self.groups.values_mut() {
            members.end(place, at);
        }
    }

    pub(crate) fn group_created(&mut self, group: usize, id: &str) {
        self.groups.insert(group, Members { id: id.to_owned(), stays: vec![] });
    }

    pub(crate) fn members_added(&mut self, group: usize, people: &[usize], at: Timestamp) {
        let Some(members) = self.groups.get_mut(&group) else { return };
        for person in people {
            if let Some(account) = self.current.get(person) {
                members.stays.push(Stay { account: *account, from: at, to: None });
            }
        }
    }

    pub(crate) fn members_removed(&mut self, group: usize, people: &[usize], at: Timestamp) {
        let Some(members) = self.groups.get_mut(&group) else { return };
        for person in people {
            if let Some(account) = self.current.get(person) {
                members.end(*account, at);
            }
        }
    }

    /// The user names of a group's members at an instant.
    pub(crate) fn members_at(&self, group: usize, at: Timestamp) -> BTreeSet<String> {
        let stays = self.groups.get(&group).into_iter().flat_map(|members| &members.stays);
        let there = stays.filter(|stay| stay.from <= at && stay.to.is_none_or(|to| at < to));
        there.map(|stay| self.accounts[stay.account].user_name_at(at)).collect()
    }

    /// The user names of the active accounts at an instant.
    pub(crate) fn active_at(&self, at: Timestamp) -> BTreeSet<String> {
        let active = self.accounts.iter().filter(|account| account.is_active_at(at));
        active.map(|account| account.user_name_at(at)).collect()
    }

    /// Every request about a person's account, refused ones included, except reads.
    pub(crate) fn timeline(&self, person: usize) -> Vec<Operation> {
        let concerns = |operation: &&Operation| {
            operation.person == Some(person) && operation.name != "GET User"
        };
        self.operations.iter().filter(concerns).cloned().collect()
    }
}

impl Members {
    fn end(&mut self, account: usize, at: Timestamp) {
        for stay in &mut self.stays {
            if stay.account == account && stay.to.is_none() {
                stay.to = Some(at);
            }
        }
    }
}

impl Account {
    fn user_name_at(&self, at: Timestamp) -> String {
        let until = self.user_names.iter().rev().find(|(from, _)| *from <= at);
        until.map(|(_, user_name)| user_name.clone()).unwrap_or_default()
    }

    fn is_active_at(&self, at: Timestamp) -> bool {
        let until = self.active.iter().rev().find(|(from, _)| *from <= at);
        until.is_some_and(|(_, active)| *active) && self.deleted_at.is_none_or(|end| at < end)
    }
}
