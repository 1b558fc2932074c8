//! Imports by form: each is read by a thread of its own from temporary files, and its records go through the
//! import address like those of the command line, as the session's caller.
//!
//! A form is answered when its files have arrived. The import goes on, and its page shows how far it is. It stops
//! with the session or the token, with the server, or when somebody says so. How imports went is remembered until
//! the server stops or many others came after; what they recorded is in the log.

use std::collections::VecDeque;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Method, StatusCode};
use importer::{Asked, Begun, Counts, DateOrder, Form, Progress, Report, Room, Server, Wording};
use query::visit::{Acting, Problem};
use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::address::{encoded, with_query};
use crate::multipart::PARTS_MAX;

/// The most that a form takes.
pub(super) const FORM_BYTES_MAX: u64 = 1 << 30;
/// So many files of a form are taken; four other fields go with them.
pub(super) const FILES_MAX: usize = PARTS_MAX - 4;
/// The most that its files take on the disk, with what they unpack to.
pub(super) const ROOM_BYTES_MAX: u64 = 4 << 30;
/// Forms that are received or imported at once, so that their files fill no disk.
const AT_ONCE_MAX: usize = 2;
/// So many imports are remembered.
const REMEMBERED_MAX: usize = 100;
/// So many rows of one of the portal's CSV files are joined: their index takes less than 40 MiB of memory.
const PORTAL_ROWS_MAX: usize = 1_000_000;
/// The session of an import is looked at after this time.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The answer to one request of an import is far shorter.
const REPLY_BYTES_MAX: usize = 4 << 20;
const STOPPED: &str = "somebody stopped it";
const SESSION_ENDED: &str = "the session has ended, or its token was revoked";
const SERVER_STOPS: &str = "the server is stopping";
const NDJSON: &str = "application/x-ndjson";

const FIELDS: Wording =
    Wording { dates: "the field Order of dates", service_principal: "the field Service principal" };

/// What the server gives imports by form.
#[derive(Clone)]
pub struct Uploads {
    /// Where temporary files are.
    pub folder: PathBuf,
    /// Whether the disk has room for more of them.
    pub has_room: Arc<dyn Fn() -> bool + Send + Sync>,
    /// The server waits for these when it stops.
    pub tasks: TaskTracker,
    /// Cancelled when the server stops.
    pub stopping: CancellationToken,
}

/// The imports by form of a server.
pub(super) struct Imports {
    uploads: Uploads,
    places: Arc<Semaphore>,
    remembered: Mutex<VecDeque<Arc<Job>>>,
}

/// Room for one form, until it is dropped.
pub(super) struct Place {
    pub(super) room: Room,
    _permit: OwnedSemaphorePermit,
}

/// What a form says beside its files.
pub(super) struct Options {
    pub(super) form: Option<Form>,
    pub(super) dates: Option<DateOrder>,
    pub(super) service_principal: Option<String>,
}

impl Imports {
    pub(super) fn new(uploads: Uploads) -> Imports {
        let places = Arc::new(Semaphore::new(AT_ONCE_MAX));
        Imports { uploads, places, remembered: Mutex::default() }
    }

