//! The engine without sockets: 64 writers call the router. The limit is one thread that appends the
//! same bytes and does nothing else.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use event::{Clock, Seq, Stopwatch};
use store::{Options, Store, StoreError};
use tokio::task::JoinSet;

use crate::bodies;
use crate::folder::Copy;
use crate::in_process::{InProcess, Message, send};
use crate::play::Filled;
use crate::table::{Goal, Row};
use crate::{Outcome, Plan};

/// Concurrent writers; also the events in one synced append of the limit.
const WRITERS: usize = 64;

/// Measures on a copy of the filled store.
pub async fn measure(plan: &Plan, filled: &Filled) -> Outcome<Vec<Row>> {
    let copy = Copy::of(&plan.store(), "engine")?;
    let (slug, token) = filled.applications.first().ok_or("no application")?;
    let target = format!("/apps/{slug}/scim/v2/Users");
    let (mut rates, mut limits) = (Vec::new(), Vec::new());
    let (mut next, mut p50_ms, mut bytes_each) = (0, Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let open = InProcess::open(copy.path(), Clock::manual(filled.end())).await?;
        let begin = open.server.committer().store().log_size()?;
        let (rate, mut latencies_ns) = creates(&open, &target, token, next, plan.creates).await?;
        next += plan.creates;
        rates.push(rate);
        p50_ms.push(crate::figures::percentile(&mut latencies_ns, 50.0) as f64 / 1e6);
        let events = events_from(open.server.committer().store(), begin)?;
        open.close().await;
        let bytes: usize = events.iter().map(Vec::len).sum();
        bytes_each.push(bytes as f64 / events.len().max(1) as f64);
        limits.push(append(&plan.store(), events)?);
    }
    Ok(vec![
        Row::new("creates in the engine, 64 writers, no sockets", "/s", &rates)
            .beside("append of the same events", &limits)
            .with_goal(Goal::ratio_at_least(0.15, 0.30)),
        Row::new("creates in the engine, p50", "ms", &p50_ms).compared(),
        Row::new("event of a create, before compression", "bytes", &bytes_each),
    ])
}

/// A user who is not in the workload.
fn create(number: u64) -> String {
    let person = (number % 100_000) as u32;
    bodies::user(person)
        .replace(&bodies::user_name(person), &format!("engine.{number:09}@northwind.test"))
}

/// Creates so many users by 64 writers; returns creates per second, and how long each took.
pub async fn creates(
    open: &InProcess,
    target: &str,
    token: &str,
    begin: u64,
    count: u64,
) -> Outcome<(f64, Vec<u64>)> {
    let messages = (begin..begin + count).map(|number| Message {
        method: "POST",
        target: target.to_owned(),
        token: token.to_owned(),
        request_id: None,
        body: create(number).into_bytes(),
    });
    write(open, messages.collect()).await
}

async fn write(open: &InProcess, messages: Vec<Message>) -> Outcome<(f64, Vec<u64>)> {
    let count = messages.len();
    let mut queues: Vec<Vec<Message>> = vec![Vec::new(); WRITERS];
    for (place, message) in messages.into_iter().enumerate() {
        queues[place % WRITERS].push(message);
    }
    let refused = Arc::new(AtomicU64::new(0));
    let watch = Stopwatch::start();
    let mut tasks = JoinSet::new();
    for queue in queues {
        let (router, refused) = (open.router(), Arc::clone(&refused));
        tasks.spawn(async move {
            let mut latencies_ns = Vec::with_capacity(queue.len());
            for message in queue {
                let watch = Stopwatch::start();
                let (status, _) = send(router.clone(), message).await?;
                latencies_ns.push(watch.elapsed().as_nanos() as u64);
                refused.fetch_add(u64::from(status != 201), Ordering::Relaxed);
            }
            Outcome::Ok(latencies_ns)
        });
    }
    let mut latencies_ns = Vec::with_capacity(count);
    while let Some(done) = tasks.join_next().await {
        latencies_ns.extend(done??);
    }
    let seconds = watch.elapsed().as_secs_f64();
    match refused.load(Ordering::Relaxed) {
        0 => Ok((count as f64 / seconds, latencies_ns)),
        refused => Err(format!("{refused} creates were refused").into()),
    }
}

/// The bytes of the events from `begin` on.
fn events_from(store: &Store, begin: Seq) -> Outcome<Vec<Vec<u8>>> {
    let mut events = Vec::new();
    store.scan_log(begin, |_, bytes| {
        events.push(bytes.to_vec());
        Ok::<_, StoreError>(ControlFlow::Continue(()))
    })?;
    Ok(events)
}

/// Events per second that one thread appends and syncs to a new log, 64 at a time.
fn append(beside: &Path, events: Vec<Vec<u8>>) -> Outcome<f64> {
    let folder = Copy::fresh(beside, "appends")?;
    let store = Store::open(folder.path(), &Options::default(), 1)?;
    let count = events.len();
    let events: Vec<(Seq, Vec<u8>)> = (0..).zip(events).collect();
    let watch = Stopwatch::start();
    for batch in events.chunks(WRITERS) {
        store.append(batch, true)?;
    }
    Ok(count as f64 / watch.elapsed().as_secs_f64())
}
