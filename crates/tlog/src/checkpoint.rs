//! Checkpoints: the head of a log's tree as the text of a signed note (C2SP tlog-checkpoint).
//!
//! ```text
//! log.example/audit                                   origin: which log
//! 20852163                                            size
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=        root
//!
//! — log.example/audit Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
//! ```

use std::fmt;

use crate::decimal::{self, DecimalError};
use crate::hash::{Hash, HashTextError};
use crate::key::SignerKey;
use crate::note::{NOTE_BYTES_MAX, Note, NoteError, NoteSignError, is_forbidden};
use crate::signature::Signature;
use crate::tree::{SIZE_MAX, TreeHead};

/// What a log says of itself: which log it is, how many entries it has, and the root of their tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    origin: String,
    head: TreeHead,
    /// Each with its line end.
    extension: String,
}

impl Checkpoint {
    /// The checkpoint of a log. The origin is one line, by custom the log's address without its scheme.
    pub fn new(origin: &str, head: TreeHead) -> Result<Checkpoint, CheckpointError> {
        if origin.is_empty() {
            return Err(CheckpointError::NoOrigin);
        }
        if origin.bytes().any(|byte| byte == b'\n' || is_forbidden(byte)) {
            return Err(CheckpointError::Control);
        }
        if head.size > SIZE_MAX {
            return Err(CheckpointError::Size(DecimalError::TooLarge));
        }
        Ok(Checkpoint { origin: origin.to_owned(), head, extension: String::new() })
    }

    /// Reads the text of a note. Printing the checkpoint gives the same text back.
    pub fn parse(text: &str) -> Result<Checkpoint, CheckpointError> {
        if text.len() > NOTE_BYTES_MAX {
            return Err(CheckpointError::TooLong { bytes: text.len() });
        }
        if text.bytes().any(is_forbidden) {
            return Err(CheckpointError::Control);
        }
        if !text.ends_with('\n') {
            return Err(CheckpointError::NoLineEnd);
        }
        let (origin, rest) = line(text).ok_or(CheckpointError::NoOrigin)?;
        if origin.is_empty() {
            return Err(CheckpointError::NoOrigin);
        }
        let (size, rest) = line(rest).ok_or(CheckpointError::NoSize)?;
        let size = decimal::parse(size).map_err(CheckpointError::Size)?;
        let (root, extension) = line(rest).ok_or(CheckpointError::NoRoot)?;
        let root = Hash::parse(root).map_err(CheckpointError::Root)?;
        if extension.starts_with('\n') || extension.contains("\n\n") {
            return Err(CheckpointError::EmptyExtension);
        }
        let head = TreeHead { size, root };
        Ok(Checkpoint { origin: origin.to_owned(), head, extension: extension.to_owned() })
    }

    /// Which log it is of.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Size and root of its tree.
    #[must_use]
    pub fn head(&self) -> &TreeHead {
        &self.head
    }

    /// The lines after the root, if any, without their line ends. Nobody but the log stands for them.
    pub fn extension_lines(&self) -> impl Iterator<Item = &str> {
        self.extension.lines()
    }
}

impl fmt::Display for Checkpoint {
    /// The text of the note: each line with its line end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TreeHead { size, root } = self.head;
        write!(f, "{}\n{size}\n{root}\n{}", self.origin, self.extension)
    }
}

/// The first line of a text without its line end, and what follows it.
pub(crate) fn line(text: &str) -> Option<(&str, &str)> {
    text.split_once('\n')
}

/// Why a text is not a checkpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CheckpointError {
    /// It is longer than a note can be.
    #[error("a checkpoint of {bytes} bytes is too long")]
    TooLong {
        /// Bytes of the text.
        bytes: usize,
    },
    /// It has a control character other than a line end.
    #[error("the checkpoint has a control character")]
    Control,
    /// The last line does not end.
    #[error("the checkpoint does not end in a line end")]
    NoLineEnd,
    /// The first line is missing or empty.
    #[error("the checkpoint has no origin")]
    NoOrigin,
    /// There is no second line.
    #[error("the checkpoint has no size")]
    NoSize,
    /// The second line is not a number.
    #[error("the size of the checkpoint cannot be read")]
    Size(#[source] DecimalError),
    /// There is no third line.
    #[error("the checkpoint has no root")]
    NoRoot,
    /// The third line is not a hash.
    #[error("the root of the checkpoint cannot be read")]
    Root(#[source] HashTextError),
    /// A line after the root is empty.
    #[error("the checkpoint has an empty line")]
    EmptyExtension,
}

/// A checkpoint in a signed note. None of its signatures is checked before
/// [`Policy::verify`](crate::Policy::verify).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedCheckpoint {
    note: Note,
    /// What the note's text says.
    checkpoint: Checkpoint,
}

impl SignedCheckpoint {
    /// Signs a checkpoint as its log.
    ///
    /// A log that signs two checkpoints of which neither begins with the other has forked, and every
    /// holder of both can show it. That the tree of this one begins with the tree of the one signed before
    /// is the caller's to make sure, also across restarts and restored backups.
    pub fn sign(
        checkpoint: Checkpoint,
        key: &SignerKey,
    ) -> Result<SignedCheckpoint, NoteSignError> {
        Ok(SignedCheckpoint { note: Note::sign(&checkpoint.to_string(), key)?, checkpoint })
    }

    /// Reads a signed note whose text is a checkpoint. Printing it gives the same bytes back.
    pub fn parse(bytes: &[u8]) -> Result<SignedCheckpoint, SignedCheckpointError> {
        let note = Note::parse(bytes)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        Ok(SignedCheckpoint { note, checkpoint })
    }

    /// What the note's text says. It means nothing before the signatures are checked.
    #[must_use]
    pub fn unverified(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note.
    #[must_use]
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// Adds a signature, such as a witness's, at the end or in the place of one by the same key.
    ///
    /// # Errors
    /// [`NoteError::TooManySignatures`] and [`NoteError::TooLong`].
    pub fn add(&mut self, signature: Signature) -> Result<(), NoteError> {
        self.note.add(signature)
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.note, f)
    }
}

/// Why bytes are not a signed checkpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignedCheckpointError {
    /// It is not a signed note.
    #[error("the checkpoint is not a signed note")]
    Note(#[from] NoteError),
    /// The note's text is not a checkpoint.
    #[error("the text of the note is not a checkpoint")]
    Text(#[from] CheckpointError),
}
