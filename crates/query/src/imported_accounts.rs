//! What imported entries say of somebody's account, where nothing was recorded: the state folded from
//! their modified properties, in the order in which their source says that they happened. What an entry
//! saw in the application is an account too, though nobody was seen to make it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use entra_log::said::told;
use event::{Action, Application, Number, ResourceType, Source, Status, Timestamp};
use projector::{Claim, ProjectorError};
use serde_json::{Map, Value};
use store::key::{Moment, Set};

use crate::entry::{Entry, truth};
use crate::error::Error;
use crate::record::Record;
use crate::shown::Shown;

/// An account as a provider's log tells of it.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Account {
    /// Its id in the application.
    pub(crate) id: Option<String>,
    user_name: Option<String>,
    display_name: Option<String>,
    /// The values that were written last, by attribute as the provider writes it.
    pub(crate) values: BTreeMap<String, String>,
    pub(crate) active: bool,
    /// Whether it is there, as far as the log tells.
    pub(crate) exists: bool,
    /// Whether an entry ever took it away.
    pub(crate) was_deleted: bool,
    /// The first entry that wrote it or saw it, since it was taken away.
    pub(crate) created: Option<Moment>,
    /// The last entry that wrote it or saw it.
    pub(crate) last: Option<Moment>,
    /// The entry that switched it off, while it is.
    pub(crate) off: Option<Moment>,
}

impl Account {
    fn take(&mut self, claim: &Claim, entry: &Entry) {
        // The audit log tells of people at the provider, and of no account.
        if claim.source != Source::Provisioning {
            return;
        }
        if let Some(name) = entry.user_name() {
            self.user_name = Some(name.to_owned());
        }
        if let Some(name) = entry.display_name() {
            self.display_name = Some(name.to_owned());
        }
        self.take_seen(claim, entry);
        if claim.status != Status::Success {
            return;
        }
        if let Some(id) = entry.target_id() {
            self.id = Some(id.to_owned());
        }
        match claim.action {
            Action::Delete => {
                (self.exists, self.active) = (false, false);
                (self.created, self.last) = (None, Some(claim.moment));
                (self.was_deleted, self.off) = (true, None);
                self.values.clear();
                return;
            }
            Action::Create => (self.exists, self.active) = (true, true),
            Action::Disable => (self.exists, self.active) = (true, false),
            // Of whom the log told nothing before, somebody made an account, which is active at first.
            Action::Update => (self.exists, self.active) = (true, self.active || !self.exists),
            // What wrote nothing made no account, and took none away.
            Action::Other | Action::StagedDelete => return,
        }
        self.created = self.created.or(Some(claim.moment));
        self.last = Some(claim.moment);
        for (path, _, new) in entry.modified() {
            if path.eq_ignore_ascii_case("active") {
                self.active = new.and_then(truth).unwrap_or(self.active);
            }
            // A value that is kept back took the place of one that was told.
            match new.and_then(told) {
                Some(new) => self.values.insert(path.to_owned(), new.to_owned()),
                None => self.values.remove(path),
            };
        }
        self.off = if self.active { None } else { self.off.or(Some(claim.moment)) };
    }

    /// What was seen in the application before the entry wrote anything, or though it wrote nothing.
    fn take_seen(&mut self, claim: &Claim, entry: &Entry) {
        let Some(seen) = entry.seen() else { return };
        if let Some(id) = seen.id {
            self.id = Some(id.to_owned());
        }
        // Whoever was not known before counts as active until an entry says otherwise.
        self.active = self.active || !self.exists;
        self.exists = true;
        self.created = self.created.or(Some(claim.moment));
        self.last = Some(claim.moment);
        for (path, value) in seen.values {
            if path.eq_ignore_ascii_case("active") {
                self.active = truth(value).unwrap_or(self.active);
            } else {
                self.values.insert(path.to_owned(), value.to_owned());
            }
        }
        self.off = if self.active { None } else { self.off.or(Some(claim.moment)) };
    }

    /// What was written goes before what the source calls them.
    fn called<'a>(&'a self, path: &str, at_source: &'a Option<String>) -> Option<&'a str> {
        self.values.get(path).or(at_source.as_ref()).map(String::as_str)
    }

    pub(crate) fn user_name(&self) -> Option<&str> {
        self.called("userName", &self.user_name)
    }

    pub(crate) fn display_name(&self) -> Option<&str> {
        self.called("displayName", &self.display_name)
    }

    /// The values as a user would show them; or a group, which is not active and has one name.
    pub(crate) fn resource(&self, resource_type: ResourceType) -> Map<String, Value> {
        let mut resource = Map::new();
        resource.insert("id".into(), self.id.clone().into());
        resource.insert("displayName".into(), self.display_name().into());
        if resource_type == ResourceType::USER {
            resource.insert("userName".into(), self.user_name().into());
        }
        for (path, value) in &self.values {
            resource.insert(path.clone(), value.clone().into());
        }
        if resource_type == ResourceType::USER {
            resource.insert("active".into(), self.active.into());
        }
        resource
    }
}

/// Whether an application is known from imports alone: it has some, and no user was ever recorded.
pub(crate) fn is_only_imported(
    record: &Record<'_>,
    application: Application,
) -> Result<bool, Error> {
    if !record.view.has_imports(application)? {
        return Ok(false);
    }
    let users = Set::Existing(ResourceType::USER);
    Ok(!record.view.had_members(application, users)?)
}

fn until(at: Timestamp) -> (Moment, Moment) {
    let start = Moment::start_of(Timestamp(i64::MIN));
    (start, Moment::start_of(Timestamp(at.0.saturating_add(1))))
}

/// The accounts of an application's users at an instant, by number; or its groups, for which the same is
/// told.
pub(crate) fn accounts_at(
    record: &Record<'_>,
    application: Application,
    resource_type: ResourceType,
    at: Timestamp,
) -> Result<BTreeMap<Number, Account>, Error> {
    let mut claims = vec![];
    record.view.claims(application, until(at), &mut |claim| {
        if claim.resource_type == resource_type && claim.number != Number::NOBODY {
            claims.push(claim);
        }
        ControlFlow::Continue(())
    })?;
    let mut accounts = BTreeMap::<Number, Account>::new();
    for claim in claims.iter().rev() {
        let entry = entry_of(record, claim)?;
        accounts.entry(claim.number).or_default().take(claim, &entry);
    }
    Ok(accounts)
}

/// The claims about somebody up to an instant, newest first.
pub(crate) fn claims_until(
    record: &Record<'_>,
    application: Application,
    number: Number,
    at: Timestamp,
) -> Result<Vec<Claim>, ProjectorError> {
    let mut claims = vec![];
    record.view.claims_about(application, number, until(at), &mut |claim| {
        claims.push(claim);
        ControlFlow::Continue(())
    })?;
    Ok(claims)
}

/// One account at an instant.
pub(crate) fn account_at(
    record: &Record<'_>,
    application: Application,
    number: Number,
    at: Timestamp,
) -> Result<Account, Error> {
    let mut account = Account::default();
    for claim in claims_until(record, application, number, at)?.iter().rev() {
        account.take(claim, &entry_of(record, claim)?);
    }
    Ok(account)
}

/// The entry of a claim.
pub(crate) fn entry_of(record: &Record<'_>, claim: &Claim) -> Result<Entry, Error> {
    let event = record.event(claim.moment.seq)?;
    let shown = Shown::of(&event).ok_or(Error::Damaged("an imported entry"))?;
    Ok(Entry::of(shown.entry()?))
}
