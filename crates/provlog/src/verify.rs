//! Whether the log is what was signed: `provlog verify` for a stopped server, `provlog verification` for a
//! running one.

use std::fs::File;
use std::io::{self, Read as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use answers::act::{Act as _, ShowVerification, VerificationRunning, VerificationState, Verify};

use projector::{Extent, Fault, ProjectorError};
use serde_json::{Map, Value, json};
use store::{Options, Store};
use tlog::{NOTE_BYTES_MAX, PROOF_FILE_BYTES_MAX, Policy, SignedCheckpoint, TreeHead, VerifierKey};

use crate::client::Client;
use crate::config::ClientConfig;
use crate::failure::Failure;
use crate::offline::{failed, open, open_unlocked, progress};
use crate::output::Output;
use crate::signing::own_verifiers;
use crate::text;
use crate::unlock::MasterConfig;

/// What to verify with.
#[derive(clap::Args, Debug)]
pub(crate) struct VerifyArgs {
    /// Folder of the log
    #[arg(long, env = "PROVLOG_DATA", default_value = "data")]
    data: PathBuf,
    /// File of a checkpoint that was kept elsewhere; may be given several times
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Verifier key of the log; one of several has to have signed each checkpoint [default: that of the
    /// signing key in the environment, else in the data folder]
    #[arg(long, value_name = "VKEY", value_parser = verifier)]
    key: Vec<VerifierKey>,
    #[command(flatten)]
    master: MasterConfig,
    /// Fold the log again too, and compare all rows; takes as much disk as the folder
    #[arg(long)]
    deep: bool,
    /// Where to fold it, in a folder that is removed afterwards [default: beside the data folder]
    #[arg(long, value_name = "DIR", requires = "deep")]
    scratch: Option<PathBuf>,
}

/// What to verify a proof with.
#[derive(clap::Args, Debug)]
pub(crate) struct VerifyEvidenceArgs {
    /// The proof or bundle, as `provlog proof` and `provlog bundle` print it
    file: PathBuf,
    /// Verifier key of the log; one of several has to have signed
    #[arg(long, value_name = "VKEY", required = true, value_parser = verifier)]
    key: Vec<VerifierKey>,
    /// Verifier key of a witness that has to have signed too; may be given several times
    #[arg(long, value_name = "VKEY", value_parser = verifier)]
    witness: Vec<VerifierKey>,
}

/// Verifies a proof or a bundle, and says what it shows.
pub(crate) fn verify_evidence(
    args: &VerifyEvidenceArgs,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let bytes = bounded(&args.file, PROOF_FILE_BYTES_MAX)
        .map_err(|error| Failure::Wrong(format!("{}: {error}", args.file.display())))?;
    let (key, witnesses) = (args.key[0].name().as_str(), args.witness.len());
    let policy = Policy::new(key, args.key.clone(), args.witness.clone(), witnesses)
        .map_err(|error| Failure::Wrong(store::with_causes(&error)))?;
    let shown = evidence::verify_file(&bytes, &policy).map_err(failed)?;
    output.print(&shown.to_string())
}

/// On a running server.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum VerificationCommand {
    /// Verify the whole log now, and wait for what is found
    Begin(ClientConfig),
    /// Show how far it is, and what the last one since the start found
    Show(ClientConfig),
}

/// How often a running server is asked how far it is. Each time leaves an event.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Asks a running server.
pub(crate) fn verification(
    command: &VerificationCommand,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let (VerificationCommand::Begin(config) | VerificationCommand::Show(config)) = command;
    let client = Client::new(config)?;
    let read = |answer: Map<String, Value>| {
        let state = serde_json::from_value::<VerificationState>(answer.clone().into());
        state.map(|state| (state, answer)).map_err(failed)
    };
    let show = || read(client.get(ShowVerification::PATH)?);
    let begins = matches!(command, VerificationCommand::Begin(_));
    let (mut state, mut answer) = match begins {
        true => read(client.post(Verify::PATH, &json!({}))?)?,
        false => show()?,
    };
    if begins {
        let (round, mut shown) = (state.round, progress());
        while state.last.as_ref().is_none_or(|last| last.round < round) {
            if state.round < round {
                let words = "the server was started again before the verification had ended";
                return Err(Failure::Failed(words.to_owned()));
            }
            if let Some(running) = &state.running {
                shown(running.events, running.size);
            }
            std::thread::sleep(ASK_AGAIN_AFTER);
            (state, answer) = show()?;
        }
        if let Some(last) = &state.last {
            shown(last.events, last.events);
        }
    }
    output.print(&match config.json {
        true => format!("{}\n", text::json(&answer.into())),
        false => words(&state),
    })?;
    match state.last {
        Some(last) if !last.faults.is_empty() => Err(Failure::Failed(last.faults.join("; "))),
        Some(_) | None => Ok(()),
    }
}

fn words(state: &VerificationState) -> String {
    let mut words = String::new();
    if let Some(VerificationRunning { events, size }) = &state.running {
        words += &format!("running        {events} of {size} events\n");
    }
    match &state.last {
        None => words += "No verification has ended since the start.\n",
        Some(last) => {
            let (ended, found) = (last.at.second(), last.faults.len());
            words += &format!(
                "ended          {ended}\nevents         {}\ncovered        {}\nfaults         {found}\n",
                last.events, last.covered
            );
        }
    }
    words
}

fn verifier(text: &str) -> Result<VerifierKey, String> {
    VerifierKey::parse(text).map_err(|error| error.to_string())
}

/// The server signs each second. After a crash more is not covered only if it could not write the kept
/// file.
const UNCOVERED_MAX_US: i64 = 60_000_000;

/// Verifies the log, and says what is wrong with it.
pub(crate) fn verify(args: &VerifyArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let keys = match args.key.is_empty() {
        true => match own_verifiers(&args.data) {
            Ok(keys) => keys,
            Err(error) => {
                // Where there is no log there is no key either.
                open(&args.data)?;
                return Err(failed(error));
            }
        },
        false => args.key.clone(),
    };
    // Those from elsewhere first: nothing is opened for a file that cannot be believed.
    let mut known: Vec<(String, TreeHead)> = Vec::new();
    let mut origins: Vec<String> = Vec::new();
    for file in &args.checkpoint {
        let signed = signed(file, &keys)?;
        known.push((file.display().to_string(), *signed.unverified().head()));
        origins.push(signed.unverified().origin().to_owned());
    }
    let store = open_unlocked(&args.data, &args.master)?;
    let unfolded = match projector::catch_up(&store, progress()) {
        Ok(_) => None,
        // The log is verified all the same, as far as there are rows with their help.
        Err(error) if error.is_row_damage() => Some(store::with_causes(&error)),
        Err(error) => return Err(failed(error)),
    };
    if let Some(kept) = projector::kept_checkpoint(&store, &keys).map_err(failed)? {
        let ours = kept.unverified().origin();
        if let Some(other) = origins.iter().find(|origin| *origin != ours) {
            let words =
                format!("a checkpoint is of the log {other}, and the folder has the log {ours}");
            return Err(Failure::Wrong(words));
        }
        known.push(("the kept file".to_owned(), *kept.unverified().head()));
    }
    let size = store.log_size().map_err(failed)?;
    let checkpoints = known.iter().map(|(_, head)| *head).collect();
    let folded = store.snapshot().watermark().ok().flatten().map_or(0, |(folded, _)| folded);
    let extent = Extent { size, folded: folded.min(size), checkpoints, links: true };
    let mut shown = progress();
    let verified = projector::verify(&store, &extent, |reached, size, _| {
        shown(reached, size);
        ControlFlow::Continue(())
    });
    let verified = verified.unwrap_or_else(|| unreachable!("nothing breaks it off"));
    output.print(&format!(
        "events         {}\nroot           {}\ncovered        {}\n",
        verified.head.size, verified.head.root, verified.covered
    ))?;
    let mut lines: Vec<String> = verified.faults.iter().map(Fault::to_string).collect();
    lines.extend(unfolded);
    if let Some((since, last)) = verified.uncovered
        && lines.is_empty()
        && last.0 - since.0 > UNCOVERED_MAX_US
    {
        lines.push(format!(
            "no checkpoint covers the events {} to {}, of more than a minute, and the server signs each \
             second: it could not, or an older checkpoint stands in the kept file",
            verified.covered,
            size - 1
        ));
    }
    if !lines.is_empty() {
        return Err(Failure::Failed(lines.join("; ")));
    }
    if args.deep {
        deep(args, &store, output)?;
    }
    output.print(&match verified.head.size - verified.covered {
        0 if size == 0 => "The log is empty.\n".to_owned(),
        0 => format!("All events are those that were signed ({}).\n", places(&known)),
        behind => format!(
            "All events are those that were signed ({}), but for the last {behind}, which no checkpoint \
             covers yet.\n",
            places(&known)
        ),
    })
}

/// Where the checkpoints are.
fn places(known: &[(String, TreeHead)]) -> String {
    let places = known.iter().map(|(place, head)| format!("{} in {place}", head.size));
    places.collect::<Vec<_>>().join(", ")
}

/// The bytes of a file; of a longer one, one byte more than it can have.
pub(crate) fn bounded(file: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![];
    File::open(file)?.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A checkpoint of a file that one of the keys has signed.
fn signed(file: &Path, keys: &[VerifierKey]) -> Result<SignedCheckpoint, Failure> {
    let wrong = |why: String| Failure::Wrong(format!("the checkpoint {}: {why}", file.display()));
    let bytes = bounded(file, NOTE_BYTES_MAX).map_err(|error| wrong(error.to_string()))?;
    let signed =
        SignedCheckpoint::parse(&bytes).map_err(|error| wrong(store::with_causes(&error)))?;
    let Some(first) = keys.first() else {
        return Err(wrong("there is no key to verify it with: give --key".to_owned()));
    };
    let policy = Policy::new(first.name().as_str(), keys.to_vec(), vec![], 0);
    let policy = policy.map_err(|error| wrong(store::with_causes(&error)))?;
    policy.verify(&signed).map_err(|error| wrong(store::with_causes(&error)))?;
    Ok(signed)
}

/// Bytes of events that are copied at once.
const COPIED_BYTES: usize = 8 << 20;

/// Folds the log into other rows, and whether they are those that are there. The folder stays locked, so
/// nobody writes in it meanwhile.
fn deep(args: &VerifyArgs, store: &Store, output: &mut Output<'_>) -> Result<(), Failure> {
    // Beside the folder, so on the same disk, and not inside of what is verified.
    let beside = args.data.parent().filter(|path| !path.as_os_str().is_empty());
    let around = args.scratch.as_deref().or(beside).unwrap_or(Path::new("."));
    let scratch = tempfile::Builder::new().prefix(".provlog-verify-").tempdir_in(around);
    let scratch = scratch.map_err(|error| {
        let place = around.display();
        Failure::Failed(format!(
            "cannot fold the log again in {place}: {error}; give --scratch DIR"
        ))
    })?;
    let folder = scratch.path().join("log");
    let anew = Store::open(&folder, &Options::default(), store.log_id().get()).map_err(failed)?;
    let (mut events, mut bytes) = (vec![], 0);
    let vault = args.master.unlock(&args.data, &anew).map_err(failed)?;
    let copied = store.scan_log(0, |seq, event| -> Result<_, ProjectorError> {
        // What a part holds is what its event committed to.
        vault.check_event(seq, event).map_err(ProjectorError::event(seq))?;
        bytes += event.len();
        events.push((seq, event.to_vec()));
        if bytes >= COPIED_BYTES {
            anew.append(&events, false)?;
            events.clear();
            bytes = 0;
        }
        Ok(ControlFlow::Continue(()))
    });
    copied.and_then(|()| Ok(anew.append(&events, false)?)).map_err(failed)?;
    projector::catch_up(&anew, progress()).map_err(failed)?;
    let digest = |store: &Store| store::digest(&store.snapshot()).map_err(failed);
    if digest(&anew)? != digest(store)? {
        let words = "the rows are not what the log says: run `provlog rebuild`";
        return Err(Failure::Failed(words.to_owned()));
    }
    output.print("All rows are what the log says.\n")?;
    let wrong = projector::verify_commitments(&anew).map_err(failed)?;
    match wrong.first() {
        None => output.print("All commitments are to the states that the log gives.\n"),
        Some(first) => Err(Failure::Failed(format!(
            "the commitment of event {} is not to the state that the log gives",
            first.seq
        ))),
    }
}
