//! Coordinates and paths of tiles, and which of them change.

use std::collections::BTreeSet;

use super::store::Store;
use super::*;

fn tile(level: u8, index: u64, width: u16) -> Tile {
    Tile::new(level, index, width).unwrap()
}

#[test]
fn a_tile_has_one_path() {
    // The first two are examples of C2SP tlog-tiles and of golang.org/x/mod/sumdb/tlog, without the height
    // that the latter has in its paths.
    for (path, tile) in [
        ("tile/0/x001/x234/067", tile(0, 1_234_067, 256)),
        ("tile/5/x123/x456/078.p/2", tile(5, 123_456_078, 2)),
        ("tile/0/000", tile(0, 0, 256)),
        ("tile/0/000.p/1", tile(0, 0, 1)),
        ("tile/0/001.p/5", tile(0, 1, 5)),
        ("tile/1/999.p/255", tile(1, 999, 255)),
        ("tile/2/x001/000", tile(2, 1000, 256)),
        ("tile/63/x999/x999/999", tile(63, 999_999_999, 256)),
        ("tile/0/x036/x028/x797/x018/x963/967", tile(0, TILE_INDEX_MAX, 256)),
    ] {
        assert_eq!(tile.to_string(), path);
        assert_eq!(Tile::parse(path), Ok(tile));
        if let Some(place) = path.strip_prefix("tile/0/") {
            let bundle = EntryBundle::new(tile.index(), tile.width()).unwrap();
            let path = format!("tile/entries/{place}");
            assert_eq!(bundle.to_string(), path);
            assert_eq!(EntryBundle::parse(&path), Ok(bundle));
        }
    }
    for index in (0..3000).chain([999_999, 1_000_000, 1_000_001]) {
        for width in [1, 9, 10, 99, 100, 255, 256] {
            let tile = tile(3, index, width);
            assert_eq!(Tile::parse(&tile.to_string()), Ok(tile));
        }
    }
}

#[test]
fn other_paths_are_refused() {
    let long = format!("tile/0/{}001", "x001/".repeat(100));
    for (path, error) in [
        ("", TileError::NotATile),
        ("/tile/0/001", TileError::NotATile),
        ("tile/", TileError::NotATile),
        ("tile/0", TileError::NotATile),
        ("Tile/0/001", TileError::NotATile),
        ("tile/entries/001", TileError::Level),
        ("tile/data/001", TileError::Level),
        ("tile/64/001", TileError::Level),
        ("tile/256/001", TileError::Level),
        ("tile/00/001", TileError::Level),
        ("tile/01/001", TileError::Level),
        ("tile/-1/001", TileError::Level),
        ("tile/+1/001", TileError::Level),
        ("tile//001", TileError::Level),
        ("tile/0/", TileError::IndexGroup),
        ("tile/0/1", TileError::IndexGroup),
        ("tile/0/01", TileError::IndexGroup),
        ("tile/0/0001", TileError::IndexGroup),
        ("tile/0/x001", TileError::IndexGroup),
        ("tile/0/001/001", TileError::IndexGroup),
        ("tile/0/x001/x001", TileError::IndexGroup),
        ("tile/0/xx01/001", TileError::IndexGroup),
        ("tile/0/X001/001", TileError::IndexGroup),
        ("tile/0/x001/001/", TileError::IndexGroup),
        ("tile/0//001", TileError::IndexGroup),
        ("tile/0/+01", TileError::IndexGroup),
        ("tile/0/00\u{661}", TileError::IndexGroup),
        ("tile/0/001.p", TileError::IndexGroup),
        ("tile/0/001.gz", TileError::IndexGroup),
        ("tile/0/x000/001", TileError::IndexPadding),
        ("tile/0/x000/x001/001", TileError::IndexPadding),
        ("tile/0/x036/x028/x797/x018/x963/968", TileError::IndexTooLarge),
        ("tile/0/x999/x999/x999/x999/x999/x999/999", TileError::IndexTooLarge),
        ("tile/0/001.p/", TileError::Width),
        ("tile/0/001.p/0", TileError::Width),
        ("tile/0/001.p/256", TileError::Width),
        ("tile/0/001.p/65537", TileError::Width),
        ("tile/0/001.p/05", TileError::Width),
        ("tile/0/001.p/5/", TileError::Width),
        ("tile/0/001.p/5.p/5", TileError::Width),
        (&long, TileError::PathTooLong { bytes: 510 }),
    ] {
        assert_eq!(Tile::parse(path), Err(error), "{path}");
    }
    for (path, error) in [
        ("tile/0/001", TileError::NotATile),
        ("tile/entries", TileError::NotATile),
        ("tile/entries/", TileError::IndexGroup),
        ("tile/entries/x000/001", TileError::IndexPadding),
        ("tile/entries/001.p/256", TileError::Width),
        (&long, TileError::PathTooLong { bytes: 510 }),
    ] {
        assert_eq!(EntryBundle::parse(path), Err(error), "{path}");
    }
    assert_eq!(Tile::new(64, 0, 1), Err(TileError::Level));
    assert_eq!(Tile::new(0, 0, 0), Err(TileError::Width));
    assert_eq!(Tile::new(0, 0, 257), Err(TileError::Width));
    assert_eq!(Tile::new(0, TILE_INDEX_MAX + 1, 1), Err(TileError::IndexTooLarge));
    assert_eq!(EntryBundle::new(0, 0), Err(TileError::Width));
}

