//! Tokens are issued, shown once, and revoked.

use answers::act::{Act, AddToken, AddedToken, NewToken, RevokeToken};
use answers::row::IssuedToken;
use answers::{Apps, Question, Tokens, described};
use askama::Template;
use axum::Form;
use axum::body::Body;
use axum::extract::{Path, Query as Pairs};
use axum::response::{IntoResponse, Response};
use query::visit::{Refusal, Visit, Visitor};
use serde::Deserialize;

use super::{Done, JSON, Told, act, done, json, page, refused, send};
use crate::address::{Given as Address, encoded};
use crate::around::Around;
use crate::error::rendered;
use crate::plain::PlainPage;
use crate::question::{More, Page, RowActs, Shown, add_acts, rows_of};
use crate::view::{Choice, Field, FormView, Html, Kind, Link, Notice, TableView};

const TITLE: &str = "Issue a token";
const ROLES: [(&str, &str); 4] = [
    ("scim", "scim: an identity provider provisions an application"),
    ("auditor", "auditor: asks about everything"),
    ("app-auditor", "app-auditor: asks about one application"),
    ("admin", "admin: asks, and changes the configuration"),
];

impl Page for Tokens {
    fn more(shown: &Shown<'_, Tokens>) -> Result<More, Refusal> {
        let acts = RowActs {
            heading: "Act".to_owned(),
            links: shown.answer.content.rows().iter().map(revocation).collect(),
        };
        let more = Links {
            links: vec![Link::to(TITLE, "/admin/tokens/new"), Link::to("Admin", "/admin")],
        };
        Ok(More { acts: Some(acts), above: vec![more.to_string()], ..More::default() })
    }
}

/// Links to acts above a table.
#[derive(Template)]
#[template(path = "admin/links.html")]
pub(crate) struct Links {
    pub(crate) links: Vec<Link>,
}

/// Where a token is revoked, if it is valid.
fn revocation(token: &IssuedToken) -> Option<Link> {
    let address = format!("/admin/tokens/{}/revoke", encoded(&token.id));
    token.valid.then(|| Link::to("Revoke", address))
}

/// What the form sends.
#[derive(Deserialize, Default)]
pub(crate) struct Given {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    application: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    expires: String,
}

/// `GET /admin/tokens/new?role=&application=`
pub(crate) async fn form(
    visitor: Visitor,
    Pairs(given): Pairs<Given>,
) -> Result<Response, Refusal> {
    let page = visitor.page(None, move |visit| form_page(visit, &given, None));
    Ok(rendered(&page.await?))
}

fn form_page(
    visit: &Visit<'_>,
    given: &Given,
    notice: Option<Notice>,
) -> Result<PlainPage, Refusal> {
    page(visit, TITLE, "The token is shown once, on the next page", notice, |csrf| {
        let apps = visit.ask::<Apps>(&[("limit", "1000")])?;
        let apps = apps.content.rows().iter();
        let apps = apps.map(|one| Choice::new(&one.application, &one.application));
        let apps = std::iter::once(Choice::new("", "none")).chain(apps).collect();
        let roles = ROLES.iter().map(|(role, words)| Choice::new(*role, *words)).collect();
        let field = |name: &str, label: &str, help: &str, value: &str| Field {
            name: name.to_owned(),
            label: label.to_owned(),
            help: help.to_owned(),
            value: value.to_owned(),
            ..Field::default()
        };
        let form = FormView {
            fields: vec![
                Field { kind: Kind::Select(roles), ..field("role", "Role", "", &given.role) },
                Field {
                    kind: Kind::Select(apps),
                    ..field(
                        "application",
                        "Application",
                        "Needed for the roles scim and app-auditor, and only there",
                        &given.application,
                    )
                },
                field("name", "Name", "What it is for: at most 128 bytes", &given.name),
                field(
                    "expires",
                    "Ends",
                    "A date, a time, or a length of time from now such as 90d. Empty for no end",
                    &given.expires,
                ),
            ],
            ..act(csrf, "/admin/tokens", TITLE)
        };
        Ok(vec![form.to_string()])
    })
}

