//! Reviews on the pages of what they are about: those there are, and a form to sign off what is shown.

use answers::act::{Act, AddReview, NewReview, NewRevocation};
use answers::{AccessMatrix, Members, Outcome, Question, Reviews};
use askama::Template;
use axum::Router;
use axum::extract::Form;
use axum::http::Uri;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use query::Query;
use query::visit::{Refusal, Visitor};
use std::sync::Arc;

use crate::address::{Given, with_query};
use crate::admin::{Told, json, send};
use crate::around::Around;
use crate::question::{More, Page, Shown, rows_of};
use crate::text::grouped;
use crate::view::TableView;

/// What the form says of each outcome.
const OUTCOMES: [(Outcome, &str, &str); 3] = [
    (Outcome::Approved, "approved", "Approved: everything is as it should be"),
    (
        Outcome::ApprovedWithRevocations,
        "approvedWithRevocations",
        "Approved, but for the memberships that are ticked",
    ),
    (Outcome::Rejected, "rejected", "Rejected: it is not as it should be"),
];

/// A membership that can be ticked.
pub(crate) struct Tick {
    /// What is sent: the id of the member, and that of the group.
    value: String,
    /// The group; empty if there is only one.
    label: String,
}

/// Somebody with their memberships.
pub(crate) struct Holding {
    name: String,
    ticks: Vec<Tick>,
}

/// The reviews of a question, and the form for another one.
#[derive(Template)]
#[template(path = "reviews/sign_off.html")]
struct SignOff {
    csrf: Option<String>,
    question: String,
    outcomes: [(Outcome, &'static str, &'static str); 3],
    holdings: Vec<Holding>,
    remark: Option<String>,
    reviews: Option<TableView>,
    /// Where all reviews are, if the table has only the newest.
    all: Option<String>,
}

impl Page for Members {
    fn more(shown: &Shown<'_, Members>) -> Result<More, Refusal> {
        let rows = shown.answer.content.rows();
        let group = shown.answer.beside.group_id.as_deref().unwrap_or_default();
        let direct = rows.iter().filter(|row| row.direct);
        let holdings = direct.filter_map(|row| {
            let id = row.user_id.as_deref()?;
            let name = row.user_name.as_ref().or(row.display_name.as_ref());
            let value = value(id, group);
            Some(Holding {
                name: name.cloned().unwrap_or_else(|| id.to_owned()),
                ticks: vec![Tick { value, label: String::new() }],
            })
        });
        Ok(More { below: vec![sign_off(shown, holdings.collect())?], ..More::default() })
    }
}

/// The memberships of a matrix that can be ticked.
pub(crate) fn of_matrix(shown: &Shown<'_, AccessMatrix>) -> Result<String, Refusal> {
    let groups = &shown.answer.beside.groups;
    let rows = shown.answer.content.rows().iter();
    let holdings = rows.filter_map(|row| {
        let id = row.user_id.as_deref()?;
        let ticks = row.cells.iter().zip(groups).filter_map(|(cell, group)| {
            let cell = cell.as_ref().filter(|cell| cell.member_since.is_some())?;
            let name = group.group_name.as_ref().or(group.group_id.as_ref())?;
            (cell.direct != Some(false)).then(|| Tick {
                value: value(id, group.group_id.as_deref().unwrap_or_default()),
                label: name.clone(),
            })
        });
        let name = row.user_name.as_ref().or(row.display_name.as_ref());
        let name = name.cloned().unwrap_or_else(|| id.to_owned());
        let ticks: Vec<Tick> = ticks.collect();
        (!ticks.is_empty()).then_some(Holding { name, ticks })
    });
    sign_off(shown, holdings.collect())
}

/// Ids hold no line break.
fn value(user: &str, group: &str) -> String {
    format!("{user}\n{group}")
}

