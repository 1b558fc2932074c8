//! Opens the data folder, and refuses a damaged one. Also writes the kept file.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use event::{LogId, Seq, Timestamp};
use rocksdb::{ColumnFamilyDescriptor, DB};

use crate::damage::Found;
use crate::error::{StoreError, is_hindered, is_rocksdb_hindered};
use crate::folder::{Folder, file_error};
use crate::format::{self, FORMAT_KEY};
use crate::kept::{self, Kept};
use crate::log::scan;
use crate::manifest::{self, Manifest};
use crate::options::{LOG_FAMILY, Options, ROWS_FAMILY, db_options, family_options, row_options};
use crate::salvage;
use crate::store::Store;
use crate::wal;

impl Store {
    /// Opens the log in `folder`, or makes one there with an id of `random` bits. Repairs nothing; the
    /// rows may end before the log does.
    ///
    /// # Errors
    /// When another process has the folder, when its format is not the one this program reads, and when
    /// the log is damaged, shorter than the kept file says, or another one.
    pub fn open(folder: &Path, options: &Options, random: u64) -> Result<Store, StoreError> {
        Store::open_with(folder, options, random, true)
    }

    /// Makes a log with this id in a new folder.
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
            // Opening would create a new database and delete the tables that are there. A first start
            // that was killed leaves none.
            if holds_tables(&path) {
                let source = "its file CURRENT is missing".into();
                return Err(StoreError::DatabaseDamaged { folder: folder.to_owned(), source });
            }
            if let Some(kept) = &kept {
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
        // Check both before cutting anything.
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
            last_alive: kept.as_ref().map(|kept| kept.alive),
            kept: Mutex::new(kept.clone()),
            torn_end,
            found: Found::default(),
            parts: OnceLock::new(),
            appended: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            rows_read: AtomicU64::new(0),
            rows_written: AtomicU64::new(0),
            folder: locked,
        };
        let size = store.log_size()?;
        // RocksDB wrote all recovered events into tables, and synced those.
        store.appended.store(size, Ordering::Relaxed);
        store.synced.store(size, Ordering::Relaxed);
        let damaged = |source| StoreError::DatabaseDamaged { folder: folder.to_owned(), source };
        let record = store.db.get(FORMAT_KEY).map_err(|source| damaged(source.into()))?;
        match record {
            Some(record) => store.log = format::decode(&record)?,
            None => match &kept {
                Some(kept) => return Err(StoreError::LogMissing { kept: kept.log }),
                None if size > 0 => {
                    return Err(damaged("its format record is missing".into()));
                }
                None => store.write_format()?,
            },
        }
        match &kept {
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

    /// Opens a log that must already exist.
    ///
    /// # Errors
    /// As [`Store::open`], and [`StoreError::NoLog`].
    pub fn open_existing(folder: &Path, options: &Options) -> Result<Store, StoreError> {
        Store::check_existing(folder)?;
        Store::open(folder, options, 0)
    }

    /// Opens a log whose rows are to be made again. If the database does not open because of damaged
    /// rows, the rows are removed and that error is returned beside the store. Automatic compaction is
    /// off, so that it cannot run into damage during the rebuild.
    ///
    /// # Errors
    /// As [`Store::open_existing`]; and when rows would be removed but the log cannot be read to its end.
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

    /// Replaces the kept file: `size` events are synced, the recorder was running at `alive`, and
    /// `checkpoint` is the last one that was signed. When this returns, the file survives a loss of power.
    ///
    /// # Errors
    /// When the file cannot be written; the old one then stays. And [`StoreError::NotAlone`] when the
    /// folder was moved, or the file is not what this process wrote last: then another process writes
    /// there too, and this one must stop.
    pub fn keep(
        &self,
        size: Seq,
        alive: Timestamp,
        checkpoint: Option<String>,
    ) -> Result<(), StoreError> {
        self.folder.check()?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match Kept::read(self.folder.path()) {
            Ok(found) if found == *kept => {}
            Err(StoreError::File { attempt, path, source }) if is_hindered(&source) => {
                return Err(StoreError::File { attempt, path, source });
            }
            Ok(_) | Err(_) => return Err(self.folder.not_alone()),
        }
        let manifest = Some(self.manifest(kept.as_ref().and_then(|kept| kept.manifest))?);
        let boot = kept::boot_id();
        let next = Kept { log: self.log, size, alive, boot, manifest, checkpoint };
        self.write_kept(next, &mut kept)
    }

    /// The last signed checkpoint that the kept file has.
    pub fn kept_checkpoint(&self) -> Option<String> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref()?.checkpoint.clone()
    }

    /// Updates only the list of files in the kept file, because opening begins a new list.
    fn keep_manifest(&self) -> Result<(), StoreError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(before) = kept.clone() else { return Ok(()) };
        let manifest = Some(self.manifest(before.manifest)?);
        self.write_kept(Kept { manifest, ..before }, &mut kept)
    }

    fn write_kept(&self, next: Kept, kept: &mut Option<Kept>) -> Result<(), StoreError> {
        let written = next.write(self.folder.path());
        // After an error the new file may be in place all the same, though perhaps not synced.
        let is_there = written.is_ok()
            || Kept::read(self.folder.path()).is_ok_and(|found| found.as_ref() == Some(&next));
        if is_there {
            *kept = Some(next);
        }
        written
    }

    fn manifest(&self, known: Option<Manifest>) -> Result<Manifest, StoreError> {
        let database = self.folder.path().join("db");
        manifest::synced(&database, known)
            .map_err(file_error("read the list of files in", &database))
    }
}

/// Whether a folder has tables or write-ahead logs of a database.
fn holds_tables(database: &Path) -> bool {
    let Ok(entries) = fs::read_dir(database) else { return false };
    entries.filter_map(Result::ok).any(|entry| {
        let path = entry.path();
        path.extension().is_some_and(|extension| extension == "sst" || extension == "log")
    })
}

/// The error for a database that does not open. A program that does not lock the folder, such as
/// RocksDB's own tools, may have it open. Other trouble with its lock, or outside of the files (a full
/// disk), is reported in RocksDB's words. If the log alone can be read to its end, the rows are
/// damaged.
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
        // The list of files may be an old one, and RocksDB would delete the files that it lacks.
        _ => StoreError::DatabaseDamaged { folder: folder.to_owned(), source: source.into() },
    }
}

#[cfg(test)]
mod tests;
