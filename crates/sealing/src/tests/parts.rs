//! Sealing and opening, and parts that must not open.

use proptest::prelude::*;

use super::samples::{Random, STATE, contents};
use super::*;
use crate::compress::DICTIONARY_1;

fn sealed(content: &[u8]) -> Sealed {
    seal(&part_key(1), context(), &Nonce::random().unwrap(), content).unwrap()
}

fn opened(sealed: &Sealed) -> Result<Vec<u8>, OpenError> {
    open(&part_key(1), context(), sealed.form as u8, &sealed.bytes)
}

#[test]
fn every_content_comes_back_in_no_more_bytes_than_the_seal_takes() {
    let mut forms = [0; 2];
    let sizes =
        [0, 1, 15, 16, 17, 255, 256, 257, 65_535, 65_536, 256 << 10, (256 << 10) + 1, 3 << 20];
    let even = sizes.map(|bytes| vec![b'a'; bytes]);
    let uneven = sizes.map(|bytes| {
        let mut random = Random(bytes as u64);
        (0..bytes).map(|_| random.next() as u8).collect()
    });
    for content in (0..20).flat_map(contents).chain(even).chain(uneven) {
        let sealed = sealed(&content);
        assert!(sealed.bytes.len() <= content.len() + NONCE_BYTES + 16);
        assert_eq!(opened(&sealed).as_deref(), Ok(&content[..]));
        forms[sealed.form as usize - 1] += 1;
    }
    assert!(forms[0] > 10 && forms[1] > 100, "{forms:?}");
}

#[test]
fn the_largest_content_is_sealed_and_a_larger_one_is_refused() {
    let content = vec![0; PART_BYTES_MAX];
    assert_eq!(opened(&sealed(&content)).unwrap().len(), PART_BYTES_MAX);
    let larger = vec![0; PART_BYTES_MAX + 1];
    let error = seal(&part_key(1), context(), &Nonce::new([1; 24]), &larger).unwrap_err();
    assert_eq!(error, SealError::TooLarge { bytes: PART_BYTES_MAX + 1 });
    assert_eq!(
        open(&part_key(1), context(), 1, &vec![0; PART_BYTES_MAX + 100]),
        Err(OpenError::TooLarge { bytes: PART_BYTES_MAX as u64 + 60 })
    );
}

#[test]
fn a_part_opens_for_its_owners_in_its_log_as_its_kind_and_form_alone() {
    for content in [&b"short"[..], &contents(1)[STATE]] {
        let sealed = sealed(content);
        let form = sealed.form as u8;
        let check = |key: &PartKey, context, form, expected| {
            assert_eq!(open(key, context, form, &sealed.bytes), Err(expected));
        };
        let (own, refused) = (part_key(1), OpenError::NotAuthentic);
        check(&part_key(2), context(), form, refused);
        let two = [(person(1), &data_key(1)), (person(2), &data_key(2))];
        check(&PartKey::derive(&two).unwrap(), context(), form, refused);
        check(&own, SealContext { kind: 4, ..context() }, form, refused);
        check(&own, SealContext { log: LogId::from_random(1), ..context() }, form, refused);
        check(&own, context(), 3 - form, refused);
        for code in [0, 3, 255] {
            check(&own, context(), code, OpenError::Form { code });
        }
    }
}

#[test]
fn pieces_of_parts_do_not_open() {
    let (one, two) = (sealed(&contents(1)[STATE]), sealed(&contents(2)[STATE]));
    for bytes in 0..40 {
        let short = Sealed { bytes: one.bytes[..bytes].to_vec(), ..one };
        assert_eq!(opened(&short), Err(OpenError::TooShort { bytes }));
    }
    for cut in [24, 40, one.bytes.len() - 16] {
        let mixed = [&one.bytes[..cut], &two.bytes[cut..]].concat();
        assert_eq!(opened(&Sealed { bytes: mixed, ..one }), Err(OpenError::NotAuthentic), "{cut}");
    }
    assert_eq!(nonce_of(&one.bytes).map(|nonce| nonce.0[..] == one.bytes[..24]), Ok(true));
    assert_eq!(nonce_of(&one.bytes[..39]), Err(OpenError::TooShort { bytes: 39 }));
}

