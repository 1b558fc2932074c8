//! A reference list is uploaded.

use answers::act::{Act, AddList};
use answers::{Apps, ReferenceLists};
use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::Response;
use query::visit::{Refusal, Visit, Visitor};

use super::tokens::Links;
use super::{Done, Told, act, done, page, refused, send};
use crate::address::with_query;
use crate::error::rendered;
use crate::multipart::{self, Part};
use crate::plain::PlainPage;
use crate::question::{More, Page, Shown};
use crate::view::{Choice, Field, FormView, Kind, Link, Method, Notice};

const TITLE: &str = "Upload a list";

impl Page for ReferenceLists {
    fn more(shown: &Shown<'_, ReferenceLists>) -> Result<More, Refusal> {
        if !shown.who.is_admin() {
            return Ok(More::default());
        }
        let links = Links { links: vec![Link::to(TITLE, "/admin/lists/new")] };
        Ok(More { above: vec![links.to_string()], ..More::default() })
    }
}

/// `GET /admin/lists/new`
pub(crate) async fn form(visitor: Visitor) -> Result<Response, Refusal> {
    Ok(rendered(&visitor.page(None, |visit| form_page(visit, "", "", None)).await?))
}

fn form_page(
    visit: &Visit<'_>,
    name: &str,
    app: &str,
    notice: Option<Notice>,
) -> Result<PlainPage, Refusal> {
    let subtitle =
        "People by another source: employees, or who left when. Reports compare accounts with it";
    page(visit, TITLE, subtitle, notice, |csrf| {
        let apps = visit.ask::<Apps>(&[("limit", "1000")])?;
        let apps = apps.content.rows().iter();
        let apps = apps.map(|one| Choice::new(&one.application, &one.application));
        let apps = std::iter::once(Choice::new("", "all of them")).chain(apps).collect();
        let form = FormView {
            method: Method::Post { csrf: csrf.to_owned(), is_upload: true },
            fields: vec![
                Field {
                    name: "name".to_owned(),
                    label: "Name".to_owned(),
                    help: "1 to 63 of a-z, 0-9 and -. Each upload of a name is kept; reports use the newest"
                        .to_owned(),
                    value: name.to_owned(),
                    required: true,
                    ..Field::default()
                },
                Field {
                    name: "app".to_owned(),
                    label: "For the application".to_owned(),
                    kind: Kind::Select(apps),
                    value: app.to_owned(),
                    ..Field::default()
                },
                Field {
                    name: "file".to_owned(),
                    label: "File".to_owned(),
                    help: "CSV with a head, or a JSON array of objects. The columns userName, externalId, \
                           email and terminatedAt are kept. At most 8 MiB"
                        .to_owned(),
                    kind: Kind::File,
                    required: true,
                    ..Field::default()
                },
            ],
            ..act(csrf, "/admin/lists", "Upload")
        };
        Ok(vec![form.to_string()])
    })
}

/// `POST /admin/lists`
pub(crate) async fn add(
    visitor: Visitor,
    after: Visitor,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let uploaded = visitor.upload(body).await?;
    let mut parts = multipart::parts(&headers, uploaded)?;
    let text = |name: &str| Part::text(&parts, name);
    let (csrf, name, app) = (text("csrf"), text("name"), text("app"));
    let after = after.of_form(&csrf)?;
    let file = Part::take(&mut parts, "file");
    drop(parts);
    let pairs = [("name", name.as_str()), ("app", app.as_str())];
    let pairs = pairs.into_iter().filter(|(_, text)| !text.is_empty());
    let address = with_query(AddList::PATH.to_owned(), pairs);
    let body = Body::from(file);
    match send::<AddList>(visitor, &csrf, &address, body, "application/octet-stream").await? {
        Told::Done(_) => Ok(done(Done::ListAdded)),
        Told::Refused(problem) => {
            let page = after
                .page(None, move |visit| form_page(visit, &name, &app, Some(refused(&problem))));
            Ok(rendered(&page.await?))
        }
    }
}
