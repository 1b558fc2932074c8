//! Signs the checkpoints of the log. What was signed once is never contradicted: a checkpoint covers
//! synced events only, stands in the kept file before anybody gets it, and a start checks the signature of
//! the last one and compares the tree with it.

use std::ops::ControlFlow;

use event::Seq;
use evidence::Entry;
use store::Store;
use tlog::{Checkpoint, KeyKind, SignedCheckpoint, SignerKey, TreeHead, VerifierKey};

use crate::error::ProjectorError;
use crate::tree;

/// A checkpoint has a signature of each key, and room for those of witnesses.
const KEYS_MAX: usize = 4;

/// The keys of a log. Each signs every checkpoint: so a key is replaced by signing with both for a while.
/// They have one name, which is the log's origin.
#[derive(Debug)]
pub struct Signer {
    keys: Vec<SignerKey>,
}

/// Why keys cannot sign for a log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignerError {
    /// There is none, or there are too many.
    #[error("a log has 1 to {KEYS_MAX} keys, and there are {found}")]
    Count {
        /// How many there are.
        found: usize,
    },
    /// They have several names.
    #[error("the keys have the names {first} and {other}, but all keys of a log have its one name")]
    Names {
        /// The name of the first key.
        first: String,
        /// Another one.
        other: String,
    },
    /// A key is a witness's.
    #[error("the key {id} makes cosignatures, and a log needs a key for signatures")]
    Kind {
        /// Its id.
        id: String,
    },
}

impl Signer {
    /// The keys of a log, the first of them in use the longest.
    ///
    /// # Errors
    /// See [`SignerError`].
    pub fn new(keys: Vec<SignerKey>) -> Result<Signer, SignerError> {
        let name = |key: &SignerKey| key.verifier().name().as_str().to_owned();
        let first = match keys.first() {
            Some(first) if keys.len() <= KEYS_MAX => name(first),
            _ => return Err(SignerError::Count { found: keys.len() }),
        };
        for key in &keys {
            if name(key) != first {
                return Err(SignerError::Names { first, other: name(key) });
            }
            if key.verifier().kind() != KeyKind::Ed25519 {
                return Err(SignerError::Kind { id: key.verifier().id().to_string() });
            }
        }
        Ok(Signer { keys })
    }

    /// The name of the log.
    pub fn origin(&self) -> &str {
        self.keys[0].verifier().name().as_str()
    }

    /// What others need to check the signatures.
    pub fn verifiers(&self) -> impl Iterator<Item = &VerifierKey> {
        self.keys.iter().map(SignerKey::verifier)
    }

    /// A checkpoint with the signatures of all keys.
    pub(crate) fn sign(&self, head: TreeHead) -> Result<SignedCheckpoint, ProjectorError> {
        let unsigned = |error: &dyn std::error::Error| ProjectorError::Sign(error.to_string());
        let checkpoint = Checkpoint::new(self.origin(), head).map_err(|error| unsigned(&error))?;
        let signed = |key| SignedCheckpoint::sign(checkpoint.clone(), key);
        let mut all = signed(&self.keys[0]).map_err(|error| unsigned(&error))?;
        for key in &self.keys[1..] {
            let further = signed(key).map_err(|error| unsigned(&error))?;
            for signature in further.note().signatures() {
                all.add(signature.clone()).map_err(|error| unsigned(&error))?;
            }
        }
        Ok(all)
    }
}

/// The checkpoint of the kept file, which one of `keys` has signed; `None` if the log is empty and was
/// never started with a key. Whether the log agrees with it is not looked at.
///
/// # Errors
/// When it is missing or cannot be read, or none of the keys has signed it.
pub fn kept_checkpoint(
    store: &Store,
    keys: &[VerifierKey],
) -> Result<Option<SignedCheckpoint>, ProjectorError> {
    let Some(signed) = unverified_checkpoint(store)? else {
        // The first start signs the tree without events, before there is one.
        return match store.log_size()? {
            0 => Ok(None),
            log => Err(ProjectorError::NoCheckpoint { log }),
        };
    };
    let origin = signed.unverified().origin();
    let is_of_log = |key: &&VerifierKey| key.name().as_str() == origin;
    if let Some(other) = keys.first()
        && !keys.iter().any(|key| is_of_log(&key))
    {
        let (was, is) = (origin.to_owned(), other.name().as_str().to_owned());
        return Err(ProjectorError::OtherOrigin { was, is });
    }
    let of_log = keys.iter().filter(|key| key.kind() == KeyKind::Ed25519).filter(is_of_log);
    signed.note().verify(of_log).map_err(ProjectorError::NotSigned)?;
    Ok(Some(signed))
}

