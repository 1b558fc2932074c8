//! Signed notes, checkpoints and cosignatures.

use super::keys::{ENOCH, PETER, PETER_SECRET};
use super::*;

// A note with two signatures, of <https://pkg.go.dev/golang.org/x/mod/sumdb/note> (its tests).
const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
const PETER_LINE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const ENOCH_LINE: &str = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";

fn vkey(text: &str) -> VerifierKey {
    VerifierKey::parse(text).unwrap()
}

fn parse(text: &str) -> Result<Note, NoteError> {
    Note::parse(text.as_bytes())
}

#[test]
fn published_notes() {
    let key = SignerKey::parse(PETER_SECRET).unwrap();
    let note = Note::sign(TEXT, &key).unwrap();
    assert_eq!(note.to_string(), format!("{TEXT}\n{PETER_LINE}"));

    let text = format!("{TEXT}\n{PETER_LINE}{ENOCH_LINE}");
    let note = parse(&text).unwrap();
    assert_eq!(note.text(), TEXT);
    assert_eq!(note.to_string(), text);
    let (peter, enoch) = (vkey(PETER), vkey(ENOCH));
    let signers = |keys: &[VerifierKey]| {
        note.verify(keys)
            .map(|signed| signed.iter().map(|one| one.key.name().to_string()).collect())
    };
    assert_eq!(signers(std::slice::from_ref(&peter)), Ok(vec!["PeterNeumann".to_owned()]));
    assert_eq!(signers(std::slice::from_ref(&enoch)), Ok(vec!["EnochRoot".to_owned()]));
    let both = vec!["PeterNeumann".to_owned(), "EnochRoot".to_owned()];
    assert_eq!(signers(&[enoch, peter.clone(), peter]), Ok(both));
    assert_eq!(signers(&[]), Err(VerifyError::NoKnownSignature));

    // The example of C2SP signed-note.
    let note = parse(
        "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n",
    )
    .unwrap();
    let key = vkey("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k");
    assert_eq!(note.verify([&key]).unwrap(), [Signed { key: &key, time_s: None }]);
}

#[test]
fn a_text_may_have_empty_lines() {
    for text in ["\n", "\n\n", "a\n\nb\n", "\n— a line like a signature\n", "a\n\n— b AAAAAAA=\n"]
    {
        let note = Note::sign(text, &log_key()).unwrap();
        let read = parse(&note.to_string()).unwrap();
        assert_eq!(read, note, "{text:?}");
        read.verify([log_key().verifier()]).unwrap();
    }
}

