//! Wrapping all keys anew.

use super::*;

fn new_master() -> MasterKey {
    MasterKey::new(&[9; 32])
}

#[test]
fn keys_and_marks_stay_under_another_master_key() {
    let folder = tempfile::tempdir().unwrap();
    let keys = made(folder.path());
    keys.add_application(Application(7)).unwrap();
    keys.make_numbers(APP, Number(5000)).unwrap();
    keys.erase(&[person(5)], 1842).unwrap();
    let owners = [person(1), person(5119), month(0), month(767)];
    let before = owners.map(|owner| key(&keys, owner));
    let old = owners.map(|owner| wrapped(folder.path(), owner));
    drop(keys);

    let rewrap = || rewrap(folder.path(), log(), &master(), &new_master()).unwrap();
    assert_eq!(rewrap(), Rewrapped { files: 6, files_before: 0, keys: 5120 + 768 });
    assert_eq!(rewrap(), Rewrapped { files: 0, files_before: 6, keys: 0 });
    let refused = KeyStore::open(folder.path(), log(), &master());
    assert!(matches!(refused, Err(KeysError::OtherMaster { .. })));
    let keys = KeyStore::open(folder.path(), log(), &new_master()).unwrap();
    for ((owner, before), old) in owners.iter().zip(&before).zip(&old) {
        assert!(key(&keys, *owner) == *before, "{owner}");
        assert!(!is_left(folder.path(), old));
    }
    assert!(matches!(keys.key(person(5)), Err(KeysError::Erased { seq: 1842, .. })));
    assert_eq!(keys.numbers_made(APP).unwrap(), 5120);
    keys.make_numbers(APP, Number(5120)).unwrap();
    keys.key(person(5120)).unwrap();
}

#[test]
fn a_damaged_key_stops_it_and_its_file_stays() {
    let folder = tempfile::tempdir().unwrap();
    drop(made(folder.path()));
    change_slot(folder.path(), person(300), |slot| slot[30] ^= 1);
    let rewrap = || rewrap(folder.path(), log(), &master(), &new_master());
    let error = rewrap().unwrap_err();
    assert!(matches!(error, KeysError::Damaged { owner, .. } if owner == person(300)), "{error}");
    change_slot(folder.path(), person(300), |slot| slot[30] ^= 1);
    rewrap().unwrap();
    KeyStore::open(folder.path(), log(), &new_master()).unwrap().key(person(300)).unwrap();
}

#[test]
fn files_under_a_third_master_key_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(made(folder.path()));
    let wrong = rewrap(folder.path(), log(), &MasterKey::new(&[1; 32]), &new_master());
    assert!(matches!(wrong, Err(KeysError::OtherMaster { .. })));
    open(folder.path()).key(person(1)).unwrap();
}
