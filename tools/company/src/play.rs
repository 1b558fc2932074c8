//! Plays a script through the real SCIM router, with a manual clock and without a socket; every status
//! is compared with the script's.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use event::{Clock, Timestamp};
use provlog::run::{RunError, Server, ServerConfig};
use serde_json::{Value, json};
use store::StoreError;
use tower::ServiceExt;

use crate::book::{Book, Operation};
use crate::calendar::{Calendar, Ending, Outage, SECOND_US, after, date};
use crate::call::{Call, call, note};
use crate::company::{App, Group};
use crate::entra::{self, Log};
use crate::history::{self, History};
use crate::provider::{self, Cycle, Step};
use crate::questions::{Gap, Question, questions};
use crate::random::Random;
use crate::why::{Why, whys};
use crate::{DAYS_MIN, Plan};

/// What the identity provider calls itself.
const USER_AGENT: &str = "Fjordlight-Provisioning/4.2";
/// Where its requests come from: an address reserved for documentation.
const CLIENT: ([u8; 4], u16) = ([203, 0, 113, 40], 443);
/// A token that was replaced.
const OLD_TOKEN: &str = "replaced-last-month";
/// The router's answers are small; a larger one is a defect.
const ANSWER_BYTES_MAX: usize = 8 << 20;
/// A dropped server unlocks its folder within this time.
const LET_GO_MAX: Duration = Duration::from_secs(30);

/// Why a history cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// The story needs more days.
    #[error("a history has at least {DAYS_MIN} days, not {days}")]
    Short {
        /// What was asked for.
        days: u32,
    },
    /// The server does not start.
    #[error("the server does not start")]
    Run(#[from] RunError),
    /// The first admin token cannot be read, or there are no threads.
    #[error("cannot {attempt}")]
    System {
        /// What was tried.
        attempt: &'static str,
        /// The operating system's words.
        #[source]
        source: std::io::Error,
    },
    /// An answer differs from the script: a defect in one of the two.
    #[error("{app}: {request} was answered {status} and not {expected}: {detail}")]
    Unexpected {
        /// The application.
        app: &'static str,
        /// Method and path.
        request: String,
        /// The actual status.
        status: u16,
        /// The expected status.
        expected: u16,
        /// The error's detail.
        detail: String,
    },
    /// The script names something that it never created.
    #[error("the script is at odds with itself: {0}")]
    Script(String),
}

/// A history that was played.
#[derive(Clone, Debug)]
pub struct Played {
    /// The questions to ask of it.
    pub questions: Vec<Question>,
    /// Questions that need an import of the provider's log.
    pub whys: Vec<Why>,
    /// The date on which four accounts were deactivated for different causes.
    pub off_at: String,
    /// The times without a recorder, oldest first.
    pub gaps: Vec<Gap>,
    /// Every SCIM request, by application, in the order of the answers.
    pub operations: BTreeMap<&'static str, Vec<Operation>>,
    /// People who ever had an account.
    pub people: usize,
    /// Groups of the company that are provisioned into some application.
    pub groups: usize,
    /// When the old mapping was removed.
    pub tidied_at: Timestamp,
}

impl Played {
    /// How many SCIM requests were made.
    pub fn operation_count(&self) -> usize {
        self.operations.values().map(Vec::len).sum()
    }

    /// How many were refused, by status.
    pub fn refusals(&self) -> BTreeMap<u16, usize> {
        let mut counts = BTreeMap::new();
        for operation in self.operations.values().flatten() {
            if operation.status >= 400 {
                *counts.entry(operation.status).or_default() += 1;
            }
        }
        counts
    }
}

/// Invents the history of a plan and plays it into a new log in `folder`. Blocks, and starts threads of
/// its own; `progress` gets the number of requests done and in total.
///
/// # Errors
/// See [`PlayError`]; what was played until then stays in the folder.
pub fn play(
    folder: &Path,
    plan: &Plan,
    progress: impl FnMut(usize, usize),
) -> Result<Played, PlayError> {
    if plan.days < DAYS_MIN {
        return Err(PlayError::Short { days: plan.days });
    }
    let calendar = Calendar::new(plan);
    let history = history::write(plan, &calendar);
    let cycles = provider::write(plan, &calendar, &history);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|source| PlayError::System { attempt: "start threads", source })?;
    let player = Player {
        folder,
        plan,
        random: Random::seeded(plan.seed.rotate_left(17)),
        tokens: vec![],
        last: calendar.start,
        books: Default::default(),
        logs: App::ALL.map(|app| Log::new(app, plan.seed)),
        queues: Default::default(),
        gaps: vec![],
        done: 0,
        total: cycles.iter().flat_map(|cycle| &cycle.steps).map(Vec::len).sum(),
        progress,
    };
    runtime.block_on(player.play(&calendar, &history, cycles))
}

