//! What is on disk: over restarts, after damage, when several ask at once, when a log shows two trees.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;

use tlog::{AddCheckpoint, ConsistencyProof, Policy, SignedCheckpoint, TreeHead};

use super::*;
use crate::{CLOCK_BEHIND_S_MAX, Refusal, SPLITS_MAX, StateError};

/// SHA-256 of "log.example/audit".
const HASH: &str = "cbd6947f91d08f4fc904bb0987574379ac5e35b4aad20e968c683c236868c40a";

fn state(folder: &Path) -> PathBuf {
    folder.join(format!("{HASH}.state"))
}

/// The files of a folder whose names have this in them.
fn files(folder: &Path, part: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.to_str().unwrap().contains(part)).collect();
    files.sort();
    files
}

#[test]
fn the_file_has_the_form_that_is_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(3);
    let witness = opened(folder.path(), &log, &Clock::new()).unwrap();
    witness.add_checkpoint(&log.body(0, 3)).unwrap();
    let text = fs::read_to_string(state(folder.path())).unwrap();
    // Signed by another implementation.
    let golden = "\
provlog witness state 1
time 1772539200
log.example/audit
3
cl1SMNto9VdHDcNfHYhlgTrNfrsHrRUndBQd7LrnEyc=

\u{2014} log.example/audit XwL/bWTt6fqhqlQKeE63cBt6JNrJjbd7DUVPk9tdivfHNLXFGIBzeayf8pk0IVCi0HZCji2nTQrxEPN5EwHLDxrRIwY=
\u{2014} witness.example/w1 6irQBwAAAABpps1AVYHM1PyBLEJ06HpmSAKxRwHJGzpLCvv/zSFn97AYQ7RBSDxWDp/TF8h3eOe/Di7U4wlNS/FdTLem8aSWUgdeCw==
sha256 a35acd37b01227e6a2fb1627c4fe79c6956716b075bb4b63debabdbeac53ff84
";
    assert_eq!(text, golden);
    assert_eq!(files(folder.path(), "").len(), 1, "nothing else is left");
    let mode = fs::metadata(state(folder.path())).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// A process that ends after it has written, and before its answer left.
#[test]
fn a_signature_that_nobody_got_is_given_again() {
    let folder = tempfile::tempdir().unwrap();
    let (log, clock) = (Log::new(300), Clock::new());
    let witness = opened(folder.path(), &log, &clock).unwrap();
    let lost = witness.add_checkpoint(&log.body(0, 100)).unwrap();
    drop(witness);
    let witness = opened(folder.path(), &log, &clock).unwrap();
    let refused = witness.add_checkpoint(&log.body(0, 100));
    assert!(matches!(refused, Err(Refusal::OtherSize { known_size: 100 })));
    let before = fs::metadata(state(folder.path())).unwrap().modified().unwrap();
    assert_eq!(witness.add_checkpoint(&log.body(100, 100)).unwrap(), lost);
    let after = fs::metadata(state(folder.path())).unwrap().modified().unwrap();
    assert_eq!(before, after, "the same again is not written again");
    clock.set(NOW_S + 1);
    assert_ne!(witness.add_checkpoint(&log.body(100, 100)).unwrap(), lost);
    witness.add_checkpoint(&log.body(100, 300)).unwrap();
    drop(witness);
    // The time is remembered too.
    clock.set(NOW_S - CLOCK_BEHIND_S_MAX);
    let witness = opened(folder.path(), &log, &clock).unwrap();
    let refused = witness.add_checkpoint(&log.body(300, 300));
    assert!(matches!(refused, Err(Refusal::ClockBehind { .. })));
}

#[test]
fn what_cannot_be_written_is_not_signed() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(300);
    let serving = Serving::of(opened(folder.path(), &log, &Clock::new()).unwrap());
    assert_eq!(post(&serving.url, &log.body(0, 100)).status, 200);
    let before = fs::read(state(folder.path())).unwrap();
    // A folder in the place of the file that is written first cannot be removed as a file.
    let part = state(folder.path()).with_extension("state.part");
    fs::create_dir(&part).unwrap();
    let answer = post(&serving.url, &log.body(100, 200));
    assert_eq!((answer.status, answer.body.contains('\u{2014}')), (503, false), "{answer:?}");
    // Why is for the person who runs it.
    assert_eq!(answer.body, "this witness cannot write what it signs\n");
    assert_eq!(fs::read(state(folder.path())).unwrap(), before);
    // It stands where it stood, and goes on once it can.
    assert_eq!(post(&serving.url, &log.body(200, 200)).body, "100\n");
    fs::remove_dir(&part).unwrap();
    assert_eq!(post(&serving.url, &log.body(100, 200)).status, 200);
}

