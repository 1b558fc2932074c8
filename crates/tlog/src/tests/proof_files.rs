//! Proof files: their form, and what they show.

use super::store::Store;
use super::*;

fn file() -> ProofFile {
    let store = Store::of(leaves(11));
    let proof = prove_inclusion(&store, 6, 11).unwrap();
    ProofFile::new(6, proof, cosigned(store.frontier.head(), &[1, 2]))
}

fn leaf(number: u64) -> Hash {
    leaves(number + 1).last().unwrap()
}

#[test]
fn a_proof_file_shows_that_an_entry_is_in_the_log() {
    let text = file().to_string();
    let read = ProofFile::parse(text.as_bytes()).unwrap();
    assert_eq!(read, file());
    assert_eq!(read.to_string(), text);
    let policy = policy(&[1, 2], 2);
    let verified = read.verify(leaf(6), &policy).unwrap();
    assert_eq!(verified.head().size, 11);
    assert_eq!(verified.witnesses().len(), 2);
    assert_eq!((read.index(), read.extra()), (6, None));
    assert_eq!(read.proof().hashes().len(), 4);
    assert_eq!(read.checkpoint().unverified().origin(), "log.example/audit");

    let extra = vec![0, 255, 7];
    let with_extra = file().with_extra(extra.clone()).unwrap();
    let read = ProofFile::parse(with_extra.to_string().as_bytes()).unwrap();
    assert_eq!(read.extra(), Some(extra.as_slice()));
    assert_eq!(read, with_extra);
    assert_eq!(with_extra.with_extra(Vec::new()).unwrap(), file(), "no data, no line");

    // A tree of one entry has an empty proof.
    let store = Store::of(leaves(1));
    let proof = prove_inclusion(&store, 0, 1).unwrap();
    let file = ProofFile::new(0, proof, signed(store.frontier.head()));
    assert_eq!(file.to_string().lines().nth(2), Some(""));
    assert_eq!(ProofFile::parse(file.to_string().as_bytes()), Ok(file));
}

#[test]
fn what_a_proof_file_does_not_show_is_refused_with_the_reason() {
    let policy = policy(&[1, 2], 2);
    let refused = file().verify(leaf(7), &policy).unwrap_err();
    let inclusion = |refused: &ProofFileRefusal| {
        matches!(refused, ProofFileRefusal::Inclusion(InclusionError::WrongRoot { .. }))
    };
    assert!(inclusion(&refused), "{refused}");
    let moved = ProofFile::new(7, file().proof().clone(), file().checkpoint().clone());
    assert!(inclusion(&moved.verify(leaf(6), &policy).unwrap_err()));
    assert!(inclusion(&moved.verify(leaf(7), &policy).unwrap_err()));
    let outside = ProofFile::new(11, file().proof().clone(), file().checkpoint().clone());
    let refused = outside.verify(leaf(6), &policy).unwrap_err();
    let index = InclusionError::IndexOutside { index: 11, size: 11 };
    assert_eq!(refused, ProofFileRefusal::Inclusion(index));

    let other = TreeHead { size: 11, root: leaf(0) };
    let other = ProofFile::new(6, file().proof().clone(), cosigned(other, &[1, 2]));
    assert!(inclusion(&other.verify(leaf(6), &policy).unwrap_err()));
    let unwitnessed = ProofFile::new(6, file().proof().clone(), {
        signed(*file().checkpoint().unverified().head())
    });
    let few = PolicyRefusal::TooFewWitnesses { found: 0, needed: 2 };
    let refused = unwitnessed.verify(leaf(6), &policy).unwrap_err();
    assert_eq!(refused, ProofFileRefusal::Checkpoint(few));
}

