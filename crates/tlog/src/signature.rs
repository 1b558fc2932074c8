//! One signature line of a note (C2SP signed-note, "Format"):
//! `— <name> <base64(key id || signature)>`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::key::{ED25519_BYTES, KeyId, KeyKind, KeyName, KeyNameError, SignerKey, VerifierKey};

/// What a signature line begins with: an em dash and a space.
const DASH: &str = "— ";
/// Bytes of the key id before the signature.
const ID_BYTES: usize = 4;

/// A signature as it stands in a note: whose it says it is, and its bytes. Nothing of it is checked until
/// the note is verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signature {
    name: KeyName,
    id: KeyId,
    bytes: Vec<u8>,
}

impl Signature {
    /// Signs a text with a plain key.
    ///
    /// # Errors
    /// [`SignError::Kind`] for the key of a witness, which signs with [`crate::cosign`].
    pub(crate) fn of_text(text: &str, key: &SignerKey) -> Result<Signature, SignError> {
        match key.verifier().kind() {
            KeyKind::Ed25519 => Ok(Signature::by(key, key.sign_bytes(text.as_bytes()))),
            KeyKind::CosignatureV1 => Err(SignError::Kind),
        }
    }

    /// A signature with these bytes by a key.
    pub(crate) fn by(key: &SignerKey, bytes: Vec<u8>) -> Signature {
        let key = key.verifier();
        Signature { name: key.name().clone(), id: key.id(), bytes }
    }

    /// Reads a line without its line end. The length of the line is bounded by what it stands in.
    pub fn parse(line: &str) -> Result<Signature, SignatureError> {
        let line = line.strip_prefix(DASH).ok_or(SignatureError::Dash)?;
        let (name, data) = line.split_once(' ').ok_or(SignatureError::Parts)?;
        let name = KeyName::parse(name).map_err(SignatureError::Name)?;
        let data = STANDARD.decode(data).map_err(|_| SignatureError::Base64)?;
        match data.split_first_chunk::<ID_BYTES>() {
            Some((id, bytes)) if !bytes.is_empty() => {
                let id = KeyId::new(u32::from_be_bytes(*id));
                Ok(Signature { name, id, bytes: bytes.to_vec() })
            }
            _ => Err(SignatureError::TooShort { bytes: data.len() }),
        }
    }

    /// Name of the key that it says it is by.
    #[must_use]
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// Id of the key that it says it is by.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The bytes after the key id. What they are is a matter of the key's kind.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether it says that it is by this key.
    #[must_use]
    pub fn names(&self, key: &VerifierKey) -> bool {
        self.id == key.id() && self.name == *key.name()
    }

    /// The signature, if it has the length of an Ed25519 one.
    pub(crate) fn ed25519(&self) -> Option<&[u8; ED25519_BYTES]> {
        self.bytes.as_slice().try_into().ok()
    }
}

impl fmt::Display for Signature {
    /// The line without its line end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut data = Vec::with_capacity(ID_BYTES + self.bytes.len());
        data.extend_from_slice(&self.id.get().to_be_bytes());
        data.extend_from_slice(&self.bytes);
        write!(f, "{DASH}{} {}", self.name, STANDARD.encode(data))
    }
}

/// Why a line is not a signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignatureError {
    /// It does not begin with an em dash and a space.
    #[error("a signature line begins with an em dash and a space")]
    Dash,
    /// There is no space after the name.
    #[error("a signature line has a name, a space and base64")]
    Parts,
    /// The name breaks the rules of names.
    #[error("the name in the signature line is not allowed")]
    Name(#[source] KeyNameError),
    /// The rest is not canonical base64.
    #[error("the signature is not canonical base64")]
    Base64,
    /// There is no key id, or no signature after it.
    #[error("a signature of {bytes} bytes has no key id with a signature after it")]
    TooShort {
        /// Bytes that there are.
        bytes: usize,
    },
}

/// Why something cannot be signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignError {
    /// The key is for the other kind of signature.
    #[error("the key is not for this kind of signature")]
    Kind,
    /// The time is above 2^63 - 1 s, or 0, which would say that there is none.
    #[error("a cosignature cannot have the time {time_s}")]
    Time {
        /// Seconds since 1970.
        time_s: u64,
    },
}
