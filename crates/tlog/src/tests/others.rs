//! The same trees, tiles, notes and checkpoints by implementations that are not ours.

use ct_merkle::digest::Output;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use sha2::Sha256;
use signed_note::{StandardVerifier, Verifier as _, VerifierList};

use super::keys::PETER_SECRET;
use super::store::Store;
use super::*;

fn bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

fn entry(number: u64) -> Vec<u8> {
    number.to_string().into_bytes()
}

#[test]
fn trees_and_proofs_of_ct_merkle() {
    let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut roots = vec![theirs.root()];
    let mut ours = Store::default();
    for new in 1..=140_u64 {
        theirs.push(entry(new - 1));
        roots.push(theirs.root());
        ours.append(Hash::of_leaf(&entry(new - 1)));
        let head = ours.frontier.head();
        assert_eq!(theirs.root().as_bytes().as_slice(), head.root.as_bytes());
        for index in 0..new {
            let proof = prove_inclusion(&ours, index, new).unwrap();
            let other = theirs.prove_inclusion(index as usize);
            assert_eq!(other.as_bytes(), bytes(proof.hashes()));
            let other = ct_merkle::InclusionProof::<Sha256>::from_bytes(bytes(proof.hashes()));
            theirs.root().verify_inclusion(&entry(index), index, &other).unwrap();
        }
        for old in 1..new {
            let proof = prove_consistency(&ours, old, new).unwrap();
            let other = theirs.prove_consistency((new - old) as usize);
            assert_eq!(other.as_bytes(), bytes(proof.hashes()), "from {old} to {new}");
            let proof: Vec<Output<Sha256>> =
                proof.hashes().iter().map(|hash| (*hash.as_bytes()).into()).collect();
            let other = ct_merkle::ConsistencyProof::<Sha256>::from_digests(proof.iter());
            theirs.root().verify_consistency(&roots[old as usize], &other).unwrap();
        }
    }
}

/// Reads our hashes by the numbers that the other implementation gives them.
struct OurHashes<'a>(&'a Store);

impl tlog_tiles::HashReader for OurHashes<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        let read = |index: &u64| {
            let (height, number) = tlog_tiles::tlog::split_stored_hash_index(*index);
            // The tile level below, and as many of its hashes as the subtree has.
            let count = 1 << (height % 8);
            let first = number as usize * count;
            let mut hashes = self.0.level(height / 8)[first..first + count].to_vec();
            while hashes.len() > 1 {
                hashes = hashes.chunks(2).map(|two| Hash::of_node(&two[0], &two[1])).collect();
            }
            tlog_tiles::Hash(*hashes[0].as_bytes())
        };
        Ok(indexes.iter().map(read).collect())
    }
}

#[test]
fn proofs_and_tiles_of_tlog_tiles() {
    let store = Store::of(leaves(1000));
    let theirs = OurHashes(&store);
    let ours = |hashes: Vec<tlog_tiles::Hash>| -> Vec<Hash> {
        hashes.into_iter().map(|hash| Hash::new(hash.0)).collect()
    };
    for size in [1_u64, 2, 3, 255, 256, 257, 511, 512, 513, 999, 1000] {
        let head = read_frontier(&store, size).unwrap().head();
        let root = tlog_tiles::tlog::tree_hash(size, &theirs).unwrap();
        assert_eq!(head.root, Hash::new(root.0));
        for index in (0..size).step_by(7) {
            let proof = tlog_tiles::tlog::prove_record(size, index, &theirs).unwrap();
            let other = prove_inclusion(&store, index, size).unwrap();
            assert_eq!(ours(proof), other.hashes());
        }
        for old in (1..=size).step_by(5) {
            let proof = tlog_tiles::tlog::prove_tree(size, old, &theirs).unwrap();
            let other = prove_consistency(&store, old, size).unwrap();
            assert_eq!(ours(proof), other.hashes(), "from {old} to {size}");
        }
    }

    // Their paths name the height of a tile, ours, like those of C2SP, do not.
    let theirs = |tile: &tlog_tiles::Tile| tile.path().replacen("tile/8/", "tile/", 1);
    for (old, new) in [(0, 1), (0, 70_000), (255, 257), (69_999, 70_000), (65_535, 65_536)] {
        let other: Vec<String> =
            tlog_tiles::Tile::new_tiles(8, old, new).iter().map(theirs).collect();
        let mut changed: Vec<String> =
            Tile::changed(old, new).map(|tile| tile.to_string()).collect();
        changed.sort();
        let mut other = other;
        other.sort();
        assert_eq!(changed, other, "from {old} to {new}");
    }
    for (level, index, width) in [(0, 0, 256), (3, 1_234_067, 1), (5, 999, 255), (1, 1000, 256)] {
        let ours = Tile::new(level, index, width).unwrap();
        let other = tlog_tiles::Tile::new(8, level, index, u32::from(width), false);
        assert_eq!(ours.to_string(), theirs(&other));
    }
}

