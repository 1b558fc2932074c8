//! Pages of the log: the cases, and what the whole HTTP answer of each takes.

use crate::figures::percentile;
use crate::in_process::{InProcess, Message};
use crate::play::Filled;
use crate::questions::samples;
use crate::table::Row;
use crate::{Outcome, Plan, in_process};

/// Operations on a page.
pub const LIMIT: usize = 50;

/// One way to look at the log.
pub struct Case {
    /// What it shows.
    pub name: &'static str,
    /// Its filters, by the names that they have in an address.
    pub filters: Vec<(&'static str, String)>,
}

/// Every filter alone, and none.
pub fn cases(filled: &Filled) -> Vec<Case> {
    let case = |name, filter: Option<(&'static str, &str)>| {
        let filters = filter.into_iter().map(|(name, value)| (name, value.to_owned()));
        Case { name, filters: filters.collect() }
    };
    let slug = filled.applications.first().map_or("", |(slug, _)| slug);
    let user = filled.users.first().map(|(id, _)| id.to_string()).unwrap_or_default();
    let of_application = |name, filter: &'static str, value: &str| Case {
        name,
        filters: vec![("app", slug.to_owned()), (filter, value.to_owned())],
    };
    vec![
        case("of everything", None),
        case("of an application", Some(("app", slug))),
        of_application("of failures", "status", "failure"),
        of_application("of an action", "action", "create"),
        of_application("of a resource", "resource", &user),
        of_application("of a credential", "credential", "2"),
        case("of a request id", Some(("requestId", &filled.request_id))),
        Case {
            name: "of two days, 80 days back",
            filters: vec![("from", "-80d".to_owned()), ("to", "-78d".to_owned())],
        },
    ]
}

impl Case {
    /// The address of its page.
    fn target(&self) -> String {
        let mut target = format!("/api/v1/operations?limit={LIMIT}");
        for (name, value) in &self.filters {
            target.push_str(&format!("&{name}={value}"));
        }
        target
    }
}

/// The whole answers, of the cases that are served.
pub fn measure(
    plan: &Plan,
    filled: &Filled,
    open: &InProcess,
    runtime: &tokio::runtime::Runtime,
) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for case in cases(filled) {
        let ask = || answer(open, runtime, case.target());
        if ask()? == 400 {
            continue; // a filter that this server does not have
        }
        let mut p50_us = Vec::new();
        for _ in 0..plan.rounds {
            let mut samples = samples(plan, || ask().map(|_| ()))?;
            p50_us.push(percentile(&mut samples, 50.0) as f64 / 1e3);
        }
        let name = format!("page of {LIMIT} {}, HTTP answer", case.name);
        rows.push(Row::new(name, "µs", &p50_us).compared());
    }
    Ok(rows)
}

/// The status that answers a question of the administrator: 200, or 400 for one that is not known.
pub fn answer(open: &InProcess, runtime: &tokio::runtime::Runtime, target: String) -> Outcome<u16> {
    let asked = target.clone();
    let token = open.admin_token.clone();
    let message = Message { method: "GET", target, token, request_id: None, body: vec![] };
    let (status, body) = runtime.block_on(in_process::send(open.router(), message))?;
    match status {
        200 | 400 => Ok(status),
        _ => Err(format!("{asked} answers {status}: {}", String::from_utf8_lossy(&body)).into()),
    }
}
