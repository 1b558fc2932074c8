//! How long a start takes until the rows stand at the log's end: after an orderly stop, and after a
//! kill under load.

use std::path::Path;
use std::time::Duration;

use event::Stopwatch;
use projector::catch_up;

use crate::child::Serving;
use crate::folder::{Copy, open_unlocked};
use crate::load::{self, Requests};
use crate::play::Filled;
use crate::table::Row;
use crate::{Outcome, Plan, machine};

/// Creates before the kill, as far as the time suffices.
const CREATES: u64 = 100_000;
/// The time limit for them, in rounds of load.
const ROUNDS_OF_LOAD: u32 = 10;

/// Measures on copies of the filled store.
pub fn measure(plan: &Plan, filled: &Filled) -> Outcome<Vec<Row>> {
    let copy = Copy::of(&plan.store(), "restart")?;
    let mut orderly_ms = Vec::new();
    for _ in 0..plan.rounds {
        orderly_ms.push(start_ms(copy.path())?.0);
    }

    let (server_core, load_core) = machine::cores()?;
    let (slug, token) = filled.applications.first().ok_or("no application")?;
    let mut creates = Requests::creates(&format!("/apps/{slug}/scim/v2/Users"), token, 0);
    let server = Serving::start(Some(copy.path()), server_core)?;
    let turn = Duration::from_millis(500).min(plan.round);
    let watch = Stopwatch::start();
    let mut created = 0;
    while created < CREATES && watch.elapsed() < plan.round * ROUNDS_OF_LOAD {
        created += load::run(server.target(), 64, turn, load_core, &mut creates)?.latencies_ns.len()
            as u64;
    }
    server.kill()?;
    let (killed_ms, folded) = start_ms(copy.path())?;
    Ok(vec![
        Row::new("restart after an orderly stop", "ms", &orderly_ms),
        Row::new("restart after a kill under load", "ms", &[killed_ms])
            .on(format!("{created} creates before it, {folded} events to fold")),
    ])
}

/// Milliseconds from opening until the rows stand at the log's end, and the events folded for that.
fn start_ms(store: &Path) -> Outcome<(f64, u64)> {
    let watch = Stopwatch::start();
    let store = open_unlocked(store)?;
    let folded = catch_up(&store, |_, _| ())?;
    Ok((watch.elapsed().as_secs_f64() * 1e3, folded))
}
