//! Against published vectors, and another implementation: ring, whose ChaCha20-Poly1305, HMAC and HKDF share
//! no code with ours. XChaCha20-Poly1305 is ring's cipher under a key made by HChaCha20, which is written here
//! from draft-irtf-cfrg-xchacha-03.

use chacha20poly1305::{AeadInOut as _, KeyInit as _, XChaCha20Poly1305};
use data_encoding::HEXLOWER;
use hmac::Mac as _;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt as RingSalt};

use super::samples::Random;
use super::*;
use crate::derive::{expand, extracted, hmac};

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

/// draft-irtf-cfrg-xchacha-03 §2.2.
fn hchacha20(key: &[u8], nonce: &[u8]) -> [u8; 32] {
    let words = |bytes: &[u8]| -> Vec<u32> {
        bytes.chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect()
    };
    let mut state = [words(b"expand 32-byte k"), words(key), words(nonce)].concat();
    let mut quarter = |a: usize, b: usize, c: usize, d: usize| {
        for (x, y, z, bits) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
            state[x] = state[x].wrapping_add(state[y]);
            state[z] = (state[z] ^ state[x]).rotate_left(bits);
        }
    };
    for _ in 0..10 {
        for column in 0..4 {
            quarter(column, column + 4, column + 8, column + 12);
        }
        for (a, b, c, d) in [(0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)] {
            quarter(a, b, c, d);
        }
    }
    let out: Vec<u8> =
        state[..4].iter().chain(&state[12..]).flat_map(|word| word.to_le_bytes()).collect();
    out.try_into().unwrap()
}

/// Nonce, ciphertext and tag, by ring.
fn ring_seal(key: &[u8], nonce: &[u8; 24], data: &[u8], plain: &[u8]) -> Vec<u8> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, &hchacha20(key, &nonce[..16])).unwrap();
    let mut short = [0; 12];
    short[4..].copy_from_slice(&nonce[16..]);
    let mut out = plain.to_vec();
    let short = ring::aead::Nonce::assume_unique_for_key(short);
    LessSafeKey::new(key).seal_in_place_append_tag(short, Aad::from(data), &mut out).unwrap();
    [&nonce[..], &out].concat()
}

struct Bytes32;
impl KeyType for Bytes32 {
    fn len(&self) -> usize {
        32
    }
}

fn ring_hkdf(salt: &[u8], input: &[u8], info: &[u8]) -> [u8; 32] {
    let prk = RingSalt::new(HKDF_SHA256, salt).extract(input);
    let mut out = [0; 32];
    prk.expand(&[info], Bytes32).unwrap().fill(&mut out).unwrap();
    out
}

/// draft-irtf-cfrg-xchacha-03 §2.2.1 and appendix A.3.1.
#[test]
fn xchacha20_poly1305_as_the_draft_has_it() {
    let key: Vec<u8> = (0..32).collect();
    let sub = hchacha20(&key, &hex("000000090000004a0000000031415927"));
    assert_eq!(
        HEXLOWER.encode(&sub),
        "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc"
    );

    let plain =
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the \
                  future, sunscreen would be it.";
    let data = hex("50515253c0c1c2c3c4c5c6c7");
    let key: [u8; 32] =
        hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f").try_into().unwrap();
    let nonce: [u8; 24] =
        hex("404142434445464748494a4b4c4d4e4f5051525354555657").try_into().unwrap();
    let sealed = hex(
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39\
         ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9\
         21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49",
    );
    let mut ours = plain.to_vec();
    let cipher = XChaCha20Poly1305::new((&key).into());
    let tag =
        cipher.encrypt_inout_detached((&nonce).into(), &data, ours.as_mut_slice().into()).unwrap();
    ours.extend_from_slice(&tag);
    assert_eq!(ours, sealed);
    assert_eq!(ring_seal(&key, &nonce, &data, plain)[24..], sealed);
}

/// RFC 5869, appendix A.1; its output is longer than one block, of which ours is the first.
#[test]
fn hkdf_as_the_rfc_has_it() {
    let (input, salt) = ([0x0b; 22], hex("000102030405060708090a0b0c"));
    let info = hex("f0f1f2f3f4f5f6f7f8f9");
    let prk = hmac(&salt).chain_update(input).finalize().into_bytes();
    assert_eq!(
        HEXLOWER.encode(&prk),
        "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"
    );
    let out = expand(&extracted(hmac(&salt).chain_update(input)), &info);
    assert_eq!(
        HEXLOWER.encode(&*out),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
    );
    assert_eq!(*out, ring_hkdf(&salt, &input, &info));
}

