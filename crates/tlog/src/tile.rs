//! Tiles: how a tree is stored and served (C2SP tlog-tiles).
//!
//! A tile is 256 neighbouring hashes of one level of the tree; a hash of one level stands for a full tile
//! of the level below, so a tile spans eight levels of the binary tree. What lies between is computed
//! again when it is needed. The last tile of a level is partial until it is full. Level 8 would need 2^64
//! entries, so the tiles of any tree have levels 0 to 7.
//!
//! ```text
//! tile/0/x001/x234/067         tile 1,234,067 of level 0, full: 256 leaf hashes, 8,192 bytes
//! tile/1/x004/820.p/147        tile 4,820 of level 1, partial: 147 hashes
//! tile/entries/x001/x234/067   the entries of the first one
//! ```

use std::fmt;

use crate::decimal;
use crate::hash::{HASH_BYTES, Hash};
use crate::tree::SIZE_MAX;

/// Levels of the binary tree in a tile.
pub(crate) const TILE_HEIGHT: u32 = 8;
/// Hashes in a full tile, and entries in a full bundle.
pub const TILE_WIDTH: u16 = 1 << TILE_HEIGHT;
/// Bytes of a full tile.
pub const TILE_BYTES: usize = TILE_WIDTH as usize * HASH_BYTES;
/// The highest level that a path can name. No tree reaches it: see [`Tile::is_of`].
pub const LEVEL_MAX: u8 = 63;
/// The largest index of a tile or bundle: that of the last leaf of the largest tree.
pub const TILE_INDEX_MAX: u64 = SIZE_MAX >> TILE_HEIGHT;
/// Levels that a tree of at most [`SIZE_MAX`] entries has.
const LEVELS: u8 = 8;
/// More than the longest path has.
const PATH_BYTES_MAX: usize = 64;

/// A hash that a tile gains when the tree grows. It belongs in tile `index / 256` of its level, at place
/// `index % 256`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TileHash {
    /// Level of the tile.
    pub level: u8,
    /// Number of the hash within its level, over all tiles.
    pub index: u64,
    /// Root of the complete subtree of `256^level` entries that begins at entry `index * 256^level`.
    pub hash: Hash,
}

/// Coordinates of a tile of hashes. Its text is the path under a log's address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Tile {
    level: u8,
    place: Place,
}

impl Tile {
    /// Tile `index` of a level (at most [`LEVEL_MAX`]) with its first `width` hashes (1 to 256, where 256
    /// is a full tile).
    pub fn new(level: u8, index: u64, width: u16) -> Result<Tile, TileError> {
        if level > LEVEL_MAX {
            return Err(TileError::Level);
        }
        Ok(Tile { level, place: Place::new(index, width)? })
    }

    /// Reads a path like `tile/0/x001/234.p/5`. Each tile has one path; every other spelling is refused.
    pub fn parse(path: &str) -> Result<Tile, TileError> {
        let rest = after_tile(path)?;
        let (level, place) = rest.split_once('/').ok_or(TileError::NotATile)?;
        let level = decimal::parse(level).map_err(|_| TileError::Level)?;
        let level = u8::try_from(level).ok().filter(|level| *level <= LEVEL_MAX);
        Ok(Tile { level: level.ok_or(TileError::Level)?, place: Place::parse(place)? })
    }

    /// Level: 0 for leaf hashes.
    #[must_use]
    pub fn level(self) -> u8 {
        self.level
    }

    /// Number of the tile in its level.
    #[must_use]
    pub fn index(self) -> u64 {
        self.place.index
    }

    /// Hashes in it: 1 to 256.
    #[must_use]
    pub fn width(self) -> u16 {
        self.place.width
    }

    /// Whether it has all its hashes and so never changes again.
    #[must_use]
    pub fn is_full(self) -> bool {
        self.place.width == TILE_WIDTH
    }

    /// Whether a tree of this size has all hashes of the tile. Only then may a log serve it.
    #[must_use]
    pub fn is_of(self, size: u64) -> bool {
        self.place.is_within(hashes_at(self.level, size))
    }

