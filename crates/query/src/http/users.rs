//! The users of an application as of an instant.

use answers::Users;
use answers::row::{self, Rests};
use event::{Application, Number, ResourceType};

use super::ask::{Ask, Names};
use super::question::{Answered, Asked, Found};
use super::resource;
use crate::answer::Answer;
use crate::as_of::{User, users_at};
use crate::claimed::{Account, accounts_at, is_only_imported};
use crate::coverage::Coverage;
use crate::error::Error;
use crate::record::Record;
use crate::stand::Stand;

/// `GET /api/v1/apps/{app}/users/{user}`
pub(super) async fn one(ask: Ask, names: Names<(String, String)>) -> Result<Answer, Error> {
    ask.answer(move |reading| resource::one(&reading, ResourceType::USER, "user", &names)).await
}

impl Answered for Users {
    /// By number.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<Users>, Error> {
        let row_of = asked.application(&self.app)?;
        let (application, is_proxied) = (row_of.number, row_of.upstream.is_some());
        let mut stand = asked.stand()?;
        let record = &asked.reading.record.of_first(stand.size);
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
            let start_known = !is_proxied || !resource::was_seen(record, created_seq)?;
            Ok(row(user, start_known))
        });
        let rows = rows.collect::<Result<Vec<_>, Error>>()?;
        let coverage = Coverage::at(record, &stand, &[application])?;
        let found = Found::new(record, &stand, &coverage).about(application, Number::NOBODY);
        found.beside(Rests { basis: None })?.rows(rows, page.count, next)
    }
}

/// The users that a provider's log tells of, where nothing was recorded.
fn imported(
    record: &Record<'_>,
    stand: &Stand,
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
        // The first entry that was imported need not be the first that was written.
        start_known: false,
    });
    let coverage = Coverage::at(record, stand, &[application])?;
    let coverage = coverage.with_imports(record, stand, &[application], true)?;
    let found = Found::new(record, stand, &coverage).about(application, Number::NOBODY);
    let found = found.beside(Rests { basis: Some("imported".to_owned()) })?;
    found.rows(rows, all.len() as u64, next)
}

fn row(user: &User, start_known: bool) -> row::User {
    let version = &user.version;
    row::User {
        user_id: version.id().map(str::to_owned),
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
