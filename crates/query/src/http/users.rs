//! The users of an application as of an instant, and one of them.

use std::borrow::Cow;

use answers::row::{self, Rests, UserSeen};
use answers::{OneUser, Users};
use event::{Application, Number, ResourceType};

use super::question::{Answered, Asked};
use super::resource;
use crate::answer::Found;
use crate::as_of::{User, users_at};
use crate::coverage::Coverage;
use crate::error::Error;
use crate::imported_accounts::{Account, accounts_at, is_only_imported};
use crate::record::Record;
use crate::standpoint::Standpoint;

impl Answered for Users {
    /// By number.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<Users>, Error> {
        let row_of = asked.application(&self.app)?;
        let (application, is_proxied) = (row_of.number, row_of.upstream.is_some());
        let mut stand = asked.standpoint()?;
        let record = &asked.reading.record.limited_to(stand.size);
        if let Some(active) = self.active {
            stand.question.insert("active".into(), active.into());
        }
        if is_only_imported(record, application)? {
            return imported(record, &stand, application, self.active);
        }
        let page = users_at(&record.view, application, self.active, stand.at_seq, stand.slice())?;
        let next = page.next.map(|number| stand.next(number.0.into()));
        let rows = page.rows.iter().map(|user| {
            let created_seq = user.version.created_seq;
            let start_known = resource::start_known(record, is_proxied, created_seq)?;
            Ok(row(user, start_known))
        });
        let rows = rows.collect::<Result<Vec<_>, Error>>()?;
        let coverage = Coverage::at(record, &stand, &[application])?;
        let found = Found::new(record, &stand, &coverage).about(application, Number::NOBODY);
        Ok(found.beside(Rests { basis: None }).rows(rows, page.count, next))
    }
}

/// Users known only from a provider's log.
fn imported(
    record: &Record<'_>,
    stand: &Standpoint,
    application: Application,
    active: Option<bool>,
) -> Result<Found<Users>, Error> {
    let mut accounts = accounts_at(record, application, ResourceType::USER, stand.time)?;
    accounts.retain(|_, one| one.exists && active.is_none_or(|wanted| one.active == wanted));
    let all: Vec<Account> = accounts.into_values().collect();
    let (page, next) = stand.part_of(&all);
    let rows = page.iter().map(|account| row::User {
        user_id: account.id.clone(),
        user_name: account.user_name().map(str::to_owned),
        external_id: None,
        display_name: account.display_name().map(str::to_owned),
        active: account.active,
        created_at: account.created.map(|moment| moment.occurred_at.to_string().into()),
        created_seq: account.created.map(|moment| moment.seq),
        deleted_at: None,
        deleted_seq: None,
        // The first imported entry need not be the first that the provider wrote.
        start_known: false,
    });
    let coverage = Coverage::at(record, stand, &[application])?;
    let coverage = coverage.with_imports(record, stand, &[application], true)?;
    let found = Found::new(record, stand, &coverage).about(application, Number::NOBODY);
    let found = found.beside(Rests { basis: Some("imported".to_owned()) });
    Ok(found.rows(rows, all.len() as u64, next))
}

fn row(user: &User, start_known: bool) -> row::User {
    let version = &user.version;
    row::User {
        user_id: version.id().map(Cow::into_owned),
        user_name: version.text("userName"),
        external_id: version.text("externalId"),
        display_name: version.text("displayName"),
        active: version.active,
        created_at: Some(version.created_at.to_string().into()),
        created_seq: Some(version.created_seq),
        deleted_at: None,
        deleted_seq: None,
        start_known,
    }
}

impl Answered for OneUser {
    fn answer(self, asked: &Asked<'_>) -> Result<Found<OneUser>, Error> {
        let application = asked.application(&self.app)?;
        let stand = asked.standpoint()?;
        let record = &asked.reading.record.limited_to(stand.size);
        if is_only_imported(record, application.number)? {
            return one_imported(&self, record, &stand, application.number);
        }
        let (view, named, at) = (&record.view, &self.user.0, stand.at_seq);
        let found = resource::named(view, application.number, ResourceType::USER, named, at)?;
        let groups = match (self.include, at) {
            (None, _) => None,
            (Some(_), None) => Some(vec![]),
            (Some(_), Some(at)) => {
                Some(resource::groups(record, &application, found.number, at, self.nested)?)
            }
        };
        let (exists, exists_seq) = resource::existence(&found);
        let beside = UserSeen {
            exists,
            exists_seq: Some(exists_seq),
            groups,
            nested: self.include.map(|_| self.nested),
            basis: None,
            start_known: resource::start_seen(record, &application, &found)?,
        };
        let base = asked.reading.query.tenant_url(&self.app.0);
        let coverage = Coverage::at(record, &stand, &[application.number])?;
        let answer = Found::new(record, &stand, &coverage).about(application.number, found.number);
        Ok(answer.beside(beside).resource(resource::representation(&found, &base)?))
    }
}

/// A user known only from a provider's log.
fn one_imported(
    question: &OneUser,
    record: &Record<'_>,
    stand: &Standpoint,
    application: Application,
) -> Result<Found<OneUser>, Error> {
    let user = (ResourceType::USER, question.user.0.as_str());
    let imported = resource::imported(record, stand, application, user)?;
    let beside = UserSeen {
        exists: imported.exists,
        exists_seq: imported.exists_seq,
        // No provider's log has memberships; the coverage says so.
        groups: question.include.map(|_| vec![]),
        nested: question.include.map(|_| question.nested),
        basis: Some("imported".to_owned()),
        // The user may be older than the log.
        start_known: Some(false),
    };
    let answer = Found::new(record, stand, &imported.coverage).about(application, imported.number);
    Ok(answer.beside(beside).resource(imported.resource))
}
