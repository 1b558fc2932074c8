//! What a log and a witness send each other (C2SP tlog-witness, `add-checkpoint`): the texts alone.
//! Whether to sign is decided by whoever keeps what was signed before.
//!
//! ```text
//! request                                               answer
//!   old 20852014                                          200: signature lines of the witness
//!   PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=          409: the size that it signed last, and a
//!   ...                                                        line end (text/x.tlog.size)
//!
//!   log.example/audit
//!   20852163
//!   ...
//! ```

use std::fmt;

use crate::checkpoint::{SignedCheckpoint, SignedCheckpointError, line};
use crate::decimal::{self, DecimalError};
use crate::note::{NOTE_BYTES_MAX, NoteError, is_forbidden, read_signatures, write_signatures};
use crate::proof::{CONSISTENCY_HASHES_MAX, ConsistencyProof};
use crate::proof_file::{HashLinesError, read_hashes};
use crate::signature::Signature;

/// Bytes of a request at most: the largest note, the proof and the first line.
pub const ADD_CHECKPOINT_BYTES_MAX: usize = NOTE_BYTES_MAX + CONSISTENCY_HASHES_MAX * 45 + 100;
/// Media type of the answer 409.
pub const SIZE_MEDIA_TYPE: &str = "text/x.tlog.size";

/// Asks a witness to sign a checkpoint, and shows that it goes on from what the witness signed last.
/// Nothing of it is checked but its form and that the sizes do not fall.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddCheckpoint {
    old_size: u64,
    proof: ConsistencyProof,
    checkpoint: SignedCheckpoint,
}

impl AddCheckpoint {
    /// The request of a log whose checkpoint of `old_size` entries the witness signed last; 0 for none.
    ///
    /// # Errors
    /// [`AddCheckpointError::OldIsLarger`], and [`HashLinesError::TooMany`] for a proof that a client must
    /// not send.
    pub fn new(
        old_size: u64,
        proof: ConsistencyProof,
        checkpoint: SignedCheckpoint,
    ) -> Result<AddCheckpoint, AddCheckpointError> {
        if proof.hashes().len() > CONSISTENCY_HASHES_MAX {
            return Err(HashLinesError::TooMany { max: CONSISTENCY_HASHES_MAX }.into());
        }
        let new = checkpoint.unverified().head().size;
        if old_size > new {
            return Err(AddCheckpointError::OldIsLarger { old: old_size, new });
        }
        Ok(AddCheckpoint { old_size, proof, checkpoint })
    }

    /// Reads the body of a request. Printing it gives the same bytes back.
    pub fn parse(bytes: &[u8]) -> Result<AddCheckpoint, AddCheckpointError> {
        if bytes.len() > ADD_CHECKPOINT_BYTES_MAX {
            return Err(AddCheckpointError::TooLong { bytes: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| AddCheckpointError::NotUtf8)?;
        let (old, rest) = line(text).ok_or(AddCheckpointError::NoOldSize)?;
        let old = old.strip_prefix("old ").ok_or(AddCheckpointError::NoOldSize)?;
        let old_size = decimal::parse(old).map_err(AddCheckpointError::OldSize)?;
        let (hashes, checkpoint) = read_hashes(rest, CONSISTENCY_HASHES_MAX)?;
        let checkpoint = SignedCheckpoint::parse(checkpoint.as_bytes())?;
        AddCheckpoint::new(old_size, ConsistencyProof::new(hashes), checkpoint)
    }

    /// Entries of the checkpoint that the witness signed last, as the log knows it. A witness answers 409
    /// with [`print_size`] if it is another, also if its own is larger than the new checkpoint.
    #[must_use]
    pub fn old_size(&self) -> u64 {
        self.old_size
    }

    /// The proof from the old size to the checkpoint. A witness answers 422 if it does not
    /// [verify](ConsistencyProof::verify).
    #[must_use]
    pub fn proof(&self) -> &ConsistencyProof {
        &self.proof
    }

    /// The checkpoint to sign. A witness answers 404 if it does not know its origin, and 403 if no known
    /// key of the log signed it.
    #[must_use]
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        for hash in self.proof.hashes() {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

/// The body of the answer 200.
#[must_use]
pub fn print_cosignatures(signatures: &[Signature]) -> String {
    let mut body = String::new();
    // Writing to a string cannot fail.
    let _ = write_signatures(&mut body, signatures);
    body
}

/// Reads the body of the answer 200: at least one signature. Added to the checkpoint, they are checked
/// like all others; those of unknown keys are ignored then.
pub fn parse_cosignatures(bytes: &[u8]) -> Result<Vec<Signature>, NoteError> {
    if bytes.len() > NOTE_BYTES_MAX {
        return Err(NoteError::TooLong { bytes: bytes.len() });
    }
    let lines = std::str::from_utf8(bytes).map_err(|_| NoteError::NotUtf8)?;
    if lines.bytes().any(is_forbidden) {
        return Err(NoteError::Control);
    }
    read_signatures(lines)
}

/// The body of the answer 409: the size of the checkpoint that the witness signed last.
#[must_use]
pub fn print_size(size: u64) -> String {
    format!("{size}\n")
}

/// Reads the body of the answer 409.
pub fn parse_size(bytes: &[u8]) -> Result<u64, SizeError> {
    // No more than the largest number and its line end is looked at.
    let text = std::str::from_utf8(bytes.get(..21).unwrap_or(bytes));
    let text = text.map_err(|_| SizeError::Number(DecimalError::NotDigits))?;
    let size = text.strip_suffix('\n').ok_or(SizeError::NoLineEnd)?;
    decimal::parse(size).map_err(SizeError::Number)
}

/// Why bytes are not the request of a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddCheckpointError {
    /// It is longer than [`ADD_CHECKPOINT_BYTES_MAX`].
    #[error("a request of {bytes} bytes is too long")]
    TooLong {
        /// Bytes of the body.
        bytes: usize,
    },
    /// It is not UTF-8.
    #[error("the request is not UTF-8")]
    NotUtf8,
    /// The first line is not `old` and a number.
    #[error("the request does not begin with the old size")]
    NoOldSize,
    /// The old size is not a number.
    #[error("the old size cannot be read")]
    OldSize(#[source] DecimalError),
    /// The lines after it are not hashes up to an empty line.
    #[error("the proof cannot be read")]
    Hashes(#[from] HashLinesError),
    /// What follows is not a signed checkpoint.
    #[error("the checkpoint cannot be read")]
    Checkpoint(#[from] SignedCheckpointError),
    /// The old size is above the checkpoint's. A witness answers 400.
    #[error("a tree of {new} entries cannot go on from one of {old}")]
    OldIsLarger {
        /// The old size.
        old: u64,
        /// Entries of the checkpoint.
        new: u64,
    },
}

/// Why bytes are not the size in a witness's answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SizeError {
    /// There is no line end at the end, or too much before it.
    #[error("the size does not end in a line end")]
    NoLineEnd,
    /// It is not a number.
    #[error("the size cannot be read")]
    Number(#[source] DecimalError),
}