    /// The tile of a tree of `size` entries that has hash `index` of `level`, as wide as that tree makes
    /// it. `None` if the tree has no such hash.
    #[must_use]
    pub fn with_hash(level: u8, index: u64, size: u64) -> Option<Tile> {
        let place = Place::holding(index, hashes_at(level, size))?;
        Some(Tile { level, place })
    }

    /// The tiles that a tree gains or that get wider when it grows from `old` to `new` entries, by level
    /// and index, as wide as in the new tree. Partial tiles of sizes between are not among them. Nothing
    /// if it does not grow.
    pub fn changed(old: u64, new: u64) -> impl Iterator<Item = Tile> {
        (0..LEVELS).flat_map(move |level| {
            Place::changed(hashes_at(level, old), hashes_at(level, new))
                .map(move |place| Tile { level, place })
        })
    }

    /// Copies the hashes of this tile out of the bytes of a stored one, which may be wider: a log may drop
    /// a partial tile as soon as there is a wider one. `hashes` is as long as this tile is wide.
    pub fn copy_hashes(self, bytes: &[u8], hashes: &mut [Hash]) -> Result<(), TileError> {
        let (stored, rest) = bytes.as_chunks::<HASH_BYTES>();
        let width = usize::from(self.width());
        if !rest.is_empty() || bytes.len() > TILE_BYTES || stored.len() < width {
            return Err(TileError::Bytes { expected: width * HASH_BYTES, found: bytes.len() });
        }
        for (to, from) in hashes.iter_mut().zip(&stored[..width]) {
            *to = Hash::new(*from);
        }
        Ok(())
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/{}", self.level, self.place)
    }
}

/// Coordinates of a bundle of entries: those whose hashes are in the tile of level 0 with the same index
/// and width. Its text is the path under a log's address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct EntryBundle {
    place: Place,
}

impl EntryBundle {
    /// Bundle `index` with its first `width` entries (1 to 256, where 256 is a full bundle).
    pub fn new(index: u64, width: u16) -> Result<EntryBundle, TileError> {
        Ok(EntryBundle { place: Place::new(index, width)? })
    }

    /// Reads a path like `tile/entries/x001/234.p/5`. Each bundle has one path.
    pub fn parse(path: &str) -> Result<EntryBundle, TileError> {
        let place = after_tile(path)?.strip_prefix("entries/").ok_or(TileError::NotATile)?;
        Ok(EntryBundle { place: Place::parse(place)? })
    }

    /// Number of the bundle. Its first entry has the index `256 * index`.
    #[must_use]
    pub fn index(self) -> u64 {
        self.place.index
    }

    /// Entries in it: 1 to 256.
    #[must_use]
    pub fn width(self) -> u16 {
        self.place.width
    }

    /// Whether a tree of this size has all its entries. Only then may a log serve it.
    #[must_use]
    pub fn is_of(self, size: u64) -> bool {
        self.place.is_within(hashes_at(0, size))
    }

    /// The bundles that are new or longer when the tree grows from `old` to `new` entries, as
    /// [`Tile::changed`] has it for tiles.
    pub fn changed(old: u64, new: u64) -> impl Iterator<Item = EntryBundle> {
        Place::changed(hashes_at(0, old), hashes_at(0, new)).map(|place| EntryBundle { place })
    }
}

impl fmt::Display for EntryBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/entries/{}", self.place)
    }
}

/// Why coordinates, a path or bytes are not those of a tile or bundle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TileError {
    /// The path is longer than any tile's.
    #[error("a path of {bytes} bytes is longer than any tile's")]
    PathTooLong {
        /// Bytes of the path.
        bytes: usize,
    },
    /// The path does not begin with `tile/` and a level, or `tile/entries/`.
    #[error("the path does not name a tile of hashes or entries")]
    NotATile,
    /// The level is not a decimal number from 0 to 63.
    #[error("the level of a tile is a number from 0 to 63")]
    Level,
    /// A part of the index is not three digits, with an `x` before all but the last.
    #[error("the index of a tile is in groups of three digits, with an x before all but the last")]
    IndexGroup,
    /// The index begins with a group of zeros that it does not need.
    #[error("the index of a tile has a leading group of zeros")]
    IndexPadding,
    /// The index is above [`TILE_INDEX_MAX`].
    #[error("no tree has a tile with so large an index")]
    IndexTooLarge,
    /// The width is not 1 to 255 in a path, or not 1 to 256 in coordinates.
    #[error("the width of a partial tile is a number from 1 to 255")]
    Width,
    /// The bytes are not those of a tile at least this wide.
    #[error("a tile of {expected} bytes cannot be read from {found} bytes")]
    Bytes {
        /// Bytes of the tile that was asked for.
        expected: usize,
        /// Bytes that there are.
        found: usize,
    },
}

