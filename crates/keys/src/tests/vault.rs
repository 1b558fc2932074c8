//! Parts that are sealed and opened with the keys of their owners.

use event::codec::{
    FORM_PLAIN, FramedPart, OpenedPart, PART_BODY, PART_ORIGIN, PART_STATE, PART_TARGET, PartPlace,
    Parts, StoredPart,
};
use event::{Seq, Timestamp};

use super::*;
use crate::Vault;

const DETAIL: u8 = 7;
/// 2026-03-02.
const NOW: Timestamp = Timestamp(1_772_442_847_120_001);

fn vault(folder: &Path) -> Vault {
    Vault::open(folder, log(), &master()).unwrap()
}

fn at(seq: Seq, index: u32) -> PartPlace {
    PartPlace { seq, application: APP, recorded_at: NOW, index }
}

fn part(kind: u8, numbers: &[u32], bytes: &'static [u8]) -> FramedPart<'static> {
    let (subject, others) = match numbers.split_first() {
        Some((first, others)) => {
            (Some(Number(*first)), others.iter().copied().map(Number).collect())
        }
        None => (None, vec![]),
    };
    FramedPart { kind, form: FORM_PLAIN, subject, others, commitment: None, bytes }
}

/// The part as it stands in the log.
fn stored<'a>(part: &FramedPart<'_>, stored: &'a StoredPart) -> FramedPart<'a> {
    let StoredPart { form, commitment, bytes } = stored;
    let (kind, subject, others) = (part.kind, part.subject, part.others.clone());
    FramedPart { kind, form: *form, subject, others, commitment: *commitment, bytes }
}

fn opened(vault: &Vault, at: PartPlace, part: &FramedPart<'_>) -> Option<Vec<u8>> {
    match vault.open(at, part).unwrap() {
        OpenedPart::Content(content) => Some(content.into_owned()),
        OpenedPart::Erased => None,
    }
}

/// A kind of part, its subjects, its owners, and some who are none.
type Case<'a> = (u8, &'a [u32], &'a [Owner], &'a [Owner]);

#[test]
fn each_part_opens_until_one_of_its_owners_is_erased_and_later_ones_are_withheld() {
    const TEXT: &[u8] = br#"{"active":true,"userName":"mira.k"}"#;
    let month = Month::of(NOW);
    let sent = Owner::Sent { application: APP, month };
    let nobodys = Owner::Month { application: APP, month };
    let cases: [Case<'_>; 6] = [
        (PART_STATE, &[5], &[person(5)], &[person(6), sent, nobodys]),
        (PART_BODY, &[5], &[person(5), sent], &[person(6), nobodys]),
        (PART_BODY, &[5, 8, 9_000], &[person(5), person(8), person(9_000), sent], &[person(6)]),
        (PART_TARGET, &[], &[sent], &[person(5), nobodys]),
        (PART_ORIGIN, &[], &[sent], &[person(5), nobodys]),
        (DETAIL, &[], &[nobodys], &[person(5), sent]),
    ];
    for (kind, numbers, owners, others) in cases {
        let plain = part(kind, numbers, TEXT);
        for gone in owners {
            let folder = tempfile::tempdir().unwrap();
            let vault = vault(folder.path());
            let sealed = vault.seal(at(7, 2), &plain).unwrap();
            let there = stored(&plain, &sealed);
            assert!(!sealed.bytes.windows(4).any(|bytes| bytes == b"mira"));
            assert_eq!(opened(&vault, at(7, 2), &there).as_deref(), Some(TEXT));
            vault.check(at(7, 2), &there).unwrap();
            vault.erase(others, 9).unwrap();
            assert_eq!(opened(&vault, at(7, 2), &there).as_deref(), Some(TEXT));
            vault.erase(&[*gone], 11).unwrap();
            let check = |vault: &Vault| {
                assert_eq!(opened(vault, at(7, 2), &there), None, "{kind} {gone}");
                vault.check(at(7, 2), &there).unwrap();
                let later = vault.seal(at(12, 0), &plain).unwrap();
                assert!(later.bytes.is_empty() && later.commitment.is_none(), "{kind} {gone}");
                assert_eq!(opened(vault, at(12, 0), &stored(&plain, &later)), None);
            };
            check(&vault);
            drop(vault);
            check(&self::vault(folder.path()));
        }
    }
}

