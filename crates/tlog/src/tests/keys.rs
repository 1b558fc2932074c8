//! Keys and their texts.

use super::*;

// Keys of <https://pkg.go.dev/golang.org/x/mod/sumdb/note> (its tests), whose tool made this form.
pub(super) const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
pub(super) const PETER_SECRET: &str =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
pub(super) const ENOCH: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
/// The example of C2SP signed-note.
const FOO: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
/// A witness's, of the tests of <https://github.com/transparency-dev/formats>.
const WITNESS: &str = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";

#[test]
fn published_keys() {
    for (text, kind) in [
        (PETER, KeyKind::Ed25519),
        (ENOCH, KeyKind::Ed25519),
        (FOO, KeyKind::Ed25519),
        (WITNESS, KeyKind::CosignatureV1),
    ] {
        let key = VerifierKey::parse(text).unwrap();
        assert_eq!(key.kind(), kind);
        assert_eq!(key.to_string(), text);
    }
    let key = SignerKey::parse(PETER_SECRET).unwrap();
    assert_eq!(key.secret_text(), PETER_SECRET);
    assert_eq!(key.verifier().to_string(), PETER);
    assert_eq!(key.verifier().id(), KeyId::new(0xc74f_20a3));
}

/// Whatever is cut or changed, the id does not fit any more.
#[test]
fn a_key_that_is_cut_or_changed_is_refused() {
    for (text, parse) in [
        (PETER, (|text| VerifierKey::parse(text).err()) as fn(&str) -> Option<KeyError>),
        (PETER_SECRET, |text| SignerKey::parse(text).err()),
    ] {
        for start in 0..=text.len() {
            for end in start..=text.len() {
                let whole = end - start == text.len();
                assert_eq!(parse(&text[start..end]).is_none(), whole, "{start}..{end} of {text}");
            }
        }
        for at in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[at] += 1;
            let changed = String::from_utf8(changed).unwrap();
            assert!(parse(&changed).is_some(), "{changed}");
        }
    }
}

#[test]
fn refusals_of_keys_name_their_reason() {
    let long = format!("{}+c74f20a3+AR", "n".repeat(KEY_TEXT_BYTES_MAX));
    for (text, error) in [
        ("", KeyError::Parts),
        ("PeterNeumann+c74f20a3", KeyError::Parts),
        ("+c74f20a3+ARpc", KeyError::Name(KeyNameError::Empty)),
        ("Peter Neumann+c74f20a3+ARpc", KeyError::Name(KeyNameError::Space)),
        ("Peter\u{a0}Neumann+c74f20a3+ARpc", KeyError::Name(KeyNameError::Space)),
        ("Peter\nNeumann+c74f20a3+ARpc", KeyError::Name(KeyNameError::Space)),
        ("Peter\u{1}Neumann+c74f20a3+ARpc", KeyError::Name(KeyNameError::Control)),
        ("PeterNeumann+C74F20A3+ARpc", KeyError::Id),
        ("PeterNeumann+c74f20a+ARpc", KeyError::Id),
        ("PeterNeumann+0c74f20a3+ARpc", KeyError::Id),
        ("PeterNeumann++c74f20a+ARpc", KeyError::Id),
        ("PeterNeumann+c74f20a3+ARpc*", KeyError::Base64),
        ("PeterNeumann+c74f20a3+", KeyError::Kind { byte: None }),
        // Published as an unknown kind and as a wrong length, each with the id that fits.
        (
            "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            KeyError::Kind { byte: Some(0x65) },
        ),
        (
            "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
            KeyError::Base64,
        ),
        (
            "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEQ==",
            KeyError::Length { found: 36 },
        ),
        ("PeterNeumann+c74f20a3+ARpc", KeyError::Length { found: 2 }),
        (
            "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            KeyError::WrongId {
                stated: KeyId::new(0xc74f_20a4),
                computed: KeyId::new(0xc74f_20a3),
            },
        ),
        (&long, KeyError::TooLong { bytes: 4108 }),
    ] {
        assert_eq!(VerifierKey::parse(text), Err(error), "{text}");
    }
    assert_eq!(SignerKey::parse(PETER).err(), Some(KeyError::NotPrivate));
    let secret = PETER_SECRET.replace("c74f20a3", "c74f20a4");
    assert!(matches!(SignerKey::parse(&secret), Err(KeyError::WrongId { .. })));
    let long = name(&"n".repeat(KEY_NAME_BYTES_MAX + 1));
    let refused = SignerKey::from_seed(long, KeyKind::Ed25519, [1; 32]).err();
    assert_eq!(refused, Some(KeyError::NameTooLong { bytes: 256 }));
    assert_eq!(KeyName::parse("a+b"), Err(KeyNameError::Plus));
    let longest = name(&"n".repeat(KEY_NAME_BYTES_MAX));
    let longest = SignerKey::from_seed(longest, KeyKind::Ed25519, [1; 32]).unwrap();
    SignerKey::parse(&longest.secret_text()).unwrap();
}

#[test]
fn a_key_of_another_kind_has_another_id() {
    let plain = log_key();
    let witness = plain.with_kind(KeyKind::CosignatureV1).unwrap();
    assert_eq!(witness.verifier().public(), plain.verifier().public());
    assert_eq!(witness.verifier().name(), plain.verifier().name());
    assert_ne!(witness.verifier().id(), plain.verifier().id());
    let again = SignerKey::parse(&witness.secret_text()).unwrap();
    assert_eq!(again.verifier(), witness.verifier());
}

#[test]
fn a_private_key_is_not_shown_by_accident() {
    let key = log_key();
    let shown = format!("{key:?}");
    assert!(shown.contains("log.example/audit"), "{shown}");
    assert!(!shown.contains("seed"), "{shown}");
    assert!(!shown.contains("1, 1, 1"), "{shown}");
}
