//! The open store: its id, flushing, and the sizes of its files.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use event::codec::{Parts, Plain};
use event::{LogId, Stopwatch, Timestamp};
use rocksdb::{BottommostLevelCompaction, BoundColumnFamily, CompactOptions, DB, FlushOptions};

use crate::damage::Found;
use crate::error::StoreError;
use crate::folder::{Folder, file_error};
use crate::kept::Kept;
use crate::key::KeyRange;
use crate::options::{LOG_FAMILY, ROWS_FAMILY};
use crate::wal::TornEnd;

/// An open log with its rows. Only one process at a time can have it open.
pub struct Store {
    pub(crate) db: DB,
    pub(crate) row_options: rocksdb::Options,
    pub(crate) log: LogId,
    /// What this process last wrote into the kept file. Something else there means another writer.
    pub(crate) kept: Mutex<Option<Kept>>,
    pub(crate) last_alive: Option<Timestamp>,
    pub(crate) torn_end: Option<TornEnd>,
    pub(crate) found: Found,
    /// How the parts of events are sealed and opened.
    pub(crate) parts: OnceLock<Arc<dyn Parts>>,
    /// How many events were appended, and how many of them are known to be synced.
    pub(crate) appended: AtomicU64,
    pub(crate) synced: AtomicU64,
    pub(crate) rows_read: AtomicU64,
    pub(crate) rows_written: AtomicU64,
    /// The last field, so that the database is closed before the folder is unlocked.
    pub(crate) folder: Folder,
}

impl Store {
    /// The log's id.
    pub fn log_id(&self) -> LogId {
        self.log
    }

    /// Seals and opens the parts of this log's events from now on. Without it they are plain. Counts once: the
    /// keys of a log do not change while it is open.
    pub fn set_parts(&self, parts: Arc<dyn Parts>) {
        // The second call changes nothing.
        let _ = self.parts.set(parts);
    }

    /// How the parts of this log's events are sealed and opened.
    pub fn parts(&self) -> &dyn Parts {
        self.parts.get().map_or(&Plain, |parts| &**parts)
    }

    /// The unfinished write that the previous process left at the end of the log, if any. What it
    /// contained is lost; it was never known to be synced.
    pub fn torn_end(&self) -> Option<&TornEnd> {
        self.torn_end.as_ref()
    }

    /// When the previous process was last known to run, from the kept file.
    pub fn last_alive(&self) -> Option<Timestamp> {
        self.last_alive
    }

    /// Writes the memtables of all families to disk, so that a restart has less to fold; with `wait`,
    /// returns only when that is done.
    ///
    /// Families are never flushed one by one: the watermark could then be on disk before the rows and
    /// events it counts.
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

    /// Free bytes on the log's disk that an unprivileged process can use.
    ///
    /// # Errors
    /// When the operating system cannot say.
    pub fn disk_free_bytes(&self) -> Result<u64, StoreError> {
        let stat = rustix::fs::statvfs(self.folder.path()).map_err(|error| {
            file_error("ask for the free space of", self.folder.path())(error.into())
        })?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Flushes, and compacts all table files completely. Takes minutes on a large log; reads and writes
    /// go on meanwhile.
    ///
    /// # Errors
    /// When RocksDB cannot flush. A failed compaction leaves the files as they were.
    pub fn compact(&self) -> Result<(), StoreError> {
        self.flush(true)?;
        let mut options = CompactOptions::default();
        options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        for family in [self.log_family(), self.rows_family()] {
            self.db.compact_range_cf_opt(&family, None::<&[u8]>, None::<&[u8]>, &options);
        }
        Ok(())
    }

    /// Rewrites the table files that hold rows of these ranges, so that nothing is left in them of rows that
    /// were removed or replaced before. Reads and writes go on meanwhile. First waits for snapshots that still
    /// show what was there, at most so long.
    ///
    /// # Errors
    /// When RocksDB cannot flush, or a snapshot lasts longer.
    pub fn purge_rows(&self, ranges: &[KeyRange], wait_max: Duration) -> Result<(), StoreError> {
        let watch = Stopwatch::start();
        let until = self.db.latest_sequence_number();
        while self.oldest_snapshot().is_some_and(|oldest| oldest < until) {
            if watch.elapsed() > wait_max {
                return Err(StoreError::SnapshotHeld { seconds: wait_max.as_secs() });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.flush(true)?;
        let mut options = CompactOptions::default();
        options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        options.set_exclusive_manual_compaction(false);
        for range in ranges {
            let (from, to) = (Some(&range.from), Some(&range.to));
            self.db.compact_range_cf_opt(&self.rows_family(), from, to, &options);
        }
        Ok(())
    }

    /// The place in the database of the oldest snapshot that is held; `None` without one.
    fn oldest_snapshot(&self) -> Option<u64> {
        let property = "rocksdb.oldest-snapshot-sequence";
        let oldest = self.db.property_int_value(property).ok().flatten()?;
        Some(oldest).filter(|oldest| *oldest > 0)
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

    /// Rows read since the store was opened: each key looked up, found or not, and each row visited by a
    /// scan. Reads that an overlay answers do not count.
    pub fn rows_read(&self) -> u64 {
        self.rows_read.load(Ordering::Relaxed)
    }

    /// Rows put or deleted by a publish since the store was opened, watermarks included.
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
        // `Store::open` opens or creates all three, and nothing else runs during `clear_rows`.
        self.db.cf_handle(name).unwrap_or_else(|| unreachable!("family {name} is always open"))
    }
}
