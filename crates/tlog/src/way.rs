//! The ways through a tree that proofs follow (RFC 6962 §2.1.1 and §2.1.2), from the root down. Making a
//! proof and checking one both walk here, so they agree on its hashes, their number and their order.

use std::ops::Range;

/// One turn on the way down: the half of a tree that the way does not enter.
pub(crate) struct Turn {
    /// Entries under that half.
    pub(crate) other: Range<u64>,
    /// Whether that half is the left one.
    pub(crate) other_is_left: bool,
}

/// Number of entries in the left half of a tree of `size` entries: the largest power of two below it.
/// `size` is at least 2.
fn left_half(size: u64) -> u64 {
    1 << (u64::BITS - 1 - (size - 1).leading_zeros())
}

/// Where the way stands: a tree, and the turns taken to it.
struct Way {
    tree: Range<u64>,
    turns: Vec<Turn>,
}

impl Way {
    fn from_root(size: u64) -> Way {
        Way { tree: 0..size, turns: Vec::new() }
    }

    /// Enters the half that has entry `index`.
    fn turn_to(&mut self, index: u64) {
        let Range { start, end } = self.tree;
        let middle = start + left_half(end - start);
        let (tree, other, other_is_left) = if index < middle {
            (start..middle, middle..end, false)
        } else {
            (middle..end, start..middle, true)
        };
        self.tree = tree;
        self.turns.push(Turn { other, other_is_left });
    }
}

/// The turns from the root of a tree of `size` entries to entry `index`, which is below `size`. At most 64.
pub(crate) fn to_entry(index: u64, size: u64) -> Vec<Turn> {
    let mut way = Way::from_root(size);
    while way.tree.end - way.tree.start > 1 {
        way.turn_to(index);
    }
    way.turns
}

/// The way from the root of a tree to the last complete subtree of an older, smaller tree.
pub(crate) struct ToOldEdge {
    /// The turns, at most 64.
    pub(crate) turns: Vec<Turn>,
    /// Entries under that subtree. The verifier knows its root if it is the whole older tree; otherwise the
    /// proof begins with it.
    pub(crate) edge: Range<u64>,
}

impl ToOldEdge {
    /// Whether the subtree is all of the older tree.
    pub(crate) fn edge_is_old_tree(&self) -> bool {
        self.edge.start == 0
    }
}

/// The way from the root of a tree of `new` entries to the edge of its first `old` entries; `old` is at
/// least 1 and below `new`.
pub(crate) fn to_old_edge(old: u64, new: u64) -> ToOldEdge {
    let mut way = Way::from_root(new);
    while way.tree.end != old {
        way.turn_to(old - 1);
    }
    ToOldEdge { turns: way.turns, edge: way.tree }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_left_half_is_the_largest_power_of_two_below() {
        for (size, left) in [(2, 1), (3, 2), (4, 2), (5, 4), (8, 4), (9, 8), (1 << 40, 1 << 39)] {
            assert_eq!(left_half(size), left, "{size}");
        }
        assert_eq!(left_half(u64::MAX), 1 << 63);
    }

    #[test]
    fn ways_through_the_largest_trees_end() {
        assert_eq!(to_entry(0, u64::MAX).len(), 64);
        assert_eq!(to_entry(u64::MAX - 1, u64::MAX).len(), 63);
        assert_eq!(to_old_edge(1, u64::MAX).turns.len(), 64);
        assert_eq!(to_old_edge(u64::MAX - 1, u64::MAX).edge, u64::MAX - 3..u64::MAX - 1);
    }
}
