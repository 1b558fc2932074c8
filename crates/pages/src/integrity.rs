//! `/integrity`: what was not watched, where the log ends, and how long it is kept.

use std::iter;

use answers::act::{Act as _, Verify};
use answers::row::Stretch;
use answers::{Job, Question, Unwatched, described};
use askama::Template;
use axum::Form;
use axum::body::Body;
use axum::extract::Query as Pairs;
use axum::response::{IntoResponse, Redirect, Response};
use query::visit::{Refusal, Visit, Visitor};

use crate::address::Given;
use crate::admin::{JSON, Told, act, refused, send};
use crate::around::Around;
use crate::charts::{Axis, Gap, Strip, Time};
use crate::contents::{Contents, Entry};
use crate::error::rendered;
use crate::plain::PlainPage;
use crate::question::{coverage, form, paged, rows_of, signed_in, take_away, times};
use crate::text::grouped;
use crate::view::{Cell, Empty, Fact, Facts, Link, Look, Section, Shell, Stamp};

/// Without a start, the page shows this time.
const SINCE: &str = "-90d";
/// More gaps than these cannot be told apart in a strip.
pub(crate) const GAPS_MAX: usize = 10_000;
const BEFORE: &str = "before the record began";
const NO_IMPORTED_LOG: &str = "no imported log";

/// `GET /integrity?app=&from=&to=`
pub(crate) async fn page(
    visitor: Visitor,
    Pairs(mut pairs): Pairs<Vec<(String, String)>>,
) -> Result<Response, Refusal> {
    pairs.retain(|(_, text)| !text.is_empty());
    let page = visitor.page(None, move |visit| show(visit, &pairs));
    Ok(rendered(&page.await?))
}

fn show(visit: &Visit<'_>, pairs: &[(String, String)]) -> Result<PlainPage, Refusal> {
    let described = described::<Unwatched>().ok_or_else(Refusal::not_found)?;
    let given = Given::of(described, pairs);
    let given = match given.get("from") {
        Some(_) => given,
        None => given.with(&[("from", Some(SINCE))]),
    };
    let answer = visit.ask::<Unwatched>(&given.pairs())?;
    let question: Unwatched = visit.read(&given.pairs())?;
    let envelope = &answer.envelope;
    let who = visit.signed_in()?;

    let axis = axis(envelope.asked("from"), envelope.asked("to"), &visit.now().0);
    let rows = answer.content.rows();
    let whole = visit.whole::<Unwatched>(&of_time(&given), GAPS_MAX)?;
    let all = whole.content.rows();
    // Without an application the strip shows the server; what one application lacks is in the table.
    let (caption, gaps) = match given.app() {
        Some(app) => (format!("What was watched of {app}"), gaps_of_app(visit, app, all)?),
        None => {
            let of_all = all.iter().filter(|row| row.application.is_none());
            ("When the server was watching".to_owned(), of_all.map(gap).collect())
        }
    };
    let strip = Strip { caption, axis: axis.with_gaps(gaps), is_small: false };
    let around = Around { app: None, given: &given };
    let mut table = rows_of("Times that were not watched", &question.columns(), rows, &around);
    // Other pages of the table are pages of its question.
    table = paged(table, described, &given, envelope);
    if let Some(empty) = &mut table.empty {
        *empty = Empty {
            what: "Everything was watched in this time.".to_owned(),
            hints: vec![Link::to("Ask about the whole record", "/integrity?from=1970-01-01")],
        };
    }
    let mut asked = form(described, &given);
    asked.action = "/integrity".to_owned();
    asked.submit = "Show".to_owned();

    let head = head(visit, &who)?;
    let tree = tree(visit);
    let verified = verified(visit, &signed_in(&who).csrf);
    let kept = Kept {}.to_string();
    let further = further();
    let pieces =
        vec![asked.to_string(), strip.figure().without_table().to_string(), table.to_string()];
    let pieces = pieces
        .into_iter()
        .chain(iter::once(head.to_string()))
        .chain([tree, verified, kept, further]);
    let shell = Shell {
        title: "Integrity".to_owned(),
        subtitle: "What was not watched, where the log ends, and what was signed of it".to_owned(),
        section: Section::Integrity,
        signed_in: Some(signed_in(&who)),
        stamp: Some(Stamp {
            query: given.page(),
            instants: times(described, &answer),
            at_seq: envelope.at_seq,
            generated_at: envelope.generated_at.0.clone(),
            coverage: coverage(&envelope.coverage).words(),
            access_seq: None,
        }),
        ..Shell::default()
    };
    let take_away = Some(take_away(described, &given, visit.public_url(), who.is_admin()));
    Ok(PlainPage { shell, pieces: pieces.collect(), take_away, ..PlainPage::default() })
}

/// The question about the same time, without its pages.
fn of_time(given: &Given) -> Vec<(&str, &str)> {
    let pairs = given.pairs().into_iter();
    pairs.filter(|(name, _)| !matches!(*name, "limit" | "cursor")).collect()
}

/// The times of a question, as an axis.
pub(crate) fn axis(from: Option<&str>, to: Option<&str>, now: &str) -> Axis {
    let now = Time::read(now).unwrap_or_default();
    let to = to.and_then(Time::read).unwrap_or(now);
    Axis::new(from.and_then(Time::read).unwrap_or(Time(to.0 - 90 * 86_400)), to)
}

/// The gap of a chart.
fn gap(row: &Stretch) -> Gap {
    Gap {
        from: row.from.as_ref().and_then(|time| Time::read(&time.0)),
        to: row.to.as_ref().and_then(|time| Time::read(&time.0)),
        reason: row.reason.clone(),
    }
}

