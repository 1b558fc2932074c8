//! What can be saved from a database that does not open: its rows are a cache and can be removed, and the
//! log can be read without them and copied into a new folder.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use event::Seq;
use rocksdb::{ColumnFamilyDescriptor, DB, DBRecoveryMode};

use crate::error::StoreError;
use crate::folder::{Folder, file_error};
use crate::kept::Kept;
use crate::log::scan;
use crate::options::{LOG_FAMILY, Options, ROWS_FAMILY, db_options, family_options, row_options};
use crate::store::Store;
use crate::{manifest, wal};

/// Bytes of events in one append while copying.
const COPY_BYTES: usize = 4 << 20;
/// The folder for temporary files beside the copy; removed when the copy is complete.
const SCRATCH: &str = "salvage";
/// All names that a salvage creates in its folder.
const PART_NAMES: [&str; 4] = ["db", "kept", "kept.part", SCRATCH];

/// Opens the log alone, read-only; the files of the rows are not read. RocksDB's own log goes to
/// `scratch`, so that nothing is written into the database's folder.
pub(crate) fn open_log(
    database: &Path,
    options: &Options,
    scratch: &Path,
) -> Result<DB, rocksdb::Error> {
    let family = family_options(options);
    open_read_only(database, scratch, &family, rocksdb::Options::default())
}

/// The same without caches and filters, and skipping tables that cannot be opened. A skipped table of the
/// log is noticed because its events are missing.
fn open_bare_log(database: &Path, scratch: &Path) -> Result<DB, rocksdb::Error> {
    let mut lenient = rocksdb::Options::default();
    lenient.set_paranoid_checks(false);
    open_read_only(database, scratch, &rocksdb::Options::default(), lenient)
}

fn open_read_only(
    database: &Path,
    scratch: &Path,
    family: &rocksdb::Options,
    mut options: rocksdb::Options,
) -> Result<DB, rocksdb::Error> {
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    options.set_db_log_dir(scratch);
    let families = [rocksdb::DEFAULT_COLUMN_FAMILY_NAME, LOG_FAMILY]
        .map(|name| ColumnFamilyDescriptor::new(name, family.clone()));
    DB::open_cf_descriptors_read_only(&options, database, families, false)
}

/// Removes the rows of a database that does not open because of them. Reads the log to its end first, so
/// that rows are removed only when they can be made again.
pub(crate) fn discard_rows(database: &Path, options: &Options) -> Result<(), StoreError> {
    let mut lenient = db_options()?;
    // Unreadable tables are no error until something reads them.
    lenient.set_paranoid_checks(false);
    let mut log = family_options(options);
    let mut rows = row_options(&log);
    log.set_disable_auto_compactions(true);
    rows.set_disable_auto_compactions(true);
    let families = [
        (rocksdb::DEFAULT_COLUMN_FAMILY_NAME, log.clone()),
        (LOG_FAMILY, log),
        (ROWS_FAMILY, rows),
    ]
    .map(|(name, options)| ColumnFamilyDescriptor::new(name, options));
    let attempt = StoreError::rocks("open the database without its rows");
    let db = DB::open_cf_descriptors(&lenient, database, families).map_err(attempt)?;
    scan::<StoreError>(&db, 0, |_, _| Ok(ControlFlow::Continue(())))?;
    // The next open creates the family again, empty.
    db.drop_cf(ROWS_FAMILY).map_err(StoreError::rocks("clear the rows"))
}

