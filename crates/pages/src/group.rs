//! A group: who was in it, how large it was over time, whether it is privileged, and what changed between two dates.

mod changes;

use std::sync::Arc;

use answers::row::GroupSize;
use answers::{Content, Exists, GroupSizes, Members, OneGroup};
use askama::Template;
use axum::Router;
use axum::body::Body;
use axum::extract::Form;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use query::Query;
use query::visit::{Refusal, Visitor};
use serde::Deserialize;

use crate::address::{Given, encoded};
use crate::charts::{Axis, Point, Steps, Time};
use crate::question::{Further, More, Page, Shown};
use crate::stays::gaps;
use crate::view::{Cell, Fact, Facts};

impl Page for OneGroup {
    fn more(shown: &Shown<'_, OneGroup>) -> Result<More, Refusal> {
        let members: Option<Further<Members>> = shown.further(&[])?;
        // Of the group that is shown: another one may have the name at another time.
        let id = members.as_ref().and_then(|one| one.answer.beside.group_id.as_ref());
        let id = id.map(|id| format!("id:{id}"));
        let group: Vec<_> = id.as_deref().map(|id| ("group", Some(id))).into_iter().collect();
        let sizes: Option<Further<GroupSizes>> = shown.further(&group)?;
        let mut above = vec![head(shown, members.as_ref()).to_string()];
        if let Some(sizes) = &sizes
            && let Some(over_time) = over_time(shown, sizes)
        {
            above.push(over_time.to_string());
        }
        if let Some(members) = &members {
            let mut table = members.table("Members");
            // What else it says stays: that not everything was watched.
            if let Some(empty) = &mut table.empty {
                empty.what = match shown.answer.beside.exists {
                    Exists::Yes => "The group had no members at this time.".to_owned(),
                    _ => "The group was not there at this time.".to_owned(),
                };
            }
            above.push(table.to_string());
        }
        let name = members.as_ref().and_then(|one| one.answer.beside.group_name.clone());
        let name = name.or_else(|| sizes.and_then(|one| one.answer.beside.group_name));
        let app = &shown.question.app.0;
        Ok(More {
            title: name.map(|name| format!("Group {name} in {app}")),
            above,
            replaces_rows: true,
            ..More::default()
        })
    }
}

/// What is known at a glance, and the button that marks the group.
#[derive(Template)]
#[template(path = "group/head.html")]
struct Head {
    facts: Facts,
    mark: Option<Marking>,
}

/// The form with which an admin marks a group, or takes the mark away.
struct Marking {
    app: String,
    group: String,
    csrf: String,
    is_marked: bool,
}

fn head(shown: &Shown<'_, OneGroup>, members: Option<&Further<Members>>) -> Head {
    let beside = &shown.answer.beside;
    let mut facts = vec![];
    let mut tell = |label: &str, cell: Cell| facts.push(Fact::new(label, cell));
    let resource = match &shown.answer.content {
        Content::One(Some(one)) => Some(&one.0),
        _ => None,
    };
    let text = |name: &str| resource?.get(name)?.as_str().map(str::to_owned);
    let group = members.map(|members| &members.answer.beside);
    if let Some(members) = members {
        tell("Members", Cell::number(members.answer.envelope.row_count));
    }
    if let Some(id) = text("id").or_else(|| group?.group_id.clone()) {
        tell("Id", Cell::id(id));
    }
    if let Some(group) = group {
        tell(
            "Privileged",
            Cell::status(if group.privileged { "privileged" } else { "not marked" }),
        );
    }
    if let Some(id) = text("externalId") {
        tell("External id", Cell::id(id));
    }
    let created = resource.and_then(|one| one.get("meta")?.get("created")?.as_str());
    if let Some(created) = created {
        tell("Created", Cell::time(created));
    }
    if let Some(seq) = beside.exists_seq {
        let what = match beside.exists {
            // It may be older than what tells of it.
            Exists::Yes if beside.start_known == Some(false) => "First told by event",
            Exists::Yes => "Made by event",
            Exists::No => "Will be made by event",
            Exists::Deleted => "Deleted by event",
        };
        tell(what, Cell::event(seq));
    }
    // The mark is set now, so the form is on the page of the present alone.
    let is_now = shown.given.get("at").is_none() && shown.given.get("knownAt").is_none();
    let csrf = shown.who.form_token.clone().filter(|_| shown.who.is_admin() && is_now);
    let mark = csrf.zip(group).map(|(csrf, group)| Marking {
        app: shown.question.app.0.clone(),
        group: shown.question.group.0.clone(),
        csrf,
        is_marked: group.privileged,
    });
    Head { facts: Facts { caption: None, facts }, mark }
}