#[test]
fn refusals_of_notes_name_their_reason() {
    use NoteError::{Control, NoLineEnd, NoSignatures, NotUtf8, Signature as Line};
    let at = |number, source| Line { number, source };
    let unended = format!("{TEXT}\n{}", PETER_LINE.trim_end());
    let unexpected = format!("{TEXT}\n{PETER_LINE}Unexpected line.\n");
    let name = SignatureError::Name;
    for (note, error) in [
        (String::new(), NoSignatures),
        (TEXT.to_owned(), NoSignatures),
        (format!("{TEXT}\n"), NoSignatures),
        (format!("\n{PETER_LINE}"), NoSignatures),
        (format!("{TEXT}{PETER_LINE}"), NoSignatures),
        (format!("{TEXT}\n{PETER_LINE}\n"), NoSignatures),
        (unended, NoLineEnd),
        (format!("\u{1}{TEXT}\n{PETER_LINE}"), Control),
        (format!("{TEXT}\r\n{PETER_LINE}"), Control),
        (format!("{TEXT}\n{}\r\n", PETER_LINE.trim_end()), Control),
        (unexpected, at(1, SignatureError::Dash)),
        (format!("{TEXT}\n- {}", &PETER_LINE[4..]), at(0, SignatureError::Dash)),
        (format!("{TEXT}\n—{}", &PETER_LINE[4..]), at(0, SignatureError::Dash)),
        (format!("{TEXT}\n— name\n"), at(0, SignatureError::Parts)),
        (format!("{TEXT}\n—  AAAAAAA=\n"), at(0, name(KeyNameError::Empty))),
        (format!("{TEXT}\n— a+b AAAAAAA=\n"), at(0, name(KeyNameError::Plus))),
        (format!("{TEXT}\n— a\u{2003}b AAAAAAA=\n"), at(0, name(KeyNameError::Space))),
        (format!("{TEXT}\n— Bad Name AAAAAAA=\n"), at(0, SignatureError::Base64)),
        (format!("{TEXT}\n— name AAAAAAA\n"), at(0, SignatureError::Base64)),
        (format!("{TEXT}\n— name AAAAAAB=\n"), at(0, SignatureError::Base64)),
        (format!("{TEXT}\n— name AAAAAAA= \n"), at(0, SignatureError::Base64)),
        (format!("{TEXT}\n— name \n"), at(0, SignatureError::TooShort { bytes: 0 })),
        (format!("{TEXT}\n— name AAAAAA==\n"), at(0, SignatureError::TooShort { bytes: 4 })),
    ] {
        assert_eq!(parse(&note), Err(error), "{note:?}");
    }
    let latin = [TEXT.as_bytes(), b"\xff\n\n", PETER_LINE.as_bytes()].concat();
    assert_eq!(Note::parse(&latin), Err(NotUtf8));

    let many = |count| parse(&format!("{TEXT}\n{}", PETER_LINE.repeat(count)));
    assert_eq!(many(101), Err(NoteError::TooManySignatures));
    let note = many(100).unwrap();
    let key = vkey(PETER);
    assert_eq!(note.verify([&key]).unwrap().len(), 1, "a key counts once");
    let long = format!("{}\n{PETER_LINE}", "a\n".repeat(NOTE_BYTES_MAX / 2));
    assert_eq!(parse(&long), Err(NoteError::TooLong { bytes: long.len() }));
}

#[test]
fn what_cannot_be_printed_is_not_signed() {
    let refused = |text: &str| Note::sign(text, &log_key());
    assert_eq!(refused("abc"), Err(NoteSignError::Text(NoteError::NoLineEnd)));
    assert_eq!(refused(""), Err(NoteSignError::Text(NoteError::NoLineEnd)));
    assert_eq!(refused("a\tb\n"), Err(NoteSignError::Text(NoteError::Control)));
    let long = "a\n".repeat(NOTE_BYTES_MAX / 2);
    assert!(matches!(refused(&long), Err(NoteSignError::Text(NoteError::TooLong { .. }))));
    let refused = Note::sign(TEXT, &witness_key(1));
    assert_eq!(refused, Err(NoteSignError::Key(SignError::Kind)));

    // The largest note: what would make it longer is not added.
    let room = NOTE_BYTES_MAX - 1 - log_line_bytes();
    let mut note = Note::sign(&format!("{}\n", "a".repeat(room - 1)), &log_key()).unwrap();
    assert_eq!(note.to_string().len(), NOTE_BYTES_MAX);
    let before = note.clone();
    let other = Signature::parse(PETER_LINE.trim_end()).unwrap();
    assert!(matches!(note.add(other), Err(NoteError::TooLong { .. })));
    assert_eq!(note, before);

    let mut note = Note::sign(TEXT, &log_key()).unwrap();
    for number in 1..NOTE_SIGNATURES_MAX {
        note.add(Signature::parse(&format!("— other{number} AAAAAAA=")).unwrap()).unwrap();
    }
    let other = Signature::parse("— one-too-many AAAAAAA=").unwrap();
    assert_eq!(note.add(other), Err(NoteError::TooManySignatures));
    assert_eq!(parse(&note.to_string()), Ok(note));
}

fn log_line_bytes() -> usize {
    Note::sign("\n", &log_key()).unwrap().to_string().len() - 2
}

