//! Opens the folder of a log, with the options on which the promises rest, and refuses a damaged one.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use event::{LogId, Seq, Timestamp};
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, BottommostLevelCompaction, BoundColumnFamily, Cache,
    ColumnFamilyDescriptor, CompactOptions, DB, DBCompressionType, DBRecoveryMode, Env,
    FlushOptions, SliceTransform,
};

use crate::error::StoreError;
use crate::format::{self, FORMAT_KEY};
use crate::kept::Kept;
use crate::key;

const LOG_FAMILY: &str = "log";
pub(crate) const ROWS_FAMILY: &str = "rows";

/// How the files are handled; no option changes what is stored.
#[derive(Clone, Debug)]
pub struct Options {
    /// Memory for what is not flushed yet, in each family. It bounds the work of a restart.
    pub memtable_bytes: usize,
    /// Memory for blocks that were read.
    pub cache_bytes: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { memtable_bytes: 64 << 20, cache_bytes: 64 << 20 }
    }
}

/// An open log with its rows. One process at a time has it.
pub struct Store {
    pub(crate) db: DB,
    pub(crate) row_options: rocksdb::Options,
    folder: PathBuf,
    log: LogId,
    last_alive: Option<Timestamp>,
    pub(crate) rows_read: AtomicU64,
    pub(crate) rows_written: AtomicU64,
}

