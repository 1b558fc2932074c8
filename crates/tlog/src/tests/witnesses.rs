//! What a log and a witness send each other.

use super::store::Store;
use super::*;

/// The requests of the tests of <https://github.com/FiloSottile/torchwood>
/// (`cmd/litewitness/testdata/litewitness.txt`), in the order in which that witness grants them.
#[test]
fn published_requests() {
    let origin =
        "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562";
    let public = "ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f";
    let public = data_encoding::HEXLOWER.decode(public.as_bytes()).unwrap();
    let key = VerifierKey::new(name(origin), KeyKind::Ed25519, public.try_into().unwrap()).unwrap();
    let policy = Policy::new(origin, vec![key], Vec::new(), 0).unwrap();
    let requests = [
        format!(
            "old 0\n\n{origin}\n1\nKgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— {origin} UgIom7fPZTqpxWWhyjWduBvTvGVqsokMbqTArsQilegKoFBJQjUFAmQ0+YeSPM3wfUQMFSzVnnNuWRTYrajXpNUbIQY=\n"
        ),
        format!(
            "old 1\nKgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nKgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n{origin}\n3\nRcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0=\n\n— {origin} UgIom2VbtIcdFbwFAy1n7s6IkAxIY6J/GQOTuZF2ORV39d75cbAj2aQYwyJre36kezNobZs4SUUdrcawfAB8WVrx6go=\n"
        ),
        format!(
            "old 3\nKgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nKgMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nwgiIFdZfYNv6WU1OllBKsWnLYIS/DBMqt8Uh/S4OukE=\nKgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n{origin}\n5\nQrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY=\n\n— {origin} UgIomw/EOJmWi0i1FQsOj+etB7F8IccFam/jgd6wzRns4QPVmyEZtdvl1U2KEmLOZ/ASRcWJi0tW90dJWAShei7sDww=\n"
        ),
    ];
    let mut known = TreeHead::EMPTY;
    for text in &requests {
        let request = AddCheckpoint::parse(text.as_bytes()).unwrap();
        assert_eq!(request.to_string(), *text);
        assert_eq!(request.old_size(), known.size);
        let verified = policy.verify(request.checkpoint()).unwrap();
        request.proof().verify(&known, verified.head()).unwrap();
        known = *verified.head();
    }
    assert_eq!(known.size, 5);

    // The refusals of the same file: a changed signature, another log, no proof, a changed proof.
    let forged = requests[1].replace("WVrx6go=", "WVrx6gw=");
    let forged = AddCheckpoint::parse(forged.as_bytes()).unwrap();
    let refused = policy.verify(forged.checkpoint()).unwrap_err();
    assert!(matches!(refused, PolicyRefusal::Signature(VerifyError::BadSignature { .. })));
    let other = requests[1].replace("9e562", "9e563");
    let other = AddCheckpoint::parse(other.as_bytes()).unwrap();
    let refused = policy.verify(other.checkpoint()).unwrap_err();
    assert!(matches!(refused, PolicyRefusal::WrongOrigin { .. }));
    let one = TreeHead { size: 1, root: hash("KgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=") };
    let request = AddCheckpoint::parse(requests[1].as_bytes()).unwrap();
    let three = *request.checkpoint().unverified().head();
    let refused = ConsistencyProof::default().verify(&one, &three);
    assert!(matches!(refused, Err(ConsistencyError::Length { expected: 2, found: 0, .. })));
    let changed = requests[1].replace("KgIAAAA", "KgIAAAB");
    let changed = AddCheckpoint::parse(changed.as_bytes()).unwrap();
    let refused = changed.proof().verify(&one, &three);
    assert!(matches!(refused, Err(ConsistencyError::NewRoot { .. })));
}

fn request() -> AddCheckpoint {
    let store = Store::of(leaves(11));
    let proof = prove_consistency(&store, 5, 11).unwrap();
    AddCheckpoint::new(5, proof, signed(store.frontier.head())).unwrap()
}

#[test]
fn a_log_gets_the_signature_of_a_witness() {
    let text = request().to_string();
    let received = AddCheckpoint::parse(text.as_bytes()).unwrap();
    assert_eq!(received, request());
    let known = Store::of(leaves(5)).frontier.head();
    received.proof().verify(&known, received.checkpoint().unverified().head()).unwrap();
    let signature =
        cosign(received.checkpoint().unverified(), 1_772_539_200, &witness_key(1)).unwrap();
    let answer = print_cosignatures(&[signature]);

    let mut checkpoint = request().checkpoint().clone();
    for signature in parse_cosignatures(answer.as_bytes()).unwrap() {
        checkpoint.add(signature).unwrap();
    }
    let policy = policy(&[1], 1);
    assert_eq!(policy.verify(&checkpoint).unwrap().witnesses()[0].time_s, Some(1_772_539_200));
}