/// All tiles of a tree, by the formula of C2SP tlog-tiles.
fn all_tiles(size: u64) -> BTreeSet<Tile> {
    let mut tiles = BTreeSet::new();
    for level in 0..8 {
        let hashes = size / 256u64.pow(u32::from(level));
        for index in 0..hashes / 256 {
            tiles.insert(tile(level, index, 256));
        }
        let width = (hashes % 256) as u16;
        if width > 0 {
            tiles.insert(tile(level, hashes / 256, width));
        }
    }
    tiles
}

#[test]
fn growth_changes_exactly_the_tiles_that_differ() {
    let sizes: Vec<u64> =
        (0..600).step_by(7).chain([255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537]).collect();
    for &old in &sizes {
        for &new in &sizes {
            let changed: Vec<Tile> = Tile::changed(old, new).collect();
            let before = all_tiles(old);
            let after = if new > old { all_tiles(new) } else { BTreeSet::new() };
            let expected: Vec<Tile> = after.difference(&before).copied().collect();
            assert_eq!(changed, expected, "from {old} to {new}");
            let bundles: Vec<(u64, u16)> =
                EntryBundle::changed(old, new).map(|one| (one.index(), one.width())).collect();
            let leaf_tiles: Vec<(u64, u16)> = expected
                .iter()
                .filter(|tile| tile.level() == 0)
                .map(|tile| (tile.index(), tile.width()))
                .collect();
            assert_eq!(bundles, leaf_tiles);
        }
    }
    // From a huge tree on, only what is new is looked at.
    let changed: Vec<Tile> = Tile::changed(SIZE_MAX - 1, SIZE_MAX).collect();
    assert_eq!(changed, [tile(0, TILE_INDEX_MAX, 255)]);
    assert_eq!(Tile::changed(0, SIZE_MAX + 1).next(), None);
}

