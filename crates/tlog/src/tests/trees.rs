//! Roots and proofs against the definition, and against published examples.

use std::ops::RangeInclusive;

use data_encoding::HEXLOWER;

use super::store::{Same, Store};
use super::*;

/// The Merkle tree hash as RFC 6962 §2.1 defines it.
fn defined_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::EMPTY_TREE,
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Hash::of_node(&defined_root(left), &defined_root(right))
        }
    }
}

/// The audit path as RFC 6962 §2.1.1 defines it.
fn defined_inclusion(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let middle = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(middle);
    let (mut path, other) = if index < middle {
        (defined_inclusion(index, left), right)
    } else {
        (defined_inclusion(index - middle, right), left)
    };
    path.push(defined_root(other));
    path
}

/// The consistency proof as RFC 6962 §2.1.2 defines it (SUBPROOF).
fn defined_consistency(old: usize, leaves: &[Hash], is_known: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if is_known { Vec::new() } else { vec![defined_root(leaves)] };
    }
    let middle = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(middle);
    let (mut path, other) = if old <= middle {
        (defined_consistency(old, left, is_known), right)
    } else {
        (defined_consistency(old - middle, right, false), left)
    };
    path.push(defined_root(other));
    path
}

/// Roots of RFC 6962 trees, as Certificate Transparency publishes them:
/// <https://github.com/transparency-dev/merkle/blob/main/rfc6962/rfc6962_test.go> and the tests beside it.
#[test]
fn published_roots() {
    let mut frontier = Frontier::new();
    let mut roots = vec![frontier.root()];
    for entry in example_entries() {
        frontier.append(Hash::of_leaf(&entry));
        roots.push(frontier.root());
    }
    for (size, root) in [
        (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
        (5, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
        (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
    ] {
        assert_eq!(HEXLOWER.encode(roots[size].as_bytes()), root, "{size} entries");
    }
}

/// Proofs in the tree of the same entries, of
/// <https://github.com/transparency-dev/merkle/tree/main/testdata>.
#[test]
fn published_proofs() {
    let store = Store::of(example_entries().iter().map(|entry| Hash::of_leaf(entry)));
    let head = |size| read_frontier(&store, size).unwrap().head();
    for (index, size, proof) in [
        (0, 1, &[] as &[&str]),
        (
            0,
            8,
            &[
                "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=",
                "Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=",
                "a0eq8p7jwq+a+Im8H7klTavTEXfxYjLdaqsDXKOb9uQ=",
            ],
        ),
        (
            5,
            8,
            &[
                "vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=",
                "yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=",
                "037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=",
            ],
        ),
        (2, 3, &["+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU="]),
        (
            1,
            5,
            &[
                "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=",
                "Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=",
                "vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=",
            ],
        ),
    ] {
        let published = InclusionProof::new(hashes(proof));
        assert_eq!(prove_inclusion(&store, index, size).unwrap(), published);
        let leaf = Hash::of_leaf(&example_entries()[index as usize]);
        published.verify(leaf, index, &head(size)).unwrap();
    }
    for (old, new, proof) in [
        (1, 1, &[] as &[&str]),
        (
            1,
            8,
            &[
                "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=",
                "Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=",
                "a0eq8p7jwq+a+Im8H7klTavTEXfxYjLdaqsDXKOb9uQ=",
            ],
        ),
        (
            6,
            8,
            &[
                "DrxdNDf74tsVi58Sah0RjjCBgQMdCpSfje3t68VY72o=",
                "yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=",
                "037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=",
            ],
        ),
        (
            2,
            5,
            &[
                "Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=",
                "vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=",
            ],
        ),
        (
            6,
            7,
            &[
                "DrxdNDf74tsVi58Sah0RjjCBgQMdCpSfje3t68VY72o=",
                "sIaT7C5yFZcTBkHoIR5+7cy0wmQTlj7ubB4u0W/7Gl8=",
                "037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=",
            ],
        ),
    ] {
        let published = ConsistencyProof::new(hashes(proof));
        assert_eq!(prove_consistency(&store, old, new).unwrap(), published);
        published.verify(&head(old), &head(new)).unwrap();
    }
}

/// The hash of this entry, of <https://pkg.go.dev/golang.org/x/mod/sumdb/tlog> (`TestFormatTree`).
#[test]
fn published_leaf_hash() {
    let hello = Hash::of_leaf(b"hello world");
    assert_eq!(hello.to_string(), "TszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb0=");
}

/// Trees whose proofs are also compared with the definition, which computes everything anew; the proofs of
/// the others are only verified.
const SIZES_COMPARED: [RangeInclusive<usize>; 2] = [1..=70, 254..=264];

#[test]
fn every_small_tree_is_as_defined() {
    let leaves: Vec<Hash> = leaves(264).collect();
    let store = Store::of(leaves.iter().copied());
    let mut frontier = Frontier::new();
    let mut heads = vec![frontier.head()];
    for size in 1..=leaves.len() {
        frontier.append(leaves[size - 1]);
        assert_eq!(frontier.root(), defined_root(&leaves[..size]), "{size} entries");
        heads.push(frontier.head());

        let kept = frontier.to_bytes();
        assert_eq!(kept.len(), 8 + 32 * size.count_ones() as usize);
        assert_eq!(Frontier::from_bytes(&kept).unwrap(), frontier);
        assert_eq!(read_frontier(&store, size as u64).unwrap(), frontier);
    }

    for size in 1..=leaves.len() {
        for index in 0..size {
            let proof = prove_inclusion(&store, index as u64, size as u64).unwrap();
            proof.verify(leaves[index], index as u64, &heads[size]).unwrap();
            if SIZES_COMPARED.iter().any(|sizes| sizes.contains(&size)) {
                assert_eq!(proof.hashes(), defined_inclusion(index, &leaves[..size]));
            }
        }
    }
    for new in 0..=leaves.len() {
        for old in 0..=new {
            let proof = prove_consistency(&store, old as u64, new as u64).unwrap();
            proof.verify(&heads[old], &heads[new]).unwrap();
            if old > 0 && SIZES_COMPARED.iter().any(|sizes| sizes.contains(&new)) {
                assert_eq!(proof.hashes(), defined_consistency(old, &leaves[..new], true));
            }
        }
    }
}

/// Trees of these sizes have tiles of up to eight levels.
#[test]
fn the_largest_trees_have_proofs_too() {
    let sizes = [255, 256, 257, 65_536, 70_000, 100_000_000, (1 << 40) - 1, 1 << 62, SIZE_MAX];
    for size in sizes {
        let frontier = read_frontier(&Same::new(size), size).unwrap();
        assert_eq!(frontier.size(), size);
        for index in [0, 1, size / 3, size / 2, size - 2, size - 1] {
            let tiles = Same::new(size);
            let proof = prove_inclusion(&tiles, index, size).unwrap();
            assert!(proof.hashes().len() <= INCLUSION_HASHES_MAX);
            proof.verify(Same::subtree(0), index, &frontier.head()).unwrap();

            let mut asked = tiles.asked.into_inner();
            let count = asked.len();
            assert!(count <= 15, "{count} tiles for entry {index} of {size}");
            asked.sort();
            asked.dedup();
            assert_eq!(asked.len(), count, "a tile was read twice");
        }
        for old in [1, 2, size / 3, size / 2, size - 1] {
            let tiles = Same::new(size);
            let proof = prove_consistency(&tiles, old, size).unwrap();
            let old_head = read_frontier(&Same::new(size), old).unwrap().head();
            proof.verify(&old_head, &frontier.head()).unwrap();
            assert!(tiles.asked.into_inner().len() <= 15, "{old} of {size}");
            if size <= 1 << 62 {
                assert!(proof.hashes().len() <= CONSISTENCY_HASHES_MAX);
            }
        }
    }
    // What the documentation says of a log of the size that is planned for.
    let proof = prove_inclusion(&Same::new(100_000_000), 7, 100_000_000).unwrap();
    assert_eq!(proof.hashes().len(), 27);
}

/// An append completes up to eight tiles, and a tree goes on from its kept state.
#[test]
fn a_tree_grows_from_its_kept_state() {
    let size = (1 << 40) - 2;
    let kept = read_frontier(&Same::new(size), size).unwrap().to_bytes();
    let mut frontier = Frontier::from_bytes(&kept).unwrap();
    let leaf = Same::subtree(0);
    let mut gained = Vec::new();
    for _ in 0..2 {
        frontier.append_to_tiles(leaf, |hash| gained.push((hash.level, hash.index)));
    }
    let last = (1 << 40) - 1;
    let levels = (0..=5).map(|level| (level, last >> (8 * level)));
    assert_eq!(gained[0], (0, last - 1));
    assert_eq!(gained[1..], levels.collect::<Vec<_>>());
    assert_eq!(frontier.head(), TreeHead { size: 1 << 40, root: Same::subtree(40) });
    assert_eq!(frontier.to_bytes().len(), 8 + 32);
}

#[test]
fn a_kept_state_has_one_form() {
    let frontier = Store::of(leaves(7)).frontier;
    let bytes = frontier.to_bytes();
    for end in 0..8 {
        let refused = Frontier::from_bytes(&bytes[..end]);
        assert_eq!(refused, Err(FrontierError::NoSize { bytes: end }));
    }
    for end in 8..bytes.len() {
        let refused = Frontier::from_bytes(&bytes[..end]);
        assert_eq!(refused, Err(FrontierError::Length { size: 7, expected: 104, found: end }));
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    let refused = Frontier::from_bytes(&longer);
    assert_eq!(refused, Err(FrontierError::Length { size: 7, expected: 104, found: 105 }));
    let size = SIZE_MAX + 1;
    let refused = Frontier::from_bytes(&size.to_be_bytes());
    assert_eq!(refused, Err(FrontierError::TooLarge { size }));
}

#[test]
fn an_inclusion_that_does_not_follow_is_refused() {
    let leaves: Vec<Hash> = leaves(7).collect();
    let store = Store::of(leaves.iter().copied());
    let head = store.frontier.head();
    let proof = prove_inclusion(&store, 4, 7).unwrap();
    proof.verify(leaves[4], 4, &head).unwrap();

    let outside = InclusionError::IndexOutside { index: 7, size: 7 };
    assert_eq!(proof.verify(leaves[4], 7, &head), Err(outside));
    let length = InclusionError::Length { index: 6, size: 7, expected: 2, found: 3 };
    assert_eq!(proof.verify(leaves[4], 6, &head), Err(length));
    let shorter = InclusionProof::new(proof.hashes()[..2].to_vec());
    let length = InclusionError::Length { index: 4, size: 7, expected: 3, found: 2 };
    assert_eq!(shorter.verify(leaves[4], 4, &head), Err(length));

    let wrong_root = |result| matches!(result, Err(InclusionError::WrongRoot { .. }));
    assert!(wrong_root(proof.verify(leaves[4], 5, &head)), "another index");
    assert!(wrong_root(proof.verify(leaves[5], 4, &head)), "another entry");
    let other = TreeHead { root: leaves[0], ..head };
    assert!(wrong_root(proof.verify(leaves[4], 4, &other)), "another root");
    for changed in 0..3 {
        let mut hashes = proof.hashes().to_vec();
        hashes[changed] = leaves[0];
        assert!(wrong_root(InclusionProof::new(hashes).verify(leaves[4], 4, &head)));
    }
    // An inner node does not pass for an entry: its hash has another first byte.
    let inner = [leaves[0].as_bytes().as_slice(), leaves[1].as_bytes()].concat();
    assert_ne!(Hash::of_leaf(&inner), Hash::of_node(&leaves[0], &leaves[1]));

    let proof = prove_inclusion(&store, 0, 0);
    assert!(matches!(proof, Err(ProveError::IndexOutside { index: 0, size: 0 })));
    let size = SIZE_MAX + 1;
    let proof = prove_inclusion(&store, 0, size);
    assert!(matches!(proof, Err(ProveError::TooLarge { size: refused }) if refused == size));
}

#[test]
fn a_consistency_that_does_not_follow_is_refused() {
    let leaves: Vec<Hash> = leaves(7).collect();
    let store = Store::of(leaves.iter().copied());
    let head = |size| read_frontier(&store, size).unwrap().head();
    let proof = prove_consistency(&store, 3, 7).unwrap();
    proof.verify(&head(3), &head(7)).unwrap();

    let refused = proof.verify(&head(7), &head(3));
    assert_eq!(refused, Err(ConsistencyError::Shrunk { old: 7, new: 3 }));
    let refused = proof.verify(&head(4), &head(7));
    let length = ConsistencyError::Length { old: 4, new: 7, expected: 1, found: 4 };
    assert_eq!(refused, Err(length));
    let refused = proof.verify(&head(0), &head(7));
    let length = ConsistencyError::Length { old: 0, new: 7, expected: 0, found: 4 };
    assert_eq!(refused, Err(length));
    let refused = proof.verify(&head(7), &head(7));
    let length = ConsistencyError::Length { old: 7, new: 7, expected: 0, found: 4 };
    assert_eq!(refused, Err(length));

    let other = |size| TreeHead { size, root: leaves[0] };
    let refused = proof.verify(&other(3), &head(7));
    assert!(matches!(refused, Err(ConsistencyError::OldRoot { .. })));
    let refused = proof.verify(&head(3), &other(7));
    assert!(matches!(refused, Err(ConsistencyError::NewRoot { .. })));
    // The old tree is a whole left half here, so no hash of the proof stands for it.
    let proof = prove_consistency(&store, 4, 7).unwrap();
    let refused = proof.verify(&other(4), &head(7));
    assert!(matches!(refused, Err(ConsistencyError::NewRoot { .. })));

    let empty = ConsistencyProof::default();
    empty.verify(&TreeHead::EMPTY, &head(7)).unwrap();
    empty.verify(&TreeHead::EMPTY, &TreeHead::EMPTY).unwrap();
    empty.verify(&head(7), &head(7)).unwrap();
    let refused = empty.verify(&head(7), &other(7));
    assert_eq!(refused, Err(ConsistencyError::SameSizeOtherRoot { size: 7 }));
    for (old, new) in [(other(0), head(7)), (other(0), other(0)), (TreeHead::EMPTY, other(0))] {
        let refused = empty.verify(&old, &new);
        assert_eq!(refused, Err(ConsistencyError::EmptyTreeRoot { root: leaves[0] }));
    }

    let proof = prove_consistency(&store, 7, 3);
    assert!(matches!(proof, Err(ProveError::Shrunk { old: 7, new: 3 })));
}

#[test]
fn a_tile_that_cannot_be_read_is_named() {
    let tiles = |tile: Tile, hashes: &mut [Hash]| {
        hashes.fill(Hash::of_leaf(b""));
        if tile.level() == 1 { Err("the disk is gone") } else { Ok(()) }
    };
    let refused = prove_inclusion(&tiles, 0, 1000).unwrap_err();
    let tile = Tile::new(1, 0, 3).unwrap();
    assert_eq!(refused, ProveError::Read { tile, source: "the disk is gone" });
    prove_inclusion(&tiles, 0, 100).unwrap();
}

#[test]
fn a_hash_has_one_text() {
    let text = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    assert_eq!(hash(text).to_string(), text);
    for (text, error) in [
        ("", HashTextError::Length { chars: 0 }),
        ("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I", HashTextError::Length { chars: 43 }),
        ("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I==", HashTextError::Length { chars: 45 }),
        ("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", HashTextError::Length { chars: 45 }),
        // 33 and 31 bytes in 44 characters.
        ("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2IA", HashTextError::Length { chars: 44 }),
        ("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==", HashTextError::Length { chars: 44 }),
        // The last character has bits that no byte takes.
        ("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=", HashTextError::NotBase64),
        // The alphabet of URLs.
        ("CsUYapGGPo4dkMgIAUqom_Xajj7h2fB2MPA3j2jxq2I=", HashTextError::NotBase64),
        ("CsUYapGGPo4dkMgIAUqom Xajj7h2fB2MPA3j2jxq2I=", HashTextError::NotBase64),
    ] {
        assert_eq!(Hash::parse(text), Err(error), "{text:?}");
    }
}
