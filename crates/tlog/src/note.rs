//! Signed notes: a text and who signed it (C2SP signed-note).
//!
//! ```text
//! This is the text. It may have empty lines.
//!
//! — log.example/audit Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
//! — a-key-that-nobody-here-knows.example IgnoredBecauseItsKeyIsUnknown=
//! ```

use std::fmt;

use crate::cosignature;
use crate::key::{KeyId, KeyKind, KeyName, SignerKey, VerifierKey};
use crate::signature::{SignError, Signature, SignatureError};

/// Bytes of a note at most. 100 signatures of the largest kind, with post-quantum keys, fit.
pub const NOTE_BYTES_MAX: usize = 1_000_000;
/// Signature lines of a note at most. The specification demands that 16 are accepted.
pub const NOTE_SIGNATURES_MAX: usize = 100;

/// A text with signatures, of which none is checked before [`verify`](Self::verify). The text means
/// nothing until then.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    text: String,
    /// Not empty.
    signatures: Vec<Signature>,
}

impl Note {
    /// Signs a text, which ends in a line end and has no other control character.
    pub fn sign(text: &str, key: &SignerKey) -> Result<Note, NoteSignError> {
        check_text(text)?;
        let signatures = vec![Signature::of_text(text, key)?];
        let note = Note { text: text.to_owned(), signatures };
        note.check_length()?;
        Ok(note)
    }

    /// Reads a note.
    pub fn parse(bytes: &[u8]) -> Result<Note, NoteError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLong { bytes: bytes.len() });
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::NotUtf8)?;
        if note.bytes().any(is_forbidden) {
            return Err(NoteError::Control);
        }
        // The text may have empty lines; the last one ends it.
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::NoSignatures)?;
        let signatures = read_signatures(lines)?;
        Ok(Note { text: format!("{text}\n"), signatures })
    }

    /// The text with its last line end.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures in their order, also those of unknown keys.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Adds a signature, at the end or in the place of one by the same key.
    ///
    /// # Errors
    /// [`NoteError::TooManySignatures`] and [`NoteError::TooLong`].
    pub fn add(&mut self, signature: Signature) -> Result<(), NoteError> {
        let mut note = self.clone();
        let same =
            |old: &&mut Signature| old.id() == signature.id() && old.name() == signature.name();
        match note.signatures.iter_mut().find(same) {
            Some(old) => *old = signature,
            None => note.signatures.push(signature),
        }
        if note.signatures.len() > NOTE_SIGNATURES_MAX {
            return Err(NoteError::TooManySignatures);
        }
        note.check_length()?;
        *self = note;
        Ok(())
    }

    /// Checks every signature that names one of these keys; the others are ignored. Returns each key that
    /// signed, once, in the order of the note.
    ///
    /// # Errors
    /// [`VerifyError`] if a signature that names a known key is not by it, even beside good ones, or if no
    /// known key signed.
    pub fn verify<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k VerifierKey> + Clone,
    ) -> Result<Vec<Signed<'k>>, VerifyError> {
        let mut signed: Vec<Signed<'k>> = Vec::new();
        for signature in &self.signatures {
            let mut known = keys.clone().into_iter().filter(|key| signature.names(key));
            let Some(key) = known.next() else { continue };
            let (name, id) = (key.name().clone(), key.id());
            if known.any(|other| other != key) {
                return Err(VerifyError::AmbiguousKey { name, id });
            }
            let is_good = match key.kind() {
                KeyKind::Ed25519 => signature
                    .ed25519()
                    .is_some_and(|bytes| key.has_signed(self.text.as_bytes(), bytes)),
                KeyKind::CosignatureV1 => cosignature::is_by(key, &self.text, signature),
            };
            if !is_good {
                return Err(VerifyError::BadSignature { name, id });
            }
            if signed.iter().all(|one| one.key != key) {
                let time_s = match key.kind() {
                    KeyKind::Ed25519 => None,
                    KeyKind::CosignatureV1 => cosignature::read_time_s(signature),
                };
                signed.push(Signed { key, time_s });
            }
        }
        if signed.is_empty() { Err(VerifyError::NoKnownSignature) } else { Ok(signed) }
    }

    fn check_length(&self) -> Result<(), NoteError> {
        let bytes = self.to_string().len();
        if bytes > NOTE_BYTES_MAX { Err(NoteError::TooLong { bytes }) } else { Ok(()) }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        write_signatures(f, &self.signatures)
    }
}