#[test]
fn a_signature_replaces_the_one_before_by_the_same_key() {
    let mut checkpoint = signed(TreeHead::EMPTY);
    for time_s in [1, 2] {
        let signature = cosign(checkpoint.unverified(), time_s, &witness_key(1)).unwrap();
        checkpoint.add(signature).unwrap();
    }
    assert_eq!(checkpoint.note().signatures().len(), 2);
    let policy = policy(&[1], 1);
    let verified = policy.verify(&checkpoint).unwrap();
    assert_eq!(verified.witnesses()[0].time_s, Some(2));
}

#[test]
fn a_bad_signature_of_a_known_key_refuses_the_note() {
    let (peter, enoch) = (vkey(PETER), vkey(ENOCH));
    // The text was changed: Peter is known.
    let note = parse(&format!("Not {TEXT}\n{PETER_LINE}{ENOCH_LINE}")).unwrap();
    let (name, id) = (peter.name().clone(), peter.id());
    assert_eq!(note.verify([&peter]), Err(VerifyError::BadSignature { name, id }));
    // A line with Peter's name and id and another's bytes, beside a good one of Enoch.
    let forged = Signature::parse(ENOCH_LINE.trim_end()).unwrap();
    let data = [&peter.id().get().to_be_bytes(), forged.bytes()].concat();
    let forged = format!("— PeterNeumann {}\n", data_encoding::BASE64.encode(&data));
    let note = parse(&format!("{TEXT}\n{ENOCH_LINE}{forged}")).unwrap();
    let (name, id) = (peter.name().clone(), peter.id());
    assert_eq!(note.verify([&enoch, &peter]), Err(VerifyError::BadSignature { name, id }));
    assert_eq!(note.verify([&enoch]).unwrap().len(), 1);
    // A signature that is too short or too long.
    for length in [1, 63, 65] {
        let mut data = peter.id().get().to_be_bytes().to_vec();
        data.resize(4 + length, 7);
        let line = format!("— PeterNeumann {}\n", data_encoding::BASE64.encode(&data));
        let note = parse(&format!("{TEXT}\n{line}")).unwrap();
        assert!(matches!(note.verify([&peter]), Err(VerifyError::BadSignature { .. })));
    }
    // Keys that share a name or an id, but not both, are others.
    let namesake = format!("{TEXT}\n{}", PETER_LINE.replace("x08go", "x08gp"));
    assert_eq!(parse(&namesake).unwrap().verify([&peter]), Err(VerifyError::NoKnownSignature));
    let other = format!("{TEXT}\n{}", PETER_LINE.replace("Peter", "Pieter"));
    assert_eq!(parse(&other).unwrap().verify([&peter]), Err(VerifyError::NoKnownSignature));
}

/// An id has 32 bits, so among 300,000 keys some two have the same one.
#[test]
fn keys_that_cannot_be_told_apart_are_refused() {
    let mut known = std::collections::HashMap::new();
    let (one, two) = (0..300_000_u64)
        .find_map(|number| {
            let mut public = [0; KEY_BYTES];
            public[..8].copy_from_slice(&number.to_be_bytes());
            let key = VerifierKey::new(name("PeterNeumann"), KeyKind::Ed25519, public).unwrap();
            known.insert(key.id(), key.clone()).map(|other| (other, key))
        })
        .unwrap();
    let data = [&one.id().get().to_be_bytes(), [7; 64].as_slice()].concat();
    let line = format!("— PeterNeumann {}\n", data_encoding::BASE64.encode(&data));
    let note = parse(&format!("{TEXT}\n{line}")).unwrap();
    let (name, id) = (one.name().clone(), one.id());
    assert_eq!(note.verify([&one, &two]), Err(VerifyError::AmbiguousKey { name, id }));
    let refused = Policy::new("log.example/audit", vec![one, two], Vec::new(), 0);
    assert!(matches!(refused, Err(PolicyError::KeyTwice { .. })));
}

