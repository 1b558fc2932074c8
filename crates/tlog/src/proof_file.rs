//! Proof files: all that shows, offline, that an entry is in a log (C2SP tlog-proof, `.tlog-proof`).
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra aW52b2ljZSAxNw==                              may be missing; signed by nobody
//! index 73894
//! gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=        proof of inclusion, the entry's neighbour first
//! B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
//!
//! log.example/audit                                   the signed checkpoint to its end
//! ...
//! ```

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::checkpoint::{SignedCheckpoint, SignedCheckpointError, line};
use crate::decimal::{self, DecimalError};
use crate::hash::{Hash, HashTextError};
use crate::note::NOTE_BYTES_MAX;
use crate::policy::{Policy, PolicyRefusal, VerifiedCheckpoint};
use crate::proof::{INCLUSION_HASHES_MAX, InclusionError, InclusionProof};

/// Bytes of extra data in a proof file at most.
pub const EXTRA_BYTES_MAX: usize = 65_536;
/// Bytes of a proof file at most: the largest note, extra data, proof, and some for the lines between.
pub const PROOF_FILE_BYTES_MAX: usize =
    NOTE_BYTES_MAX + EXTRA_BYTES_MAX * 4 / 3 + INCLUSION_HASHES_MAX * 45 + 100;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// Where an entry stands in a log, its proof, and the checkpoint up to which the proof leads. Nothing of it
/// is checked before [`verify`](Self::verify).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProofFile {
    index: u64,
    proof: InclusionProof,
    checkpoint: SignedCheckpoint,
    /// Not empty.
    extra: Option<Vec<u8>>,
}

impl ProofFile {
    /// The proof of the entry at `index` in the tree of the checkpoint.
    #[must_use]
    pub fn new(index: u64, proof: InclusionProof, checkpoint: SignedCheckpoint) -> ProofFile {
        ProofFile { index, proof, checkpoint, extra: None }
    }

    /// With data for the application beside it, which nobody signs. None is the same as no bytes of it.
    ///
    /// # Errors
    /// [`ProofFileError::ExtraTooLong`] above [`EXTRA_BYTES_MAX`].
    pub fn with_extra(self, extra: Vec<u8>) -> Result<ProofFile, ProofFileError> {
        if extra.len() > EXTRA_BYTES_MAX {
            return Err(ProofFileError::ExtraTooLong);
        }
        Ok(ProofFile { extra: (!extra.is_empty()).then_some(extra), ..self })
    }

    /// Reads a proof file. Printing it gives the same bytes back.
    pub fn parse(bytes: &[u8]) -> Result<ProofFile, ProofFileError> {
        if bytes.len() > PROOF_FILE_BYTES_MAX {
            return Err(ProofFileError::TooLong { bytes: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ProofFileError::NotUtf8)?;
        let (first, rest) = line(text).ok_or(ProofFileError::FirstLine)?;
        if first != FIRST_LINE {
            return Err(ProofFileError::FirstLine);
        }
        let (mut second, mut rest) = line(rest).ok_or(ProofFileError::NoIndex)?;
        let mut extra = None;
        if let Some(data) = second.strip_prefix("extra ") {
            extra = Some(read_extra(data)?);
            (second, rest) = line(rest).ok_or(ProofFileError::NoIndex)?;
        }
        let index = second.strip_prefix("index ").ok_or(ProofFileError::NoIndex)?;
        let index = decimal::parse(index).map_err(ProofFileError::Index)?;
        let (hashes, checkpoint) = read_hashes(rest, INCLUSION_HASHES_MAX)?;
        let checkpoint = SignedCheckpoint::parse(checkpoint.as_bytes())?;
        Ok(ProofFile { index, proof: InclusionProof::new(hashes), checkpoint, extra })
    }

    /// Index of the entry in the log, from 0.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The proof of inclusion.
    #[must_use]
    pub fn proof(&self) -> &InclusionProof {
        &self.proof
    }

    /// The checkpoint with its signatures.
    #[must_use]
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// Data for the application. Nobody signs it: believe nothing that it says.
    #[must_use]
    pub fn extra(&self) -> Option<&[u8]> {
        self.extra.as_deref()
    }

    /// Checks that the checkpoint is to be believed and that the entry with this leaf hash is in its tree,
    /// at the index that the file states.
    pub fn verify<'a>(
        &'a self,
        leaf: Hash,
        policy: &'a Policy,
    ) -> Result<VerifiedCheckpoint<'a>, ProofFileRefusal> {
        let verified = policy.verify(&self.checkpoint)?;
        self.proof.verify(leaf, self.index, verified.head())?;
        Ok(verified)
    }
}

