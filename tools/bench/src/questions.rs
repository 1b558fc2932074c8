//! Questions asked of the rows: members, users, one user, now and at two times in the past, over one
//! warm snapshot.

use std::path::Path;

use event::{Application, Number, ResourceType, Seq, Stopwatch, Timestamp};
use projector::{View, catch_up, seq_at};
use query::as_of::{Slice, members_at, resource_at, users_at};
use store::Store;
use store::key::Set;
use uuid::Uuid;

use crate::figures::percentile;
use crate::folder::open_unlocked;
use crate::log_pages;
use crate::play::Filled;
use crate::random::Random;
use crate::table::{Goal, Row};
use crate::workload::DAY_US;
use crate::{Outcome, Plan};

/// The times of each question, in days back.
const DAYS_BACK: [i64; 3] = [0, 30, 80];
const PAGE: usize = 100;

struct Dataset<'a> {
    view: View<'a>,
    application: Application,
    groups: Vec<(Number, usize)>,
    filled: &'a Filled,
    /// Half of the application's users: a page that starts among them is full.
    users: u32,
}

type Ask<'a> = Box<dyn Fn(&Dataset<'a>, Seq, &mut Random) -> Outcome<()> + 'a>;

struct Question<'a> {
    name: String,
    /// Members of the group that it asks about.
    members: Option<usize>,
    /// The goal now.
    goal: Option<Goal>,
    ask: Ask<'a>,
}

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
    let existing = view.members(application, Set::Existing(ResourceType::USER), View::NOW)?;
    let users = existing.len() as u32 / 2;
    let dataset = Dataset { view, application, groups, filled, users };

    let mut at = Vec::new();
    for days in DAYS_BACK {
        let time = Timestamp(filled.end_us - days * DAY_US);
        at.push(seq_at(&store, &view, size, time)?.ok_or("there was nothing yet")?);
    }
    let questions = questions(&dataset);
    // For each question and time: p50 and p99 of every round, in microseconds.
    let mut p50_us = vec![vec![Vec::new(); DAYS_BACK.len()]; questions.len()];
    let mut p99_us = p50_us.clone();
    let mut random = Random::new(plan.seed);
    for _ in 0..plan.rounds {
        for (place, question) in questions.iter().enumerate() {
            for (time, seq) in at.iter().enumerate() {
                let mut samples = samples(plan, || (question.ask)(&dataset, *seq, &mut random))?;
                p50_us[place][time].push(percentile(&mut samples, 50.0) as f64 / 1e3);
                p99_us[place][time].push(percentile(&mut samples, 99.0) as f64 / 1e3);
            }
        }
    }
    let mut rows = Vec::new();
    for (place, question) in questions.iter().enumerate() {
        let name = &question.name;
        let on = |row: Row| match question.members {
            Some(members) => row.on(format!("{members} members")),
            None => row,
        };
        for (time, days) in DAYS_BACK.iter().enumerate() {
            let values = &p50_us[place][time];
            let mut row = Row::new(format!("{name}, {}", back(*days)), "µs", values).compared();
            if *days > 0 {
                row = row.beside("now", &p50_us[place][0]);
            }
            if let (80, _) | (0, Some(_)) = (*days, question.goal) {
                let goal = question.goal.filter(|_| *days == 0);
                row = row.with_goal(goal.unwrap_or(Goal::ratio_at_most(2.0, 2.0)));
            }
            rows.push(on(row));
        }
        let worst: Vec<f64> = (0..plan.rounds)
            .map(|round| p99_us[place].iter().map(|rounds| rounds[round]).fold(0.0, f64::max))
            .collect();
        rows.push(on(Row::new(format!("{name}, worst p99 of these"), "µs", &worst)));
    }
    rows.push(seq_of_time(plan, filled, &store, &dataset, size)?);
    rows.extend(log_pages::measure_engine(plan, filled, &store, view, size)?);
    rows.extend(log_pages::measure_graph(plan, filled, &store)?);
    Ok(rows)
}

fn back(days: i64) -> String {
    if days == 0 { "now".to_owned() } else { format!("{days} days back") }
}

fn questions<'a>(dataset: &Dataset<'a>) -> Vec<Question<'a>> {
    let users = dataset.users;
    let mut questions: Vec<Question<'a>> = Vec::new();
    for (place, (group, members)) in dataset.groups.iter().copied().enumerate() {
        let of = ["the largest group", "a middling group", "a small group"][place.min(2)];
        questions.push(Question {
            name: format!("numbers of all members of {of}"),
            members: Some(members),
            goal: (place == 0).then_some(Goal::at_most(1_000.0, 400.0)),
            ask: Box::new(move |dataset, seq, _| {
                dataset.view.members(dataset.application, Set::Members(group), seq)?;
                Ok(())
            }),
        });
    }
    if let Some((group, members)) = dataset.groups.first().copied() {
        questions.push(Question {
            name: "100 members of the largest group, with names".to_owned(),
            members: Some(members),
            goal: Some(Goal::at_most(1_000.0, 1_000.0)),
            ask: Box::new(move |dataset, seq, random| {
                let slice = slice(random, users);
                members_at(&dataset.view, dataset.application, group, Some(seq), slice)?;
                Ok(())
            }),
        });
    }
    questions.push(Question {
        name: "100 of the active users".to_owned(),
        members: None,
        goal: None,
        ask: Box::new(move |dataset, seq, random| {
            let slice = slice(random, users);
            users_at(&dataset.view, dataset.application, Some(true), Some(seq), slice)?;
            Ok(())
        }),
    });
    questions.push(Question {
        name: "one user by id".to_owned(),
        members: None,
        goal: None,
        ask: Box::new(|dataset, seq, random| {
            let (id, _) = random.pick(&dataset.filled.users).ok_or("no users")?;
            let (view, id) = (&dataset.view, id.to_string());
            resource_at(view, dataset.application, ResourceType::USER, &id, Some(seq))?
                .ok_or("a user is not there")?;
            Ok(())
        }),
    });
    questions
}

/// A page that starts at a random user of the first half.
fn slice(random: &mut Random, users: u32) -> Slice {
    let after = Number(random.below(users as usize) as u32);
    Slice { after: Some(after), limit: PAGE }
}

/// Measures finding the last event of a time.
fn seq_of_time(
    plan: &Plan,
    filled: &Filled,
    store: &Store,
    dataset: &Dataset<'_>,
    size: Seq,
) -> Outcome<Row> {
    let mut random = Random::new(plan.seed);
    let mut p50_us = Vec::new();
    for _ in 0..plan.rounds {
        let mut samples = samples(plan, || {
            let back = random.below((80 * DAY_US) as usize) as i64;
            seq_at(store, &dataset.view, size, Timestamp(filled.end_us - back))?;
            Ok(())
        })?;
        p50_us.push(percentile(&mut samples, 50.0) as f64 / 1e3);
    }
    Ok(Row::new("from a time to an event", "µs", &p50_us).compared())
}

/// The nanoseconds of each of many repetitions, after a warm-up.
pub fn samples(plan: &Plan, mut ask: impl FnMut() -> Outcome<()>) -> Outcome<Vec<u64>> {
    let whole = Stopwatch::start();
    ask()?;
    if whole.elapsed() > plan.question {
        return Ok(vec![whole.elapsed().as_nanos() as u64]); // so slow that a warm-up matters little
    }
    ask()?;
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
    let store = open_unlocked(path)?;
    catch_up(&store, |_, _| ())?;
    Ok(store)
}