#[test]
fn a_checkpoint_has_one_text() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    // The example of C2SP tlog-checkpoint.
    let text = format!("example.com/behind-the-sofa\n20852163\n{root}\n");
    let checkpoint = Checkpoint::parse(&text).unwrap();
    assert_eq!(checkpoint.origin(), "example.com/behind-the-sofa");
    assert_eq!(*checkpoint.head(), TreeHead { size: 20_852_163, root: hash(root) });
    assert_eq!(checkpoint.extension_lines().count(), 0);
    assert_eq!(checkpoint.to_string(), text);
    assert_eq!(Checkpoint::new(checkpoint.origin(), *checkpoint.head()), Ok(checkpoint));

    let extended = format!("{text}first\nsecond line\n");
    let checkpoint = Checkpoint::parse(&extended).unwrap();
    assert_eq!(checkpoint.extension_lines().collect::<Vec<_>>(), ["first", "second line"]);
    assert_eq!(checkpoint.to_string(), extended);

    use CheckpointError::{
        Control, EmptyExtension, NoLineEnd, NoOrigin, NoRoot, NoSize, Root, Size, TooLong,
    };
    let long = "a".repeat(NOTE_BYTES_MAX + 1);
    for (text, error) in [
        (String::new(), NoLineEnd),
        (format!("log\n1\n{root}"), NoLineEnd),
        (format!("log\n1\n{root}\nmore"), NoLineEnd),
        ("\n".to_owned(), NoOrigin),
        (format!("\n1\n{root}\n"), NoOrigin),
        ("log\n".to_owned(), NoSize),
        ("log\n1\n".to_owned(), NoRoot),
        (format!("log\n\n{root}\n"), Size(DecimalError::Empty)),
        (format!("log\n01\n{root}\n"), Size(DecimalError::LeadingZero)),
        (format!("log\n0x1\n{root}\n"), Size(DecimalError::NotDigits)),
        (format!("log\n-1\n{root}\n"), Size(DecimalError::NotDigits)),
        (format!("log\n9223372036854775808\n{root}\n"), Size(DecimalError::TooLarge)),
        ("log\n1\n\n".to_owned(), Root(HashTextError::Length { chars: 0 })),
        (format!("log\n1\n {root}\n"), Root(HashTextError::Length { chars: 45 })),
        (format!("log\n1\n{}J=\n", &root[..42]), Root(HashTextError::NotBase64)),
        (format!("log\n1\n{root}\n\n"), EmptyExtension),
        (format!("log\n1\n{root}\na\n\nb\n"), EmptyExtension),
        (format!("log\r\n1\n{root}\n"), Control),
        (long, TooLong { bytes: NOTE_BYTES_MAX + 1 }),
    ] {
        assert_eq!(Checkpoint::parse(&text), Err(error), "{text:.40?}");
    }
    assert_eq!(Checkpoint::new("", TreeHead::EMPTY), Err(NoOrigin));
    assert_eq!(Checkpoint::new("a\nb", TreeHead::EMPTY), Err(Control));
    let large = TreeHead { size: SIZE_MAX + 1, root: Hash::EMPTY_TREE };
    assert_eq!(Checkpoint::new("log", large), Err(Size(DecimalError::TooLarge)));
}

#[test]
fn a_signed_checkpoint_is_a_note_with_the_text_of_one() {
    // The example of C2SP tlog-checkpoint.
    let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
    let checkpoint = SignedCheckpoint::parse(text.as_bytes()).unwrap();
    assert_eq!(checkpoint.to_string(), text);
    assert_eq!(checkpoint.note().signatures()[0].name().as_str(), "example.com/behind-the-sofa");
    let note = format!("{TEXT}\n{PETER_LINE}");
    let refused = SignedCheckpoint::parse(note.as_bytes());
    let size = CheckpointError::Size(DecimalError::NotDigits);
    assert_eq!(refused, Err(SignedCheckpointError::Text(size)));
    let refused = SignedCheckpoint::parse(TEXT.as_bytes());
    assert_eq!(refused, Err(SignedCheckpointError::Note(NoteError::NoSignatures)));
}