#[test]
fn checkpoints_of_tlog_tiles() {
    let head = Store::of(leaves(1000)).frontier.head();
    let checkpoint = Checkpoint::new("log.example/audit", head).unwrap();
    let theirs = tlog_tiles::Checkpoint::from_bytes(checkpoint.to_string().as_bytes()).unwrap();
    assert_eq!(theirs.origin(), "log.example/audit");
    assert_eq!(theirs.size(), 1000);
    assert_eq!(theirs.hash().0, *head.root.as_bytes());
    assert_eq!(theirs.to_bytes(), checkpoint.to_string().into_bytes());
    let hash = tlog_tiles::Hash(*head.root.as_bytes());
    let theirs = tlog_tiles::Checkpoint::new("log.example/audit", 1000, hash, "more\n").unwrap();
    let ours = Checkpoint::parse(std::str::from_utf8(&theirs.to_bytes()).unwrap()).unwrap();
    assert_eq!(*ours.head(), head);
    assert_eq!(ours.extension_lines().collect::<Vec<_>>(), ["more"]);
}

#[test]
fn notes_of_signed_note() {
    // Ours, checked by theirs.
    let key = log_key();
    let head = Store::of(leaves(1000)).frontier.head();
    let note = cosigned(head, &[1, 2]).to_string();
    let theirs = signed_note::Note::from_bytes(note.as_bytes()).unwrap();
    let verifier = StandardVerifier::new(&key.verifier().to_string()).unwrap();
    let (verified, unverified) =
        theirs.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
    assert_eq!(verified.len(), 1);
    assert_eq!(unverified.len(), 2, "the witnesses are not known there");
    assert_eq!(theirs.to_bytes(), note.into_bytes());

    // Theirs, checked by ours; both libraries sign with the same bytes.
    for secret in [PETER_SECRET.to_owned(), key.secret_text()] {
        let text = "A text.\n\nAnd more.\n";
        let signer = signed_note::StandardSigner::new(&secret).unwrap();
        let mut theirs = signed_note::Note::new(text.as_bytes(), &[]).unwrap();
        theirs.add_sigs(&[&signer]).unwrap();
        let ours = SignerKey::parse(&secret).unwrap();
        let note = Note::parse(&theirs.to_bytes()).unwrap();
        note.verify([ours.verifier()]).unwrap();
        assert_eq!(note, Note::sign(text, &ours).unwrap());
    }
}

/// The message of a cosignature, written out by hand, under the signature that we make.
#[test]
fn the_message_of_a_cosignature() {
    let head = TreeHead { size: 1, root: Hash::of_leaf(b"") };
    let checkpoint = cosigned(head, &[1]);
    let signature = &checkpoint.note().signatures()[1];
    let message = "cosignature/v1\ntime 1772539201\nlog.example/audit\n1\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\n";
    let plain = witness_key(1).with_kind(KeyKind::Ed25519).unwrap();
    let verifier = StandardVerifier::new(&plain.verifier().to_string()).unwrap();
    assert!(verifier.verify(message.as_bytes(), &signature.bytes()[8..]));
    let id = signed_note::key_id("witness.example/w1", &{
        let mut key = vec![0x04];
        key.extend_from_slice(plain.verifier().public());
        key
    });
    assert_eq!(signature.id(), KeyId::new(id));
}
