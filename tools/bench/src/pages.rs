//! Pages as a browser asks for them: how long the server takes, and how much it sends.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::figures::percentile;
use crate::in_process::{self, InProcess, Message};
use crate::play::Filled;
use crate::questions::samples;
use crate::table::{Goal, Row};
use crate::{Outcome, Plan};

/// No page sends more, compressed.
const BYTES_MAX: f64 = 120e3;

/// A page, and the most that the server may take for it, in milliseconds.
struct Case {
    name: &'static str,
    target: String,
    ms_max: f64,
}

fn cases(filled: &Filled) -> Outcome<Vec<Case>> {
    let (slug, _) = filled.applications.first().ok_or("no application")?;
    let (group, _) = filled.groups.first().ok_or("no group")?;
    let (user, _) = filled.users.first().ok_or("no users")?;
    let groups: Vec<String> = filled.groups.iter().map(|(group, _)| group.to_string()).collect();
    let case = |name, target: String, ms_max| Case { name, target, ms_max };
    let of_user = format!("/apps/{slug}/users/{user}");
    Ok(vec![
        case("start", "/".to_owned(), 60.0),
        case("log explorer", "/operations?limit=50".to_owned(), 60.0),
        case(
            "log explorer, an application's failures",
            format!("/operations?limit=50&app={slug}&status=failure"),
            300.0,
        ),
        case(
            "log explorer, of two days and an action",
            "/operations?limit=50&from=-80d&to=-78d&action=update".to_owned(),
            300.0,
        ),
        case("log explorer, of a status", "/operations?limit=50&httpStatus=409".to_owned(), 300.0),
        case(
            "log explorer, of the largest group",
            format!("/operations?limit=50&app={slug}&resource={group}"),
            300.0,
        ),
        case("the largest group", format!("/apps/{slug}/groups/{group}"), 60.0),
        case(
            "the largest group, 80 days back",
            format!("/apps/{slug}/groups/{group}?at=-80d"),
            60.0,
        ),
        case("members of the largest group", format!("/apps/{slug}/groups/{group}/members"), 60.0),
        case("one user", of_user.clone(), 20.0),
        case("why of one user", format!("{of_user}/why"), 20.0),
        case(
            "matrix of the largest group and two others",
            format!("/apps/{slug}/matrix?groups={}&limit=50", groups.join(",")),
            300.0,
        ),
        case("one application", format!("/apps/{slug}"), 60.0),
    ])
}

/// Measures whole pages, with the router called in process.
pub fn measure(
    plan: &Plan,
    filled: &Filled,
    open: &InProcess,
    runtime: &tokio::runtime::Runtime,
) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for case in cases(filled)? {
        let ask = || page(open, runtime, &case.target).map(drop);
        let mut p50_us = Vec::new();
        for _ in 0..plan.rounds {
            let mut samples = samples(plan, ask)?;
            p50_us.push(percentile(&mut samples, 50.0) as f64 / 1e3);
        }
        let goal = Goal::at_most(case.ms_max * 1e3, case.ms_max * 500.0);
        rows.push(
            Row::new(format!("page: {}", case.name), "µs", &p50_us).compared().with_goal(goal),
        );
        let bytes = compressed(&page(open, runtime, &case.target)?)? as f64;
        let row = Row::new(format!("page: {}, compressed", case.name), "bytes", &[bytes]);
        rows.push(row.with_goal(Goal::at_most(BYTES_MAX, BYTES_MAX / 4.0)));
    }
    Ok(rows)
}

fn page(open: &InProcess, runtime: &tokio::runtime::Runtime, target: &str) -> Outcome<Vec<u8>> {
    let token = open.admin_token.clone();
    let target_of = target.to_owned();
    let message =
        Message { method: "GET", target: target_of, token, request_id: None, body: vec![] };
    let (status, body) = runtime.block_on(in_process::send(open.router(), message))?;
    match status {
        200 => Ok(body),
        other => Err(format!("{target} answers {other}").into()),
    }
}

fn compressed(page: &[u8]) -> Outcome<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(page)?;
    Ok(encoder.finish()?.len())
}
