//! Opening: names, locks, damage, rows.

use super::*;
use crate::key;
use crate::rows::{Direction, ReadRows, RowChanges};

fn open(folder: &Path) -> Result<Store, StoreError> {
    Store::open(folder, &Options { memtable_bytes: 256 << 10, ..Options::default() }, 99)
}

fn filled(folder: &Path, count: Seq) {
    let store = open(folder).unwrap();
    for seq in 0..count {
        store.append(&[(seq, vec![seq as u8])], true).unwrap();
    }
    store.keep(count, Timestamp(7), None).unwrap();
}

#[test]
fn a_log_is_found_again_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 3);
    let store = Store::open(folder.path(), &Options::default(), 5).unwrap();
    assert_eq!(store.log_id(), LogId::from_random(99), "a later random number names nothing");
    assert_eq!(store.log_size().unwrap(), 3);
    assert_eq!(store.last_alive(), Some(Timestamp(7)));
    assert_eq!(store.event_bytes(2).unwrap(), Some(vec![2]));
    assert_eq!(store.event_bytes(3).unwrap(), None);
}

#[test]
fn a_second_process_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(folder.path()).unwrap();
    assert!(matches!(open(folder.path()), Err(StoreError::Locked { .. })));
    // RocksDB's own lock is on a file that can be removed.
    fs::remove_file(folder.path().join("db/LOCK")).unwrap();
    assert!(matches!(open(folder.path()), Err(StoreError::Locked { .. })));
}

#[test]
fn another_program_on_the_database_is_told_from_a_refused_permission() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 1);
    let families = [rocksdb::DEFAULT_COLUMN_FAMILY_NAME, LOG_FAMILY, ROWS_FAMILY];
    let options = rocksdb::Options::default();
    let other = DB::open_cf(&options, folder.path().join("db"), families).unwrap();
    assert!(matches!(open(folder.path()), Err(StoreError::Locked { .. })));
    drop(other);
    drop(open(folder.path()).unwrap());
}

#[test]
fn what_rocksdb_cannot_open_is_not_said_to_be_in_use() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 1);
    let lock = folder.path().join("db/LOCK");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    let Err(error) = open(folder.path()) else { panic!("a folder is no lock") };
    let words = crate::with_causes(&error);
    assert!(!words.contains("another process"), "{words}");
    assert!(words.contains("LOCK"), "{words}");
}

#[test]
fn a_kept_file_that_somebody_else_wrote_is_noticed_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 3);
    let store = open(folder.path()).unwrap();
    store.keep(3, Timestamp(8), None).unwrap();
    store.keep(3, Timestamp(9), None).unwrap();
    let path = Kept::path(folder.path());
    let (log, alive) = (store.log_id(), Timestamp(9));
    let theirs = Kept { log, size: 4, alive, boot: None, manifest: None, checkpoint: None };
    theirs.write(folder.path()).unwrap();
    assert!(matches!(store.keep(3, Timestamp(10), None), Err(StoreError::NotAlone { .. })));
    assert_eq!(Kept::read(folder.path()).unwrap(), Some(theirs));
    fs::write(&path, "x").unwrap();
    assert!(matches!(store.keep(3, Timestamp(10), None), Err(StoreError::NotAlone { .. })));
    fs::remove_file(&path).unwrap();
    assert!(matches!(store.keep(3, Timestamp(10), None), Err(StoreError::NotAlone { .. })));
    assert!(!path.exists());
}

