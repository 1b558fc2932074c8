//! `/`: what needs attention, the questions that auditors ask most, and every application at a glance.

mod ask;

use answers::row::Provisioning;
use answers::{Apps, Job, described};
use askama::Template;
use axum::response::Response;
use query::visit::{Refusal, Visit, Visitor};

use crate::address::{Given, encoded};
use crate::error::rendered;
use crate::question::{coverage, signed_in, take_away};
use crate::view::{Cell, Fact, FormView, Html, Section, Shell, Stamp, TakeAway, Tile};

pub(crate) use self::ask::lead;

#[derive(Template)]
#[template(path = "start.html")]
struct StartPage {
    shell: Shell,
    is_admin: bool,
    urgent: Vec<Urgent>,
    asks: Vec<FormView>,
    tiles: Vec<Tile>,
    take_away: TakeAway,
}

/// An application that needs attention.
struct Urgent {
    application: String,
    href: String,
    state: Cell,
    why: String,
}

/// `GET /`
pub(crate) async fn page(visitor: Visitor) -> Result<Response, Refusal> {
    Ok(rendered(&visitor.page(None, show).await?))
}

fn show(visit: &Visit<'_>) -> Result<StartPage, Refusal> {
    let described = described::<Apps>().ok_or_else(Refusal::not_found)?;
    let given = Given::of(described, &[]);
    let who = visit.signed_in()?;
    let answer = visit.ask::<Apps>(&[("limit", "1000")])?;
    let names: Vec<String> =
        answer.content.rows().iter().map(|row| row.application.clone()).collect();
    let mut seen = vec![];
    for name in &names {
        let job = visit.ask::<Job>(&[("job", name)])?;
        seen.extend(job.content.rows().first().cloned());
    }
    seen.sort_by_key(|one| rank(&one.state));
    let shell = Shell {
        title: "Start".to_owned(),
        subtitle: String::new(),
        section: Section::Start,
        signed_in: Some(signed_in(&who)),
        stamp: Some(Stamp {
            query: "/".to_owned(),
            at_seq: answer.envelope.head.seq.unwrap_or_default(),
            generated_at: answer.envelope.generated_at.0.clone(),
            coverage: coverage(&answer.envelope.coverage).words(),
            access_seq: None,
        }),
        ..Shell::default()
    };
    Ok(StartPage {
        shell,
        is_admin: who.is_admin(),
        urgent: vec![],
        asks: if names.is_empty() { vec![] } else { ask::forms(&names) },
        tiles: seen.iter().map(tile).collect(),
        take_away: take_away(described, &given, visit.public_url(), false),
    })
}

/// The order of the tiles: what needs attention first.
fn rank(state: &str) -> usize {
    let order = ["quarantined", "failing", "silent", "late", "never", "active"];
    order.iter().position(|one| *one == state).unwrap_or_default()
}

fn tile(seen: &Provisioning) -> Tile {
    let time = |moment: &Option<answers::Moment>| match moment {
        Some(moment) => Cell::time(moment.0.clone()),
        None => Cell::text("never"),
    };
    Tile {
        title: seen.application.clone(),
        href: Some(format!("/apps/{}", encoded(&seen.application))),
        status: Some(Cell::status(&seen.state)),
        facts: vec![
            Fact::new("Last request", time(&seen.last_request_at)),
            Fact::new("Last success", time(&seen.last_success_at)),
            Fact::new("Requests in a day", Cell::number(seen.requests_in_last_day)),
            Fact::new("Failures in a day", Cell::number(seen.failures_in_last_day)),
        ],
        ..Tile::default()
    }
}
