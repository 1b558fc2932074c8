//! The hashes of a log's tree, RFC 6962 §2.1 with SHA-256, and their text.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// Bytes in a hash.
pub const HASH_BYTES: usize = 32;

/// What stands before an entry when it is hashed, and before the two halves of a tree. Without them an
/// inner node could be shown as an entry.
const LEAF: [u8; 1] = [0x00];
const NODE: [u8; 1] = [0x01];

/// A SHA-256 hash of an entry or of a tree. As text it is padded base64 (RFC 4648 §4), 44 characters,
/// which is how notes and proofs write it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; HASH_BYTES]);

impl Hash {
    /// The root of the tree without entries: the SHA-256 of nothing.
    pub const EMPTY_TREE: Hash = Hash([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9,
        0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52,
        0xb8, 0x55,
    ]);

    /// The hash with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; HASH_BYTES]) -> Hash {
        Hash(bytes)
    }

    /// The hash of an entry: `SHA-256(0x00 || entry)`.
    #[must_use]
    pub fn of_leaf(entry: &[u8]) -> Hash {
        Hash(Sha256::new().chain_update(LEAF).chain_update(entry).finalize().into())
    }

    /// The hash of a tree by those of its two halves: `SHA-256(0x01 || left || right)`.
    #[must_use]
    pub fn of_node(left: &Hash, right: &Hash) -> Hash {
        // One update instead of three: the block is put together once.
        let mut bytes = [0; 1 + 2 * HASH_BYTES];
        bytes[0] = NODE[0];
        bytes[1..=HASH_BYTES].copy_from_slice(&left.0);
        bytes[1 + HASH_BYTES..].copy_from_slice(&right.0);
        Hash(Sha256::digest(bytes).into())
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }

    /// Reads base64 in its one canonical form: padded, no other characters, no stray bits at the end.
    pub fn parse(text: &str) -> Result<Hash, HashTextError> {
        // The length goes first, so that nothing long is decoded.
        if text.len() != 4 * HASH_BYTES.div_ceil(3) {
            return Err(HashTextError::Length { chars: text.len() });
        }
        let bytes = STANDARD.decode(text).map_err(|_| HashTextError::NotBase64)?;
        // 44 characters with one "=" are 32 bytes; with none they are 33, with two 31.
        let bytes: [u8; HASH_BYTES] =
            bytes.try_into().map_err(|_| HashTextError::Length { chars: text.len() })?;
        Ok(Hash(bytes))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not a hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HashTextError {
    /// It is longer or shorter than the base64 of 32 bytes.
    #[error(
        "a text of {chars} bytes is not the base64 of a hash, which has 44 characters for 32 bytes"
    )]
    Length {
        /// Bytes of the text.
        chars: usize,
    },
    /// It is not canonical base64.
    #[error("it is not canonical base64")]
    NotBase64,
}
