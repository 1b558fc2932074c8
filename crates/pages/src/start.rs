//! `/`: what needs attention, the questions that auditors ask most, and every application at a glance.

mod ask;

use answers::row::ApplicationSeen;
use answers::{Apps, Moment, Overview, described};
use askama::Template;
use axum::response::Response;
use query::visit::{Refusal, Visit, Visitor};

use crate::address::{Given, encoded};
use crate::application::{bucket, outcomes};
use crate::charts::{Axis, Gap, Histogram, Strip, Time};
use crate::error::rendered;
use crate::question::{coverage, signed_in, take_away};
use crate::text::grouped;
use crate::view::{Cell, Fact, FormView, Html, Section, Shell, Stamp, TakeAway, Tile, Tone, tone};

pub(crate) use self::ask::lead;

/// More applications than these are on the page of all of them.
const TILES: &str = "60";
/// More applications than these that need attention are known by their tiles.
const URGENT_MAX: usize = 8;
const DAY_S: i64 = 86_400;

#[derive(Template)]
#[template(path = "start.html")]
struct StartPage {
    shell: Shell,
    is_admin: bool,
    urgent: Vec<Urgent>,
    /// How many applications of the tiles need attention and have no line.
    more_urgent: u64,
    asks: Vec<FormView>,
    tiles: Vec<Tile>,
    /// How many applications have no tile.
    left_out: u64,
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
    let described = described::<Overview>().ok_or_else(Refusal::not_found)?;
    let given = Given::of(described, &[]);
    let who = visit.signed_in()?;
    let answer = visit.ask::<Overview>(&[("limit", TILES)])?;
    let (envelope, rows) = (&answer.envelope, answer.content.rows());
    let left_out = envelope.row_count.saturating_sub(rows.len() as u64);
    let mut names: Vec<String> = rows.iter().map(|row| row.application.clone()).collect();
    if left_out > 0 {
        let all = visit.ask::<Apps>(&[("limit", "1000")])?;
        names = all.content.rows().iter().map(|row| row.application.clone()).collect();
    }
    names.sort_unstable();
    let shell = Shell {
        title: "Start".to_owned(),
        section: Section::Start,
        signed_in: Some(signed_in(&who)),
        stamp: Some(Stamp {
            query: "/".to_owned(),
            instants: String::new(),
            at_seq: envelope.head.seq,
            generated_at: envelope.generated_at.0.clone(),
            coverage: coverage(&envelope.coverage).words(),
            access_seq: None,
        }),
        ..Shell::default()
    };
    let now = Time::read(&visit.now().0).unwrap_or_default();
    let mut urgent: Vec<Urgent> = rows.iter().filter_map(urgent).collect();
    let more_urgent = urgent.len().saturating_sub(URGENT_MAX) as u64;
    urgent.truncate(URGENT_MAX);
    Ok(StartPage {
        shell,
        is_admin: who.is_admin(),
        urgent,
        more_urgent,
        asks: if names.is_empty() { vec![] } else { ask::forms(&names) },
        tiles: rows.iter().map(|row| tile(row, now)).collect(),
        left_out,
        take_away: take_away(described, &given, visit.public_url(), false),
    })
}

fn page_of(application: &str) -> String {
    format!("/apps/{}", encoded(application))
}

fn urgent(seen: &ApplicationSeen) -> Option<Urgent> {
    Some(Urgent {
        application: seen.application.clone(),
        href: page_of(&seen.application),
        state: Cell::status(match tone(&seen.state) {
            // Requests arrive as they should, and something else does not.
            Tone::Good if seen.failing > 0 => "failing",
            Tone::Good => "warning",
            _ => &seen.state,
        }),
        why: seen.attention.clone()?,
    })
}

fn tile(seen: &ApplicationSeen, now: Time) -> Tile {
    let app = seen.application.as_str();
    let when = |moment: &Option<Moment>, seq: Option<u64>| match (moment, seq) {
        (Some(moment), Some(seq)) => {
            Cell::time(moment.0.clone()).linked(format!("/operations/{seq}"))
        }
        (Some(moment), None) => Cell::time(moment.0.clone()),
        (None, _) => Cell::text("never"),
    };
    let mut facts = vec![
        Fact::new("Last request", when(&seen.last_request_at, seen.last_request_seq)),
        Fact::new("Last success", when(&seen.last_success_at, seen.last_success_seq)),
        Fact::new("Users", accounts(seen).linked(format!("{}/users", page_of(app)))),
    ];
    if let Some(groups) = seen.groups {
        let groups = Cell::number(groups).linked(format!("{}/groups", page_of(app)));
        facts.push(Fact::new("Groups", groups));
    }
    let failing = match seen.failing {
        0 => Cell::text("none"),
        failing => Cell::status(format!("failing: {}", grouped(failing)))
            .linked(format!("/reports/failing?app={}", encoded(app))),
    };
    facts.push(Fact::new("Failing now", failing));
    if let Some(quarantine) = &seen.quarantine {
        let since = Cell::time(quarantine.since.0.clone());
        let since = since.linked(format!("/operations/{}", quarantine.seq));
        facts.push(Fact::new("In quarantine since", since));
    }
    facts.push(Fact::new("Tokens", tokens(seen, now)));
    Tile {
        title: app.to_owned(),
        href: Some(page_of(app)),
        status: Some(Cell::status(&seen.state)),
        text: String::new(),
        charts: charts(seen, now),
        facts,
    }
}

fn accounts(seen: &ApplicationSeen) -> Cell {
    match (seen.users, seen.active_users) {
        (Some(users), Some(active)) => {
            Cell::text(format!("{}, {} active", grouped(users), grouped(active)))
        }
        (Some(users), None) => Cell::number(users),
        (None, _) => Cell::text("known from imported logs alone"),
    }
}

fn tokens(seen: &ApplicationSeen, now: Time) -> Cell {
    let oldest = seen.oldest_token_at.as_ref().and_then(|at| Time::read(&at.0));
    let age = oldest.map(|at| match (now.0 - at.0) / DAY_S {
        0 => "issued today".to_owned(),
        1 => "1 day old".to_owned(),
        days => format!("{} days old", grouped(days.max(0).unsigned_abs())),
    });
    match (seen.valid_tokens, age) {
        (0, _) | (_, None) => Cell::status("none"),
        (1, Some(age)) => Cell::text(age),
        (valid, Some(age)) => Cell::text(format!("{valid}, the oldest {age}")),
    }
}

/// The activity of 90 days, and what was not watched of them.
fn charts(seen: &ApplicationSeen, now: Time) -> Vec<String> {
    let time = |moment: Option<&Moment>| moment.and_then(|moment| Time::read(&moment.0));
    let from = time(seen.days.first().map(|day| &day.start));
    let from = from.unwrap_or(Time(now.0 - 90 * DAY_S));
    let gap = |gap: &answers::Gap| Gap {
        from: time(gap.from.as_ref()),
        to: time(gap.to.as_ref()),
        reason: gap.reason.clone(),
    };
    let activity = Histogram {
        caption: format!("Operations of {} in 90 days", seen.application),
        axis: Axis::new(from, now),
        series: outcomes(),
        buckets: seen.days.iter().map(|day| bucket(day, None)).collect(),
        is_small: true,
        ..Histogram::default()
    };
    let strip = Strip {
        caption: format!("What was watched of {} in 90 days", seen.application),
        axis: Axis::new(from, now).with_gaps(seen.gaps.iter().map(gap).collect()),
        is_small: true,
    };
    vec![activity.figure().picture, strip.figure().picture]
}
