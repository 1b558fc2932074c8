//! Questions asked of the rows: members, users, one user, now and at two moments of the past, over one
//! warm snapshot.

use std::path::Path;

use event::{Application, Number, ResourceType, Seq, Stopwatch, Timestamp};
use projector::{View, catch_up, seq_at};
use query::as_of::{Slice, members_at, resource_at, users_at};
use store::key::Set;
use store::{Options, Store};
use uuid::Uuid;

use crate::figures::percentile;
use crate::play::Filled;
use crate::random::Random;
use crate::table::{Goal, Row};
use crate::workload::DAY_US;
use crate::{Outcome, Plan};

/// How far back each question is asked.
const DAYS_BACK: [i64; 3] = [0, 30, 80];
const PAGE: usize = 100;

struct Asking<'a> {
    view: View<'a>,
    application: Application,
    groups: Vec<(Number, usize)>,
    filled: &'a Filled,
}

/// A question: its name, its goal now, and how it is asked.
type Question<'a> =
    (String, Option<Goal>, Box<dyn Fn(&Asking<'a>, Seq, &mut Random) -> Outcome<()> + 'a>);

/// Measures over the filled store itself; nothing is written.
pub fn measure(plan: &Plan, filled: &Filled) -> Outcome<Vec<Row>> {
    let store = open(&plan.store())?;
    let snapshot = store.snapshot();
    let view = View::new(&snapshot);
    let size = store.log_size()?;
    let (slug, _) = filled.applications.first().ok_or("no application")?;
    let application = view.application(slug)?.ok_or("the application is not there")?.number;
    let number = |id: &Uuid| view.number_of_id(application, ResourceType::GROUP, &id.to_string());
    let mut groups = Vec::new();
    for (id, _) in &filled.groups {
        let group = number(id)?.ok_or("a group is not there")?;
        let members = view.members(application, Set::Members(group), View::NOW)?;
        groups.push((group, members.len()));
    }
    let asking = Asking { view, application, groups, filled };

    let mut at = Vec::new();
    for days in DAYS_BACK {
        let time = Timestamp(filled.end_us - days * DAY_US);
        at.push(seq_at(&store, &view, size, time)?.ok_or("there was nothing yet")?);
    }
    let questions = questions(&asking);
    // For each question and moment: p50 and p99 of every round, in microseconds.
    let mut p50_us = vec![vec![Vec::new(); DAYS_BACK.len()]; questions.len()];
    let mut p99_us = p50_us.clone();
    let mut random = Random::new(plan.seed);
    for _ in 0..plan.rounds {
        for (question, (_, _, ask)) in questions.iter().enumerate() {
            for (moment, seq) in at.iter().enumerate() {
                let mut samples = samples(plan, || ask(&asking, *seq, &mut random))?;
                p50_us[question][moment].push(percentile(&mut samples, 50.0) as f64 / 1e3);
                p99_us[question][moment].push(percentile(&mut samples, 99.0) as f64 / 1e3);
            }
        }
    }
    let mut rows = Vec::new();
    for (question, (name, goal, _)) in questions.iter().enumerate() {
        for (moment, days) in DAYS_BACK.iter().enumerate() {
            let values = &p50_us[question][moment];
            let row = if *days == 0 {
                let row = Row::new(format!("{name}, now"), "µs", values);
                goal.map_or_else(|| row.clone(), |goal| row.clone().with_goal(goal))
            } else {
                let row = Row::new(format!("{name}, {days} days back"), "µs", values)
                    .beside("now", &p50_us[question][0]);
                if *days == 80 { row.with_goal(Goal::ratio_at_most(2.0, 1.2)) } else { row }
            };
            rows.push(row.compared());
        }
        let worst = p99_us[question].concat();
        rows.push(Row::new(format!("{name}, p99 of all three"), "µs", &worst));
    }
    rows.push(moments(plan, filled, &store, &asking, size)?);
    Ok(rows)
}

fn questions<'a>(asking: &Asking<'a>) -> Vec<Question<'a>> {
    let mut questions: Vec<Question<'a>> = Vec::new();
    for (place, (group, members)) in asking.groups.iter().copied().enumerate() {
        let largest = (place == 0).then_some(Goal::at_most(1_000.0, 400.0));
        questions.push((
            format!("numbers of all {members} members"),
            largest,
            Box::new(move |asking, seq, _| {
                asking.view.members(asking.application, Set::Members(group), seq)?;
                Ok(())
            }),
        ));
    }
    if let Some((group, members)) = asking.groups.first().copied() {
        questions.push((
            format!("page of 100 of {members} members, with names"),
            Some(Goal::at_most(1_000.0, 1_000.0)),
            Box::new(move |asking, seq, random| {
                let after =
                    Some(Number(random.below(asking.filled.operations as usize / 20) as u32));
                let slice = Slice { after, limit: PAGE };
                members_at(&asking.view, asking.application, group, Some(seq), slice)?;
                Ok(())
            }),
        ));
    }
    questions.push((
        "page of 100 of the active users".to_owned(),
        None,
        Box::new(|asking, seq, random| {
            let after = Some(Number(random.below(asking.filled.operations as usize / 20) as u32));
            let slice = Slice { after, limit: PAGE };
            users_at(&asking.view, asking.application, Some(true), Some(seq), slice)?;
            Ok(())
        }),
    ));
    questions.push((
        "one user by id".to_owned(),
        None,
        Box::new(|asking, seq, random| {
            let (id, _) = random.pick(&asking.filled.users).ok_or("no users")?;
            let (view, id) = (&asking.view, id.to_string());
            resource_at(view, asking.application, ResourceType::USER, &id, Some(seq))?
                .ok_or("a user is not there")?;
            Ok(())
        }),
    ));
    questions
}

/// From a time to the last event that counts.
fn moments(
    plan: &Plan,
    filled: &Filled,
    store: &Store,
    asking: &Asking<'_>,
    size: Seq,
) -> Outcome<Row> {
    let mut random = Random::new(plan.seed);
    let mut p50_us = Vec::new();
    for _ in 0..plan.rounds {
        let mut samples = samples(plan, || {
            let back = random.below((80 * DAY_US) as usize) as i64;
            seq_at(store, &asking.view, size, Timestamp(filled.end_us - back))?;
            Ok(())
        })?;
        p50_us.push(percentile(&mut samples, 50.0) as f64 / 1e3);
    }
    Ok(Row::new("from a time to an event", "µs", &p50_us).compared())
}

/// The nanoseconds of each of many repetitions, after a few that warm up.
pub fn samples(plan: &Plan, mut ask: impl FnMut() -> Outcome<()>) -> Outcome<Vec<u64>> {
    for _ in 0..3 {
        ask()?;
    }
    let mut samples = Vec::new();
    let whole = Stopwatch::start();
    while samples.len() < 5 || (whole.elapsed() < plan.question && samples.len() < 10_000) {
        let watch = Stopwatch::start();
        ask()?;
        samples.push(watch.elapsed().as_nanos() as u64);
    }
    Ok(samples)
}

/// The filled store, its rows at the log's end.
fn open(path: &Path) -> Outcome<Store> {
    let store = Store::open_existing(path, &Options::default())?;
    catch_up(&store, |_, _| ())?;
    Ok(store)
}
