//! What a witness signed last of one log, as a file.

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use tlog::{NOTE_BYTES_MAX, SignedCheckpoint, SignedCheckpointError, TIME_S_MAX, TreeHead};

/// The first line in every version, up to the version.
const FIRST_WORDS: &str = "provlog witness state ";
/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;
/// Bytes of the file at most: a note, and less than 200 bytes around it.
pub(crate) const STATE_BYTES_MAX: usize = NOTE_BYTES_MAX + 200;

/// The last checkpoint of a log that a witness signed, and when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LastSigned {
    /// The time in the cosignature, in seconds since 1970.
    pub(crate) time_s: u64,
    /// With the signatures of the log that were checked, and the witness's own.
    pub(crate) note: SignedCheckpoint,
}

impl LastSigned {
    /// Size and root of the tree.
    pub(crate) fn head(&self) -> TreeHead {
        *self.note.unverified().head()
    }

    /// The text of the file; the head of the crate shows it.
    pub(crate) fn to_text(&self) -> String {
        let text = format!("{FIRST_WORDS}{VERSION}\ntime {}\n{}", self.time_s, self.note);
        format!("{text}sha256 {}\n", digest(text.as_bytes()))
    }

    /// Reads the file of the log with this origin.
    pub(crate) fn parse(bytes: &[u8], origin: &str) -> Result<LastSigned, StateError> {
        let text = std::str::from_utf8(bytes).map_err(|_| StateError::Damaged)?;
        let (first, rest) = text.split_once('\n').ok_or(StateError::Damaged)?;
        let version = first.strip_prefix(FIRST_WORDS).ok_or(StateError::Damaged)?;
        if version != VERSION.to_string() {
            return Err(match version.parse() {
                Ok(found) => StateError::Version { found, known: VERSION },
                Err(_) => StateError::Damaged,
            });
        }
        let (covered, last) = match text.strip_suffix('\n').and_then(|text| text.rfind('\n')) {
            Some(end) => text.split_at(end + 1),
            None => return Err(StateError::Damaged),
        };
        if last != format!("sha256 {}\n", digest(covered.as_bytes())) {
            return Err(StateError::Damaged);
        }
        // From here on the bytes are those that were written.
        let rest = rest.strip_suffix(last).ok_or(StateError::Damaged)?;
        let (time, note) = rest.split_once('\n').ok_or(StateError::Damaged)?;
        let time_s = time.strip_prefix("time ").and_then(|time| time.parse().ok());
        let time_s = time_s.filter(|time_s| *time_s <= TIME_S_MAX).ok_or(StateError::Damaged)?;
        let note = SignedCheckpoint::parse(note.as_bytes()).map_err(StateError::Checkpoint)?;
        let found = note.unverified().origin();
        if found != origin {
            return Err(StateError::OtherLog { found: found.to_owned() });
        }
        Ok(LastSigned { time_s, note })
    }
}

/// A SHA-256 digest in hexadecimal digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// Why a file is not the state of a log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StateError {
    /// It is of another version of provlog.
    #[error("it has the form {found}, and this version of provlog reads form {known}")]
    Version {
        /// The version in the file.
        found: u32,
        /// The one that is read.
        known: u32,
    },
    /// It is not what was written.
    #[error("it is damaged: its checksum or its form is wrong")]
    Damaged,
    /// Its checksum is right, and there is no checkpoint in it.
    #[error("there is no checkpoint in it")]
    Checkpoint(#[source] SignedCheckpointError),
    /// It is about another log.
    #[error("it is about the log {found:.100}")]
    OtherLog {
        /// That log's origin.
        found: String,
    },
}
