//! Our cosignatures, checked by an implementation of signed notes that is not ours.

use signed_note::{StandardVerifier, Verifier as _};

use super::*;

#[test]
fn a_cosignature_is_what_the_specification_says() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(300);
    let serving = Serving::of(opened(folder.path(), &log, &Clock::new()).unwrap());
    let answer = post(&serving.url, &log.body(0, 300));

    let line = answer.body.strip_suffix('\n').unwrap();
    let line = signed_note::Signature::from_bytes(line.as_bytes()).unwrap();
    assert_eq!(line.name(), "witness.example/w1");
    let plain = witness_key(1).with_kind(KeyKind::Ed25519).unwrap();
    let mut public = vec![0x04];
    public.extend_from_slice(plain.verifier().public());
    assert_eq!(line.id(), signed_note::key_id("witness.example/w1", &public));

    // Together they are the note that goes on to others.
    let note = format!("{}{}", log.signed(300), answer.body);
    let theirs = signed_note::Note::from_bytes(note.as_bytes()).unwrap();
    let verifier = StandardVerifier::new(&log.key.verifier().to_string()).unwrap();
    let verifiers = signed_note::VerifierList::new(vec![Box::new(verifier)]);
    let (known, unknown) = theirs.verify(&verifiers).unwrap();
    assert_eq!((known.len(), unknown.len()), (1, 1));

    // The message, written out by hand.
    let head = log.head(300);
    let message =
        format!("cosignature/v1\ntime 1772539200\nlog.example/audit\n300\n{}\n", head.root);
    let (time, signature) = line.signature().split_at(8);
    assert_eq!(time, NOW_S.to_be_bytes());
    let verifier = StandardVerifier::new(&plain.verifier().to_string()).unwrap();
    assert!(verifier.verify(message.as_bytes(), signature));
    assert!(!verifier.verify(&message.as_bytes()[1..], signature));
}
