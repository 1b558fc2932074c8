//! Plays the workload through the router, and keeps what the measurements need.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use event::{Clock, Stopwatch, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::Outcome;
use crate::bodies;
use crate::in_process::{InProcess, Message, send};
use crate::random::Random;
use crate::workload::{
    APPLICATIONS, Ask, Request, Resource, START, Size, Workload, application_of,
};

/// The description of the workload, beside the store.
const FILLED_FILE: &str = "workload.json";
/// How many users are kept to ask about.
const ASKED_USERS: usize = 1_000;

/// A store that holds the workload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Filled {
    /// Seed of the workload.
    pub seed: u64,
    /// Requests that were played.
    pub operations: u64,
    /// How long the playing took, in seconds.
    pub seconds: f64,
    /// When the last request came, in microseconds since 1970.
    pub end_us: i64,
    /// Slug and token of each application.
    pub applications: Vec<(String, String)>,
    /// Id and members of the largest group, and of those of about 700 and 11 members. All are of the
    /// first application.
    pub groups: Vec<(Uuid, usize)>,
    /// The request id of one request in the middle of the workload.
    pub request_id: String,
    /// Users of the first application that were there from the initial cycle on, and are still.
    pub users: Vec<(Uuid, String)>,
}

impl Filled {
    /// Reads what an earlier run left in a folder; `None` if there is nothing.
    pub fn read(folder: &Path) -> Outcome<Option<Filled>> {
        match std::fs::read(folder.join(FILLED_FILE)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the description.
    pub fn remove(folder: &Path) -> Outcome<()> {
        Ok(std::fs::remove_file(folder.join(FILLED_FILE))?)
    }

    /// The end of the workload.
    pub fn end(&self) -> Timestamp {
        Timestamp(self.end_us)
    }
}

/// Shared by all tasks.
struct Player {
    router: Router,
    clock: Clock,
    /// The tokens of each application; the first is used first.
    tokens: Vec<Vec<String>>,
    /// When the applications switch to their last token.
    rotation: Timestamp,
    /// As many queues are played at once.
    turns: Semaphore,
}

/// Requests under way at once while a store is filled. With more, a slow machine would make lookups wait
/// longer than the server lets them.
const AT_ONCE: usize = 256;

/// Fills the store of a folder with the workload of a seed.
pub async fn fill(folder: &Path, operations: u64, seed: u64) -> Outcome<Filled> {
    let watch = Stopwatch::start();
    let clock = Clock::manual(START);
    let open = InProcess::open(&folder.join("store"), clock.clone()).await?;
    let mut tokens = Vec::new();
    for (slug, _) in APPLICATIONS {
        tokens.push(vec![open.add_application(slug).await?]);
    }
    tokens[0].push(open.add_token(APPLICATIONS[0].0).await?);
    let rotation = Timestamp(START.0 + (Workload::end().0 - START.0) / 2);
    let turns = Semaphore::new(AT_ONCE);
    let player = Arc::new(Player { router: open.router(), clock, tokens, rotation, turns });

    let size = Size::of(operations);
    let mut workload = Workload::new(size, seed);
    let mut statuses: BTreeMap<u16, u64> = BTreeMap::new();
    let (mut played, mut empty_steps) = (0_u64, 0);
    let mut told = Stopwatch::start();
    while let Some(step) = workload.next() {
        empty_steps = if step.iter().all(Vec::is_empty) { empty_steps + 1 } else { 0 };
        if empty_steps > 100 {
            return Err("the workload has nothing left to ask".into());
        }
        let mut tasks = JoinSet::new();
        for queue in step {
            tasks.spawn(play_queue(Arc::clone(&player), queue));
        }
        let mut ids = Vec::new();
        while let Some(done) = tasks.join_next().await {
            let (made, seen) = done??;
            ids.extend(made);
            for (status, count) in seen {
                *statuses.entry(status).or_default() += count;
                played += count;
            }
        }
        workload.made(&ids);
        if told.elapsed().as_secs() >= 2 {
            told = Stopwatch::start();
            // As a monitoring system would; without it the histograms keep every sample.
            scrape(&open).await?;
            let rate = played as f64 / watch.elapsed().as_secs_f64();
            let _ = writeln!(
                std::io::stderr(),
                "filling: {played} of {operations} operations, {rate:.0}/s"
            );
        }
    }
    let seconds = watch.elapsed().as_secs_f64();
    let mut line = format!("filled: {played} operations in {seconds:.1} s; answers");
    for (status, count) in &statuses {
        line.push_str(&format!(" {status}: {count}"));
    }
    let _ = writeln!(std::io::stderr(), "{line}");

    let filled = remembered(&workload, size, seed, played, seconds, &player)?;
    drop(player);
    open.close().await;
    std::fs::write(folder.join(FILLED_FILE), serde_json::to_vec_pretty(&filled)?)?;
    Ok(filled)
}

async fn scrape(open: &InProcess) -> Outcome<()> {
    let target = "/metrics".to_owned();
    let token = open.admin_token.clone();
    let message = Message { method: "GET", target, token, request_id: None, body: vec![] };
    match send(open.router(), message).await? {
        (200, _) => Ok(()),
        (status, _) => Err(format!("/metrics answers {status}").into()),
    }
}

fn remembered(
    workload: &Workload,
    size: Size,
    seed: u64,
    operations: u64,
    seconds: f64,
    player: &Player,
) -> Outcome<Filled> {
    let mut groups = Vec::new();
    for group in size.asked_groups() {
        let id = workload.id(Resource::Group(group)).ok_or("a group was not made")?;
        groups.push((id, workload.members(group)));
    }
    let mut random = Random::new(seed);
    let mut users = Vec::new();
    while users.len() < ASKED_USERS {
        let user = random.below(size.users as usize * 8 / 10) as u32;
        if let (0, Some(id)) = (application_of(user), workload.id(Resource::User(user))) {
            users.push((id, bodies::user_name(user)));
        }
    }
    let applications = APPLICATIONS.iter().zip(&player.tokens).map(|((slug, _), tokens)| {
        ((*slug).to_owned(), tokens.last().cloned().unwrap_or_default())
    });
    Ok(Filled {
        seed,
        operations,
        seconds,
        end_us: Workload::end().0,
        applications: applications.collect(),
        groups,
        request_id: request_id(operations / 2),
        users,
    })
}

/// The id that the workload gives to the request of a number.
pub fn request_id(number: u64) -> String {
    format!("bench-{number}")
}

type Played = (Vec<(Resource, Uuid)>, BTreeMap<u16, u64>);

/// Sends the requests of one queue one after the other.
async fn play_queue(player: Arc<Player>, queue: Vec<Request>) -> Outcome<Played> {
    let _turn = player.turns.acquire().await?;
    let (mut made, mut seen) = (Vec::new(), BTreeMap::new());
    for request in queue {
        player.clock.advance_to(request.at);
        let (message, makes, expected) = message(&player, &request);
        let sent = message.method;
        let (status, bytes) = send(player.router.clone(), message).await?;
        if status != expected {
            let body = String::from_utf8_lossy(&bytes).into_owned();
            return Err(format!("{sent} for {:?} answers {status}: {body}", request.ask).into());
        }
        if let Some(resource) = makes {
            made.push((resource, id_of(&bytes)?));
        }
        *seen.entry(status).or_default() += 1;
    }
    Ok((made, seen))
}

fn id_of(body: &[u8]) -> Outcome<Uuid> {
    #[derive(Deserialize)]
    struct Made<'a> {
        #[serde(borrow)]
        id: &'a str,
    }
    let made: Made<'_> = serde_json::from_slice(body)?;
    Ok(made.id.parse()?)
}

/// The message of a request, the resource that it creates, and the expected status.
fn message(player: &Player, request: &Request) -> (Message, Option<Resource>, u16) {
    let application = usize::from(request.application);
    let (slug, _) = APPLICATIONS[application];
    let tokens = &player.tokens[application];
    let token = if request.at < player.rotation { tokens.first() } else { tokens.last() };
    let mut token = token.cloned().unwrap_or_default();
    let mut makes = None;
    let (method, path, body, status) = match &request.ask {
        Ask::CreateUser(user) => {
            makes = Some(Resource::User(*user));
            ("POST", "/Users".to_owned(), bodies::user(*user), 201)
        }
        Ask::PatchUser(user, id, variant) => {
            ("PATCH", format!("/Users/{id}"), bodies::patch_user(*user, *variant), 200)
        }
        Ask::SetActive(id, active) => {
            ("PATCH", format!("/Users/{id}"), bodies::set_active(*active), 200)
        }
        Ask::DeleteUser(id) => ("DELETE", format!("/Users/{id}"), String::new(), 204),
        Ask::GetUser(id) => ("GET", format!("/Users/{id}"), String::new(), 200),
        Ask::FindUser(user) => {
            let name = bodies::user_name(*user);
            let path = format!("/Users?filter=userName%20eq%20%22{name}%22");
            ("GET", path, String::new(), 200)
        }
        Ask::CreateGroup(group) => {
            makes = Some(Resource::Group(*group));
            ("POST", "/Groups".to_owned(), bodies::group(*group), 201)
        }
        Ask::RenameGroup(group, id, renamed) => {
            ("PATCH", format!("/Groups/{id}"), bodies::rename(*group, *renamed), 204)
        }
        Ask::Members(id, add, members) => {
            ("PATCH", format!("/Groups/{id}"), bodies::members(*add, members), 204)
        }
        Ask::GetGroup(id) => {
            ("GET", format!("/Groups/{id}?excludedAttributes=members"), String::new(), 200)
        }
        Ask::Duplicate(user) => ("POST", "/Users".to_owned(), bodies::user(*user), 409),
        Ask::Unknown(id) => ("PATCH", format!("/Users/{id}"), bodies::set_active(true), 404),
        Ask::Broken => ("POST", "/Users".to_owned(), r#"{"userName": "#.to_owned(), 400),
        Ask::Unauthenticated => {
            token = "unknown".to_owned();
            ("GET", "/Users".to_owned(), String::new(), 401)
        }
    };
    let target = format!("/apps/{slug}/scim/v2{path}");
    let request_id = Some(request_id(request.number));
    (Message { method, target, token, request_id, body: body.into_bytes() }, makes, status)
}
