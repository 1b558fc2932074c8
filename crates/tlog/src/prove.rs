//! Making roots and proofs from tiles, wherever those are kept.

use std::ops::Range;

use crate::hash::Hash;
use crate::proof::{ConsistencyProof, InclusionProof};
use crate::tile::{TILE_HEIGHT, TILE_WIDTH, Tile};
use crate::tree::{self, Frontier, SIZE_MAX};
use crate::way;

/// Where tiles are kept: rows of a database, files, or a log's address.
///
/// What it gives is believed. A wrong hash gives a proof that fails to verify, so a caller that does not
/// trust its tiles verifies the proof against a root that it trusts, which costs 27 hashes for 10^8 entries.
pub trait ReadTile {
    /// Why a tile cannot be read.
    type Error;

    /// Fills `hashes`, which is exactly as long as the tile is wide, with the hashes of the tile from its
    /// first on. Only tiles are asked for that a tree of the stated size has, in the width that it gives
    /// them; [`Tile::copy_hashes`] takes them out of a wider one.
    fn read_tile(&self, tile: Tile, hashes: &mut [Hash]) -> Result<(), Self::Error>;
}

/// A function serves as a place of tiles.
impl<F, E> ReadTile for F
where
    F: Fn(Tile, &mut [Hash]) -> Result<(), E>,
{
    type Error = E;

    fn read_tile(&self, tile: Tile, hashes: &mut [Hash]) -> Result<(), E> {
        self(tile, hashes)
    }
}

/// Proves that entry `index` (from 0) is in the tree of the first `size` entries. Reads at most 15 tiles.
pub fn prove_inclusion<R: ReadTile>(
    tiles: &R,
    index: u64,
    size: u64,
) -> Result<InclusionProof, ProveError<R::Error>> {
    if index >= size {
        return Err(ProveError::IndexOutside { index, size });
    }
    let mut tree = TiledTree::new(tiles, size)?;
    let mut hashes = Vec::new();
    for turn in way::to_entry(index, size).into_iter().rev() {
        hashes.push(tree.root_of(turn.other)?);
    }
    Ok(InclusionProof::new(hashes))
}

/// Proves that the tree of the first `new` entries begins with that of the first `old` ones. Empty if
/// `old` is 0 or `new`. Reads at most 15 tiles.
pub fn prove_consistency<R: ReadTile>(
    tiles: &R,
    old: u64,
    new: u64,
) -> Result<ConsistencyProof, ProveError<R::Error>> {
    if old > new {
        return Err(ProveError::Shrunk { old, new });
    }
    let mut tree = TiledTree::new(tiles, new)?;
    let mut hashes = Vec::new();
    if old != 0 && old != new {
        let way = way::to_old_edge(old, new);
        if !way.edge_is_old_tree() {
            hashes.push(tree.root_of(way.edge)?);
        }
        for turn in way.turns.into_iter().rev() {
            hashes.push(tree.root_of(turn.other)?);
        }
    }
    Ok(ConsistencyProof::new(hashes))
}

/// The right edge of the tree of the first `size` entries, from which it can grow on and which knows its
/// root. Reads at most eight tiles.
pub fn read_frontier<R: ReadTile>(tiles: &R, size: u64) -> Result<Frontier, ProveError<R::Error>> {
    let mut tree = TiledTree::new(tiles, size)?;
    let subtrees =
        complete_subtrees(0..size).map(|part| tree.subtree(part)).collect::<Result<_, _>>()?;
    Ok(Frontier::of_subtrees(size, subtrees))
}

/// Why a root or proof cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProveError<E> {
    /// The tree has no entry with this index.
    #[error("a tree of {size} entries has no entry {index}")]
    IndexOutside {
        /// Index that was asked for, from 0.
        index: u64,
        /// Entries in the tree.
        size: u64,
    },
    /// The newer tree is smaller than the older one.
    #[error("a tree of {new} entries cannot begin with one of {old}")]
    Shrunk {
        /// Entries of the older tree.
        old: u64,
        /// Entries of the newer tree.
        new: u64,
    },
    /// The size is above [`SIZE_MAX`].
    #[error("a tree of {size} entries is larger than any log")]
    TooLarge {
        /// Size that was asked for.
        size: u64,
    },
    /// A tile cannot be read.
    #[error("cannot read {tile}")]
    Read {
        /// The tile.
        tile: Tile,
        /// What the place of the tiles said.
        source: E,
    },
}

/// A complete subtree: the entries from `index * 2^height` on, `2^height` of them.
#[derive(Clone, Copy)]
struct Subtree {
    height: u32,
    index: u64,
}

/// The complete subtrees that make up a tree over these entries, the largest first. The entries begin
/// where a subtree of their number, rounded up, can begin; that holds for every half of a tree.
fn complete_subtrees(entries: Range<u64>) -> impl Iterator<Item = Subtree> {
    let Range { mut start, end } = entries;
    std::iter::from_fn(move || {
        let height = (end - start).checked_ilog2()?;
        let subtree = Subtree { height, index: start >> height };
        start += 1 << height;
        Some(subtree)
    })
}

/// A tree whose hashes are read from tiles, each of them once.
struct TiledTree<'a, R> {
    tiles: &'a R,
    size: u64,
    /// A proof needs the tiles beside one way down and along one edge: at most 15.
    read: Vec<(Tile, Vec<Hash>)>,
}

impl<'a, R: ReadTile> TiledTree<'a, R> {
    fn new(tiles: &'a R, size: u64) -> Result<TiledTree<'a, R>, ProveError<R::Error>> {
        if size > SIZE_MAX {
            return Err(ProveError::TooLarge { size });
        }
        Ok(TiledTree { tiles, size, read: Vec::new() })
    }

    /// Root of the tree over some entries, which are a half of a tree and not none.
    fn root_of(&mut self, entries: Range<u64>) -> Result<Hash, ProveError<R::Error>> {
        let subtrees = complete_subtrees(entries)
            .map(|part| self.subtree(part))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(tree::root_of(&subtrees))
    }

    /// Root of a complete subtree: its hashes in the tile that it lies in, hashed together.
    fn subtree(&mut self, subtree: Subtree) -> Result<Hash, ProveError<R::Error>> {
        let level = (subtree.height / TILE_HEIGHT) as u8;
        let count = 1 << (subtree.height % TILE_HEIGHT);
        let first = subtree.index * count as u64;
        let start = (first % u64::from(TILE_WIDTH)) as usize;
        let tile = Tile::with_hash(level, first, self.size)
            // The subtree ends within the tree, so the tree has its hashes at this level.
            .expect("a complete subtree lies in a tile");
        let mut hashes = self.tile(tile)?[start..start + count].to_vec();
        while hashes.len() > 1 {
            hashes = hashes.chunks_exact(2).map(|two| Hash::of_node(&two[0], &two[1])).collect();
        }
        Ok(hashes[0])
    }

    fn tile(&mut self, tile: Tile) -> Result<&[Hash], ProveError<R::Error>> {
        let at = match self.read.iter().position(|(read, _)| *read == tile) {
            Some(at) => at,
            None => {
                let mut hashes = vec![Hash::EMPTY_TREE; usize::from(tile.width())];
                self.tiles
                    .read_tile(tile, &mut hashes)
                    .map_err(|source| ProveError::Read { tile, source })?;
                self.read.push((tile, hashes));
                self.read.len() - 1
            }
        };
        Ok(&self.read[at].1)
    }
}
