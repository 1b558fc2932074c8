//! Asking all witnesses of a log, each from the checkpoint that it signed last.

use std::error::Error;
use std::thread;

use tlog::{
    AddCheckpoint, AddCheckpointError, ConsistencyProof, KeyKind, KeyName, NoteError, Signature,
    SignedCheckpoint, VerifierKey, VerifyError,
};
use ureq::Agent;

use crate::client::{AskError, ask};

/// Witnesses of one log at most.
pub const PEERS_MAX: usize = 32;
/// A witness that failed is left alone for so long, and twice as long each further time.
pub const BACK_OFF_S_MIN: u64 = 15;
/// It is asked again after so long at the latest.
pub const BACK_OFF_S_MAX: u64 = 3_600;
/// A cosignature whose time differs more than this from the log's clock is not taken: it would say
/// something wrong about when the checkpoint was seen.
pub const TIME_DIFFERENCE_S_MAX: u64 = 300;
/// How often one round goes on from a size that the witness states: once because the log did not know it,
/// and once because another request came between.
const OTHER_SIZES_MAX: usize = 2;

/// A witness, as the log has it configured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peer {
    /// Its address without `/add-checkpoint`: `http://` or `https://`, host, and a path if it has one.
    pub url: String,
    /// Its key, one for cosignatures.
    pub key: VerifierKey,
    /// Entries of the checkpoint that it signed last, as [`Answer::known_size`] was. 0 if that is unknown:
    /// then the witness states it, at the cost of one more request.
    pub known_size: u64,
}

/// The witnesses of a log, and how each of them fared.
#[derive(Debug)]
pub struct Witnesses {
    agent: Agent,
    states: Vec<PeerState>,
}

#[derive(Debug)]
struct PeerState {
    peer: Peer,
    /// In a row.
    failures: u32,
    failed_at_s: u64,
}

impl PeerState {
    fn back_off_s(&self) -> u64 {
        match self.failures {
            0 => 0,
            failures => {
                let doubled = BACK_OFF_S_MIN.saturating_mul(1 << (failures - 1).min(16));
                doubled.min(BACK_OFF_S_MAX)
            }
        }
    }

    /// A clock that was set back delays nobody.
    fn is_due(&self, now_s: u64) -> bool {
        now_s < self.failed_at_s || now_s - self.failed_at_s >= self.back_off_s()
    }
}

/// What became of one witness in one round.
#[derive(Debug)]
pub struct Answer {
    /// Its place in the list that [`Witnesses::new`] got.
    pub place: usize,
    /// Its cosignature of the checkpoint, or why there is none.
    pub outcome: Result<Cosigned, AskFailure>,
    /// Entries of the last checkpoint of which the log has seen its cosignature. Keep it over restarts.
    pub known_size: u64,
    /// The witness states a smaller size than one that it has signed, which is this: it has lost its
    /// state, or an older one was restored. What it signed since may contradict what it signed before, so a
    /// person should know.
    pub forgot_size: Option<u64>,
    /// After how many seconds it is asked again; 0 if the next round asks it.
    pub back_off_s: u64,
}

/// A cosignature that was checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cosigned {
    /// The signature, to be added to the checkpoint.
    pub signature: Signature,
    /// The time that it states, in seconds since 1970.
    pub time_s: u64,
}

impl Witnesses {
    /// # Errors
    /// [`PeersError`] for witnesses that cannot be asked, or that would be counted twice.
    pub fn new(agent: Agent, peers: Vec<Peer>) -> Result<Witnesses, PeersError> {
        if peers.len() > PEERS_MAX {
            return Err(PeersError::TooMany);
        }
        for (number, peer) in peers.iter().enumerate() {
            let name = || peer.key.name().clone();
            if peer.key.kind() != KeyKind::CosignatureV1 {
                return Err(PeersError::NotAWitness { name: name() });
            }
            if !peer.url.starts_with("http://") && !peer.url.starts_with("https://") {
                return Err(PeersError::Address { name: name() });
            }
            if peers[..number].iter().any(|other| other.key.public() == peer.key.public()) {
                return Err(PeersError::Twice { name: name() });
            }
        }
        let state = |peer| PeerState { peer, failures: 0, failed_at_s: 0 };
        Ok(Witnesses { agent, states: peers.into_iter().map(state).collect() })
    }

    /// Asks each witness that is due to sign a checkpoint, all at once on threads of their own, and waits
    /// for all of them. Those that failed lately are left out.
    ///
    /// `now_s` is the clock, in seconds since 1970. `prove(old, new)` makes the proof between two sizes;
    /// old is any size up to that of the checkpoint, for a witness can state what it likes.
    ///
    /// Blocks, at most three times as long as the agent allows for one request.
    pub fn ask<E: Into<Box<dyn Error + Send + Sync>>>(
        &mut self,
        checkpoint: &SignedCheckpoint,
        now_s: u64,
        prove: impl Fn(u64, u64) -> Result<ConsistencyProof, E> + Sync,
    ) -> Vec<Answer> {
        let (agent, prove) = (&self.agent, &prove);
        let due = self.states.iter_mut().enumerate().filter(|(_, state)| state.is_due(now_s));
        thread::scope(|scope| {
            let asked: Vec<_> = due
                .map(|(place, state)| {
                    let round = Round { agent, checkpoint, now_s, prove };
                    let asks = thread::Builder::new().name("witness".to_owned());
                    asks.spawn_scoped(scope, move || round.ask(place, state))
                })
                .collect();
            // A witness without a thread is due again in the next round.
            let asked = asked.into_iter().filter_map(Result::ok);
            asked.filter_map(|asked| asked.join().ok()).collect()
        })
    }
}

