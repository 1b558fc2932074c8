//! Tests of the whole crate: against the definition in RFC 6962, other implementations, published examples,
//! golden files and mutated documents.

mod golden;
mod keys;
mod mutations;
mod notes;
mod others;
mod proof_files;
mod store;
mod tiles;
mod trees;
mod witnesses;

use crate::*;

/// The entries of the published examples of RFC 6962 trees: these bytes, in this order.
fn example_entries() -> Vec<Vec<u8>> {
    let mut entries = vec![vec![], vec![0x00], vec![0x10], vec![0x20, 0x21], vec![0x30, 0x31]];
    entries.push((0x40..0x44).collect());
    entries.push((0x50..0x58).collect());
    entries.push((0x60..0x70).collect());
    entries
}

/// A tree of these many entries, of which each is its own number in decimal.
fn leaves(count: u64) -> impl Iterator<Item = Hash> {
    (0..count).map(|number| Hash::of_leaf(number.to_string().as_bytes()))
}

fn hash(text: &str) -> Hash {
    Hash::parse(text).unwrap()
}

fn hashes(texts: &[&str]) -> Vec<Hash> {
    texts.iter().map(|text| hash(text)).collect()
}

fn name(text: &str) -> KeyName {
    KeyName::parse(text).unwrap()
}

/// Keys of invented signers, each of a seed of its own.
fn log_key() -> SignerKey {
    SignerKey::from_seed(name("log.example/audit"), KeyKind::Ed25519, [1; 32]).unwrap()
}

fn witness_key(number: u8) -> SignerKey {
    let name = name(&format!("witness.example/w{number}"));
    SignerKey::from_seed(name, KeyKind::CosignatureV1, [100 + number; 32]).unwrap()
}

/// A checkpoint of the invented log, signed by it.
fn signed(head: TreeHead) -> SignedCheckpoint {
    let checkpoint = Checkpoint::new("log.example/audit", head).unwrap();
    SignedCheckpoint::sign(checkpoint, &log_key()).unwrap()
}

/// The same, cosigned by these witnesses.
fn cosigned(head: TreeHead, witnesses: &[u8]) -> SignedCheckpoint {
    let mut checkpoint = signed(head);
    for number in witnesses {
        let time_s = 1_772_539_200 + u64::from(*number);
        let signature = cosign(checkpoint.unverified(), time_s, &witness_key(*number)).unwrap();
        checkpoint.add(signature).unwrap();
    }
    checkpoint
}

/// Believes the invented log, with at least so many of these witnesses.
fn policy(witnesses: &[u8], witnesses_min: usize) -> Policy {
    let keys = witnesses.iter().map(|number| witness_key(*number).verifier().clone()).collect();
    let log_keys = vec![log_key().verifier().clone()];
    Policy::new("log.example/audit", log_keys, keys, witnesses_min).unwrap()
}
