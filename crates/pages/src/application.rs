//! `/apps/{app}`: whether provisioning runs, what fails, and what was not watched.

use answers::row::{Failed, Operation, OperationBucket, Provisioning};
use answers::{
    Answer, Cycles, Drifted, Failing, Job, Look, Moment, OneApp, OperationFacets,
    OperationHistogram, Question, Unwatched, described,
};
use askama::Template;
use query::visit::{Refusal, Visit};

use crate::address::{encoded, with_query};
use crate::around::Around;
use crate::charts::{Axis, Bucket, Figure, Histogram, Series, Strip, Time};
use crate::integrity::{GAPS_MAX, axis, gaps_of_app, is_of_import};
use crate::place;
use crate::question::{More, Page, Shown, facts_of, rows_of};
use crate::view::{Cell, Empty, Facts, Heading, Html, Link, Row, TableView, Tone};

/// How far back the page looks.
const SINCE: &str = "-90d";
/// At most so many stretches, so that each is a day.
const BUCKETS: &str = "92";
/// Rows of the short tables.
const ROWS: usize = 6;
/// Values of filters that are looked through for errors.
const VALUES_MAX: usize = 10_000;

#[derive(Template)]
#[template(path = "application.html")]
struct Panels {
    first_request: Option<String>,
    age: Option<Age>,
    provisioning: Facts,
    facts: Facts,
    acts: Vec<Link>,
    activity: Figure,
    failing: TableView,
    more_failing: Option<String>,
    errors: TableView,
    /// The last cycles of the provider's log; nothing where it names none.
    cycles: Option<TableView>,
    /// Where all cycles are, if the table has only the last.
    more_cycles: Option<String>,
    /// Where all errors are, if the table has some of them.
    more_errors: Option<String>,
    watched: Figure,
    not_imported: Vec<String>,
    /// Where all of these times are, if some are left out.
    more_not_imported: Option<String>,
    drifted: Option<TableView>,
}

/// How long ago the last request was, against what is expected.
struct Age {
    words: String,
    expected: String,
    is_late: bool,
    /// In per cent of the bar.
    width: String,
    limit: String,
}

impl Page for OneApp {
    fn more(shown: &Shown<'_, OneApp>) -> Result<More, Refusal> {
        let (visit, app) = (shown.visit, shown.question.app.0.as_str());
        let around = Around { app: Some(app), given: shown.given };
        let mut facts = Facts::default();
        let mut has_upstream = false;
        if let Some(one) = shown.answer.content.rows().first() {
            facts = facts_of(&shown.question.columns(), one, &around);
            has_upstream = one.application.upstream.is_some();
        }
        let given = [("job", app)];
        let (job, question) = (visit.ask::<Job>(&given)?, visit.read::<Job>(&given)?);
        let job = job.content.rows().first();
        let mut columns = question.columns();
        columns.retain(|column| {
            !["Application", "Since then", "Expected every"].contains(&column.heading.text)
        });
        let provisioning = job.map(|job| facts_of(&columns, job, &around)).unwrap_or_default();

        let since = [("app", app), ("from", SINCE)];
        let watched = visit.whole::<Unwatched>(&since, GAPS_MAX)?;
        let axis =
            axis(watched.envelope.asked("from"), watched.envelope.asked("to"), &visit.now().0)
                .with_gaps(gaps_of_app(visit, app, watched.content.rows())?);
        let counted = [("app", app), ("from", SINCE), ("buckets", BUCKETS)];
        let counted = visit.ask::<OperationHistogram>(&counted)?;
        let activity = activity(app, &axis, counted.content.rows());

        let failed = [("app", app), ("limit", "6")];
        let failed = visit.ask::<Failing>(&failed)?;
        let facets = [("app", app), ("from", SINCE), ("status", "failure")];
        let facets = visit.whole::<OperationFacets>(&facets, VALUES_MAX)?;
        let drifted = match has_upstream {
            true => Some(drift(shown, app, &around)?),
            false => None,
        };
        let strip = Strip { caption: "What was watched".to_owned(), axis, is_small: false };
        let never = job.is_some_and(|job| job.last_request_at.is_none());
        let first_request = (never && shown.who.is_admin())
            .then(|| crate::admin::first_request_panel(visit, app))
            .transpose()?;
        let errors = errors(app, facets.content.rows());
        let not_imported = not_imported(&watched);
        let cycles = visit.ask::<Cycles>(&[("app", app), ("limit", "6")])?;
        let more_cycles = cycles.envelope.next.is_some();
        let panels = Panels {
            more_cycles: more_cycles.then(|| format!("/apps/{}/cycles", encoded(app))),
            cycles: cycles_of(visit, app, &cycles, &around)?,
            first_request,
            age: job.and_then(age),
            provisioning,
            facts,
            acts: if shown.who.is_admin() { acts(app) } else { vec![] },
            activity,
            more_failing: failed.envelope.next.is_some().then(|| of_app("/reports/failing", app)),
            failing: failing(&failed, &around),
            more_errors: (errors.row_count > Some(ROWS as u64)).then(|| failures(app)),
            errors,
            watched: strip.figure(),
            more_not_imported: (not_imported.len() > ROWS)
                .then(|| with_query("/coverage".to_owned(), since.into_iter())),
            not_imported: not_imported.into_iter().take(ROWS).collect(),
            drifted,
        };
        Ok(More {
            tabs: described::<OneApp>().and_then(|one| place::tabs(one, shown.given)),
            above: vec![panels.to_string()],
            replaces_rows: true,
            ..More::default()
        })
    }
}

