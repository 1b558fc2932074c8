//! Sealing and opening a part. The crate's page draws the bytes.

use std::fmt;

use chacha20poly1305::{AeadInOut as _, KeyInit as _, XChaCha20Poly1305};
use event::LogId;

use crate::compress::{SPARE_BYTES, compress, decompress};
use crate::key::PartKey;
use crate::{RandomError, public_random};

/// Maximum size of a content in bytes, the same as of a part of an event.
pub const PART_BYTES_MAX: usize = 64 << 20;
/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 24;
/// Bytes of the tag that a sealed part ends with.
pub(crate) const TAG_BYTES: usize = 16;

/// The form of a part's bytes, as the frame of the event states it. 0 is plain, and not one of these.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Form {
    /// Sealed as it was.
    Sealed = 1,
    /// Compressed, then sealed.
    CompressedSealed = 2,
}

impl Form {
    /// The form with a stored number.
    pub fn from_code(code: u8) -> Option<Form> {
        match code {
            1 => Some(Form::Sealed),
            2 => Some(Form::CompressedSealed),
            _ => None,
        }
    }
}

/// 24 random bytes, new for each part that is sealed. They are stored, and are no secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Nonce(pub(crate) [u8; NONCE_BYTES]);

impl Nonce {
    /// A new one, of the operating system's random bytes.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn random() -> Result<Nonce, RandomError> {
        Ok(Nonce(public_random()?))
    }

    /// These bytes, which must be random and never have been used with the same key.
    pub fn new(bytes: [u8; NONCE_BYTES]) -> Nonce {
        Nonce(bytes)
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce(…)")
    }
}

/// What a part is bound to beside its owners.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SealContext {
    /// The log's id.
    pub log: LogId,
    /// The kind of part, as its stored number.
    pub kind: u8,
}

impl SealContext {
    fn associated_data(self, form: Form) -> [u8; 24] {
        let mut data = [0; 24];
        data[..14].copy_from_slice(b"provlog part 1");
        data[14..22].copy_from_slice(&self.log.get().to_be_bytes());
        data[22] = self.kind;
        data[23] = form as u8;
        data
    }
}

/// A sealed part: what stands in the event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sealed {
    /// The form byte.
    pub form: Form,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Seals a content, compressed where that makes it smaller. `nonce` must be new.
///
/// # Errors
/// When the content is larger than [`PART_BYTES_MAX`].
pub fn seal(
    key: &PartKey,
    context: SealContext,
    nonce: &Nonce,
    content: &[u8],
) -> Result<Sealed, SealError> {
    if content.len() > PART_BYTES_MAX {
        return Err(SealError::TooLarge { bytes: content.len() });
    }
    let (form, mut bytes) = match compress(content, NONCE_BYTES, TAG_BYTES) {
        Some(bytes) => (Form::CompressedSealed, bytes),
        None => {
            let mut bytes = Vec::with_capacity(NONCE_BYTES + content.len() + TAG_BYTES);
            bytes.extend_from_slice(&[0; NONCE_BYTES]);
            bytes.extend_from_slice(content);
            (Form::Sealed, bytes)
        }
    };
    let (front, sealed) = bytes.split_at_mut(NONCE_BYTES);
    front.copy_from_slice(&nonce.0);
    let tag = XChaCha20Poly1305::new((&*key.seal).into())
        .encrypt_inout_detached((&nonce.0).into(), &context.associated_data(form), sealed.into())
        // The cipher takes up to 256 GiB.
        .map_err(|_| SealError::TooLarge { bytes: content.len() })?;
    bytes.extend_from_slice(&tag);
    Ok(Sealed { form, bytes })
}

/// The nonce of a sealed part, of which its salts are made. It can be read without a key.
///
/// # Errors
/// When there are too few bytes for a sealed part.
pub fn nonce_of(sealed: &[u8]) -> Result<Nonce, OpenError> {
    let too_short = OpenError::TooShort { bytes: sealed.len() };
    if sealed.len() < NONCE_BYTES + TAG_BYTES {
        return Err(too_short);
    }
    sealed.first_chunk().map(|nonce| Nonce(*nonce)).ok_or(too_short)
}

/// The content of a sealed part; `form` is the form byte of the frame.
///
/// # Errors
/// Each way in which the bytes are no part that was sealed with this key in this context; see [`OpenError`].
pub fn open(
    key: &PartKey,
    context: SealContext,
    form: u8,
    sealed: &[u8],
) -> Result<Vec<u8>, OpenError> {
    let form = Form::from_code(form).ok_or(OpenError::Form { code: form })?;
    let nonce = nonce_of(sealed)?;
    let (ciphertext, tag) = sealed[NONCE_BYTES..].split_at(sealed.len() - NONCE_BYTES - TAG_BYTES);
    // What follows takes memory in proportion to the bytes; one more for the version of the dictionary.
    if ciphertext.len() > PART_BYTES_MAX + 1 {
        return Err(OpenError::TooLarge { bytes: ciphertext.len() as u64 });
    }
    let spare = if form == Form::CompressedSealed { SPARE_BYTES } else { 0 };
    let mut content = Vec::with_capacity(spare + ciphertext.len());
    content.resize(spare, 0);
    content.extend_from_slice(ciphertext);
    let tag = tag.first_chunk::<TAG_BYTES>().ok_or(OpenError::NotAuthentic)?;
    XChaCha20Poly1305::new((&*key.seal).into())
        .decrypt_inout_detached(
            (&nonce.0).into(),
            &context.associated_data(form),
            (&mut content[spare..]).into(),
            tag.into(),
        )
        .map_err(|_| OpenError::NotAuthentic)?;
    match form {
        Form::Sealed => Ok(content),
        Form::CompressedSealed => decompress(content),
    }
}

/// Why a content cannot be sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SealError {
    /// It is larger than 64 MiB.
    #[error("{bytes} bytes are too many for one part, which has at most {PART_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
}

/// Why a part does not open. What was sealed by [`seal`] and not altered has none of these.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpenError {
    /// The form byte is none of a sealed part.
    #[error("{code} is not the form of a sealed part")]
    Form {
        /// The form byte.
        code: u8,
    },
    /// There are fewer bytes than a nonce and a tag have.
    #[error("{bytes} bytes are too few for a sealed part")]
    TooShort {
        /// How many there are.
        bytes: usize,
    },
    /// The bytes were altered, or sealed with another key: for other owners, another log, as another kind of
    /// part, or in another form.
    #[error(
        "the part was altered, or sealed for other owners, another log or as another kind of part"
    )]
    NotAuthentic,
    /// A newer program compressed it with a dictionary that this one lacks.
    #[error("the part was compressed with dictionary {version}: use a newer release")]
    Dictionary {
        /// The dictionary's version.
        version: u8,
    },
    /// What was sealed is not one whole frame of zstd with its size.
    #[error("the part was sealed by a program that compresses in another way")]
    Frame,
    /// The content is larger than 64 MiB.
    #[error(
        "a content of {bytes} bytes is too large for a part, which has at most {PART_BYTES_MAX}"
    )]
    TooLarge {
        /// Its size in bytes.
        bytes: u64,
    },
}
