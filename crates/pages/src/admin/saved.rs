//! Questions are saved under a name, and removed.

use answers::SavedQuestions;
use answers::act::{Act, NewQuestion, RemoveQuestion, SaveQuestion};
use axum::Form;
use axum::body::Body;
use axum::extract::{Path, Query as Pairs};
use axum::response::{IntoResponse, Redirect, Response};
use query::visit::{Refusal, Visit, Visitor};
use serde::Deserialize;

use super::{Done, JSON, Told, act, done, json, page, refused, send};
use crate::address::encoded;
use crate::error::rendered;
use crate::plain::PlainPage;
use crate::question::{More, Page, RowActs, Shown};
use crate::view::{Field, FormView, Link, Notice};

const TITLE: &str = "Save a question";

impl Page for SavedQuestions {
    fn more(shown: &Shown<'_, SavedQuestions>) -> Result<More, Refusal> {
        if !shown.who.is_admin() {
            return Ok(More::default());
        }
        let links = shown.answer.content.rows().iter().map(|one| {
            Some(Link::to("Remove", format!("/admin/saved/{}/remove", encoded(&one.name))))
        });
        let acts = RowActs { heading: "Act".to_owned(), links: links.collect() };
        Ok(More { acts: Some(acts), ..More::default() })
    }
}

/// The address of the form that saves a question.
pub(crate) fn form_for(question: &str) -> String {
    format!("/admin/saved/new?question={}", encoded(question))
}

/// What the form sends.
#[derive(Deserialize, Default)]
pub(crate) struct Given {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    question: String,
}

/// `GET /admin/saved/new?question=`
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
    let subtitle = "Times such as -7d count from when it is asked";
    page(visit, TITLE, subtitle, notice, |csrf| {
        let form = FormView {
            fields: vec![
                Field {
                    name: "name".to_owned(),
                    label: "Name".to_owned(),
                    help: "1 to 63 of a-z, 0-9 and -. A question of the same name is replaced"
                        .to_owned(),
                    value: given.name.clone(),
                    required: true,
                    ..Field::default()
                },
                Field {
                    name: "question".to_owned(),
                    label: "Question".to_owned(),
                    help: "Its address in the API".to_owned(),
                    value: given.question.clone(),
                    required: true,
                    ..Field::default()
                },
            ],
            ..act(csrf, "/admin/saved", TITLE)
        };
        Ok(vec![form.to_string()])
    })
}

/// `POST /admin/saved`
pub(crate) async fn save(
    visitor: Visitor,
    after: Visitor,
    Form(given): Form<Given>,
) -> Result<Response, Refusal> {
    let after = after.of_form(&given.csrf)?;
    let new = NewQuestion {
        name: given.name.trim().to_owned(),
        question: given.question.trim().to_owned(),
    };
    let (address, body) = (SaveQuestion::PATH, json(&new)?);
    match send::<SaveQuestion>(visitor, &given.csrf, address, body, JSON).await? {
        Told::Done(saved) => {
            Ok(Redirect::to(&format!("/saved-questions/{}", encoded(&saved.name))).into_response())
        }
        Told::Refused(problem) => {
            let page =
                after.page(None, move |visit| form_page(visit, &given, Some(refused(&problem))));
            Ok(rendered(&page.await?))
        }
    }
}

/// `GET /admin/saved/{name}/remove`: asks before it is done.
pub(crate) async fn asks(visitor: Visitor, Path(name): Path<String>) -> Result<Response, Refusal> {
    let page = visitor.page(None, move |visit| asks_page(visit, &name, None));
    Ok(rendered(&page.await?))
}

fn asks_page(visit: &Visit<'_>, name: &str, notice: Option<Notice>) -> Result<PlainPage, Refusal> {
    let title = format!("Remove the saved question {name}");
    page(visit, &title, "Whoever knows it by this name no longer finds it.", notice, |csrf| {
        let action = format!("/admin/saved/{}/remove", encoded(name));
        let form = FormView { is_grave: true, ..act(csrf, &action, "Remove it") };
        Ok(vec![form.to_string()])
    })
}

/// `POST /admin/saved/{name}/remove`
pub(crate) async fn remove(
    visitor: Visitor,
    after: Visitor,
    Path(name): Path<String>,
    Form(given): Form<Given>,
) -> Result<Response, Refusal> {
    let after = after.of_form(&given.csrf)?;
    let address = RemoveQuestion::PATH.replace("{name}", &encoded(&name));
    let body = Body::empty();
    match send::<RemoveQuestion>(visitor, &given.csrf, &address, body, JSON).await? {
        Told::Done(_) => Ok(done(Done::QuestionRemoved)),
        Told::Refused(problem) => {
            let page =
                after.page(None, move |visit| asks_page(visit, &name, Some(refused(&problem))));
            Ok(rendered(&page.await?))
        }
    }
}
