//! Every other kind of request that providers send, over HTTP, beside the empty handler as creates are;
//! and two questions of an auditor over one connection.

use std::time::Duration;

use crate::child::Serving;
use crate::crowd::Crowd;
use crate::folder::Copy;
use crate::load::{self, Ask, LoadResult, MARK, Requests};
use crate::play::Filled;
use crate::rounds::Rounds;
use crate::table::{Goal, Row};
use crate::{Outcome, Plan, bodies, machine};

/// Concurrent connections, as for creates.
const CONNECTIONS: usize = 64;
/// Concurrent Bulk requests. Each carries out one operation after the other.
const BULKS: usize = 16;

/// Measures on a copy of the filled store.
pub fn measure(
    plan: &Plan,
    filled: &Filled,
    runtime: &tokio::runtime::Runtime,
) -> Outcome<Vec<Row>> {
    let copy = Copy::of(&plan.store(), "kinds")?;
    let mut crowd = runtime.block_on(Crowd::make(copy.path(), filled))?;
    let admin_token = std::fs::read_to_string(copy.path().join("admin.token"))?;
    let (server_core, load_core) = machine::cores()?;
    let provlog = Serving::start(Some(copy.path()), server_core)?;
    let empty = Serving::start(None, server_core)?;
    let mut nothing = Requests::empty();
    let mut kinds = kinds(filled)?;
    let mut bulk = bulk(filled, plan.bulk_operations)?;
    let mut questions = questions(filled, admin_token.trim_end())?;

    let mut limit = Rounds::default();
    let (mut adds, mut removes) = (Rounds::default(), Rounds::default());
    let mut bulk_rate = Vec::new();
    let turn = plan.round / 2;
    let (of_provlog, of_empty) = (provlog.target(), empty.target());
    for _ in 0..plan.rounds {
        limit.add(load::run(of_empty, CONNECTIONS, turn, load_core, &mut nothing)?);
        for kind in &mut kinds {
            let requests = &mut kind.requests;
            kind.rounds.add(load::run(of_provlog, CONNECTIONS, turn, load_core, requests)?);
        }
        let all = |requests: &mut Requests| {
            let requests = requests.only(crowd.others);
            load::run(of_provlog, CONNECTIONS, turn, load_core, requests)
        };
        let (mut added, mut removed) = (LoadResult::default(), LoadResult::default());
        while added.seconds == 0.0 || Duration::from_secs_f64(added.seconds) < turn {
            added.absorb(all(&mut crowd.adds)?);
            removed.absorb(all(&mut crowd.removes)?);
        }
        adds.add(added);
        removes.add(removed);
        let result = load::run(of_provlog, BULKS, turn, load_core, bulk.only(BULKS))?;
        bulk_rate.push(result.rate() * plan.bulk_operations as f64);
        for question in &mut questions {
            let requests = &mut question.requests;
            question.rounds.add(load::run(of_provlog, 1, turn / 2, load_core, requests)?);
        }
    }
    provlog.stop()?;
    empty.stop()?;

    let mut rows = Vec::new();
    let mut add = |name: &str, note: Option<String>, rounds: &Rounds, goal: Option<Goal>| {
        let on = |row: Row| match &note {
            Some(note) => row.on(note),
            None => row,
        };
        let row =
            Row::new(format!("{name} over HTTP, {CONNECTIONS} connections"), "/s", &rounds.rate);
        let row = on(row).beside("empty handler", &limit.rate);
        rows.push(match goal {
            Some(goal) => row.with_goal(goal),
            None => row,
        });
        rows.push(Row::new(format!("{name}, p50"), "ms", &rounds.p50_ms));
        rows.push(Row::new(format!("{name}, p99"), "ms", &rounds.p99_ms));
    };
    for kind in &kinds {
        add(kind.name, None, &kind.rounds, kind.goal);
    }
    let members = Some(format!("{} members", crowd.members));
    add("adding one member to a large group", members.clone(), &adds, Some(WRITE));
    add("removing one member from a large group", members, &removes, Some(WRITE));
    rows.push(
        Row::new(format!("operations of Bulk over HTTP, {BULKS} connections"), "/s", &bulk_rate)
            .on(format!("{} in a request", plan.bulk_operations))
            .beside("empty handler", &limit.rate),
    );
    for question in &questions {
        let name = format!("{} over HTTP, one connection", question.name);
        let row = Row::new(format!("{name}, p50"), "ms", &question.rounds.p50_ms);
        rows.push(match question.goal {
            Some(goal) => row.with_goal(goal),
            None => row,
        });
        rows.push(Row::new(format!("{name}, p99"), "ms", &question.rounds.p99_ms));
    }
    Ok(rows)
}

