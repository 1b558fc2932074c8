//! Mutated documents: each is refused with a reason, or it says the same as the original and differs only
//! in what the formats tell to ignore. None makes a panic.
//!
//! `PROVLOG_TEST_MUTATIONS` is the number of mutations, over all documents. They are the same in each run.

use std::collections::BTreeMap;
use std::error::Error;

use super::store::Store;
use super::*;

/// What a document says, if it is believed.
type Claim = Result<String, Box<dyn Error>>;

type Read = Box<dyn Fn(&[u8]) -> Claim>;

/// A document, and what is done with it where it matters.
struct Document {
    name: &'static str,
    bytes: Vec<u8>,
    read: Read,
    /// Whether there is anything in it that is to be ignored.
    has_ignored: bool,
}

fn documents() -> Vec<Document> {
    let store = Store::of(leaves(300));
    let head = store.frontier.head();
    let old_head = read_frontier(&store, 200).unwrap().head();
    // Witness 3 is unknown.
    let checkpoint = cosigned(head, &[1, 3, 2]);
    let leaf = store.level(0)[123];
    let proof = prove_inclusion(&store, 123, 300).unwrap();
    let file = ProofFile::new(123, proof, checkpoint.clone()).with_extra(vec![7; 40]).unwrap();
    let proof = prove_consistency(&store, 200, 300).unwrap();
    let request = AddCheckpoint::new(200, proof, checkpoint.clone()).unwrap();
    let mut note = Note::sign("A text.\n\nAnd more.\n", &log_key()).unwrap();
    note.add(checkpoint.note().signatures()[2].clone()).unwrap();
    let bundle = EntryBundle::new(0, 3).unwrap();
    let mut entries = Vec::new();
    for entry in ["one", "", "three"] {
        push_entry(&mut entries, entry.as_bytes()).unwrap();
    }

    let mut documents = Vec::new();
    let mut add = |name, bytes: Vec<u8>, has_ignored, read: Read| {
        documents.push(Document { name, bytes, read, has_ignored });
    };
    add("note", note.to_string().into_bytes(), true, {
        let key = log_key();
        Box::new(move |bytes| {
            let note = Note::parse(bytes)?;
            let signed = note.verify([key.verifier()])?;
            Ok(format!("{}{}", note.text(), signed[0].key))
        })
    });
    add("checkpoint", checkpoint.to_string().into_bytes(), true, {
        Box::new(|bytes| {
            let signed = SignedCheckpoint::parse(bytes)?;
            Ok(claim(&policy(&[1, 2], 2).verify(&signed)?))
        })
    });
    add("proof file", file.to_string().into_bytes(), true, {
        Box::new(move |bytes| {
            let file = ProofFile::parse(bytes)?;
            let policy = policy(&[1, 2], 2);
            let verified = file.verify(leaf, &policy)?;
            Ok(format!("{} {:?} {}", file.index(), file.proof(), claim(&verified)))
        })
    });
    add("request", request.to_string().into_bytes(), true, {
        Box::new(move |bytes| {
            let request = AddCheckpoint::parse(bytes)?;
            if request.old_size() != old_head.size {
                return Err("the witness knows another size".into());
            }
            let policy = policy(&[1, 2], 2);
            let verified = policy.verify(request.checkpoint())?;
            request.proof().verify(&old_head, verified.head())?;
            Ok(format!("{:?} {}", request.proof(), claim(&verified)))
        })
    });
    add("inclusion", hash_bytes(file.proof().hashes()), false, {
        Box::new(move |bytes| {
            let proof = InclusionProof::new(hashes_of(bytes)?);
            proof.verify(leaf, 123, &head)?;
            Ok(format!("{proof:?}"))
        })
    });
    add("consistency", hash_bytes(request.proof().hashes()), false, {
        Box::new(move |bytes| {
            let proof = ConsistencyProof::new(hashes_of(bytes)?);
            proof.verify(&old_head, &head)?;
            Ok(format!("{proof:?}"))
        })
    });
    add("state", store.frontier.to_bytes(), false, {
        Box::new(move |bytes| {
            let kept = Frontier::from_bytes(bytes)?.head();
            if kept != head {
                return Err("the state is not of the tree".into());
            }
            Ok(format!("{kept:?}"))
        })
    });
    add("verifier key", log_key().verifier().to_string().into_bytes(), false, {
        Box::new(|bytes| Ok(VerifierKey::parse(std::str::from_utf8(bytes)?)?.to_string()))
    });
    add("signer key", log_key().secret_text().into_bytes(), false, {
        Box::new(|bytes| Ok(SignerKey::parse(std::str::from_utf8(bytes)?)?.secret_text()))
    });
    add("tile path", b"tile/0/x001/x234/067.p/112".to_vec(), false, {
        let meant = Tile::parse("tile/0/x001/x234/067.p/112").unwrap();
        Box::new(move |bytes| {
            let path = std::str::from_utf8(bytes)?;
            let tile = Tile::parse(path)?;
            assert_eq!(tile.to_string(), path, "a tile with two paths");
            if tile != meant {
                return Err("another tile".into());
            }
            Ok(path.to_owned())
        })
    });
    add("entries", entries.clone(), false, {
        Box::new(move |bytes| {
            let read = split_entries(bundle, bytes)?;
            let mut again = Vec::new();
            for entry in &read {
                push_entry(&mut again, entry)?;
            }
            assert_eq!(again, bytes, "a bundle with two forms");
            let leaves: Vec<Hash> = read.iter().map(|entry| Hash::of_leaf(entry)).collect();
            if leaves
                != split_entries(bundle, &entries)?
                    .into_iter()
                    .map(Hash::of_leaf)
                    .collect::<Vec<_>>()
            {
                return Err("other entries".into());
            }
            Ok(format!("{leaves:?}"))
        })
    });
    documents
}

