//! Opens the folder of a log, with the options on which the promises rest, and refuses a damaged one.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use event::{LogId, Seq, Timestamp};
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, BottommostLevelCompaction, BoundColumnFamily, Cache,
    ColumnFamilyDescriptor, CompactOptions, DB, DBCompressionType, DBRecoveryMode, Env,
    FlushOptions, SliceTransform,
};

use crate::damage::Found;
use crate::error::{StoreError, is_hindered, is_rocksdb_hindered};
use crate::folder::{Folder, file_error};
use crate::format::{self, FORMAT_KEY};
use crate::kept::{self, Kept};
use crate::key;
use crate::log::scan;
use crate::manifest::{self, Manifest};
use crate::salvage;
use crate::wal::{self, TornEnd};

pub(crate) const LOG_FAMILY: &str = "log";
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
    log: LogId,
    /// What the kept file must hold as long as nobody else writes it.
    kept: Mutex<Option<Kept>>,
    last_alive: Option<Timestamp>,
    torn_end: Option<TornEnd>,
    pub(crate) found: Found,
    /// How many events were appended, and how many of them are known to be synced.
    pub(crate) appended: AtomicU64,
    pub(crate) synced: AtomicU64,
    pub(crate) rows_read: AtomicU64,
    pub(crate) rows_written: AtomicU64,
    /// Last, so that the database is closed before another process gets the folder.
    folder: Folder,
}

impl Store {
    /// Opens the log in `folder`, or makes one there with a name of `random` bits. Nothing is
    /// repaired: what the log holds is what there is, and the rows may end before it.
    ///
    /// # Errors
    /// When another process has the folder, when it was written by a newer program, and when the
    /// log is shorter than the kept file vouches for or does not belong to it.
    pub fn open(folder: &Path, options: &Options, random: u64) -> Result<Store, StoreError> {
        Store::open_with(folder, options, random, true)
    }

    /// A new log of this name, in a folder of its own.
    pub(crate) fn create(
        folder: &Path,
        options: &Options,
        log: LogId,
    ) -> Result<Store, StoreError> {
        Store::open_with(folder, options, log.get(), true)
    }