#[test]
fn a_cosignature_says_when() {
    let head = TreeHead { size: 1, root: Hash::of_leaf(b"") };
    let checkpoint = cosigned(head, &[1]);
    let witness = witness_key(1);
    let signature = &checkpoint.note().signatures()[1];
    assert_eq!(signature.id(), witness.verifier().id());
    assert_eq!(signature.bytes().len(), 8 + 64);
    assert_eq!(signature.bytes()[..8], 1_772_539_201_u64.to_be_bytes());
    let key = witness.verifier();
    let signed = checkpoint.note().verify([key]).unwrap();
    assert_eq!(signed, [Signed { key, time_s: Some(1_772_539_201) }]);

    // Another time, or a time that no signature may have, is not what was signed.
    for time_s in [1_772_539_202, 0, TIME_S_MAX + 1, u64::MAX] {
        let mut data = key.id().get().to_be_bytes().to_vec();
        data.extend_from_slice(&u64::to_be_bytes(time_s));
        data.extend_from_slice(&signature.bytes()[8..]);
        let line = format!("— {} {}", key.name(), data_encoding::BASE64.encode(&data));
        let mut forged = checkpoint.clone();
        forged.add(Signature::parse(&line).unwrap()).unwrap();
        let (name, id) = (key.name().clone(), key.id());
        assert_eq!(forged.note().verify([key]), Err(VerifyError::BadSignature { name, id }));
    }

    // A time that is too large is refused even if the witness signed it.
    for (time_s, is_good) in [(TIME_S_MAX, true), (TIME_S_MAX + 1, false), (u64::MAX, false)] {
        let text = checkpoint.unverified();
        let message = format!("cosignature/v1\ntime {time_s}\n{text}");
        let mut data = key.id().get().to_be_bytes().to_vec();
        data.extend_from_slice(&time_s.to_be_bytes());
        data.extend_from_slice(&witness.sign_bytes(message.as_bytes()));
        let line = format!("— {} {}", key.name(), data_encoding::BASE64.encode(&data));
        let mut late = checkpoint.clone();
        late.add(Signature::parse(&line).unwrap()).unwrap();
        assert_eq!(late.note().verify([key]).is_ok(), is_good, "{time_s}");
    }

    let checkpoint = checkpoint.unverified();
    for time_s in [0, TIME_S_MAX + 1] {
        assert_eq!(cosign(checkpoint, time_s, &witness), Err(SignError::Time { time_s }));
    }
    cosign(checkpoint, TIME_S_MAX, &witness).unwrap();
    assert_eq!(cosign(checkpoint, 1, &log_key()), Err(SignError::Kind));
}

/// A cosignature, of <https://github.com/transparency-dev/formats/blob/main/note/note_cosigv1_test.go>.
#[test]
fn published_time_of_a_cosignature() {
    let line = "— witness.example/w ZGhGuQAAAABm/qTPeyKXD+R2rzyQsxPiP8mXum7qq/iF0u4vanlqJyocWODBt97w9uL+8qT7S5gxEHWWOworDcFiEBYJXORmnFBOBA==";
    let signature = Signature::parse(line).unwrap();
    assert_eq!(signature.id(), KeyId::new(0x6468_46b9));
    assert_eq!(signature.bytes()[..8], 1_727_964_367_u64.to_be_bytes());
    assert_eq!(signature.to_string(), line);
}

