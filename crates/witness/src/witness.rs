//! The witness: what it signs, and what it refuses.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tlog::{
    AddCheckpoint, AddCheckpointError, ConsistencyError, KeyError, KeyKind, KeyName, Policy,
    PolicyError, PolicyRefusal, SignError, Signature, SignedCheckpoint, SignedCheckpointError,
    SignerKey, TreeHead, VerifierKey, cosign, print_cosignatures,
};

use crate::folder::{Folder, FolderError};
use crate::split::{Kept, Splits};
use crate::state::{LastSigned, STATE_BYTES_MAX, StateError, digest};

/// Logs of one witness at most.
pub const LOGS_MAX: usize = 1_000;
/// If the clock is behind the last cosignature of a log by at most this much, the next one repeats its
/// time; if by more, nothing is signed.
pub const CLOCK_BEHIND_S_MAX: u64 = 60;

/// A log whose checkpoints are signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownLog {
    /// One of its keys. Its name is the log's origin. Another key of the same name is another key of the
    /// same log.
    pub key: VerifierKey,
    /// Where the log is served, for messages to people. Nothing is fetched from there.
    pub url: Option<String>,
}

/// Signs checkpoints of the logs that it knows, as long as each log only grows.
///
/// What it signed is on disk before it leaves. Requests for one log are looked at one after the other.
pub struct Witness {
    key: SignerKey,
    /// By origin.
    logs: BTreeMap<String, Log>,
    folder: Folder,
    now_s: Box<dyn Fn() -> u64 + Send + Sync>,
    accepts_clock: bool,
}

struct Log {
    keys: Vec<VerifierKey>,
    policy: Policy,
    url: Option<String>,
    /// SHA-256 of the origin in hexadecimal digits: the names of the log's files.
    hash: String,
    /// What is on disk.
    last: Mutex<Option<LastSigned>>,
}

impl Log {
    fn last(&self) -> MutexGuard<'_, Option<LastSigned>> {
        // A panic while this was held leaves no half-made state.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self) -> String {
        format!("{}.state", self.hash)
    }
}

impl Witness {
    /// Opens the folder, or makes it, locks it, and reads what was signed before. `now_s` is the clock, in
    /// seconds since 1970.
    ///
    /// With `accepts_clock`, a clock behind the last cosignature is believed. It helps when that one was
    /// made while the clock was ahead.
    ///
    /// # Errors
    /// [`OpenError`]. A damaged file is refused: without it the witness would sign a tree that does not go
    /// on from the one it signed.
    pub fn open(
        data: &Path,
        key: SignerKey,
        logs: Vec<KnownLog>,
        now_s: impl Fn() -> u64 + Send + Sync + 'static,
        accepts_clock: bool,
    ) -> Result<Witness, OpenError> {
        let key = key.with_kind(KeyKind::CosignatureV1).map_err(OpenError::Key)?;
        let mut known = by_origin(logs, &key)?;
        let folder = Folder::open(data).map_err(|error| match error {
            FolderError::Locked => OpenError::Locked { folder: data.to_owned() },
            FolderError::System(source) => {
                OpenError::File { attempt: "open", path: data.to_owned(), source }
            }
        })?;
        for (origin, log) in &mut known {
            let path = folder.path_of(&log.file());
            let bytes = folder.read(&log.file(), STATE_BYTES_MAX).map_err(|source| {
                OpenError::File { attempt: "read", path: path.clone(), source }
            })?;
            let last = bytes.map(|bytes| LastSigned::parse(&bytes, origin)).transpose();
            let last = last.map_err(|source| OpenError::State { path, source })?;
            tell_start(origin, log, last.as_ref(), &folder);
            *log.last() = last;
        }
        Ok(Witness { key, logs: known, folder, now_s: Box::new(now_s), accepts_clock })
    }