fn of_app(page: &str, app: &str) -> String {
    with_query(page.to_owned(), [("app", app)].into_iter())
}

/// All that failed, with every status and code to narrow by.
fn failures(app: &str) -> String {
    let pairs = [("app", app), ("from", SINCE), ("status", "failure")];
    with_query("/operations".to_owned(), pairs.into_iter())
}

fn acts(app: &str) -> Vec<Link> {
    let token = [("role", "scim"), ("application", app)];
    vec![
        Link::to("Issue a token", with_query("/admin/tokens/new".to_owned(), token.into_iter())),
        Link::to("Import the provider's log", format!("/apps/{}/imports", encoded(app))),
    ]
}

/// The times that the imported logs lack, in words; empty where no log was imported.
fn not_imported(answer: &Answer<Unwatched>) -> Vec<String> {
    let end = |moment: &Option<Moment>, open: &str| {
        moment.as_ref().map_or_else(|| open.to_owned(), |moment| crate::text::second(&moment.0))
    };
    let rows = answer.content.rows().iter().filter(|row| is_of_import(row));
    rows.map(|row| format!("{} to {}", end(&row.from, "the beginning"), end(&row.to, "now")))
        .collect()
}

/// How long ago the last request was. The bar ends at twice the expected time.
fn age(job: &Provisioning) -> Option<Age> {
    let expected = job.expected_interval_seconds.max(1);
    let seconds = u64::try_from(job.seconds_since_last_request?).ok()?;
    let is_late = seconds > expected;
    let (ago, every) = (answers::table::span(seconds), answers::table::span(expected));
    let words = match is_late {
        true => format!("The last request arrived {ago} ago; one is expected every {every}."),
        false => format!("The last request arrived {ago} ago, within the {every} expected."),
    };
    let width = (seconds as f64 / expected as f64 * 50.0).clamp(0.0, 100.0);
    Some(Age {
        words,
        expected: every,
        is_late,
        width: format!("{width:.1}"),
        limit: "50".to_owned(),
    })
}

/// The kinds of outcome in the order of the counts of a bucket, with their hues.
pub(crate) fn outcomes() -> Vec<Series> {
    let kinds = [
        ("success", Tone::Good),
        ("warning", Tone::Warn),
        ("failure", Tone::Bad),
        ("skipped", Tone::Quiet),
    ];
    kinds.map(|(word, tone)| Series { word: word.to_owned(), tone }).into()
}

/// A part of the time, as a chart draws it.
pub(crate) fn bucket(bucket: &OperationBucket, href: Option<String>) -> Bucket {
    Bucket {
        from: Time::read(&bucket.start.0).unwrap_or_default(),
        to: Time::read(&bucket.end.0).unwrap_or_default(),
        counts: vec![bucket.success, bucket.warning, bucket.failure, bucket.skipped],
        href,
    }
}

fn activity(app: &str, axis: &Axis, rows: &[OperationBucket]) -> Figure {
    let link = |one: &OperationBucket| {
        let pairs = [("app", app), ("from", one.start.0.as_str()), ("to", one.end.0.as_str())];
        with_query("/operations".to_owned(), pairs.into_iter())
    };
    let chart = Histogram {
        caption: "Operations in 90 days".to_owned(),
        axis: axis.clone(),
        series: outcomes(),
        buckets: rows.iter().map(|one| bucket(one, Some(link(one)))).collect(),
        ..Histogram::default()
    };
    chart.without_empty_kinds().figure()
}