#[test]
fn a_policy_says_whom_to_believe() {
    let head = TreeHead { size: 1, root: Hash::of_leaf(b"") };
    // Witness 3 is not known.
    let checkpoint = cosigned(head, &[3, 2, 1]);
    let two = policy(&[1, 2], 2);
    let verified = two.verify(&checkpoint).unwrap();
    assert_eq!(*verified.head(), head);
    assert_eq!(verified.checkpoint().origin(), two.origin());
    assert_eq!(verified.log_key(), log_key().verifier());
    let times: Vec<_> = verified.witnesses().iter().map(|one| one.time_s).collect();
    assert_eq!(times, [Some(1_772_539_202), Some(1_772_539_201)]);
    policy(&[], 0).verify(&checkpoint).unwrap();

    let refused = policy(&[1, 2], 2).verify(&cosigned(head, &[2, 3])).unwrap_err();
    assert_eq!(refused, PolicyRefusal::TooFewWitnesses { found: 1, needed: 2 });
    let other = Checkpoint::new("other.example", head).unwrap();
    let other = SignedCheckpoint::sign(other, &log_key()).unwrap();
    let refused = policy(&[], 0).verify(&other).unwrap_err();
    assert_eq!(refused, PolicyRefusal::WrongOrigin { found: "other.example".to_owned() });
    // Witnesses alone do not make it the log's.
    let text = cosigned(head, &[1]).to_string();
    let log_line = text.lines().find(|line| line.starts_with("— log")).unwrap();
    let unsigned = text.replace(&format!("{log_line}\n"), "");
    let unsigned = SignedCheckpoint::parse(unsigned.as_bytes()).unwrap();
    let refused = policy(&[1], 1).verify(&unsigned).unwrap_err();
    assert_eq!(refused, PolicyRefusal::NotSignedByLog);
    let refused = policy(&[], 0).verify(&unsigned).unwrap_err();
    assert_eq!(refused, PolicyRefusal::NotSignedByLog);
    // A bad signature of one known witness is not made good by another's.
    let mut forged = cosigned(head, &[1, 2]);
    let other = cosigned(TreeHead::EMPTY, &[2]).note().signatures()[1].clone();
    forged.add(other).unwrap();
    let refused = policy(&[1, 2], 1).verify(&forged).unwrap_err();
    assert!(matches!(refused, PolicyRefusal::Signature(VerifyError::BadSignature { .. })));
    policy(&[1], 1).verify(&forged).unwrap();
}

#[test]
fn a_policy_that_makes_no_sense_is_refused() {
    let make = |log_keys: &[&SignerKey], witnesses: &[&SignerKey], min| {
        let keys = |keys: &[&SignerKey]| keys.iter().map(|key| key.verifier().clone()).collect();
        Policy::new("log.example/audit", keys(log_keys), keys(witnesses), min)
    };
    let (log, one, two) = (log_key(), witness_key(1), witness_key(2));
    make(&[&log], &[&one, &two], 2).unwrap();
    assert_eq!(make(&[], &[&one], 1), Err(PolicyError::NoLogKey));
    let few = PolicyError::TooFewWitnesses { known: 1, needed: 2 };
    assert_eq!(make(&[&log], &[&one], 2), Err(few));
    let plain = one.with_kind(KeyKind::Ed25519).unwrap();
    let refused = PolicyError::NotAWitness { name: name("witness.example/w1") };
    assert_eq!(make(&[&log], &[&plain], 1), Err(refused));
    let twice = |key: &str| Err(PolicyError::KeyTwice { name: name(key) });
    assert_eq!(make(&[&log], &[&one, &one], 1), twice("witness.example/w1"));
    assert_eq!(make(&[&log, &log], &[], 0), twice("log.example/audit"));
    // One key under two names would count as two witnesses.
    let renamed = KeyName::parse("witness.example/w9").unwrap();
    let renamed = SignerKey::from_seed(renamed, KeyKind::CosignatureV1, [101; 32]).unwrap();
    assert_eq!(make(&[&log], &[&one, &renamed], 2), twice("witness.example/w9"));
    let log_as_witness = log.with_kind(KeyKind::CosignatureV1).unwrap();
    assert_eq!(make(&[&log], &[&log_as_witness], 1), twice("log.example/audit"));
}
