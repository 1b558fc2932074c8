//! Names and keys of those who sign notes (C2SP signed-note, "Signatures" and "Verifier keys").
//!
//! ```text
//! verifier key   log.example/audit+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k
//! signer key     PRIVATE+KEY+log.example/audit+530d903a+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz
//!                            name              key id   base64 of the kind and 32 bytes
//! ```
//!
//! The form of signer keys is that of Go's `golang.org/x/mod/sumdb/note`; no specification has it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

/// Bytes that the text of a key has at most. Larger kinds fit, so they are refused as what they are.
pub const KEY_TEXT_BYTES_MAX: usize = 4096;
/// Bytes that the name of a key of ours or of a trusted one has at most. C2SP tlog-cosignature sets this
/// limit for its newer kind, so such a name can be kept when the kind changes.
pub const KEY_NAME_BYTES_MAX: usize = 255;
/// Bytes of an Ed25519 public key, and of the seed of a private one (RFC 8032).
pub const KEY_BYTES: usize = 32;
/// Bytes of an Ed25519 signature.
pub(crate) const ED25519_BYTES: usize = 64;

const PRIVATE: &str = "PRIVATE+KEY+";

/// Name of a key: not empty, without Unicode spaces, control characters and `+`. By custom a URL without
/// its scheme, and for a log its origin.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct KeyName(String);