#[test]
fn refusals_of_proof_files_name_their_reason() {
    use ProofFileError::{
        ExtraEmpty, ExtraNotBase64, ExtraTooLong, FirstLine, Hashes, Index, NoIndex, TooLong,
    };
    let good = file().with_extra(vec![1]).unwrap().to_string();
    let head = "c2sp.org/tlog-proof@v1";
    let one = Hash::EMPTY_TREE;
    let rest = &good[good.find("\n\n").unwrap() + 2..];
    let many = format!("{one}\n").repeat(64);
    let at = |number, source| Hashes(HashLinesError::Hash { number, source });
    let long_extra = "AAAA".repeat(EXTRA_BYTES_MAX / 3 + 1);
    let longer_extra = "AAAA".repeat(EXTRA_BYTES_MAX / 3 + 2);
    for (text, error) in [
        (String::new(), FirstLine),
        (head.to_owned(), FirstLine),
        (format!("\n{good}"), FirstLine),
        (good.replace("@v1", "@v2"), FirstLine),
        (good.replace("@v1\n", "@v1\r\n"), FirstLine),
        (format!("{head}\n"), NoIndex),
        (format!("{head}\n\n{rest}"), NoIndex),
        (format!("{head}\nextra AA==\n"), NoIndex),
        (
            format!("{head}\nindex 0\nextra AA==\n\n{rest}"),
            at(0, HashTextError::Length { chars: 10 }),
        ),
        (good.replace("extra AQ==", "extra"), NoIndex),
        (good.replace("extra AQ==", "extra AQ==\nextra AQ=="), NoIndex),
        (good.replace("extra AQ==", "extra "), ExtraEmpty),
        (good.replace("extra AQ==", "extra AR=="), ExtraNotBase64),
        (good.replace("extra AQ==", "extra  AQ=="), ExtraNotBase64),
        (good.replace("extra AQ==", &format!("extra {long_extra}")), ExtraTooLong),
        (good.replace("extra AQ==", &format!("extra {longer_extra}")), ExtraTooLong),
        (good.replace("extra AQ==", &format!("extra {}", "*".repeat(90_000))), ExtraTooLong),
        (good.replace("index 6", "index"), NoIndex),
        (good.replace("index 6", "index "), Index(DecimalError::Empty)),
        (good.replace("index 6", "index 06"), Index(DecimalError::LeadingZero)),
        (good.replace("index 6", "index  6"), Index(DecimalError::NotDigits)),
        (good.replace("index 6", "index 9223372036854775808"), Index(DecimalError::TooLarge)),
        (format!("{head}\nindex 0\n{one}\n"), Hashes(HashLinesError::NoEmptyLine)),
        (format!("{head}\nindex 0\n{one}"), Hashes(HashLinesError::NoEmptyLine)),
        (format!("{head}\nindex 0\n{many}\n{rest}"), Hashes(HashLinesError::TooMany { max: 63 })),
        (format!("{head}\nindex 0\n{one} \n\n{rest}"), at(0, HashTextError::Length { chars: 45 })),
    ] {
        assert_eq!(ProofFile::parse(text.as_bytes()), Err(error), "{text:.60?}");
    }
    let bytes = [good.as_bytes(), b"\xff"].concat();
    assert_eq!(ProofFile::parse(&bytes), Err(ProofFileError::NotUtf8));
    let cut = &good[..good.len() - 1];
    let refused = SignedCheckpointError::Note(NoteError::NoLineEnd);
    assert_eq!(ProofFile::parse(cut.as_bytes()), Err(ProofFileError::Checkpoint(refused)));
    let long = vec![b'a'; PROOF_FILE_BYTES_MAX + 1];
    assert_eq!(ProofFile::parse(&long), Err(TooLong { bytes: long.len() }));
    assert_eq!(file().with_extra(vec![0; EXTRA_BYTES_MAX + 1]), Err(ExtraTooLong));
    let longest = file().with_extra(vec![0; EXTRA_BYTES_MAX]).unwrap();
    assert_eq!(ProofFile::parse(longest.to_string().as_bytes()), Ok(longest));
}