/// `POST /admin/tokens`
pub(crate) async fn add(
    visitor: Visitor,
    after: Visitor,
    Form(given): Form<Given>,
) -> Result<Response, Refusal> {
    let after = after.of_form(&given.csrf)?;
    let filled = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let new = NewToken {
        role: given.role.clone(),
        application: filled(&given.application),
        name: filled(&given.name),
        expires: filled(&given.expires),
    };
    let told = send::<AddToken>(visitor, &given.csrf, AddToken::PATH, json(&new)?, JSON).await?;
    let page = after.page(None, move |visit| match told {
        Told::Done(issued) => issued_page(visit, &issued),
        Told::Refused(problem) => form_page(visit, &given, Some(refused(&problem))),
    });
    Ok(rendered(&page.await?))
}

#[derive(Template)]
#[template(path = "admin/issued.html")]
struct Issued<'a> {
    issued: &'a AddedToken,
    others: TableView,
}

fn issued_page(visit: &Visit<'_>, issued: &AddedToken) -> Result<PlainPage, Refusal> {
    let text = "The token was issued. Copy it now: it is shown only this once.".to_owned();
    let notice = Notice { is_good: true, text };
    page(visit, "New token", "", Some(notice), |_| {
        let mut others = tokens(visit, |one| {
            one.valid
                && one.id != issued.id
                && one.role == issued.role
                && one.application == issued.application
        })?;
        others.caption = "Valid tokens of the same role and application".to_owned();
        Ok(vec![Issued { issued, others }.to_string()])
    })
}

/// The tokens that fit, each with where it is revoked.
fn tokens(visit: &Visit<'_>, fits: impl Fn(&IssuedToken) -> bool) -> Result<TableView, Refusal> {
    let all = [("limit", "1000")];
    let answer = visit.ask::<Tokens>(&all)?;
    let question: Tokens = visit.read(&all)?;
    let described = described::<Tokens>().ok_or_else(Refusal::not_found)?;
    let given = Address::of(described, &[]);
    let around = Around { app: None, given: &given };
    let rows: Vec<IssuedToken> =
        answer.content.rows().iter().filter(|one| fits(one)).cloned().collect();
    let mut table = rows_of("Tokens", &question.columns(), &rows, &around);
    let links = rows.iter().map(revocation).collect();
    add_acts(&mut table, RowActs { heading: "Act".to_owned(), links });
    Ok(table)
}

/// `GET /admin/tokens/{id}/revoke`: asks before it is done.
pub(crate) async fn asks(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Refusal> {
    let page = visitor.page(None, move |visit| asks_page(visit, &id, None));
    Ok(rendered(&page.await?))
}

fn asks_page(visit: &Visit<'_>, id: &str, notice: Option<Notice>) -> Result<PlainPage, Refusal> {
    let subtitle = "It is refused from the next request on. This cannot be taken back.";
    page(visit, &format!("Revoke token {id}"), subtitle, notice, |csrf| {
        let mut table = tokens(visit, |one| one.id == id)?;
        if table.rows.is_empty() {
            return Err(Refusal::not_found());
        }
        table.caption = "The token".to_owned();
        let action = format!("/admin/tokens/{}/revoke", encoded(id));
        let form = FormView { is_grave: true, ..act(csrf, &action, "Revoke the token") };
        Ok(vec![table.to_string(), form.to_string()])
    })
}

/// `POST /admin/tokens/{id}/revoke`
pub(crate) async fn revoke(
    visitor: Visitor,
    after: Visitor,
    Path(id): Path<String>,
    Form(given): Form<Given>,
) -> Result<Response, Refusal> {
    let after = after.of_form(&given.csrf)?;
    let address = RevokeToken::PATH.replace("{id}", &encoded(&id));
    let told = send::<RevokeToken>(visitor, &given.csrf, &address, Body::empty(), JSON).await?;
    match told {
        Told::Done(_) => Ok(done(Done::Revoked)),
        Told::Refused(problem) => {
            let page =
                after.page(None, move |visit| asks_page(visit, &id, Some(refused(&problem))));
            Ok(rendered(&page.await?).into_response())
        }
    }
}
