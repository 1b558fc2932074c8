//! The users of an application as of an instant.

use event::{Number, ResourceType};
use serde_json::{Value, json};

use super::{Ask, Names, resource};
use crate::answer::Answer;
use crate::as_of::{User, users_at};
use crate::coverage::Coverage;
use crate::cursor::List;
use crate::error::Error;
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
        let mut stand = Stand::of_page(&reading.record, &params, &[("app", &slug)], List::Users)?;
        let record = &reading.record.of_first(stand.size);
        if let Some(active) = active {
            stand.question.insert("active".into(), active.into());
        }
        let page = users_at(&record.view, application, active, stand.at_seq, stand.slice())?;
        let next = page.next.map(|number| stand.next(List::Users, number.0.into()));
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