fn failing(answer: &Answer<Failing>, around: &Around<'_>) -> TableView {
    let row = |one: &Failed| {
        let names = [&one.user_name, &one.display_name, &one.external_id, &one.user_id];
        let name = names.into_iter().flatten().next().cloned().unwrap_or_default();
        let name = match (&one.user_id, one.resource_type.as_deref()) {
            (Some(id), Some("User")) => {
                Cell::text(name).linked(user_page(around.app.unwrap_or_default(), id))
            }
            _ => Cell::text(name),
        };
        let why = match (&one.reason, one.http_status) {
            (Some(reason), _) => reason.clone(),
            (None, Some(status)) => format!("HTTP status {status}"),
            (None, None) => String::new(),
        };
        let failed = Cell::time(one.failed_at.0.clone());
        let failed = failed.linked(format!("/operations/{}", one.failed_seq));
        Row::new(vec![name, failed, Cell::number(one.failures), Cell::text(why)])
    };
    TableView {
        caption: "Failing now".to_owned(),
        headings: headings(&[
            (Look::Text, "Who"),
            (Look::Time, "Last failed"),
            (Look::Number, "In a row"),
            (Look::Text, "Why"),
        ]),
        rows: answer.content.rows().iter().map(row).collect(),
        row_count: Some(answer.envelope.row_count),
        empty: Some(nothing("Nobody's last write failed.")),
        ..TableView::default()
    }
}

fn user_page(app: &str, id: &str) -> String {
    let name = if id.contains(':') { format!("id:{id}") } else { id.to_owned() };
    format!("/apps/{}/users/{}", encoded(app), encoded(&name))
}

/// The last cycles, as the question has them but for the number of the event.
fn cycles_of(
    visit: &Visit<'_>,
    app: &str,
    answer: &Answer<Cycles>,
    around: &Around<'_>,
) -> Result<Option<TableView>, Refusal> {
    let rows = answer.content.rows();
    if rows.is_empty() {
        return Ok(None);
    }
    let mut columns = visit.read::<Cycles>(&[("app", app)])?.columns();
    columns.retain(|column| column.heading.text != "First event");
    let table = rows_of("Cycles by the provider's log", &columns, rows, around);
    let row_count = Some(answer.envelope.row_count);
    Ok(Some(TableView { row_count, is_named_above: false, ..table }))
}

/// The most frequent errors: statuses of answers, and codes of imported logs.
fn errors(app: &str, rows: &[answers::row::FacetValue]) -> TableView {
    let mut found: Vec<_> = rows
        .iter()
        .filter(|one| ["httpStatus", "errorCode"].contains(&one.facet.as_str()) && one.count > 0)
        .collect();
    found.sort_by_key(|one| std::cmp::Reverse(one.count));
    let row = |one: &&answers::row::FacetValue| {
        let pairs = [
            ("app", app),
            ("from", SINCE),
            ("status", "failure"),
            (one.facet.as_str(), one.value.as_str()),
        ];
        let kind = match one.facet.as_str() {
            "httpStatus" => "answer",
            _ => "provider's log",
        };
        let href = with_query("/operations".to_owned(), pairs.into_iter());
        Row::new(vec![
            Cell::text(one.value.clone()).linked(href),
            Cell::text(kind),
            Cell::number(one.count),
        ])
    };
    TableView {
        caption: "Errors in 90 days".to_owned(),
        headings: headings(&[
            (Look::Text, "Status or code"),
            (Look::Text, "From"),
            (Look::Number, "Operations"),
        ]),
        rows: found.iter().take(ROWS).map(row).collect(),
        row_count: Some(found.len() as u64),
        empty: Some(nothing("No operation failed.")),
        ..TableView::default()
    }
}

fn drift(shown: &Shown<'_, OneApp>, app: &str, around: &Around<'_>) -> Result<TableView, Refusal> {
    let given = [("app", app), ("from", SINCE), ("limit", "6")];
    let answer = shown.visit.ask::<Drifted>(&given)?;
    let question: Drifted = shown.visit.read(&given)?;
    let rows: &[Operation] = answer.content.rows();
    let mut table = rows_of("Differences at the upstream", &question.columns(), rows, around);
    table.row_count = Some(answer.envelope.row_count);
    table.next = answer.envelope.next.is_some().then(|| of_app("/reports/drift", app));
    table.empty = Some(nothing("No look at the upstream found a difference in 90 days."));
    Ok(table)
}

fn headings(columns: &[(Look, &str)]) -> Vec<Heading> {
    columns.iter().map(|(look, text)| Heading::new(*look, *text)).collect()
}

fn nothing(what: &str) -> Empty {
    Empty { what: what.to_owned(), hints: vec![] }
}
