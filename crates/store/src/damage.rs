//! Remembers what could not be read while the store was open.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{StoreError, with_causes};
use crate::options::{LOG_FAMILY, ROWS_FAMILY};
use crate::store::Store;

/// Damage found since the store was opened: the text of the first error. Kept until the next start.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Damage {
    /// Damage of the log: restore the folder from a backup.
    pub log: Option<String>,
    /// Damage of the rows: `provlog rebuild` makes them again.
    pub rows: Option<String>,
}

/// The damage, and whether it stopped a read.
#[derive(Default)]
pub(crate) struct Found {
    damage: Mutex<Damage>,
    /// A row that was needed could not be read.
    rows_needed: AtomicBool,
}

impl Store {
    /// The damage found so far.
    pub fn damage(&self) -> Damage {
        self.noted().clone()
    }

    /// Whether a row that was needed could not be read. Rows that only [`Store::scrub_rows`] read were
    /// not needed.
    pub fn needs_rebuild(&self) -> bool {
        self.found.rows_needed.load(Ordering::SeqCst)
    }

    /// Notes that an event is missing, or cannot be read or decoded.
    pub fn note_log_damage(&self, error: &dyn std::error::Error) {
        self.noted().log.get_or_insert_with(|| with_causes(error));
    }

    /// Notes that a row cannot be read, though nothing needed it yet.
    pub fn note_rows_damage(&self, error: &dyn std::error::Error) {
        self.noted().rows.get_or_insert_with(|| with_causes(error));
    }

    /// The error for a needed row that RocksDB cannot read; also notes the damage.
    pub(crate) fn rows_failed(
        &self,
        attempt: &'static str,
    ) -> impl Fn(rocksdb::Error) -> StoreError {
        move |source| {
            let error = StoreError::RowsUnreadable { attempt, source };
            self.note_rows_damage(&error);
            self.found.rows_needed.store(true, Ordering::SeqCst);
            error
        }
    }

    /// The error for an event that RocksDB cannot read; also notes the damage.
    pub(crate) fn log_failed(
        &self,
        attempt: &'static str,
    ) -> impl Fn(rocksdb::Error) -> StoreError {
        move |source| {
            let error = StoreError::LogUnreadable { attempt, source };
            self.note_log_damage(&error);
            error
        }
    }

    /// The error for a failed write. If RocksDB's words name one of its table files, it could not read
    /// that file: then this is damage of the file's family.
    pub(crate) fn write_failed(
        &self,
        attempt: &'static str,
    ) -> impl Fn(rocksdb::Error) -> StoreError {
        move |source| {
            let words = source.to_string();
            let files = self.db.live_files().unwrap_or_default();
            let named = files.iter().find(|file| words.contains(file.name.trim_start_matches('/')));
            match named.map(|file| file.column_family_name.as_str()) {
                Some(ROWS_FAMILY) => self.rows_failed(attempt)(source),
                Some(LOG_FAMILY) => self.log_failed(attempt)(source),
                Some(_) | None => StoreError::Rocks { attempt, source },
            }
        }
    }

    fn noted(&self) -> MutexGuard<'_, Damage> {
        self.found.damage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
