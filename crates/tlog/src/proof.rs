//! Proofs about a tree, and checking them: that an entry is in it (RFC 6962 §2.1.1), and that a tree is
//! the beginning of a larger one (§2.1.2). A proof is only hashes; what it proves are the values that it
//! is checked against.

use crate::hash::Hash;
use crate::tree::TreeHead;
use crate::way;

/// Hashes in the longest proof of inclusion in a tree of at most 2^63 - 1 entries.
pub const INCLUSION_HASHES_MAX: usize = 63;
/// Hashes in the longest proof of consistency that C2SP tlog-witness lets a client send. A tree of up to
/// 2^62 entries needs no more.
pub const CONSISTENCY_HASHES_MAX: usize = 63;

/// Proof that an entry is in a tree: the hashes of the halves beside the way from the entry to the root,
/// the entry's neighbour first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct InclusionProof {
    hashes: Vec<Hash>,
}

impl InclusionProof {
    /// A proof with these hashes; [`verify`](Self::verify) says what it is worth.
    #[must_use]
    pub fn new(hashes: Vec<Hash>) -> InclusionProof {
        InclusionProof { hashes }
    }

    /// The hashes, the entry's neighbour first.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// Checks that the entry with this leaf hash stands at `index` (from 0) in the tree with this head.
    ///
    /// # Errors
    /// Each way in which it does not follow from the proof; see [`InclusionError`].
    pub fn verify(&self, leaf: Hash, index: u64, head: &TreeHead) -> Result<(), InclusionError> {
        if index >= head.size {
            return Err(InclusionError::IndexOutside { index, size: head.size });
        }
        let turns = way::to_entry(index, head.size);
        if turns.len() != self.hashes.len() {
            let (expected, found) = (turns.len(), self.hashes.len());
            return Err(InclusionError::Length { index, size: head.size, expected, found });
        }
        let computed = turns.iter().rev().zip(&self.hashes).fold(leaf, |below, (turn, other)| {
            if turn.other_is_left {
                Hash::of_node(other, &below)
            } else {
                Hash::of_node(&below, other)
            }
        });
        if computed == head.root { Ok(()) } else { Err(InclusionError::WrongRoot { computed }) }
    }
}

/// Why an entry's inclusion does not follow from a proof.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InclusionError {
    /// The tree has no entry with this index.
    #[error("a tree of {size} entries has no entry {index}")]
    IndexOutside {
        /// Index of the entry, from 0.
        index: u64,
        /// Entries in the tree.
        size: u64,
    },
    /// A proof for this index and size has another number of hashes.
    #[error("the proof of entry {index} in {size} has {expected} hashes, and there are {found}")]
    Length {
        /// Index of the entry, from 0.
        index: u64,
        /// Entries in the tree.
        size: u64,
        /// Hashes that such a proof has.
        expected: usize,
        /// Hashes that there are.
        found: usize,
    },
    /// The proof leads to another root: the entry, its index, the proof or the root is not the right one.
    #[error("the proof leads to the root {computed}, which is not that of the tree")]
    WrongRoot {
        /// The root to which it leads.
        computed: Hash,
    },
}

/// Proof that a tree is the beginning of a larger one, so that nothing in it was changed or removed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ConsistencyProof {
    hashes: Vec<Hash>,
}

impl ConsistencyProof {
    /// A proof with these hashes; [`verify`](Self::verify) says what it is worth.
    #[must_use]
    pub fn new(hashes: Vec<Hash>) -> ConsistencyProof {
        ConsistencyProof { hashes }
    }

    /// The hashes, the deepest in the tree first.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// Checks that the tree of `old` is the beginning of the tree of `new`.
    ///
    /// The proof between trees of the same size is empty, and so is that from the empty tree (C2SP
    /// tlog-witness): each tree begins with it. A head of size 0 must have the root of the empty tree.
    ///
    /// # Errors
    /// Each way in which it does not follow from the proof; see [`ConsistencyError`].
    pub fn verify(&self, old: &TreeHead, new: &TreeHead) -> Result<(), ConsistencyError> {
        if old.size > new.size {
            return Err(ConsistencyError::Shrunk { old: old.size, new: new.size });
        }
        for head in [old, new] {
            if head.size == 0 && head.root != Hash::EMPTY_TREE {
                return Err(ConsistencyError::EmptyTreeRoot { root: head.root });
            }
        }
        if old.size == 0 || old.size == new.size {
            self.check_length(old, new, 0)?;
            if old.size == new.size && old.root != new.root {
                return Err(ConsistencyError::SameSizeOtherRoot { size: old.size });
            }
            return Ok(());
        }
        let way = way::to_old_edge(old.size, new.size);
        let edge_is_sent = usize::from(!way.edge_is_old_tree());
        self.check_length(old, new, edge_is_sent + way.turns.len())?;
        let (edge, others) = self.hashes.split_at(edge_is_sent);
        let edge = edge.first().copied().unwrap_or(old.root);
        let (mut old_root, mut new_root) = (edge, edge);
        for (turn, other) in way.turns.iter().rev().zip(others) {
            if turn.other_is_left {
                old_root = Hash::of_node(other, &old_root);
                new_root = Hash::of_node(other, &new_root);
            } else {
                // What is right of the way came after the old tree.
                new_root = Hash::of_node(&new_root, other);
            }
        }
        if old_root != old.root {
            return Err(ConsistencyError::OldRoot { computed: old_root });
        }
        if new_root != new.root {
            return Err(ConsistencyError::NewRoot { computed: new_root });
        }
        Ok(())
    }

    fn check_length(
        &self,
        old: &TreeHead,
        new: &TreeHead,
        expected: usize,
    ) -> Result<(), ConsistencyError> {
        let found = self.hashes.len();
        if found == expected {
            return Ok(());
        }
        Err(ConsistencyError::Length { old: old.size, new: new.size, expected, found })
    }
}

/// Why it does not follow from a proof that one tree is the beginning of another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConsistencyError {
    /// The newer tree is smaller.
    #[error("a tree of {new} entries cannot begin with one of {old}")]
    Shrunk {
        /// Entries of the older tree.
        old: u64,
        /// Entries of the newer tree.
        new: u64,
    },
    /// A tree without entries has only one root, and this is another.
    #[error("{root} is not the root of a tree without entries")]
    EmptyTreeRoot {
        /// The root that the head states.
        root: Hash,
    },
    /// Both trees have as many entries and different roots: the log shows two histories.
    #[error("two trees of {size} entries have different roots")]
    SameSizeOtherRoot {
        /// Entries of both.
        size: u64,
    },
    /// A proof between these sizes has another number of hashes.
    #[error("the proof from {old} to {new} entries has {expected} hashes, and there are {found}")]
    Length {
        /// Entries of the older tree.
        old: u64,
        /// Entries of the newer tree.
        new: u64,
        /// Hashes that such a proof has.
        expected: usize,
        /// Hashes that there are.
        found: usize,
    },
    /// The proof leads to another root for the older tree.
    #[error("the proof leads to the root {computed} for the older tree, which has another")]
    OldRoot {
        /// The root to which it leads.
        computed: Hash,
    },
    /// The proof leads to another root for the newer tree: it does not begin with the older one, or the
    /// proof is not the right one.
    #[error("the proof leads to the root {computed} for the newer tree, which has another")]
    NewRoot {
        /// The root to which it leads.
        computed: Hash,
    },
}
