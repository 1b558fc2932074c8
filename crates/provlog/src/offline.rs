//! Commands on the data folder of a stopped server.

use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use event::{Clock, Fact, RecorderStopped, Seq, Timestamp};
use projector::{
    Committer, CommitterOptions, Decision, Durability, Fault, Rebuilt, Signer, Stamp, View,
};
use query::{Issue, Issued, Token};
use serde_json::{Map, Value};
use store::{Options, Store, with_causes};
use tlog::{TreeHead, VerifierKey};

use crate::config::CLOCK_AHEAD_DAYS_MAX;
use crate::failure::Failure;
use crate::output::Output;
use crate::signing::{self, own_verifiers};
use crate::start::{LastAlive, check_clock, last_alive, own, started};
use crate::unlock::{MasterConfig, copy_keys};

/// Folds what the rows lack of the log and prints the rows' digest.
pub(crate) fn digest(
    data: &Path,
    master: &MasterConfig,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let store = open_unlocked(data, master)?;
    projector::catch_up(&store, progress()).map_err(failed)?;
    let digest = store::digest(&store.snapshot()).map_err(failed)?;
    output.print(&format!("{}\n", HEXLOWER.encode(&digest)))
}

/// Rebuilds the rows from the log and compares them with the old ones, if those can be read.
pub(crate) fn rebuild(
    data: &Path,
    master: &MasterConfig,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    private_files();
    let opened = Store::open_for_rebuild(data, &Options::default()).map_err(failed)?;
    let (store, discarded) = opened;
    tell_torn_end(&store);
    master.unlock(data, &store).map_err(failed)?;
    let rebuilt = projector::rebuild(&store, progress()).map_err(failed)?;
    let damage = discarded.map(|error| with_causes(&error)).or(rebuilt.damage.clone());
    let before = rebuilt.digest_before.filter(|_| damage.is_none());
    print_rebuilt(&rebuilt, before, output)?;
    match (damage, before) {
        (Some(damage), _) => output.print(&format!(
            "The rows that were there could not be read ({damage}). They are made anew.\n"
        )),
        (None, _) if !rebuilt.same_fold => {
            output.print("The rows were of another fold version; they are made anew.\n")
        }
        (None, before) if before != Some(rebuilt.digest_after) => Err(Failure::Failed(
            "the rows were not what the log says; they are made anew now. \
             Keep a copy of the folder and report this"
                .to_owned(),
        )),
        (None, _) => output.print("The rows were exactly what the log says.\n"),
    }
}

/// Creates a data folder from the log of another and rebuilds the rows there.
pub(crate) fn rebuild_into(
    data: &Path,
    into: &Path,
    master: &MasterConfig,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    private_files();
    store::salvage(data, into, &Options::default()).map_err(failed)?;
    signing::copy(data, into).map_err(failed)?;
    copy_keys(data, into).map_err(failed)?;
    let store = open_unlocked(into, master)?;
    let rebuilt = projector::rebuild(&store, progress()).map_err(failed)?;
    print_rebuilt(&rebuilt, None, output)?;
    output.print(&format!(
        "{} has the whole log and new rows. The rows of {} were not looked at; it is as it was.\n",
        into.display(),
        data.display()
    ))
}

fn print_rebuilt(
    rebuilt: &Rebuilt,
    before: Option<[u8; 32]>,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let rate = rebuilt.events as f64 / rebuilt.seconds.max(1e-9);
    let before = before.map_or("not read".to_owned(), |digest| HEXLOWER.encode(&digest));
    output.print(&format!(
        "events         {}\nevents/s       {rate:.0}\ndigest before  {before}\ndigest after   {}\n",
        rebuilt.events,
        HEXLOWER.encode(&rebuilt.digest_after)
    ))
}

/// Reads the whole log and all rows, and reports damage.
pub(crate) fn scrub(data: &Path, output: &mut Output<'_>) -> Result<(), Failure> {
    let store = open(data)?;
    // What can be read is said also when the checkpoint cannot be believed.
    let keys = own_verifiers(data).map_err(failed);
    let kept = keys.and_then(|keys| kept_checkpoint(&store, &keys));
    let (kept, doubt) = match kept {
        Ok(kept) => (kept.into_iter().collect(), None),
        Err(Failure::Wrong(words) | Failure::Failed(words)) => (vec![], Some(words)),
        Err(closed @ Failure::Closed) => return Err(closed),
    };
    let done = projector::scrub(&store, kept, |_| ControlFlow::Continue(())).map_err(failed)?;
    let events = done.log.as_ref().map_or(0, |log| log.head.size);
    output.print(&format!("events         {events}\nrows           {}\n", done.rows))?;
    let faults = done.faults().iter().map(Fault::to_string);
    let damage = done.damaged_rows.as_ref().map(|error| with_causes(error));
    let faults: Vec<String> = faults.chain(damage).chain(doubt).collect();
    match faults.is_empty() {
        true => output.print("Everything can be read, and the log is what was signed.\n"),
        false => Err(Failure::Failed(faults.join("; and "))),
    }
}

