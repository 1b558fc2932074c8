//! How the bytes of parts are sealed and opened.
//!
//! The codec knows that each part has a form. What the forms are, and which keys they need, is known to
//! whoever implements [`Parts`]. [`Plain`] is the form without any key.

use std::borrow::Cow;
use std::error::Error;

use crate::clock::Timestamp;
use crate::codec::{COMMITMENT_BYTES, FramedPart};
use crate::id::{Application, Seq};

/// The form of a part that stands there as it is.
pub const FORM_PLAIN: u8 = 0;

/// Where a part stands. Its owners follow from this and from its subjects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartPlace {
    /// The event.
    pub seq: Seq,
    /// The application that the event's subjects belong to.
    pub application: Application,
    /// When the event was recorded.
    pub recorded_at: Timestamp,
    /// Which of the event's parts, from 0 in their stored order.
    pub index: u32,
}

/// What is stored of a part.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredPart {
    /// How its bytes are to be read.
    pub form: u8,
    /// What the part is committed to, whatever becomes of its bytes.
    pub commitment: Option<[u8; COMMITMENT_BYTES]>,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// What can be read of a part.
#[derive(Clone, PartialEq, Eq)]
pub enum OpenedPart<'a> {
    /// Its content.
    Content(Cow<'a, [u8]>),
    /// Nothing: somebody it belongs to was erased, or its retention is over.
    Erased,
}

/// A content, or one value of it, and what shows to somebody without keys that the event committed to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Disclosure {
    /// The salt of the commitment.
    pub salt: [u8; 32],
    /// The content, or the value.
    pub content: Vec<u8>,
    /// Which of several values it is; `None` for a content as a whole.
    pub value: Option<DisclosedValue>,
}

/// Where a value stands among those of its part.
#[derive(Clone, PartialEq, Eq)]
pub struct DisclosedValue {
    /// What it is called.
    pub name: Vec<u8>,
    /// Its place, from 0.
    pub place: u32,
    /// How many values the part has.
    pub values: u32,
    /// The hashes beside its way to the commitment.
    pub proof: Vec<[u8; 32]>,
}

/// Why a part cannot be sealed or opened.
pub type PartError = Box<dyn Error + Send + Sync>;

/// Seals and opens parts.
pub trait Parts: Send + Sync {
    /// What is stored of a part with this content; `part` has the form [`FORM_PLAIN`].
    ///
    /// # Errors
    /// When a key cannot be made or read.
    fn seal(&self, place: PartPlace, part: &FramedPart<'_>) -> Result<StoredPart, PartError>;

    /// The content of a stored part.
    ///
    /// # Errors
    /// When the part was altered, is of a newer form, or its key is missing without an erasure.
    fn open<'a>(
        &self,
        place: PartPlace,
        part: &FramedPart<'a>,
    ) -> Result<OpenedPart<'a>, PartError>;

    /// What a stored part holds, each value for itself where its commitment allows that. None for a part that
    /// was erased, and for one without a commitment, whose bytes are the content.
    ///
    /// # Errors
    /// As [`Parts::open`].
    fn disclose(
        &self,
        place: PartPlace,
        part: &FramedPart<'_>,
    ) -> Result<Vec<Disclosure>, PartError> {
        let _ = (place, part);
        Ok(vec![])
    }
}

/// Stores parts as they are. No person can be erased from such a log: it is for tests and tools.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

/// A part is sealed, and there are no keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the part has form {0}, which cannot be read without keys")]
pub struct NotPlain(pub u8);

impl Parts for Plain {
    fn seal(&self, _: PartPlace, part: &FramedPart<'_>) -> Result<StoredPart, PartError> {
        Ok(StoredPart { form: FORM_PLAIN, commitment: None, bytes: part.bytes.to_vec() })
    }

    fn open<'a>(&self, _: PartPlace, part: &FramedPart<'a>) -> Result<OpenedPart<'a>, PartError> {
        match part.form {
            FORM_PLAIN => Ok(OpenedPart::Content(Cow::Borrowed(part.bytes))),
            form => Err(Box::new(NotPlain(form))),
        }
    }
}
