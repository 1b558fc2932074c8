//! One operation: what, who and when, with tabs for its parts.

mod advice;
mod changes;
mod head;
mod message;

use answers::row::WholeOperation;
use answers::{EvidenceOf, Look, OneOperation, Question, described, encoded, plain};
use askama::Template;
use axum::Router;
use axum::body::Body as HttpBody;
use axum::extract::{Form, Path};
use axum::http::{Method as HttpMethod, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use query::Query;
use query::visit::{Refusal, Visitor};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

use self::advice::Advice;
use self::message::Message;
use crate::address::Given;
use crate::around::Around;
use crate::question::{More, Page, Shown, rows_of};
use crate::view::{
    Cell, DiffView, Fact, Facts, Field, FormView, Heading, Html, Kind, Method, Row, Tab, TableView,
    Tabs,
};

/// The tabs: the word in the address and the name.
const TABS: [(&str, &str); 6] = [
    ("changes", "Changes"),
    ("steps", "Steps"),
    ("request", "Request and response"),
    ("advice", "Advice"),
    ("evidence", "Evidence"),
    ("integrity", "Integrity"),
];

#[derive(Template)]
#[template(path = "operation/operation.html")]
struct OperationView {
    head: Facts,
    links: Vec<Tab>,
    tabs: Tabs,
    body: Body,
}

/// What the open tab shows.
enum Body {
    Steps(TableView),
    Changes(DiffView),
    Messages { messages: Vec<Message>, other: Tab },
    Advice(Vec<Advice>),
    Evidence { table: TableView, form: Option<FormView> },
    Integrity(Facts),
}

impl Page for OneOperation {
    /// `tab` is the open tab; `body=raw` shows bodies in one line, as they are sent.
    const OWN: &'static [&'static str] = &["tab", "body"];

    fn more(shown: &Shown<'_, OneOperation>) -> Result<More, Refusal> {
        let Some(one) = shown.answer.content.rows().first() else { return Ok(More::default()) };
        let given = shown.given;
        let around = Around { app: None, given };
        let operation = given.get("operation").unwrap_or_default();
        let evidence = shown.visit.ask::<EvidenceOf>(&[("operation", operation)])?;
        let advice = advice::advice(one);
        let open = opened(given, one, !advice.is_empty());
        let counts = [
            one.changes.len() as u64,
            one.steps.len() as u64,
            0,
            advice.len() as u64,
            evidence.envelope.row_count,
            0,
        ];
        let tabs = TABS.iter().zip(counts).map(|((word, label), count)| Tab {
            label: (*label).to_owned(),
            href: given.with(&[("tab", Some(*word)), ("body", None)]).page(),
            count: Some(count).filter(|count| *count > 0),
            is_current: open == *word,
        });
        let is_raw = given.own("body") == Some("raw");
        let body = match open {
            "steps" => Body::Steps(steps(one)),
            "request" => Body::Messages {
                messages: message::messages(one, is_raw),
                other: Tab {
                    label: if is_raw { "Pretty" } else { "Raw" }.to_owned(),
                    href: given.with(&[("body", (!is_raw).then_some("raw"))]).page(),
                    ..Tab::default()
                },
            },
            "advice" => Body::Advice(advice),
            "evidence" => {
                let asked: EvidenceOf = shown.visit.read(&[("operation", operation)])?;
                let rows = evidence.content.rows();
                let mut table = rows_of("Evidence", &asked.columns(), rows, &around);
                table.row_count = Some(evidence.envelope.row_count);
                let csrf = shown.who.form_token.clone().filter(|_| shown.who.is_admin());
                Body::Evidence { table, form: csrf.map(|csrf| add_evidence(operation, csrf)) }
            }
            "integrity" => Body::Integrity(integrity(one)),
            _ => Body::Changes(changes::changes(one)),
        };
        let view = OperationView {
            head: head::head(shown.question, one, &around),
            links: of_object(one),
            tabs: Tabs { label: "Operation".to_owned(), tabs: tabs.collect() },
            body,
        };
        Ok(More {
            title: Some(title(one)),
            subtitle: Some(subtitle(one)),
            above: vec![view.to_string()],
            replaces_rows: true,
            ..More::default()
        })
    }
}