/// Whether a time is missing only from an imported log.
pub(crate) fn is_of_import(row: &Stretch) -> bool {
    row.reason == NO_IMPORTED_LOG
}

/// The gaps of an application, for a chart. What is missing from imported logs counts only if nothing else
/// is known of the application.
pub(crate) fn gaps_of_app(
    visit: &Visit<'_>,
    app: &str,
    rows: &[Stretch],
) -> Result<Vec<Gap>, Refusal> {
    let job = visit.ask::<Job>(&[("job", app)])?;
    let is_recorded = job.content.rows().iter().any(|job| job.last_request_at.is_some());
    Ok(rows.iter().filter(|row| !(is_recorded && is_of_import(row))).map(gap).collect())
}

/// Where the log begins and ends, as far as the caller may know.
fn head(visit: &Visit<'_>, who: &query::visit::SignedIn) -> Result<Facts, Refusal> {
    let whole = visit.ask::<Unwatched>(&[("from", "1970-01-01"), ("limit", "1000")])?;
    let began =
        whole.content.rows().iter().find(|row| row.reason == BEFORE && row.application.is_none());
    let began = began.and_then(|row| row.to.as_ref()).map(|time| time.0.clone());
    let mut facts = vec![];
    if let Some(seq) = whole.envelope.head.seq {
        let last =
            if who.application.is_some() { "Last event that you may see" } else { "Last event" };
        // The last event is seldom an operation, and only these have pages.
        facts.push(Fact::new(last, Cell::new(Look::Event, seq.to_string())));
        if who.application.is_none() {
            facts.push(Fact::new("Events", Cell::number(seq + 1)));
        }
    }
    facts.extend(began.map(|time| Fact::new("The record begins", Cell::time(time))));
    let caption = Some("The log".to_owned());
    Ok(Facts { caption, facts })
}

/// What was signed last, and by which keys.
fn tree(visit: &Visit<'_>) -> String {
    let caption = Some("The last checkpoint".to_owned());
    let Some(signed) = visit.checkpoint() else {
        let none = Fact::new("Signed", Cell::text("nothing yet"));
        return Facts { caption, facts: vec![none] }.to_string();
    };
    let file = Cell::text("checkpoint").linked("/tlog/checkpoint");
    let mut facts = vec![
        Fact::new("Log", Cell::id(signed.origin)),
        Fact::new("Events signed", Cell::number(signed.size)),
        Fact::new("Root", Cell::id(signed.root)),
    ];
    facts.extend(signed.keys.into_iter().map(|key| Fact::new("Key", Cell::id(key))));
    facts.push(Fact::new("File", file));
    for one in visit.witnessed().witnesses {
        let said = match (one.size, one.at, one.trouble) {
            (_, _, Some(trouble)) => format!("did not sign: {trouble}"),
            (Some(size), Some(at), None) => format!("{} events at {at}", grouped(size)),
            (_, _, None) => "was not asked yet".to_owned(),
        };
        facts.push(Fact::new(format!("Witness {}", one.name), Cell::text(said)));
    }
    Facts { caption, facts }.to_string()
}

/// What the last verification found, how far the present one is, and a button for one now.
fn verified(visit: &Visit<'_>, csrf: &str) -> String {
    let state = visit.verification();
    let caption = Some("Verification of the whole log".to_owned());
    let mut facts = vec![];
    match &state.last {
        None => facts.push(Fact::new("Last", Cell::text("none has ended since the start"))),
        Some(last) => {
            facts.push(Fact::new("Ended", Cell::time(last.at.0.clone())));
            let word = if last.faults.is_empty() { "success" } else { "failure" };
            facts.push(Fact::new("Result", Cell::status(word)));
            facts.push(Fact::new("Events verified", Cell::number(last.events)));
            facts.push(Fact::new("Of them signed", Cell::number(last.covered)));
            let faults = last.faults.iter();
            facts.extend(faults.map(|fault| Fact::new("Found", Cell::text(fault.clone()))));
        }
    }
    if let Some(running) = &state.running {
        let of = format!("{} of {} events", grouped(running.events), grouped(running.size));
        facts.push(Fact::new("Running", Cell::text(of).linked("/integrity")));
    }
    let button = act(csrf, "/integrity/verify", "Verify now");
    Facts { caption, facts }.to_string() + &button.to_string()
}

/// What the button sends.
#[derive(serde::Deserialize)]
pub(crate) struct Button {
    csrf: String,
}

/// `POST /integrity/verify`
pub(crate) async fn verify(
    visitor: Visitor,
    after: Visitor,
    Form(button): Form<Button>,
) -> Result<Response, Refusal> {
    let after = after.of_form(&button.csrf)?;
    match send::<Verify>(visitor, &button.csrf, Verify::PATH, Body::empty(), JSON).await? {
        Told::Done(_) => Ok(Redirect::to("/integrity").into_response()),
        Told::Refused(problem) => {
            let page = after.page(None, move |visit| {
                let mut page = show(visit, &[])?;
                page.shell.notice = Some(refused(&problem));
                Ok(page)
            });
            Ok(rendered(&page.await?))
        }
    }
}

/// How long the log is kept, and what is proven.
#[derive(Template)]
#[template(path = "integrity.html")]
struct Kept {}

fn further() -> String {
    let questions = [
        described::<answers::AccessLog>(),
        described::<answers::ConfigurationLog>(),
        described::<Unwatched>(),
    ];
    let entries = questions.into_iter().flatten().map(Entry::of).collect();
    Contents { caption: Some("See also".to_owned()), entries }.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reasons_are_those_of_answers() {
        for reason in [BEFORE, NO_IMPORTED_LOG] {
            assert!(answers::GAP_REASONS.iter().any(|(word, _)| *word == reason), "{reason}");
        }
    }
}
