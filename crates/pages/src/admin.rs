//! `/admin` and the forms of admins. A form sends what it asks for to the API's own address
//! ([`Visitor::act`]), so it does what a command does and leaves the same event.

mod applications;
mod first_request;
mod index;
mod lists;
pub(crate) mod saved;
mod tokens;

use std::sync::Arc;

use answers::act::{Act, Method};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use query::Query;
use query::visit::{Problem, Refusal, Visit, Visitor};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::plain::PlainPage;
use crate::question::signed_in;
use crate::view::{Crumb, FormView, Method as Sent, Notice, Section, Shell};

pub(crate) use self::first_request::panel as first_request_panel;

/// Answers of the API to a form are far shorter.
const REPLY_BYTES_MAX: usize = 4 << 20;
pub(crate) const JSON: &str = "application/json";

/// Adds these pages.
pub(crate) fn routes(router: Router<Arc<Query>>) -> Router<Arc<Query>> {
    router
        .route("/admin", get(index::page))
        .route("/admin/applications/new", get(applications::form))
        .route("/admin/applications", get(index::page).post(applications::add))
        .route("/admin/applications/{app}/first-request", get(first_request::page))
        .route("/admin/applications/{app}/first-request/next", get(first_request::next))
        .route("/admin/tokens/new", get(tokens::form))
        .route("/admin/tokens", get(index::page).post(tokens::add))
        .route("/admin/tokens/{id}/revoke", get(tokens::asks).post(tokens::revoke))
        .route("/admin/lists/new", get(lists::form))
        .route("/admin/lists", get(index::page).post(lists::add))
        .route("/admin/saved/new", get(saved::form))
        .route("/admin/saved", get(index::page).post(saved::save))
        .route("/admin/saved/{name}/remove", get(saved::asks).post(saved::remove))
}

/// What the API said to a form.
pub(crate) enum Told<T> {
    Done(T),
    Refused(Problem),
}

/// Sends what a form asks for.
pub(crate) async fn send<A: Act>(
    visitor: Visitor,
    csrf: &str,
    address: &str,
    body: Body,
    content_type: &'static str,
) -> Result<Told<A::Reply>, Refusal>
where
    A::Reply: DeserializeOwned,
{
    let method = match A::METHOD {
        Method::Get => axum::http::Method::GET,
        Method::Post => axum::http::Method::POST,
        Method::Patch => axum::http::Method::PATCH,
        Method::Delete => axum::http::Method::DELETE,
    };
    let mut response = visitor.act(csrf, method, address, body, content_type).await?;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        return Ok(Told::Refused(problem));
    }
    let bytes = to_bytes(response.into_body(), REPLY_BYTES_MAX).await;
    let reply = bytes.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    reply.map(Told::Done).ok_or_else(|| Refusal::form("the answer to this form cannot be read"))
}

/// The body of a form that the API takes as JSON.
pub(crate) fn json(body: &impl Serialize) -> Result<Body, Refusal> {
    let bytes = serde_json::to_vec(body);
    bytes.map(Body::from).map_err(|_| Refusal::form("the form cannot be written as JSON"))
}

/// A page with a form, or with what came of one.
pub(crate) fn page(
    visit: &Visit<'_>,
    title: &str,
    subtitle: &str,
    notice: Option<Notice>,
    pieces: impl FnOnce(&str) -> Result<Vec<String>, Refusal>,
) -> Result<PlainPage, Refusal> {
    let who = visit.signed_in()?;
    if !who.is_admin() {
        return Err(Refusal::admins_only());
    }
    let who = signed_in(&who);
    let pieces = pieces(&who.csrf)?;
    let shell = Shell {
        title: title.to_owned(),
        subtitle: subtitle.to_owned(),
        section: Section::Admin,
        signed_in: Some(who),
        crumbs: vec![
            Crumb { label: "Admin".to_owned(), href: Some("/admin".to_owned()) },
            Crumb { label: title.to_owned(), href: None },
        ],
        notice,
        ..Shell::default()
    };
    Ok(PlainPage { shell, pieces, ..PlainPage::default() })
}

/// A form that acts.
pub(crate) fn act(csrf: &str, action: &str, submit: &str) -> FormView {
    FormView {
        action: action.to_owned(),
        method: Sent::Post { csrf: csrf.to_owned(), is_upload: false },
        submit: submit.to_owned(),
        ..FormView::default()
    }
}

/// What a refused form says; the form is shown again below it.
pub(crate) fn refused(problem: &Problem) -> Notice {
    Notice { is_good: false, text: crate::error::sentence(&problem.detail) }
}

/// Leads to `/admin`, where a notice says what was done.
fn done(what: Done) -> Response {
    Redirect::to(&format!("/admin?done={}", what.word())).into_response()
}

/// What a notice says. An address names it by its word, so that no address can put other words there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Done {
    Revoked,
    ListAdded,
    QuestionRemoved,
}

impl Done {
    const ALL: [Done; 3] = [Done::Revoked, Done::ListAdded, Done::QuestionRemoved];

    fn word(self) -> &'static str {
        match self {
            Done::Revoked => "revoked",
            Done::ListAdded => "list-added",
            Done::QuestionRemoved => "question-removed",
        }
    }

    fn notice(word: &str) -> Option<Notice> {
        let done = Done::ALL.into_iter().find(|one| one.word() == word)?;
        let text = match done {
            Done::Revoked => "The token was revoked. It is refused from the next request on.",
            Done::ListAdded => "The list was kept, as an event of the log.",
            Done::QuestionRemoved => "The saved question was removed.",
        };
        Some(Notice { is_good: true, text: text.to_owned() })
    }
}