/// What one of these keys signed last, as the kept file has it.
pub(crate) fn kept_checkpoint(
    store: &Store,
    keys: &[VerifierKey],
) -> Result<Option<TreeHead>, Failure> {
    let signed = projector::kept_checkpoint(store, keys).map_err(failed)?;
    Ok(signed.map(|signed| *signed.unverified().head()))
}

/// Makes every file that this process creates from now on, RocksDB's too, private to its user.
pub(crate) fn private_files() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}

/// Issues a token in the log of a stopped server, and returns what the API of a running one answers.
///
/// The start, the token and the stop are one batch with one time, so the log does not claim that
/// anything was recorded meanwhile.
pub(crate) fn add_token(
    data: &Path,
    master: &MasterConfig,
    issue: &Issue,
    accept_clock: bool,
) -> Result<Map<String, Value>, Failure> {
    let token = Token::generate().map_err(failed)?;
    let store = open_unlocked(data, master)?;
    if store.kept_checkpoint().is_none() {
        let words = "the log was never started: start the server once, which writes a first token";
        return Err(Failure::Failed(words.to_owned()));
    }
    projector::catch_up(&store, progress()).map_err(failed)?;
    let last_alive = last_alive(&store).map_err(failed)?;
    let now = Clock::System.now();
    check_clock(now, last_alive, (!accept_clock).then_some(CLOCK_AHEAD_DAYS_MAX))
        .map_err(failed)?;
    let signer = signing::signer_if_there(data, store.log_id()).map_err(failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| Failure::Failed(format!("cannot start: {error}")))?;
    let recording = record(store, now, signer, last_alive, issue.clone(), token.sha256());
    let issued = runtime.block_on(recording)?;
    let mut answer = Map::new();
    answer.insert("token".into(), token.as_str().into());
    answer.insert("id".into(), issued.number.to_string().into());
    answer.insert("role".into(), issue.role().into());
    if let Some(slug) = issue.application() {
        answer.insert("application".into(), slug.into());
    }
    if let Some(name) = issue.name() {
        answer.insert("name".into(), name.into());
    }
    if let Some(end) = issued.expires_at {
        answer.insert("expiresAt".into(), end.to_string().into());
    }
    Ok(answer)
}

async fn record(
    store: Store,
    now: Timestamp,
    signer: Option<Signer>,
    last_alive: Option<LastAlive>,
    issue: Issue,
    sha256: [u8; 32],
) -> Result<Issued, Failure> {
    let options = CommitterOptions {
        clock: Clock::manual(now),
        // The caller has checked the clock. If it is behind, the events get the last event's time.
        accept_clock: true,
        commands_max: 1,
        disk_reserve_bytes: 0,
        signer: signer.map(Arc::new),
    };
    let (committer, thread) = Committer::start(Arc::new(store), options).map_err(failed)?;
    let decide = move |view: &View<'_>, stamp: Stamp| {
        let (issued, added) = match issue.decide(view, None, stamp.recorded_at, sha256)? {
            Ok(issued) => issued,
            Err(error) => return Ok(Decision { events: vec![], reply: Err(error) }),
        };
        let stopped = RecorderStopped { broken_requests: 0 };
        let start = own(started(stamp, last_alive));
        let events = vec![start, added, own(Fact::RecorderStopped(stopped))];
        Ok(Decision { events, reply: Ok(issued) })
    };
    let issued = committer.submit(Durability::Synced, decide).await.map_err(failed);
    committer.stop().await;
    drop(committer);
    thread.join().map_err(|_| Failure::Failed("the log could not be closed".to_owned()))?;
    issued?.map_err(failed)
}

pub(crate) fn open(data: &Path) -> Result<Store, Failure> {
    private_files();
    let store = Store::open_existing(data, &Options::default()).map_err(failed)?;
    tell_torn_end(&store);
    Ok(store)
}

/// The same, with the keys of the log.
pub(crate) fn open_unlocked(data: &Path, master: &MasterConfig) -> Result<Store, Failure> {
    let store = open(data)?;
    master.unlock(data, &store).map_err(failed)?;
    Ok(store)
}

/// Reports that the last events may be missing. The open has repaired the file, so no later start can
/// report it.
fn tell_torn_end(store: &Store) {
    let Some(torn) = store.torn_end() else { return };
    let _ = writeln!(
        std::io::stderr(),
        "the write-ahead log {} ended in a record that is not whole, at byte {}: what was written last \
         may be missing, at most the second before the recorder ended",
        torn.path.display(),
        torn.offset
    );
}

pub(crate) fn failed(error: impl std::error::Error) -> Failure {
    Failure::Failed(with_causes(&error))
}

/// Shows the progress of the fold on a terminal.
pub(crate) fn progress() -> impl FnMut(Seq, Seq) {
    let shown = std::io::stderr().is_terminal();
    move |reached, size| {
        if shown {
            let end = if reached == size { "\n" } else { "" };
            let _ = write!(std::io::stderr(), "\r{reached} of {size} events{end}");
        }
    }
}