#[test]
fn a_part_at_another_place_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(folder.path());
    for (kind, content) in
        [(PART_STATE, &b"{}"[..]), (PART_STATE, br#"{"a":1,"b":[2]}"#), (DETAIL, b"x")]
    {
        let plain = part(kind, &[5], content);
        let sealed = vault.seal(at(7, 2), &plain).unwrap();
        let there = stored(&plain, &sealed);
        vault.check(at(7, 2), &there).unwrap();
        // An empty state commits to no value, and so to no place.
        if content != b"{}" {
            vault.check(at(8, 2), &there).unwrap_err();
            vault.check(at(7, 1), &there).unwrap_err();
        }
        let other = FramedPart { subject: Some(Number(6)), ..there.clone() };
        assert!(vault.open(at(7, 2), &other).is_err());
        let other = FramedPart { others: vec![Number(6)], ..there.clone() };
        assert!(vault.open(at(7, 2), &other).is_err());
        let other = FramedPart { kind: kind + 1, ..there.clone() };
        assert!(vault.open(at(7, 2), &other).is_err());
        let other = FramedPart { commitment: None, ..there.clone() };
        assert!(vault.open(at(7, 2), &other).is_err());
        let mut altered = sealed.bytes.clone();
        altered[30] ^= 1;
        assert!(vault.open(at(7, 2), &FramedPart { bytes: &altered, ..there.clone() }).is_err());
        let other = FramedPart { form: FORM_PLAIN, ..there.clone() };
        assert!(vault.open(at(7, 2), &other).is_err());
        let other = FramedPart { form: 4, ..there };
        assert!(vault.open(at(7, 2), &other).is_err());
    }
}

/// One value that is told does not tell the others, so each changed value has a commitment of its own.
#[test]
fn values_are_committed_to_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(folder.path());
    let not_json = part(PART_STATE, &[5], b"{\"a\":");
    assert!(vault.seal(at(7, 0), &not_json).is_err());
    let not_values = part(event::codec::PART_VALUES, &[5], b"\xff");
    assert!(vault.seal(at(7, 0), &not_values).is_err());
}

#[test]
fn keys_are_made_before_they_are_needed_and_a_part_without_one_is_no_erasure() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(folder.path());
    for number in [1, 2, 4_000, 9_000, 9_001, 40_000] {
        let plain = FramedPart { subject: Some(Number(number)), ..part(DETAIL, &[], b"x") };
        let sealed = vault.seal(at(7, 0), &plain).unwrap();
        assert!(vault.keys().numbers_made(APP).unwrap() > number + 1);
        assert_eq!(opened(&vault, at(7, 0), &stored(&plain, &sealed)).as_deref(), Some(&b"x"[..]));
    }
    let plain = part(DETAIL, &[5], b"x");
    let sealed = vault.seal(at(7, 0), &plain).unwrap();
    let far = FramedPart { subject: Some(Number(10_000_000)), ..stored(&plain, &sealed) };
    let error = vault.open(at(7, 0), &far).err().unwrap();
    assert!(error.to_string().contains("no key was made"), "{error}");
    let elsewhere = PartPlace { application: Application(77), ..at(7, 0) };
    assert!(vault.open(elsewhere, &stored(&plain, &sealed)).is_err());
    // What a start finds.
    vault.require(APP, 40_001).unwrap();
    assert!(matches!(vault.require(APP, 10_000_000), Err(KeysError::TooFew { .. })));
    vault.require(Application(3), 1).unwrap();
    assert!(matches!(vault.require(Application(4), 2), Err(KeysError::Missing { .. })));
}

#[test]
fn months_are_those_of_the_calendar() {
    const DAY_US: i64 = 86_400_000_000;
    for day in (0..60_000).chain([2_932_895, 2_932_896]) {
        for time in [Timestamp(day * DAY_US), Timestamp((day + 1) * DAY_US - 1)] {
            assert_eq!(Month::of(time).to_string(), time.to_utc().format("%Y-%m").to_string());
        }
    }
    assert_eq!(Month::of(Timestamp(-1)), Month(0));
}