/// A sealed part, made by ring from the drawing on the crate's page.
#[test]
fn a_sealed_part_is_as_drawn() {
    let mut random = Random(1);
    for length in [0, 1, 15, 16, 63, 64, 65, 700, 5000] {
        // Random bytes do not compress.
        let content: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
        let nonce: [u8; 24] = std::array::from_fn(|_| random.next() as u8);
        let (one, two) = (data_key(11), data_key(22));
        let mut input = hex("010000000100000007");
        input.extend_from_slice(&[11; 32]);
        input.extend_from_slice(&hex("010000000100000009"));
        input.extend_from_slice(&[22; 32]);
        let seal_key = ring_hkdf(b"provlog part key 1", &input, b"seal");
        let mut data = b"provlog part 1".to_vec();
        data.extend_from_slice(&log().get().to_be_bytes());
        data.extend_from_slice(&[5, 1]);
        let key = PartKey::derive(&[(person(9), &two), (person(7), &one)]).unwrap();
        let sealed = seal(&key, context(), &Nonce::new(nonce), &content).unwrap();
        assert_eq!(sealed.form, Form::Sealed);
        assert_eq!(sealed.bytes, ring_seal(&seal_key, &nonce, &data, &content), "{length}");
    }
}

/// A wrapped key and a mark, made by ring from the drawing at [`WrapKey`].
#[test]
fn a_wrapped_key_is_as_drawn() {
    let (nonce, seq) = ([5; 24], 77_u64);
    let info = |word: &[u8]| [word, &log().get().to_be_bytes()].concat();
    let key = ring_hkdf(b"provlog wrap key 1", &[7; 32], &info(b"wrap"));
    let owner = hex("010000000100000003");
    let data = [b"provlog data key 1".to_vec(), log().get().to_be_bytes().to_vec(), owner.clone()];
    let wrap = WrapKey::new(&MasterKey::new(&[7; 32]), log());
    assert_eq!(
        wrap.wrap(person(3), &Nonce::new(nonce), &data_key(9))[..],
        ring_seal(&key, &nonce, &data.concat(), &[9; 32])
    );
    let key = ring_hkdf(b"provlog wrap key 1", &[7; 32], &info(b"mark"));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
    let mark = ring::hmac::sign(&key, &[&owner[..], &seq.to_be_bytes()].concat());
    assert_eq!(wrap.mark(person(3), seq)[..], mark.as_ref()[..16]);
}

/// The salts and commitments, made by ring from the drawing on the crate's page.
#[test]
fn a_commitment_is_as_drawn() {
    let mut input = hex("010000000100000001");
    input.extend_from_slice(&[1; 32]);
    let key = ring_hkdf(b"provlog part key 1", &input, b"salt");
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
    let nonce = [6; 24];
    let salt = |what: u8, place: u32| {
        let mut at = vec![what];
        at.extend_from_slice(&log().get().to_be_bytes());
        at.extend_from_slice(&900_u64.to_be_bytes());
        at.extend_from_slice(&2_u32.to_be_bytes());
        at.extend_from_slice(&nonce);
        at.extend_from_slice(&place.to_be_bytes());
        ring::hmac::sign(&key, &at).as_ref().to_vec()
    };
    let salts = Salts::new(&part_key(1), at(900), &Nonce::new(nonce));
    let whole = [&[1][..], &salt(1, 0), b"content"].concat();
    assert_eq!(commit_whole(&salts, b"content"), tlog::Hash::of_leaf(&whole));
    let leaf = |place, name: &[u8], value: &[u8]| {
        let length = (name.len() as u32).to_be_bytes();
        tlog::Hash::of_leaf(&[&[2][..], &salt(2, place), &length, name, value].concat())
    };
    let root = tlog::Hash::of_node(&leaf(0, b"active", b"true"), &leaf(1, b"userName", b"\"a\""));
    let values = [(&b"active"[..], &b"true"[..]), (b"userName", b"\"a\"")];
    assert_eq!(commit_values(&salts, values), root);
}
