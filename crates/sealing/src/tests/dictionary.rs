//! The dictionary: how it was made, and that a released one does not change.
//!
//! `UPDATE_GOLDEN=1 cargo test -p sealing dictionary` trains it anew. After a release that is a change of the
//! format: a better dictionary gets a new version and a file of its own.

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::samples::contents;
use super::*;
use crate::compress::DICTIONARY_1;

const BYTES: usize = 32 << 10;
const SHA_256: &str = "df7b83c688aab790347463a1d78840bec7853279e1fb43a08722aa4271dec616";
/// The version of zstd that trained it. Another one may train another from the same samples.
const ZSTD: u32 = 10507;

fn train() -> Vec<u8> {
    let samples: Vec<Vec<u8>> = (0..300).flat_map(contents).collect();
    let sizes: Vec<usize> = samples.iter().map(Vec::len).collect();
    let mut dictionary = vec![0; BYTES];
    let bytes =
        zstd_safe::train_from_buffer(&mut dictionary[..], &samples.concat(), &sizes).unwrap();
    dictionary.truncate(bytes);
    dictionary
}

#[test]
fn the_dictionary_is_the_one_that_was_released_and_can_be_made_again() {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/dictionary-1.zstd");
        std::fs::write(path, train()).unwrap();
        return; // what was compiled in is the old one
    }
    assert_eq!(HEXLOWER.encode(&Sha256::digest(DICTIONARY_1)), SHA_256);
    if zstd_safe::version_number() == ZSTD {
        assert!(train() == DICTIONARY_1, "the samples train another dictionary");
    }
}

/// On persons that it was not trained on.
#[test]
fn the_dictionary_makes_contents_much_smaller() {
    let (mut plain, mut sealed) = (0, 0);
    for content in (10_000..10_050).flat_map(contents) {
        plain += content.len();
        sealed +=
            seal(&part_key(1), context(), &Nonce::new([0; 24]), &content).unwrap().bytes.len();
    }
    assert!(sealed * 3 < plain, "{plain} bytes became {sealed}");
}
