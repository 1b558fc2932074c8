use std::fmt::Write as _;
use std::path::PathBuf;

use ct_merkle::RootHash;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use data_encoding::HEXLOWER;
use sha2::Digest as _;
use tlog::TreeHead;

use super::*;

const SECRET: StateSecret = StateSecret([0x5e; 32]);

fn entry(number: u32, since: Seq) -> Since {
    Since { number: Number(number), since }
}

fn leaf() -> Leaf {
    let salts = Salts::new(&SECRET);
    let number = Number(300);
    let members = [entry(1, 70), entry(255, 9), entry(256, 71), entry(1_000, u64::MAX)];
    Leaf {
        salt: salts.salt(Salted::Leaf(number)),
        resource_type: 2,
        exists: true,
        active: false,
        state: Some(70),
        members_changed: Some(71),
        groups_changed: None,
        members: list_root(&salts.salt(Salted::Members(number)), &members),
        groups: list_root(&salts.salt(Salted::Groups(number)), &[]),
    }
}

fn top() -> Top {
    let salts = Salts::new(&SECRET);
    let set = |set, entries: &[Since]| (set, list_root(&salts.salt(Salted::Set(set)), entries));
    Top {
        log: LogId::from_random(0x0123_4567_89ab_cdef),
        application: Application(3),
        at: 90,
        numbers: Rooted { count: 301, root: leaf().hash() },
        population: Some(70),
        recorder: None,
        sets: vec![set(SetOf::ACTIVE, &[entry(1, 4)]), set(SetOf(1), &[entry(1, 3), entry(2, 8)])],
    }
}

