//! Files that are not as we wrote them: each has a reason of its own, and none gives a wrong key.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::layout::{HEADER_BYTES, Header, Slot};

fn persons(folder: &Path) -> PathBuf {
    place(folder, person(1)).0
}

fn refused(folder: &Path) -> KeysError {
    KeyStore::open(folder, log(), &master()).unwrap_err()
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn slots_that_were_changed_or_exchanged_are_damaged() {
    let folder = tempfile::tempdir().unwrap();
    drop(made(folder.path()));
    let whole = fs::read(persons(folder.path())).unwrap();
    let of = |owner| {
        let (_, begin) = place(folder.path(), owner);
        whole[begin..begin + SLOT_BYTES].to_vec()
    };
    let check = |change: &dyn Fn(&mut [u8])| {
        fs::write(persons(folder.path()), &whole).unwrap();
        change_slot(folder.path(), person(5), |slot| change(slot));
        let error = open(folder.path()).key(person(5)).unwrap_err();
        assert!(matches!(error, KeysError::Damaged { owner, .. } if owner == person(5)));
        assert!(error.to_string().contains("number 5 of application 1"), "{error}");
        open(folder.path()).key(person(6)).unwrap();
    };
    for bit in 0..SLOT_BYTES * 8 {
        check(&|slot| slot[bit / 8] ^= 1 << (bit % 8));
    }
    check(&|slot| slot.fill(0));
    check(&|slot| slot.fill(0xff));
    check(&|slot| slot.copy_from_slice(&of(person(6))));
    for torn in 1..SLOT_BYTES {
        check(&|slot| slot[torn..].fill(0));
    }
    // Nobody can feign that a key was destroyed, with a right checksum or that of another owner.
    let feigned = Slot::Erased { seq: 9, mark: [1; 16] }.to_bytes();
    check(&|slot| slot.copy_from_slice(&feigned));
    fs::write(persons(folder.path()), &whole).unwrap();
    open(folder.path()).erase(&[person(6)], 9).unwrap();
    let (path, begin) = place(folder.path(), person(6));
    let erased = fs::read(path).unwrap()[begin..begin + SLOT_BYTES].to_vec();
    check(&|slot| slot.copy_from_slice(&erased));
}

#[test]
fn a_slot_of_another_table_or_application_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let keys = made(folder.path());
    keys.add_application(Application(2)).unwrap();
    keys.make_numbers(Application(2), Number(5)).unwrap();
    drop(keys);
    let other = Owner::Person { application: Application(2), number: Number(5) };
    for from in [month(5), other] {
        let (path, begin) = place(folder.path(), from);
        let bytes = fs::read(path).unwrap()[begin..begin + SLOT_BYTES].to_vec();
        change_slot(folder.path(), person(5), |slot| slot.copy_from_slice(&bytes));
        let error = open(folder.path()).key(person(5)).unwrap_err();
        assert!(matches!(error, KeysError::Damaged { .. }), "{error}");
    }
}

#[test]
fn a_damaged_header_falls_back_on_the_other_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let keys = made(folder.path());
    let before: Vec<_> = [1, 255, 256, 511].map(|number| key(&keys, person(number))).into();
    drop(keys);
    let path = persons(folder.path());
    for place in [0, HEADER_BYTES] {
        // The older one is behind by a block, whose slots are found all the same.
        change(&path, |bytes| bytes[place + 20] ^= 1);
        let keys = open(folder.path());
        assert_eq!(keys.numbers_made(APP).unwrap(), 512 + 256 * (place / HEADER_BYTES) as u32);
        keys.make_numbers(APP, Number(keys.numbers_made(APP).unwrap())).unwrap();
        for (number, before) in [1, 255, 256, 511].iter().zip(&before) {
            assert!(key(&keys, person(*number)) == *before, "{number}");
        }
        drop(keys);
        let bytes = fs::read(&path).unwrap();
        let header =
            |at: usize| Header::read(bytes[at..at + HEADER_BYTES].try_into().unwrap()).is_ok();
        assert!(header(0) || header(HEADER_BYTES));
        // Both are whole again after two changes.
        let keys = open(folder.path());
        for _ in 0..2 {
            keys.make_numbers(APP, Number(keys.numbers_made(APP).unwrap())).unwrap();
        }
        drop(keys);
        fs::write(&path, &bytes).unwrap();
        open(folder.path());
    }
    change(&path, |bytes| bytes[..2 * HEADER_BYTES].fill(0));
    assert!(matches!(refused(folder.path()), KeysError::Header { .. }));
}

#[test]
fn a_file_that_lost_its_end_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    drop(made(folder.path()));
    let path = persons(folder.path());
    let whole = fs::read(&path).unwrap();
    for bytes in [
        0,
        1,
        HEADER_BYTES,
        2 * HEADER_BYTES - 1,
        2 * HEADER_BYTES,
        2 * HEADER_BYTES + 1,
        whole.len() - 80,
        whole.len() - 1,
    ] {
        fs::write(&path, &whole[..bytes]).unwrap();
        let error = refused(folder.path());
        assert!(
            matches!(error, KeysError::Short { found, .. } if found == bytes as u64),
            "{bytes}: {error}"
        );
    }
}

