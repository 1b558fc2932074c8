//! Asks witnesses to sign the log's checkpoints, on a thread of its own, and keeps what they signed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use event::Timestamp;
use projector::{Committer, ProjectorError, TileRows};
use query::witnessed::{WitnessState, Witnessed, WitnessedState};
use store::{Store, with_causes};
use tlog::{
    KeyKind, NOTE_BYTES_MAX, ProveError, SignedCheckpoint, VerifierKey, prove_consistency,
    read_frontier,
};
use witness::{ANSWER_MAX, Answer, Peer, PeersError, Witnesses, agent};

use crate::verify::bounded;

/// The last checkpoint with cosignatures, in the data folder.
const NAME: &str = "cosigned";
/// While nothing was signed yet.
const FIRST_AFTER: Duration = Duration::from_secs(1);

/// A witness to ask.
#[derive(Clone, Debug)]
pub struct WitnessAt {
    /// Its verifier key.
    pub key: VerifierKey,
    /// Its address.
    pub url: String,
}

/// Parses `VKEY=URL`. The key may have equals signs of its own.
pub(crate) fn witness_at(text: &str) -> Result<WitnessAt, String> {
    let starts = ["=http://", "=https://"];
    let place = starts.iter().filter_map(|start| text.find(start)).min();
    let at = place.ok_or("it must look like NAME+ID+BASE64=https://witness.example")?;
    let key = VerifierKey::parse(&text[..at]).map_err(|error| with_causes(&error))?;
    if key.kind() != KeyKind::CosignatureV1 {
        return Err(format!("the key {} is a log's, and not that of a witness", key.name()));
    }
    Ok(WitnessAt { key, url: text[at + 1..].to_owned() })
}

/// The thread, which ends when this is dropped: at once, or when the witnesses that are being asked have
/// answered or their time is over. A stop does not wait for them.
pub(crate) struct Asking {
    _stop: Sender<()>,
}

/// The witnesses of a log, to be asked.
pub(crate) struct Prepared {
    kept: Kept,
    witnesses: Witnesses,
    state: WitnessedState,
}

/// Reads what the witnesses have signed before. Rows must have caught up with the log.
///
/// # Errors
/// When they cannot be asked.
pub(crate) fn prepare(
    all: &[WitnessAt],
    data: &Path,
    store: &Store,
) -> Result<Prepared, PeersError> {
    let kept = Kept { path: data.join(NAME) };
    let checkpoint = kept.read(store);
    let states: Vec<WitnessState> = all.iter().map(|one| state(one, checkpoint.as_ref())).collect();
    let peers = all.iter().zip(&states).map(|(one, state)| Peer {
        url: one.url.clone(),
        key: one.key.clone(),
        known_size: state.size.unwrap_or(0),
    });
    let witnesses = Witnesses::new(agent(ANSWER_MAX, None), peers.collect())?;
    let state = WitnessedState { checkpoint: checkpoint.map(Arc::new), witnesses: states };
    Ok(Prepared { kept, witnesses, state })
}

impl Asking {
    /// Starts the thread; `None` without witnesses.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn start(
        committer: Committer,
        witnessed: Arc<Witnessed>,
        prepared: Prepared,
        every: Duration,
    ) -> std::io::Result<Option<Asking>> {
        let Prepared { kept, witnesses, state } = prepared;
        if state.witnesses.is_empty() {
            return Ok(None);
        }
        witnessed.tell(state.clone());
        let (stop, stopped) = channel();
        let mut work = Work { committer, witnessed, kept, witnesses, state, every };
        let work = move || work.run(&stopped);
        std::thread::Builder::new().name("witnesses".into()).spawn(work)?;
        Ok(Some(Asking { _stop: stop }))
    }
}

/// What was known of a witness at the last stop.
fn state(one: &WitnessAt, kept: Option<&SignedCheckpoint>) -> WitnessState {
    let signed = kept.and_then(|kept| {
        let signed = kept.note().verify([&one.key]).ok()?;
        Some((kept.unverified().head().size, signed.first()?.time_s?))
    });
    WitnessState {
        name: one.key.name().to_string(),
        size: signed.map(|(size, _)| size),
        at: signed.map(|(_, time_s)| instant(time_s)),
        trouble: None,
    }
}

fn instant(time_s: u64) -> Timestamp {
    Timestamp(i64::try_from(time_s).unwrap_or(i64::MAX).saturating_mul(1_000_000))
}

/// The file of the last checkpoint with cosignatures.
struct Kept {
    path: PathBuf,
}