    /// The key that checks the cosignatures.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        self.key.verifier()
    }

    /// Handles the body of a request: checks it, writes to disk what it signs, and returns the cosignature.
    /// Blocks while it writes.
    pub fn add_checkpoint(&self, body: &[u8]) -> Result<Signature, Refusal> {
        let request = AddCheckpoint::parse(body).map_err(Refusal::Malformed)?;
        let signed = request.checkpoint();
        let checkpoint = signed.unverified();
        let log = self.logs.get(checkpoint.origin()).ok_or(Refusal::UnknownLog)?;
        log.policy.verify(signed).map_err(Refusal::NotSigned)?;
        let new = *checkpoint.head();

        // From here to the end: two requests must not go on from the same state.
        let mut last = log.last();
        let known = last.as_ref().map_or(TreeHead::EMPTY, LastSigned::head);
        if let Some(last) = &*last
            && known.size == new.size
            && known.root != new.root
        {
            // Whatever the request says of the old size.
            self.keep_split(log, last, signed);
        }
        if request.old_size() != known.size {
            return Err(Refusal::OtherSize { known_size: known.size });
        }
        if let Err(error) = request.proof().verify(&known, &new) {
            tracing::warn!(
                origin = checkpoint.origin(),
                known_size = known.size,
                size = new.size,
                root = %new.root,
                reason = %error,
                "refused a checkpoint of the log: that it goes on from the last one was not shown"
            );
            return Err(Refusal::Inconsistent(error));
        }
        let time_s = self.time_s(last.as_ref().map_or(0, |last| last.time_s))?;
        let signature = cosign(checkpoint, time_s, &self.key).map_err(Refusal::Sign)?;
        let note = noted(signed, &log.keys, &signature).map_err(Refusal::Note)?;
        let next = LastSigned { time_s, note };
        if last.as_ref() != Some(&next) {
            // A crash before this line leaves the old state, and nothing signed. One after it leaves a
            // signature that nobody got: the log is told the new size, and asks for it again.
            self.folder
                .replace(&log.file(), next.to_text().as_bytes())
                .map_err(Refusal::Unwritten)?;
            fail::fail_point!("witness-kept", |_| std::process::abort());
            tracing::info!(
                origin = checkpoint.origin(),
                size = new.size,
                was_size = known.size,
                "signed a checkpoint"
            );
            *last = Some(next);
        }
        Ok(signature)
    }

    /// The last checkpoint that was signed of the log whose origin has this SHA-256 digest (lower-case
    /// hexadecimal digits), with the signatures of log and witness. Blocks while a request of the log is
    /// handled.
    #[must_use]
    pub fn last_signed(&self, origin_hash: &str) -> Option<SignedCheckpoint> {
        let log = self.logs.values().find(|log| log.hash == origin_hash)?;
        log.last().as_ref().map(|last| last.note.clone())
    }

    /// The time of a cosignature. It never falls, because each says that no larger tree was known by then.
    fn time_s(&self, last_s: u64) -> Result<u64, Refusal> {
        let now_s = (self.now_s)();
        if now_s >= last_s || self.accepts_clock {
            return Ok(now_s);
        }
        let behind_s = last_s - now_s;
        if behind_s <= CLOCK_BEHIND_S_MAX {
            return Ok(last_s);
        }
        tracing::error!(behind_s, "the clock is behind the last cosignature; nothing is signed");
        Err(Refusal::ClockBehind { behind_s })
    }

    fn keep_split(&self, log: &Log, last: &LastSigned, other: &SignedCheckpoint) {
        let splits = Splits { folder: &self.folder, hash: &log.hash };
        let origin = last.note.unverified().origin();
        let TreeHead { size, root } = last.head();
        let other_root = other.unverified().head().root;
        let url = log.url.as_deref();
        match splits.keep(&last.note, other, url) {
            Ok(Kept::In(path)) => tracing::error!(
                origin, url, size, %root, %other_root, file = %path.display(),
                "SPLIT VIEW: the log signed two trees of one size with different roots; \
                 the proof is in the file, keep it"
            ),
            Ok(Kept::TooMany) => tracing::error!(
                origin, url, size, %root, %other_root,
                "SPLIT VIEW: the log signed two trees of one size with different roots; \
                 enough other proofs are kept"
            ),
            Err(error) => tracing::error!(
                origin, url, size, %root, %other_root, %error, signed = %last.note, refused = %other,
                "SPLIT VIEW: the log signed two trees of one size with different roots; \
                 the proof could not be written, keep these lines"
            ),
        }
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let logs: Vec<_> = self.logs.keys().collect();
        f.debug_struct("Witness")
            .field("key", &self.key)
            .field("logs", &logs)
            .finish_non_exhaustive()
    }
}

/// The logs by their origins, each with all its keys.
fn by_origin(logs: Vec<KnownLog>, key: &SignerKey) -> Result<BTreeMap<String, Log>, OpenError> {
    if logs.is_empty() {
        return Err(OpenError::NoLog);
    }
    let mut origins: BTreeMap<String, (Vec<VerifierKey>, Option<String>)> = BTreeMap::new();
    for KnownLog { key: log_key, url } in logs {
        let name = log_key.name().clone();
        if log_key.kind() != KeyKind::Ed25519 {
            return Err(OpenError::NotALog { name });
        }
        if log_key.public() == key.verifier().public() {
            return Err(OpenError::OwnKey { name });
        }
        let (keys, known_url) = origins.entry(name.as_str().to_owned()).or_default();
        keys.push(log_key);
        *known_url = known_url.take().or(url);
    }
    if origins.len() > LOGS_MAX {
        return Err(OpenError::TooManyLogs);
    }
    let log = |(origin, (keys, url)): (String, (Vec<VerifierKey>, Option<String>))| {
        let policy = Policy::new(&origin, keys.clone(), Vec::new(), 0).map_err(OpenError::Logs)?;
        let hash = digest(origin.as_bytes());
        Ok((origin, Log { keys, policy, url, hash, last: Mutex::default() }))
    };
    origins.into_iter().map(log).collect()
}