impl Store {
    /// Opens the log in `folder`, or makes one there with a name of `random` bits. Nothing is
    /// repaired: what the log holds is what there is, and the rows may end before it.
    ///
    /// # Errors
    /// When another process has the folder, when it was written by a newer program, and when the
    /// log is shorter than the kept file vouches for or does not belong to it.
    pub fn open(folder: &Path, options: &Options, random: u64) -> Result<Store, StoreError> {
        let file =
            |attempt| move |source| StoreError::File { attempt, path: folder.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(file("create"))?;
        let kept = Kept::read(folder)?;
        let path = folder.join("db");
        let fresh = !path.join("CURRENT").exists();
        if let (true, Some(kept)) = (fresh, kept) {
            return Err(StoreError::LogMissing { kept: kept.log });
        }

        let family_options = family_options(options);
        let row_options = row_options(&family_options);
        let families = [
            (rocksdb::DEFAULT_COLUMN_FAMILY_NAME, family_options.clone()),
            (LOG_FAMILY, family_options),
            (ROWS_FAMILY, row_options.clone()),
        ]
        .map(|(name, options)| ColumnFamilyDescriptor::new(name, options));
        let db = DB::open_cf_descriptors(&db_options()?, &path, families).map_err(|source| {
            if source.to_string().contains("LOCK") {
                StoreError::Locked { folder: folder.to_owned(), source }
            } else {
                StoreError::Rocks { attempt: "open the database", source }
            }
        })?;

        let mut store = Store {
            db,
            row_options,
            folder: folder.to_owned(),
            log: LogId::from_random(random),
            last_alive: kept.map(|kept| kept.alive),
            rows_read: AtomicU64::new(0),
            rows_written: AtomicU64::new(0),
        };
        let size = store.log_size()?;
        let record =
            store.db.get(FORMAT_KEY).map_err(StoreError::rocks("read the format record"))?;
        match record {
            Some(record) => store.log = format::decode(&record)?,
            None => match kept {
                Some(kept) => return Err(StoreError::LogMissing { kept: kept.log }),
                None if size > 0 => {
                    return Err(StoreError::Damaged { what: "the format record".into() });
                }
                None => store.write_format()?,
            },
        }
        match kept {
            Some(kept) if kept.log != store.log => {
                return Err(StoreError::OtherLog { kept: kept.log, found: store.log });
            }
            Some(kept) if kept.size > size => {
                return Err(StoreError::Truncated { found: size, kept: kept.size });
            }
            None if size > 0 => {
                return Err(StoreError::KeptMissing { path: Kept::path(folder), found: size });
            }
            Some(_) | None => {}
        }
        Ok(store)
    }

    /// Opens a log that must already be there.
    ///
    /// # Errors
    /// As [`Store::open`], and [`StoreError::NoLog`].
    pub fn open_existing(folder: &Path, options: &Options) -> Result<Store, StoreError> {
        if !folder.join("db/CURRENT").exists() && !Kept::path(folder).exists() {
            return Err(StoreError::NoLog { folder: folder.to_owned() });
        }
        Store::open(folder, options, 0)
    }

    fn write_format(&self) -> Result<(), StoreError> {
        let mut synced = rocksdb::WriteOptions::default();
        synced.set_sync(true);
        self.db
            .put_opt(FORMAT_KEY, format::encode(self.log), &synced)
            .map_err(StoreError::rocks("write the format record"))
    }

    /// The log's name.
    pub fn log_id(&self) -> LogId {
        self.log
    }

    /// When the recorder that had this log before was last known to run.
    pub fn last_alive(&self) -> Option<Timestamp> {
        self.last_alive
    }

    /// Replaces the kept file: `size` events are synced, and the recorder runs at `alive`.
    ///
    /// # Errors
    /// When the file cannot be written; the old one then still stands.
    pub fn keep(&self, size: Seq, alive: Timestamp) -> Result<(), StoreError> {
        Kept { log: self.log, size, alive }.write(&self.folder)
    }

    /// Starts writing the memtables of all families to disk, so that a restart has less to fold.
    ///
    /// The only flush there is. One family flushed alone would put the rows' watermark ahead of
    /// rows that a crash then loses.
    ///
    /// # Errors
    /// When RocksDB cannot begin.
    pub fn flush(&self, wait: bool) -> Result<(), StoreError> {
        let mut options = FlushOptions::default();
        options.set_wait(wait);
        let default = self.family(rocksdb::DEFAULT_COLUMN_FAMILY_NAME);
        self.db
            .flush_cfs_opt(&[&default, &self.log_family(), &self.rows_family()], &options)
            .map_err(StoreError::rocks("flush"))
    }

    /// Bytes that are free on the disk of the log, for a process like this one.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub fn disk_free_bytes(&self) -> Result<u64, StoreError> {
        let stat = rustix::fs::statvfs(&self.folder).map_err(|error| StoreError::File {
            attempt: "ask for the free space of",
            path: self.folder.clone(),
            source: error.into(),
        })?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Flushes, and rewrites all table files so that they hold nothing twice and are compressed as
    /// far as they will ever be. It takes minutes on a large log, while reads and writes go on.
    ///
    /// # Errors
    /// When RocksDB cannot flush; a compaction that fails leaves the files as they were.
    pub fn compact(&self) -> Result<(), StoreError> {
        self.flush(true)?;
        let mut options = CompactOptions::default();
        options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        for family in [self.log_family(), self.rows_family()] {
            self.db.compact_range_cf_opt(&family, None::<&[u8]>, None::<&[u8]>, &options);
        }
        Ok(())
    }

    /// Bytes of all table files on disk.
    pub fn size_bytes(&self) -> u64 {
        self.log_bytes() + self.rows_bytes()
    }

    /// Bytes of the log's table files on disk.
    pub fn log_bytes(&self) -> u64 {
        self.family_bytes(LOG_FAMILY)
    }

    /// Bytes of the rows' table files on disk.
    pub fn rows_bytes(&self) -> u64 {
        self.family_bytes(ROWS_FAMILY)
    }

    fn family_bytes(&self, name: &str) -> u64 {
        let property = "rocksdb.total-sst-files-size";
        self.db.property_int_value_cf(&self.family(name), property).ok().flatten().unwrap_or(0)
    }

    /// Rows read since the store was opened: every key that was asked for, whether there or not, and
    /// every row that a scan showed. What an overlay knows without asking does not count.
    pub fn rows_read(&self) -> u64 {
        self.rows_read.load(Ordering::Relaxed)
    }

    /// Rows written since the store was opened: put or deleted by a publish, watermarks included.
    pub fn rows_written(&self) -> u64 {
        self.rows_written.load(Ordering::Relaxed)
    }

    pub(crate) fn log_family(&self) -> Arc<BoundColumnFamily<'_>> {
        self.family(LOG_FAMILY)
    }

