//! An open log with its rows: its files, and how large they are.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use event::{LogId, Timestamp};
use rocksdb::{BottommostLevelCompaction, BoundColumnFamily, CompactOptions, DB, FlushOptions};

use crate::damage::Found;
use crate::error::StoreError;
use crate::folder::{Folder, file_error};
use crate::kept::Kept;
use crate::options::{LOG_FAMILY, ROWS_FAMILY};
use crate::wal::TornEnd;

/// An open log with its rows. One process at a time has it.
pub struct Store {
    pub(crate) db: DB,
    pub(crate) row_options: rocksdb::Options,
    pub(crate) log: LogId,
    /// What the kept file must hold as long as nobody else writes it.
    pub(crate) kept: Mutex<Option<Kept>>,
    pub(crate) last_alive: Option<Timestamp>,
    pub(crate) torn_end: Option<TornEnd>,
    pub(crate) found: Found,
    /// How many events were appended, and how many of them are known to be synced.
    pub(crate) appended: AtomicU64,
    pub(crate) synced: AtomicU64,
    pub(crate) rows_read: AtomicU64,
    pub(crate) rows_written: AtomicU64,
    /// Last, so that the database is closed before another process gets the folder.
    pub(crate) folder: Folder,
}

impl Store {
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