/// What was checked, without the order in which the witnesses stand.
fn claim(verified: &VerifiedCheckpoint<'_>) -> String {
    let mut witnesses: Vec<String> =
        verified.witnesses().iter().map(|one| format!("{} {:?}", one.key, one.time_s)).collect();
    witnesses.sort();
    format!("{} {} {witnesses:?}", verified.checkpoint(), verified.log_key())
}

fn hash_bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

fn hashes_of(bytes: &[u8]) -> Result<Vec<Hash>, Box<dyn Error>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if !rest.is_empty() {
        return Err("not whole hashes".into());
    }
    Ok(hashes.iter().copied().map(Hash::new).collect())
}

/// Numbers that are the same in each run (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// A byte that often stands in documents.
    fn byte(&mut self) -> u8 {
        const USUAL: &[u8] = b"\n\n  =+/-0123456789abcxyzABCXYZ.\r\t\0\xff\xe2\x80\x94";
        if self.below(4) == 0 { self.next() as u8 } else { USUAL[self.below(USUAL.len())] }
    }
}

/// One change of the bytes, of those that transfer, editors and forgers make.
fn mutate(original: &[u8], others: &[Document], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = original.to_vec();
    let at = numbers.below(bytes.len());
    match numbers.below(12) {
        0 | 1 => bytes[at] ^= 1 << numbers.below(8),
        2 => bytes[at] = numbers.byte(),
        3 => bytes.insert(at, numbers.byte()),
        4 => drop(bytes.remove(at)),
        5 => bytes.truncate(at),
        6 => drop(bytes.drain(..at)),
        7 => {
            let other = numbers.below(bytes.len());
            bytes.swap(at, other);
        }
        8 => {
            let end = (at + 1 + numbers.below(80)).min(bytes.len());
            drop(bytes.drain(at..end));
        }
        9 => {
            // A piece of any document.
            let other = &others[numbers.below(others.len())].bytes;
            let from = numbers.below(other.len());
            let to = (from + 1 + numbers.below(200)).min(other.len());
            bytes.splice(at..at, other[from..to].iter().copied());
        }
        kind => {
            let mut lines: Vec<&[u8]> = original.split_inclusive(|byte| *byte == b'\n').collect();
            let (one, two) = (numbers.below(lines.len()), numbers.below(lines.len()));
            match (kind, numbers.below(2)) {
                (10, 0) => lines.swap(one, two),
                (10, _) => drop(lines.remove(one)),
                (_, 0) => lines.insert(two, lines[one]),
                (_, _) => lines[two] = lines[one],
            }
            bytes = lines.concat();
        }
    }
    bytes
}

/// The reason and its causes, without the numbers, names and hashes in them.
fn words(error: &dyn Error) -> String {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        reason.push_str(&format!(": {one}"));
        cause = one.source();
    }
    let is_word =
        |word: &&str| !word.contains(|one: char| one.is_ascii_digit() || "+/=.".contains(one));
    reason.split(' ').filter(is_word).collect::<Vec<_>>().join(" ")
}

#[test]
fn mutated_documents_are_refused_with_a_reason() {
    let count = match std::env::var("PROVLOG_TEST_MUTATIONS") {
        Ok(text) => text.parse().expect("PROVLOG_TEST_MUTATIONS must be a number"),
        Err(_) => 100_000,
    };
    let documents = documents();
    let mut numbers = Numbers(2026);
    let mut reasons: BTreeMap<(&str, String), u32> = BTreeMap::new();
    let mut ignored: BTreeMap<&str, u32> = BTreeMap::new();
    let said: Vec<String> =
        documents.iter().map(|document| (document.read)(&document.bytes).unwrap()).collect();
    for round in 0..count {
        let at = round % documents.len();
        let document = &documents[at];
        let mut bytes = document.bytes.clone();
        for _ in 0..1 + numbers.below(3) {
            bytes = mutate(&bytes, &documents, &mut numbers);
            if bytes.is_empty() {
                break;
            }
        }
        if bytes == document.bytes {
            continue;
        }
        match (document.read)(&bytes) {
            Ok(claim) => {
                let shown = String::from_utf8_lossy(&bytes);
                assert_eq!(
                    claim, said[at],
                    "round {round}: another {} is believed: {shown}",
                    document.name
                );
                *ignored.entry(document.name).or_default() += 1;
            }
            Err(error) => {
                let reason = words(error.as_ref());
                assert!(!reason.is_empty());
                *reasons.entry((document.name, reason)).or_default() += 1;
            }
        }
    }
    show(&reasons, &ignored);
    for document in &documents {
        let kinds = reasons.keys().filter(|(name, _)| *name == document.name).count();
        if count >= 5_000 {
            assert!(kinds >= 2, "{}: {reasons:?}", document.name);
            let is_ignored = ignored.contains_key(document.name);
            assert_eq!(is_ignored, document.has_ignored, "{}", document.name);
        }
    }
}

#[expect(clippy::print_stdout, reason = "tools/test shows what was refused how often")]
fn show(reasons: &BTreeMap<(&str, String), u32>, ignored: &BTreeMap<&str, u32>) {
    for ((name, reason), count) in reasons {
        println!("{count:6} {name}: {reason}");
    }
    for (name, count) in ignored {
        println!("{count:6} {name}: only what is ignored differs");
    }
}