    /// Room for one form; `None` while others have it.
    pub(super) fn place(&self) -> Option<Place> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let Uploads { folder, has_room, .. } = self.uploads.clone();
        let too_large = format!(
            "takes, with what it unpacks to, more than the {} that a form has: import it with the command \
             line",
            super::size(ROOM_BYTES_MAX)
        );
        let room = Room::in_folder(folder, ROOM_BYTES_MAX, &too_large, move || has_room());
        Some(Place { room, _permit: permit })
    }

    /// An import of an application.
    pub(super) fn find(&self, app: &str, run: &str) -> Option<Arc<Job>> {
        let is_it = |job: &&Arc<Job>| job.app == app && job.run_name() == run;
        self.remembered().iter().find(is_it).cloned()
    }

    /// Begins to import files. `known` is what the server said when it was asked whether it may begin.
    pub(super) fn begin(
        &self,
        job: Job,
        files: Vec<(String, File)>,
        options: Options,
        known: Map<String, Value>,
        acting: Acting,
        place: Place,
    ) -> Arc<Job> {
        let job = Arc::new(job);
        let mut remembered = self.remembered();
        remembered.push_front(Arc::clone(&job));
        // The oldest that has ended: only few have not.
        if remembered.len() > REMEMBERED_MAX
            && let Some(place) = remembered.iter().rposition(|job| job.has_ended())
        {
            remembered.remove(place);
        }
        drop(remembered);
        let (sender, receiver) = mpsc::channel(1);
        let stopping = self.uploads.stopping.clone();
        self.uploads.tasks.spawn(answered(receiver, Arc::clone(&job), acting, stopping));
        let address = Address { job: Arc::clone(&job), sender };
        let ends = Ends(Arc::clone(&job));
        let read = move || {
            let ended = imported(&ends.0, files, &options, &known, &address, &place.room);
            ends.0.state().ended = Some(ended);
        };
        // Not a thread of the runtime: those are few, and this one is needed for minutes.
        if let Err(error) = std::thread::Builder::new().name("import".to_owned()).spawn(read) {
            tracing::error!(%error, "an import could not begin");
        }
        job
    }

    fn remembered(&self) -> MutexGuard<'_, VecDeque<Arc<Job>>> {
        // A panic under this lock leaves no half-made state.
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One import by form.
pub(super) struct Job {
    run: u64,
    pub(super) app: String,
    pub(super) names: Vec<String>,
    /// So many bytes of the present file were read.
    reached: AtomicU64,
    /// Why it is not to go on.
    unwanted: OnceLock<&'static str>,
    state: Mutex<State>,
}

/// How far an import is.
#[derive(Clone, Default)]
pub(super) struct State {
    pub(super) step: Step,
    pub(super) counts: Counts,
    pub(super) ended: Option<Ended>,
}

/// What an import does now.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Step {
    #[default]
    Unpacks,
    Reads {
        file: usize,
        bytes: u64,
        is_survey: bool,
    },
}

/// How an import ended.
#[derive(Clone, Default)]
pub(super) struct Ended {
    pub(super) report: Report,
    /// Why it stopped before its end, if it did.
    pub(super) stopped: Option<String>,
}

impl Job {
    pub(super) fn new(run: u64, app: String, names: Vec<String>) -> Job {
        let (reached, unwanted) = (AtomicU64::new(0), OnceLock::new());
        Job { run, app, names, reached, unwanted, state: Mutex::default() }
    }

    /// The number of the import, as addresses have it.
    pub(super) fn run_name(&self) -> String {
        format!("{:x}", self.run)
    }

    /// The page of the import.
    pub(super) fn page(&self) -> String {
        format!("/apps/{}/imports/{}", encoded(&self.app), self.run_name())
    }

    /// How far it is, and how many bytes of the present file were read.
    pub(super) fn now(&self) -> (State, u64) {
        (self.state().clone(), self.reached.load(Ordering::Relaxed))
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state().ended.is_some()
    }

    /// Stops it before its next record. What was imported stays.
    pub(super) fn stop(&self) {
        self.end(STOPPED);
    }