/// Hashes of a level that a tree of this size has. None if no tree has that size.
fn hashes_at(level: u8, size: u64) -> u64 {
    if level < LEVELS && size <= SIZE_MAX { size >> (u32::from(level) * TILE_HEIGHT) } else { 0 }
}

fn after_tile(path: &str) -> Result<&str, TileError> {
    if path.len() > PATH_BYTES_MAX {
        return Err(TileError::PathTooLong { bytes: path.len() });
    }
    path.strip_prefix("tile/").ok_or(TileError::NotATile)
}

/// Where 256 neighbours stand in a level, and how many of them there are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
struct Place {
    /// At most [`TILE_INDEX_MAX`].
    index: u64,
    /// 1 to 256.
    width: u16,
}

impl Place {
    fn new(index: u64, width: u16) -> Result<Place, TileError> {
        if index > TILE_INDEX_MAX {
            return Err(TileError::IndexTooLarge);
        }
        if width == 0 || width > TILE_WIDTH {
            return Err(TileError::Width);
        }
        Ok(Place { index, width })
    }

    /// The one that has number `number` of `count`.
    fn holding(number: u64, count: u64) -> Option<Place> {
        (number < count).then(|| Place::among(number >> TILE_HEIGHT, count))
    }

    /// The one with this index, as wide as `count` numbers make it. At least one of them is in it.
    fn among(index: u64, count: u64) -> Place {
        let width = (count - (index << TILE_HEIGHT)).min(u64::from(TILE_WIDTH));
        Place { index, width: width as u16 }
    }

    /// Those that hold anything from number `old` on, of `new`.
    fn changed(old: u64, new: u64) -> impl Iterator<Item = Place> {
        let grows = new > old;
        let first = old >> TILE_HEIGHT;
        let end = if grows { new.div_ceil(u64::from(TILE_WIDTH)) } else { first };
        (first..end).map(move |index| Place::among(index, new))
    }

    fn is_within(self, count: u64) -> bool {
        (self.index << TILE_HEIGHT) + u64::from(self.width) <= count
    }

    /// Reads `x001/x234/067` or `x001/x234/067.p/5`.
    fn parse(text: &str) -> Result<Place, TileError> {
        let (groups, width) = match text.split_once(".p/") {
            None => (text, TILE_WIDTH),
            Some((groups, width)) => {
                let width = decimal::parse(width).map_err(|_| TileError::Width)?;
                let width = u16::try_from(width).ok().filter(|width| *width < TILE_WIDTH);
                (groups, width.ok_or(TileError::Width)?)
            }
        };
        let mut index: u64 = 0;
        let mut groups = groups.split('/').peekable();
        let mut is_first = true;
        while let Some(group) = groups.next() {
            let is_last = groups.peek().is_none();
            let digits = if is_last { Some(group) } else { group.strip_prefix('x') };
            let digits = digits.ok_or(TileError::IndexGroup)?;
            if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(TileError::IndexGroup);
            }
            if is_first && !is_last && digits == "000" {
                return Err(TileError::IndexPadding);
            }
            is_first = false;
            let group = digits.parse::<u64>().map_err(|_| TileError::IndexGroup)?;
            let longer = index.checked_mul(1000).and_then(|index| index.checked_add(group));
            index = longer.ok_or(TileError::IndexTooLarge)?;
        }
        Place::new(index, width)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // TILE_INDEX_MAX has 17 digits.
        let mut groups = [0; 6];
        let mut rest = self.index;
        let mut count = 0;
        while rest > 0 || count == 0 {
            groups[count] = rest % 1000;
            rest /= 1000;
            count += 1;
        }
        for group in groups[1..count].iter().rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", groups[0])?;
        if self.width < TILE_WIDTH {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}