struct Player<'a, F> {
    folder: &'a Path,
    plan: &'a Plan,
    random: Random,
    /// The secret token of each application.
    tokens: Vec<String>,
    /// The time of the last request.
    last: Timestamp,
    books: [Book; 4],
    /// The provider's own log.
    logs: [Log; 4],
    /// The steps of each application that are still to be sent.
    queues: [VecDeque<Step>; 4],
    gaps: Vec<Gap>,
    done: usize,
    total: usize,
    progress: F,
}

/// A running server.
struct Running {
    server: Server,
    router: Router,
    clock: Clock,
}

impl<F: FnMut(usize, usize)> Player<'_, F> {
    async fn play(
        mut self,
        calendar: &Calendar,
        history: &History,
        cycles: Vec<Cycle>,
    ) -> Result<Played, PlayError> {
        let mut running = self.open(calendar.start).await?;
        self.add_apps(&running).await?;
        let mut outages = VecDeque::from([calendar.upgrade(), calendar.crash()]);
        for cycle in cycles {
            for (queue, steps) in self.queues.iter_mut().zip(cycle.steps) {
                queue.extend(steps);
            }
            if let Some(outage) = outages.front().copied() {
                if outage.covers(cycle.at) {
                    continue; // its steps wait for the next cycle
                }
                if outage.to <= cycle.at {
                    running = self.restart(running, outage).await?;
                    outages.pop_front();
                }
            }
            let until = outages.front().map_or(self.plan.end, |outage| outage.from);
            self.deliver(&running, history, cycle.at, until).await?;
        }
        running.clock.set(self.plan.end);
        running.close().await;

        let killed = self.gaps.iter().find(|gap| gap.ending == Ending::Killed);
        let questions = questions(history, &self.books, killed)
            .ok_or_else(|| PlayError::Script("somebody of the story has no account".to_owned()))?;
        let whys = self.write_logs(history)?;
        let off_at = date(history.story.off_at);
        let operations = App::ALL.into_iter().zip(self.books);
        let operations = operations.map(|(app, book)| (app.slug(), book.operations)).collect();
        let people = history.people.len();
        let carried = |group: &&Group| App::ALL.iter().any(|app| app.carries(group));
        let groups = history.groups.iter().filter(carried).count();
        let (gaps, tidied_at) = (self.gaps, history.tidied_at);
        Ok(Played { questions, whys, off_at, gaps, operations, people, groups, tidied_at })
    }

    /// Ends the recorder when an outage begins, and starts it when the outage ends.
    async fn restart(&mut self, running: Running, outage: Outage) -> Result<Running, PlayError> {
        let from = match outage.ending {
            Ending::Stopped => {
                running.clock.set(outage.from);
                running.close().await;
                outage.from
            }
            // A kill: no stop event, no kept file, no orderly flush. The last sign of life is the last
            // event.
            Ending::Killed => {
                drop(running);
                self.last
            }
        };
        self.gaps.push(Gap { from, to: outage.to, ending: outage.ending });
        self.last = outage.to;
        self.open(outage.to).await
    }

    /// Writes the provider's log into files in the folder; returns the questions that need them.
    fn write_logs(&self, history: &History) -> Result<Vec<Why>, PlayError> {
        let failed = |source| PlayError::System { attempt: "write the provider's log", source };
        let folder = self.folder.join("entra");
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let file = |app: App| folder.join(app.slug()).with_extension("ndjson");
        for (app, log) in App::ALL.into_iter().zip(&self.logs) {
            std::fs::write(file(app), log.text()).map_err(failed)?;
        }
        let old = folder.join(format!("{}-2020.ndjson", entra::PASSED_OVER_APP.slug()));
        std::fs::write(&old, entra::log_of_2020(self.plan.seed)).map_err(failed)?;
        Ok(whys(history, file, old))
    }

    async fn open(&self, time: Timestamp) -> Result<Running, PlayError> {
        let waited = event::Stopwatch::start();
        loop {
            let clock = Clock::manual(time);
            let (registry, profiles) = scim::Profiles::built_in();
            let config = ServerConfig {
                pages: false,
                sign_in: None,
                master: Default::default(),
                signing: provlog::signing::SigningKeys::default(),
                witnesses: vec![],
                witness_every: Duration::from_secs(60),
                data: self.folder.to_owned(),
                public_url: "http://127.0.0.1:8080".to_owned(), // the answers come from another server later
                trusted_proxies: vec![],
                memtable_bytes: 64 << 20,
                registry,
                profiles,
                disk_reserve_bytes: 0,
                scrub_bytes_per_second: 0,
                clock: clock.clone(),
                accept_clock: false,
                clock_ahead_days_max: 365,
                upstream_secrets: None,
                read_back_after: vec![],
            };
            match Server::open(config).await {
                Ok(server) => {
                    let router = server.router();
                    return Ok(Running { server, router, clock });
                }
                // The committer of a dropped server ends on its own thread.
                Err(RunError::Store(StoreError::Locked { .. }))
                    if waited.elapsed() < LET_GO_MAX =>
                {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn add_apps(&mut self, running: &Running) -> Result<(), PlayError> {
        let token = std::fs::read_to_string(self.folder.join("admin.token"))
            .map_err(|source| PlayError::System { attempt: "read the admin token", source })?;
        for app in App::ALL {
            let call = Call {
                method: "POST",
                path: "/api/v1/apps".to_owned(),
                body: Some(json!({"application": app.slug(), "profile": app.slug()})),
                authenticated: true,
                name: "POST",
                expected: 201,
                flags: vec![],
            };
            let id = self.random.uuid();
            let request = request(&call, &call.path, token.trim_end(), &id)?;
            let answer = send(running.router.clone(), request, app, call.expected).await?;
            let secret = answer.get("secretToken").and_then(Value::as_str).unwrap_or_default();
            self.tokens.push(secret.to_owned());
        }
        Ok(())
    }

    /// Sends the waiting steps, the applications in parallel and each in order, until `until`.
    async fn deliver(
        &mut self,
        running: &Running,
        history: &History,
        begin: Timestamp,
        until: Timestamp,
    ) -> Result<(), PlayError> {
        self.last = self.last.max(begin);
        self.logs.iter_mut().for_each(Log::begin_cycle);
        while self.queues.iter().any(|queue| !queue.is_empty()) {
            let at = after(self.last, self.random.between(SECOND_US / 3, 2 * SECOND_US));
            if at >= until {
                break;
            }
            running.clock.set(at);
            self.last = at;
            // Sent at the same time, so that their events share a batch and a sync.
            let mut sent = Vec::with_capacity(App::ALL.len());
            for app in App::ALL {
                let Some(step) = self.queues[app as usize].pop_front() else { continue };
                let call = call(&step, &self.books[app as usize], &mut self.random)
                    .ok_or_else(|| PlayError::Script(format!("{}: {step:?}", app.slug())))?;
                let token = if call.authenticated { &self.tokens[app as usize] } else { OLD_TOKEN };
                let path = format!("/apps/{}/scim/v2{}", app.slug(), call.path);
                let request = request(&call, &path, token, &self.random.uuid())?;
                let router = running.router.clone();
                let answer = tokio::spawn(send(router, request, app, call.expected));
                sent.push((app, step, call, answer));
            }
            for (app, step, call, answer) in sent {
                let answer =
                    answer.await.map_err(|error| PlayError::Script(error.to_string()))??;
                let book = &mut self.books[app as usize];
                let found = match &step {
                    Step::LookupUser { found, .. } => Some(json!(*found)),
                    Step::LookupGroup { .. } => Some(json!(0)),
                    _ => None,
                };
                if found.is_some() && found.as_ref() != answer.get("totalResults") {
                    let found = &answer["totalResults"];
                    let words = format!("{}: {step:?} found {found}", app.slug());
                    return Err(PlayError::Script(words));
                }
                note(&step, &call, &answer, at, book);
                self.logs[app as usize].note(&step, &history.people, book, &answer, at);
                self.done += 1;
            }
            (self.progress)(self.done, self.total);
        }
        Ok(())
    }
}

impl Running {
    /// Stops in order.
    async fn close(self) {
        drop(self.router);
        self.server.close().await;
    }
}

fn request(call: &Call, path: &str, token: &str, id: &str) -> Result<Request<Body>, PlayError> {
    let body = call.body.as_ref().map(Value::to_string).unwrap_or_default();
    Request::builder()
        .method(call.method)
        .uri(path)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/scim+json")
        .header("user-agent", USER_AGENT)
        .header("x-request-id", id)
        .extension(ConnectInfo(std::net::SocketAddr::from(CLIENT)))
        .body(Body::from(body))
        .map_err(|error| PlayError::Script(error.to_string()))
}

/// Sends a request and checks its status.
async fn send(
    router: Router,
    request: Request<Body>,
    app: App,
    expected: u16,
) -> Result<Value, PlayError> {
    let words = format!("{} {}", request.method(), request.uri());
    let Ok(response) = router.oneshot(request).await;
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), ANSWER_BYTES_MAX).await;
    let bytes = bytes.map_err(|error| PlayError::Script(error.to_string()))?;
    let answer: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    if status == expected {
        return Ok(answer);
    }
    let detail = answer.get("detail").and_then(Value::as_str).unwrap_or_default().to_owned();
    Err(PlayError::Unexpected { app: app.slug(), request: words, status, expected, detail })
}
