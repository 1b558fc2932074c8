//! Commands on a data folder that no server has open.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use event::{Clock, Credential, Fact, RecorderStopped, Seq, Timestamp};
use projector::{Committer, CommitterOptions, Decision, Durability, Stamp, View};
use query::{Issue, Token};
use serde_json::{Map, Value};
use store::{Options, Store};

use crate::cli::{Failure, with_causes};
use crate::config::CLOCK_AHEAD_DAYS_MAX;
use crate::output::Output;
use crate::start::{check_clock, last_alive, own, started};

/// Brings the rows to the log's end and prints their digest.
pub(crate) fn digest(data: &Path, output: &mut Output<'_>) -> Result<(), Failure> {
    let store = open(data)?;
    projector::catch_up(&store, progress()).map_err(failed)?;
    let digest = store::digest(&store.snapshot()).map_err(failed)?;
    output.print(&format!("{}\n", hex(&digest)))
}

/// Makes the rows anew and compares them with those that were there.
pub(crate) fn rebuild(data: &Path, output: &mut Output<'_>) -> Result<(), Failure> {
    let store = open(data)?;
    let rebuilt = projector::rebuild(&store, progress()).map_err(failed)?;
    let rate = rebuilt.events as f64 / rebuilt.seconds.max(1e-9);
    let (before, after) = (hex(&rebuilt.digest_before), hex(&rebuilt.digest_after));
    output.print(&format!(
        "events         {}\nevents/s       {rate:.0}\ndigest before  {before}\ndigest after   {after}\n",
        rebuilt.events
    ))?;
    if !rebuilt.same_fold {
        return output.print("The rows were of another fold version; they are made anew.\n");
    }
    if before != after {
        return Err(Failure::Failed(
            "the rows were not what the log says; they are made anew now. \
             Keep a copy of the folder and report this"
                .to_owned(),
        ));
    }
    output.print("The rows were exactly what the log says.\n")
}

/// Issues a token in the log of a server that is stopped, and returns what the server would have
/// answered.
///
/// The start, the token and the stop are one decision at one instant: the command records, and claims
/// to have watched no time at all.
pub(crate) fn add_token(
    data: &Path,
    role: &str,
    application: Option<String>,
    accept_clock: bool,
) -> Result<Map<String, Value>, Failure> {
    let issue = Issue::new(role, application).map_err(|error| Failure::Wrong(error.to_string()))?;
    let token = Token::generate().map_err(failed)?;
    let store = open(data)?;
    projector::catch_up(&store, progress()).map_err(failed)?;
    let last_alive = last_alive(&store).map_err(failed)?;
    let now = Clock::System.now();
    check_clock(now, last_alive, (!accept_clock).then_some(CLOCK_AHEAD_DAYS_MAX))
        .map_err(failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| Failure::Failed(format!("cannot start: {error}")))?;
    let number = runtime.block_on(record(store, now, last_alive, issue.clone(), token.sha256()))?;
    let mut answer = Map::new();
    answer.insert("token".into(), token.as_str().into());
    answer.insert("id".into(), number.to_string().into());
    answer.insert("role".into(), issue.role().into());
    if let Some(slug) = issue.application() {
        answer.insert("application".into(), slug.into());
    }
    Ok(answer)
}

async fn record(
    store: Store,
    now: Timestamp,
    last_alive: Option<Timestamp>,
    issue: Issue,
    sha256: [u8; 32],
) -> Result<Credential, Failure> {
    let options = CommitterOptions {
        clock: Clock::manual(now),
        // Its events get the last event's time then; a token is needed whatever the clock shows.
        accept_clock: true,
        commands_max: 1,
        disk_reserve_bytes: 0,
    };
    let (committer, thread) = Committer::start(Arc::new(store), options).map_err(failed)?;
    let decide = move |view: &View<'_>, stamp: Stamp| {
        let (number, added) = match issue.decide(view, None, sha256)? {
            Ok(issued) => issued,
            Err(error) => return Ok(Decision { events: vec![], reply: Err(error) }),
        };
        let stopped = RecorderStopped { broken_requests: 0 };
        let start = own(started(stamp, last_alive));
        let events = vec![start, added, own(Fact::RecorderStopped(stopped))];
        Ok(Decision { events, reply: Ok(number) })
    };
    let issued = committer.submit(Durability::Synced, decide).await.map_err(failed);
    committer.stop().await;
    drop(committer);
    thread.join().map_err(|_| Failure::Failed("the log could not be closed".to_owned()))?;
    issued?.map_err(failed)
}

fn open(data: &Path) -> Result<Store, Failure> {
    Store::open_existing(data, &Options::default()).map_err(failed)
}

fn failed(error: impl std::error::Error) -> Failure {
    Failure::Failed(with_causes(&error))
}

/// Shows how far the folding is, on a terminal.
fn progress() -> impl FnMut(Seq, Seq) {
    let shown = std::io::stderr().is_terminal();
    move |reached, size| {
        if shown {
            let end = if reached == size { "\n" } else { "" };
            let _ = write!(std::io::stderr(), "\r{reached} of {size} events{end}");
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