/// The example of C2SP tlog-tiles: a tree of 70,000 entries, built entry by entry.
#[test]
fn the_example_of_the_specification() {
    let size = 70_000;
    let store = Store::of(leaves(size));
    let tiles: Vec<Tile> = Tile::changed(0, size).collect();
    let count = |level, is_full| {
        tiles.iter().filter(|tile| tile.level() == level && tile.is_full() == is_full).count()
    };
    assert_eq!((count(0, true), count(0, false)), (273, 1));
    assert_eq!((count(1, true), count(1, false)), (1, 1));
    assert_eq!((count(2, true), count(2, false)), (0, 1));
    assert_eq!(tiles.len(), 273 + 1 + 1 + 1 + 1);
    let partial: Vec<u16> =
        tiles.iter().filter(|tile| !tile.is_full()).map(|tile| tile.width()).collect();
    assert_eq!(partial, [112, 17, 1]);

    // A hash of a level is the root of the full tile below it.
    for level in 1..3 {
        for (below, hash) in store.level(level - 1).chunks_exact(256).zip(store.level(level)) {
            let mut hashes = below.to_vec();
            while hashes.len() > 1 {
                hashes = hashes.chunks(2).map(|two| Hash::of_node(&two[0], &two[1])).collect();
            }
            assert_eq!(hashes[0], *hash);
        }
    }
    assert_eq!(store.level(0).len(), 70_000);
    assert_eq!(store.level(1).len(), 273);
    assert_eq!(store.level(2).len(), 1);
    assert_eq!(read_frontier(&store, size).unwrap(), store.frontier);

    // Every tree up to it is served from these tiles.
    let head = store.frontier.head();
    for size in (1..70_000).step_by(3571).chain([65_535, 65_536, 65_537, 69_999]) {
        let old = read_frontier(&store, size).unwrap().head();
        prove_consistency(&store, size, 70_000).unwrap().verify(&old, &head).unwrap();
        let leaf = store.level(0)[size as usize];
        let proof = prove_inclusion(&store, size, 70_000).unwrap();
        proof.verify(leaf, size, &head).unwrap();
        let proof = prove_inclusion(&store, size / 2, size).unwrap();
        proof.verify(store.level(0)[size as usize / 2], size / 2, &old).unwrap();
    }
}

#[test]
fn a_tile_belongs_to_trees_that_have_all_its_hashes() {
    for (tile, first_size) in [
        (tile(0, 0, 1), 1),
        (tile(0, 0, 256), 256),
        (tile(0, 3, 5), 773),
        (tile(1, 0, 1), 256),
        (tile(1, 0, 256), 65_536),
        (tile(2, 0, 1), 65_536),
        (tile(7, 0, 1), 1 << 56),
    ] {
        assert!(!tile.is_of(first_size - 1), "{tile}");
        assert!(tile.is_of(first_size), "{tile}");
        assert!(tile.is_of(SIZE_MAX), "{tile}");
    }
    for level in 8..=LEVEL_MAX {
        assert!(!tile(level, 0, 1).is_of(SIZE_MAX));
    }
    assert!(!tile(0, TILE_INDEX_MAX, 256).is_of(SIZE_MAX));
    assert!(EntryBundle::new(3, 5).unwrap().is_of(773));
    assert!(!EntryBundle::new(3, 5).unwrap().is_of(772));
    assert_eq!(Tile::with_hash(0, 772, 773), Some(tile(0, 3, 5)));
    assert_eq!(Tile::with_hash(1, 2, 773), Some(tile(1, 0, 3)));
    assert_eq!(Tile::with_hash(0, 773, 773), None);
    assert_eq!(Tile::with_hash(8, 0, SIZE_MAX), None);
}

#[test]
fn a_wider_tile_serves_a_narrower_one() {
    let hashes: Vec<Hash> = leaves(256).collect();
    let bytes: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
    assert_eq!(bytes.len(), TILE_BYTES);
    for width in [1, 100, 256] {
        let mut read = vec![Hash::EMPTY_TREE; usize::from(width)];
        tile(0, 0, width).copy_hashes(&bytes, &mut read).unwrap();
        assert_eq!(read, hashes[..usize::from(width)]);
        tile(0, 0, width).copy_hashes(&bytes[..32 * read.len()], &mut read).unwrap();
    }
    let mut read = vec![Hash::EMPTY_TREE; 3];
    for found in [0, 95, 97, 32 * 3 + 1, TILE_BYTES + 32] {
        let bytes = vec![0; found];
        let refused = tile(0, 0, 3).copy_hashes(&bytes, &mut read);
        assert_eq!(refused, Err(TileError::Bytes { expected: 96, found }));
    }
}
