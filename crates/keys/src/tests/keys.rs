//! Making, reading and destroying keys.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use super::*;
use crate::cache::Cache;
use crate::layout::HEADER_BYTES;

#[test]
fn each_owner_has_a_key_of_its_own_that_stays() {
    let folder = tempfile::tempdir().unwrap();
    let keys = made(folder.path());
    let owners: Vec<Owner> = (1..512).map(person).chain((0..768).map(month)).collect();
    let before: Vec<Arc<DataKey>> = owners.iter().map(|owner| key(&keys, *owner)).collect();
    for (at, one) in before.iter().enumerate() {
        assert!(before[..at].iter().all(|other| other != one), "{at}");
    }
    // Later ones change nothing of earlier ones, and neither does a restart.
    keys.make_numbers(APP, Number(5000)).unwrap();
    drop(keys);
    let keys = open(folder.path());
    assert_eq!(keys.numbers_made(APP).unwrap(), 5120);
    for (owner, before) in owners.iter().zip(&before) {
        assert!(key(&keys, *owner) == *before, "{owner}");
    }
}

#[test]
fn keys_are_made_in_blocks_and_known_to_be_made() {
    let folder = tempfile::tempdir().unwrap();
    let keys = open(folder.path());
    let number = |number| Number(number);
    assert!(matches!(keys.key(person(1)), Err(KeysError::Missing { application: APP })));
    assert!(matches!(keys.make_numbers(APP, number(1)), Err(KeysError::Missing { .. })));
    assert!(matches!(keys.numbers_made(APP), Err(KeysError::Missing { .. })));
    keys.add_application(APP).unwrap();
    assert_eq!(keys.numbers_made(APP).unwrap(), 0);
    assert!(
        matches!(keys.key(person(1)), Err(KeysError::NeverMade { owner }) if owner == person(1))
    );
    for (through, made) in [(0, 256), (255, 256), (256, 512), (1, 512), (511, 512), (9000, 9216)] {
        keys.make_numbers(APP, number(through)).unwrap();
        assert_eq!(keys.numbers_made(APP).unwrap(), made, "{through}");
    }
    keys.key(person(9215)).unwrap();
    assert!(matches!(keys.key(person(9216)), Err(KeysError::NeverMade { .. })));
    assert!(matches!(keys.key(month(0)), Err(KeysError::NeverMade { .. })));
    assert!(matches!(keys.key(person(0)), Err(KeysError::Nobody)));
    assert!(matches!(keys.erase(&[person(0)], 1), Err(KeysError::Nobody)));
    for through in [u32::MAX, u32::MAX - 255] {
        let refused = keys.make_numbers(APP, number(through));
        assert!(matches!(refused, Err(KeysError::Full { application: APP })), "{through}");
    }
    // Files that are there stay.
    let before = key(&keys, person(7));
    keys.add_application(APP).unwrap();
    assert!(key(&keys, person(7)) == before);
    assert!(matches!(keys.key(person(9216)), Err(KeysError::NeverMade { .. })));
}

#[test]
fn a_key_that_was_destroyed_leaves_no_byte_and_says_when() {
    let folder = tempfile::tempdir().unwrap();
    let keys = made(folder.path());
    let owners = [person(5), person(300), month(682)];
    let secrets: Vec<Vec<u8>> = owners.iter().map(|owner| wrapped(folder.path(), *owner)).collect();
    let neighbours = [person(4), person(6), month(681), month(683)];
    let before = neighbours.map(|owner| key(&keys, owner));
    assert!(owners.iter().all(|owner| keys.key(*owner).is_ok()), "and they are in the cache");
    assert!(secrets.iter().all(|secret| is_left(folder.path(), secret)));

    keys.erase(&owners, 1842).unwrap();
    let check = |keys: &KeyStore| {
        for (owner, secret) in owners.iter().zip(&secrets) {
            let error = keys.key(*owner).unwrap_err();
            assert!(matches!(error, KeysError::Erased { owner: of, seq: 1842 } if of == *owner));
            assert!(!is_left(folder.path(), secret), "{owner}");
        }
        for (owner, before) in neighbours.iter().zip(&before) {
            assert!(key(keys, *owner) == *before);
        }
    };
    check(&keys);
    // Again is no change, nor is a later erasure of the same person.
    keys.erase(&owners[..2], 1842).unwrap();
    keys.erase(&owners, 9000).unwrap();
    check(&keys);
    drop(keys);
    check(&open(folder.path()));
}

#[test]
fn nothing_is_destroyed_if_one_of_them_was_never_made() {
    let folder = tempfile::tempdir().unwrap();
    let keys = made(folder.path());
    let refused = keys.erase(&[person(5), month(5), person(512)], 1);
    assert!(matches!(refused, Err(KeysError::NeverMade { owner }) if owner == person(512)));
    keys.key(person(5)).unwrap();
    open(folder.path()).key(person(5)).unwrap();
}

