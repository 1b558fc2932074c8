//! Whom to believe about a log, and whether they signed (C2SP tlog-proof, "Verifying a tlog proof",
//! steps 2 and 3).

use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::key::{KeyKind, KeyName, VerifierKey};
use crate::note::{Signed, VerifyError};
use crate::tree::TreeHead;

/// One log, its keys, the witnesses that are known, and how many of them must have signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    origin: String,
    log_keys: Vec<VerifierKey>,
    witness_keys: Vec<VerifierKey>,
    witnesses_min: usize,
}

impl Policy {
    /// Believes a log by one of its keys, with or without witnesses: `witnesses_min` different ones of
    /// `witness_keys` must have signed, 0 for none.
    ///
    /// # Errors
    /// [`PolicyError`] for a policy that could never be met, or that would count one signer twice.
    pub fn new(
        origin: &str,
        log_keys: Vec<VerifierKey>,
        witness_keys: Vec<VerifierKey>,
        witnesses_min: usize,
    ) -> Result<Policy, PolicyError> {
        if log_keys.is_empty() {
            return Err(PolicyError::NoLogKey);
        }
        if let Some(key) = witness_keys.iter().find(|key| key.kind() != KeyKind::CosignatureV1) {
            return Err(PolicyError::NotAWitness { name: key.name().clone() });
        }
        let all: Vec<&VerifierKey> = log_keys.iter().chain(&witness_keys).collect();
        for (number, key) in all.iter().enumerate() {
            let is_same = |other: &&VerifierKey| {
                other.public() == key.public()
                    || (other.name(), other.id()) == (key.name(), key.id())
            };
            if all[..number].iter().any(is_same) {
                return Err(PolicyError::KeyTwice { name: key.name().clone() });
            }
        }
        if witnesses_min > witness_keys.len() {
            let known = witness_keys.len();
            return Err(PolicyError::TooFewWitnesses { known, needed: witnesses_min });
        }
        Ok(Policy { origin: origin.to_owned(), log_keys, witness_keys, witnesses_min })
    }

    /// The log that is believed.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Checks that a checkpoint is of this log, signed by it, and cosigned by enough witnesses. Signatures
    /// by other keys are ignored; one that names a known key and is not by it refuses the whole.
    pub fn verify<'a>(
        &'a self,
        signed: &'a SignedCheckpoint,
    ) -> Result<VerifiedCheckpoint<'a>, PolicyRefusal> {
        let checkpoint = signed.unverified();
        if checkpoint.origin() != self.origin {
            return Err(PolicyRefusal::WrongOrigin { found: checkpoint.origin().to_owned() });
        }
        // One look for all keys, so that no bad signature hides behind the good ones of another list.
        let signers = match signed.note().verify(self.log_keys.iter().chain(&self.witness_keys)) {
            Err(VerifyError::NoKnownSignature) => return Err(PolicyRefusal::NotSignedByLog),
            signers => signers?,
        };
        let (witnesses, log): (Vec<Signed<'a>>, Vec<Signed<'a>>) =
            signers.into_iter().partition(|one| self.witness_keys.contains(one.key));
        let Some(log) = log.first() else { return Err(PolicyRefusal::NotSignedByLog) };
        if witnesses.len() < self.witnesses_min {
            let (found, needed) = (witnesses.len(), self.witnesses_min);
            return Err(PolicyRefusal::TooFewWitnesses { found, needed });
        }
        Ok(VerifiedCheckpoint { checkpoint, log_key: log.key, witnesses })
    }
}

/// A checkpoint whose signatures a [`Policy`] has checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedCheckpoint<'a> {
    checkpoint: &'a Checkpoint,
    log_key: &'a VerifierKey,
    witnesses: Vec<Signed<'a>>,
}

impl<'a> VerifiedCheckpoint<'a> {
    /// What the log signed.
    #[must_use]
    pub fn checkpoint(&self) -> &'a Checkpoint {
        self.checkpoint
    }

    /// Size and root that it signed.
    #[must_use]
    pub fn head(&self) -> &'a TreeHead {
        self.checkpoint.head()
    }

    /// The key of the log that signed; the first, if several did.
    #[must_use]
    pub fn log_key(&self) -> &'a VerifierKey {
        self.log_key
    }

    /// The known witnesses that signed, each once, with their times.
    #[must_use]
    pub fn witnesses(&self) -> &[Signed<'a>] {
        &self.witnesses
    }
}

/// Why a policy makes no sense.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PolicyError {
    /// There is no key of the log, so that nothing could be believed.
    #[error("the policy has no key of the log")]
    NoLogKey,
    /// The key of a witness is not for cosignatures, so that what it signs says nothing of consistency.
    #[error("the key {name} of a witness is not for cosignatures")]
    NotAWitness {
        /// Name of the key.
        name: KeyName,
    },
    /// A key is named twice, or two keys have one public key or one name and id.
    #[error("the key {name} is in the policy twice")]
    KeyTwice {
        /// Name of the later one.
        name: KeyName,
    },
    /// More witnesses must have signed than are known.
    #[error("the policy needs {needed} witnesses and knows {known}")]
    TooFewWitnesses {
        /// Witnesses that are known.
        known: usize,
        /// Witnesses that must have signed.
        needed: usize,
    },
}

/// Why a checkpoint is not to be believed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PolicyRefusal {
    /// It is of another log.
    #[error("the checkpoint is of the log {found:.100}, which is not the one that is asked for")]
    WrongOrigin {
        /// Origin of the checkpoint.
        found: String,
    },
    /// No known key of the log signed it, whoever else did.
    #[error("no known key of the log signed the checkpoint")]
    NotSignedByLog,
    /// Not enough known witnesses signed it.
    #[error("{found} known witnesses signed the checkpoint, and {needed} are needed")]
    TooFewWitnesses {
        /// Known witnesses that signed.
        found: usize,
        /// Witnesses that must have signed.
        needed: usize,
    },
    /// A signature that names a known key is not by it.
    #[error("a signature of the checkpoint is bad")]
    Signature(#[from] VerifyError),
}
