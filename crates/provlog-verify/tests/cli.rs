//! The binary: what it says, and with which exit code.

use std::process::{Command, Output};

use event::{Application, LogId, Timestamp};
use evidence::{Entry, Rooted};
use tlog::{
    Checkpoint, Frontier, Hash, InclusionProof, KeyKind, KeyName, ProofFile, SignedCheckpoint,
    SignerKey,
};

fn key(seed: u8) -> SignerKey {
    let name = KeyName::parse("log.example/a").unwrap();
    SignerKey::from_seed(name, KeyKind::Ed25519, [seed; 32]).unwrap()
}

fn proof() -> String {
    let none = Rooted { count: 0, root: Hash::EMPTY_TREE };
    let entry = Entry {
        log: LogId::from_random(7),
        seq: 0,
        application: Application(3),
        recorded_at: Timestamp(1_772_442_847_000_000),
        kind: 1,
        header_sha256: [1; 32],
        structure_sha256: [2; 32],
        links: none,
        parts: none,
    };
    let mut tree = Frontier::new();
    tree.append(entry.leaf());
    let checkpoint = Checkpoint::new("log.example/a", tree.head()).unwrap();
    let signed = SignedCheckpoint::sign(checkpoint, &key(1)).unwrap();
    let file = ProofFile::new(0, InclusionProof::new(vec![]), signed);
    file.with_extra(entry.to_bytes().to_vec()).unwrap().to_string()
}

fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_provlog-verify")).args(arguments).output();
    let Output { status, stdout, stderr } = output.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn the_exit_code_says_whether_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("proof");
    let path = file.to_str().unwrap();
    std::fs::write(&file, proof()).unwrap();
    let (ours, other) = (key(1).verifier().to_string(), key(2).verifier().to_string());

    let (code, told, error) = run(&[path, "--key", &ours]);
    assert_eq!((code, error.as_str()), (0, ""));
    assert!(told.contains("recorded       2026-03-02T09:14:07.000000Z\n"), "{told}");
    assert_eq!(run(&["--key", &other, "--key", &ours, path]).0, 0, "one of several");

    std::fs::write(&file, proof().replace("index 0", "index 1")).unwrap();
    for (arguments, expected, words) in [
        (&[path, "--key", &ours] as &[&str], 1, "of event 0, and the proof of event 1"),
        (&[path], 2, "--key is missing"),
        (&["--key", &ours], 2, "which file?"),
        (&["--key"], 2, "--key needs a key"),
        (&[path, "--key", "x"], 2, "--key: "),
        (&[path, path, "--key", &ours], 2, "one file at a time"),
        (&[path, "--quiet"], 2, "unknown flag --quiet"),
        (&["/no/such/file", "--key", &ours], 2, "/no/such/file: "),
    ] {
        let (code, told, error) = run(arguments);
        assert_eq!((code, told.as_str()), (expected, ""), "{error}");
        assert!(error.contains(words) && error.lines().count() == 1, "{error}");
    }
    std::fs::write(&file, proof()).unwrap();
    assert_eq!(run(&[path, "--key", &other]).0, 1, "a key that did not sign");
    assert_eq!(run(&["--help"]).0, 0);
}