/// The tab that the address names, or else the one that says most.
fn opened(given: &Given, one: &WholeOperation, has_advice: bool) -> &'static str {
    let named = given.own("tab").and_then(|tab| TABS.iter().find(|(word, _)| *word == tab));
    match named {
        Some((word, _)) => word,
        None if !one.changes.is_empty() => "changes",
        None if !one.steps.is_empty() => "steps",
        None if has_advice => "advice",
        None => "request",
    }
}

/// `POST User mira@fjord.example`
fn title(one: &WholeOperation) -> String {
    let row = &one.row;
    let mut chars = row.operation.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{} {}", chars.as_str(), about(one)).trim_end().to_owned()
}

/// Whom or what an operation was about. A refused request made no resource, but may name one.
fn about(one: &WholeOperation) -> &str {
    let asked = one.request.as_ref().map(|request| &request.body);
    let of_body = ["userName", "displayName"].map(|name| asked?.get(name)?.as_str());
    let row = &one.row;
    let known = [&row.user_name, &row.display_name].map(Option::as_deref);
    let id = [row.resource_id.as_deref()];
    known.into_iter().chain(of_body).chain(id).flatten().next().unwrap_or_default()
}

fn subtitle(one: &WholeOperation) -> String {
    let row = &one.row;
    let source = if row.source == "imported" { "imported" } else { "recorded" };
    let effect = row.effect.as_deref().map(|effect| format!(", {}", plain(effect)));
    format!("{}{}, {source} as event {}", row.status, effect.unwrap_or_default(), row.seq)
}

/// Where else the object of an operation is found.
fn of_object(one: &WholeOperation) -> Vec<Tab> {
    let row = &one.row;
    let (Some(app), Some(id)) = (&row.application, &row.resource_id) else { return vec![] };
    // A refused creation made nothing.
    if row.action == "create" && row.effect.as_deref() == Some("rejected") {
        return vec![];
    }
    let kind = match row.resource_type.as_deref() {
        Some("User") => Some("users"),
        Some("Group") => Some("groups"),
        _ => None,
    };
    let at = encoded(&row.recorded_at.0);
    let mut links = vec![];
    let mut to = |label: &str, href: String| {
        links.push(Tab { label: label.to_owned(), href, ..Tab::default() });
    };
    if let Some(kind) = kind {
        let page = format!("/apps/{}/{kind}/{}", encoded(app), encoded(&named(id)));
        to("Its timeline", format!("{page}/timeline"));
        to("What came before", format!("{page}/timeline?to={at}"));
        to("As it was right after", format!("{page}?at={at}"));
    }
    let name = encoded(&format!("id:{id}"));
    to("All operations on it", format!("/operations?app={}&resource={name}", encoded(app)));
    links
}

/// An id as addresses name it: with a prefix if it reads as another name, or as a step in a path.
fn named(id: &str) -> String {
    if id.contains(':') || id == "." || id == ".." { format!("id:{id}") } else { id.to_owned() }
}

fn steps(one: &WholeOperation) -> TableView {
    let headings = [
        Heading::new(Look::Number, "No"),
        Heading::new(Look::Text, "Step"),
        Heading::new(Look::Text, "Name"),
        Heading::new(Look::Status, "Status"),
        Heading::new(Look::Text, "What happened"),
        Heading::new(Look::Text, "Details"),
    ];
    let rows = one.steps.iter().map(|step| {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Row::new(vec![
            Cell::number(u64::from(step.step_no)),
            Cell::text(step.kind.as_deref().map(plain).unwrap_or_default()),
            Cell::text(text(&step.name)),
            Cell::status(text(&step.status)),
            Cell::text(text(&step.description)),
            Cell::text(details(&step.details)),
        ])
    });
    TableView {
        caption: "Steps".to_owned(),
        headings: headings.into(),
        rows: rows.collect(),
        ..TableView::default()
    }
}