#[test]
fn a_file_that_is_lost_or_older_than_the_log_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let keys = made(folder.path());
    let path = persons(folder.path());
    let older = fs::read(&path).unwrap();
    keys.make_numbers(APP, Number(1000)).unwrap();
    for used in [0, 1, 2, 1024] {
        keys.require_numbers(APP, used).unwrap();
    }
    let check = |keys: &KeyStore, used, expected_made| {
        let error = keys.require_numbers(APP, used).unwrap_err();
        assert!(matches!(error, KeysError::TooFew { made, .. } if made == expected_made));
    };
    check(&keys, 1025, 1024);
    drop(keys);
    fs::write(&path, older).unwrap();
    check(&open(folder.path()), 600, 512);
    fs::remove_file(&path).unwrap();
    let keys = open(folder.path());
    let missing = |error| matches!(error, Err(KeysError::Missing { application: APP }));
    assert!(missing(keys.require_numbers(APP, 0)));
    assert!(missing(keys.key(person(1)).map(drop)));
    assert!(missing(keys.make_numbers(APP, Number(1))), "no new keys for numbers in use");
    drop(keys);
    fs::remove_file(place(folder.path(), month(1)).0).unwrap();
    assert!(missing(open(folder.path()).require_numbers(APP, 0)));
}

#[test]
fn files_of_others_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    drop(made(folder.path()));
    let other_log = LogId::from_random(1);
    let error = KeyStore::open(folder.path(), other_log, &master()).unwrap_err();
    assert!(matches!(error, KeysError::OtherLog { found, .. } if found == log()), "{error}");
    let other = MasterKey::new(&[8; 32]);
    let error = KeyStore::open(folder.path(), log(), &other).unwrap_err();
    let ids = (master().id(), other.id());
    assert!(
        matches!(error, KeysError::OtherMaster { found, given, .. } if (found, given) == ids),
        "{error}"
    );
    let path = persons(folder.path());
    for name in ["persons-2", "months-2", "sent-1"] {
        let other = folder.path().join(name);
        fs::copy(&path, &other).unwrap();
        assert!(matches!(refused(folder.path()), KeysError::Misnamed { path } if path == other));
        fs::remove_file(&other).unwrap();
    }
    // Files with other names are nothing to us.
    for name in ["persons-01", "persons-+1", "persons-x", "persons", "persons-1~", "lost+found"] {
        fs::copy(&path, folder.path().join(name)).unwrap();
    }
    open(folder.path());
}

#[test]
fn a_newer_format_is_refused_by_its_version() {
    let folder = tempfile::tempdir().unwrap();
    drop(made(folder.path()));
    change(&persons(folder.path()), |bytes| {
        bytes[13] = 2;
        let check = crc32c::crc32c(&bytes[..48]);
        bytes[48..52].copy_from_slice(&check.to_be_bytes());
    });
    assert!(matches!(refused(folder.path()), KeysError::Newer { found: 2, known: 1, .. }));
}

#[test]
fn links_folders_and_pipes_are_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    drop(made(folder.path()));
    let path = persons(folder.path());
    let moved = folder.path().join("elsewhere");
    fs::rename(&path, &moved).unwrap();
    let check = || {
        let error = refused(folder.path());
        assert!(matches!(&error, KeysError::NotPlain { path: found } if *found == path), "{error}");
    };
    std::os::unix::fs::symlink(&moved, &path).unwrap();
    check();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    check();
    fs::remove_dir(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    check();
}

/// The bytes of a file are a released format.
#[test]
fn a_file_of_before_opens() {
    let kept = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/keys/v1");
    let (erased, live) = (person(3), person(200));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let _ = fs::remove_dir_all(&kept);
        fs::create_dir_all(kept.parent().unwrap()).unwrap();
        let keys = open(&kept);
        keys.add_application(APP).unwrap();
        keys.make_numbers(APP, Number(200)).unwrap();
        keys.make_months(APP, Month(5)).unwrap();
        keys.erase(&[erased], 1842).unwrap();
        let bytes = seal(&keys, live);
        fs::write(kept.join("sealed"), bytes).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(&kept).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let keys = open(folder.path());
    assert_eq!(keys.numbers_made(APP).unwrap(), 256);
    keys.key(month(255)).unwrap();
    assert!(matches!(keys.key(erased), Err(KeysError::Erased { seq: 1842, .. })));
    assert_eq!(seal(&keys, live), fs::read(kept.join("sealed")).unwrap());

    /// What shows the key without showing it.
    fn seal(keys: &KeyStore, owner: Owner) -> Vec<u8> {
        let key = keys.key(owner).unwrap();
        let key = sealing::PartKey::derive(&[(owner, &key)]).unwrap();
        let context = sealing::SealContext { log: log(), kind: 5 };
        // Nothing in it can be compressed.
        let content: [u8; 32] = std::array::from_fn(|at| (at * 37) as u8);
        sealing::seal(&key, context, &sealing::Nonce::new([4; 24]), &content).unwrap().bytes
    }
}
