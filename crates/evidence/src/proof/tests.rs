use event::{Application, LogId, Timestamp};
use tlog::{
    Checkpoint, Frontier, Hash, InclusionProof, KeyKind, KeyName, SignedCheckpoint, SignerKey,
    cosign,
};

use super::*;
use crate::Rooted;

fn key(name: &str, kind: KeyKind, seed: u8) -> SignerKey {
    SignerKey::from_seed(KeyName::parse(name).unwrap(), kind, [seed; 32]).unwrap()
}

fn entry(seq: u64) -> Entry {
    let none = Rooted { count: 0, root: Hash::EMPTY_TREE };
    Entry {
        log: LogId::from_random(7),
        seq,
        application: Application(3),
        recorded_at: Timestamp(1_772_442_847_000_000),
        kind: 1,
        header_sha256: [1; 32],
        structure_sha256: [2; 32],
        links: none,
        parts: none,
    }
}

/// A proof of event 1 of two, signed by the log and a witness.
fn proof(extra: Vec<u8>) -> String {
    let mut tree = Frontier::new();
    tree.append(entry(0).leaf());
    tree.append(entry(1).leaf());
    let log = key("log.example/a", KeyKind::Ed25519, 1);
    let checkpoint = Checkpoint::new("log.example/a", tree.head()).unwrap();
    let mut signed = SignedCheckpoint::sign(checkpoint, &log).unwrap();
    let witness = key("witness.example/w", KeyKind::CosignatureV1, 2);
    signed.add(cosign(signed.unverified(), 1_772_442_900, &witness).unwrap()).unwrap();
    let file = ProofFile::new(1, InclusionProof::new(vec![entry(0).leaf()]), signed);
    file.with_extra(extra).unwrap().to_string()
}

fn policy(log_seed: u8, witnesses: usize) -> Policy {
    let log = key("log.example/a", KeyKind::Ed25519, log_seed).verifier().clone();
    let witness = key("witness.example/w", KeyKind::CosignatureV1, 2).verifier().clone();
    Policy::new("log.example/a", vec![log], vec![witness], witnesses).unwrap()
}

#[test]
fn a_proof_shows_its_entry_and_who_signed() {
    let text = proof(entry(1).to_bytes().to_vec());
    let proven = verify_proof(text.as_bytes(), &policy(1, 1)).unwrap();
    assert_eq!((proven.entry, proven.head.size), (entry(1), 2));
    let witness = ("witness.example/w".to_owned(), Some(1_772_442_900));
    assert_eq!(proven.witnessed_by, [witness]);
    let told = proven.to_string();
    for words in ["event          1\n", "recorded       2026-03-02T09:14:07.000000Z\n"] {
        assert!(told.contains(words), "{told}");
    }
    assert!(told.contains("witnessed by   witness.example/w at 2026-03-02T09:15:00.000000Z"));
}

#[test]
fn what_does_not_hold_is_refused_with_its_reason() {
    let refusal = |extra: Vec<u8>, policy: &Policy| {
        verify_proof(proof(extra).as_bytes(), policy).unwrap_err()
    };
    let ours = policy(1, 1);
    assert!(matches!(verify_proof(b"x", &ours), Err(ProofRefusal::File(_))));
    assert_eq!(refusal(vec![], &ours), ProofRefusal::NoEntry);
    assert!(matches!(refusal(vec![1], &ours), ProofRefusal::Entry(_)));
    let elsewhere = ProofRefusal::OtherPlace { entry: 0, proof: 1 };
    assert_eq!(refusal(entry(0).to_bytes().to_vec(), &ours), elsewhere);
    let other = Entry { kind: 2, ..entry(1) }.to_bytes().to_vec();
    assert!(matches!(refusal(other, &ours), ProofRefusal::Refused(_)));
    let own = entry(1).to_bytes().to_vec();
    assert!(matches!(refusal(own, &policy(9, 0)), ProofRefusal::Refused(_)));
}

/// Whichever byte is changed, the proof is refused, or shows the same.
#[test]
fn no_changed_byte_shows_something_else() {
    let text = proof(entry(1).to_bytes().to_vec()).into_bytes();
    let ours = policy(1, 1);
    let proven = verify_proof(&text, &ours).unwrap();
    for place in 0..text.len() {
        for bit in 0..8 {
            let mut changed = text.clone();
            changed[place] ^= 1 << bit;
            match verify_proof(&changed, &ours) {
                Err(_) => {}
                Ok(other) => assert_eq!(other, proven, "byte {place}"),
            }
        }
    }
    for end in 0..text.len() {
        assert!(verify_proof(&text[..end], &ours).is_err(), "cut at {end}");
    }
}