impl KeyName {
    /// The name as it stands in keys and signature lines.
    pub fn parse(text: &str) -> Result<KeyName, KeyNameError> {
        if text.is_empty() {
            return Err(KeyNameError::Empty);
        }
        for character in text.chars() {
            if character == '+' {
                return Err(KeyNameError::Plus);
            }
            if character.is_whitespace() {
                return Err(KeyNameError::Space);
            }
            if character < ' ' {
                return Err(KeyNameError::Control);
            }
        }
        Ok(KeyName(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not the name of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyNameError {
    /// There is nothing.
    #[error("the name of a key is missing")]
    Empty,
    /// It has a space of any kind that Unicode knows, or a line end.
    #[error("the name of a key has a space")]
    Space,
    /// It has a plus sign.
    #[error("the name of a key has a plus sign")]
    Plus,
    /// It has a control character.
    #[error("the name of a key has a control character")]
    Control,
}

/// Short number of a key. With the name it says which key made a signature, and proves nothing: other keys
/// with the same one can be found at will. As text eight lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct KeyId(u32);

impl KeyId {
    /// The id with this number.
    #[must_use]
    pub const fn new(id: u32) -> KeyId {
        KeyId(id)
    }

    /// The number. Signatures have it as four bytes, big-endian.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The first four bytes of `SHA-256(name || 0x0A || kind || public key)`.
    fn of(name: &KeyName, kind: KeyKind, public: &[u8; KEY_BYTES]) -> KeyId {
        let hash = Sha256::new()
            .chain_update(name.as_str())
            .chain_update(b"\n")
            .chain_update([kind.byte()])
            .chain_update(public)
            .finalize();
        KeyId(u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// What a key signs, and how. Signatures of other kinds are those of unknown keys.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum KeyKind {
    /// Ed25519 over the text of a note: a log's own signature (type 0x01).
    Ed25519,
    /// Ed25519 over a time and the text of a checkpoint: a witness's (type 0x04, C2SP tlog-cosignature).
    CosignatureV1,
}

impl KeyKind {
    /// The byte by which keys and key ids tell the kind.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            KeyKind::Ed25519 => 0x01,
            KeyKind::CosignatureV1 => 0x04,
        }
    }

    fn of_byte(byte: u8) -> Option<KeyKind> {
        [KeyKind::Ed25519, KeyKind::CosignatureV1].into_iter().find(|kind| kind.byte() == byte)
    }
}

/// What is needed to check the signatures of one key. Its text is a *vkey*.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct VerifierKey {
    name: KeyName,
    id: KeyId,
    kind: KeyKind,
    public: [u8; KEY_BYTES],
}

impl VerifierKey {
    /// The key with this name and public key. The name has at most [`KEY_NAME_BYTES_MAX`] bytes. Whether
    /// the bytes are a point of the curve shows when a signature is checked: with others none is valid.
    pub fn new(
        name: KeyName,
        kind: KeyKind,
        public: [u8; KEY_BYTES],
    ) -> Result<VerifierKey, KeyError> {
        if name.as_str().len() > KEY_NAME_BYTES_MAX {
            return Err(KeyError::NameTooLong { bytes: name.as_str().len() });
        }
        Ok(VerifierKey { id: KeyId::of(&name, kind, &public), name, kind, public })
    }

    /// Reads `name+id+base64(kind || public key)`.
    pub fn parse(text: &str) -> Result<VerifierKey, KeyError> {
        let (name, id, kind, public) = read(text)?;
        let key = VerifierKey::new(name, kind, public)?;
        key.has_id(id)?;
        Ok(key)
    }

    /// Name.
    #[must_use]
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// Id, which follows from name, kind and public key.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// What the key signs.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The Ed25519 public key (RFC 8032).
    #[must_use]
    pub fn public(&self) -> &[u8; KEY_BYTES] {
        &self.public
    }

    /// Whether the bytes are this key's Ed25519 signature of the message.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public).verify(message, signature).is_ok()
    }

    fn has_id(&self, stated: KeyId) -> Result<(), KeyError> {
        if stated == self.id {
            return Ok(());
        }
        Err(KeyError::WrongId { stated, computed: self.id })
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, &self.name, self.id, self.kind, &self.public)
    }
}

/// A private key. It is neither printed by `Debug` nor wiped from memory when it is dropped.
pub struct SignerKey {
    verifier: VerifierKey,
    seed: [u8; KEY_BYTES],
    pair: Ed25519KeyPair,
}

impl SignerKey {
    /// The key that 32 random bytes make (RFC 8032 §5.1.5). The name has at most [`KEY_NAME_BYTES_MAX`]
    /// bytes. A witness has a seed of its own for each name, since its signatures do not cover the name.
    pub fn from_seed(
        name: KeyName,
        kind: KeyKind,
        seed: [u8; KEY_BYTES],
    ) -> Result<SignerKey, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| KeyError::Seed)?;
        let mut public = [0; KEY_BYTES];
        public.copy_from_slice(pair.public_key().as_ref());
        Ok(SignerKey { verifier: VerifierKey::new(name, kind, public)?, seed, pair })
    }

    /// Reads `PRIVATE+KEY+name+id+base64(kind || seed)`.
    pub fn parse(text: &str) -> Result<SignerKey, KeyError> {
        let key = text.strip_prefix(PRIVATE).ok_or(KeyError::NotPrivate)?;
        let (name, id, kind, seed) = read(key)?;
        let key = SignerKey::from_seed(name, kind, seed)?;
        key.verifier.has_id(id)?;
        Ok(key)
    }

    /// The same key for another kind of signature, with the id of that kind. Public tools write the keys of
    /// witnesses with the kind of plain signatures.
    pub fn with_kind(&self, kind: KeyKind) -> Result<SignerKey, KeyError> {
        SignerKey::from_seed(self.verifier.name.clone(), kind, self.seed)
    }

    /// What others need to check the signatures.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The text that [`parse`](Self::parse) reads. It is the secret itself.
    #[must_use]
    pub fn secret_text(&self) -> String {
        struct Secret<'a>(&'a SignerKey);
        impl fmt::Display for Secret<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let VerifierKey { name, id, kind, .. } = &self.0.verifier;
                f.write_str(PRIVATE)?;
                write(f, name, *id, *kind, &self.0.seed)
            }
        }
        Secret(self).to_string()
    }

    /// The Ed25519 signature of a message.
    pub(crate) fn sign_bytes(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

impl fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignerKey").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

/// Why a text is not a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// The text is longer than [`KEY_TEXT_BYTES_MAX`].
    #[error("a key of {bytes} bytes is too long")]
    TooLong {
        /// Bytes of the text.
        bytes: usize,
    },
    /// A private key does not begin with `PRIVATE+KEY+`.
    #[error("the key is not a private one")]
    NotPrivate,
    /// There are not three parts with plus signs between.
    #[error("a key is a name, an id and base64 with plus signs between")]
    Parts,
    /// The name breaks the rules of names.
    #[error("the name of the key is not allowed")]
    Name(#[source] KeyNameError),
    /// The name is longer than [`KEY_NAME_BYTES_MAX`].
    #[error("the name of the key has {bytes} bytes, which is too long")]
    NameTooLong {
        /// Bytes of the name.
        bytes: usize,
    },
    /// The id is not eight lower-case hexadecimal digits.
    #[error("the id of a key is eight lower-case hexadecimal digits")]
    Id,
    /// The last part is not canonical base64.
    #[error("the last part of the key is not canonical base64")]
    Base64,
    /// The kind is missing or is none that is supported.
    #[error("the kind of the key is not supported")]
    Kind {
        /// The byte of the kind, if there is one.
        byte: Option<u8>,
    },
    /// There are not 32 bytes after the kind.
    #[error("a key of this kind has 32 bytes, and there are {found}")]
    Length {
        /// Bytes after the kind.
        found: usize,
    },
    /// The id is not the one that follows from name, kind and public key.
    #[error("the key states the id {stated}, and {computed} follows from it")]
    WrongId {
        /// The id in the text.
        stated: KeyId,
        /// The id that is right.
        computed: KeyId,
    },
    /// The library of signatures refused the seed.
    #[error("the private key cannot be used")]
    Seed,
}

/// Reads `name+id+base64(kind || 32 bytes)`.
fn read(text: &str) -> Result<(KeyName, KeyId, KeyKind, [u8; KEY_BYTES]), KeyError> {
    if text.len() > KEY_TEXT_BYTES_MAX {
        return Err(KeyError::TooLong { bytes: text.len() });
    }
    // Base64 has plus signs too, so only the first two part the text.
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(data)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(KeyError::Parts);
    };
    let name = KeyName::parse(name).map_err(KeyError::Name)?;
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if id.len() != 8 || !id.bytes().all(is_hex) {
        return Err(KeyError::Id);
    }
    let id = u32::from_str_radix(id, 16).map_err(|_| KeyError::Id)?;
    let data = STANDARD.decode(data).map_err(|_| KeyError::Base64)?;
    let Some((byte, bytes)) = data.split_first() else {
        return Err(KeyError::Kind { byte: None });
    };
    let kind = KeyKind::of_byte(*byte).ok_or(KeyError::Kind { byte: Some(*byte) })?;
    let bytes = bytes.try_into().map_err(|_| KeyError::Length { found: bytes.len() })?;
    Ok((name, KeyId(id), kind, bytes))
}

fn write(
    f: &mut fmt::Formatter<'_>,
    name: &KeyName,
    id: KeyId,
    kind: KeyKind,
    bytes: &[u8; KEY_BYTES],
) -> fmt::Result {
    let mut data = [0; 1 + KEY_BYTES];
    data[0] = kind.byte();
    data[1..].copy_from_slice(bytes);
    write!(f, "{name}+{id}+{}", STANDARD.encode(data))
}