    /// The first reason to end it counts.
    fn end(&self, why: &'static str) {
        let _ = self.unwanted.set(why);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic under this lock leaves no half-made state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for Job {
    fn begins(&self, file: usize, bytes: u64, is_survey: bool) {
        self.reached.store(0, Ordering::Relaxed);
        self.state().step = Step::Reads { file, bytes, is_survey };
    }

    fn reached(&self, bytes: u64) {
        self.reached.store(bytes, Ordering::Relaxed);
    }

    fn counted(&self, counts: &Counts) {
        self.state().counts = counts.clone();
    }

    fn goes_on(&self) -> bool {
        self.unwanted.get().is_none()
    }
}

/// Whatever happens to its thread, an import ends.
struct Ends(Arc<Job>);

impl Drop for Ends {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if state.ended.is_none() {
            let stopped = "the server made a mistake: its log names the cause".to_owned();
            let report = Report { names: self.0.names.clone(), ..Report::default() };
            let report = Report { counts: state.counts.clone(), ..report };
            state.ended = Some(Ended { report, stopped: Some(stopped) });
        }
    }
}

/// Imports the files, on the thread of the import.
fn imported(
    job: &Job,
    files: Vec<(String, File)>,
    options: &Options,
    known: &Map<String, Value>,
    address: &Address,
    room: &Room,
) -> Ended {
    let asked = Asked {
        run: job.run,
        form: options.form,
        dates: options.dates,
        service_principal: options.service_principal.as_deref(),
        lists_others: false,
        portal_rows_max: PORTAL_ROWS_MAX,
        wording: FIELDS,
    };
    let goes_on = || job.goes_on();
    let files = files
        .into_iter()
        .map(|(name, file)| {
            let opened = importer::File::of(name.clone(), file, options.form, room, &goes_on);
            (name, opened)
        })
        .collect();
    let is_unpacked = job.goes_on();
    let (report, stopped) = Begun::told(asked, address, known).import(files, job);
    // What ends an import after its last record leaves out nothing.
    let is_cut = report.is_cut || !is_unpacked;
    let unwanted = job.unwanted.get().filter(|_| is_cut).map(|why| (*why).to_owned());
    Ended { report, stopped: stopped.or(unwanted) }
}

/// One request of an import.
struct Request {
    address: String,
    lines: Vec<u8>,
    reply: oneshot::Sender<Result<Map<String, Value>, String>>,
}

/// The import address of an application, for the thread of an import.
struct Address {
    job: Arc<Job>,
    sender: mpsc::Sender<Request>,
}

impl Server for Address {
    type Failure = String;

    fn post(
        &self,
        parameters: &[(&'static str, String)],
        lines: &[u8],
    ) -> Result<Map<String, Value>, String> {
        let (reply, answer) = oneshot::channel();
        let request =
            Request { address: address(&self.job.app, parameters), lines: lines.to_vec(), reply };
        let stops = || (*self.job.unwanted.get().unwrap_or(&SERVER_STOPS)).to_owned();
        self.sender.blocking_send(request).map_err(|_| stops())?;
        answer.blocking_recv().map_err(|_| stops())?
    }
}

/// The address of the API that imports.
pub(super) fn address(app: &str, parameters: &[(&'static str, String)]) -> String {
    let path = format!("/api/v1/apps/{}/imports", encoded(app));
    with_query(path, parameters.iter().map(|(name, text)| (*name, text.as_str())))
}

/// Sends the requests of an import until it ends. Ends it when the session does, or the server.
async fn answered(
    mut requests: mpsc::Receiver<Request>,
    job: Arc<Job>,
    acting: Acting,
    stopping: CancellationToken,
) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let request = tokio::select! {
            biased;
            () = stopping.cancelled() => return job.end(SERVER_STOPS),
            _ = looks.tick() => match acting.has_ended().await {
                true => return job.end(SESSION_ENDED),
                false => continue,
            },
            request = requests.recv() => request,
        };
        let Some(Request { address, lines, reply }) = request else { return };
        let posted = post(&acting, &address, lines).await;
        let _ = reply.send(posted.map_err(|refused| refused.1));
    }
}

/// Sends one request of an import. If it is refused, says with which status and why.
pub(super) async fn post(
    acting: &Acting,
    address: &str,
    lines: Vec<u8>,
) -> Result<Map<String, Value>, (StatusCode, String)> {
    let sent = acting.act(Method::POST, address, Body::from(lines), NDJSON).await;
    let mut response = sent.map_err(|refusal| {
        (refusal.status(), "the request could not be sent to the import address".to_owned())
    })?;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let words = match problem.status {
            StatusCode::UNAUTHORIZED => SESSION_ENDED.to_owned(),
            _ => problem.detail,
        };
        return Err((problem.status, words));
    }
    let bytes = to_bytes(response.into_body(), REPLY_BYTES_MAX).await;
    let reply = bytes.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let unread = || "the answer of the import address cannot be read".to_owned();
    reply.ok_or_else(|| (StatusCode::INTERNAL_SERVER_ERROR, unread()))
}
