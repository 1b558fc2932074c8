//! Accounts as imported entries describe them, for applications without recorded requests. The state is
//! built from the entries' modified properties, in the order of the source's times. An account that an
//! entry saw in the application counts too, even if no entry created it.

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

/// An account as a provider's log describes it.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Account {
    /// Its id in the application.
    pub(crate) id: Option<String>,
    user_name: Option<String>,
    display_name: Option<String>,
    /// The last written values, by the provider's name of the attribute.
    pub(crate) values: BTreeMap<String, String>,
    pub(crate) active: bool,
    /// Whether it exists according to the log.
    pub(crate) exists: bool,
    /// Whether an entry ever deleted it.
    pub(crate) was_deleted: bool,
    /// The first entry that wrote or saw it since its last deletion.
    pub(crate) created: Option<Moment>,
    /// The last entry that wrote or saw it.
    pub(crate) last: Option<Moment>,
    /// The entry that disabled it; `None` while it is active.
    pub(crate) off: Option<Moment>,
}

impl Account {
    fn take(&mut self, claim: &Claim, entry: &Entry) {
        // The audit log is about the provider's configuration, not about accounts.
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
            // An account first seen in an update was created unseen, and starts as active.
            Action::Update => (self.exists, self.active) = (true, self.active || !self.exists),
            // These neither create nor delete an account.
            Action::Other | Action::StagedDelete => return,
        }
        self.created = self.created.or(Some(claim.moment));
        self.last = Some(claim.moment);
        for (path, _, new) in entry.modified() {
            if path.eq_ignore_ascii_case("active") {
                self.active = new.and_then(truth).unwrap_or(self.active);
            }
            // A hidden value replaces the known one.
            match new.and_then(told) {
                Some(new) => self.values.insert(path.to_owned(), new.to_owned()),
                None => self.values.remove(path),
            };
        }
        self.off = if self.active { None } else { self.off.or(Some(claim.moment)) };
    }

    /// Applies what the source saw in the application before it wrote anything.
    fn take_seen(&mut self, claim: &Claim, entry: &Entry) {
        let Some(seen) = entry.seen() else { return };
        if let Some(id) = seen.id {
            self.id = Some(id.to_owned());
        }
        // An account not known before counts as active until an entry says otherwise.
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

    /// A name: the written value, else the source's name.
    fn called<'a>(&'a self, path: &str, at_source: &'a Option<String>) -> Option<&'a str> {
        self.values.get(path).or(at_source.as_ref()).map(String::as_str)
    }

    pub(crate) fn user_name(&self) -> Option<&str> {
        self.called("userName", &self.user_name)
    }

    pub(crate) fn display_name(&self) -> Option<&str> {
        self.called("displayName", &self.display_name)
    }

    /// The values as a SCIM user or group; a group has neither `active` nor `userName`.
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

/// The claims about a person or resource up to an instant, newest first.
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