#[test]
fn damage_is_refused_with_its_name() {
    let check = |harm: &dyn Fn(&Path), expected: &str| {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path(), 3);
        harm(folder.path());
        let Err(error) = open(folder.path()) else { panic!("opened in spite of: {expected}") };
        assert!(error.to_string().contains(expected), "{error}");
    };
    check(&|folder| fs::remove_file(folder.join("kept")).unwrap(), "is missing although");
    check(&|folder| fs::remove_dir_all(folder.join("db")).unwrap(), "the database is missing");
    let list = |folder: &Path| {
        let current = fs::read_to_string(folder.join("db/CURRENT")).unwrap();
        folder.join("db").join(current.trim_end())
    };
    check(&|folder| fs::remove_file(folder.join("db/CURRENT")).unwrap(), "--into NEW");
    check(&|folder| fs::write(folder.join("db/CURRENT"), "").unwrap(), "--into NEW");
    let other = "MANIFEST-000009\n";
    check(&|folder| fs::write(folder.join("db/CURRENT"), other).unwrap(), "--into NEW");
    check(&|folder| fs::remove_file(list(folder)).unwrap(), "--into NEW");
    let flipped = |byte: usize, bit: u8| {
        move |folder: &Path| {
            let mut bytes = fs::read(list(folder)).unwrap();
            bytes[byte] ^= 1 << bit;
            fs::write(list(folder), bytes).unwrap();
        }
    };
    // The kind of the second record, made into one that RocksDB would go on reading for ever.
    check(&flipped(46 + 6, 2), "--into NEW");
    for byte in [0, 4, 5, 6, 20, 60] {
        check(&flipped(byte, 1), "--into NEW");
    }
    let size = |size: Seq, log: u64| {
        move |folder: &Path| {
            let log = LogId::from_random(log);
            let kept = Kept {
                log,
                size,
                alive: Timestamp(0),
                boot: None,
                manifest: None,
                checkpoint: None,
            };
            kept.write(folder).unwrap();
        }
    };
    check(&size(4, 99), "ends after 3 events, but 4 were synced");
    check(&size(3, 98), "belongs to log");
}

#[test]
fn a_folder_without_a_log_is_not_made_into_one_by_reading() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent");
    let error = Store::open_existing(&absent, &Options::default());
    assert!(matches!(error, Err(StoreError::NoLog { .. })));
    assert!(!absent.exists());
}

#[test]
fn a_missing_event_is_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    store.append(&[(0, vec![]), (2, vec![])], true).unwrap();
    let seen = store.scan_log(0, |_, _| Ok::<_, StoreError>(ControlFlow::Continue(())));
    assert!(matches!(seen, Err(StoreError::Gap { expected: 1 })));
}

#[test]
fn rows_are_scanned_in_both_directions_and_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let operation = key::operation;
    let changes: RowChanges = (0..5).map(|seq| (operation(seq), Some(vec![seq as u8]))).collect();
    store.publish(&changes, 5, 1).unwrap();
    let removed: RowChanges = [(operation(1), None)].into();
    store.publish(&removed, 6, 1).unwrap();

    let before = store.snapshot();
    let seen = |direction| {
        let mut seen = vec![];
        before
            .scan(&key::operations(&(0..4)), direction, &mut |_, value| {
                seen.push(value[0]);
                ControlFlow::Continue(())
            })
            .unwrap();
        seen
    };
    assert_eq!(seen(Direction::Forward), [0, 2, 3]);
    assert_eq!(seen(Direction::Backward), [3, 2, 0]);
    assert_eq!(before.watermark().unwrap(), Some((6, 1)));
    drop(before);

    store.clear_rows().unwrap();
    assert_eq!(store.snapshot().watermark().unwrap(), None);
    assert_eq!(store.snapshot().get(&operation(0)).unwrap(), None);
}

#[test]
fn rows_that_are_read_and_written_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let operation = key::operation;
    let mut changes: RowChanges = (0..5).map(|seq| (operation(seq), Some(vec![]))).collect();
    changes.push((operation(9), None));
    store.publish(&changes, 5, 1).unwrap();
    assert_eq!((store.rows_read(), store.rows_written()), (0, 7), "with the watermark");

    let snapshot = store.snapshot();
    snapshot.get(&operation(0)).unwrap();
    snapshot.get(&operation(7)).unwrap();
    assert_eq!(store.rows_read(), 2, "absent rows count too");
    let all = key::operations(&(0..9));
    snapshot.scan(&all, Direction::Forward, &mut |_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!(store.rows_read(), 7);
    snapshot.first(&all, Direction::Backward).unwrap();
    assert_eq!(store.rows_read(), 8, "a scan that breaks off counts what it saw");
    snapshot.first(&key::gaps(9), Direction::Backward).unwrap();
    assert_eq!((store.rows_read(), store.rows_written()), (8, 7), "nothing was there");
}

#[test]
fn the_digest_covers_keys_and_values_and_not_the_watermark() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let digest = || crate::rows::digest(&store.snapshot()).unwrap();
    let empty = digest();
    store.publish(&RowChanges::new(), 9, 1).unwrap();
    assert_eq!(digest(), empty);
    store.publish(&[(key::gap(1), Some(vec![1]))].into(), 9, 1).unwrap();
    let one = digest();
    assert_ne!(one, empty);
    store.publish(&[(key::gap(1), Some(vec![2]))].into(), 9, 1).unwrap();
    assert_ne!(digest(), one);
}