/// Seals bytes as form 2, as a program with the key could that compresses otherwise.
fn sealed_frame(frame: &[u8]) -> Result<Vec<u8>, OpenError> {
    use chacha20poly1305::{AeadInOut as _, KeyInit as _, XChaCha20Poly1305};
    let mut data = b"provlog part 1".to_vec();
    data.extend_from_slice(&log().get().to_be_bytes());
    data.extend_from_slice(&[5, 2]);
    let mut bytes = frame.to_vec();
    let tag = XChaCha20Poly1305::new((&*part_key(1).seal).into())
        .encrypt_inout_detached((&[9; 24]).into(), &data, bytes.as_mut_slice().into())
        .unwrap();
    open(&part_key(1), context(), 2, &[&[9; 24], &bytes[..], &tag].concat())
}

/// Whoever has the key still gets no more memory than a part may have, and each reason is told apart.
#[test]
fn what_was_sealed_is_not_believed_either() {
    let frame_of = |content: &[u8], has_size| {
        let mut context = zstd_safe::CCtx::create();
        context.set_parameter(zstd_safe::CParameter::ContentSizeFlag(has_size)).unwrap();
        context.load_dictionary(DICTIONARY_1).unwrap();
        let mut frame = Vec::with_capacity(zstd_safe::compress_bound(content.len()));
        context.compress2(&mut frame, content).unwrap();
        frame.split_off(4)
    };
    let version_1 = |frame: &[u8]| sealed_frame(&[&[1], frame].concat());
    let frame = frame_of(&[b'a'; 1000], true);
    assert_eq!(version_1(&frame).unwrap(), [b'a'; 1000]);

    assert_eq!(sealed_frame(&[]), Err(OpenError::Frame));
    let next = [&[2], &frame[..]].concat();
    assert_eq!(sealed_frame(&next), Err(OpenError::Dictionary { version: 2 }));
    assert_eq!(sealed_frame(&[0]), Err(OpenError::Dictionary { version: 0 }));
    let bomb = frame_of(&vec![0; PART_BYTES_MAX + 1], true);
    assert!(bomb.len() < 10_000);
    let too_large = OpenError::TooLarge { bytes: PART_BYTES_MAX as u64 + 1 };
    assert_eq!(version_1(&bomb), Err(too_large));
    assert_eq!(version_1(&frame_of(&[b'a'; 1000], false)), Err(OpenError::Frame), "no size");
    for end in 0..frame.len() {
        assert_eq!(version_1(&frame[..end]), Err(OpenError::Frame), "{end}");
    }
    assert_eq!(version_1(&[&frame[..], &[0]].concat()), Err(OpenError::Frame), "more behind it");
    let magic = [0x28, 0xb5, 0x2f, 0xfd];
    let empty = [&magic[..], &frame_of(b"", true)].concat();
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0];
    for second in [&[&magic[..], &frame].concat()[..], &empty, &skippable] {
        let both = [&frame[..], second].concat();
        assert_eq!(version_1(&both), Err(OpenError::Frame), "a second frame: {second:?}");
    }
}

proptest! {
    /// No bit of a sealed part can be changed, none added and none removed.
    #[test]
    fn an_altered_part_does_not_open(
        content in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..100),
            "[a-c]{0,300}".prop_map(String::into_bytes),
            (0..1000_u64, 0..14_usize).prop_map(|(seed, which)| contents(seed).swap_remove(which)),
        ],
        at in any::<proptest::sample::Index>(),
        byte in 1..=255_u8,
        what in 0..4,
    ) {
        let whole = sealed(&content);
        prop_assert_eq!(opened(&whole), Ok(content));
        let mut altered = whole.clone();
        let at = at.index(whole.bytes.len());
        match what {
            0 => altered.bytes[at] ^= byte,
            1 => { altered.bytes.remove(at); }
            2 => altered.bytes.insert(at, byte),
            _ => altered.bytes.truncate(at),
        }
        let refused = matches!(
            opened(&altered), Err(OpenError::NotAuthentic | OpenError::TooShort { .. })
        );
        prop_assert!(refused);
    }
}