#[test]
fn a_scan_visits_every_key_that_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let keys = made(folder.path());
    keys.add_application(Application(7)).unwrap();
    keys.make_numbers(Application(7), Number(0)).unwrap();
    keys.erase(&[person(9), month(3)], 44).unwrap();
    change_slot(folder.path(), person(10), |slot| slot[40] ^= 1);
    let mut seen = Vec::new();
    keys.scan(|owner, state| seen.push((owner, state))).unwrap();
    assert_eq!(seen.len(), 512 + 768 + 256);
    assert!(seen.iter().map(|(owner, _)| owner).is_sorted_by_key(|owner| match owner {
        Owner::Person { application, number } => (application.0, 1, number.0),
        Owner::Month { application, month } => (application.0, 2, month.0),
        Owner::Sent { application, month } => (application.0, 3, month.0),
    }));
    let other: Vec<_> = seen.iter().filter(|(_, state)| *state != KeyState::Live).collect();
    let erased = KeyState::Erased { seq: 44 };
    assert_eq!(
        other,
        [&(person(9), erased), &(person(10), KeyState::Damaged), &(month(3), erased)]
    );
}

#[test]
fn the_cache_is_bounded_and_forgets_what_was_destroyed() {
    let folder = tempfile::tempdir().unwrap();
    drop(made(folder.path()));
    let mut cache = Cache::new(20);
    for number in 1..1000 {
        cache.put(person(number), Arc::new(DataKey::random().unwrap()));
        assert!(cache.len() <= 20);
        // One that is used stays, however many others come.
        assert!(cache.get(person(1)).is_some(), "{number}");
    }
    assert!(cache.get(person(999)).is_some() && cache.get(person(500)).is_none());
    cache.forget(person(1));
    assert!(cache.get(person(1)).is_none());

    // With a cache that is too small for anything, keys are read from the file.
    let keys = KeyStore::with_cache(folder.path(), log(), &master(), 0).unwrap();
    assert!(key(&keys, person(5)) == key(&keys, person(5)));
}

/// A reader that read before an erasure must not put the key into the cache after it.
#[test]
fn a_key_does_not_come_back_from_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let keys = made(folder.path());
    let erasures = keys.cache().erasures();
    let read = key(&keys, person(5));
    keys.erase(&[person(5)], 1).unwrap();
    keys.remember(person(5), &read, erasures);
    assert!(matches!(keys.key(person(5)), Err(KeysError::Erased { .. })));
    let erasures = keys.cache().erasures();
    keys.remember(person(6), &read, erasures);
    assert!(key(&keys, person(6)) == read, "without an erasure it is remembered");
}

#[test]
fn keys_are_made_once_by_many_threads() {
    let folder = tempfile::tempdir().unwrap();
    let keys = open(folder.path());
    keys.add_application(APP).unwrap();
    let seen: Vec<Vec<Arc<DataKey>>> = std::thread::scope(|threads| {
        let one = || {
            (1..2000)
                .map(|number| {
                    keys.make_numbers(APP, Number(number)).unwrap();
                    key(&keys, person(number))
                })
                .collect()
        };
        let all: Vec<_> = (0..4).map(|_| threads.spawn(one)).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(seen.iter().all(|one| *one == seen[0]));
}

#[test]
fn only_the_owner_of_the_files_may_read_them() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("keys");
    let keys = made(&inner);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    let (path, _) = place(&inner, person(1));
    assert_eq!(mode(&path), 0o600);
    drop(keys);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    open(&inner);
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn a_folder_says_whether_it_holds_keys() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("keys");
    assert!(!holds_keys(&inner).unwrap());
    let keys = open(&inner);
    assert!(!holds_keys(&inner).unwrap());
    std::fs::write(inner.join("persons-1.part"), "x").unwrap();
    std::fs::write(inner.join("notes.txt"), "x").unwrap();
    assert!(!holds_keys(&inner).unwrap());
    keys.add_application(Application::RECORDER).unwrap();
    assert!(holds_keys(&inner).unwrap());
    assert_eq!(format!("{keys:?}"), format!("KeyStore {{ folder: {inner:?}, .. }}"));
}

/// The copy has what the header counted when the copy began.
#[test]
fn a_copy_that_was_made_while_keys_were_made_opens() {
    let (folder, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let keys = made(folder.path());
    let before = key(&keys, person(300));
    let (path, _) = place(folder.path(), person(1));
    let begin = std::fs::read(&path).unwrap();
    keys.make_numbers(APP, Number(1000)).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for end in [begin.len(), begin.len() + 1, begin.len() + 40_000, whole.len()] {
        let copy = [&begin[..2 * HEADER_BYTES], &whole[2 * HEADER_BYTES..end]].concat();
        let folder = copies.path().join(end.to_string());
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(path.file_name().unwrap()), copy).unwrap();
        let copied = open(&folder);
        assert!(key(&copied, person(300)) == before);
        assert!(copied.numbers_made(APP).unwrap() >= 512);
        // What came along of the later keys is theirs.
        if let Ok(later) = copied.key(person(600)) {
            assert!(key(&keys, person(600)) == later);
        }
    }
}
