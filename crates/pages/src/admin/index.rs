//! `/admin`: what admins set up, and what they can do there.

use answers::{
    Answer, PrivilegedGroups, Question, ReferenceLists, SavedQuestions, Tokens, described,
};
use axum::extract::Query as Pairs;
use axum::response::Response;
use query::Answered;
use query::visit::{Refusal, Visit, Visitor};
use serde::Deserialize;

use super::{Done, page as admin_page};
use crate::contents::{Contents, Entry};
use crate::error::rendered;
use crate::plain::PlainPage;
use crate::text::grouped;
use crate::view::Link;

/// Parameters of the page.
#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    done: String,
}

/// `GET /admin?done=`
pub(crate) async fn page(
    visitor: Visitor,
    Pairs(asked): Pairs<Asked>,
) -> Result<Response, Refusal> {
    Ok(rendered(&visitor.page(None, move |visit| show(visit, &asked)).await?))
}

fn show(visit: &Visit<'_>, asked: &Asked) -> Result<PlainPage, Refusal> {
    let notice = Done::notice(&asked.done);
    let subtitle = "Each change is an event, and the configuration log tells them all";
    let mut page = admin_page(visit, "Admin", subtitle, notice, |_| {
        let entries = entries(visit)?;
        Ok(vec![Contents { caption: None, entries }.to_string()])
    })?;
    page.shell.crumbs.clear();
    Ok(page)
}

fn entries(visit: &Visit<'_>) -> Result<Vec<Entry>, Refusal> {
    let tokens = visit.ask::<Tokens>(&[("limit", "1000")])?;
    let valid = tokens.content.rows().iter().filter(|one| one.valid).count();
    let is_whole = tokens.envelope.next.is_none();
    let valid = match is_whole {
        true => format!("{valid} valid of {}", grouped(tokens.envelope.row_count)),
        false => grouped(tokens.envelope.row_count),
    };
    Ok(vec![
        Entry {
            count: count::<answers::Apps>(visit)?,
            about: "Each has a tenant URL for its identity provider.".to_owned(),
            acts: vec![Link::to("Add an application", "/admin/applications/new")],
            ..entry::<answers::Apps>()?
        },
        Entry {
            count: valid,
            about: "Whom they let in, until when, and when each was last used.".to_owned(),
            acts: vec![Link::to("Issue a token", "/admin/tokens/new")],
            ..entry::<Tokens>()?
        },
        Entry {
            count: count::<ReferenceLists>(visit)?,
            about: "People by another source, such as employees, or who left when.".to_owned(),
            acts: vec![Link::to("Upload a list", "/admin/lists/new")],
            ..entry::<ReferenceLists>()?
        },
        Entry { count: count::<SavedQuestions>(visit)?, ..entry::<SavedQuestions>()? },
        Entry { count: count::<PrivilegedGroups>(visit)?, ..entry::<PrivilegedGroups>()? },
        entry::<answers::ConfigurationLog>()?,
        Entry {
            about: "How each kind of application speaks SCIM.".to_owned(),
            ..entry::<answers::Profiles>()?
        },
    ])
}

fn entry<Q: Question>() -> Result<Entry, Refusal> {
    described::<Q>().map(Entry::of).ok_or_else(Refusal::not_found)
}

fn count<Q: Answered>(visit: &Visit<'_>) -> Result<String, Refusal> {
    let answer: Answer<Q> = visit.ask::<Q>(&[("limit", "1")])?;
    Ok(grouped(answer.envelope.row_count))
}
