//! The operation log: pages and counts by every filter, in the engine and as complete HTTP answers.

use std::collections::BTreeSet;

use event::{Action, Credential, ResourceType, Seq, Status, Timestamp};
use projector::{View, seq_at};
use query::log::{Filter, Log, Stretch, Wanted};
use query::name::Name;
use store::Store;

use crate::figures::percentile;
use crate::in_process::{InProcess, Message};
use crate::play::Filled;
use crate::questions::samples;
use crate::table::{Goal, Row};
use crate::workload::DAY_US;
use crate::{Outcome, Plan, in_process};

/// Operations on a page.
const LIMIT: usize = 50;
/// The period of the time filters, in days back.
const STRETCH_DAYS: [i64; 2] = [80, 78];

/// One combination of filters.
struct Case {
    /// What it shows.
    name: &'static str,
    /// Its filters, by the names of their query parameters.
    filters: Vec<(&'static str, String)>,
}

/// Every filter alone, some combined, and none.
fn cases(filled: &Filled) -> Vec<Case> {
    let slug = filled.applications.first().map_or("", |(slug, _)| slug);
    let group = filled.groups.first().map(|(id, _)| id.to_string()).unwrap_or_default();
    let case = |name, filters: &[(&'static str, &str)]| {
        let filters = filters.iter().map(|(name, value)| (*name, (*value).to_owned()));
        Case { name, filters: filters.collect() }
    };
    let [from, to] = STRETCH_DAYS.map(|days| format!("-{days}d"));
    vec![
        case("of everything", &[]),
        case("of an application", &[("app", slug)]),
        case("of failures", &[("status", "failure")]),
        case("of an action", &[("action", "disable")]),
        case("of the largest group", &[("resource", &group)]),
        case("of a credential", &[("credential", "2")]),
        case("with an HTTP status", &[("httpStatus", "409")]),
        case("of a request id", &[("requestId", &filled.request_id)]),
        case("of two days, 80 days back", &[("from", &from), ("to", &to)]),
        case("of an application's failures", &[("app", slug), ("status", "failure")]),
        case(
            "of an application's failed creates in two days",
            &[
                ("app", slug),
                ("status", "failure"),
                ("action", "create"),
                ("from", &from),
                ("to", &to),
            ],
        ),
    ]
}

impl Case {
    /// The path and query of its page.
    fn target(&self) -> String {
        self.of("operations", LIMIT)
    }

    /// The path and query of a question with its filters.
    fn of(&self, question: &str, limit: usize) -> String {
        let mut target = format!("/api/v1/{question}?limit={limit}");
        for (name, value) in &self.filters {
            target.push_str(&format!("&{name}={value}"));
        }
        target
    }

    fn value(&self, wanted: &str) -> Option<&str> {
        let found = self.filters.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| value.as_str())
    }

    /// The same as a filter of the engine.
    fn filter(&self, view: &View<'_>) -> Outcome<Filter> {
        let application = match self.value("app") {
            Some(slug) => {
                Some(view.application(slug)?.ok_or("the application is not there")?.number)
            }
            None => None,
        };
        let mut resources = None;
        if let Some(id) = self.value("resource") {
            let mut found = BTreeSet::new();
            for application in view.applications()? {
                for resource_type in [ResourceType::USER, ResourceType::GROUP] {
                    let numbers = Name::parse(id).ever(view, application.number, resource_type)?;
                    found.extend(numbers.into_iter().map(|number| (application.number, number)));
                }
            }
            resources = Some(found);
        }
        let credential = self.value("credential").map(str::parse).transpose()?.map(Credential);
        let status = self.value("status");
        let action = self.value("action");
        Ok(Filter {
            application,
            credential,
            status: status.and_then(Status::from_name),
            action: action.and_then(Action::from_name),
            http_status: self.value("httpStatus").map(str::parse).transpose()?,
            resources,
            request_id: self.value("requestId").map(str::to_owned),
            ..Filter::default()
        })
    }
}

/// Measures pages of summaries and counts, directly on the rows.
pub fn measure_engine(
    plan: &Plan,
    filled: &Filled,
    store: &Store,
    view: View<'_>,
    size: Seq,
) -> Outcome<Vec<Row>> {
    let log = Log::new(view, store);
    let seq = |days: i64| -> Outcome<Seq> {
        let time = Timestamp(filled.end_us - days * DAY_US);
        Ok(seq_at(store, &view, size, time)?.map_or(0, |seq| seq + 1))
    };
    let stretch = seq(STRETCH_DAYS[0])?..seq(STRETCH_DAYS[1])?;
    let (mut pages, mut counts) = (Vec::new(), Vec::new());
    for case in cases(filled) {
        let filter = case.filter(&view)?;
        let seqs = if case.value("from").is_some() { stretch.clone() } else { 0..size };
        let (wanted, seqs) = (Wanted::both(filter), Stretch { seqs, ..Stretch::all() });
        let found = log.count(&wanted, &seqs)?;
        if found == 0 {
            return Err(format!("there are no operations {}", case.name).into());
        }
        let (mut page_us, mut count_us) = (Vec::new(), Vec::new());
        for _ in 0..plan.rounds {
            let mut taken = samples(plan, || {
                log.page(&wanted, &seqs, LIMIT)?;
                Ok(())
            })?;
            page_us.push(percentile(&mut taken, 50.0) as f64 / 1e3);
            let mut taken = samples(plan, || {
                log.count(&wanted, &seqs)?;
                Ok(())
            })?;
            count_us.push(percentile(&mut taken, 50.0) as f64 / 1e3);
        }
        let row = |what: &str, values: &[f64], goal| {
            let row = Row::new(format!("{what} {}", case.name), "µs", values).compared();
            row.on(format!("{found} operations")).with_goal(goal)
        };
        pages.push(row(&format!("page of {LIMIT}"), &page_us, Goal::at_most(200.0, 100.0)));
        counts.push(row("count", &count_us, Goal::at_most(700.0, 50.0)));
    }
    pages.append(&mut counts);
    Ok(pages)
}

/// Measures pages in Graph's shape, directly on rows and log, including decoding and writing 50 events.
pub fn measure_graph(plan: &Plan, filled: &Filled, store: &Store) -> Outcome<Vec<Row>> {
    let snapshot = store.snapshot();
    let goals = [Goal::at_most(500.0, 200.0), Goal::at_most(1_000.0, 1_000.0)];
    let mut rows = Vec::new();
    for ((name, filter), goal) in graph_filters(filled).into_iter().zip(goals) {
        let page = || query::graph::newest(store, &snapshot, &filter, LIMIT);
        // A page that is not full would be cheaper.
        let times = b"\"activityDateTime\"";
        if page()?.windows(times.len()).filter(|text| text == times).count() != LIMIT {
            return Err(format!("there are no {LIMIT} entries under {name}").into());
        }
        let mut p50_us = Vec::new();
        for _ in 0..plan.rounds {
            let mut taken = samples(plan, || {
                page()?;
                Ok(())
            })?;
            p50_us.push(percentile(&mut taken, 50.0) as f64 / 1e3);
        }
        let row = Row::new(format!("Graph page of {LIMIT} under {name}"), "µs", &p50_us);
        rows.push(row.compared().with_goal(goal));
    }
    Ok(rows)
}

/// The filters of Graph pages: one term, and three.
pub fn graph_filters(filled: &Filled) -> [(&'static str, String); 2] {
    let one = "provisioningStatusInfo/status eq 'failure'";
    let from = Timestamp(filled.end_us - 80 * DAY_US);
    let more = format!("provisioningAction eq 'create' and activityDateTime ge {from}");
    [("one filter", one.to_owned()), ("three filters", format!("{one} and {more}"))]
}

/// Measures complete answers: page, count and coverage, including decoding and writing 50 events.
pub fn measure(
    plan: &Plan,
    filled: &Filled,
    open: &InProcess,
    runtime: &tokio::runtime::Runtime,
) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for case in cases(filled) {
        let ask = || answer(open, runtime, case.target());
        let mut p50_us = Vec::new();
        for _ in 0..plan.rounds {
            let mut samples = samples(plan, ask)?;
            p50_us.push(percentile(&mut samples, 50.0) as f64 / 1e3);
        }
        let name = format!("page of {LIMIT} {}, HTTP answer", case.name);
        rows.push(Row::new(name, "µs", &p50_us).compared());
    }
    rows.extend(measure_explorer(plan, filled, open, runtime)?);
    Ok(rows)
}

/// Measures what a page that explores the log asks: a page, the histogram and the facets, alone and
/// together.
fn measure_explorer(
    plan: &Plan,
    filled: &Filled,
    open: &InProcess,
    runtime: &tokio::runtime::Runtime,
) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for case in cases(filled) {
        let histogram = case.of("operations/histogram", 1_000);
        let facets = case.of("operations/facets", 1_000);
        let all = [case.target(), histogram.clone(), facets.clone()];
        for (name, targets) in [
            ("histogram", &[histogram][..]),
            ("facets", &[facets][..]),
            ("page, histogram and facets", &all[..]),
        ] {
            let ask = || targets.iter().try_for_each(|one| answer(open, runtime, one.clone()));
            let mut p50_us = Vec::new();
            for _ in 0..plan.rounds {
                let mut samples = samples(plan, ask)?;
                p50_us.push(percentile(&mut samples, 50.0) as f64 / 1e3);
            }
            let row = Row::new(format!("{name} {}, HTTP answers", case.name), "µs", &p50_us);
            let row = row.compared();
            let goal = if case.filters.is_empty() {
                Goal::at_most(60_000.0, 30_000.0)
            } else {
                Goal::at_most(300_000.0, 60_000.0)
            };
            rows.push(if targets.len() > 1 { row.with_goal(goal) } else { row });
        }
    }
    Ok(rows)
}

/// Asks as the administrator and expects 200.
pub fn answer(open: &InProcess, runtime: &tokio::runtime::Runtime, target: String) -> Outcome<()> {
    answered(open, runtime, target, 200)
}

/// Asks as the administrator and expects a status.
pub fn answered(
    open: &InProcess,
    runtime: &tokio::runtime::Runtime,
    target: String,
    expected: u16,
) -> Outcome<()> {
    let asked = target.clone();
    let token = open.admin_token.clone();
    let message = Message { method: "GET", target, token, request_id: None, body: vec![] };
    let (status, body) = runtime.block_on(in_process::send(open.router(), message))?;
    if status == expected {
        return Ok(());
    }
    Err(format!("{asked} answers {status}: {}", String::from_utf8_lossy(&body)).into())
}