impl fmt::Display for ProofFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in self.proof.hashes() {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

fn read_extra(text: &str) -> Result<Vec<u8>, ProofFileError> {
    if text.is_empty() {
        return Err(ProofFileError::ExtraEmpty);
    }
    // Before anything is decoded: 4 characters are 3 bytes.
    if text.len() > EXTRA_BYTES_MAX.div_ceil(3) * 4 {
        return Err(ProofFileError::ExtraTooLong);
    }
    let extra = STANDARD.decode(text).map_err(|_| ProofFileError::ExtraNotBase64)?;
    if extra.len() > EXTRA_BYTES_MAX { Err(ProofFileError::ExtraTooLong) } else { Ok(extra) }
}

/// Reads lines with hashes up to an empty line, and gives what follows it.
pub(crate) fn read_hashes(text: &str, max: usize) -> Result<(Vec<Hash>, &str), HashLinesError> {
    let mut hashes = Vec::new();
    let mut rest = text;
    loop {
        let (hash, after) = line(rest).ok_or(HashLinesError::NoEmptyLine)?;
        if hash.is_empty() {
            return Ok((hashes, after));
        }
        let number = hashes.len();
        if number == max {
            return Err(HashLinesError::TooMany { max });
        }
        let hash = Hash::parse(hash);
        hashes.push(hash.map_err(|source| HashLinesError::Hash { number, source })?);
        rest = after;
    }
}

/// Why lines are not the hashes of a proof.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HashLinesError {
    /// There is no empty line after them.
    #[error("there is no empty line after the hashes of the proof")]
    NoEmptyLine,
    /// There are more than any proof has.
    #[error("a proof has at most {max} hashes")]
    TooMany {
        /// How many there can be.
        max: usize,
    },
    /// A line is not a hash.
    #[error("hash {number} of the proof cannot be read")]
    Hash {
        /// Which one, from 0.
        number: usize,
        /// What is wrong with it.
        source: HashTextError,
    },
}

/// Why bytes are not a proof file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProofFileError {
    /// It is longer than [`PROOF_FILE_BYTES_MAX`].
    #[error("a proof file of {bytes} bytes is too long")]
    TooLong {
        /// Bytes of the file.
        bytes: usize,
    },
    /// It is not UTF-8.
    #[error("the proof file is not UTF-8")]
    NotUtf8,
    /// The first line does not name the format and its version.
    #[error("a proof file begins with the line {FIRST_LINE}")]
    FirstLine,
    /// The line of extra data has none.
    #[error("the extra data is missing")]
    ExtraEmpty,
    /// The extra data is not canonical base64.
    #[error("the extra data is not canonical base64")]
    ExtraNotBase64,
    /// The extra data has more than [`EXTRA_BYTES_MAX`] bytes.
    #[error("the extra data is too long")]
    ExtraTooLong,
    /// The line with the index is missing.
    #[error("the proof file has no index")]
    NoIndex,
    /// The index is not a number.
    #[error("the index cannot be read")]
    Index(#[source] DecimalError),
    /// The lines after it are not hashes up to an empty line.
    #[error("the proof cannot be read")]
    Hashes(#[from] HashLinesError),
    /// What follows is not a signed checkpoint.
    #[error("the checkpoint cannot be read")]
    Checkpoint(#[from] SignedCheckpointError),
}

/// Why a proof file does not show that an entry is in the log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProofFileRefusal {
    /// The checkpoint is not to be believed.
    #[error("the checkpoint of the proof is not to be believed")]
    Checkpoint(#[from] PolicyRefusal),
    /// The entry is not shown to be in the checkpoint's tree.
    #[error("the proof does not show that the entry is in the tree of the checkpoint")]
    Inclusion(#[from] InclusionError),
}
