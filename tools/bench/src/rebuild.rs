//! Rebuilding the rows from the log, with a scan that decodes every event's header as the limit; and
//! bytes on disk.

use std::ops::ControlFlow;

use event::{Stopwatch, codec::decode_header};
use projector::{ProjectorError, catch_up};

use crate::folder::{Copy, open_unlocked};
use crate::table::{Goal, Row};
use crate::{Outcome, Plan};

/// Above this many events one round is enough, since it takes minutes.
const EVENTS_OF_ROUNDS_MAX: u64 = 2_000_000;

/// Measures on a copy of the filled store, which is compacted.
pub fn measure(plan: &Plan) -> Outcome<Vec<Row>> {
    let copy = Copy::of(&plan.store(), "rebuild")?;
    let store = open_unlocked(copy.path())?;
    let events = store.log_size()?;
    let each = |bytes: u64| bytes as f64 / events.max(1) as f64;
    let (log_bytes, rows_bytes) = (store.log_bytes(), store.rows_bytes());

    let (mut rates, mut scans) = (Vec::new(), Vec::new());
    let rounds = if events > EVENTS_OF_ROUNDS_MAX { 1 } else { plan.rounds.min(3) };
    for _ in 0..rounds {
        let watch = Stopwatch::start();
        store.scan_log(0, |seq, bytes| -> Result<_, ProjectorError> {
            decode_header(bytes).map_err(|source| ProjectorError::Event { seq, source })?;
            Ok(ControlFlow::Continue(()))
        })?;
        scans.push(events as f64 / watch.elapsed().as_secs_f64());
        store.clear_rows()?;
        let watch = Stopwatch::start();
        let folded = catch_up(&store, |_, _| ())?;
        rates.push(folded as f64 / watch.elapsed().as_secs_f64());
    }
    Ok(vec![
        Row::new("rebuild", "/s", &rates)
            .on(format!("{events} events"))
            .beside("scan of headers", &scans)
            .with_goal(Goal::at_least(45_000.0, 70_000.0)),
        Row::new(
            "bytes of an event and its rows, compacted",
            "bytes",
            &[each(log_bytes + rows_bytes)],
        )
        .with_goal(Goal::at_most(290.0, 260.0)),
        Row::new("of them in the log", "bytes", &[each(log_bytes)]),
        Row::new("of them in the rows", "bytes", &[each(rows_bytes)]),
    ])
}