/// Makes a new data folder `into` with the log of the folder `from` and without rows. Returns the
/// number of events. Changes nothing in `from` and reads none of its rows. If the database's list of
/// files is damaged, the log is read from the files that are there.
///
/// # Errors
/// When `into` exists, when another process has `from`, and when the log cannot be read up to the
/// number of events that the kept file says were synced.
pub fn salvage(from: &Path, into: &Path, options: &Options) -> Result<Seq, StoreError> {
    let _locked = Folder::lock(from)?;
    let kept =
        Kept::read(from)?.ok_or_else(|| StoreError::KeptMissing { path: Kept::path(from) })?;
    // Removes a slash at the end.
    let into = &into.components().collect::<PathBuf>();
    if fs::symlink_metadata(into).is_ok() {
        return Err(StoreError::Taken { path: into.to_owned() });
    }
    if is_inside(into, from) {
        return Err(StoreError::Inside { path: into.to_owned(), folder: from.to_owned() });
    }
    // Make it as `INTO.part` and rename it at the end, so that `into` is always complete.
    let mut part = into.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    if fs::canonicalize(&part)
        .is_ok_and(|part| fs::canonicalize(from).is_ok_and(|from| part == from))
    {
        return Err(StoreError::Taken { path: part });
    }
    remove_part(&part)?;
    let scratch = part.join(SCRATCH);
    let copied = match Store::create(&part, options, kept.log) {
        // Another salvage has just begun there: do not remove its folder.
        Err(error @ StoreError::Locked { .. }) => return Err(error),
        created => created.and_then(|store| copy(from, &kept, store, &scratch, options)),
    };
    let done = copied.and_then(|size| {
        fs::remove_dir_all(&scratch).map_err(file_error("remove", &scratch))?;
        fs::rename(&part, into).map_err(file_error("name", into))?;
        let around = into.parent().filter(|path| !path.as_os_str().is_empty());
        let around = around.unwrap_or(Path::new("."));
        let synced = File::open(around).and_then(|folder| folder.sync_all());
        synced.map_err(file_error("sync", around))?;
        Ok(size)
    });
    if done.is_err() {
        let _ = fs::remove_dir_all(&part); // an incomplete copy is of no use
    }
    done
}

/// Whether a path that does not exist yet would be inside a folder, links resolved.
fn is_inside(path: &Path, folder: &Path) -> bool {
    let Ok(folder) = fs::canonicalize(folder) else { return false };
    let mut around = path.ancestors().skip(1);
    let there = around.find_map(|around| {
        let around = if around.as_os_str().is_empty() { Path::new(".") } else { around };
        fs::canonicalize(around).ok()
    });
    there.is_some_and(|around| around.starts_with(folder))
}

/// Removes what a killed salvage left. Refuses a folder that is locked (such as the source), or that
/// something else than a salvage may have written.
fn remove_part(part: &Path) -> Result<(), StoreError> {
    let _locked = match Folder::lock(part) {
        Err(StoreError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(());
        }
        locked => locked?,
    };
    let taken = || StoreError::Taken { path: part.to_owned() };
    let entries = fs::read_dir(part).map_err(file_error("look into", part))?;
    let names = entries.map(|entry| entry.map(|entry| entry.file_name()));
    let names: Vec<_> = names.collect::<Result<_, _>>().map_err(file_error("look into", part))?;
    let is_ours = |name: &OsString| PART_NAMES.iter().any(|ours| name == *ours);
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    // A salvage writes the kept file while its temporary folder is still there. A kept file without the
    // temporary folder means a complete data folder.
    if !names.iter().all(is_ours) || (has("kept") && !has(SCRATCH)) {
        return Err(taken());
    }
    fs::remove_dir_all(part).map_err(file_error("remove", part))
}

fn copy(
    from: &Path,
    kept: &Kept,
    store: Store,
    scratch: &Path,
    options: &Options,
) -> Result<Seq, StoreError> {
    let database = from.join("db");
    fs::create_dir(scratch).map_err(file_error("create", scratch))?;
    if let Some(torn) = wal::look(&database, Some(kept))? {
        // The end must be cut as at a normal start, but in a copy, not in the original.
        if torn.needs_cutting {
            return copy_repaired(&database, scratch, Some(&torn), kept, &store);
        }
    }
    let listed = manifest::look(&database, Some(kept)).is_ok_and(|torn| torn.is_none());
    let listed = listed.then(|| open_log(&database, options, scratch).ok()).flatten();
    let failed = match listed.map(|log| copy_events(&log, kept, &store)) {
        Some(Ok(size)) => return Ok(size),
        Some(Err(error)) => Some(error),
        None => None,
    };
    // The list of files cannot be used: make a new list in a copy of the folder.
    let repaired = copy_repaired(&database, scratch, None, kept, &store);
    repaired.map_err(|error| failed.unwrap_or(error))
}