/// A key whose signature of a note is good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signed<'k> {
    /// The key.
    pub key: &'k VerifierKey,
    /// When it signed, in seconds since 1970, if it is a witness's: the time of its first cosignature in
    /// the note.
    pub time_s: Option<u64>,
}

/// Reads signature lines, at least one, each with its line end.
pub(crate) fn read_signatures(lines: &str) -> Result<Vec<Signature>, NoteError> {
    let mut signatures = Vec::new();
    let mut rest = lines;
    while !rest.is_empty() {
        let number = signatures.len();
        if number == NOTE_SIGNATURES_MAX {
            return Err(NoteError::TooManySignatures);
        }
        let (line, after) = rest.split_once('\n').ok_or(NoteError::NoLineEnd)?;
        let signature = Signature::parse(line);
        signatures.push(signature.map_err(|source| NoteError::Signature { number, source })?);
        rest = after;
    }
    if signatures.is_empty() { Err(NoteError::NoSignatures) } else { Ok(signatures) }
}

/// Writes signature lines, each with its line end.
pub(crate) fn write_signatures(f: &mut impl fmt::Write, signatures: &[Signature]) -> fmt::Result {
    signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
}

/// Whether a byte is an ASCII control character other than a line end.
pub(crate) fn is_forbidden(byte: u8) -> bool {
    byte < b' ' && byte != b'\n'
}

fn check_text(text: &str) -> Result<(), NoteError> {
    if text.bytes().any(is_forbidden) {
        return Err(NoteError::Control);
    }
    if !text.ends_with('\n') {
        return Err(NoteError::NoLineEnd);
    }
    Ok(())
}

/// Why bytes are not a note, or a signature cannot be added to one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoteError {
    /// It is longer than [`NOTE_BYTES_MAX`].
    #[error("a note of {bytes} bytes is too long")]
    TooLong {
        /// Bytes of the note.
        bytes: usize,
    },
    /// It is not UTF-8.
    #[error("the note is not UTF-8")]
    NotUtf8,
    /// It has a control character other than a line end.
    #[error("the note has a control character")]
    Control,
    /// The text or the last signature does not end in a line end.
    #[error("the note does not end in a line end")]
    NoLineEnd,
    /// There is no empty line with signatures after it.
    #[error("the note has no signatures")]
    NoSignatures,
    /// There are more than [`NOTE_SIGNATURES_MAX`].
    #[error("the note has more than {NOTE_SIGNATURES_MAX} signatures")]
    TooManySignatures,
    /// A line after the text is not a signature.
    #[error("signature line {number} of the note cannot be read")]
    Signature {
        /// Which one, from 0.
        number: usize,
        /// What is wrong with it.
        source: SignatureError,
    },
}

/// Why a text cannot be signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoteSignError {
    /// The text cannot be that of a note.
    #[error("the text cannot be that of a note")]
    Text(#[from] NoteError),
    /// The key cannot sign it.
    #[error("the key cannot sign a note")]
    Key(#[from] SignError),
}

/// Why a note is not to be believed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum VerifyError {
    /// Two of the given keys have this name and id.
    #[error("two keys have the name {name} and the id {id}")]
    AmbiguousKey {
        /// Name of both.
        name: KeyName,
        /// Id of both.
        id: KeyId,
    },
    /// A signature says that it is by this key, and is not.
    #[error("a signature is not by the key {name} with the id {id} that it names")]
    BadSignature {
        /// Name of the key.
        name: KeyName,
        /// Id of the key.
        id: KeyId,
    },
    /// None of the given keys signed the note.
    #[error("no known key signed the note")]
    NoKnownSignature,
}