#[test]
fn a_damaged_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (log, clock) = (Log::new(300), Clock::new());
    drop(opened(folder.path(), &log, &clock).unwrap());
    let witness = opened(folder.path(), &log, &clock).unwrap();
    witness.add_checkpoint(&log.body(0, 300)).unwrap();
    drop(witness);
    let path = state(folder.path());
    let whole = fs::read(&path).unwrap();
    let check = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        match opened(folder.path(), &log, &clock) {
            Err(OpenError::State { path: named, source }) => {
                assert_eq!(named, path);
                source
            }
            other => panic!("{other:?}"),
        }
    };
    for at in 0..whole.len() {
        assert!(matches!(check(&whole[..at]), StateError::Damaged), "cut at {at}");
        let mut changed = whole.clone();
        changed[at] ^= 1;
        match check(&changed) {
            StateError::Damaged => {}
            // The digit of the version.
            StateError::Version { found: 0, known: 1 } => assert_eq!(at, 22),
            other => panic!("{at}: {other:?}"),
        }
    }
    check(&[&whole[..], b"\n"].concat());
    check(&[&whole[..], &whole[..]].concat());
    let newer = String::from_utf8(whole.clone()).unwrap().replacen("state 1", "state 2", 1);
    assert_eq!(check(newer.as_bytes()), StateError::Version { found: 2, known: 1 });
    check(&vec![b'a'; 2_000_000]);
    // Another log's, whole.
    let elsewhere = tempfile::tempdir().unwrap();
    let other = Log::named("log.example/other", 300);
    let witness = opened(elsewhere.path(), &other, &clock).unwrap();
    witness.add_checkpoint(&other.body(0, 300)).unwrap();
    let found = "log.example/other".to_owned();
    let bytes = fs::read(&files(elsewhere.path(), ".state")[0]).unwrap();
    assert_eq!(check(&bytes), StateError::OtherLog { found });
    // One line for the person who runs it, and what to do.
    let error = opened(folder.path(), &log, &clock).unwrap_err().to_string();
    assert!(
        error.contains(path.to_str().unwrap()) && error.contains("put the file back"),
        "{error}"
    );
    fs::remove_file(&path).unwrap();
    symlink(&files(elsewhere.path(), ".state")[0], &path).unwrap();
    assert!(matches!(opened(folder.path(), &log, &clock), Err(OpenError::File { .. })));
    fs::remove_file(&path).unwrap();
    fs::write(&path, &whole).unwrap();
    opened(folder.path(), &log, &clock).unwrap();
}

#[test]
fn a_folder_has_one_witness() {
    let folder = tempfile::tempdir().unwrap();
    let (log, clock) = (Log::new(3), Clock::new());
    let first = opened(folder.path(), &log, &clock).unwrap();
    assert!(matches!(opened(folder.path(), &log, &clock), Err(OpenError::Locked { .. })));
    drop(first);
    opened(folder.path(), &log, &clock).unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(opened(&file, &log, &clock), Err(OpenError::File { .. })));
}

#[test]
fn keys_that_make_no_sense_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let open = |key: SignerKey, logs: Vec<&SignerKey>| {
        let known = |key: &SignerKey| KnownLog { key: key.verifier().clone(), url: None };
        Witness::open(folder.path(), key, logs.into_iter().map(known).collect(), || NOW_S, false)
    };
    let log = key("log.example/audit", KeyKind::Ed25519, 1);
    assert!(matches!(open(witness_key(1), vec![]), Err(OpenError::NoLog)));
    let refused = open(witness_key(1), vec![&witness_key(2)]);
    assert!(matches!(refused, Err(OpenError::NotALog { .. })));
    assert!(matches!(open(witness_key(1), vec![&log, &log]), Err(OpenError::Logs(_))));
    let same = key("witness.example/w1", KeyKind::CosignatureV1, 1);
    assert!(matches!(open(same, vec![&log]), Err(OpenError::OwnKey { .. })));
    // Public tools write a witness's key with the other kind.
    let plain = witness_key(1).with_kind(KeyKind::Ed25519).unwrap();
    let witness = open(plain, vec![&log]).unwrap();
    assert_eq!(witness.verifier(), witness_key(1).verifier());
}