#[test]
fn refusals_of_requests_name_their_reason() {
    use AddCheckpointError::{Hashes, NoOldSize, OldIsLarger, OldSize};
    let good = request().to_string();
    let rest = &good[good.find("\n\n").unwrap() + 2..];
    let one = Hash::EMPTY_TREE;
    let many = format!("{one}\n").repeat(64);
    let at = |number, source| Hashes(HashLinesError::Hash { number, source });
    for (text, error) in [
        (String::new(), NoOldSize),
        ("old 5".to_owned(), NoOldSize),
        (format!("\n{good}"), NoOldSize),
        (good.replace("old 5", "Old 5"), NoOldSize),
        (good.replace("old 5", "old"), NoOldSize),
        (good.replace("old 5", "old "), OldSize(DecimalError::Empty)),
        (good.replace("old 5", "old 05"), OldSize(DecimalError::LeadingZero)),
        (good.replace("old 5", "old  5"), OldSize(DecimalError::NotDigits)),
        (good.replace("old 5", "old 12"), OldIsLarger { old: 12, new: 11 }),
        (format!("old 5\n{one}\n"), Hashes(HashLinesError::NoEmptyLine)),
        (format!("old 5\n{rest}"), at(0, HashTextError::Length { chars: 17 })),
        (format!("old 5\n{many}\n{rest}"), Hashes(HashLinesError::TooMany { max: 63 })),
    ] {
        assert_eq!(AddCheckpoint::parse(text.as_bytes()), Err(error), "{text:.60?}");
    }
    let bytes = [good.as_bytes(), b"\xff"].concat();
    assert_eq!(AddCheckpoint::parse(&bytes), Err(AddCheckpointError::NotUtf8));
    let cut = &good[..good.len() - 1];
    let refused = SignedCheckpointError::Note(NoteError::NoLineEnd);
    let refused = Err(AddCheckpointError::Checkpoint(refused));
    assert_eq!(AddCheckpoint::parse(cut.as_bytes()), refused);
    let long = vec![b'a'; ADD_CHECKPOINT_BYTES_MAX + 1];
    let refused = Err(AddCheckpointError::TooLong { bytes: long.len() });
    assert_eq!(AddCheckpoint::parse(&long), refused);
    let long = ConsistencyProof::new(vec![one; 64]);
    let refused = AddCheckpoint::new(5, long, request().checkpoint().clone());
    assert_eq!(refused, Err(Hashes(HashLinesError::TooMany { max: 63 })));
}

#[test]
fn answers_of_witnesses_have_one_form() {
    for size in [0, 1, 20_852_014, SIZE_MAX] {
        assert_eq!(parse_size(print_size(size).as_bytes()), Ok(size));
    }
    for (text, error) in [
        ("", SizeError::NoLineEnd),
        ("7", SizeError::NoLineEnd),
        ("7\n ", SizeError::NoLineEnd),
        ("7\n\n", SizeError::Number(DecimalError::NotDigits)),
        ("7\r\n", SizeError::Number(DecimalError::NotDigits)),
        ("\n", SizeError::Number(DecimalError::Empty)),
        ("07\n", SizeError::Number(DecimalError::LeadingZero)),
        ("9223372036854775808\n", SizeError::Number(DecimalError::TooLarge)),
        ("7777777777777777777777777\n", SizeError::NoLineEnd),
    ] {
        assert_eq!(parse_size(text.as_bytes()), Err(error), "{text:?}");
    }
    assert_eq!(parse_size(b"\xff\n"), Err(SizeError::Number(DecimalError::NotDigits)));

    let dash = |number| NoteError::Signature { number, source: SignatureError::Dash };
    let line = "— witness.example/w1 AAAAAAA=\n";
    assert_eq!(parse_cosignatures(line.repeat(100).as_bytes()).unwrap().len(), 100);
    for (text, error) in [
        ("", NoteError::NoSignatures),
        ("\n", dash(0)),
        ("— witness.example/w1 AAAAAAA=", NoteError::NoLineEnd),
        ("— witness.example/w1 AAAAAAA=\n\n", dash(1)),
        ("— witness.example/w1 AAAAAAA=\r\n", NoteError::Control),
        (&line.repeat(101), NoteError::TooManySignatures),
    ] {
        assert_eq!(parse_cosignatures(text.as_bytes()), Err(error), "{text:.60?}");
    }
    assert_eq!(parse_cosignatures(b"\xff\n"), Err(NoteError::NotUtf8));
    let long = vec![b'a'; NOTE_BYTES_MAX + 1];
    assert_eq!(parse_cosignatures(&long), Err(NoteError::TooLong { bytes: long.len() }));
}