impl Kept {
    /// The checkpoint, if there is one that the log's tree does not contradict.
    fn read(&self, store: &Store) -> Option<SignedCheckpoint> {
        let bytes = bounded(&self.path, NOTE_BYTES_MAX).ok()?;
        let signed = SignedCheckpoint::parse(&bytes).ok()?;
        let ours = projector::unverified_checkpoint(store).ok()??;
        if signed.unverified().origin() != ours.unverified().origin() {
            tracing::warn!(file = %self.path.display(), "what witnesses signed is of another log");
            return None;
        }
        let head = signed.unverified().head();
        let snapshot = store.snapshot();
        let is_ours = store.log_size().is_ok_and(|size| head.size <= size)
            && read_frontier(&TileRows(&snapshot), head.size)
                .is_ok_and(|tree| tree.root() == head.root);
        if !is_ours {
            tracing::warn!(
                size = head.size,
                "witnesses have signed another tree than the log's: compare checkpoints, \
                 see docs/proofs.md"
            );
        }
        is_ours.then_some(signed)
    }

    fn write(&self, signed: &SignedCheckpoint) {
        if let Err(error) = store::replace_file(&self.path, signed.to_string().as_bytes()) {
            let error = with_causes(&error);
            tracing::warn!(error, "what the witnesses signed could not be kept");
        }
    }
}

/// The thread's work.
struct Work {
    committer: Committer,
    witnessed: Arc<Witnessed>,
    kept: Kept,
    witnesses: Witnesses,
    state: WitnessedState,
    every: Duration,
}

impl Work {
    fn run(&mut self, stopped: &Receiver<()>) {
        loop {
            let after = match self.state.checkpoint {
                None => self.every.min(FIRST_AFTER),
                Some(_) => self.every,
            };
            match stopped.recv_timeout(after) {
                Err(RecvTimeoutError::Timeout) => self.round(),
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Has the last checkpoint signed by all witnesses that are due.
    fn round(&mut self) {
        let Some(newest) = self.committer.checkpoint() else { return };
        let size = newest.unverified().head().size;
        // The tree without events is signed for the log alone.
        if size == 0 || self.state.witnesses.iter().all(|one| one.size == Some(size)) {
            return;
        }
        let store = Arc::clone(self.committer.store());
        let prove = |old, new| -> Result<_, ProveError<ProjectorError>> {
            let snapshot = store.snapshot();
            prove_consistency(&TileRows(&snapshot), old, new)
        };
        let now_s = u64::try_from(self.committer.now().0 / 1_000_000).unwrap_or_default();
        let answers = self.witnesses.ask(&newest, now_s, prove);
        // What others have signed of the same checkpoint stays with it.
        let known = self.state.checkpoint.as_deref();
        let same = known.filter(|known| known.note().text() == newest.note().text());
        let mut signed = same.unwrap_or(&newest).clone();
        let mut gained = false;
        for answer in answers {
            gained |= self.take(answer, size, &mut signed);
        }
        if gained {
            self.kept.write(&signed);
            self.state.checkpoint = Some(Arc::new(signed));
        }
        self.witnessed.tell(self.state.clone());
    }

    /// Notes what one witness answered. True if it signed.
    fn take(&mut self, answer: Answer, size: u64, signed: &mut SignedCheckpoint) -> bool {
        let Some(state) = self.state.witnesses.get_mut(answer.place) else { return false };
        let name = state.name.clone();
        if let Some(known) = answer.forgot_size {
            tracing::warn!(witness = name, known, "a witness has lost what it signed");
        }
        match answer.outcome {
            Ok(cosigned) => {
                if let Err(error) = signed.add(cosigned.signature) {
                    state.trouble = Some(with_causes(&error));
                    return false;
                }
                tracing::debug!(witness = name, size, "a witness has signed");
                metrics::counter!("provlog_cosignatures_total").increment(1);
                state.trouble = None;
                (state.size, state.at) = (Some(size), Some(instant(cosigned.time_s)));
                true
            }
            Err(error) => {
                let error = with_causes(&error);
                tracing::warn!(witness = name, error, "a witness did not sign");
                metrics::counter!("provlog_cosignature_failures_total").increment(1);
                state.trouble = Some(error);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_witness_is_its_key_and_its_address() {
        let log = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
        let log = VerifierKey::parse(log).unwrap();
        let key = VerifierKey::new(log.name().clone(), KeyKind::CosignatureV1, *log.public());
        let key = key.unwrap().to_string();
        let key = key.as_str();
        let of_log = format!("{log}=https://w.example");
        let one = witness_at(&format!("{key}=https://w.example/a=b")).unwrap();
        assert_eq!(
            (one.key.to_string(), one.url.as_str()),
            (key.to_owned(), "https://w.example/a=b")
        );
        for wrong in ["", &of_log, key, "=https://w.example", "x=https://w.example"] {
            assert!(witness_at(wrong).is_err(), "{wrong}");
        }
    }
}