/// The details of a step, such as the conditions that were evaluated.
fn details(details: &serde_json::Value) -> String {
    match details {
        serde_json::Value::Object(members) => {
            let member = |(name, value)| format!("{name}: {}", answers::table::any(value));
            members.iter().map(member).collect::<Vec<_>>().join("; ")
        }
        other => answers::table::any(other),
    }
}

fn integrity(one: &WholeOperation) -> Facts {
    let mut facts = vec![
        Fact::new("Event", Cell::event(one.row.seq)),
        Fact::new("Event id", Cell::id(&one.row.event_id)),
        Fact::new("Recorded", Cell::time(one.row.recorded_at.0.clone())),
    ];
    if let Some(hash) = &one.row.event_hash {
        facts.push(Fact::new("Hash", Cell::id(hash)));
        let address = format!("/api/v1/operations/{}/proof", one.row.seq);
        facts.push(Fact::new("Proof", Cell::text("that it is in the log").linked(address)));
    }
    Facts { caption: None, facts }
}

/// A form that adds evidence.
fn add_evidence(operation: &str, csrf: String) -> FormView {
    let field = |name: &str, label: &str, help: &str, required, kind| Field {
        name: name.to_owned(),
        label: label.to_owned(),
        help: help.to_owned(),
        required,
        kind,
        ..Field::default()
    };
    let kinds = ["ticket", "approval", "review"].map(str::to_owned);
    FormView {
        id: "evidence".to_owned(),
        caption: Some("Add evidence".to_owned()),
        action: format!("/operations/{}/evidence", encoded(operation)),
        method: Method::Post { csrf, is_upload: false },
        fields: vec![
            field("kind", "Kind", "such as ticket or approval", true, Kind::Suggest(kinds.into())),
            field("ref", "Reference", "such as the number of the ticket", true, Kind::Text),
            field("url", "Address", "", false, Kind::Text),
            field("approvedBy", "Approved by", "", false, Kind::Text),
            field(
                "approvedAt",
                "Approved on",
                "a date, or a time with its zone",
                false,
                Kind::Text,
            ),
        ],
        submit: "Add evidence".to_owned(),
        ..FormView::default()
    }
}

/// What the form sends.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Added {
    csrf: String,
    kind: String,
    #[serde(rename = "ref")]
    reference: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    approved_by: String,
    #[serde(default)]
    approved_at: String,
}

/// Adds the address of the form.
pub(crate) fn serve(router: Router<Arc<Query>>) -> Router<Arc<Query>> {
    // A test checks that every question has a page.
    let Some(described) = described::<EvidenceOf>() else { return router };
    router.route(crate::address::template(described), post(add))
}

async fn add(
    visitor: Visitor,
    Path(operation): Path<String>,
    Form(added): Form<Added>,
) -> Result<Response, Refusal> {
    let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let body = json!({
        "kind": added.kind.trim(),
        "ref": added.reference.trim(),
        "url": given(&added.url),
        "approvedBy": given(&added.approved_by),
        "approvedAt": given(&added.approved_at),
    });
    let operation = encoded(&operation);
    let path = format!("/api/v1/operations/{operation}/evidence");
    let body = HttpBody::from(body.to_string());
    let answer =
        visitor.act(&added.csrf, HttpMethod::POST, &path, body, "application/json").await?;
    if answer.status() != StatusCode::CREATED {
        // An error of the API, which is shown as a page.
        return Ok(answer);
    }
    Ok(Redirect::to(&format!("/operations/{operation}?tab=evidence")).into_response())
}