/// The size over time, and the ways to the changes before and after; if it changed too often to know them,
/// to the nearest instants at which the size is known.
#[derive(Template)]
#[template(path = "group/over_time.html")]
struct OverTime {
    figure: String,
    is_sampled: bool,
    previous: Option<Change>,
    next: Option<Change>,
    now: Option<String>,
}

struct Change {
    href: String,
    time: String,
    count: String,
}

fn over_time(shown: &Shown<'_, OneGroup>, sizes: &Further<GroupSizes>) -> Option<OverTime> {
    let rows = sizes.answer.content.rows();
    let now = Time::read(&sizes.answer.envelope.generated_at.0)?;
    let at = shown.answer.envelope.asked("at")?;
    let points: Vec<Point> = rows
        .iter()
        .filter_map(|row| Some(Point { at: Time::read(&row.at.0)?, value: row.count }))
        .collect();
    let first = points.first()?.at;
    let named = sizes.given.get("group");
    let of_sizes = shown.given.with(&[("group", named)]);
    let axis = Axis::new(first, now).with_gaps(gaps(&sizes.answer.envelope.coverage));
    let steps = Steps {
        caption: "Members over time".to_owned(),
        unit: "members".to_owned(),
        axis,
        points,
        is_sampled: sizes.answer.beside.sampled,
        mark: Time::read(at),
        link: Some(link_to_instants(&of_sizes)),
    };
    let change = |row: &GroupSize| Change {
        href: of_sizes.with(&[("at", Some(&row.at.0))]).page(),
        time: row.at.0.clone(),
        count: crate::text::grouped(row.count),
    };
    let is_now = shown.given.get("at").is_none();
    let (previous, next) = around(rows, at);
    Some(OverTime {
        figure: steps.figure().to_string(),
        is_sampled: steps.is_sampled,
        previous: previous.map(change),
        next: next.map(change),
        now: (!is_now).then(|| shown.given.with(&[("at", None)]).page()),
    })
}

/// The page's address up to an instant.
fn link_to_instants(given: &Given) -> String {
    let page = given.with(&[("at", None)]).page();
    let sign = if page.contains('?') { '&' } else { '?' };
    format!("{page}{sign}at=")
}

/// The last row before an instant, and the first after it.
fn around<'a>(rows: &'a [GroupSize], at: &str) -> (Option<&'a GroupSize>, Option<&'a GroupSize>) {
    let previous = rows.iter().rev().find(|row| row.at.0.as_str() < at);
    (previous, rows.iter().find(|row| row.at.0.as_str() > at))
}

/// What the button sends.
#[derive(Deserialize)]
pub(crate) struct Button {
    csrf: String,
    app: String,
    group: String,
    privileged: String,
}

/// Adds what the pages of groups do.
pub(crate) fn acts(router: Router<Arc<Query>>) -> Router<Arc<Query>> {
    // Without names in its address: they would be taken for those in the address of the API.
    router.route("/admin/privileged", post(mark))
}

/// `POST /admin/privileged`
async fn mark(visitor: Visitor, Form(button): Form<Button>) -> Result<Response, Refusal> {
    let page = format!("/apps/{}/groups/{}", encoded(&button.app), encoded(&button.group));
    let method = match button.privileged.as_str() {
        "true" => Method::POST,
        "false" => Method::DELETE,
        _ => return Err(Refusal::form("privileged: true or false")),
    };
    let address = format!("{}{page}/privileged", answers::API);
    let done =
        visitor.act(&button.csrf, method, &address, Body::empty(), "application/json").await?;
    if !done.status().is_success() {
        return Ok(done);
    }
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, page)]).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_changes_before_and_after_an_instant() {
        let size = |at: &str| GroupSize { at: at.to_owned().into(), seq: 1, count: 2 };
        let rows = [size("2026-03-01T00:00:00.5Z"), size("2026-03-03T00:00:00.5Z")];
        let check = |at: &str, previous: Option<&str>, next: Option<&str>| {
            let (before, after) = around(&rows, at);
            assert_eq!(before.map(|row| row.at.0.as_str()), previous);
            assert_eq!(after.map(|row| row.at.0.as_str()), next);
        };
        let (first, last) = (Some("2026-03-01T00:00:00.5Z"), Some("2026-03-03T00:00:00.5Z"));
        check("2026-02-01T00:00:00.0Z", None, first);
        check("2026-03-01T00:00:00.5Z", None, last);
        check("2026-03-02T00:00:00.0Z", first, last);
        check("2026-03-09T00:00:00.0Z", last, None);
    }
}
