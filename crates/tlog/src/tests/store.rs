//! Places of tiles, for tests.

use std::cell::RefCell;
use std::convert::Infallible;

use crate::*;

/// Keeps each hash that tiles gain, as rows of a database would.
#[derive(Default)]
pub(super) struct Store {
    pub(super) frontier: Frontier,
    levels: Vec<Vec<Hash>>,
}

impl Store {
    pub(super) fn of(leaves: impl IntoIterator<Item = Hash>) -> Store {
        let mut store = Store::default();
        for leaf in leaves {
            store.append(leaf);
        }
        store
    }

    pub(super) fn append(&mut self, leaf: Hash) {
        let levels = &mut self.levels;
        self.frontier.append_to_tiles(leaf, |TileHash { level, index, hash }| {
            let level = usize::from(level);
            levels.resize(levels.len().max(level + 1), Vec::new());
            assert_eq!(levels[level].len() as u64, index, "hashes come in order");
            levels[level].push(hash);
        });
    }

    /// All hashes of a level.
    pub(super) fn level(&self, level: u8) -> &[Hash] {
        self.levels.get(usize::from(level)).map_or(&[], Vec::as_slice)
    }
}

impl ReadTile for Store {
    type Error = Infallible;

    fn read_tile(&self, tile: Tile, hashes: &mut [Hash]) -> Result<(), Infallible> {
        let first = 256 * tile.index() as usize;
        assert_eq!(hashes.len(), usize::from(tile.width()));
        hashes.copy_from_slice(&self.level(tile.level())[first..first + hashes.len()]);
        Ok(())
    }
}

/// The tiles of trees whose entries are all the same, of any size: all complete subtrees of a height are
/// the same too. Notes which tiles are asked for.
pub(super) struct Same {
    size: u64,
    pub(super) asked: RefCell<Vec<Tile>>,
}

impl Same {
    pub(super) fn new(size: u64) -> Same {
        Same { size, asked: RefCell::default() }
    }

    /// Root of a complete subtree of this height.
    pub(super) fn subtree(height: u32) -> Hash {
        (0..height).fold(Hash::of_leaf(b"same"), |below, _| Hash::of_node(&below, &below))
    }
}

impl ReadTile for Same {
    type Error = Infallible;

    fn read_tile(&self, tile: Tile, hashes: &mut [Hash]) -> Result<(), Infallible> {
        assert!(tile.is_of(self.size), "a tree of {} has no {tile}", self.size);
        self.asked.borrow_mut().push(tile);
        hashes.fill(Same::subtree(8 * u32::from(tile.level())));
        Ok(())
    }
}