/// The bytes of a state, as a file. `UPDATE_GOLDEN=1` writes it anew; what changes then is every commitment that
/// was ever made.
#[test]
fn a_state_is_that_of_the_golden_file() {
    let hex = |bytes: &[u8]| HEXLOWER.encode(bytes);
    let mut text = String::new();
    let salts = Salts::new(&SECRET);
    for of in [
        Salted::Leaf(Number(300)),
        Salted::Members(Number(300)),
        Salted::Groups(Number(300)),
        Salted::Set(SetOf::ACTIVE),
        Salted::Set(SetOf(1)),
    ] {
        writeln!(text, "salt {of:?} {}", hex(&salts.salt(of).0)).unwrap();
    }
    writeln!(text, "leaf {}", hex(&leaf().to_bytes())).unwrap();
    writeln!(text, "top {}", hex(&top().to_bytes())).unwrap();
    writeln!(text, "root {}", hex(top().root().as_bytes())).unwrap();
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
    let file = data.join("evidence/state.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(file).unwrap());
}

/// The drawing, followed by hand, with another implementation of trees and of HMAC.
#[test]
fn a_state_is_what_the_drawing_says() {
    let salt = |what: u8, number: u32| {
        let message = [&[what][..], &number.to_be_bytes()].concat();
        // RFC 2104: a key that is shorter than a block is filled with zeros.
        let pad = |with: u8| {
            let mut block = [with; 64];
            block.iter_mut().zip(SECRET.0).for_each(|(byte, key)| *byte ^= key);
            block
        };
        let inner = Sha256::digest([&pad(0x36)[..], &message].concat());
        Sha256::digest([&pad(0x5c)[..], &inner].concat()).to_vec()
    };
    let root = |records: Vec<Vec<u8>>| {
        let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        records.into_iter().for_each(|record| tree.push(record));
        let root: RootHash<Sha256> = tree.root();
        root.as_bytes().to_vec()
    };
    let seq = |seq: Option<u64>| {
        [&[u8::from(seq.is_some())][..], &seq.unwrap_or(0).to_be_bytes()].concat()
    };
    let one = |low: u8, since: u64| [&[low][..], &since.to_be_bytes()].concat();
    let block = |block: u32, all: &[Vec<u8>]| [&block.to_be_bytes()[..], &all.concat()].concat();
    let members = root(vec![
        salt(1, 300),
        block(0, &[one(1, 70), one(255, 9)]),
        block(1, &[one(0, 71)]),
        block(3, &[one(232, u64::MAX)]),
    ]);
    let bytes = [
        salt(0, 300),
        vec![2, 1],
        seq(Some(70)),
        seq(Some(71)),
        seq(None),
        4_u32.to_be_bytes().to_vec(),
        members,
        0_u32.to_be_bytes().to_vec(),
        root(vec![salt(2, 300)]),
    ]
    .concat();
    assert_eq!(bytes, leaf().to_bytes());
    assert_eq!(bytes.len(), LEAF_BYTES);
    let top_bytes = [
        b"provlog state/1\n".to_vec(),
        0x0123_4567_89ab_cdef_u64.to_be_bytes().to_vec(),
        3_u32.to_be_bytes().to_vec(),
        90_u64.to_be_bytes().to_vec(),
        301_u32.to_be_bytes().to_vec(),
        Sha256::digest([&[0][..], &bytes].concat()).to_vec(),
        seq(Some(70)),
        seq(None),
        2_u32.to_be_bytes().to_vec(),
        vec![0],
        1_u32.to_be_bytes().to_vec(),
        root(vec![salt(4, 0), block(0, &[one(1, 4)])]),
        vec![1],
        2_u32.to_be_bytes().to_vec(),
        root(vec![salt(3, 1), block(0, &[one(1, 3), one(2, 8)])]),
    ]
    .concat();
    assert_eq!(top_bytes, top().to_bytes());
    assert_eq!(top().root().as_bytes()[..], Sha256::digest([&[0][..], &top_bytes].concat())[..]);
}

#[test]
fn what_is_read_prints_as_the_same_bytes_and_nothing_else_is_read() {
    let (leaf, top) = (leaf().to_bytes(), top().to_bytes());
    assert_eq!(Leaf::parse(&leaf).unwrap().to_bytes(), leaf);
    assert_eq!(Top::parse(&top).unwrap().to_bytes(), top);
    for end in 0..leaf.len() {
        assert!(Leaf::parse(&leaf[..end]).is_err());
    }
    for end in 0..top.len() {
        assert!(Top::parse(&top[..end]).is_err());
    }
    let longer = |bytes: &[u8]| [bytes, &[0]].concat();
    assert!(Leaf::parse(&longer(&leaf)).is_err() && Top::parse(&longer(&top)).is_err());
    for place in 0..top.len() {
        let mut other = top.clone();
        other[place] ^= 0xff;
        if let Ok(read) = Top::parse(&other) {
            assert_eq!(read.to_bytes(), other);
        }
    }
    // Sets in another order, and one twice.
    let sets = top.len() - 2 * SET_BYTES;
    let (front, sets) = top.split_at(sets);
    let (one, two) = sets.split_at(SET_BYTES);
    for sets in [[two, one], [one, one]] {
        assert_eq!(Top::parse(&[front, &sets.concat()].concat()), Err(StateError::Top));
    }
}

#[test]
fn each_leaf_of_a_tree_is_proven_and_no_other() {
    let hashes: Vec<Hash> = (0..70_u8).map(|number| Hash::of_leaf(&[number])).collect();
    for size in 1..=hashes.len() {
        let (all, head) =
            (&hashes[..size], TreeHead { size: size as u64, root: root_over(&hashes[..size]) });
        for (index, hash) in all.iter().enumerate() {
            let proof = prove_in(all, index).unwrap();
            proof.verify(*hash, index as u64, &head).unwrap();
            let other = (index + 1) % size;
            assert!(size == 1 || proof.verify(all[other], index as u64, &head).is_err());
        }
        assert_eq!(prove_in(all, size), None);
    }
}

#[test]
fn a_secret_is_never_printed() {
    assert_eq!(format!("{SECRET:?}"), "StateSecret(…)");
}