/// The checkpoint of the kept file as it stands there, by whomever.
///
/// # Errors
/// When it cannot be read.
pub fn unverified_checkpoint(store: &Store) -> Result<Option<SignedCheckpoint>, ProjectorError> {
    let Some(text) = store.kept_checkpoint() else { return Ok(None) };
    let signed = SignedCheckpoint::parse(text.as_bytes());
    signed.map(Some).map_err(|error| ProjectorError::Sign(store::with_causes(&error)))
}

/// The checkpoint that was signed last, which the rows' tree does not contradict; `None` if there is none.
/// Without a signer nothing is signed, so its signature is not checked either.
///
/// # Errors
/// As [`kept_checkpoint`]; when the log has another tree; and when the rows have other hashes of the events
/// behind the checkpoint than these.
pub(crate) fn last_checkpoint(
    store: &Store,
    size: Seq,
    signer: Option<&Signer>,
) -> Result<Option<SignedCheckpoint>, ProjectorError> {
    let kept = match signer {
        Some(signer) => kept_checkpoint(store, &signer.verifiers().cloned().collect::<Vec<_>>())?,
        None => unverified_checkpoint(store)?,
    };
    let Some(signed) = kept else { return Ok(None) };
    let head = *signed.unverified().head();
    if head.size > size {
        return Err(ProjectorError::BelowCheckpoint { signed: head.size, log: size });
    }
    let snapshot = store.snapshot();
    let mut tree = tree::frontier(&snapshot, head.size)?;
    if tree.root() != head.root {
        return Err(ProjectorError::Contradicted { signed: head.size });
    }
    // What comes behind it is going to be signed next: hash the events, and do not believe the rows.
    store.scan_log(head.size, |seq, stored| -> Result<_, ProjectorError> {
        let entry = Entry::of_stored(store.log_id(), seq, stored)
            .map_err(|source| ProjectorError::Event { seq, source })?;
        tree.append(entry.leaf());
        Ok(ControlFlow::Continue(()))
    })?;
    if tree.head() != tree::frontier(&snapshot, size)?.head() {
        return Err(ProjectorError::Differs { signed: head.size, log: size });
    }
    Ok(Some(signed))
}

#[cfg(test)]
mod tests {
    use tlog::{KeyName, Policy};

    use super::*;

    fn key(name: &str, kind: KeyKind, seed: u8) -> SignerKey {
        SignerKey::from_seed(KeyName::parse(name).unwrap(), kind, [seed; 32]).unwrap()
    }

    #[test]
    fn every_key_signs() {
        let keys = [1, 2, 3].map(|seed| key("log.example/a", KeyKind::Ed25519, seed));
        let signer = Signer::new(keys.into()).unwrap();
        let signed = signer.sign(TreeHead::EMPTY).unwrap();
        for verifier in signer.verifiers() {
            let policy = Policy::new("log.example/a", vec![verifier.clone()], vec![], 0).unwrap();
            assert_eq!(policy.verify(&signed).unwrap().log_key(), verifier);
        }
        assert_eq!(signed.note().signatures().len(), 3);
    }

    #[test]
    fn keys_that_are_not_of_one_log_are_refused() {
        let own = || key("log.example/a", KeyKind::Ed25519, 1);
        let other = key("log.example/b", KeyKind::Ed25519, 2);
        let witness = key("log.example/a", KeyKind::CosignatureV1, 2);
        let error = |keys: Vec<SignerKey>| Signer::new(keys).unwrap_err();
        assert_eq!(error(vec![]), SignerError::Count { found: 0 });
        assert_eq!(error((0..5).map(|_| own()).collect()), SignerError::Count { found: 5 });
        assert!(matches!(error(vec![own(), other]), SignerError::Names { .. }));
        assert!(matches!(error(vec![own(), witness]), SignerError::Kind { .. }));
    }
}
