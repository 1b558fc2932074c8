//! The users of an application as of an instant.

use event::{Application, Number, ResourceType};
use serde_json::{Value, json};

use super::ask::{Ask, Names};
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

/// `GET /api/v1/apps/{app}/users`: who had an account, by number.
pub(super) async fn list(ask: Ask, Names(slug): Names<String>) -> Result<Answer, Error> {
    ask.answer(move |reading| {
        let row_of = reading.caller.application(&reading.record.view, &slug)?;
        let (application, is_proxied) = (row_of.number, row_of.upstream.is_some());
        let params = reading.params(&["at", "active", "knownAt", "tz", "limit", "cursor"])?;
        let active = params.flag("active")?;
        let mut stand = Stand::of_page(&reading.record, &params, &[("app", &slug)], "users")?;
        let record = &reading.record.of_first(stand.size);
        if let Some(active) = active {
            stand.question.insert("active".into(), active.into());
        }
        if is_only_imported(record, application)? {
            return imported(record, &stand, application, active);
        }
        let page = users_at(&record.view, application, active, stand.at_seq, stand.slice())?;
        let next = page.next.map(|number| stand.next(number.0.into()));
        let rows = page.rows.iter().map(|user| {
            let created_seq = user.version.created_seq;
            let start_known = !is_proxied || !resource::was_seen(record, created_seq)?;
            Ok(row(user, start_known))
        });
        let rows = rows.collect::<Result<_, Error>>()?;
        let coverage = Coverage::at(record, &stand, &[application])?;
        let answer = Answer::new(record, &stand, &coverage);
        Ok(answer.about(application, Number::NOBODY).rows(rows, page.count, next))
    })
    .await
}

/// The users that a provider's log tells of, where nothing was recorded.
fn imported(
    record: &Record<'_>,
    stand: &Stand,
    application: Application,
    active: Option<bool>,
) -> Result<Answer, Error> {
    let mut accounts = accounts_at(record, application, ResourceType::USER, stand.time)?;
    accounts.retain(|_, one| one.exists && active.is_none_or(|wanted| one.active == wanted));
    let all: Vec<Account> = accounts.into_values().collect();
    let (page, next) = stand.part_of(&all);
    let rows = page.iter().map(|account| {
        let created = account.created.map(|moment| (moment.occurred_at.to_string(), moment.seq));
        let (created_at, created_seq) = created.unzip();
        json!({
            "userId": account.id,
            "userName": account.user_name(),
            "externalId": null,
            "displayName": account.display_name(),
            "active": account.active,
            "createdAt": created_at,
            "createdSeq": created_seq,
            // The first entry that was imported need not be the first that was written.
            "startKnown": false,
        })
    });
    let coverage = Coverage::at(record, stand, &[application])?;
    let coverage = coverage.with_imports(record, stand, &[application], true)?;
    let answer = Answer::new(record, stand, &coverage).with("basis", "imported");
    let answer = answer.about(application, Number::NOBODY);
    Ok(answer.rows(rows.collect(), all.len() as u64, next))
}

fn row(user: &User, start_known: bool) -> Value {
    let version = &user.version;
    let value = |name: &str| version.state.as_ref().and_then(|state| state.get(name));
    json!({
        "userId": version.id(),
        "userName": value("userName"),
        "externalId": value("externalId"),
        "displayName": value("displayName"),
        "active": version.active,
        "createdAt": version.created_at.to_string(),
        "createdSeq": version.created_seq,
        "startKnown": start_known,
    })
}