/// All of them go on from the same checkpoint, to two sizes.
#[test]
fn of_requests_at_once_one_is_signed() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(300);
    let serving = Serving::of(opened(folder.path(), &log, &Clock::new()).unwrap());
    let mut old = 0;
    for round in 0..20 {
        let sizes = [200 + 2 * round, 201 + 2 * round];
        let bodies: Vec<Vec<u8>> = (0..8).map(|number| log.body(old, sizes[number % 2])).collect();
        let barrier = Barrier::new(bodies.len());
        let answers: Vec<Got> = thread::scope(|scope| {
            let ask = |body: &Vec<u8>| {
                let body = body.clone();
                let (barrier, url) = (&barrier, &serving.url);
                scope.spawn(move || {
                    barrier.wait();
                    post(url, &body)
                })
            };
            let asked: Vec<_> = bodies.iter().map(ask).collect();
            asked.into_iter().map(|asked| asked.join().unwrap()).collect()
        });
        let signed: Vec<usize> = (0..8).filter(|number| answers[*number].status == 200).collect();
        assert_eq!(signed.len(), 1, "round {round}: {answers:?}");
        old = sizes[signed[0] % 2];
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            assert_eq!((answer.status, &answer.body), (409, &format!("{old}\n")));
        }
    }
}

#[test]
fn of_two_trees_at_once_one_is_signed() {
    let (log, fork) = (Log::new(300), Log::forked(300, 200));
    assert_eq!(log.head(200), fork.head(200));
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let witness = opened(folder.path(), &log, &Clock::new()).unwrap();
        witness.add_checkpoint(&log.body(0, 200)).unwrap();
        let barrier = Barrier::new(2);
        let ask = |log: &Log| {
            barrier.wait();
            witness.add_checkpoint(&log.body(200, 300)).is_ok()
        };
        let (one, other) = thread::scope(|scope| {
            let one = scope.spawn(|| ask(&log));
            (ask(&fork), one.join().unwrap())
        });
        assert!(one != other, "{one} {other}");
        assert_eq!(files(folder.path(), ".split-").len(), 1);
    }
}

#[test]
fn a_split_view_leaves_both_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let (log, clock) = (Log::new(300), Clock::new());
    let known = KnownLog {
        key: log.key.verifier().clone(),
        url: Some("https://log.example/audit".to_owned()),
    };
    let witness = Witness::open(folder.path(), witness_key(1), vec![known], || NOW_S, false);
    let witness = witness.unwrap();
    witness.add_checkpoint(&log.body(0, 300)).unwrap();
    let fork = Log::forked(300, 250);
    // What the log says of the old size does not matter.
    let mut kept = vec![];
    for old in [0, 300, 299, 300] {
        assert!(witness.add_checkpoint(&fork.body(old, 300)).is_err());
        kept = files(folder.path(), ".split-");
        assert_eq!(kept.len(), 1, "{kept:?}");
    }
    let text = fs::read_to_string(&kept[0]).unwrap();
    assert!(text.contains("Address of the log: https://log.example/audit\n"), "{text}");
    let policy = Policy::new("log.example/audit", vec![log.key.verifier().clone()], vec![], 0);
    let policy = policy.unwrap();
    let notes: Vec<SignedCheckpoint> = text
        .split("\n--- ")
        .skip(1)
        .map(|part| part.split_once('\n').unwrap().1)
        .map(|note| format!("{}\n", note.trim_end()))
        .map(|note| SignedCheckpoint::parse(note.as_bytes()).unwrap())
        .collect();
    let heads: Vec<TreeHead> =
        notes.iter().map(|note| *policy.verify(note).unwrap().head()).collect();
    assert_eq!(heads, [log.head(300), fork.head(300)]);

    // What is no proof: an unsigned one, a size that was not signed before.
    let forger = Log::named("log.example/audit", 250);
    let unsigned = forger.signed_head(Log::forked(300, 240).head(300));
    let unsigned = AddCheckpoint::new(300, ConsistencyProof::default(), unsigned).unwrap();
    assert!(witness.add_checkpoint(unsigned.to_string().as_bytes()).is_err());
    assert!(witness.add_checkpoint(&Log::forked(301, 240).body(300, 301)).is_err());
    assert!(witness.add_checkpoint(&Log::forked(300, 240).body(0, 299)).is_err());
    assert_eq!(files(folder.path(), ".split-").len(), 1);

    // No more than so many, and the log goes on being watched.
    for from in 100..100 + 2 * SPLITS_MAX as u64 {
        assert!(witness.add_checkpoint(&Log::forked(300, from).body(300, 300)).is_err());
    }
    assert_eq!(files(folder.path(), ".split-").len(), SPLITS_MAX);
    witness.add_checkpoint(&log.body(300, 300)).unwrap();
    drop(witness);
    opened(folder.path(), &log, &clock).unwrap();
}