    fn open_with(
        folder: &Path,
        options: &Options,
        random: u64,
        compacts: bool,
    ) -> Result<Store, StoreError> {
        let locked = Folder::open(folder)?;
        let kept = Kept::read(folder)?;
        let path = folder.join("db");
        if !path.join("CURRENT").exists() {
            // A first start that was killed leaves no tables; whoever opened a database over some
            // would have RocksDB remove them.
            if holds_tables(&path) {
                let source = "its file CURRENT is missing".into();
                return Err(StoreError::DatabaseDamaged { folder: folder.to_owned(), source });
            }
            if let Some(kept) = kept {
                return Err(StoreError::LogMissing { kept: kept.log });
            }
        }
        let torn_list = manifest::look(&path, kept.as_ref()).map_err(|source| {
            match source.downcast::<io::Error>() {
                Ok(source) if is_hindered(&source) => {
                    file_error("read the list of files in", &path)(*source)
                }
                Ok(source) => StoreError::DatabaseDamaged { folder: folder.to_owned(), source },
                Err(source) => StoreError::DatabaseDamaged { folder: folder.to_owned(), source },
            }
        })?;
        // Nothing is cut before both have been looked at.
        let torn_end = wal::check(&path, kept.as_ref())?;
        if let Some(torn) = torn_list {
            torn.cut()?;
        }

        let log_options = family_options(options);
        let row_options = row_options(&log_options);
        let families = [
            (rocksdb::DEFAULT_COLUMN_FAMILY_NAME, log_options.clone()),
            (LOG_FAMILY, log_options),
            (ROWS_FAMILY, row_options.clone()),
        ]
        .map(|(name, mut options)| {
            options.set_disable_auto_compactions(!compacts);
            ColumnFamilyDescriptor::new(name, options)
        });
        let db = DB::open_cf_descriptors(&db_options()?, &path, families)
            .map_err(|source| cannot_open(folder, options, kept.as_ref(), source))?;

        let mut store = Store {
            db,
            row_options,
            log: LogId::from_random(random),
            kept: Mutex::new(kept),
            last_alive: kept.map(|kept| kept.alive),
            torn_end,
            found: Found::default(),
            appended: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            rows_read: AtomicU64::new(0),
            rows_written: AtomicU64::new(0),
            folder: locked,
        };
        let size = store.log_size()?;
        // RocksDB has written everything that it recovered into tables, and those are synced.
        store.appended.store(size, Ordering::Relaxed);
        store.synced.store(size, Ordering::Relaxed);
        let damaged = |source| StoreError::DatabaseDamaged { folder: folder.to_owned(), source };
        let record = store.db.get(FORMAT_KEY).map_err(|source| damaged(source.into()))?;
        match record {
            Some(record) => store.log = format::decode(&record)?,
            None => match kept {
                Some(kept) => return Err(StoreError::LogMissing { kept: kept.log }),
                None if size > 0 => {
                    return Err(damaged("its format record is missing".into()));
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
                return Err(StoreError::KeptMissing { path: Kept::path(folder) });
            }
            Some(_) => store.keep_manifest()?,
            None => {}
        }
        Ok(store)
    }

    /// Opens a log that must already be there.
    ///
    /// # Errors
    /// As [`Store::open`], and [`StoreError::NoLog`].
    pub fn open_existing(folder: &Path, options: &Options) -> Result<Store, StoreError> {
        Store::check_existing(folder)?;
        Store::open(folder, options, 0)
    }

    /// The same to make the rows anew: rows that cannot be read are no obstacle. When the database
    /// does not open because of them they are given up, and the error that it was is handed out too.
    /// RocksDB does not compact by itself meanwhile, so it meets no damage in the middle of a rebuild.
    ///
    /// # Errors
    /// As [`Store::open_existing`], and when the log cannot be read whole.
    pub fn open_for_rebuild(
        folder: &Path,
        options: &Options,
    ) -> Result<(Store, Option<StoreError>), StoreError> {
        Store::check_existing(folder)?;
        match Store::open_with(folder, options, 0, false) {
            Err(damage @ StoreError::RowsUnreadable { .. }) => {
                let locked = Folder::open(folder)?;
                salvage::discard_rows(&folder.join("db"), options)?;
                drop(locked);
                Ok((Store::open_with(folder, options, 0, false)?, Some(damage)))
            }
            opened => Ok((opened?, None)),
        }
    }

    fn check_existing(folder: &Path) -> Result<(), StoreError> {
        let database = folder.join("db");
        let there = database.join("CURRENT").exists() || Kept::path(folder).exists();
        if there || holds_tables(&database) {
            Ok(())
        } else {
            Err(StoreError::NoLog { folder: folder.to_owned() })
        }
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

    /// What the end of the log may miss since the recorder that had it before ended: nothing that was
    /// known to be synced.
    pub fn torn_end(&self) -> Option<&TornEnd> {
        self.torn_end.as_ref()
    }

    /// When the recorder that had this log before was last known to run.
    pub fn last_alive(&self) -> Option<Timestamp> {
        self.last_alive
    }

    /// Replaces the kept file: `size` events are synced, and the recorder runs at `alive`.
    ///
    /// # Errors
    /// When the file cannot be written; the old one then still stands. And [`StoreError::NotAlone`]
    /// when the folder was moved, or the file is not what this process wrote last: then another one
    /// writes there too, and this one must not go on.
    pub fn keep(&self, size: Seq, alive: Timestamp) -> Result<(), StoreError> {
        self.folder.check()?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match Kept::read(self.folder.path()) {
            Ok(found) if found == *kept => {}
            Err(StoreError::File { attempt, path, source }) if is_hindered(&source) => {
                return Err(StoreError::File { attempt, path, source });
            }
            Ok(_) | Err(_) => return Err(self.folder.not_alone()),
        }
        let manifest = Some(self.manifest(kept.and_then(|kept| kept.manifest))?);
        self.write_kept(
            Kept { log: self.log, size, alive, boot: kept::boot_id(), manifest },
            &mut kept,
        )
    }

    /// Replaces the list of files that the kept file names by the one that this opening began. What else
    /// it says stays: nothing was recorded yet.
    fn keep_manifest(&self) -> Result<(), StoreError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(before) = *kept else { return Ok(()) };
        let manifest = Some(self.manifest(before.manifest)?);
        self.write_kept(Kept { manifest, ..before }, &mut kept)
    }

    fn write_kept(&self, next: Kept, kept: &mut Option<Kept>) -> Result<(), StoreError> {
        let written = next.write(self.folder.path());
        // It may stand in its place although it is not known to survive a loss of power.
        if written.is_ok() || Kept::read(self.folder.path()).is_ok_and(|found| found == Some(next))
        {
            *kept = Some(next);
        }
        written
    }

    fn manifest(&self, known: Option<Manifest>) -> Result<Manifest, StoreError> {
        let database = self.folder.path().join("db");
        manifest::synced(&database, known)
            .map_err(file_error("read the list of files in", &database))
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
        let stat = rustix::fs::statvfs(self.folder.path()).map_err(|error| {
            file_error("ask for the free space of", self.folder.path())(error.into())
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

/// Whether files of a database are there that hold more than nothing.
fn holds_tables(database: &Path) -> bool {
    let Ok(entries) = fs::read_dir(database) else { return false };
    entries.filter_map(Result::ok).any(|entry| {
        let path = entry.path();
        path.extension().is_some_and(|extension| extension == "sst" || extension == "log")
    })
}

/// Why the database does not open. Another program than ours, such as RocksDB's own tools, may have it
/// without having the folder; what else is wrong with its lock is told in RocksDB's own words, and so is
/// what lies outside of the files, such as a full disk.
/// When the log is whole without the rows, the rows are what is wrong.
fn cannot_open(
    folder: &Path,
    options: &Options,
    kept: Option<&Kept>,
    source: rocksdb::Error,
) -> StoreError {
    let words = source.to_string();
    let taken = ["Resource temporarily unavailable", "lock hold by current process"];
    if words.contains("LOCK") && taken.iter().any(|taken| words.contains(taken)) {
        return StoreError::Locked { folder: folder.to_owned() };
    }
    if words.contains("LOCK") || is_rocksdb_hindered(&source) {
        return StoreError::Rocks { attempt: "open the database", source };
    }
    let database = folder.join("db");
    let size = salvage::open_log(&database, options, &database).ok().and_then(|log| {
        let mut size = 0;
        let whole = scan::<StoreError>(&log, 0, |seq, _| {
            size = seq + 1;
            Ok(ControlFlow::Continue(()))
        });
        whole.ok().map(|()| size)
    });
    match (size, kept) {
        (Some(size), Some(kept)) if size >= kept.size => {
            StoreError::RowsUnreadable { attempt: "open their tables", source }
        }
        // Perhaps the list of the tables is an old one, and RocksDB would remove what it does not name.
        _ => StoreError::DatabaseDamaged { folder: folder.to_owned(), source: source.into() },
    }
}

/// Options of the database. Each of the first three is load-bearing: without it a killed process or
/// a loss of power leaves rows ahead of the log, or refuses to open a log that is whole.
pub(crate) fn db_options() -> Result<rocksdb::Options, StoreError> {
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

pub(crate) fn family_options(options: &Options) -> rocksdb::Options {
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
pub(crate) fn row_options(family: &rocksdb::Options) -> rocksdb::Options {
    let mut rows = family.clone();
    rows.set_prefix_extractor(SliceTransform::create(
        "provlog.scan-prefix.1",
        |key| key::scan_prefix(key).unwrap_or(key),
        Some(|key| key::scan_prefix(key).is_some()),
    ));
    rows
}

#[cfg(test)]
mod tests;