/// The checkpoint with the signatures of the log that were checked, each once, and the witness's own.
fn noted(
    signed: &SignedCheckpoint,
    keys: &[VerifierKey],
    own: &Signature,
) -> Result<SignedCheckpoint, SignedCheckpointError> {
    let signatures = signed.note().signatures();
    let of = |key: &VerifierKey| signatures.iter().find(|signature| signature.names(key)).cloned();
    let mut kept: Vec<Signature> = keys.iter().filter_map(of).collect();
    kept.push(own.clone());
    let note = format!("{}\n{}", signed.note().text(), print_cosignatures(&kept));
    SignedCheckpoint::parse(note.as_bytes())
}

fn tell_start(origin: &str, log: &Log, last: Option<&LastSigned>, folder: &Folder) {
    let url = log.url.as_deref();
    match last {
        Some(last) => tracing::info!(origin, url, size = last.head().size, "knows the log"),
        None => tracing::warn!(
            origin,
            url,
            "nothing of the log was signed from this folder yet: the first checkpoint that it sends is \
             believed. If this witness has signed for it before, stop, and find the folder"
        ),
    }
    match (Splits { folder, hash: &log.hash }).known() {
        Ok(files) => files.iter().for_each(|file| {
            tracing::error!(origin, file = %file.display(), "SPLIT VIEW: proven by the file");
        }),
        Err(error) => tracing::error!(%error, "the folder cannot be listed"),
    }
}

/// Why a witness cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The private key cannot be used.
    #[error("the key of the witness cannot be used")]
    Key(#[source] KeyError),
    /// There is nothing to sign.
    #[error("the witness knows no log")]
    NoLog,
    /// There are more than [`LOGS_MAX`].
    #[error("a witness knows at most {LOGS_MAX} logs")]
    TooManyLogs,
    /// The key is one for cosignatures.
    #[error("the key {name} is that of a witness, and not of a log")]
    NotALog {
        /// Name of the key.
        name: KeyName,
    },
    /// The log has the same key as the witness.
    #[error("the log {name} has the key of this witness; a witness needs one of its own")]
    OwnKey {
        /// Name of the log's key.
        name: KeyName,
    },
    /// The keys of a log make no sense.
    #[error("the keys of the logs cannot be used")]
    Logs(#[source] PolicyError),
    /// Another process has the folder.
    #[error("another process uses the folder {}", folder.display())]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {attempt} {}", path.display())]
    File {
        /// What was tried.
        attempt: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's words.
        source: io::Error,
    },
    /// The file of a log is not what was written. Without it nothing may be signed for that log.
    #[error(
        "cannot use {}, which says what was signed last; put the file back as it was, or give this \
         witness up and begin anew with another key and folder",
        path.display()
    )]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: StateError,
    },
}

/// Why a checkpoint is not signed.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The request cannot be read, or says that the tree has shrunk. Status 400.
    #[error("the request cannot be used")]
    Malformed(#[source] AddCheckpointError),
    /// The origin is that of no known log. Status 404.
    #[error("this witness does not know the log")]
    UnknownLog,
    /// No known key of the log signed, or a signature that names one is wrong. Status 403.
    #[error("the checkpoint is not signed by its log")]
    NotSigned(#[source] PolicyRefusal),
    /// The request goes on from another checkpoint than the last one that was signed. Status 409.
    #[error("the last checkpoint that this witness signed has {known_size} entries")]
    OtherSize {
        /// Entries of that checkpoint; 0 if there is none.
        known_size: u64,
    },
    /// It was not shown that the tree goes on from the last one. Status 422.
    #[error("the checkpoint does not go on from the last one that this witness signed")]
    Inconsistent(#[source] ConsistencyError),
    /// The clock is behind the last cosignature by more than [`CLOCK_BEHIND_S_MAX`]. Status 503.
    #[error("the clock of this witness is {behind_s} s behind its last cosignature")]
    ClockBehind {
        /// By how many seconds.
        behind_s: u64,
    },
    /// The time cannot stand in a cosignature. Status 503.
    #[error("this witness cannot sign now")]
    Sign(#[source] SignError),
    /// The new state could not be written. Status 503.
    #[error("this witness cannot write what it signs")]
    Unwritten(#[source] io::Error),
    /// The note is so long that one more signature does not fit. Status 400.
    #[error("the checkpoint with the cosignature cannot be kept")]
    Note(#[source] SignedCheckpointError),
}
