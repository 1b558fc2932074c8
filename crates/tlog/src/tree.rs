//! The tree as it grows: its head, and the little that must be kept to append to it.

use crate::hash::{HASH_BYTES, Hash};
use crate::tile::{TILE_HEIGHT, TileHash};

/// The largest size of a tree, and the largest number in any text of this crate: 2^63 - 1, because public
/// tools keep sizes as signed 64-bit numbers.
pub const SIZE_MAX: u64 = i64::MAX as u64;

/// A size and the root of the tree of that many first entries. It stands for the whole log up to there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TreeHead {
    /// Number of entries.
    pub size: u64,
    /// Merkle tree hash of the entries, RFC 6962 §2.1.
    pub root: Hash,
}

impl TreeHead {
    /// The head of the tree without entries.
    pub const EMPTY: TreeHead = TreeHead { size: 0, root: Hash::EMPTY_TREE };
}

/// The right edge of a growing tree: the roots of the complete subtrees that it falls into, one for each
/// bit that is set in the size, the largest first. It is all that must be kept to append and to know the
/// root: at most 63 hashes.
///
/// ```text
/// size 6 = 110b           size 7 = 111b
///
///     A      B                A      B   C
///    / \    / \              / \    / \  |        A, B and C are kept,
///   .   .  4   5            .   .  4   5 6        the root is H(A, H(B, C)).
///  / \ / \                 / \ / \
///  0 1 2 3                 0 1 2 3
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frontier {
    size: u64,
    /// As many as the size has set bits.
    subtrees: Vec<Hash>,
}

impl Default for Frontier {
    fn default() -> Frontier {
        Frontier::new()
    }
}

impl Frontier {
    /// Of the tree without entries.
    #[must_use]
    pub fn new() -> Frontier {
        Frontier { size: 0, subtrees: Vec::new() }
    }

    /// Of a tree whose subtrees are known, the largest first; as many as the size has set bits.
    pub(crate) fn of_subtrees(size: u64, subtrees: Vec<Hash>) -> Frontier {
        debug_assert_eq!(subtrees.len(), size.count_ones() as usize);
        Frontier { size, subtrees }
    }

    /// Number of entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends an entry by its leaf hash.
    pub fn append(&mut self, leaf: Hash) {
        self.append_to_tiles(leaf, |_| ());
    }

    /// Appends an entry by its leaf hash, and hands over each hash that tiles gain by it, from level 0
    /// upward: the leaf itself, and one more for each tile that it completes. Whoever stores them all has
    /// the tiles of the tree.
    pub fn append_to_tiles(&mut self, leaf: Hash, mut gained: impl FnMut(TileHash)) {
        gained(TileHash { level: 0, index: self.size, hash: leaf });
        let mut hash = leaf;
        // The new leaf completes one subtree for each trailing bit that is set.
        for height in 1..=self.size.trailing_ones() {
            let Some(left) = self.subtrees.pop() else { break };
            hash = Hash::of_node(&left, &hash);
            if height % TILE_HEIGHT == 0 {
                let level = (height / TILE_HEIGHT) as u8;
                gained(TileHash { level, index: self.size >> height, hash });
            }
        }
        self.subtrees.push(hash);
        // 2^63 appends are out of reach, so this never overflows.
        self.size += 1;
    }

    /// The Merkle tree hash of all entries.
    #[must_use]
    pub fn root(&self) -> Hash {
        root_of(&self.subtrees)
    }

    /// Size and root.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.size, root: self.root() }
    }

    /// The state as bytes: the size, eight bytes big-endian, and the hashes, the largest subtree first. At
    /// most 2,024 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + HASH_BYTES * self.subtrees.len());
        bytes.extend_from_slice(&self.size.to_be_bytes());
        for subtree in &self.subtrees {
            bytes.extend_from_slice(subtree.as_bytes());
        }
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote. The hashes themselves are believed: nothing but the
    /// log's entries can tell whether they are right.
    pub fn from_bytes(bytes: &[u8]) -> Result<Frontier, FrontierError> {
        let Some((size, hashes)) = bytes.split_first_chunk::<8>() else {
            return Err(FrontierError::NoSize { bytes: bytes.len() });
        };
        let size = u64::from_be_bytes(*size);
        if size > SIZE_MAX {
            return Err(FrontierError::TooLarge { size });
        }
        let expected = 8 + HASH_BYTES * size.count_ones() as usize;
        let (hashes, rest) = hashes.as_chunks::<HASH_BYTES>();
        if !rest.is_empty() || bytes.len() != expected {
            return Err(FrontierError::Length { size, expected, found: bytes.len() });
        }
        Ok(Frontier { size, subtrees: hashes.iter().copied().map(Hash::new).collect() })
    }
}

/// Root of a tree that consists of these complete subtrees, the largest first.
pub(crate) fn root_of(subtrees: &[Hash]) -> Hash {
    match subtrees.split_last() {
        None => Hash::EMPTY_TREE,
        Some((last, larger)) => {
            larger.iter().rev().fold(*last, |right, left| Hash::of_node(left, &right))
        }
    }
}

/// Why bytes are not the kept state of a tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FrontierError {
    /// There are fewer bytes than a size has.
    #[error("the state of a tree begins with a size of 8 bytes, and there are {bytes}")]
    NoSize {
        /// Bytes that there are.
        bytes: usize,
    },
    /// The size is above [`SIZE_MAX`].
    #[error("a tree of {size} entries is larger than any log")]
    TooLarge {
        /// The size that it states.
        size: u64,
    },
    /// There are not as many hashes as a tree of this size has subtrees.
    #[error("the state of a tree of {size} entries has {expected} bytes, and there are {found}")]
    Length {
        /// The size that it states.
        size: u64,
        /// Bytes for that size.
        expected: usize,
        /// Bytes that there are.
        found: usize,
    },
}