fn sign_off<Q: Question>(shown: &Shown<'_, Q>, holdings: Vec<Holding>) -> Result<String, Refusal> {
    let envelope = &shown.answer.envelope;
    let whole = shown.given.with(&[("cursor", None), ("limit", None)]);
    let asked = whole.api();
    let given = [("question", asked.as_str()), ("limit", "10")];
    let around = Around { app: shown.given.app(), given: shown.given };
    let mut is_cut = false;
    let reviews = match shown.visit.ask::<Reviews>(&given) {
        Ok(answer) => {
            let question: Reviews = shown.visit.read(&given)?;
            let rows = answer.content.rows();
            // Without an instant the page is about the present, and its reviews are of any instant.
            let caption = match whole.get("at") {
                Some(_) => "Reviews of this answer",
                None => "Reviews of this question, at any instant",
            };
            let table = rows_of(caption, &question.columns(), rows, &around);
            let row_count = Some(answer.envelope.row_count);
            is_cut = answer.envelope.next.is_some();
            Some(TableView { row_count, is_named_above: false, ..table })
        }
        // Not every form of the question can be reviewed.
        Err(refusal) if refusal.status().is_client_error() => None,
        Err(refusal) => return Err(refusal),
    };
    let is_part = envelope.row_count > shown.answer.content.rows().len() as u64;
    let sign_off = SignOff {
        csrf: shown.who.form_token.clone(),
        question: pinned(&whole, envelope),
        outcomes: OUTCOMES,
        holdings,
        remark: is_part.then(|| {
            let shown = grouped(shown.answer.content.rows().len() as u64);
            let all = grouped(envelope.row_count);
            format!(
                "The review is about all {all} rows. The {shown} rows of this page can be ticked; \
                 with “Rows per page” more of them are on it."
            )
        }),
        reviews: reviews.filter(|table| !table.rows.is_empty()),
        all: is_cut.then(|| with_query("/reviews".to_owned(), [given[0]].into_iter())),
    };
    Ok(sign_off.to_string())
}

/// The answer that is on the page, so that the review is about what its reader saw.
fn pinned(given: &Given, envelope: &answers::Envelope) -> String {
    let known = envelope.head.seq.map(|seq| seq.to_string());
    let known = given.get("knownAt").or(known.as_deref());
    given.with(&[("at", envelope.asked("at")), ("knownAt", known)]).api()
}

/// Adds what these forms send to.
pub(crate) fn acts(router: Router<Arc<Query>>) -> Router<Arc<Query>> {
    router.route("/reviews", post(add))
}

/// `POST /reviews`
async fn add(
    visitor: Visitor,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Refusal> {
    let (csrf, review) = read(&pairs)?;
    match send::<AddReview>(visitor, csrf, AddReview::PATH, json(&review)?, "application/json")
        .await?
    {
        Told::Done(added) => Ok(Redirect::to(&format!("/reviews/{}", added.seq)).into_response()),
        Told::Refused(problem) => {
            Ok(crate::error::page(&problem, &Uri::from_static("/reviews"), true))
        }
    }
}

fn read(pairs: &[(String, String)]) -> Result<(&str, NewReview), Refusal> {
    let get = |wanted: &str| {
        let found = pairs.iter().find(|(name, _)| name == wanted);
        found.map(|(_, text)| text.as_str()).unwrap_or_default()
    };
    let outcome = OUTCOMES.into_iter().find(|(_, word, _)| *word == get("outcome"));
    let (outcome, ..) = outcome.ok_or_else(|| Refusal::form("outcome: what was decided"))?;
    let remark = get("remark").trim();
    let revoke = pairs.iter().filter(|(name, _)| name == "revoke").map(|(_, text)| {
        // A form sends line breaks as two characters.
        let (user, group) = text.split_once('\n').unwrap_or((text, ""));
        let group = Some(group.to_owned()).filter(|group| !group.is_empty());
        NewRevocation { user_id: user.trim_end_matches('\r').to_owned(), group_id: group }
    });
    let review = NewReview {
        question: get("question").to_owned(),
        outcome,
        remark: Some(remark.to_owned()).filter(|remark| !remark.is_empty()),
        revoke: revoke.collect(),
    };
    Ok((get("csrf"), review))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_a_review() {
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let pairs = [
            pair("csrf", "c"),
            pair("question", "/api/v1/apps/boat/matrix"),
            pair("outcome", "approvedWithRevocations"),
            pair("remark", "  "),
            pair("revoke", "u1\r\ng1"),
            pair("revoke", "u2\n"),
        ];
        let (csrf, review) = read(&pairs).unwrap();
        assert_eq!(csrf, "c");
        assert_eq!((review.outcome, review.remark), (Outcome::ApprovedWithRevocations, None));
        let told: Vec<(&str, Option<&str>)> = review
            .revoke
            .iter()
            .map(|one| (one.user_id.as_str(), one.group_id.as_deref()))
            .collect();
        assert_eq!(told, [("u1", Some("g1")), ("u2", None)]);
        assert!(read(&pairs[..2]).is_err(), "without an outcome");
    }
}