/// One round with one witness.
struct Round<'a, P> {
    agent: &'a Agent,
    checkpoint: &'a SignedCheckpoint,
    now_s: u64,
    prove: &'a P,
}

impl<P, E> Round<'_, P>
where
    P: Fn(u64, u64) -> Result<ConsistencyProof, E>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    fn ask(&self, place: usize, state: &mut PeerState) -> Answer {
        let mut forgot_size = None;
        let outcome = self.cosigned(&state.peer, &mut forgot_size);
        match &outcome {
            Ok(_) => {
                state.failures = 0;
                state.peer.known_size = self.checkpoint.unverified().head().size;
            }
            Err(_) => {
                state.failures = state.failures.saturating_add(1);
                state.failed_at_s = self.now_s;
            }
        }
        let (known_size, back_off_s) = (state.peer.known_size, state.back_off_s());
        Answer { place, outcome, known_size, forgot_size, back_off_s }
    }

    fn cosigned(&self, peer: &Peer, forgot: &mut Option<u64>) -> Result<Cosigned, AskFailure> {
        let size = self.checkpoint.unverified().head().size;
        // The log may stand below what the witness signed for it. Then the witness says so.
        let mut old = if peer.known_size <= size { peer.known_size } else { 0 };
        let mut turns = 0;
        loop {
            let proof = (self.prove)(old, size).map_err(|error| AskFailure::Proof(error.into()))?;
            let request = AddCheckpoint::new(old, proof, self.checkpoint.clone());
            let request = request.map_err(AskFailure::Request)?;
            let stated = match ask(self.agent, &peer.url, &request) {
                Ok(signatures) => return self.checked(peer, signatures),
                Err(AskError::OtherSize { size }) => size,
                Err(error) => return Err(AskFailure::Asked(error)),
            };
            if stated < peer.known_size {
                *forgot = Some(peer.known_size);
            }
            if stated > size {
                return Err(AskFailure::Ahead { size, stated });
            }
            if stated == old || turns == OTHER_SIZES_MAX {
                return Err(AskFailure::Unsteady { asked: old, stated });
            }
            (old, turns) = (stated, turns + 1);
        }
    }

    /// The cosignature among the signatures of an answer. Those of other keys are ignored.
    fn checked(&self, peer: &Peer, signatures: Vec<Signature>) -> Result<Cosigned, AskFailure> {
        let mut found = None;
        for signature in signatures.into_iter().filter(|one| one.names(&peer.key)) {
            let mut note = self.checkpoint.note().clone();
            note.add(signature.clone()).map_err(AskFailure::Full)?;
            let signed = note.verify([&peer.key]).map_err(AskFailure::BadSignature)?;
            let time_s = signed.first().and_then(|signed| signed.time_s).unwrap_or_default();
            if time_s.abs_diff(self.now_s) > TIME_DIFFERENCE_S_MAX {
                return Err(AskFailure::Time { time_s, now_s: self.now_s });
            }
            found = found.or(Some(Cosigned { signature, time_s }));
        }
        found.ok_or(AskFailure::NotSigned)
    }
}

/// Why there is no cosignature of a witness.
#[derive(Debug, thiserror::Error)]
pub enum AskFailure {
    /// The proof could not be made.
    #[error("the proof for the witness cannot be made")]
    Proof(#[source] Box<dyn Error + Send + Sync>),
    /// The request cannot be made from the checkpoint and the proof.
    #[error("the request for the witness cannot be made")]
    Request(#[source] AddCheckpointError),
    /// It could not be asked, or it refused.
    #[error("no cosignature")]
    Asked(#[source] AskError),
    /// It has signed a larger tree for this log. Either the checkpoint is not the newest, or the log has
    /// lost what it signed, or somebody else signs with its key.
    #[error("the witness has signed {stated} entries, and the checkpoint has {size}")]
    Ahead {
        /// Entries of the checkpoint.
        size: u64,
        /// Entries of what it signed, as it states.
        stated: u64,
    },
    /// It goes on stating other sizes than those that it was asked from, or one that it was just asked
    /// from. It may have signed another tree of that size.
    #[error("the witness was asked from {asked} entries, and states {stated}")]
    Unsteady {
        /// The size in the last request.
        asked: u64,
        /// The size that it answered.
        stated: u64,
    },
    /// It answered, and none of the signatures is by its key.
    #[error("no signature in the answer is by the key of the witness")]
    NotSigned,
    /// A signature that names its key is wrong.
    #[error("the cosignature is wrong")]
    BadSignature(#[source] VerifyError),
    /// The time of the cosignature is not that of the log's clock.
    #[error("the cosignature states the time {time_s}, and the clock of the log shows {now_s}")]
    Time {
        /// Seconds since 1970 in the cosignature.
        time_s: u64,
        /// Seconds since 1970 on the clock.
        now_s: u64,
    },
    /// The checkpoint has no room for one more signature.
    #[error("the cosignature does not fit into the checkpoint")]
    Full(#[source] NoteError),
}

/// Why witnesses cannot be asked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PeersError {
    /// There are more than [`PEERS_MAX`].
    #[error("a log asks at most {PEERS_MAX} witnesses")]
    TooMany,
    /// The key is not for cosignatures.
    #[error("the key {name} is not that of a witness")]
    NotAWitness {
        /// Name of the key.
        name: KeyName,
    },
    /// The address is none.
    #[error("the address of the witness {name} does not begin with http:// or https://")]
    Address {
        /// Name of its key.
        name: KeyName,
    },
    /// Two witnesses have the same public key.
    #[error("the key of the witness {name} is there twice")]
    Twice {
        /// Name of the later one.
        name: KeyName,
    },
}