    pub(crate) fn rows_family(&self) -> Arc<BoundColumnFamily<'_>> {
        self.family(ROWS_FAMILY)
    }

    fn family(&self, name: &str) -> Arc<BoundColumnFamily<'_>> {
        // All three are opened or created above, and `clear_rows` runs with nobody else around.
        self.db.cf_handle(name).unwrap_or_else(|| unreachable!("family {name} is always open"))
    }
}

/// Options of the database. Each of the first three is load-bearing: without it a killed process or
/// a loss of power leaves rows ahead of the log, or refuses to open a log that is whole.
fn db_options() -> Result<rocksdb::Options, StoreError> {
    let mut options = rocksdb::Options::default();
    // Rows and log go to disk together, so rows on disk never stand on events that are lost.
    options.set_atomic_flush(true);
    // A torn last record is what a crash leaves; everything before it counts. Damage further up
    // would cut the log silently too: that is what the kept file notices.
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    // Left at their defaults on purpose: pipelined and unordered writes, manual WAL flush, WAL
    // recycling, avoiding flushes during recovery. Each breaks one of the two lines above.
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_max_background_jobs(2);
    options.set_keep_log_file_num(4);
    options.set_max_total_wal_size(512 << 20);
    // Compaction can wait; whoever wants an answer should not.
    let mut env = Env::new().map_err(StoreError::rocks("start the database's threads"))?;
    env.lower_thread_pool_cpu_priority();
    options.set_env(&env);
    Ok(options)
}

fn family_options(options: &Options) -> rocksdb::Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(&Cache::new_lru_cache(options.cache_bytes));
    // Smaller ones were tried: rows that are read here and there were found no sooner.
    table.set_block_size(16 << 10);
    table.set_bloom_filter(10.0, false);
    // Index and filter of a large table are in pieces: whole they would be larger than a shard of the
    // cache, and be read again and again.
    table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    table.set_partition_filters(true);
    table.set_metadata_block_size(4 << 10);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_top_level_index_and_filter(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_format_version(5);

    let mut family = rocksdb::Options::default();
    family.set_block_based_table_factory(&table);
    family.set_write_buffer_size(options.memtable_bytes);
    family.set_compression_type(DBCompressionType::Lz4);
    family.set_bottommost_compression_type(DBCompressionType::Zstd);
    // Window and strategy as they are by default, without a dictionary; level 1 takes half the time of
    // the default and a twentieth more space.
    family.set_bottommost_compression_options(-14, 1, 0, 0, true);
    // Most lookups before a create find nothing: a filter says so without a search.
    family.set_memtable_whole_key_filtering(true);
    family.set_memtable_prefix_bloom_ratio(0.02);
    family
}

/// Rows are read in short scans that find one row, like the newest version of a resource: filters on
/// what all keys of such a scan begin with spare it the files that hold none of them.
fn row_options(family: &rocksdb::Options) -> rocksdb::Options {
    let mut rows = family.clone();
    rows.set_prefix_extractor(SliceTransform::create(
        "provlog.scan-prefix.1",
        |key| key::scan_prefix(key).unwrap_or(key),
        Some(|key| key::scan_prefix(key).is_some()),
    ));
    rows
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::ops::ControlFlow;

    use super::*;
    use crate::rows::{Direction, ReadRows, RowChanges};

    fn open(folder: &Path) -> Result<Store, StoreError> {
        Store::open(folder, &Options { memtable_bytes: 256 << 10, ..Options::default() }, 99)
    }

    fn filled(folder: &Path, count: Seq) {
        let store = open(folder).unwrap();
        for seq in 0..count {
            store.append(&[(seq, vec![seq as u8])], true).unwrap();
        }
        store.keep(count, Timestamp(7)).unwrap();
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
        check(&|folder| fs::remove_dir_all(folder.join("db")).unwrap(), "the database is gone");
        let size = |size: Seq, log: u64| {
            move |folder: &Path| {
                let log = LogId::from_random(log);
                Kept { log, size, alive: Timestamp(0) }.write(folder).unwrap();
            }
        };
        check(&size(4, 99), "ends after 3 events, but 4 were synced");
        check(&size(3, 98), "mixed up");
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
        let changes: RowChanges =
            (0..5).map(|seq| (operation(seq), Some(vec![seq as u8]))).collect();
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
        changes.insert(operation(9), None);
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
}