/// What a write should reach.
const WRITE: Goal = Goal::ratio_at_least(0.11, 0.18);

/// One kind of request.
struct Kind {
    name: &'static str,
    goal: Option<Goal>,
    requests: Requests,
    rounds: Rounds,
}

impl Kind {
    fn new(name: &'static str, goal: Option<Goal>, requests: Requests) -> Kind {
        Kind { name, goal, requests, rounds: Rounds::default() }
    }
}

/// Requests for users of the first application. Each changes something, since a value is new each time.
fn kinds(filled: &Filled) -> Outcome<Vec<Kind>> {
    let (slug, token) = filled.applications.first().ok_or("no application")?;
    let base = format!("/apps/{slug}/scim/v2/Users");
    let mut patches = Requests::expecting(200);
    let mut puts = Requests::expecting(200);
    let mut reads = Requests::expecting(200);
    let mut lookups = Requests::expecting(200).checked(finds_one);
    let title = format!("Analyst {MARK}");
    for (id, name) in &filled.users {
        let path = format!("{base}/{id}");
        let patch = bodies::set_title(&title);
        let put = bodies::user_with_title(person(name)?, &title);
        let ask = |method, body| Ask { method, path: &path, token, body };
        patches.push(&ask("PATCH", &patch));
        puts.push(&ask("PUT", &put));
        reads.push(&ask("GET", ""));
        let path = format!("{base}?filter=userName%20eq%20%22{name}%22");
        lookups.push(&Ask { method: "GET", path: &path, token, body: "" });
    }
    Ok(vec![
        Kind::new("PATCH of one attribute", Some(WRITE), patches),
        Kind::new("PUT of a user", None, puts),
        Kind::new("GET of a user", None, reads),
        Kind::new("lookup by userName", Some(Goal::ratio_at_least(0.30, 0.45)), lookups),
    ])
}

/// The number of the person with a userName of the workload.
fn person(user_name: &str) -> Outcome<u32> {
    let digits: String = user_name.chars().filter(char::is_ascii_digit).collect();
    Ok(digits.parse()?)
}

fn finds_one(answer: &[u8]) -> bool {
    let one = b"\"totalResults\":1";
    answer.windows(one.len()).any(|bytes| bytes == one)
}

/// Bulk requests of creates.
fn bulk(filled: &Filled, operations: usize) -> Outcome<Requests> {
    let (slug, token) = filled.applications.first().ok_or("no application")?;
    let path = format!("/apps/{slug}/scim/v2/Bulk");
    let body = bodies::bulk_of_creates(operations, MARK);
    let mut requests = Requests::expecting(200).checked(nothing_failed);
    requests.push(&Ask { method: "POST", path: &path, token, body: &body });
    Ok(requests)
}

fn nothing_failed(answer: &[u8]) -> bool {
    let has = |wanted: &[u8]| answer.windows(wanted.len()).any(|bytes| bytes == wanted);
    has(b"\"status\":\"201\"")
        && ![b"\"status\":\"4", b"\"status\":\"5"].iter().any(|failed| has(*failed))
}

/// What an auditor asks. Each leaves its event of access.
fn questions(filled: &Filled, token: &str) -> Outcome<Vec<Kind>> {
    let (slug, _) = filled.applications.first().ok_or("no application")?;
    let mut log = Requests::expecting(200);
    log.push(&Ask { method: "GET", path: "/api/v1/operations?limit=50", token, body: "" });
    let mut users = Requests::expecting(200);
    for (id, _) in &filled.users {
        let path = format!("/api/v1/apps/{slug}/users/{id}");
        users.push(&Ask { method: "GET", path: &path, token, body: "" });
    }
    Ok(vec![
        Kind::new("page of 50 of the log", Some(Goal::at_most(1.2, 0.6)), log),
        Kind::new("one user", Some(Goal::at_most(0.4, 0.25)), users),
    ])
}