/// Copies the events from a copy of the files, for which RocksDB makes a new list by reading each file.
/// Tables that were compacted but not deleted yet only repeat the same events.
fn copy_repaired(
    database: &Path,
    scratch: &Path,
    torn: Option<&wal::Torn>,
    kept: &Kept,
    store: &Store,
) -> Result<Seq, StoreError> {
    let copy = scratch.join("db");
    fs::create_dir(&copy).map_err(file_error("create", &copy))?;
    let entries = fs::read_dir(database).map_err(file_error("look into", database))?;
    for entry in entries {
        let path = entry.map_err(file_error("look into", database))?.path();
        let Some(name) = path.file_name() else { continue };
        let extension = path.extension().and_then(|extension| extension.to_str());
        let linked = match extension {
            // Tables never change, so a hard link is as good as a copy.
            Some("sst") => fs::hard_link(&path, copy.join(name))
                .or_else(|_| fs::copy(&path, copy.join(name)).map(|_| ())),
            Some("log") => fs::copy(&path, copy.join(name)).map(|_| ()),
            _ => continue,
        };
        linked.map_err(file_error("copy", &path))?;
    }
    if let Some(torn) = torn {
        torn.cut(&copy)?;
    }
    let mut repair = rocksdb::Options::default();
    repair.set_db_log_dir(scratch);
    repair.create_if_missing(true);
    let repaired = DB::repair(&repair, &copy);
    repaired.map_err(StoreError::rocks("list the database's files anew"))?;
    let log = open_bare_log(&copy, scratch);
    copy_events(&log.map_err(StoreError::rocks("open the log alone"))?, kept, store)
}

