//! Durable creates over HTTP. With 64 connections the limit is a handler that does nothing; with one
//! connection it is a synced append of 4 KiB. The servers have one core, the load another.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use event::Stopwatch;

use crate::child::Serving;
use crate::figures::{median, percentile};
use crate::folder::Copy;
use crate::load::{self, LoadResult, Requests};
use crate::play::Filled;
use crate::rounds::Rounds;
use crate::stages::{Counted, Stages};
use crate::table::{Goal, Row};
use crate::{Outcome, Plan, machine};

/// Concurrent connections.
const CONNECTIONS: [usize; 3] = [64, 16, 1];
/// From this size of the store on, creates may be slower.
const OPERATIONS_LARGE: u64 = 5_000_000;
/// How often creates on one connection and synced appends alternate in a round.
const TURNS: u32 = 5;
/// The bytes of a synced append.
const BLOCK_BYTES: usize = 4 << 10;

/// Measures on a copy of the filled store.
pub fn measure(plan: &Plan, filled: &Filled) -> Outcome<Vec<Row>> {
    let copy = Copy::of(&plan.store(), "writes")?;
    let (server_core, load_core) = machine::cores()?;
    let provlog = Serving::start(Some(copy.path()), server_core)?;
    let empty = Serving::start(None, server_core)?;
    let (slug, token) = filled.applications.first().ok_or("no application")?;
    let mut creates = Requests::creates(&format!("/apps/{slug}/scim/v2/Users"), token, 0);
    let mut nothing = Requests::empty();

    let mut rounds: [Rounds; CONNECTIONS.len()] = Default::default();
    let mut limit = Rounds::default();
    let (mut sync_p50_ms, mut sync_p99_ms) = (Vec::new(), Vec::new());
    let mut stages = Stages::default();
    for _ in 0..plan.rounds {
        let duration = plan.round;
        limit.add(load::run(empty.target(), 64, duration, load_core, &mut nothing)?);
        let before = Counted::of(&provlog)?;
        rounds[0].add(load::run(provlog.target(), 64, duration, load_core, &mut creates)?);
        stages.add(&before, &Counted::of(&provlog)?);
        rounds[1].add(load::run(provlog.target(), 16, duration, load_core, &mut creates)?);
        // The speed of the disk changes within seconds, so the two alternate.
        let (mut result, mut samples) = (LoadResult::default(), Vec::new());
        for _ in 0..TURNS {
            let turn = duration / TURNS;
            result.absorb(load::run(provlog.target(), 1, turn, load_core, &mut creates)?);
            samples.extend(synced_appends(copy.path(), turn / 2)?);
        }
        rounds[2].add(result);
        sync_p50_ms.push(percentile(&mut samples, 50.0) as f64 / 1e6);
        sync_p99_ms.push(percentile(&mut samples, 99.0) as f64 / 1e6);
    }
    let memory_bytes = machine::memory_peak_bytes(provlog.process())?;
    provlog.stop()?;
    empty.stop()?;

    let mut rows = Vec::new();
    for (connections, rounds) in CONNECTIONS.iter().zip(&rounds) {
        let name = |what: &str| format!("creates over HTTP, {connections} connections, {what}");
        let rate = Row::new(name("one core"), "/s", &rounds.rate);
        let p50 = Row::new(name("p50"), "ms", &rounds.p50_ms).compared();
        let p99 = Row::new(name("p99"), "ms", &rounds.p99_ms);
        match connections {
            64 => {
                let share = if filled.operations < OPERATIONS_LARGE {
                    Goal::ratio_at_least(0.11, 0.18)
                } else {
                    Goal::ratio_at_least(0.095, 0.16)
                };
                rows.push(rate.beside("empty handler", &limit.rate).with_goal(share));
                rows.push(p50);
                rows.push(p99.with_goal(Goal::at_most(14.0, 8.0)));
            }
            1 => {
                rows.push(rate);
                let goal = Goal::ratio_at_most(2.6, 1.8);
                rows.push(p50.beside("fdatasync of 4 KiB, p50", &sync_p50_ms).with_goal(goal));
                rows.push(p99.beside("fdatasync of 4 KiB, p99", &sync_p99_ms));
            }
            _ => rows.extend([rate, p50, p99]),
        }
    }
    rows.push(
        Row::new("memory at its peak, under these creates", "MiB", &[mebibytes(memory_bytes)])
            .with_goal(Goal::at_most(256.0, 200.0)),
    );
    for (name, rounds) in [("creates at 64", &rounds[0]), ("the empty handler", &limit)] {
        // If the load used more than the server, the load generator was the bottleneck.
        let load = median(&rounds.generator_percent);
        let name = format!("check: core of the server under {name}");
        rows.push(
            Row::new(name, "%", &rounds.server_percent).on(format!("the load took {load:.0} %")),
        );
    }
    rows.extend(stages.rows());
    Ok(rows)
}

/// The nanoseconds that appends of 4 KiB with `fdatasync` take.
fn synced_appends(folder: &Path, duration: Duration) -> Outcome<Vec<u64>> {
    let path = folder.join("appends");
    let mut file = File::create(&path)?;
    let block = [0x5a; BLOCK_BYTES];
    let mut samples = Vec::new();
    let whole = Stopwatch::start();
    while whole.elapsed() < duration {
        let watch = Stopwatch::start();
        file.write_all(&block)?;
        file.sync_data()?;
        samples.push(watch.elapsed().as_nanos() as u64);
    }
    std::fs::remove_file(&path)?;
    Ok(samples)
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
