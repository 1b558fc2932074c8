//! Complete HTTP answers to questions, with the router called in process.

use event::Clock;

use crate::explanations;
use crate::figures::percentile;
use crate::folder::Copy;
use crate::in_process::InProcess;
use crate::log_pages::{self, answer};
use crate::pages;
use crate::play::Filled;
use crate::questions::samples;
use crate::random::Random;
use crate::table::{Goal, Row};
use crate::{Outcome, Plan};

/// Measures on a copy of the filled store, with the clock at the end of the workload.
pub fn measure(
    plan: &Plan,
    filled: &Filled,
    runtime: &tokio::runtime::Runtime,
) -> Outcome<Vec<Row>> {
    let copy = Copy::of(&plan.store(), "answers")?;
    let open = runtime.block_on(InProcess::open(copy.path(), Clock::manual(filled.end())))?;
    let (slug, _) = filled.applications.first().ok_or("no application")?;
    let (group, members) = filled.groups.first().ok_or("no group")?;
    let mut random = Random::new(plan.seed);
    let mut rows = Vec::new();
    for back in ["", "at=-80d&"] {
        let when = if back.is_empty() { "now" } else { "80 days back" };
        let (mut page_us, mut user_us) = (Vec::new(), Vec::new());
        for _ in 0..plan.rounds {
            let page = format!("/api/v1/apps/{slug}/groups/{group}/members?{back}limit=100");
            let mut taken = samples(plan, || answer(&open, runtime, page.clone()))?;
            page_us.push(percentile(&mut taken, 50.0) as f64 / 1e3);
            let mut taken = samples(plan, || {
                let (user, _) = random.pick(&filled.users).ok_or("no users")?;
                let query = back.trim_end_matches('&');
                answer(&open, runtime, format!("/api/v1/apps/{slug}/users/{user}?{query}"))
            })?;
            user_us.push(percentile(&mut taken, 50.0) as f64 / 1e3);
        }
        let name = format!("100 members of the largest group, HTTP answer, {when}");
        rows.push(Row::new(name, "µs", &page_us).on(format!("{members} members")).compared());
        let name = format!("one user by id, HTTP answer, {when}");
        rows.push(Row::new(name, "µs", &user_us).compared());
    }
    let mut size_us = Vec::new();
    for _ in 0..plan.rounds {
        let sizes = format!("/api/v1/apps/{slug}/groups/{group}/sizes?limit=1000");
        let mut taken = samples(plan, || answer(&open, runtime, sizes.clone()))?;
        size_us.push(percentile(&mut taken, 50.0) as f64 / 1e3);
    }
    let row = Row::new("sizes of the largest group over time, HTTP answer", "µs", &size_us);
    let row = row.on(format!("{members} members")).compared();
    rows.push(row.with_goal(Goal::at_most(15_000.0, 5_000.0)));
    let mut overview_us = Vec::new();
    for _ in 0..plan.rounds {
        let mut taken = samples(plan, || answer(&open, runtime, "/api/v1/overview".to_owned()))?;
        overview_us.push(percentile(&mut taken, 50.0) as f64 / 1e3);
    }
    let row = Row::new("overview of all applications, HTTP answer", "µs", &overview_us).compared();
    rows.push(row.with_goal(Goal::at_most(60_000.0, 30_000.0)));
    rows.extend(log_pages::measure(plan, filled, &open, runtime)?);
    rows.extend(pages::measure(plan, filled, &open, runtime)?);
    // The last: what it imports is folded and compacted beside whatever is measured after it.
    rows.extend(explanations::measure(plan, filled, &open, runtime)?);
    runtime.block_on(open.close());
    Ok(rows)
}