/// Copies all events in order; a gap is an error.
fn copy_events(log: &DB, kept: &Kept, store: &Store) -> Result<Seq, StoreError> {
    let mut events: Vec<(Seq, Vec<u8>)> = vec![];
    let (mut size, mut bytes) = (0, 0);
    scan::<StoreError>(log, 0, |seq, event| {
        events.push((seq, event.to_vec()));
        bytes += event.len();
        size = seq + 1;
        if bytes >= COPY_BYTES {
            store.append(&events, false)?;
            events.clear();
            bytes = 0;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    store.append(&events, false)?;
    if size < kept.size {
        return Err(StoreError::Truncated { found: size, kept: kept.size });
    }
    store.flush(true)?;
    store.sync()?;
    store.keep(size, kept.alive, kept.checkpoint.clone())?;
    Ok(size)
}

#[cfg(test)]
mod tests {
    use event::{LogId, Timestamp};

    use super::*;
    use crate::key;
    use crate::rows::{ReadRows, RowChanges};

    const EVENTS: Seq = 150;

    /// A log with rows, most of both in tables and some events in the write-ahead log alone, as a
    /// killed process leaves it.
    fn killed(folder: &Path) -> PathBuf {
        let live = folder.join("live");
        let store = Store::open(&live, &Options::default(), 7).unwrap();
        store.keep(0, Timestamp(0), None).unwrap();
        for seq in 0..EVENTS {
            let text = format!("event {seq}").repeat(20);
            store.append(&[(seq, text.clone().into_bytes())], seq % 3 > 0).unwrap();
            let rows: RowChanges = [(key::operation(seq), Some(text.into_bytes()))].into();
            store.publish(&rows, seq + 1, 1).unwrap();
            if seq % 60 == 59 {
                store.flush(true).unwrap();
            }
        }
        store.sync().unwrap();
        store.keep(EVENTS, Timestamp(9), None).unwrap();
        let left = folder.join("left");
        fs::create_dir_all(left.join("db")).unwrap();
        let files = store.db.live_files().unwrap().into_iter();
        let listed = files.map(|file| format!("{} {}\n", file.column_family_name, file.name));
        fs::write(left.join("db/tables.txt"), listed.collect::<String>()).unwrap();
        fs::copy(live.join("kept"), left.join("kept")).unwrap();
        for entry in fs::read_dir(live.join("db")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), left.join("db").join(entry.file_name())).unwrap();
        }
        left
    }

    /// The tables of a family, as the database said before it was killed.
    fn tables(data: &Path, family: &str) -> Vec<PathBuf> {
        let listed = fs::read_to_string(data.join("db/tables.txt")).unwrap();
        let named = listed.lines().filter_map(|line| line.strip_prefix(family));
        named.map(|name| data.join("db").join(name.trim_start_matches([' ', '/']))).collect()
    }

    fn events(store: &Store) -> Seq {
        let mut next = 0;
        store
            .scan_log(0, |seq, bytes| {
                assert_eq!(bytes, format!("event {seq}").repeat(20).as_bytes());
                next = seq + 1;
                Ok::<_, StoreError>(ControlFlow::Continue(()))
            })
            .unwrap();
        next
    }

    #[test]
    fn a_new_folder_is_made_of_the_log_whatever_else_is_damaged() {
        let check = |harm: &dyn Fn(&Path), what: &str| {
            let folder = tempfile::tempdir().unwrap();
            let left = killed(folder.path());
            harm(&left);
            let into = folder.path().join("new");
            assert_eq!(salvage(&left, &into, &Options::default()).unwrap(), EVENTS, "{what}");
            let store = Store::open_existing(&into, &Options::default()).unwrap();
            assert_eq!((events(&store), store.log_id()), (EVENTS, LogId::from_random(7)), "{what}");
            assert_eq!(store.last_alive(), Some(Timestamp(9)));
            assert_eq!(store.snapshot().watermark().unwrap(), None);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "no scraps: {what}");
            assert_eq!(fs::read_dir(&into).unwrap().count(), 2, "the database and the kept file");
        };
        check(&|_| (), "nothing");
        check(&|data| fs::remove_file(data.join("db/CURRENT")).unwrap(), "no CURRENT");
        let list = |data: &Path| {
            let current = fs::read_to_string(data.join("db/CURRENT")).unwrap();
            data.join("db").join(current.trim_end())
        };
        check(&|data| fs::remove_file(list(data)).unwrap(), "no list");
        check(&|data| fs::write(list(data), "x").unwrap(), "a list of something else");
        let rows = |data: &Path| tables(data, ROWS_FAMILY);
        check(&|data| fs::remove_file(&rows(data)[0]).unwrap(), "a table of rows is gone");
        check(&|data| fs::write(&rows(data)[0], "").unwrap(), "an empty table of rows");
        check(
            &|data| {
                fs::remove_file(list(data)).unwrap();
                fs::write(&rows(data)[0], "x").unwrap();
            },
            "both",
        );
    }

    /// RocksDB would open what is left as an older list, and remove the tables that it does not name.
    #[test]
    fn a_list_of_files_without_its_end_is_refused_before_anything_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let left = killed(folder.path());
        let current = fs::read_to_string(left.join("db/CURRENT")).unwrap();
        let list = left.join("db").join(current.trim_end());
        let whole = fs::read(&list).unwrap();
        let names = || {
            let entries = fs::read_dir(left.join("db")).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            names.retain(|name| name.to_str().unwrap().ends_with(['t', 'g']));
            names.sort();
            names
        };
        let before = names();
        assert!(before.len() > 4, "{before:?}");
        for bytes in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
            fs::write(&list, &whole[..bytes]).unwrap();
            let Err(error) = Store::open_existing(&left, &Options::default()) else {
                panic!("{bytes} of {} bytes were opened", whole.len());
            };
            assert!(error.to_string().contains("--into NEW"), "{bytes}: {error}");
            assert_eq!(names(), before, "{bytes}");
        }
        // Nor does an older list with its name count.
        fs::write(&list, &whole).unwrap();
        let mut kept = Kept::read(&left).unwrap().unwrap();
        let manifest = kept.manifest.unwrap();
        assert_eq!(manifest.bytes, whole.len() as u64);
        let newer = manifest::Manifest { number: manifest.number + 1, bytes: 1 };
        Kept { manifest: Some(newer), ..kept.clone() }.write(&left).unwrap();
        assert!(Store::open_existing(&left, &Options::default()).is_err());
        // Where nothing was known of the list, the files still say more than it does.
        kept.manifest = None;
        kept.write(&left).unwrap();
        for (turn, bytes) in (whole.len() / 3..whole.len()).step_by(97).enumerate() {
            fs::write(&list, &whole[..bytes]).unwrap();
            let into = folder.path().join(format!("new-{turn}"));
            assert_eq!(salvage(&left, &into, &Options::default()).unwrap(), EVENTS, "{bytes}");
        }
    }

    /// A start makes a new list, and a kept file that names it, before anything is recorded.
    #[test]
    fn the_list_that_an_opening_begins_is_kept_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let left = killed(folder.path());
        let before = Kept::read(&left).unwrap().unwrap();
        let store = Store::open_existing(&left, &Options::default()).unwrap();
        let after = Kept::read(&left).unwrap().unwrap();
        assert!(after.manifest.unwrap().number > before.manifest.unwrap().number);
        assert_eq!(Kept { manifest: before.manifest, ..after }, before, "nothing else");
        store.flush(true).unwrap();
        store.append(&[(EVENTS, vec![1])], true).unwrap();
        store.flush(true).unwrap();
        store.keep(EVENTS + 1, Timestamp(10), None).unwrap();
        let grown = Kept::read(&left).unwrap().unwrap().manifest.unwrap();
        assert_eq!(grown.number, after.manifest.unwrap().number);
        assert!(grown.bytes > after.manifest.unwrap().bytes);
    }

    #[test]
    fn a_log_that_is_not_whole_makes_no_folder() {
        let check = |harm: &dyn Fn(&Path), expected: &str| {
            let folder = tempfile::tempdir().unwrap();
            let left = killed(folder.path());
            harm(&left);
            let into = folder.path().join("new");
            let error = salvage(&left, &into, &Options::default()).unwrap_err();
            let words = crate::with_causes(&error);
            assert!(words.contains(expected), "{expected}: {words}");
            assert!(!into.exists() && !folder.path().join("new.part").exists());
        };
        let log = |data: &Path| tables(data, LOG_FAMILY);
        let list = |data: &Path| {
            let current = fs::read_to_string(data.join("db/CURRENT")).unwrap();
            data.join("db").join(current.trim_end())
        };
        check(&|data| fs::remove_file(&log(data)[0]).unwrap(), "the log is damaged");
        check(
            &|data| {
                fs::remove_file(&log(data)[0]).unwrap();
                fs::remove_file(list(data)).unwrap();
            },
            "the log is damaged",
        );
        check(
            &|data| {
                let mut bytes = fs::read(&log(data)[0]).unwrap();
                bytes[100] ^= 1;
                fs::write(&log(data)[0], bytes).unwrap();
            },
            "the log is damaged",
        );
        check(&|data| fs::remove_file(data.join("kept")).unwrap(), "kept");
        check(
            &|data| {
                for path in wal::files(&data.join("db")).unwrap() {
                    fs::remove_file(path).unwrap();
                }
            },
            "the log is damaged: it ends after 120 events, but 150 were synced",
        );

        let folder = tempfile::tempdir().unwrap();
        let left = killed(folder.path());
        let error = salvage(&left, &left, &Options::default()).unwrap_err();
        assert!(matches!(error, StoreError::Taken { .. }), "{error}");
    }

    #[test]
    fn a_new_folder_is_no_part_of_the_old_one_and_takes_nobodys_place() {
        let folder = tempfile::tempdir().unwrap();
        let left = killed(folder.path());
        std::os::unix::fs::symlink(&left, folder.path().join("link")).unwrap();
        for inside in ["left/new", "left/db/new", "left/a/b/new", "link/new"] {
            let into = folder.path().join(inside);
            let error = salvage(&left, &into, &Options::default()).unwrap_err();
            assert!(matches!(error, StoreError::Inside { .. }), "{inside}: {error}");
            assert!(!into.exists() && !left.join("a").exists());
        }
        // A folder of that name is not ours to remove, unless a run that was killed left it.
        let into = folder.path().join("new");
        let part = folder.path().join("new.part");
        fs::create_dir(&part).unwrap();
        fs::write(part.join("letter.txt"), "x").unwrap();
        let refused = |what: &str| {
            let error = salvage(&left, &into, &Options::default()).unwrap_err();
            assert!(error.to_string().contains("new.part exists already"), "{what}: {error}");
        };
        refused("a letter");
        fs::rename(part.join("letter.txt"), part.join("kept")).unwrap();
        fs::create_dir(part.join("db")).unwrap();
        refused("a whole data folder");
        assert!(part.join("kept").exists() && part.join("db").exists());
        fs::create_dir(part.join("salvage")).unwrap();
        let into = PathBuf::from(format!("{}/", into.display()));
        assert_eq!(salvage(&left, &into, &Options::default()).unwrap(), EVENTS);
        assert!(into.join("kept").exists() && !folder.path().join("new.part").exists());
    }

    /// The folder in which the new one is made has the name of the old one, or is where another run is at
    /// work: both are locked, and locked by nobody else.
    #[test]
    fn a_folder_that_is_in_use_is_not_removed_whatever_its_name_is() {
        let folder = tempfile::tempdir().unwrap();
        let left = killed(folder.path());
        let named = folder.path().join("new.part");
        fs::rename(&left, &named).unwrap();
        let into = folder.path().join("new");
        let size = || Store::open_existing(&named, &Options::default()).map(|store| events(&store));
        for scratch in [false, true] {
            // Whatever else it may look like.
            if scratch {
                fs::create_dir(named.join("salvage")).unwrap();
            }
            let error = salvage(&named, &into, &Options::default()).unwrap_err();
            assert!(matches!(error, StoreError::Taken { .. }), "{error}");
            assert_eq!(size().unwrap(), EVENTS);
        }
        fs::remove_dir(named.join("salvage")).unwrap();
        std::os::unix::fs::symlink(&named, folder.path().join("other.part")).unwrap();
        let error = salvage(&named, &folder.path().join("other"), &Options::default()).unwrap_err();
        assert!(matches!(error, StoreError::Taken { .. }), "{error}");
        assert_eq!(size().unwrap(), EVENTS);
        // A folder with the same database by a link has it too.
        let linked = folder.path().join("linked.part");
        fs::create_dir(&linked).unwrap();
        std::os::unix::fs::symlink(named.join("db"), linked.join("db")).unwrap();
        let error =
            salvage(&named, &folder.path().join("linked"), &Options::default()).unwrap_err();
        assert!(matches!(error, StoreError::Locked { .. }), "{error}");
        assert_eq!(size().unwrap(), EVENTS);

        let second = folder.path().join("second");
        fs::create_dir(&second).unwrap();
        let second = killed(&second);
        let at_work = Store::create(
            &folder.path().join("third.part"),
            &Options::default(),
            LogId::from_random(9),
        );
        let at_work = at_work.unwrap();
        fs::create_dir(folder.path().join("third.part/salvage")).unwrap();
        let third = folder.path().join("third");
        let error = salvage(&second, &third, &Options::default()).unwrap_err();
        assert!(matches!(error, StoreError::Locked { .. }), "{error}");
        at_work.append(&[(0, vec![1])], true).unwrap();
        drop(at_work);
        assert_eq!(salvage(&second, &third, &Options::default()).unwrap(), EVENTS);
    }

    #[test]
    fn rows_that_cannot_be_opened_are_told_from_the_log_and_given_up() {
        let check = |harm: &dyn Fn(&Path)| {
            let folder = tempfile::tempdir().unwrap();
            let left = killed(folder.path());
            harm(&tables(&left, ROWS_FAMILY)[0]);
            let Err(error) = Store::open_existing(&left, &Options::default()) else {
                panic!("it opened")
            };
            assert!(matches!(error, StoreError::RowsUnreadable { .. }), "{error:?}");
            assert!(error.to_string().contains("`provlog rebuild --data DIR`"), "{error}");
            let (store, damage) = Store::open_for_rebuild(&left, &Options::default()).unwrap();
            assert!(matches!(damage, Some(StoreError::RowsUnreadable { .. })));
            assert_eq!(events(&store), EVENTS);
            assert_eq!(store.snapshot().watermark().unwrap(), None);
            drop(store);
            assert_eq!(events(&Store::open_existing(&left, &Options::default()).unwrap()), EVENTS);
        };
        check(&|table| fs::remove_file(table).unwrap());
        check(&|table| fs::write(table, "").unwrap());
        check(&|table| {
            let bytes = fs::read(table).unwrap();
            fs::write(table, &bytes[..bytes.len() - 1]).unwrap();
        });
    }

    #[test]
    fn a_row_that_is_needed_and_one_that_is_only_looked_at_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let left = killed(folder.path());
        for table in tables(&left, ROWS_FAMILY) {
            let mut bytes = fs::read(&table).unwrap();
            bytes[100] ^= 1;
            fs::write(&table, bytes).unwrap();
        }
        let store = Store::open_existing(&left, &Options::default()).unwrap();
        assert_eq!(
            store.scrub_log(0, EVENTS, usize::MAX, |_, _| Ok::<_, StoreError>(())).unwrap(),
            EVENTS
        );
        let error = store.scrub_rows(&[], usize::MAX).unwrap_err();
        assert!(matches!(error, StoreError::RowsUnreadable { .. }), "{error}");
        assert!(!store.needs_rebuild());
        store.snapshot().get(&key::operation(3)).unwrap_err();
        assert!(store.needs_rebuild());
        let damage = store.damage();
        assert!(damage.rows.is_some_and(|words| words.contains("rows are damaged")));
        assert_eq!(damage.log, None);
    }

    #[test]
    fn a_scrub_goes_on_where_it_stopped_and_names_a_missing_event() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_existing(&killed(folder.path()), &Options::default()).unwrap();
        let (mut next, mut pieces) = (0, 0);
        while next < EVENTS {
            next = store.scrub_log(next, EVENTS, 5_000, |_, _| Ok::<_, StoreError>(())).unwrap();
            pieces += 1;
        }
        assert!(pieces > 5, "{pieces}");
        let error = store.scrub_log(0, EVENTS + 1, usize::MAX, |_, _| Ok::<_, StoreError>(()));
        assert!(matches!(error, Err(StoreError::Gap { expected: EVENTS })));
        let (mut from, mut seen) = (vec![], 0);
        loop {
            let (next, rows, _) = store.scrub_rows(&from, 5_000).unwrap();
            seen += rows;
            let Some(next) = next else { break };
            assert!(next > from);
            from = next;
        }
        assert!(seen > 0);
    }
}
